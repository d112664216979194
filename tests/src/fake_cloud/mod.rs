//! A cloud inside this process: the test double of every cloud endpoint.
//!
//! It checks tokens, ends connections whose token has ended, gives a client id to the newest connection that proves it,
//! refuses what its profile does not take, and can be told to misbehave. It counts what arrives, so that a test can say
//! how much was lost, repeated or out of order. MQTT 3.1.1 and 5, plain and TLS; sessions live as long as it does.

mod clock;
mod door;
mod faults;
mod hub;
mod ledger;
mod link;
mod session;
mod takes;
mod token;

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use mqtt5::types::ReasonCode;
use mqttkube_mapping::TopicFilter;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

pub use clock::CloudClock;
pub use door::Door;
pub use faults::Verdict;
pub use ledger::{Ledger, Tally};
pub use takes::{Takes, Topics};
pub use token::{Key, Refusal, device_key};

use crate::mqtt_probe::Message;
use crate::process::tls::Identity;
use hub::{Hub, Write};

/// What a cloud is like. The default lets everybody in and takes everything.
#[derive(Clone, Debug)]
pub struct CloudOptions {
    /// Who is let in.
    pub door: Door,
    /// What is taken.
    pub takes: Takes,
    /// What time it is.
    pub clock: CloudClock,
    /// Speaks TLS with this identity.
    pub tls: Option<Identity>,
}

impl Default for CloudOptions {
    fn default() -> Self {
        Self {
            door: Door::default(),
            takes: Takes::default(),
            clock: CloudClock::now(),
            tls: None,
        }
    }
}

/// What a cloud has seen.
#[derive(Clone, Debug, Default)]
pub struct CloudCounts {
    /// CONNECTs accepted.
    pub connections: u64,
    /// Of these, those that found their session.
    pub resumed: u64,
    /// Subscriptions granted.
    pub subscribed: u64,
    /// Connections that ended because another one came with their id.
    pub takeovers: u64,
    /// CONNECTs and attachments refused, with who and why.
    pub refused: Vec<String>,
    /// Connections that were ended because their token had, and the skew with it.
    pub cut: u64,
    /// Connections that stood when their token ended.
    pub outlived: u64,
    /// The shortest time that a token had left while its connection stood, in milliseconds.
    pub least_left: Option<i64>,
    /// Tokens renewed on a connection that stood.
    pub renewed: u64,
    /// Publishes taken.
    pub published: u64,
    /// Of these, those marked as sent before.
    pub marked_duplicate: u64,
    /// Publishes refused on command.
    pub refused_publishes: u64,
    /// Deliveries sent to clients.
    pub sent: u64,
    /// Deliveries sent once more after a reconnect.
    pub sent_again: u64,
    /// Deliveries acknowledged.
    pub acknowledged: u64,
    /// Deliveries acknowledged with an error.
    pub refused_deliveries: u64,
    /// Connections that left a last will.
    pub wills: u64,
    /// Devices that a gateway has attached, in order.
    pub attached: Vec<String>,
    /// Devices that a gateway has detached, in order.
    pub detached: Vec<String>,
    /// What clients did that they must not, in words.
    pub violations: Vec<String>,
}

struct Shared {
    hub: Mutex<Hub>,
    changed: watch::Sender<u64>,
}

impl Shared {
    /// Changes the state and wakes those who wait for a change.
    fn with<T>(&self, change: impl FnOnce(&mut Hub) -> T) -> T {
        let result = self.with_quietly(change);
        self.changed.send_modify(|count| *count += 1);
        result
    }

