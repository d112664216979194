//! Any template with any payload: an object or an error; and in a known template the payload stays in its
//! scalar.
//!
//! The input is the template, a zero byte, and the payload.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqttkube_mapping::{ObjectTemplate, StaticContext, TemplateContext, TemplateMode};
use serde_json::{Value, json};

const KNOWN: &str = "kind: Job\nname: pre-${match.value}\nlist: [a, '${match.value}', b]\n";

fuzz_target!(|text: &str| {
    let Some((template, payload)) = text.split_once('\0') else {
        return;
    };
    let matched =
        json!({"input": payload, "value": payload, "json": serde_json::from_str::<Value>(payload).ok()});
    for mode in [TemplateMode::Structured, TemplateMode::Text] {
        if let Some(Ok(object)) = render(template, mode, &matched) {
            assert!(object.is_object());
        }
        let expected = json!({"kind": "Job", "name": format!("pre-{payload}"), "list": ["a", payload, "b"]});
        match render(KNOWN, mode, &matched) {
            Some(Ok(object)) => assert_eq!(object, expected),
            _ => assert!(
                payload.len() > 1000,
                "only a payload that is too large is refused"
            ),
        }
    }
});

fn render(template: &str, mode: TemplateMode, matched: &Value) -> Option<Result<Value, String>> {
    let (binding, action) = (json!({"name": "b", "labels": {"a": "x"}}), json!({"topic": "t"}));
    let statics = StaticContext {
        binding: &binding,
        action: &action,
    };
    let template = ObjectTemplate::parse(template, "f", "", mode, statics).ok()?;
    let context = TemplateContext {
        uid: "0123abcd",
        matched,
        topic: "a/b",
        now: "2024-01-02T03:04:05Z",
        retained: false,
    };
    Some(template.render(&context).map_err(|error| error.to_string()))
}
