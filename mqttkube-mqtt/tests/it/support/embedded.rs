//! The embedded broker: in this process, in memory, on a free port.

use mqtt5::broker::config::{BrokerConfig, StorageBackend, StorageConfig};
use mqtt5::broker::{BrokerShutdownHandle, MqttBroker};
use tokio::task::JoinHandle;

pub(crate) struct Embedded {
    pub(crate) port: u16,
    shutdown: BrokerShutdownHandle,
    task: JoinHandle<()>,
}

impl Embedded {
    pub(crate) async fn start() -> Self {
        Self::on(0, |config| config).await
    }

    /// On a given port (0: a free one), with changes to the configuration.
    pub(crate) async fn on(port: u16, change: impl FnOnce(BrokerConfig) -> BrokerConfig) -> Self {
        let storage = StorageConfig {
            backend: StorageBackend::Memory,
            ..StorageConfig::default()
        };
        let config = BrokerConfig {
            bind_addresses: vec![([127, 0, 0, 1], port).into()],
            storage_config: storage,
            sys_topics_enabled: false,
            ..BrokerConfig::default()
        };
        let mut broker = MqttBroker::with_config(change(config))
            .await
            .expect("the broker starts");
        let port = broker.local_addr().expect("it listens").port();
        let shutdown = broker.shutdown_handle();
        let mut ready = broker.ready_receiver();
        let task = tokio::spawn(async move {
            broker.run().await.expect("the broker runs until it is stopped");
        });
        // Before that a request to stop would be missed.
        ready.wait_for(|ready| *ready).await.expect("the broker runs");
        Self { port, shutdown, task }
    }

    /// Returns when the port is free again.
    pub(crate) async fn stop(self) {
        self.shutdown.shutdown();
        self.task.await.expect("the broker ends in peace");
    }
}
