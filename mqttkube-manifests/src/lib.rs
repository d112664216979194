//! Typed, checked builders for MQTT brokers, bridges and services on Kubernetes.
//!
//! - [`name`]: names that are valid by construction, literals at compile time.
//! - [`quantity`]: amounts of memory, storage and processor time.
//! - [`object`]: one Kubernetes object of any kind.
//! - [`bundle`]: objects that belong together. Renderers take only a bundle that was checked.
//! - [`broker`]: one broker as a model, and everything that it becomes.
//! - [`build`]: the parts that bundles are put together from.
//! - [`check`]: the check, with a stable code for everything that it finds.
//! - [`haproxy`]: the proxy in front of several brokers.
//! - [`legacy`]: well-known tutorials as they stand, to migrate from.
//! - [`scenario`]: whole deployments from the few things that only their owner knows.
//! - [`topology`]: several brokers joined by bridges, with the proof that no message goes round.
//! - [`migrate`]: ways out of manifests that have grown old, with a list of what changed and why.
//! - [`render`]: what is made of a checked bundle.
//!
//! With the feature `apply` there is also `apply`: server-side apply, prune, wait and diff.

#[cfg(feature = "apply")]
pub mod apply;
pub mod broker;
pub mod build;
pub mod bundle;
pub mod check;
pub mod haproxy;
pub mod legacy;
pub mod migrate;
pub mod name;
pub mod object;
pub mod quantity;
pub mod render;
pub mod scenario;
pub mod topology;
