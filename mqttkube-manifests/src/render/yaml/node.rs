//! Which notation a scalar gets.

use serde::ser::{Serialize, SerializeMap as _, SerializeSeq as _, Serializer};
use serde_json::Value;
use serde_saphyr::LitStr;

/// A JSON value on its way to YAML.
pub(super) struct Node<'a>(pub(super) &'a Value);

impl Serialize for Node<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Object(map) => {
                let mut out = serializer.serialize_map(Some(map.len()))?;
                for (key, value) in map {
                    out.serialize_entry(&Text(key), &Node(value))?;
                }
                out.end()
            }
            Value::Array(list) => {
                let mut out = serializer.serialize_seq(Some(list.len()))?;
                for value in list {
                    out.serialize_element(&Node(value))?;
                }
                out.end()
            }
            Value::String(text) if reads_well_as_block(text) => LitStr(text).serialize(serializer),
            Value::String(text) => Text(text).serialize(serializer),
            other => other.serialize(serializer),
        }
    }
}

/// Text on one line, as a value or a key.
struct Text<'a>(&'a str);

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// Text of several lines that every reader reads back as it is. Readers differ about a first line that is empty or
/// begins with a blank (go-yaml refuses a tab there), and about what is no printable character.
pub(super) fn reads_well_as_block(text: &str) -> bool {
    let printable = |character: char| {
        matches!(character, '\n' | '\t' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
            && !matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}')
    };
    text.contains('\n') && !text.starts_with([' ', '\t', '\n']) && text.chars().all(printable)
}
