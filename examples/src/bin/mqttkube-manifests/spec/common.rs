//! Labels and annotations for everything that a document makes.

use std::collections::BTreeMap;

use mqttkube_manifests::build::App;
use mqttkube_manifests::bundle::{Bundle, BundleError};
use mqttkube_manifests::name::{LabelKey, LabelValue};
use mqttkube_manifests::object::{Object, ObjectKey};
use mqttkube_mapping::yaml::Section;
use serde_json::{Map, Value, json};

use super::words::{map, parse, value};

/// What all objects of a document get besides their own.
#[derive(Debug, Default)]
pub(super) struct Common {
    labels: BTreeMap<LabelKey, LabelValue>,
    annotations: BTreeMap<LabelKey, String>,
}

impl Common {
    pub(super) fn read(section: &mut Section<'_>) -> Self {
        let labels = map(section, "labels", parse);
        if let (Some(key), Some(place)) = (
            labels.keys().find(|key| App::selects_by(key)),
            value(section, "labels"),
        ) {
            let found = format!("the label `{key}` is what pods are found by");
            place.error_with_help(found, "use another label");
        }
        Self {
            labels,
            annotations: map(section, "annotations", |text| text.read()),
        }
    }

    /// The objects with labels and annotations; pods get the labels, too. Namespaces may belong to others.
    pub(super) fn put_on(&self, mut bundle: Bundle) -> Result<Bundle, BundleError> {
        if self.labels.is_empty() && self.annotations.is_empty() {
            return Ok(bundle);
        }
        let patch = |object: &Object| {
            let labels = missing(&self.labels, object.at("/metadata/labels"));
            let annotations = missing(&self.annotations, object.at("/metadata/annotations"));
            let mut patch = json!({"metadata": {"labels": labels, "annotations": annotations}});
            if object.at("/spec/template/metadata").is_object() {
                let labels = missing(&self.labels, object.at("/spec/template/metadata/labels"));
                patch["spec"] = json!({"template": {"metadata": {"labels": labels}}});
            }
            (object.key().clone(), patch)
        };
        let own = bundle
            .objects()
            .iter()
            .filter(|object| object.kind() != "Namespace");
        let patches: Vec<(ObjectKey, Value)> = own.map(patch).collect();
        for (key, patch) in patches {
            bundle.merge(&key, &patch)?;
        }
        Ok(bundle)
    }
}

/// What is not there yet: an object knows better what it is.
fn missing<V: ToString>(values: &BTreeMap<LabelKey, V>, there: &Value) -> Map<String, Value> {
    let missing = values.iter().filter(|(key, _)| there.get(key.as_str()).is_none());
    missing
        .map(|(key, value)| (key.to_string(), json!(value.to_string())))
        .collect()
}
