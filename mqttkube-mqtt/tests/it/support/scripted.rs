//! A broker that does byte by byte what a test tells it. It knows no MQTT library: an independent view of the wire.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use super::PATIENCE;

/// How long is looked for what must not happen.
const A_WHILE: std::time::Duration = std::time::Duration::from_millis(200);

/// CONNACK of MQTT 5: success, no session, no properties.
pub(crate) const WELCOME: &[u8] = &[0x20, 3, 0, 0, 0];
/// The same with the session kept.
pub(crate) const WELCOME_BACK: &[u8] = &[0x20, 3, 1, 0, 0];
/// CONNACK of MQTT 3.1.1.
pub(crate) const WELCOME_311: &[u8] = &[0x20, 2, 0, 0];

pub(crate) const CONNECT: u8 = 0x10;
pub(crate) const PUBLISH: u8 = 0x30;
pub(crate) const PUBACK: u8 = 0x40;
pub(crate) const PUBREL: u8 = 0x60;
pub(crate) const PUBCOMP: u8 = 0x70;
pub(crate) const SUBSCRIBE: u8 = 0x80;
pub(crate) const PINGREQ: u8 = 0xc0;
pub(crate) const DISCONNECT: u8 = 0xe0;

/// One packet as it was on the wire.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Packet {
    /// First byte: type and flags.
    pub(crate) head: u8,
    pub(crate) body: Vec<u8>,
}

impl Packet {
    pub(crate) fn kind(&self) -> u8 {
        self.head & 0xf0
    }

    pub(crate) fn dup(&self) -> bool {
        self.head & 0x08 != 0
    }

    /// Packet identifier of anything but a PUBLISH.
    pub(crate) fn id(&self) -> u16 {
        u16::from_be_bytes([self.body[0], self.body[1]])
    }

    /// Topic, packet identifier and the rest of a PUBLISH at QoS 1 or 2.
    pub(crate) fn publish(&self) -> (String, u16, &[u8]) {
        let length = usize::from(self.id());
        let topic = String::from_utf8_lossy(&self.body[2..2 + length]).into_owned();
        let id = u16::from_be_bytes([self.body[2 + length], self.body[3 + length]]);
        (topic, id, &self.body[4 + length..])
    }
}

pub(crate) struct Scripted {
    listener: TcpListener,
    pub(crate) port: u16,
}

impl Scripted {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        Self { listener, port }
    }

    /// The next connection, before anything was said.
    pub(crate) async fn accept(&self) -> Peer {
        let (stream, _) = timeout(PATIENCE, self.listener.accept())
            .await
            .expect("the session connects")
            .expect("accept");
        stream.set_nodelay(true).expect("a socket");
        Peer { stream }
    }

    /// Nobody connects for a while. That can only overlook a fault, never invent one.
    pub(crate) async fn is_left_alone(&self) -> bool {
        timeout(A_WHILE, self.listener.accept()).await.is_err()
    }

    /// The next connection, its CONNECT read and answered.
    pub(crate) async fn welcome(&self, answer: &[u8]) -> (Peer, Packet) {
        let mut peer = self.accept().await;
        let connect = peer.expect(CONNECT).await;
        peer.send(answer).await;
        (peer, connect)
    }
}

/// One connection of the session under test.
pub(crate) struct Peer {
    stream: TcpStream,
}

impl Peer {
    pub(crate) async fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).await.expect("the session reads");
    }

    /// The next packet; none at the end of the connection.
    pub(crate) async fn read(&mut self) -> Option<Packet> {
        timeout(PATIENCE, self.read_inner())
            .await
            .expect("the session says something")
    }

    async fn read_inner(&mut self) -> Option<Packet> {
        let head = self.stream.read_u8().await.ok()?;
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = self.stream.read_u8().await.ok()?;
            length |= usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).await.ok()?;
        Some(Packet { head, body })
    }

    /// Nothing comes for a while. That can only overlook a fault, never invent one.
    pub(crate) async fn is_silent(&self) -> bool {
        timeout(A_WHILE, self.stream.peek(&mut [0])).await.is_err()
    }

    /// The next packet, which must be of this kind.
    pub(crate) async fn expect(&mut self, kind: u8) -> Packet {
        let packet = self.read().await.expect("the connection stands");
        assert_eq!(packet.kind(), kind, "{packet:?}");
        packet
    }

    /// Whether the session hangs up instead of saying anything more.
    pub(crate) async fn hung_up(&mut self) -> bool {
        self.read().await.is_none()
    }

    /// Ends the connection without a word.
    #[allow(dead_code, reason = "the tests of the bridge use this file, too")]
    pub(crate) async fn hang_up(&mut self) {
        self.stream.shutdown().await.expect("a socket");
    }

    pub(crate) async fn puback(&mut self, id: u16) {
        let [high, low] = id.to_be_bytes();
        self.send(&[PUBACK, 2, high, low]).await;
    }
}

/// A PUBLISH of MQTT 5 at QoS 1 without properties.
pub(crate) fn publish(topic: &str, id: u16, payload: &[u8], dup: bool) -> Vec<u8> {
    let head = 0x32 | if dup { 0x08 } else { 0 };
    let mut body = u16::try_from(topic.len()).expect("short").to_be_bytes().to_vec();
    body.extend(topic.as_bytes());
    body.extend(id.to_be_bytes());
    body.push(0);
    body.extend(payload);
    packet(head, &body)
}

/// A packet with its length.
pub(crate) fn packet(head: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![head];
    let mut length = body.len();
    loop {
        let digit = u8::try_from(length % 128).expect("below 128");
        length /= 128;
        bytes.push(digit | if length > 0 { 0x80 } else { 0 });
        if length == 0 {
            break;
        }
    }
    bytes.extend(body);
    bytes
}
