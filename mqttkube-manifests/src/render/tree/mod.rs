//! A plain text picture of a bundle: who talks to whom, and what the pods read and keep.

mod around;
mod pods;

use std::collections::BTreeSet;

use serde_json::Value;

use super::comment;
use crate::bundle::VerifiedBundle;
use crate::object::Object;

/// The picture: namespaces, in them what makes pods, and under that everything that has to do with these pods; then what
/// belongs to no pod.
///
/// ```
/// use mqttkube_manifests::bundle::Bundle;
/// use mqttkube_manifests::render::tree;
/// use serde_json::json;
///
/// let mut bundle = Bundle::new();
/// let metadata = json!({"name": "mosquitto", "namespace": "mqtt"});
/// bundle.add_value(json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata,
///     "spec": {"selector": {"app": "m"}, "ports": [{"name": "mqtt", "port": 1883, "targetPort": 1884}]}}))?;
/// bundle.add_value(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
///     "spec": {"template": {"metadata": {"labels": {"app": "m"}}, "spec": {"containers": [{"image": "m:2", "name": "m"}]}}}}))?;
/// let text = tree::render(&bundle.unverified("an example")?);
/// assert_eq!(text.lines().skip_while(|line| line.starts_with('#')).collect::<Vec<_>>(), [
///     "namespace mqtt",
///     "└─ Deployment mosquitto, 1 replica",
///     "   ├─ Service mosquitto, port 1883 -> 1884",
///     "   └─ container m, m:2",
/// ]);
/// # Ok::<(), mqttkube_manifests::bundle::BundleError>(())
/// ```
#[must_use]
pub fn render(bundle: &VerifiedBundle) -> String {
    let objects = bundle.objects();
    let places: BTreeSet<Option<&str>> = objects.iter().map(Object::namespace).collect();
    let mut text = comment::heading(bundle);
    for place in places {
        let here: Vec<&Object> = objects
            .iter()
            .filter(|object| object.namespace() == place)
            .collect();
        let root = Branch {
            text: place.map_or_else(|| "the cluster".to_owned(), |name| format!("namespace {name}")),
            below: namespace(&here),
        };
        root.write(&mut text);
    }
    text
}

/// A line, and what belongs under it.
struct Branch {
    text: String,
    below: Vec<Self>,
}

impl Branch {
    fn leaf(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            below: Vec::new(),
        }
    }

    fn write(&self, out: &mut String) {
        out.push_str(&comment::printable(&self.text));
        out.push('\n');
        self.write_below("", out);
    }

    fn write_below(&self, indent: &str, out: &mut String) {
        for (index, branch) in self.below.iter().enumerate() {
            let last = index + 1 == self.below.len();
            let (corner, further) = if last {
                ("└─ ", "   ")
            } else {
                ("├─ ", "│  ")
            };
            out.push_str(&format!("{indent}{corner}{}\n", comment::printable(&branch.text)));
            branch.write_below(&format!("{indent}{further}"), out);
        }
    }
}

fn namespace(objects: &[&Object]) -> Vec<Branch> {
    let mut shown = BTreeSet::new();
    let mut branches = Vec::new();
    for workload in objects.iter().filter(|object| pods::template(object).is_some()) {
        shown.insert(workload.key());
        let mut below = around::branches(workload, objects, &mut shown);
        below.extend(pods::branches(workload, objects, &mut shown));
        branches.push(Branch {
            text: title(workload),
            below,
        });
    }
    let rest = objects
        .iter()
        .filter(|object| !shown.contains(object.key()) && object.kind() != "Namespace");
    branches.extend(rest.map(|object| Branch::leaf(format!("{} {}", object.kind(), object.name()))));
    branches
}

fn title(workload: &Object) -> String {
    let name = format!("{} {}", workload.kind(), workload.name());
    match workload.kind() {
        "Deployment" | "StatefulSet" | "DeploymentConfig" => {
            match workload.at("/spec/replicas").as_u64().unwrap_or(1) {
                1 => format!("{name}, 1 replica"),
                count => format!("{name}, {count} replicas"),
            }
        }
        _ => name,
    }
}

/// Text or number, without quotes.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
