//! What mqttkube-manifests renders, judged by the programs that will read it: kubectl, helm, kubeconform, an API server,
//! Mosquitto and HAProxy.
#![allow(clippy::unwrap_used, reason = "a test that unwraps fails at the right place")]
#![allow(
    clippy::needless_pass_by_value,
    reason = "values are written where they are passed"
)]

mod api_server;
mod cases;
mod clients;
mod configuration;
mod haproxy;
mod hashes;
mod kubelet;
mod outputs;
mod rights;
mod schemas;
mod site;
mod tools;
mod topology;
