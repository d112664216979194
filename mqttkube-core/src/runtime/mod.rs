//! The engine connected to a broker and a cluster.
//!
//! One loop owns the engine. Around it: the task of the MQTT session, one task per watch on the API server, one per
//! group of kinds to be looked for, one per call in flight. All of them end with [`Runtime::run`].
//!
//! The caller brings the client, the MQTT options and the stop signal. Nothing here reads the environment, exits the
//! process or installs a log subscriber.

mod answer;
mod backoff;
mod calls;
mod client;
mod diary;
mod guard;
mod handle;
mod incoming;
mod main_loop;
mod outgoing;
mod readback;
mod request;
mod resolve;
#[cfg(test)]
mod tests;
mod watch;
mod watched;

use std::fmt;
use std::future::Future;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use kube::Client;
use mqttkube_mqtt::Options;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;

pub use self::client::{ClientError, client};
pub use self::handle::{Handle, LinkStatus, Snapshot};

use self::calls::Calls;
use self::diary::Diary;
use self::incoming::Incoming;
use self::main_loop::MainLoop;
use self::outgoing::Outgoing;
use crate::engine::Engine;
use crate::event::Event;
use crate::hash::hash64;
use crate::ids::WatchId;
use crate::plan::Plan;

/// What fuzz targets reach of the inside. Not there in any other build.
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing {
    use crate::event::Request;

    /// Where a request would go, when it would go at all.
    pub fn uri(request: &Request) -> Option<http::Uri> {
        super::request::build(request, "m")
            .ok()
            .map(|request| request.uri().clone())
    }
}

/// Events of the cluster that wait for the loop. Watches read no further while it is full.
const CLUSTER_EVENTS: usize = 64;

/// Bindings, ready to run.
pub struct Runtime {
    plan: Arc<Plan>,
    client: Client,
    options: Options,
    stop: BoxFuture<'static, ()>,
    grace: Duration,
    calls_at_once: usize,
    payloads: Payloads,
    handle: Handle,
    asked: mpsc::Receiver<oneshot::Sender<Snapshot>>,
}

/// What a [`Runtime`] is made of.
#[must_use]
pub struct Builder {
    plan: Plan,
    client: Client,
    options: Options,
    stop: BoxFuture<'static, ()>,
    grace: Duration,
    calls_at_once: usize,
    payloads: Payloads,
}

/// Why a runtime ended before it was told to.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The subscriptions of the plan cannot be made. A mistake of the plan, not of the broker.
    #[error("the subscriptions cannot be made")]
    Subscribe(#[source] mqttkube_mqtt::Error),
    /// The task of the MQTT session ended although nobody closed it.
    #[error("the MQTT session ended unexpectedly")]
    SessionEnded,
}

impl Runtime {
    /// Starts to build a runtime for a plan, with the caller's client for the API server and options for the broker.
    ///
    /// A client that repeats requests by itself hides how the API server is doing; [`client`] makes one that does
    /// not.
    pub fn builder(plan: Plan, client: Client, options: Options) -> Builder {
        Builder {
            plan,
            client,
            options,
            stop: Box::pin(std::future::pending()),
            grace: Duration::from_secs(8),
            calls_at_once: 64,
            payloads: Payloads::Hidden,
        }
    }

