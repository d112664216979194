//! The embedded broker or Mosquitto, for tests that are told with both.

use std::net::SocketAddr;

use anyhow::Result;

use crate::broker::EmbeddedBroker;
use crate::process::Mosquitto;

/// A broker on 127.0.0.1.
#[derive(Debug)]
pub enum Broker {
    /// In this process. It forgets everything when it ends.
    Embedded(EmbeddedBroker),
    /// A process of its own, as it was configured.
    Mosquitto(Box<Mosquitto>),
}

impl Broker {
    /// Where clients connect to; the same before and after a restart.
    pub fn address(&self) -> SocketAddr {
        match self {
            Self::Embedded(broker) => broker.address(),
            Self::Mosquitto(broker) => broker.address(),
        }
    }

    /// Ends it in good order and leaves its port closed.
    ///
    /// # Errors
    /// When it ended with an error of its own.
    pub async fn halt(&mut self) -> Result<()> {
        match self {
            Self::Embedded(broker) => broker.halt().await,
            Self::Mosquitto(broker) => broker.terminate().await,
        }
    }

    /// Starts it again on its port.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(&mut self) -> Result<()> {
        match self {
            Self::Embedded(broker) => broker.restart().await,
            Self::Mosquitto(broker) => broker.start().await,
        }
    }
}
