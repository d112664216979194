//! The harness: brokers, API servers, proxies and programs that tests start, break and look at.
//!
//! | module | what |
//! |---|---|
//! | [`wait`] | wait for a condition with a deadline, never for a time |
//! | [`any_broker`] | the embedded broker or Mosquitto, for tests that are told with both |
//! | [`broker`] | an MQTT broker inside this process |
//! | [`fake_api`] | a Kubernetes API inside this process, for `kube::Client` and, over HTTP, for `kubectl` |
//! | [`api_faults`] | what can go wrong between a client and an API server, on command |
//! | [`fake_cloud`] | a cloud broker inside this process that checks tokens, counts, and misbehaves on command |
//! | [`mqtt_probe`] | a plain MQTT 5 client, and a consumer that keeps its session over every fault |
//! | [`proxy`] | a TCP proxy that delays, cuts, slices and swallows |
//! | [`process`] | real programs as child processes: Mosquitto, the control plane, a node |
//! | [`program`] | our own programs as child processes |
//! | [`skip`] | tests that need what this machine may not have |
//!
//! Tests in process live in `it/`, tests against real components in `real/`.

pub mod any_broker;
pub mod api_faults;
pub mod broker;
pub mod fake_api;
pub mod fake_cloud;
pub mod mqtt_probe;
pub mod process;
pub mod program;
pub mod proxy;
pub mod skip;
pub mod wait;
mod wire;
