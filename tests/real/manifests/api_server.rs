//! The real API server takes what is rendered: strictly, under restricted Pod Security, twice without a change.

mod accepted;
mod applying;

use kube::Client;
use mqttkube_manifests::apply::{Applied, Applier, Options, Outcome};
use mqttkube_manifests::bundle::{Bundle, VerifiedBundle};
use serde_json::Value;

use super::site::LONG;

fn applier(client: &Client, change: impl FnOnce(&mut Options)) -> Applier {
    let mut options = Options::default();
    options.deadline = LONG;
    change(&mut options);
    Applier::new(client.clone(), options)
}

fn outcomes(applied: &[Applied]) -> Vec<Outcome> {
    let mut outcomes: Vec<_> = applied.iter().map(|applied| applied.outcome).collect();
    outcomes.sort_unstable();
    outcomes.dedup();
    outcomes
}

fn bundle(objects: &[Value]) -> VerifiedBundle {
    let mut bundle = Bundle::new();
    for object in objects {
        bundle.add_value(object.clone()).unwrap();
    }
    bundle.unverified("a test").unwrap()
}
