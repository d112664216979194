//! Which objects are made by generators, and how.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::bundle::VerifiedBundle;
use crate::object::{Object, ObjectKey};
use crate::render::error::RenderError;
use crate::render::{File, canonical, hash, references};

/// The objects with a hash in their name: made by kustomize, or named before it sees them.
pub(super) struct Generators {
    generated: BTreeSet<ObjectKey>,
    before: BTreeSet<ObjectKey>,
}

impl Generators {
    /// Decides for each key, looking at all layers.
    pub(super) fn choose(
        keys: &BTreeSet<ObjectKey>,
        layers: &[&VerifiedBundle],
    ) -> Result<Self, RenderError> {
        let mut chosen = Self {
            generated: BTreeSet::new(),
            before: BTreeSet::new(),
        };
        for key in keys {
            if hash::hashed_kind(key).is_none() {
                return Err(RenderError::NotHashed(key.to_string()));
            }
            let found =
                |layer: &&VerifiedBundle| layer.objects().iter().find(|object| object.key() == key).cloned();
            let objects: Vec<Object> = layers.iter().filter_map(found).collect();
            let first = objects
                .first()
                .ok_or_else(|| RenderError::Absent(key.to_string()))?;
            let alike = objects
                .iter()
                .all(|object| frame(object.value()) == frame(first.value()) && is_text(object.value()));
            let unseen = layers
                .iter()
                .flat_map(|layer| layer.objects())
                .any(|object| references::unseen(object.value(), object.namespace(), key));
            let set = if alike && !unseen {
                &mut chosen.generated
            } else {
                &mut chosen.before
            };
            set.insert(key.clone());
        }
        Ok(chosen)
    }

    /// Made by a generator.
    pub(super) fn has(&self, key: &ObjectKey) -> bool {
        self.generated.contains(key)
    }

    /// Named before kustomize sees them.
    pub(super) const fn hashed_before(&self) -> &BTreeSet<ObjectKey> {
        &self.before
    }
}

/// Everything but the data; `None` when there is more than a generator can say.
fn frame(value: &Value) -> Option<Value> {
    let mut frame = canonical::object(value);
    let object = frame.as_object_mut()?;
    object.remove("data");
    let members = ["apiVersion", "kind", "metadata", "type", "immutable"];
    let metadata = ["name", "namespace", "labels", "annotations"];
    let known = object.keys().all(|key| members.contains(&key.as_str()))
        && object
            .get("metadata")?
            .as_object()?
            .keys()
            .all(|key| metadata.contains(&key.as_str()));
    known.then_some(frame)
}

/// Whether every value can be a text file.
fn is_text(value: &Value) -> bool {
    let value = canonical::object(value);
    frame(&value).is_some() && texts(&value).is_some()
}

/// Key and text of all data; `None` when some of it is no text.
fn texts(value: &Value) -> Option<Vec<(String, String)>> {
    let data = value["data"].as_object().cloned().unwrap_or_default();
    let secret = value["kind"] == "Secret";
    let text = |(key, value): (String, Value)| {
        let text = value.as_str()?;
        if !secret {
            return Some((key, text.to_owned()));
        }
        let bytes = STANDARD.decode(text).ok()?;
        Some((key, String::from_utf8(bytes).ok()?))
    };
    data.into_iter().map(text).collect()
}

/// One entry of `configMapGenerator` or `secretGenerator`.
#[derive(Serialize)]
pub(super) struct Generator {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<String>,
    behavior: &'static str,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    literals: Vec<String>,
    #[serde(skip_serializing_if = "Options::is_empty")]
    options: Options,
}

#[derive(Serialize)]
struct Options {
    #[serde(skip_serializing_if = "Map::is_empty")]
    labels: Map<String, Value>,
    #[serde(skip_serializing_if = "Map::is_empty")]
    annotations: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    immutable: Option<bool>,
}

impl Options {
    fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.annotations.is_empty() && self.immutable.is_none()
    }
}

impl Generator {
    /// The entry for an object, and the files that it reads.
    pub(super) fn of(key: &ObjectKey, value: &Value, behavior: &'static str) -> (Self, Vec<File>) {
        let folder = format!(
            "files/{}/{}-{}",
            key.namespace.as_deref().unwrap_or("default"),
            key.kind.to_ascii_lowercase(),
            key.name
        );
        let map = |member: &str| value["metadata"][member].as_object().cloned().unwrap_or_default();
        let mut generator = Self {
            name: key.name.clone(),
            namespace: key.namespace.clone(),
            behavior,
            kind: value["type"].as_str().map(str::to_owned),
            files: Vec::new(),
            literals: Vec::new(),
            options: Options {
                labels: map("labels"),
                annotations: map("annotations"),
                immutable: value["immutable"].as_bool(),
            },
        };
        let mut files = Vec::new();
        for (name, text) in texts(value).unwrap_or_default() {
            if is_plain(&text) {
                generator.literals.push(format!("{name}={text}"));
            } else {
                let path = format!("{folder}/{name}");
                generator.files.push(format!("{name}={path}"));
                files.push(File::new(path, text));
            }
        }
        (generator, files)
    }
}

/// Text that kustomize takes over as it stands: it would strip quotes.
fn is_plain(text: &str) -> bool {
    let harmless = |character: char| character.is_ascii_alphanumeric() || "./:_-".contains(character);
    !text.is_empty() && text.len() <= 120 && text.chars().all(harmless)
}
