//! mqtt-kube.

fn main() {}
