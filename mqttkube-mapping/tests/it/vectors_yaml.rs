//! YAML: the known answers.

use mqttkube_mapping::yaml::{self, Content, Entry, Node};
use serde_json::{Map, Value, json};

use crate::vectors;

#[test]
fn vectors_yaml() {
    vectors::run("yaml.json", &[], |case| {
        let text = case["yaml"].as_str().expect("a text");
        let folder = case["config_dir"].as_str().unwrap_or_default();
        let result = yaml::parse(text, "case.yaml", folder);
        match (result, case["expect"].get("value")) {
            (Ok(tree), Some(expected)) => {
                let value = shown(tree.root());
                if value == *expected {
                    Ok(())
                } else {
                    Err(format!("{text:?}: {value} instead of {expected}"))
                }
            }
            (Ok(tree), None) => Err(format!("{text:?}: {} instead of an error", shown(tree.root()))),
            (Err(errors), Some(expected)) => Err(format!("{text:?}: {errors} instead of {expected}")),
            (Err(_), None) => Ok(()),
        }
    });
}

/// A node in the notation of the cases, where mappings with other keys than text are lists of pairs.
fn shown(node: &Node) -> Value {
    match &node.content {
        Content::Sequence(items) => items.iter().map(shown).collect(),
        Content::Mapping(entries) if entries.iter().all(|entry| entry.key.as_str().is_some()) => {
            let member = |Entry { key, value }: &Entry| Some((key.as_str()?.to_owned(), shown(value)));
            Value::Object(entries.iter().filter_map(member).collect::<Map<_, _>>())
        }
        Content::Mapping(entries) => {
            let pair = |Entry { key, value }: &Entry| json!([typed(key), shown(value)]);
            json!({ "$pairs": entries.iter().map(pair).collect::<Vec<_>>() })
        }
        _ => node.to_json().expect("a scalar is JSON"),
    }
}

fn typed(key: &Node) -> Value {
    match &key.content {
        Content::Text(text) => json!(["str", text]),
        Content::Int(number) => json!(["int", number.to_string()]),
        Content::Float(number) => json!(["float", format!("{number:?}")]),
        Content::Bool(value) => json!(["bool", value.to_string()]),
        _ => json!(["null", "null"]),
    }
}
