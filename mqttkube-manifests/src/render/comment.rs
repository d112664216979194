//! What stands on top of everything that is made of a bundle whose errors were overridden.

use crate::bundle::VerifiedBundle;

/// Lines that begin with `#`: the reason, and every error that it excuses. Empty for a bundle without errors.
pub(super) fn heading(bundle: &VerifiedBundle) -> String {
    let Some(reason) = bundle.override_reason() else {
        return String::new();
    };
    let reason = format!("written in spite of errors, because: {reason}");
    let mut errors: Vec<String> = bundle
        .report()
        .errors()
        .map(|finding| format!("{} {}: {}", finding.code, finding.object, finding.message))
        .collect();
    // The report follows the members of the objects, whose order must not show in what is written.
    errors.sort();
    std::iter::once(&reason)
        .chain(&errors)
        .map(|line| format!("# {}\n", printable(line)))
        .collect()
}

/// The line with everything escaped that could end it or that YAML refuses in a comment.
pub(super) fn printable(line: &str) -> String {
    line.chars()
        .map(|character| {
            if character.is_control()
                || matches!(
                    character,
                    '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
                )
            {
                character.escape_unicode().to_string()
            } else {
                character.to_string()
            }
        })
        .collect()
}
