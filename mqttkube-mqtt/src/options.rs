//! What a session needs to know, checked before anything connects.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::credentials::Credentials;
use crate::event::Version;
use crate::message::Publish;
use crate::tls::Tls;

mod check;

const MIB: usize = 1024 * 1024;

/// What carries the bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Transport {
    /// TCP, with TLS if that is set.
    #[default]
    Tcp,
    /// WebSocket over TCP or TLS; needs the feature `websocket`.
    WebSocket {
        /// Path of the request, for example `/mqtt`.
        path: String,
    },
}

/// A retained topic that says whether the session is up: `online` is published after every connection, `offline` when
/// the session is closed, and by the broker (as the last will) when the connection is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Availability {
    /// Topic name.
    pub topic: String,
    /// Payload while connected.
    pub online: Bytes,
    /// Payload otherwise.
    pub offline: Bytes,
}

impl Availability {
    /// `online` and `offline` on this topic.
    pub fn new(topic: impl Into<String>) -> Self {
        Self {
            topic: topic.into(),
            online: Bytes::from_static(b"online"),
            offline: Bytes::from_static(b"offline"),
        }
    }
}

/// What is published on every connection, and answered by the broker, before anything else is sent: neither
/// subscriptions nor other publishes go out before.
pub trait Opening: std::fmt::Debug + Send + Sync {
    /// For a connection that was just made. They are sent at QoS 1.
    fn publishes(&self) -> Vec<Publish>;

    /// The broker's word on the one with this topic.
    fn answered(&self, topic: &str, answer: Result<(), &str>);
}

/// How soon to try again. The first attempt after a connection that stood for longer than `max` is made at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reconnect {
    /// Shortest pause between attempts; default 1 s.
    pub min: Duration,
    /// Longest pause between attempts; default 5 s. Each pause is a random time between `min` and a bound that doubles
    /// up to this.
    pub max: Duration,
    /// Pause after another client took the session over; default 60 s.
    pub after_takeover: Duration,
}

impl Default for Reconnect {
    fn default() -> Self {
        Self {
            min: Duration::from_secs(1),
            max: Duration::from_secs(5),
            after_takeover: Duration::from_secs(60),
        }
    }
}

/// Checked options of a session. Made by [`Options::builder`].
#[derive(Debug, Clone)]
pub struct Options {
    pub(crate) inner: OptionsBuilder,
}

impl Options {
    /// Starts with the defaults for a broker and a client id.
    ///
    /// ```
    /// use std::time::Duration;
    /// use mqttkube_mqtt::{Availability, Options};
    ///
    /// let options = Options::builder("broker.example", "media-switch")
    ///     .keep_alive(Duration::from_secs(20))
    ///     .availability(Availability::new("media-switch/status"))
    ///     .build()?;
    /// assert_eq!(options.client_id(), "media-switch");
    /// # Ok::<(), mqttkube_mqtt::OptionsError>(())
    /// ```
    pub fn builder(host: impl Into<String>, client_id: impl Into<String>) -> OptionsBuilder {
        OptionsBuilder::new(host.into(), client_id.into())
    }

    /// The client id that is sent.
    pub fn client_id(&self) -> &str {
        &self.inner.client_id
    }

    /// Host and port.
    pub fn address(&self) -> (&str, u16) {
        (&self.inner.host, self.inner.effective_port())
    }

    /// How long the broker keeps the session while we are away.
    pub fn session_expiry(&self) -> Duration {
        self.inner.session_expiry
    }

    /// Largest payload that is accepted, in bytes.
    pub fn max_payload(&self) -> usize {
        self.inner.max_payload
    }

    /// The availability topic, if there is one.
    pub fn availability(&self) -> Option<&Availability> {
        self.inner.availability.as_ref()
    }
}

/// Options in the making. Its setters only store; [`OptionsBuilder::build`] checks.
#[derive(Debug, Clone)]
#[must_use]
pub struct OptionsBuilder {
    pub(crate) host: String,
    pub(crate) port: Option<u16>,
    pub(crate) client_id: String,
    pub(crate) version: Version,
    pub(crate) fall_back: bool,
    pub(crate) transport: Transport,
    pub(crate) tls: Option<Tls>,
    pub(crate) credentials: Credentials,
    pub(crate) availability: Option<Availability>,
    pub(crate) will_delay: Duration,
    pub(crate) keep_alive: Duration,
    pub(crate) session_expiry: Duration,
    pub(crate) receive_maximum: u16,
    pub(crate) max_payload: usize,
    pub(crate) max_publish: usize,
    pub(crate) in_flight: u16,
    pub(crate) outbox: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) reconnect: Reconnect,
    pub(crate) bind_address: Option<IpAddr>,
    pub(crate) bind_port: u16,
    pub(crate) user_properties: Vec<(String, String)>,
    pub(crate) opening: Option<Arc<dyn Opening>>,
}

