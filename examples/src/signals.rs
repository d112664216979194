//! What a terminal, a service manager and a kubelet send to end a program.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// SIGTERM and SIGINT, counted together.
#[derive(Debug)]
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From now on the signals do not end the process by themselves. Needs a tokio runtime.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
