//! Any `values:` section with any payload: an outcome, never a panic.
//!
//! The input is the YAML of the section, a zero byte, and the payload.
#![no_main]

use libfuzzer_sys::fuzz_target;
use mqttkube_mapping::{
    CastType, Direction, Encoding, Input, Outcome, ValueMap, ValuesSpec, cast, publish_bytes, text, yaml,
};

fuzz_target!(|bytes: &[u8]| {
    let mut parts = bytes.splitn(2, |byte| *byte == 0);
    let (Some(section), Some(payload)) = (parts.next(), parts.next()) else {
        return;
    };
    let Ok(section) = std::str::from_utf8(section) else {
        return;
    };
    let spec = yaml::parse(section, "f", "").and_then(|tree| tree.deserialize::<ValuesSpec>());
    let (Ok(spec), Some(payload)) = (spec, text(payload)) else {
        return;
    };
    for direction in [Direction::Watch, Direction::Patch, Direction::Action] {
        let Ok(map) = ValueMap::compile(&spec, direction, None) else {
            continue;
        };
        let input = Input::text(payload).with_topic("a/b");
        if let Outcome::Match(found) = map.lookup(input) {
            let value = found.into_output();
            let _ = publish_bytes(&value, Encoding::Text);
            let _ = cast(&value, CastType::Auto);
        }
        let _ = map.explain(Input::text(payload).with_topic("a/b"));
    }
});
