//! Any path over any document: what is written is read back.
//!
//! The input is the path, a zero byte, and the document as JSON.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqttkube_mapping::Locus;
use serde_json::{Value, json};

fuzz_target!(|text: &str| {
    let (path, document) = text.split_once('\0').unwrap_or((text, "{}"));
    let locus = match Locus::parse(path) {
        Ok((locus, _)) => locus,
        Err(error) => {
            assert!(
                error.column >= 1 && error.column <= path.chars().count() + 1,
                "{error:?}"
            );
            return;
        }
    };
    let document: Value =
        serde_json::from_str(document).unwrap_or_else(|_| json!({"a": [{"name": "x", "b": 1}]}));
    let _ = locus.read(&document);
    let Ok(path) = locus.write_path() else { return };
    let _ = path.json_patch(&document, json!("new"));
    if path.is_names_only() {
        if let Ok(patch) = path.merge_patch(Some(&document), json!("new")) {
            assert_eq!(locus.first(&patch), Ok(Some(&json!("new"))));
        }
    }
});
