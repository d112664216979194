//! A client of MQTT 3.1.1 with nothing in it that costs time, so that it is not what is measured.

use std::io::{BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

/// How long anything may take before the measurement is given up.
pub(crate) const SOON: Duration = Duration::from_secs(120);

/// Publishes of a burst that wait for their answers together.
const WINDOW: usize = 100;

/// An acknowledgement in MQTT 3.1.1.
const PUBACK_BYTES: usize = 4;

/// One connection.
#[derive(Debug)]
pub(crate) struct Link {
    writer: TcpStream,
    reader: BufReader<TcpStream>,
    body: Vec<u8>,
}

impl Link {
    pub(crate) fn connect(address: SocketAddr, id: &str) -> Result<Self> {
        let writer = TcpStream::connect(address)?;
        writer.set_nodelay(true)?;
        writer.set_read_timeout(Some(SOON))?;
        let reader = BufReader::with_capacity(1 << 16, writer.try_clone()?);
        let mut link = Self {
            writer,
            reader,
            body: Vec::new(),
        };
        // Protocol name and level, clean session, no keepalive.
        let mut body = b"\x00\x04MQTT\x04\x02\x00\x00".to_vec();
        put_text(&mut body, id)?;
        link.send(0x10, &body)?;
        link.expect(0x20)?;
        ensure!(link.body.get(1) == Some(&0), "the broker refuses {id}");
        Ok(link)
    }

    pub(crate) fn subscribe(&mut self, filter: &str, qos: u8) -> Result<()> {
        let mut body = vec![0, 1];
        put_text(&mut body, filter)?;
        body.push(qos);
        self.send(0x82, &body)?;
        self.expect(0x90)
    }

    /// Publishes at QoS 1, a window of them unacknowledged, and returns when all are acknowledged. The window slides: a
    /// broker that gathers small packets waits for a sign of life from a sender that waits for all of its answers.
    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8], count: usize) -> Result<()> {
        let packet = publish_packet(topic, payload)?;
        let (mut sent, mut acknowledged) = (0, 0);
        while acknowledged < count {
            let many = count.min(acknowledged + WINDOW) - sent;
            self.writer.write_all(&packet.repeat(many))?;
            sent += many;
            self.expect(0x40)?;
            acknowledged += 1;
            while self.reader.buffer().len() >= PUBACK_BYTES {
                self.expect(0x40)?;
                acknowledged += 1;
            }
        }
        Ok(())
    }

    /// Sends one message at QoS 1 without waiting for its acknowledgement.
    pub(crate) fn send_one(&mut self, topic: &str, payload: &[u8]) -> Result<()> {
        Ok(self.writer.write_all(&publish_packet(topic, payload)?)?)
    }

    /// Waits for the acknowledgement of one message.
    pub(crate) fn acknowledged(&mut self) -> Result<()> {
        self.expect(0x40)
    }

    /// Receives so many messages, and says when the last one came.
    pub(crate) fn receive(&mut self, count: usize) -> Result<Instant> {
        for _ in 0..count {
            self.expect(0x30)?;
        }
        Ok(Instant::now())
    }

    fn send(&mut self, kind: u8, body: &[u8]) -> Result<()> {
        let mut packet = vec![kind, u8::try_from(body.len())?];
        packet.extend_from_slice(body);
        Ok(self.writer.write_all(&packet)?)
    }

    /// The next packet must be of this kind; flags of a PUBLISH do not matter.
    fn expect(&mut self, kind: u8) -> Result<()> {
        let mut byte = [0];
        self.reader
            .read_exact(&mut byte)
            .context("the broker is silent")?;
        let found = byte[0] & 0xf0;
        let mut length = 0;
        for shift in [0, 7, 14, 21] {
            self.reader.read_exact(&mut byte)?;
            length |= usize::from(byte[0] & 0x7f) << shift;
            if byte[0] & 0x80 == 0 {
                break;
            }
        }
        self.body.resize(length, 0);
        self.reader.read_exact(&mut self.body)?;
        ensure!(found == kind & 0xf0, "packet {found:#x} instead of {kind:#x}");
        Ok(())
    }
}

fn put_text(body: &mut Vec<u8>, text: &str) -> Result<()> {
    body.extend_from_slice(&u16::try_from(text.len())?.to_be_bytes());
    body.extend_from_slice(text.as_bytes());
    Ok(())
}

/// A PUBLISH at QoS 1. Its packet id is always 1: brokers look at that of QoS 2 alone.
fn publish_packet(topic: &str, payload: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    put_text(&mut body, topic)?;
    body.extend_from_slice(&[0, 1]);
    body.extend_from_slice(payload);
    let mut packet = vec![0x32];
    let mut rest = body.len();
    loop {
        let low = u8::try_from(rest & 0x7f)?;
        rest >>= 7;
        packet.push(if rest > 0 { low | 0x80 } else { low });
        if rest == 0 {
            break;
        }
    }
    packet.extend_from_slice(&body);
    Ok(packet)
}
