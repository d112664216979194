//! How pods keep apart.

use serde_json::{Value, json};

use super::{Broker, Spread};
use crate::build::App;
use crate::name::LabelKey;

/// The label that names the system of several.
const PART_OF: LabelKey = LabelKey::literal("app.kubernetes.io/part-of");

/// Whether the broker belongs to a system of several.
pub(super) fn is_part(broker: &Broker) -> bool {
    broker.labels.contains_key(&PART_OF)
}

/// Replicas, and brokers that are part of one system, keep apart.
pub(super) fn affinity(app: &App, broker: &Broker) -> Option<Value> {
    let labels = match (&broker.cluster, broker.labels.get(&PART_OF)) {
        (Some(_), _) => app.selector(),
        (None, Some(system)) => json!({PART_OF.as_str(): system, "app.kubernetes.io/name": "mosquitto"}),
        (None, None) => return None,
    };
    let term = json!({"topologyKey": "kubernetes.io/hostname", "labelSelector": {"matchLabels": labels}});
    let rule = match broker.spread {
        Spread::None => return None,
        Spread::Preferred => {
            json!({"preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 100, "podAffinityTerm": term}]})
        }
        Spread::Required => json!({"requiredDuringSchedulingIgnoredDuringExecution": [term]}),
    };
    Some(json!({"podAntiAffinity": rule}))
}

/// Replicas are spread over zones; over nodes too, by the affinity.
pub(super) fn constraints(app: &App, broker: &Broker) -> Option<Value> {
    broker.cluster.as_ref()?;
    let unsatisfiable = match broker.spread {
        Spread::None => return None,
        Spread::Preferred => "ScheduleAnyway",
        Spread::Required => "DoNotSchedule",
    };
    Some(json!([{
        "maxSkew": 1,
        "topologyKey": "topology.kubernetes.io/zone",
        "whenUnsatisfiable": unsatisfiable,
        "labelSelector": {"matchLabels": app.selector()},
    }]))
}
