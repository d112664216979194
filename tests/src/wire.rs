//! MQTT packets over one connection.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Buf as _, BytesMut};
use mqtt5::packet::MqttPacket;
use mqtt5::{FixedHeader, Packet};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Protocol level of MQTT 3.1.1.
pub(crate) const V311: u8 = 4;
/// Protocol level of MQTT 5.
pub(crate) const V5: u8 = 5;

/// The half that reads packets.
#[derive(Debug)]
pub(crate) struct Reader<R = OwnedReadHalf> {
    stream: R,
    buffer: BytesMut,
    /// The protocol level by which packets are read; a CONNECT says its own.
    pub(crate) version: u8,
}

/// The half that writes packets.
#[derive(Debug)]
pub(crate) struct Writer {
    stream: OwnedWriteHalf,
}

pub(crate) async fn open(address: SocketAddr) -> Result<(Reader, Writer)> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (from, to) = stream.into_split();
    Ok((Reader::new(from), Writer { stream: to }))
}

/// A packet as it goes over the wire.
pub(crate) fn encode(packet: &impl MqttPacket) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    packet.encode(&mut bytes)?;
    Ok(bytes)
}

impl Writer {
    pub(crate) async fn send(&mut self, packet: &impl MqttPacket) -> Result<()> {
        Ok(self.stream.write_all(&encode(packet)?).await?)
    }
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(crate) fn new(stream: R) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
            version: V5,
        }
    }

    /// The next packet. Can be cancelled without losing bytes.
    pub(crate) async fn receive(&mut self) -> Result<Packet> {
        Ok(self.receive_sized().await?.0)
    }

    /// The next packet and its size in bytes. Can be cancelled without losing bytes.
    pub(crate) async fn receive_sized(&mut self) -> Result<(Packet, usize)> {
        loop {
            if let Some(length) = whole_packet(&self.buffer)? {
                let mut bytes = self.buffer.split_to(length).freeze();
                let header = FixedHeader::decode(&mut bytes)?;
                ensure!(
                    bytes.remaining() == header.remaining_length as usize,
                    "a packet has a wrong length"
                );
                let packet = Packet::decode_from_body_with_version(
                    header.packet_type,
                    &header,
                    &mut bytes,
                    self.version,
                )?;
                return Ok((packet, length));
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the other side closed the connection");
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
