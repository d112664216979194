//! One direction of one connection.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Fault, Side};

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    Close,
    Reset,
}

/// Pumps until one direction ends the connection.
pub(super) async fn both_ways(
    client: &TcpStream,
    server: &TcpStream,
    fault: &watch::Sender<Fault>,
) -> Ending {
    for stream in [client, server] {
        // Slices must leave one by one, and nothing may wait for a full packet.
        if stream.set_nodelay(true).is_err() {
            return Ending::Close;
        }
    }
    let up = Pump {
        side: Side::ToServer,
        from: client,
        to: server,
        fault,
    };
    let down = Pump {
        side: Side::ToClient,
        from: server,
        to: client,
        fault,
    };
    tokio::select! {
        ending = up.run() => ending,
        ending = down.run() => ending,
    }
}

struct Pump<'a> {
    side: Side,
    from: &'a TcpStream,
    to: &'a TcpStream,
    fault: &'a watch::Sender<Fault>,
}

/// What passed so far in one direction.
#[derive(Default)]
struct Passed {
    last: Vec<u8>,
    /// Bytes since the present counting fault was set.
    counted: usize,
    counting: Option<Fault>,
}

impl Pump<'_> {
    async fn run(self) -> Ending {
        let mut changed = self.fault.subscribe();
        let mut passed = Passed::default();
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let fault = changed.borrow_and_update().clone();
            if self.repeats(&fault) {
                if self.write(&passed.last).await.is_err() {
                    return Ending::Close;
                }
                self.fault.send_replace(Fault::None);
                continue;
            }
            if self.swallows(&fault) {
                // The sender lives as long as the proxy.
                let _ = changed.changed().await;
                continue;
            }
            let read = tokio::select! {
                read = self.read(&mut buffer) => read,
                _ = changed.changed() => continue,
            };
            let piece = match read {
                Ok(0) => return Ending::Close,
                Ok(length) => &buffer[..length],
                Err(_) => return Ending::Reset,
            };
            // The fault may have come while the read waited.
            let fault = self.wait_while_swallowed(&mut changed).await;
            match self.pass(piece, &fault, &mut passed).await {
                Ok(None) => {}
                Ok(Some(ending)) => return ending,
                Err(_) => return Ending::Close,
            }
        }
    }

    fn swallows(&self, fault: &Fault) -> bool {
        *fault == Fault::Blackhole || *fault == Fault::BlackholeOne(self.side)
    }

    fn repeats(&self, fault: &Fault) -> bool {
        *fault == Fault::DuplicateLast(self.side)
    }

    async fn wait_while_swallowed(&self, changed: &mut watch::Receiver<Fault>) -> Fault {
        match changed.wait_for(|fault| !self.swallows(fault)).await {
            Ok(fault) => fault.clone(),
            Err(_) => Fault::None,
        }
    }

    /// Passes a piece on; `Some` ends the connection.
    async fn pass(&self, piece: &[u8], fault: &Fault, passed: &mut Passed) -> io::Result<Option<Ending>> {
        let (budget, ending) = match fault {
            Fault::ResetAfter(side, limit) if *side == self.side => (Some(*limit), Ending::Reset),
            Fault::CloseAfter(side, limit) if *side == self.side => (Some(*limit), Ending::Close),
            _ => (None, Ending::Close),
        };
        let left = budget.map_or(usize::MAX, |limit| limit.saturating_sub(passed.count(fault)));
        let piece = &piece[..piece.len().min(left)];
        match fault {
            Fault::Slice(size) => {
                for slice in piece.chunks((*size).max(1)) {
                    self.write(slice).await?;
                    // Lets the other side read the slice before the next one joins it.
                    tokio::task::yield_now().await;
                }
            }
            Fault::Delay(time) => {
                tokio::time::sleep(*time).await;
                self.write(piece).await?;
            }
            Fault::Throttle(rate) => self.throttled(piece, (*rate).max(1)).await?,
            _ => self.write(piece).await?,
        }
        passed.last = piece.to_vec();
        passed.counted += piece.len();
        Ok((piece.len() == left)
            .then_some(ending)
            .filter(|_| budget.is_some()))
    }

    /// Writes in steps of 10 ms.
    async fn throttled(&self, piece: &[u8], rate: usize) -> io::Result<()> {
        let began = Instant::now();
        let mut sent = 0;
        for slice in piece.chunks((rate / 100).max(1)) {
            self.write(slice).await?;
            sent += slice.len();
            tokio::time::sleep_until(began + Duration::from_secs_f64(sent as f64 / rate as f64)).await;
        }
        Ok(())
    }

    async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            self.from.readable().await?;
            match self.from.try_read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                done => return done,
            }
        }
    }

    async fn write(&self, mut piece: &[u8]) -> io::Result<()> {
        while !piece.is_empty() {
            self.to.writable().await?;
            match self.to.try_write(piece) {
                Ok(written) => piece = &piece[written..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Passed {
    /// The bytes that passed since this fault was set.
    fn count(&mut self, fault: &Fault) -> usize {
        if self.counting.as_ref() != Some(fault) {
            self.counting = Some(fault.clone());
            self.counted = 0;
        }
        self.counted
    }
}