    /// To look at the runtime while it runs.
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Runs until the stop signal, then takes nothing new, waits for the calls in flight, publishes `offline` and
    /// ends the session. What was not acknowledged stays with the broker.
    ///
    /// Neither a broker nor an API server has to be there at the start; both are waited for. Dropping the future ends
    /// everything at once, without a farewell.
    ///
    /// # Errors
    /// [`RuntimeError`]. An unreachable broker or API server is none.
    pub async fn run(self) -> Result<(), RuntimeError> {
        let (session, events) = mqttkube_mqtt::connect(self.options);
        let mut incoming = Incoming::new(session.clone(), &self.plan, self.payloads);
        incoming.subscribe(&self.plan).map_err(RuntimeError::Subscribe)?;
        let mut tasks = JoinSet::new();
        let (answered, back) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (watches, cluster) = start_cluster(&self.plan, &self.client, (&answered, &back), &mut tasks);
        let manager = self.plan.settings().field_manager.clone();
        let running = MainLoop {
            engine: Engine::new(Arc::clone(&self.plan)),
            calls: Calls::new(self.client, &manager, self.calls_at_once),
            outgoing: Outgoing::new(session.clone(), self.payloads),
            incoming,
            session,
            events,
            cluster,
            answered,
            back,
            relist: watches,
            asked: self.asked,
            grace: self.grace,
            plan: self.plan,
            diary: Diary::new(self.payloads),
            look: None,
        };
        let ended = running.run(self.stop).await;
        tasks.shutdown().await;
        ended
    }
}

impl Builder {
    /// Ends the runtime when `stop` is ready. Default: never.
    pub fn stop_when(mut self, stop: impl Future<Output = ()> + Send + 'static) -> Self {
        self.stop = Box::pin(stop);
        self
    }

    /// How long the end may take, from the stop signal to the end of the session. Default: 8 s.
    pub fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// How many requests may be on their way to the API server together, watches apart; at least 1. Default: 64.
    pub fn calls_at_once(mut self, calls: usize) -> Self {
        self.calls_at_once = calls.max(1);
        self
    }

    /// Whether logs hold payloads as text. Default: their length and hash only.
    pub fn log_payloads(mut self, shown: bool) -> Self {
        self.payloads = if shown { Payloads::Shown } else { Payloads::Hidden };
        self
    }

    /// The runtime; nothing is started yet.
    pub fn build(self) -> Runtime {
        let (handle, asked) = Handle::new();
        Runtime {
            plan: Arc::new(self.plan),
            client: self.client,
            options: self.options,
            stop: self.stop,
            grace: self.grace,
            calls_at_once: self.calls_at_once,
            payloads: self.payloads,
            handle,
            asked,
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("plan", &self.plan)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("plan", &self.plan)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

/// Starts discovery and watches. Returns the bells that make a watch list again, and what they report.
fn start_cluster(
    plan: &Plan,
    client: &Client,
    (answered, back): (&Arc<Notify>, &Arc<Notify>),
    tasks: &mut JoinSet<()>,
) -> (Vec<Arc<Notify>>, mpsc::Receiver<Event>) {
    let (events, cluster) = mpsc::channel(CLUSTER_EVENTS);
    let settings = plan.settings();
    let shared = watch::Shared {
        client: client.clone(),
        events,
        answered: Arc::clone(answered),
        back: Arc::clone(back),
        request_timeout: settings.request_timeout,
        watch_timeout: settings.watch_timeout,
    };
    let places = resolve::start(plan.kinds(), &shared, tasks);
    let mut relist = Vec::with_capacity(plan.watches().len());
    for (id, spec) in (0..).map(WatchId).zip(plan.watches()) {
        let Some(place) = places.get(spec.kind().0 as usize) else {
            continue;
        };
        let bell = Arc::new(Notify::new());
        relist.push(Arc::clone(&bell));
        let watch = watch::Watch {
            id,
            spec: spec.clone(),
            place: place.clone(),
            relist: bell,
            shared: shared.clone(),
        };
        tasks.spawn(watch.run());
    }
    (relist, cluster)
}

/// A number that differs between tasks and processes, to spread waits.
fn seed() -> u64 {
    RandomState::new().hash_one(())
}

/// How payloads appear in logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Payloads {
    /// As length and hash: enough to recognise one, not to read it.
    Hidden,
    /// As text.
    Shown,
}

impl Payloads {
    fn show(self, payload: &[u8]) -> String {
        match self {
            Self::Hidden => format!("{} bytes #{:016x}", payload.len(), hash64(&[payload])),
            Self::Shown => format!("{:?}", String::from_utf8_lossy(payload)),
        }
    }
}
