//! Bindings between MQTT topics and Kubernetes objects: values of objects are published when they change, messages
//! change a field of an object, launch one or delete one.
//!
//! A program that has a client for its API server, an MQTT broker and a tokio runtime can run bindings beside its own
//! work and look at them:
//!
//! ```
//! use mqttkube_core::{config, runtime::Runtime};
//! use mqttkube_mqtt::Options;
//!
//! const BINDINGS: &str = "
//! bindings:
//!   - namespace: media
//!     resource: Deployment
//!     name: jellyfin
//!     patch: {topic: jellyfin/power/set, locus: spec.replicas, values: {map: {'ON': 1, 'OFF': 0}}}
//!     watch: {topic: jellyfin/power/state, locus: status.availableReplicas, retain: true}
//! ";
//!
//! async fn bind(
//!     client: kube::Client,
//!     stop: impl Future<Output = ()> + Send + 'static,
//! ) -> Result<(), Box<dyn std::error::Error>> {
//!     let plan = config::parse(BINDINGS, "bindings.yaml", "", |_| ())?.plan;
//!     let broker = Options::builder("127.0.0.1", "my-program").build()?;
//!     let runtime = Runtime::builder(plan, client, broker).stop_when(stop).build();
//!     let handle = runtime.handle();
//!     let running = tokio::spawn(runtime.run());
//!     let health = handle.health().await;
//!     println!("ready: {}, because {:?}", health.ready, health.reasons);
//! #   assert!(health.live && !health.ready, "nobody is there in a documentation test");
//!     running.await??;
//!     Ok(())
//! }
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! #     tokio::runtime::Runtime::new()?.block_on(async {
//! #         let nobody = tower::service_fn(|_: http::Request<kube::client::Body>| async {
//! #             std::future::pending::<Result<http::Response<kube::client::Body>, std::io::Error>>().await
//! #         });
//! #         bind(kube::Client::new(nobody, "default"), tokio::time::sleep(std::time::Duration::from_millis(50))).await
//! #     })
//! # }
//! ```
//!
//! Bindings can be built without YAML. They are checked and compiled in the same way:
//!
//! ```
//! use mqttkube_core::config::{BindingSpec, PatchItemSpec, SessionFacts, Spec, WatchItemSpec};
//!
//! let jellyfin = BindingSpec::new("Deployment", "jellyfin")
//!     .namespace("media")
//!     .patch(PatchItemSpec::new("jellyfin/replicas/set", "spec.replicas"))
//!     .watch(WatchItemSpec::new("status.availableReplicas", "jellyfin/replicas"));
//! let spec = Spec::new(vec![jellyfin]);
//! let plan = spec.compile(&SessionFacts::default())?.plan;
//! assert_eq!(plan.filters().len(), 1);
//! # Ok::<(), mqttkube_core::config::SpecErrors>(())
//! ```
//!
//! What is decided is apart from what is done. The [`engine`] is a pure function from events to effects; the
//! [`runtime`] performs the effects with [`kube`] and `mqttkube-mqtt`. Reading order: [`event`], [`engine`],
//! [`runtime`]; for the way from text to [`plan`]: [`config`].
//!
//! # Promises
//!
//! - A command is acknowledged to the broker when the API server has carried it out or has refused it for good, so no
//!   restart of anything loses one (QoS 1, and a broker that keeps sessions).
//! - Commands to one object keep their order; commands to different objects do not wait for each other.
//! - After a change, or after an outage, the topics of a watch show the present state of the object.
//! - The library reads no environment, writes no files, installs no log subscriber and never ends the process. Nothing
//!   of it runs on after [`runtime::Runtime::run`] has returned.

pub mod binding;
pub mod cases;
pub mod config;
pub mod engine;
pub mod event;
pub mod explain;
mod hash;
pub mod health;
pub mod ids;
pub mod kinds;
mod launch;
pub mod plan;
pub mod report;
pub mod runtime;
pub mod topic_template;
