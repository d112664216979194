//! An MQTT broker inside this process: 3.1.1 and 5, in memory, up in a millisecond.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context as _, Result};
use mqtt5::broker::config::{BrokerConfig, StorageBackend, StorageConfig};
use mqtt5::broker::{BrokerShutdownHandle, MqttBroker};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// A broker on 127.0.0.1 that anybody may use.
///
/// Retained messages and sessions live as long as it runs; with [`EmbeddedBroker::persistent`] they
/// also survive [`restart`](EmbeddedBroker::restart). Dropping it closes the port.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// let broker = mqttkube_tests::broker::EmbeddedBroker::start().await?;
/// println!("mqtt://{}", broker.address());
/// broker.stop().await?;
/// # anyhow::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct EmbeddedBroker {
    address: SocketAddr,
    folder: Option<TempDir>,
    running: Option<Running>,
}

struct Running {
    handle: BrokerShutdownHandle,
    task: JoinHandle<mqtt5::Result<()>>,
}

impl EmbeddedBroker {
    /// Starts a broker on a free port.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start() -> Result<Self> {
        Self::start_on(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await
    }

    /// Starts a broker on `address`; port 0 takes a free one.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start_on(address: SocketAddr) -> Result<Self> {
        let mut broker = Self {
            address,
            folder: None,
            running: None,
        };
        broker.run().await?;
        Ok(broker)
    }

    /// Starts a broker whose retained messages and sessions survive a restart.
    ///
    /// # Errors
    /// When no port can be bound or no temporary folder can be made.
    pub async fn persistent() -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut broker = Self {
            address,
            folder: Some(TempDir::new()?),
            running: None,
        };
        broker.run().await?;
        Ok(broker)
    }

    /// Where clients connect to; the same before and after a restart.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Ends the broker and waits until its port is closed.
    ///
    /// # Errors
    /// When the broker ended with an error of its own.
    pub async fn stop(mut self) -> Result<()> {
        self.halt().await
    }

    /// Ends the broker and leaves the port closed until [`restart`](Self::restart).
    ///
    /// # Errors
    /// When the broker ended with an error of its own.
    pub async fn halt(&mut self) -> Result<()> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        running.handle.shutdown();
        running.task.await.context("the broker's task failed")??;
        Ok(())
    }

    /// Ends the broker if it runs, and starts it again on the same port.
    ///
    /// # Errors
    /// When the port was taken by somebody else meanwhile.
    pub async fn restart(&mut self) -> Result<()> {
        self.halt().await?;
        self.run().await
    }

    async fn run(&mut self) -> Result<()> {
        let config = BrokerConfig::new()
            .with_bind_addresses(vec![self.address])
            .with_sys_topics_enabled(false)
            .with_storage(self.storage());
        let mut broker = MqttBroker::with_config(config)
            .await
            .context("the embedded broker does not start")?;
        self.address = broker
            .local_addr()
            .context("the embedded broker has no address")?;
        let handle = broker.shutdown_handle();
        let mut ready = broker.ready_receiver();
        let task = tokio::spawn(async move { broker.run().await });
        self.running = Some(Running { handle, task });
        tokio::time::timeout(Duration::from_secs(5), ready.wait_for(|ready| *ready))
            .await
            .context("the embedded broker does not get ready")??;
        Ok(())
    }

    /// The broker's default would write to the working directory; switching persistence off would
    /// switch off sessions, too.
    fn storage(&self) -> StorageConfig {
        let config = StorageConfig::new().with_max_queued_messages_per_client(1_000_000);
        match &self.folder {
            Some(folder) => config
                .with_backend(StorageBackend::File)
                .with_base_dir(folder.path().to_owned()),
            None => config.with_backend(StorageBackend::Memory),
        }
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Running")
    }
}

impl Drop for EmbeddedBroker {
    fn drop(&mut self) {
        if let Some(running) = &self.running {
            running.handle.shutdown();
        }
    }
}
