//! One entry of `bindings`.

use mqttkube_mapping::yaml::{Cursor, FromNode, Section};

use super::items::{read_action, read_patch, read_watch};
use super::{Placed, cases, numbered, optional, required};
use crate::config::spec::{BindingSpec, Origin, SelectorSpec, TargetSpec};

impl Placed for BindingSpec {
    fn origin(&mut self) -> &mut Origin {
        &mut self.origin
    }
}

pub(super) fn read_binding(cursor: &Cursor<'_>) -> Option<BindingSpec> {
    let mut section = cursor.section("a binding")?;
    let mut origin = Origin::default();
    let resource = resource(&mut section, &mut origin);
    let target = target(&mut section, &mut origin);
    let binding = BindingSpec {
        id: optional(&mut section, "id", &mut origin),
        namespace: optional(&mut section, "namespace", &mut origin),
        watch: numbered(section.one_or_many("watch"), |item| read_watch(&item)),
        patch: numbered(section.one_or_many("patch"), |item| read_patch(&item)),
        action: numbered(section.one_or_many("action"), |item| read_action(&item)),
        tests: cases::read_cases(&mut section),
        tree: words_tree(cursor),
        resource,
        target,
        origin,
    };
    section.finish();
    Some(binding)
}

fn resource(section: &mut Section<'_>, origin: &mut Origin) -> String {
    let found = section.get_either("resource", "kind");
    let text = match found {
        Some(cursor) => cursor.read(),
        None => section.missing("resource"),
    };
    text.unwrap_or_else(|| {
        origin.unread.push("resource");
        String::new()
    })
}

/// Exactly one of `name` and `selector`.
fn target(section: &mut Section<'_>, origin: &mut Origin) -> TargetSpec {
    match section
        .get("selector")
        .filter(|selector| !selector.node().is_null())
    {
        Some(selector) => {
            if section.get("name").is_some() {
                let help = "keep `name` for one object, or `selector` for many";
                selector.error_with_help("a binding has either a name or a selector", help);
            }
            let selector = selector.read().unwrap_or_else(|| {
                origin.unread.push("selector");
                SelectorSpec::default()
            });
            TargetSpec::Selector(selector)
        }
        None => TargetSpec::Name(required(section, "name", origin)),
    }
}

impl FromNode for SelectorSpec {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        let mut section = cursor.section("a selector")?;
        let selector = Self {
            labels: section.optional("labels"),
            fields: section.optional("fields"),
        };
        section.finish();
        Some(selector)
    }
}

/// The binding as templates see it: as written, with keys as text.
pub(super) fn words_tree(cursor: &Cursor<'_>) -> serde_json::Value {
    use mqttkube_mapping::yaml::{Content, Node};
    use serde_json::Value;

    fn convert(node: &Node) -> Value {
        match &node.content {
            Content::Sequence(items) => Value::Array(items.iter().map(convert).collect()),
            Content::Mapping(entries) => {
                let member = |entry: &mqttkube_mapping::yaml::Entry| {
                    let key = match convert(&entry.key) {
                        Value::String(text) => text,
                        other => other.to_string(),
                    };
                    (key, convert(&entry.value))
                };
                Value::Object(entries.iter().map(member).collect())
            }
            // Scalars always have a place in JSON.
            _ => node.to_json().unwrap_or_default(),
        }
    }
    convert(cursor.node())
}
