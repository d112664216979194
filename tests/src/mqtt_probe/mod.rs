//! A plain MQTT 5 client, to look at brokers and at our programs from outside.
//!
//! A [`Probe`] is one connection: it does nothing by itself but acknowledge what it received. A
//! [`Consumer`] connects again and again with one persistent session: what it does not get, nobody gets.

mod consumer;
mod link;
mod message;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::Bytes;
use mqtt5::packet::connect::ConnectPacket;
use mqtt5::packet::subscribe::SubscribePacket;
use mqtt5::packet::subscribe::TopicFilter;
use mqtt5::packet::subscribe_options::SubscriptionOptions;
use mqtt5::types::ReasonCode;
use mqtt5::{ConnectProperties, Packet, QoS, WillMessage};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub use consumer::Consumer;
use link::{Shared, Write};
pub use message::Message;

use crate::wire;

/// How long the broker may take for an answer.
const ANSWER: Duration = Duration::from_secs(10);

/// How a probe connects. The default is a clean session with a client id of its own.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The client id; a new one when it is empty.
    pub client_id: String,
    /// Seconds for which the broker keeps the session after the connection; 0 for a clean session.
    pub session_expiry: u32,
    /// How many messages the broker may send without an acknowledgement; the broker's limit when 0.
    pub receive_maximum: u16,
    /// User name and password.
    pub credentials: Option<(String, String)>,
    /// The will.
    pub will: Option<Message>,
    /// Leaves what it receives unacknowledged.
    pub no_acks: bool,
}

/// One connection. When it is dropped the connection ends without DISCONNECT.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use std::time::Duration;
/// use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
///
/// let broker = mqttkube_tests::broker::EmbeddedBroker::start().await?;
/// let probe = Probe::connect(broker.address(), Options::default()).await?;
/// probe.subscribe("home/#", 1).await?;
/// probe.publish(&Message::new("home/lamp", "on")).await?;
/// probe.wait(Duration::from_secs(5), |messages| messages.len() == 1).await;
/// assert_eq!(probe.messages()[0].text(), "on");
/// # anyhow::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Probe {
    shared: Arc<Shared>,
    writes: mpsc::UnboundedSender<Write>,
    session_present: bool,
    tasks: [JoinHandle<()>; 2],
}

impl Probe {
    /// Connects.
    ///
    /// # Errors
    /// When the broker cannot be reached or refuses.
    pub async fn connect(address: SocketAddr, options: Options) -> Result<Self> {
        let (mut reader, mut writer) = wire::open(address).await?;
        let no_acks = options.no_acks;
        writer.send(&connect_packet(options)).await?;
        let answer = tokio::time::timeout(ANSWER, reader.receive())
            .await
            .context("no CONNACK")??;
        let Packet::ConnAck(accepted) = answer else {
            bail!("not a CONNACK: {answer:?}")
        };
        ensure!(
            accepted.reason_code == ReasonCode::Success,
            "refused: {:?}",
            accepted.reason_code
        );
        let shared = Arc::new(Shared::new());
        let (writes, queue) = mpsc::unbounded_channel();
        let tasks = [
            tokio::spawn(link::write(writer, queue, shared.clone())),
            tokio::spawn(link::read(reader, writes.clone(), shared.clone(), no_acks)),
        ];
        Ok(Self {
            shared,
            writes,
            session_present: accepted.session_present,
            tasks,
        })
    }

    /// Whether the broker still had the session.
    pub fn session_present(&self) -> bool {
        self.session_present
    }

    /// Subscribes and returns the broker's reason code: the granted QoS, or 0x80 and above.
    ///
    /// # Errors
    /// When the connection ends before the answer.
    pub async fn subscribe(&self, filter: &str, qos: u8) -> Result<u8> {
        let id = self.id();
        let options = SubscriptionOptions {
            qos: QoS::from(qos),
            ..SubscriptionOptions::default()
        };
        let packet =
            SubscribePacket::new(id).add_filter_with_options(TopicFilter::with_options(filter, options));
        let codes = self.ask(id, Write::Subscribe(packet)).await?;
        codes.first().copied().context("a SUBACK without a reason code")
    }

    /// Publishes and returns the broker's reason code: 0, or 0x10 when nobody has subscribed.
    ///
    /// # Errors
    /// When the connection ends before the answer; with QoS 0 there is none to wait for.
    pub async fn publish(&self, message: &Message) -> Result<u8> {
        if message.qos == 0 {
            self.send(Write::Publish(message.clone(), 0))?;
            return Ok(0);
        }
        let id = self.id();
        let codes = self.ask(id, Write::Publish(message.clone(), id)).await?;
        Ok(codes.first().copied().unwrap_or(0))
    }

