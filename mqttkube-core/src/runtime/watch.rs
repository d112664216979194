//! One watch on the API server, for as long as the program runs.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{FutureExt as _, StreamExt as _};
use kube::core::ApiResource;
use kube::runtime::watcher::{self, watcher};
use kube::{Api, Client};
use tokio::sync::{Notify, mpsc};
use tokio::time::sleep;

use super::backoff::Backoff;
use super::calls::chain;
use super::guard::guarded;
use super::resolve::Place;
use super::watched::Watched;
use crate::event::{Event, Resource};
use crate::ids::WatchId;
use crate::plan::{WatchScope, WatchSpec};

/// The shortest and the longest wait before a watch that failed is started again.
const FIRST: Duration = Duration::from_millis(100);
const CAP: Duration = Duration::from_secs(5);

/// The idle timeout of kube is this much longer than the timeout that the server is asked for; whole seconds, at
/// least one.
fn seconds(timeout: Duration) -> u32 {
    u32::try_from(timeout.as_secs()).unwrap_or(u32::MAX).max(1)
}

/// What all watches share.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) events: mpsc::Sender<Event>,
    /// Rung at every answer of the API server.
    pub(super) answered: Arc<Notify>,
    /// Wakes every watch that waits because there was no answer at all: somebody has got one.
    pub(super) back: Arc<Notify>,
    pub(super) request_timeout: Duration,
    pub(super) watch_timeout: Duration,
}

pub(super) struct Watch {
    pub(super) id: WatchId,
    pub(super) spec: WatchSpec,
    pub(super) place: Place,
    /// Rung when the whole list is wanted again.
    pub(super) relist: Arc<Notify>,
    pub(super) shared: Shared,
}

impl Watch {
    /// Runs until the loop at the other end of the channel is gone.
    pub(super) async fn run(mut self) {
        let mut backoff = Backoff::new(FIRST, CAP, super::seed());
        loop {
            // An error means that the sender is gone: either the table of kinds knows the kind and its place stands,
            // or the loop has ended.
            let _ = self.place.resource.wait_for(Option::is_some).await;
            let known = self.place.resource.borrow_and_update().clone();
            let Some(resource) = known else { return };
            if self.follow(&resource, &mut backoff).await.is_err() {
                return;
            }
        }
    }

    /// Watches until the kind moves or a new list is wanted.
    async fn follow(&mut self, resource: &Resource, backoff: &mut Backoff) -> Result<(), Closed> {
        let began = Arc::new(Notify::new());
        let shared = &self.shared;
        let client = guarded(shared, &began);
        let namespace = self.spec.namespace().filter(|_| resource.namespaced);
        let resource = api_resource(resource);
        let api: Api<Watched> = match namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource),
            None => Api::all_with(client, &resource),
        };
        let mut stream = pin!(watcher(api, self.config()));
        loop {
            tokio::select! {
                biased;
                Ok(()) = self.place.resource.changed() => return Ok(()),
                () = self.relist.notified() => return Ok(()),
                () = began.notified() => self.send(Event::Watching { watch: self.id }).await?,
                next = stream.next() => {
                    // One poll of the stream may have begun a watch and read from it: that is told in this order.
                    if began.notified().now_or_never().is_some() {
                        self.send(Event::Watching { watch: self.id }).await?;
                    }
                    match next {
                        Some(Ok(event)) => self.tell(event, &resource, backoff).await?,
                        Some(Err(error)) => {
                            self.failed(&error, backoff).await?;
                            // kube lists again by itself when the stream says so, but not when the answer does.
                            if code(&error) == Some(410) {
                                return Ok(());
                            }
                        }
                        // The stream of kube never ends; if it did, it would be made again.
                        None => return Ok(()),
                    }
                }
            }
        }
    }

    fn config(&self) -> watcher::Config {
        let config = watcher::Config::default().timeout(seconds(self.shared.watch_timeout));
        match self.spec.scope() {
            WatchScope::All => config,
            WatchScope::Object(name) => config.fields(&format!("metadata.name={name}")),
            WatchScope::Selector { labels, fields } => watcher::Config {
                label_selector: labels.clone(),
                field_selector: fields.clone(),
                ..config
            },
        }
    }

    async fn tell(
        &self,
        event: watcher::Event<Watched>,
        resource: &ApiResource,
        backoff: &mut Backoff,
    ) -> Result<(), Closed> {
        let watch = self.id;
        let event = match event {
            watcher::Event::Init => Event::Listing { watch },
            watcher::Event::InitApply(object) => Event::Object {
                watch,
                object: Box::new(object.into_object(resource)),
            },
            watcher::Event::InitDone => {
                backoff.reset();
                Event::Listed { watch }
            }
            watcher::Event::Apply(object) => {
                backoff.reset();
                Event::Object {
                    watch,
                    object: Box::new(object.into_object(resource)),
                }
            }
            watcher::Event::Delete(object) => {
                backoff.reset();
                let (namespace, name) = object.into_key();
                Event::Deleted {
                    watch,
                    namespace,
                    name,
                }
            }
        };
        self.send(event).await
    }

    /// Reports the failure and waits. What happened meanwhile is found by the stream itself: it goes on from where it
    /// was, or lists again.
    async fn failed(&self, error: &watcher::Error, backoff: &mut Backoff) -> Result<(), Closed> {
        if code(error) == Some(410) {
            backoff.reset();
        }
        let wait = backoff.wait();
        match code(error) {
            // Nothing is wrong: the server has forgotten the version that the watch would go on from.
            Some(410) => tracing::debug!(watch = %self.id, "the watch is too old, listing again"),
            code => {
                let error = chain(error);
                tracing::debug!(watch = %self.id, error, ?wait, "the watch failed");
                if code == Some(404) {
                    self.place.doubt();
                }
                self.send(Event::WatchFailed {
                    watch: self.id,
                    error,
                })
                .await?;
            }
        }
        // Only without an answer: watches that are refused would wake each other.
        let back = async {
            if code(error).is_some() {
                std::future::pending::<()>().await;
            }
            self.shared.back.notified().await;
            sleep(Backoff::new(FIRST, FIRST, super::seed()).wait()).await;
        };
        tokio::select! {
            () = sleep(wait) => Ok(()),
            () = back => Ok(()),
            () = self.shared.events.closed() => Err(Closed),
        }
    }

    async fn send(&self, event: Event) -> Result<(), Closed> {
        self.shared.events.send(event).await.map_err(|_| Closed)
    }
}

/// The loop is gone.
struct Closed;

/// The code of the API server's answer, if it was one.
fn code(error: &watcher::Error) -> Option<u16> {
    use watcher::Error::{InitialListFailed, NoResourceVersion, WatchError, WatchFailed, WatchStartFailed};
    match error {
        WatchError(status)
        | InitialListFailed(kube::Error::Api(status))
        | WatchStartFailed(kube::Error::Api(status))
        | WatchFailed(kube::Error::Api(status)) => Some(status.code),
        InitialListFailed(_) | WatchStartFailed(_) | WatchFailed(_) | NoResourceVersion => None,
    }
}

fn api_resource(resource: &Resource) -> ApiResource {
    ApiResource {
        group: resource.group.clone(),
        version: resource.version.clone(),
        api_version: resource.api_version(),
        kind: resource.kind.clone(),
        plural: resource.plural.clone(),
    }
}
