//! Names and quantities against the rules of Kubernetes; bundles, their check, and what is made of them.

mod broker;
mod broker_laws;
mod broker_problems;
mod bundles;
mod check_brokers;
mod check_charts;
mod check_rules;
mod check_tutorials;
mod haproxy;
mod legacy;
mod migrate;
mod names;
mod objects;
mod quantities;
mod render_helm;
mod render_kustomize;
mod render_yaml;
mod scenarios;
mod topologies;
