//! One dependable MQTT session.
//!
//! A session connects, stays connected, and keeps two promises at QoS 1: what was accepted for publishing is sent until
//! the broker answers, and what arrived is acknowledged only when its receiver says so. MQTT 5 and 3.1.1, plain, TLS,
//! mutual TLS, WebSocket (feature `websocket`).
//!
//! ```no_run
//! use std::time::Duration;
//! use mqttkube_mqtt::{connect, Availability, Event, Options, Publish, Subscription};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::builder("127.0.0.1", "fan-switch").availability(Availability::new("fan/status")).build()?;
//! let (client, mut events) = connect(options);
//! client.subscribe(vec![Subscription::new("fan/set")])?;
//! while let Some(event) = events.next().await {
//!     match event {
//!         Event::Message(message) => {
//!             let receipt = client.publish(Publish::new("fan/state", message.payload.clone()).retained()).await?;
//!             receipt.await?; // the broker has it
//!             client.ack(message.token)?; // now it may forget the command
//!         }
//!         Event::Offline { kicked: true, .. } => break,
//!         other => println!("{other:?}"),
//!     }
//! }
//! client.close(Duration::from_secs(5)).await;
//! # Ok(())
//! # }
//! ```

mod ack_window;
mod answers;
mod attempt;
mod client;
mod credentials;
mod end;
mod error;
mod event;
mod handover;
mod inbox;
mod link;
mod message;
mod online;
mod options;
mod outbox;
mod pulse;
mod receipt;
mod reports;
mod retry;
mod session;
mod spec;
mod status;
mod tls;
mod transport;
mod wire;

pub use client::{Client, connect};
pub use credentials::{Credentials, CredentialsError, Later, Login, Password, Renew};
pub use error::{Error, OptionsError, PublishError, TlsError};
pub use event::{AckToken, Event, Received, Version, Warning};
pub use message::{Publish, QoS, RetainHandling, Subscription};
pub use options::{Availability, Opening, Options, OptionsBuilder, Reconnect, Transport};
pub use receipt::{Delivery, Receipt};
pub use reports::Events;
pub use spec::{AvailabilitySpec, MqttSpec};
pub use status::{State, Status};
pub use tls::{Tls, TlsVersion};
