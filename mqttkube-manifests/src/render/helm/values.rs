//! `values.yaml` and its schema.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::parameter::Parameter;
use crate::render::error::RenderError;
use crate::render::{comment, yaml};

/// Values by the words of their path.
#[derive(Default)]
struct Branch<'a> {
    branches: BTreeMap<&'a str, Self>,
    leaf: Option<&'a Parameter>,
}

impl<'a> Branch<'a> {
    fn of(parameters: &'a [Parameter]) -> Result<Self, RenderError> {
        let mut root = Self::default();
        for parameter in parameters {
            let mut here = &mut root;
            for word in parameter.path.split('.') {
                if here.leaf.is_some() {
                    return Err(parameter.refuse("its path begins with that of another value"));
                }
                here = here.branches.entry(word).or_default();
            }
            if !here.branches.is_empty() {
                return Err(parameter.refuse("another value's path begins with it"));
            }
            here.leaf = Some(parameter);
        }
        Ok(root)
    }

    /// Comments are beyond the YAML writer, and all keys are words.
    fn write(&self, depth: usize, text: &mut String) {
        let indent = "  ".repeat(depth);
        for (word, branch) in &self.branches {
            if let Some(parameter) = branch.leaf {
                let comment = comment::printable(&parameter.description);
                let value = yaml::document(&json!({ *word: parameter.default }));
                text.push_str(&format!("{indent}# {comment}\n{indent}{value}"));
            } else {
                text.push_str(&format!("{indent}{word}:\n"));
                branch.write(depth + 1, text);
            }
        }
    }

    fn schema(&self) -> Value {
        if let Some(parameter) = self.leaf {
            return leaf_schema(parameter);
        }
        let properties = self.branches.iter();
        let properties: Map<_, _> = properties
            .map(|(word, branch)| ((*word).to_owned(), branch.schema()))
            .collect();
        let words: Vec<_> = self.branches.keys().collect();
        json!({"type": "object", "additionalProperties": false, "required": words, "properties": properties})
    }
}

/// The defaults, each below its description.
pub(super) fn yaml(parameters: &[Parameter]) -> Result<String, RenderError> {
    let tree = Branch::of(parameters)?;
    let mut text = String::new();
    tree.write(0, &mut text);
    Ok(if text.is_empty() { "{}\n".to_owned() } else { text })
}

/// JSON Schema, draft 7: what Helm checks values against.
pub(super) fn schema(parameters: &[Parameter]) -> String {
    let mut schema = Branch::of(parameters).map_or_else(|_| json!({}), |tree| tree.schema());
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    // What Helm adds when the chart is a part of another.
    schema["properties"]["global"] = json!({"type": "object"});
    let mut text = serde_json::to_string_pretty(&schema).expect("a tree is writable as JSON");
    text.push('\n');
    text
}

fn leaf_schema(parameter: &Parameter) -> Value {
    let mut schema = json!({"type": parameter.kind(), "description": parameter.description});
    if parameter.kind() == Some("string") {
        // A line break could begin something else in a configuration file.
        schema["pattern"] = "^[^\\x00-\\x1f\\x7f-\\x9f\u{2028}\u{2029}]+$".into();
    }
    let further = parameter
        .schema
        .as_object()
        .is_some_and(|further| !further.is_empty());
    if further {
        schema["allOf"] = json!([parameter.schema]);
    }
    schema
}
