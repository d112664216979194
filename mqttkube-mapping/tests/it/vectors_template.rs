//! Templates: the known answers.

use mqttkube_mapping::{ObjectTemplate, StaticContext, TemplateContext, TemplateMode};
use serde_json::Value;

use crate::vectors;

#[test]
fn vectors_template() {
    vectors::run("template.json", &[], |case| {
        let (context, expect) = (&case["context"], &case["expect"]);
        let statics = StaticContext {
            binding: &context["binding"],
            action: &context["action"],
        };
        let text = case["template"].as_str().expect("a text");
        let template = match ObjectTemplate::parse(text, "t", "", TemplateMode::Structured, statics) {
            Ok(template) => template,
            Err(_) if expect.get("load_error").is_some() => return Ok(()),
            Err(errors) => return Err(format!("{text:?}: {errors}")),
        };
        let message = TemplateContext {
            uid: context["uid"].as_str().expect("a uid"),
            matched: &context["match"],
            topic: context["topic"].as_str().expect("a topic"),
            now: "2024-01-02T03:04:05Z",
            retained: false,
        };
        match (template.render(&message), expect.get("object")) {
            (Ok(object), Some(expected)) if same(&object, expected) => Ok(()),
            (Err(_), None) if expect.get("render_error").is_some() => Ok(()),
            (result, _) => Err(format!("{text:?}: {result:?} instead of {expect}")),
        }
    });
}

/// Equal, where numbers compare by value.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => left == right || left.as_f64() == right.as_f64(),
        (Value::Array(left), Value::Array(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| same(left, right))
        }
        (Value::Object(left), Value::Object(right)) => {
            let known =
                |(key, left): (&String, &Value)| right.get(key).is_some_and(|right| same(left, right));
            left.len() == right.len() && left.iter().all(known)
        }
        _ => left == right,
    }
}