    fn with_quietly<T>(&self, look: impl FnOnce(&mut Hub) -> T) -> T {
        look(&mut self.hub.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A cloud on 127.0.0.1. Dropping it closes the port and all connections.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use mqttkube_tests::fake_cloud::{CloudOptions, FakeCloud};
/// use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
///
/// let cloud = FakeCloud::start(CloudOptions::default()).await?;
/// let probe = Probe::connect(cloud.address(), Options::default()).await?;
/// for number in 0..3 {
///     probe.publish(&Message::new("events", number.to_string())).await?;
/// }
/// let tally = cloud.ledger().topic("events");
/// assert_eq!((tally.distinct, tally.gaps, tally.duplicates), (3, 0, 0));
/// # anyhow::Ok(()) }).unwrap();
/// ```
pub struct FakeCloud {
    address: SocketAddr,
    shared: Arc<Shared>,
    acceptor: Option<TlsAcceptor>,
    tasks: JoinSet<()>,
}

impl fmt::Debug for FakeCloud {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeCloud")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

impl FakeCloud {
    /// Starts a cloud on a free port.
    ///
    /// # Errors
    /// When no port can be bound, or the identity is none.
    pub async fn start(options: CloudOptions) -> Result<Self> {
        let acceptor = options.tls.as_ref().map(acceptor).transpose()?;
        let mut cloud = Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            shared: Arc::new(Shared {
                hub: Mutex::new(Hub::new(options)),
                changed: watch::Sender::new(0),
            }),
            acceptor,
            tasks: JoinSet::new(),
        };
        cloud.resume().await?;
        Ok(cloud)
    }

    /// Where clients connect to; the same after [`halt`](Self::halt) and [`resume`](Self::resume).
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// The clock, to be read or set.
    pub fn clock(&self) -> CloudClock {
        self.shared.with_quietly(|hub| hub.clock.clone())
    }

    /// What arrived from clients.
    pub fn ledger(&self) -> Ledger {
        self.shared.with_quietly(|hub| hub.ledger.clone())
    }

    /// What happened so far.
    pub fn counts(&self) -> CloudCounts {
        self.shared.with_quietly(|hub| hub.counts.clone())
    }

    /// Publishes a message as if a service behind the cloud did.
    pub fn publish(&self, message: &Message) {
        self.shared.with(|hub| hub.route(message, None));
    }

    /// Messages that a client has not acknowledged, whether it is there or not.
    pub fn held(&self, client: &str) -> usize {
        self.shared
            .with_quietly(|hub| hub.sessions.get(client).map_or(0, |session| session.held()))
    }

    /// Treats the next `times` publishes to topics that match `filter` like this.
    ///
    /// # Panics
    /// When the filter is none.
    pub fn when_publishing(&self, filter: &str, times: u32, verdict: Verdict) {
        let filter: TopicFilter = filter.parse().expect("a topic filter");
        self.shared.with(|hub| hub.faults.publish(filter, times, verdict));
    }

    /// Answers the next `times` CONNECTs with this reason code of MQTT 5, or what 3.1.1 has for it.
    ///
    /// # Panics
    /// When there is no such reason code.
    pub fn refuse_connections(&self, times: u32, code: u8) {
        let reason = ReasonCode::from_u8(code).expect("a reason code of MQTT 5");
        self.shared.with(|hub| hub.faults.refuse = Some((times, reason)));
    }

    /// Sends the next `times` deliveries twice, every second time marked as a repetition.
    pub fn repeat_deliveries(&self, times: u32) {
        self.shared.with(|hub| hub.faults.repeat = times);
    }

    /// Ends a client's connection without a word.
    pub fn cut(&self, client: &str) {
        self.shared.with(|hub| {
            for link in hub.links_of(client).collect::<Vec<_>>() {
                hub.end(link, Write::Drop);
            }
        });
    }

    /// Forgets all sessions, and what they hold.
    pub fn forget_sessions(&self) {
        self.shared.with(|hub| {
            hub.end_all();
            hub.sessions.clear();
        });
    }

    /// Closes the port and all connections.
    pub async fn halt(&mut self) {
        self.tasks.shutdown().await;
        self.shared.with(Hub::end_all);
    }

    /// Listens again on the same port; sessions are still there.
    ///
    /// # Errors
    /// When somebody else has the port.
    pub async fn resume(&mut self) -> Result<()> {
        let listener = TcpListener::bind(self.address).await?;
        self.address = listener.local_addr()?;
        let accepting = accept(listener, self.acceptor.clone(), self.shared.clone());
        self.tasks.spawn(accepting);
        Ok(())
    }

    /// Waits until `condition` holds. The deadline goes by the real clock, whatever tokio's does.
    ///
    /// # Panics
    /// When it does not hold in time.
    pub async fn wait(
        &self,
        deadline: Duration,
        what: &str,
        mut condition: impl FnMut(&CloudCounts, &Ledger) -> bool,
    ) {
        let end = Instant::now() + deadline;
        let mut changed = self.shared.changed.subscribe();
        while !self
            .shared
            .with_quietly(|hub| condition(&hub.counts, &hub.ledger))
        {
            let (counts, total) = (self.counts(), self.ledger().total());
            assert!(
                Instant::now() < end,
                "no {what} within {deadline:?}: {counts:?} {total:?}"
            );
            let soon = std::pin::pin!(real_pause());
            tokio::select! {
                _ = changed.changed() => {}
                () = soon => {}
            }
        }
    }
}

/// A short pause by the real clock.
async fn real_pause() {
    let slept = tokio::task::spawn_blocking(|| std::thread::sleep(Duration::from_millis(20)));
    // An error means that the runtime ends.
    let _ = slept.await;
}

async fn accept(listener: TcpListener, acceptor: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            Ok((stream, _)) = listener.accept() => {
                let (acceptor, shared) = (acceptor.clone(), shared.clone());
                connections.spawn(async move {
                    // Small packets must not wait for each other; an error means that it is closed already.
                    let _ = stream.set_nodelay(true);
                    match acceptor {
                        None => link::serve(stream, &shared).await,
                        Some(acceptor) => if let Ok(stream) = acceptor.accept(stream).await {
                            link::serve(stream, &shared).await;
                        },
                    }
                });
            }
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
        }
    }
}

fn acceptor(identity: &Identity) -> Result<TlsAcceptor> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes());
    let chain = chain.collect::<Result<Vec<_>, _>>().context("the certificate")?;
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).context("the key")?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
