//! expr.json: what `transform:` and `lambda` keys do to one value.

use mqttkube_mapping::{Expr, InputValue, Names};
use serde_json::Value;

use crate::vectors::{self, same};

#[test]
fn vectors_expr() {
    vectors::run("expr.json", &[], check);
}

fn check(case: &Value) -> Result<(), String> {
    let source = case["source"].as_str().expect("source is text");
    let compiled = Expr::compile(source, Names::Argument);
    let result = match &compiled {
        Ok(expr) => expr
            .call(InputValue::Json(&case["input"]))
            .map_err(|error| format!("{:?}: {error}", error.kind)),
        Err(error) => Err(format!("{:?} at {}: {error}", error.kind, error.column)),
    };
    let wanted = &case["expect"];
    let at_load = matches!(wanted["error"].as_str(), Some("syntax" | "unsupported" | "name"));
    let right = match &result {
        Ok(value) => wanted.get("value").is_some_and(|wanted| same(wanted, value)),
        Err(_) => wanted.get("error").is_some() && (compiled.is_err() || !at_load),
    };
    if right {
        Ok(())
    } else {
        Err(format!(
            "{source:?} of {} gave {result:?}, not {wanted}",
            case["input"]
        ))
    }
}
