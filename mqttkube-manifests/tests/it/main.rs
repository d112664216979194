//! Names and quantities against the rules of Kubernetes; bundles and their check.

mod broker;
mod broker_laws;
mod broker_problems;
mod bundles;
mod check_brokers;
mod check_rules;
mod check_tutorials;
mod haproxy;
mod legacy;
mod migrate;
mod names;

mod quantities;
mod scenarios;
mod topologies;
