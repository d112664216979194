//! Rolling updates of a workload on a volume for one node.

use serde_json::{Value, json};

use super::{Change, Work, items, key, put};
use crate::bundle::Bundle;

/// A Deployment with at most one replica on a claim for one node (`ReadWriteOnce`, `ReadWriteOncePod`) gets the strategy
/// `Recreate`.
#[must_use]
pub fn one_volume(bundle: &Bundle) -> (Bundle, Vec<Change>) {
    let mut work = Work::new(bundle);
    for index in 0..work.objects.len() {
        let object = &work.objects[index];
        let spec = &object["spec"];
        let rolling = object["kind"] == "Deployment" && spec["strategy"]["type"] != "Recreate";
        if !rolling || spec["replicas"].as_u64().unwrap_or(1) > 1 || !on_one_node(&work, object) {
            continue;
        }
        let name = key(object);
        put(
            &mut work.objects[index],
            &["spec", "strategy"],
            json!({"type": "Recreate"}),
        );
        work.say(
            &name,
            "spec.strategy",
            "the strategy becomes Recreate",
            "in a rolling update the new pod waits for the volume and the old one for the new pod",
        );
    }
    work.done()
}

fn on_one_node(work: &Work, object: &Value) -> bool {
    let claims = items(&object["spec"]["template"]["spec"]["volumes"])
        .filter_map(|volume| volume["persistentVolumeClaim"]["claimName"].as_str());
    claims
        .filter_map(|claim| work.find("PersistentVolumeClaim", &object["metadata"]["namespace"], claim))
        .any(|claim| {
            let modes = &work.objects[claim]["spec"]["accessModes"];
            items(modes).any(|mode| mode == "ReadWriteOnce" || mode == "ReadWriteOncePod")
        })
}
