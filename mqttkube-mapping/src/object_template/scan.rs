//! Finding `${...}` and what templates do not support.

/// A stretch of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stretch<'t> {
    Fixed(&'t str),
    /// What stands between the braces, and the characters of the text before it.
    Expression(&'t str, usize),
}

/// What is wrong with a text, and how many characters stand before that.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ScanError {
    pub(super) offset: usize,
    pub(super) message: String,
    pub(super) help: Option<&'static str>,
}

const WAY_OUT: &str = "write \"template: {mode: text}\" to have % if and % for, or use an expression";
const NOT_AT_ALL: &str = "use an expression instead";

/// Splits a text into fixed stretches and expressions.
pub(super) fn split(text: &str) -> Result<Vec<Stretch<'_>>, ScanError> {
    let mut stretches = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if start > 0 {
            stretches.push(Stretch::Fixed(&rest[..start]));
        }
        let before = text.len() - rest.len() + start + 2;
        let offset = text[..before].chars().count();
        let body = &rest[start + 2..];
        let Some(length) = closing(body) else {
            let message = "\"${\" is not closed by \"}\"".to_owned();
            return Err(ScanError {
                offset: offset - 2,
                message,
                help: None,
            });
        };
        stretches.push(Stretch::Expression(&body[..length], offset));
        rest = &body[length + 1..];
    }
    if !rest.is_empty() {
        stretches.push(Stretch::Fixed(rest));
    }
    Ok(stretches)
}

/// Where the brace is that closes an expression: outside of its texts and brackets.
fn closing(body: &str) -> Option<usize> {
    let mut quote: Option<char> = None;
    let mut escaped = false;
    let mut depth = 0_usize;
    for (index, c) in body.char_indices() {
        if let Some(open) = quote {
            quote = Some(open).filter(|_| escaped || c != open);
            escaped = c == '\\' && !escaped;
            continue;
        }
        match c {
            '\'' | '"' => quote = Some(c),
            '{' => depth += 1,
            '}' if depth == 0 => return Some(index),
            '}' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Control lines and blocks, which a template cannot have when it is YAML first.
pub(super) fn unsupported(text: &str) -> Option<ScanError> {
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        if let Some(word) = control_word(line) {
            let message = format!("the control line \"% {word}\" is not available in structured mode");
            return Some(ScanError {
                offset,
                message,
                help: Some(WAY_OUT),
            });
        }
        offset += line.chars().count();
    }
    blocks(text)
}

/// `<% ... %>`, `<%def>` and their like.
pub(super) fn blocks(text: &str) -> Option<ScanError> {
    let place = text.find("<%").or_else(|| text.find("</%"))?;
    let message = "blocks such as \"<% %>\" and \"<%def>\" are not available".to_owned();
    Some(ScanError {
        offset: text[..place].chars().count(),
        message,
        help: Some(NOT_AT_ALL),
    })
}

/// The word of a line such as `% if x:`.
pub(super) fn control_word(line: &str) -> Option<&str> {
    const WORDS: &[&str] = &[
        "if", "elif", "else", "endif", "for", "endfor", "while", "endwhile", "try", "except", "finally",
        "endtry", "with", "endwith",
    ];
    let rest = line.trim_start().strip_prefix('%')?.trim_start();
    let end = rest
        .find(|c: char| !c.is_ascii_alphabetic())
        .unwrap_or(rest.len());
    WORDS.iter().find(|word| **word == &rest[..end]).copied()
}

/// The errors of a text that is no YAML, with the reason why, when that is a control line or block.
#[cfg(feature = "yaml")]
pub(super) fn explain(text: &str, errors: crate::yaml::Diagnostics) -> crate::yaml::Diagnostics {
    let Some(found) = unsupported(text) else {
        return errors;
    };
    let Some(file) = errors.iter().next().map(|error| error.file.clone()) else {
        return errors;
    };
    located(file, text, found).into()
}

/// A mistake at its place in the text of a file.
#[cfg(feature = "yaml")]
pub(super) fn located(file: std::sync::Arc<str>, text: &str, error: ScanError) -> crate::yaml::Diagnostic {
    let before: Vec<char> = text.chars().take(error.offset).collect();
    let line = before.iter().filter(|c| **c == '\n').count() + 1;
    let column = before.rsplit(|c| *c == '\n').next().map_or(0, <[char]>::len) + 1;
    let clamp = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    let position = crate::yaml::Position {
        line: clamp(line),
        column: clamp(column),
    };
    let diagnostic = crate::yaml::Diagnostic::error(file, position, error.message);
    match error.help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}
