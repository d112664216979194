//! The objects of a layer, and what changes from one layer to the next.

use serde_json::{Map, Value};

use super::generator::Generators;
use crate::bundle::VerifiedBundle;
use crate::object::ObjectKey;
use crate::render::error::RenderError;
use crate::render::{change, objects};

/// Objects in order.
#[derive(Clone, Debug)]
pub(super) struct State {
    pub(super) objects: Vec<(ObjectKey, Value)>,
}

/// What a layer does to one object.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Add(Value),
    Delete(Value),
    /// A JSON patch, and what becomes of it.
    Patch(Value, Vec<Value>),
    /// New members in the data of a generated object.
    MergeData(Value, Map<String, Value>),
    /// All new data of a generated object.
    ReplaceData(Value),
    /// A generated object that is not below.
    Generate(Value),
}

/// All changes of a layer.
pub(super) type Changes = Vec<(ObjectKey, Change)>;

impl State {
    pub(super) fn of(bundle: &VerifiedBundle) -> Self {
        let keys = bundle.objects().iter().map(|object| object.key().clone());
        Self {
            objects: keys.zip(objects(bundle)).collect(),
        }
    }

    fn get(&self, key: &ObjectKey) -> Option<&Value> {
        let found = self.objects.iter().find(|(here, _)| here == key);
        found.map(|(_, value)| value)
    }

    /// What has to change here so that `target` comes out.
    pub(super) fn to(&self, target: &Self, generators: &Generators) -> Changes {
        let gone = self.objects.iter().filter(|(key, _)| target.get(key).is_none());
        let mut changes: Changes = gone
            .map(|(key, value)| (key.clone(), Change::Delete(value.clone())))
            .collect();
        for (key, new) in &target.objects {
            let generated = generators.has(key);
            let change = match self.get(key) {
                None if generated => Change::Generate(new.clone()),
                None => Change::Add(new.clone()),
                Some(old) if old == new => continue,
                Some(old) if generated => data_change(old, new),
                Some(old) => Change::Patch(new.clone(), change::operations(old, new)),
            };
            changes.push((key.clone(), change));
        }
        changes
    }

    /// Does to these objects what kustomize will do.
    pub(super) fn apply(&mut self, changes: &Changes, component: &str) -> Result<(), RenderError> {
        let conflict = |key: &ObjectKey| RenderError::Conflict {
            component: component.to_owned(),
            object: key.to_string(),
        };
        for (key, change) in changes {
            let at = self.objects.iter().position(|(here, _)| here == key);
            match (change, at) {
                (Change::Add(value) | Change::Generate(value), None) => {
                    self.objects.push((key.clone(), value.clone()));
                }
                (Change::Delete(_), Some(at)) => {
                    self.objects.remove(at);
                }
                (Change::ReplaceData(value), Some(at)) => self.objects[at].1 = value.clone(),
                (Change::MergeData(_, data), Some(at)) => {
                    let Some(Value::Object(present)) = self.objects[at].1.get_mut("data") else {
                        return Err(conflict(key));
                    };
                    present.extend(data.clone());
                    present.sort_keys();
                }
                (Change::Patch(_, operations), Some(at)) => {
                    for operation in operations {
                        change::apply(&mut self.objects[at].1, operation).ok_or_else(|| conflict(key))?;
                    }
                }
                _ => return Err(conflict(key)),
            }
        }
        Ok(())
    }
}

/// Merging cannot take a member away.
fn data_change(old: &Value, new: &Value) -> Change {
    let empty = Map::new();
    let data = |value: &Value| value["data"].as_object().unwrap_or(&empty).clone();
    let (before, after) = (data(old), data(new));
    if before.is_empty() || before.keys().any(|key| !after.contains_key(key)) {
        return Change::ReplaceData(new.clone());
    }
    let changed = after
        .into_iter()
        .filter(|(key, value)| before.get(key) != Some(value));
    Change::MergeData(new.clone(), changed.collect())
}
