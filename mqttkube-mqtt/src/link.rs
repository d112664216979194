//! One connection: from name resolution to the broker's CONNACK, then packets in and out.

use std::io;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadHalf, WriteHalf};
use tokio::time::Instant;

use crate::event::Version;
use crate::pulse::Pulse;
use crate::transport::Stream;
use crate::wire::{self, Connect, DecodeError, EncodeError, Incoming, Outgoing, Refusal, Welcome};

/// Why there is no connection.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// The broker could not be reached: credentials, name, TCP, TLS, WebSocket, or no answer in time.
    #[error("{0}")]
    Unreachable(String),
    /// It could be reached, but the connection ended before it answered CONNECT. Old brokers do that to MQTT 5.
    #[error("{0}")]
    NoAnswer(String),
    /// It answered, and refused.
    #[error("the broker refused the connection: {}", .0.reason)]
    Refused(Refusal),
}

impl LinkError {
    /// The broker does not accept the login.
    pub(crate) const fn refuses_login(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.login)
    }
}

/// Bytes asked of the network at once. Payloads are slices of this buffer, so a larger one would be kept alive by a
/// small message.
const READ_AHEAD: usize = 4096;

/// A connection that the broker accepted.
pub(crate) struct Link {
    reader: ReadHalf<Box<dyn Stream>>,
    writer: WriteHalf<Box<dyn Stream>>,
    input: BytesMut,
    output: BytesMut,
    unflushed: bool,
    version: Version,
    limit_in: usize,
    limit_out: usize,
    pub(crate) pulse: Pulse,
}

impl Link {
    /// Says CONNECT and waits for the answer.
    pub(crate) async fn greet(
        stream: Box<dyn Stream>,
        version: Version,
        connect: &Connect,
    ) -> Result<(Self, Welcome), LinkError> {
        let (reader, writer) = tokio::io::split(stream);
        let keep_alive = std::time::Duration::from_secs(connect.keep_alive.into());
        let mut link = Self {
            reader,
            writer,
            input: BytesMut::new(),
            output: BytesMut::new(),
            unflushed: false,
            version,
            limit_in: usize::try_from(connect.max_packet).unwrap_or(usize::MAX),
            limit_out: usize::MAX,
            pulse: Pulse::new(keep_alive, Instant::now()),
        };
        link.send(&Outgoing::Connect(connect))
            .map_err(|error| LinkError::Unreachable(format!("cannot write CONNECT: {error:?}")))?;
        let lost = |error: String| {
            LinkError::NoAnswer(format!(
                "the connection ended before the broker answered: {error}"
            ))
        };
        loop {
            match link.receive().map_err(|error| lost(error.to_string()))? {
                Some(Incoming::Welcome(welcome)) => {
                    link.limit_out = welcome.max_packet;
                    if let Some(seconds) = welcome.keep_alive.filter(|seconds| *seconds > 0) {
                        link.pulse =
                            Pulse::new(std::time::Duration::from_secs(seconds.into()), Instant::now());
                    }
                    return Ok((link, welcome));
                }
                Some(Incoming::Refused(refusal)) => return Err(LinkError::Refused(refusal)),
                Some(Incoming::Disconnect { reason, .. }) => return Err(lost(reason)),
                Some(_) => return Err(lost("another packet came first".to_owned())),
                None => link.transfer().await.map_err(|error| lost(error.to_string()))?,
            }
        }
    }

    /// Puts a packet into the output buffer.
    pub(crate) fn send(&mut self, packet: &Outgoing<'_>) -> Result<(), EncodeError> {
        self.unflushed = true;
        wire::encode(self.version, packet, self.limit_out, &mut self.output)
    }

    /// Bytes that wait to be written.
    pub(crate) fn backlog(&self) -> usize {
        self.output.len()
    }

    /// Everything was written.
    pub(crate) fn is_flushed(&self) -> bool {
        self.output.is_empty() && !self.unflushed
    }

    /// The next packet among the bytes that are there.
    pub(crate) fn receive(&mut self) -> Result<Option<Incoming>, DecodeError> {
        wire::decode(self.version, self.limit_in, &mut self.input)
    }

    /// Waits until some bytes came in or went out. Cancelling it loses nothing: every await in it is one read, one
    /// write or one flush, and the buffers are ours.
    pub(crate) async fn transfer(&mut self) -> io::Result<()> {
        let Self {
            reader,
            writer,
            input,
            output,
            unflushed,
            ..
        } = self;
        let busy = *unflushed || !output.is_empty();
        input.reserve(READ_AHEAD);
        let write = async {
            if output.is_empty() {
                writer.flush().await?;
                *unflushed = false;
                return Ok(());
            }
            let written = writer.write(output).await?;
            if written == 0 {
                return Err(io::Error::from(io::ErrorKind::WriteZero));
            }
            output.advance(written);
            Ok::<_, io::Error>(())
        };
        tokio::select! {
            result = write, if busy => {
                result?;
                self.pulse.said(Instant::now());
            }
            read = reader.read_buf(input) => {
                if read? == 0 {
                    return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the broker closed the connection"));
                }
                self.pulse.heard(Instant::now());
            }
        }
        Ok(())
    }

    /// Says DISCONNECT and waits for the broker to hang up, so that nothing on the way is cut off by a reset.
    pub(crate) async fn part(mut self) -> io::Result<()> {
        if self.send(&Outgoing::Disconnect).is_err() {
            return Ok(());
        }
        while !self.is_flushed() {
            self.transfer().await?;
            self.input.clear();
        }
        self.writer.shutdown().await?;
        while self.reader.read_buf(&mut self.input).await? > 0 {
            self.input.clear();
        }
        Ok(())
    }
}
