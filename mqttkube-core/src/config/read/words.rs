//! Words, numbers and small mappings that stand for a choice.

use mqttkube_mapping::yaml::{Content, Cursor, FromNode};
use mqttkube_mapping::{CastType, Encoding, TemplateMode};
use serde_json::Number;

use crate::binding::{OnAbsent, OnDelete, OnExists, OnMiss, Retained, Strategy, Verb};

macro_rules! words {
    ($($type:ty { $($word:literal => $value:expr),+ $(,)? })*) => {$(
        impl FromNode for $type {
            fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
                cursor.choice(&[$(($word, $value)),+])
            }
        }
    )*};
}

words! {
    OnMiss { "raw" => Self::Raw, "drop" => Self::Drop, "error" => Self::Error }
    OnAbsent { "null" => Self::Null, "skip" => Self::Skip }
    OnExists { "error" => Self::Error, "ignore" => Self::Ignore, "replace" => Self::Replace }
    Retained { "ignore" => Self::Ignore, "once" => Self::Once }
    Strategy { "auto" => Self::Auto, "apply" => Self::Apply, "merge" => Self::Merge, "json" => Self::Json }
    Verb {
        "launch" => Self::Launch,
        "delete" => Self::Delete,
        "restart" => Self::Restart,
        "suspend" => Self::Suspend,
        "resume" => Self::Resume,
        "trigger" => Self::Trigger,
    }
}

/// `clear`, `map-null`, `keep`, or `{payload: text}`.
impl FromNode for OnDelete {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        if !matches!(cursor.node().content, Content::Mapping(_)) {
            return cursor.choice(&[
                ("clear", Self::Clear),
                ("map-null", Self::MapNull),
                ("keep", Self::Keep),
            ]);
        }
        let mut section = cursor.section("on-delete")?;
        let payload = section.required("payload");
        section.finish();
        payload.map(Self::Payload)
    }
}

/// A quality of service.
pub(super) struct Qos(pub(super) u8);

impl FromNode for Qos {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        let level: i64 = cursor.read()?;
        let known = u8::try_from(level).ok().filter(|level| *level <= 2);
        if known.is_none() {
            cursor.error_with_help(
                format!("there is no quality of service {level}"),
                "write 0, 1 or 2",
            );
        }
        known.map(Self)
    }
}

/// A number that keeps whether it is an integer.
pub(super) struct Limit(pub(super) Number);

impl FromNode for Limit {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        match cursor.node().content {
            Content::Int(number) => Some(Self(number.into())),
            Content::Float(number) => Number::from_f64(number).map(Self),
            _ => cursor.expected("a number"),
        }
    }
}

pub(super) const ENCODINGS: &[(&str, Encoding)] = &[("text", Encoding::Text), ("json", Encoding::Json)];

pub(super) const CASTS: &[(&str, CastType)] = &[
    ("auto", CastType::Auto),
    ("string", CastType::String),
    ("int", CastType::Int),
    ("float", CastType::Float),
    ("bool", CastType::Bool),
    ("json", CastType::Json),
];

pub(super) const MODES: &[(&str, TemplateMode)] = &[
    ("structured", TemplateMode::Structured),
    ("text", TemplateMode::Text),
];
