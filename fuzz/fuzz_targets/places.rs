//! What the targets that read files ask of errors.

use mqttkube_mapping::yaml::Diagnostics;

/// There is an error, and every one has its place inside of the text.
pub(crate) fn check_places(text: &str, errors: &Diagnostics) {
    assert!(errors.has_errors());
    // Lines end as YAML has it, so a carriage return alone counts.
    let lines = text.matches(['\n', '\r']).count() + 1;
    for error in errors {
        assert!(error.position.line as usize <= lines + 1, "{error}");
    }
}
