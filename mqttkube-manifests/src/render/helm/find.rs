//! Where a value shows: by comparing what the model makes of different values.

use std::ops::Range;

use serde_json::Value;

use super::parameter::{Parameter, Target};
use crate::bundle::VerifiedBundle;
use crate::object::ObjectKey;
use crate::render::change::escape;
use crate::render::error::RenderError;
use crate::render::objects;

/// All places, the same for every probe.
pub(super) fn targets(
    parameter: &Parameter,
    bundle: &VerifiedBundle,
    probes: &[(&Value, VerifiedBundle)],
) -> Result<Vec<Target>, RenderError> {
    let mut found: Option<Vec<Target>> = None;
    for (probe, other) in probes {
        let places = compare(parameter, bundle, probe, other)?;
        if places.is_empty() {
            return Err(parameter.refuse(format!("{probe} changes nothing")));
        }
        match &found {
            Some(before) if *before != places => {
                return Err(parameter.refuse("what it changes depends on the value"));
            }
            _ => found = Some(places),
        }
    }
    Ok(found.unwrap_or_default())
}

fn compare(
    parameter: &Parameter,
    bundle: &VerifiedBundle,
    probe: &Value,
    other: &VerifiedBundle,
) -> Result<Vec<Target>, RenderError> {
    let keys: Vec<&ObjectKey> = bundle.objects().iter().map(|object| object.key()).collect();
    if keys.len() != other.objects().len()
        || keys
            .iter()
            .zip(other.objects())
            .any(|(key, object)| *key != object.key())
    {
        return Err(parameter.refuse(format!("with {probe} there are other objects")));
    }
    let mut search = Search {
        parameter,
        probe,
        found: Vec::new(),
    };
    for ((key, old), new) in keys.into_iter().zip(objects(bundle)).zip(objects(other)) {
        search.walk(key, "", &old, &new)?;
    }
    Ok(search.found)
}

struct Search<'a> {
    parameter: &'a Parameter,
    probe: &'a Value,
    found: Vec<Target>,
}

impl Search<'_> {
    fn walk(&mut self, key: &ObjectKey, pointer: &str, old: &Value, new: &Value) -> Result<(), RenderError> {
        match (old, new) {
            (Value::Object(before), Value::Object(after))
                if before.len() == after.len() && before.keys().all(|member| after.contains_key(member)) =>
            {
                for (member, value) in before {
                    self.walk(
                        key,
                        &format!("{pointer}/{}", escape(member)),
                        value,
                        &after[member],
                    )?;
                }
                Ok(())
            }
            (Value::Array(before), Value::Array(after)) if before.len() == after.len() => {
                for (index, (value, now)) in before.iter().zip(after).enumerate() {
                    self.walk(key, &format!("{pointer}/{index}"), value, now)?;
                }
                Ok(())
            }
            _ if old == new => Ok(()),
            _ => self.leaf(key, pointer, old, new),
        }
    }

    fn leaf(&mut self, key: &ObjectKey, pointer: &str, old: &Value, new: &Value) -> Result<(), RenderError> {
        let default = &self.parameter.default;
        let mut add = |range| {
            self.found.push(Target {
                object: key.clone(),
                pointer: pointer.to_owned(),
                range,
            });
        };
        if old == default && new == self.probe {
            add(None);
            return Ok(());
        }
        let ranges = match (old.as_str(), new.as_str()) {
            (Some(old), Some(new)) => ranges(
                old,
                &Parameter::shown(default),
                new,
                &Parameter::shown(self.probe),
            ),
            _ => None,
        };
        let Some(ranges) = ranges else {
            let reason = format!("{key} depends on it at {pointer} in another way than by holding it");
            return Err(self.parameter.refuse(reason));
        };
        ranges.into_iter().for_each(|range| add(Some(range)));
        Ok(())
    }
}

/// Where `old` holds `default` if `new` is the same text with `probe` there.
fn ranges(old: &str, default: &str, new: &str, probe: &str) -> Option<Vec<Range<usize>>> {
    let mut pieces = new.split(probe);
    let mut at = pieces.next()?.len();
    let mut rebuilt = new.split(probe).next()?.to_owned();
    let mut found = Vec::new();
    for piece in pieces {
        found.push(at..at + default.len());
        rebuilt.push_str(default);
        rebuilt.push_str(piece);
        at += default.len() + piece.len();
    }
    (rebuilt == old && !found.is_empty()).then_some(found)
}
