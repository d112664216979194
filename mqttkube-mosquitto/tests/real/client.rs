//! As much of an MQTT 3.1.1 client as the tests need.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) struct Client {
    stream: TcpStream,
    next_id: u16,
    /// Topic and payload, in order.
    pub(crate) received: Vec<(String, String)>,
}

fn text(text: &str) -> Vec<u8> {
    let length = u16::try_from(text.len()).expect("a short text");
    [&length.to_be_bytes(), text.as_bytes()].concat()
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let (mut bytes, mut length) = (vec![kind], body.len());
    loop {
        let more = if length > 127 { 128 } else { 0 };
        bytes.push(u8::try_from(length % 128).expect("seven bits") | more);
        length /= 128;
        if length == 0 {
            return [bytes, body.to_vec()].concat();
        }
    }
}

impl Client {
    /// Connects; the code of the broker's refusal otherwise.
    pub(crate) fn connect(port: u16, id: &str, login: Option<(&str, &str)>) -> Result<Self, u8> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
        stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
        let flags = if login.is_some() { 0xc2 } else { 0x02 };
        let mut body = [text("MQTT"), vec![4, flags, 0, 60], text(id)].concat();
        if let Some((user, password)) = login {
            body.extend([text(user), text(password)].concat());
        }
        stream.write_all(&packet(0x10, &body)).expect("CONNECT is sent");
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).expect("CONNACK is received");
        let client = Self {
            stream,
            next_id: 1,
            received: Vec::new(),
        };
        if answer[3] == 0 {
            Ok(client)
        } else {
            Err(answer[3])
        }
    }

    /// Subscribes with QoS 1 and gives back the broker's code.
    pub(crate) fn subscribe(&mut self, filter: &str) -> u8 {
        let id = self.id();
        self.send(0x82, &[id.to_be_bytes().to_vec(), text(filter), vec![1]].concat());
        self.wait(0x90)[2]
    }

    /// Publishes with QoS 1 and waits for the acknowledgement.
    pub(crate) fn publish(&mut self, topic: &str, payload: &str) {
        let id = self.id();
        self.send(
            0x32,
            &[
                text(topic),
                id.to_be_bytes().to_vec(),
                payload.as_bytes().to_vec(),
            ]
            .concat(),
        );
        self.wait(0x40);
    }

    /// Receives until a payload comes.
    pub(crate) fn receive_until(&mut self, payload: &str) {
        let deadline = Instant::now() + DEADLINE;
        while !self.received.iter().any(|(_, other)| other == payload) {
            assert!(
                Instant::now() < deadline,
                "{payload} did not come, but {:?}",
                self.received
            );
            self.step();
        }
    }

    /// Whether a payload comes within a time.
    pub(crate) fn receives(&mut self, payload: &str, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        while !self.received.iter().any(|(_, other)| other == payload) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            self.stream.set_read_timeout(Some(left)).expect("a timeout");
            let mut byte = [0];
            let waiting = self.stream.peek(&mut byte).is_ok();
            self.stream.set_read_timeout(Some(DEADLINE)).expect("a timeout");
            if waiting {
                self.step();
            }
        }
        true
    }

    fn id(&mut self) -> u16 {
        self.next_id += 1;
        self.next_id
    }

    fn send(&mut self, kind: u8, body: &[u8]) {
        self.stream
            .write_all(&packet(kind, body))
            .expect("a packet is sent");
    }

    fn wait(&mut self, kind: u8) -> Vec<u8> {
        loop {
            let (found, body) = self.step();
            if found == kind {
                return body;
            }
        }
    }

    /// Takes one packet; publishes are kept and acknowledged.
    fn step(&mut self) -> (u8, Vec<u8>) {
        let kind = self.byte();
        let (mut length, mut shift) = (0, 0);
        loop {
            let byte = self.byte();
            length |= usize::from(byte & 127) << shift;
            shift += 7;
            if byte < 128 {
                break;
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).expect("a packet is received");
        if kind & 0xf0 == 0x30 {
            self.keep(kind, &body);
        }
        (kind, body)
    }

    fn keep(&mut self, kind: u8, body: &[u8]) {
        let end = 2 + usize::from(u16::from_be_bytes([body[0], body[1]]));
        let start = if kind & 6 == 0 { end } else { end + 2 };
        if start > end {
            self.send(0x40, &body[end..start]);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        self.received.push((text(&body[2..end]), text(&body[start..])));
    }

    fn byte(&mut self) -> u8 {
        let mut byte = [0];
        self.stream.read_exact(&mut byte).expect("a byte is received");
        byte[0]
    }
}
