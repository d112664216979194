//! From an object to the bytes of one item.

use std::borrow::Cow;

use mqttkube_mapping::{Hits, Input, Outcome, publish_bytes};
use serde_json::Value;

use crate::binding::{OnAbsent, OnDelete, OnMiss, WatchItem};

/// What an item makes of an object.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Rendered {
    Payload(Vec<u8>),
    /// The item says that nothing is to be published.
    Nothing,
    /// A mapping failed. Never to be replaced by the raw value.
    Failed(String),
}

/// The payload for an object that is there.
pub(super) fn present(item: &WatchItem, object: &Value) -> Rendered {
    let value = match item.locus.read(object) {
        Ok(Hits::One(value)) => Cow::Borrowed(value),
        Ok(Hits::Many(values)) => Cow::Owned(values.into_iter().cloned().collect()),
        Ok(Hits::None) if item.on_absent == OnAbsent::Skip => return Rendered::Nothing,
        Ok(Hits::None) => Cow::Owned(Value::Null),
        Err(error) => return Rendered::Failed(error.to_string()),
    };
    mapped(item, &value)
}

/// The payload for an object that is gone.
pub(super) fn gone(item: &WatchItem) -> Rendered {
    match &item.on_delete {
        OnDelete::Clear => Rendered::Payload(Vec::new()),
        OnDelete::MapNull => mapped(item, &Value::Null),
        OnDelete::Keep => Rendered::Nothing,
        OnDelete::Payload(text) => Rendered::Payload(text.clone().into_bytes()),
    }
}

fn mapped(item: &WatchItem, value: &Value) -> Rendered {
    match (item.values.lookup(Input::json(value)), item.on_miss) {
        (Outcome::Match(found), _) => Rendered::Payload(publish_bytes(found.output(), item.encoding)),
        (Outcome::Miss(_), OnMiss::Raw) => Rendered::Payload(publish_bytes(value, item.encoding)),
        (Outcome::Miss(_), OnMiss::Drop) => Rendered::Nothing,
        (Outcome::Miss(_), OnMiss::Error) => {
            Rendered::Failed(format!("no entry of the map takes {}", brief(value)))
        }
        (Outcome::Error(error), _) => Rendered::Failed(error.to_string()),
    }
}

/// A value for an error message.
fn brief(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
