//! format.json: templates as outputs of a map are written.

use mqttkube_mapping::{Format, FormatErrorKind};
use serde_json::Value;

use crate::vectors;

#[test]
fn vectors_format() {
    vectors::run("format.json", &[], check);
}

fn check(case: &Value) -> Result<(), String> {
    let template = case["template"].as_str().expect("template is text");
    let names = case["context"].as_object().expect("context is an object");
    let parsed = Format::parse(template);
    let attribute = matches!(&parsed, Err(error) if error.kind == FormatErrorKind::Attribute);
    let result = match &parsed {
        Ok(format) => format
            .render(names)
            .map_err(|error| format!("{:?}: {error}", error.kind)),
        Err(error) => Err(format!("{:?} at {}: {error}", error.kind, error.column)),
    };
    let wanted = &case["expect"];
    let right = match &result {
        Ok(text) => wanted["text"].as_str() == Some(text),
        // An attribute has to be refused before there is any value.
        Err(_) => wanted.get("error").is_some() && (wanted["error"] != "attribute" || attribute),
    };
    if right {
        Ok(())
    } else {
        Err(format!("{template:?} gave {result:?}, not {wanted}"))
    }
}