    /// What was received so far.
    pub fn messages(&self) -> Vec<Message> {
        self.shared.state().messages.clone()
    }

    /// Forgets what was received so far.
    pub fn clear(&self) {
        self.shared.state().messages.clear();
    }

    /// Waits until `condition` holds for what was received.
    ///
    /// # Panics
    /// When it does not within `deadline`.
    pub async fn wait(&self, deadline: Duration, mut condition: impl FnMut(&[Message]) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        let holds = async {
            while !condition(&self.shared.state().messages) {
                if changed.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
            }
        };
        let done = tokio::time::timeout(deadline, holds).await;
        assert!(
            done.is_ok(),
            "not within {deadline:?}; received: {:?}",
            self.messages()
        );
    }

    /// Waits until the connection ends and says why.
    ///
    /// # Panics
    /// When it does not end within `deadline`.
    pub async fn ended(&self, deadline: Duration) -> String {
        let what = "end of the connection";
        crate::wait::until_some(deadline, what, || self.shared.state().end.clone()).await
    }

    /// Leaves with DISCONNECT, so that no will is published.
    pub async fn disconnect(mut self) {
        if self.send(Write::Disconnect).is_ok() {
            // The writer ends after DISCONNECT.
            let _ = (&mut self.tasks[0]).await;
        }
    }

    /// The retained messages under a filter, as a new subscriber gets them.
    ///
    /// # Errors
    /// When the broker cannot be reached.
    pub async fn retained(address: SocketAddr, filter: &str) -> Result<BTreeMap<String, Bytes>> {
        static FENCES: AtomicU64 = AtomicU64::new(0);
        let probe = Self::connect(address, Options::default()).await?;
        let number = FENCES.fetch_add(1, Ordering::Relaxed);
        let fence = format!("mqttkube-tests/fence/{}/{number}", std::process::id());
        probe.subscribe(&fence, 1).await?;
        probe.subscribe(filter, 1).await?;
        // The broker sends what it retained before what comes after the subscription.
        probe.publish(&Message::new(fence.as_str(), "")).await?;
        probe
            .wait(ANSWER, |messages| {
                messages.iter().any(|message| message.topic == fence)
            })
            .await;
        let retained = probe.messages().into_iter().filter(|message| message.retain);
        Ok(retained.map(|message| (message.topic, message.payload)).collect())
    }

    fn id(&self) -> u16 {
        let mut state = self.shared.state();
        loop {
            state.next_id = state.next_id.wrapping_add(1);
            let id = state.next_id;
            if id != 0 && !state.answers.contains_key(&id) {
                return id;
            }
        }
    }

    async fn ask(&self, id: u16, write: Write) -> Result<Vec<u8>> {
        let (answer, answered) = oneshot::channel();
        {
            let mut state = self.shared.state();
            // After the end nobody would answer, or say that there is no answer.
            if let Some(end) = &state.end {
                bail!("the connection has ended: {end}");
            }
            state.answers.insert(id, answer);
        }
        self.send(write)?;
        let codes = tokio::time::timeout(ANSWER, answered)
            .await
            .context("the broker does not answer")?;
        codes.with_context(|| format!("the connection ended: {:?}", self.shared.state().end))
    }

    fn send(&self, write: Write) -> Result<()> {
        self.writes.send(write).ok().context("the connection has ended")
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn connect_packet(options: Options) -> ConnectPacket {
    static CLIENTS: AtomicU64 = AtomicU64::new(0);
    let client_id = match options.client_id.as_str() {
        "" => format!(
            "probe-{}-{}",
            std::process::id(),
            CLIENTS.fetch_add(1, Ordering::Relaxed)
        ),
        id => id.to_owned(),
    };
    let mut packet = mqtt5::ConnectOptions::new(client_id).protocol_options;
    packet.keep_alive = Duration::ZERO;
    packet.clean_start = options.session_expiry == 0;
    packet.properties = ConnectProperties {
        session_expiry_interval: (options.session_expiry > 0).then_some(options.session_expiry),
        receive_maximum: (options.receive_maximum > 0).then_some(options.receive_maximum),
        ..ConnectProperties::default()
    };
    if let Some((user, password)) = options.credentials {
        packet.username = Some(user);
        packet.password = Some(password.into_bytes());
    }
    packet.will = options.will.map(|will| {
        let mut message = WillMessage::new(will.topic, will.payload.to_vec());
        message.retain = will.retain;
        message.qos = QoS::from(will.qos);
        message
    });
    ConnectPacket::new(packet)
}
