//! Names and quantities against the rules of Kubernetes.

mod names;
mod quantities;
