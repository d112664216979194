//! A file of bindings, and behind a zero byte a payload for everybody who listens: a plan, or errors with places.
#![no_main]

mod places;

use libfuzzer_sys::fuzz_target;
use mqttkube_core::config::{self, Config};
use mqttkube_core::explain::{Happening, explain};
use places::check_places;

fuzz_target!(|data: &[u8]| {
    let end = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let Ok(text) = std::str::from_utf8(&data[..end]) else {
        return;
    };
    // Template files are read from a folder that is not there.
    match config::parse(text, "f", "/nowhere", |_| ()) {
        Ok(config) => drive(&config, data.get(end + 1..).unwrap_or_default()),
        Err(errors) => check_places(text, &errors),
    }
});

fn drive(config: &Config, payload: &[u8]) {
    // Each explanation compiles the file again.
    for filter in config.plan.filters().iter().take(4) {
        let message = Happening::Message {
            topic: filter.filter().as_str().replace(['+', '#'], "x"),
            payload: payload.to_vec(),
            retained: false,
            object: None,
        };
        explain(&config.spec, &config.session, &message).expect("it compiled before");
    }
}
