//! MQTT 5 packets over one TCP connection.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Buf as _, BytesMut};
use mqtt5::packet::MqttPacket;
use mqtt5::{FixedHeader, Packet};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// The half that reads packets.
#[derive(Debug)]
pub(super) struct Reader {
    stream: OwnedReadHalf,
    buffer: BytesMut,
}

/// The half that writes packets.
#[derive(Debug)]
pub(super) struct Writer {
    stream: OwnedWriteHalf,
}

pub(super) async fn open(address: SocketAddr) -> Result<(Reader, Writer)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (from, to) = stream.into_split();
    Ok((
        Reader {
            stream: from,
            buffer: BytesMut::new(),
        },
        Writer { stream: to },
    ))
}

impl Writer {
    pub(super) async fn send(&mut self, packet: &impl MqttPacket) -> Result<()> {
        let mut bytes = Vec::new();
        packet.encode(&mut bytes)?;
        Ok(self.stream.write_all(&bytes).await?)
    }
}

impl Reader {
    /// The next packet. Can be cancelled without losing bytes.
    pub(super) async fn receive(&mut self) -> Result<Packet> {
        loop {
            if let Some(length) = whole_packet(&self.buffer)? {
                let mut bytes = self.buffer.split_to(length).freeze();
                let header = FixedHeader::decode(&mut bytes)?;
                ensure!(
                    bytes.remaining() == header.remaining_length as usize,
                    "a packet has a wrong length"
                );
                return Ok(Packet::decode_from_body_with_version(
                    header.packet_type,
                    &header,
                    &mut bytes,
                    5,
                )?);
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the broker closed the connection");
            }
        }
    }
}

/// The length of the first packet in the buffer, when all of it is there. MQTT 5.0 section 1.5.5.
fn whole_packet(buffer: &[u8]) -> Result<Option<usize>> {
    let mut length = 0_usize;
    for index in 0..4 {
        let Some(byte) = buffer.get(index + 1) else {
            return Ok(None);
        };
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            let whole = index + 2 + length;
            return Ok((buffer.len() >= whole).then_some(whole));
        }
    }
    None.context("a packet has no length")
}