impl OptionsBuilder {
    fn new(host: String, client_id: String) -> Self {
        Self {
            host,
            port: None,
            client_id,
            version: Version::V5,
            fall_back: true,
            transport: Transport::Tcp,
            tls: None,
            credentials: Credentials::none(),
            availability: None,
            will_delay: Duration::from_secs(5),
            keep_alive: Duration::from_secs(60),
            session_expiry: Duration::from_secs(3600),
            receive_maximum: 100,
            max_payload: 256 * 1024,
            max_publish: 4 * MIB,
            in_flight: 100,
            outbox: 1000,
            connect_timeout: Duration::from_secs(10),
            reconnect: Reconnect::default(),
            bind_address: None,
            bind_port: 0,
            user_properties: Vec::new(),
            opening: None,
        }
    }

    /// Default: 1883, with TLS 8883.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Default: 5. A broker that turns out to speak only 3.1.1 is spoken to in that.
    pub fn version(mut self, version: Version) -> Self {
        self.version = version;
        self
    }

    /// Never try 3.1.1 with a broker that does not understand 5.
    pub fn no_fall_back(mut self) -> Self {
        self.fall_back = false;
        self
    }

    /// Default: TCP.
    pub fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// Default: no TLS. The files are read at every connection.
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// Default: anonymous.
    pub fn credentials(mut self, credentials: Credentials) -> Self {
        self.credentials = credentials;
        self
    }

    /// Default: none. See [`Availability`].
    pub fn availability(mut self, availability: Availability) -> Self {
        self.availability = Some(availability);
        self
    }

    /// How long the broker waits before it publishes the last will, so that a short loss is not seen; MQTT 5 only.
    /// Default: 5 s.
    pub fn will_delay(mut self, delay: Duration) -> Self {
        self.will_delay = delay;
        self
    }

    /// Longest silence before a ping; a dead connection is noticed within twice this. Default: 60 s; 5 s to 18 h.
    pub fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// How long the broker keeps messages while we are away; zero asks for a clean session. On 3.1.1 the broker decides.
    /// Default: 1 h.
    pub fn session_expiry(mut self, expiry: Duration) -> Self {
        self.session_expiry = expiry;
        self
    }

    /// How many messages the broker may send without an acknowledgement. Default: 100; 1 to 65,535. Only MQTT 5 can tell
    /// the broker, and not every broker keeps to it; the rest is left in the network, where it holds the broker back.
    pub fn receive_maximum(mut self, maximum: u16) -> Self {
        self.receive_maximum = maximum;
        self
    }

    /// Larger messages to us are dropped, counted and acknowledged. In bytes; default: 256 KiB.
    pub fn max_payload(mut self, bytes: usize) -> Self {
        self.max_payload = bytes;
        self
    }

    /// Larger publishes of ours are refused at the door. In bytes; default: 4 MiB.
    pub fn max_publish(mut self, bytes: usize) -> Self {
        self.max_publish = bytes;
        self
    }

    /// How many publishes may be unanswered at once; the broker may allow fewer. Default: 100; 1 to 1,000.
    pub fn in_flight(mut self, publishes: u16) -> Self {
        self.in_flight = publishes;
        self
    }

    /// How many publishes without [`Publish::newest_wins`](crate::Publish) may wait before callers have to. Default: 1000.
    pub fn outbox(mut self, publishes: usize) -> Self {
        self.outbox = publishes;
        self
    }

    /// For name resolution, TCP, TLS and the broker's answer together. Default: 10 s.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Pauses between attempts.
    pub fn reconnect(mut self, reconnect: Reconnect) -> Self {
        self.reconnect = reconnect;
        self
    }

    /// Local address and port to connect from; port 0 means any. Default: the system's choice.
    pub fn bind(mut self, address: IpAddr, port: u16) -> Self {
        self.bind_address = Some(address);
        self.bind_port = port;
        self
    }

    /// Name and value pairs sent with every connection; MQTT 5 only.
    pub fn user_properties(mut self, properties: Vec<(String, String)>) -> Self {
        self.user_properties = properties;
        self
    }

    /// Default: nothing. See [`Opening`].
    pub fn opening(mut self, opening: Arc<dyn Opening>) -> Self {
        self.opening = Some(opening);
        self
    }

    pub(crate) fn effective_port(&self) -> u16 {
        self.port.unwrap_or(if self.tls.is_some() { 8883 } else { 1883 })
    }

    /// Largest packet that we announce to accept: room for the largest payload with its topic and properties.
    pub(crate) fn max_packet(&self) -> usize {
        MIB.max(self.max_payload + 64 * 1024)
    }
}
