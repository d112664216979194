//! One connection: from name resolution to the broker's CONNACK, then packets in and out.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use crate::event::Version;
use crate::message::QoS;
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
const READ_AHEAD: usize = 8192;

/// What was put into the output since it was empty.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Load {
    pub(crate) acks: usize,
    /// At QoS 1 and 2, for the first time.
    pub(crate) publishes: usize,
    /// There is something else, or a part has been written.
    pub(crate) urgent: bool,
    pub(crate) since: Option<Instant>,
}

/// What may go which way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moves {
    pub(crate) inwards: bool,
    pub(crate) outwards: bool,
}

impl Moves {
    pub(crate) const BOTH: Self = Self {
        inwards: true,
        outwards: true,
    };
}

/// A connection that the broker accepted.
pub(crate) struct Link {
    stream: Box<dyn Stream>,
    input: BytesMut,
    output: BytesMut,
    unflushed: bool,
    load: Load,
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
        let keep_alive = std::time::Duration::from_secs(connect.keep_alive.into());
        let mut link = Self {
            stream,
            input: BytesMut::new(),
            output: BytesMut::new(),
            unflushed: false,
            load: Load::default(),
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
                None => link
                    .transfer(Moves::BOTH)
                    .await
                    .map_err(|error| lost(error.to_string()))?,
            }
        }
    }

    /// Puts a packet into the output buffer.
    pub(crate) fn send(&mut self, packet: &Outgoing<'_>) -> Result<(), EncodeError> {
        self.unflushed = true;
        match packet {
            Outgoing::Ack(_) => self.load.acks += 1,
            Outgoing::Publish {
                publish, dup: false, ..
            } if publish.qos > QoS::AtMostOnce => self.load.publishes += 1,
            _ => self.load.urgent = true,
        }
        self.load.since.get_or_insert_with(Instant::now);
        wire::encode(self.version, packet, self.limit_out, &mut self.output)
    }

    /// What waits to be written.
    pub(crate) const fn load(&self) -> &Load {
        &self.load
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

    /// Waits until some bytes went where they are to, and moves as many as go at once. Cancelling it loses nothing: there
    /// is no state but the buffers, which are ours.
    pub(crate) async fn transfer(&mut self, moves: Moves) -> io::Result<()> {
        poll_fn(|cx| self.poll_transfer(cx, moves)).await
    }

    fn poll_transfer(&mut self, cx: &mut Context<'_>, moves: Moves) -> Poll<io::Result<()>> {
        // First what came in: it may be the reason why nothing can go out any more.
        let heard = if moves.inwards {
            self.poll_read(cx)?
        } else {
            Poll::Pending
        };
        if heard.is_ready() {
            self.pulse.heard(Instant::now());
        }
        if !moves.outwards {
            return heard.map(Ok);
        }
        match self.poll_write(cx) {
            Poll::Ready(Ok(())) => self.pulse.said(Instant::now()),
            Poll::Ready(Err(error)) if heard.is_pending() => return Poll::Ready(Err(error)),
            // It comes again.
            Poll::Ready(Err(_)) => {}
            Poll::Pending => return heard.map(Ok),
        }
        Poll::Ready(Ok(()))
    }

    /// Writes and flushes all there is; ready when some of that was possible.
    fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut moved = Poll::Pending;
        while !self.output.is_empty() {
            self.load.urgent = true;
            let Poll::Ready(written) = Pin::new(&mut self.stream).poll_write(cx, &self.output)? else {
                return moved;
            };
            if written == 0 {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::WriteZero)));
            }
            self.output.advance(written);
            moved = Poll::Ready(Ok(()));
        }
        self.load = Load::default();
        if self.unflushed && Pin::new(&mut self.stream).poll_flush(cx)?.is_ready() {
            self.unflushed = false;
            moved = Poll::Ready(Ok(()));
        }
        moved
    }

    fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Not more often than that is needed: what was read before may still be in use, and then this is another buffer.
        if self.input.capacity() - self.input.len() < READ_AHEAD / 4 {
            self.input.reserve(READ_AHEAD);
        }
        match pin!(self.stream.read_buf(&mut self.input)).poll(cx)? {
            Poll::Pending => Poll::Pending,
            Poll::Ready(0) => Poll::Ready(Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the broker closed the connection",
            ))),
            Poll::Ready(_) => Poll::Ready(Ok(())),
        }
    }

    /// Says DISCONNECT and waits for the broker to hang up, so that nothing on the way is cut off by a reset.
    pub(crate) async fn part(mut self) -> io::Result<()> {
        if self.send(&Outgoing::Disconnect).is_err() {
            return Ok(());
        }
        while !self.is_flushed() {
            self.transfer(Moves::BOTH).await?;
            self.input.clear();
        }
        self.stream.shutdown().await?;
        while self.stream.read_buf(&mut self.input).await? > 0 {
            self.input.clear();
        }
        Ok(())
    }
}
