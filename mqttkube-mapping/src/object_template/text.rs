//! Templates that are text first: `% if` and `% for` around YAML.
//!
//! While the text is rendered, every inserted value is written as a token of hexadecimal digits; only after
//! the result has been read as YAML is the value put in its place. So a value cannot leave its scalar here
//! either, whatever it is and however the template quotes it.

use std::fmt::Write as _;
use std::io;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind, UndefinedBehavior, context};
use serde_json::{Map, Value};

use super::part::shown;
use super::scan::{ScanError, Stretch, blocks, control_word, located, split};
use super::{MAX_RENDERED, NAMES, RenderError, Scope, StaticContext};
use crate::yaml::{self, Content, Diagnostic, Diagnostics, Entry, Loader, Node, Position, Style};

/// Characters that stand for our own delimiters. Unicode leaves them to private use, so templates need none.
const BLOCK: (&str, &str) = ("\u{e002}", "\u{e003}");
const COMMENT: (&str, &str) = ("\u{e004}", "\u{e005}");
const VALUE: (char, char) = ('\u{e000}', '\u{e001}');
const PRIVATE: std::ops::RangeInclusive<char> = '\u{e000}'..='\u{e005}';

/// Steps of one rendering.
const FUEL: u64 = 100_000;
/// Bytes of the text between rendering and YAML; values take two digits for each byte.
const MAX_TEXT: usize = 4 * MAX_RENDERED;
/// The name under which an index into `topic` is read.
const LEVELS: &str = "topic_levels";
const TEMPLATE: &str = "template";

#[derive(Debug, Clone)]
pub(super) struct TextTemplate {
    environment: Environment<'static>,
    folder: Arc<str>,
}

impl TextTemplate {
    pub(super) fn compile(
        text: &str,
        file: &str,
        folder: &str,
        statics: StaticContext<'_>,
    ) -> Result<Self, Diagnostics> {
        let wrong = |error: ScanError| -> Diagnostics { located(file.into(), text, error).into() };
        let source = translate(text).map_err(wrong)?;
        let mut environment = Environment::empty();
        environment.set_syntax(syntax());
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.set_formatter(|out, _, value| {
            if value.is_undefined() {
                return Err(minijinja::Error::from(ErrorKind::UndefinedError));
            }
            out.write_str(&token(value)?).map_err(minijinja::Error::from)
        });
        environment
            .add_template_owned(TEMPLATE, source)
            .map_err(|error| syntax_error(file, &error))?;
        let template = Self {
            environment,
            folder: folder.into(),
        };
        template.check_names(text, file, statics)?;
        Ok(template)
    }

    /// Names that no message supplies.
    fn check_names(&self, text: &str, file: &str, statics: StaticContext<'_>) -> Result<(), Diagnostics> {
        let Ok(template) = self.environment.get_template(TEMPLATE) else {
            return Ok(());
        };
        let mut unknown: Vec<String> = Vec::new();
        for name in template.undeclared_variables(true) {
            let (root, path) = name.split_once('.').unwrap_or((&name, ""));
            let known = root == LEVELS || NAMES.contains(&root);
            let tree = match root {
                "binding" => statics.binding,
                "action" => statics.action,
                _ => &Value::Null,
            };
            let reaches = |name: &&str| !name.is_empty();
            let found = tree.is_null()
                || path
                    .split('.')
                    .filter(reaches)
                    .try_fold(tree, |at, name| at.get(name))
                    .is_some();
            if !known || !found {
                unknown.push(name);
            }
        }
        unknown.sort_unstable();
        let errors = unknown.into_iter().map(|name| {
            let place = text.find(&name).unwrap_or(0);
            let offset = text[..place].chars().count();
            let message = format!("no message supplies {name:?}");
            located(
                file.into(),
                text,
                ScanError {
                    offset,
                    message,
                    help: None,
                },
            )
        });
        let errors: Diagnostics = errors.collect();
        if errors.is_empty() { Ok(()) } else { Err(errors) }
    }

    pub(super) fn render(&self, scope: &Scope<'_>) -> Result<Value, RenderError> {
        let reason = |reason: String| RenderError::Text { reason };
        let template = self
            .environment
            .get_template(TEMPLATE)
            .map_err(|error| reason(error.to_string()))?;
        let value = |value: &Value| minijinja::Value::from(minijinja::value::Serde(value));
        let context = context! {
            binding => value(scope.binding),
            action => value(scope.action),
            uid => value(&scope.uid),
            match => value(scope.matched),
            topic => value(&scope.topic),
            topic_levels => value(&scope.levels),
            now => value(&scope.now),
            retained => value(&scope.retained),
        };
        let mut text = Limited {
            bytes: Vec::new(),
            left: MAX_TEXT,
        };
        let rendered = template.render_captured_to(context, &mut text).map(|_| ());
        if text.left == 0 {
            return Err(RenderError::TooLarge);
        }
        rendered.map_err(|error| reason(describe(&error)))?;
        let text = String::from_utf8(text.bytes).map_err(|error| reason(error.to_string()))?;
        let tree = Loader::new("rendered template", &self.folder)
            .parse(&text)
            .map_err(|errors| reason(errors.to_string()))?;
        let mut left = MAX_RENDERED;
        match fill(tree.root(), &mut left)? {
            object @ Value::Object(_) => Ok(object),
            _ => Err(reason("it is not a mapping".to_owned())),
        }
    }
}

fn syntax() -> SyntaxConfig {
    SyntaxConfig::builder()
        .block_delimiters(BLOCK.0, BLOCK.1)
        .comment_delimiters(COMMENT.0, COMMENT.1)
        .variable_delimiters("${", "}")
        .trim_blocks(true)
        .keep_trailing_newline(true)
        .build()
        .expect("the delimiters differ from each other")
}

fn syntax_error(file: &str, error: &minijinja::Error) -> Diagnostics {
    let line = error
        .line()
        .and_then(|line| u32::try_from(line).ok())
        .unwrap_or(1);
    Diagnostic::error(file, Position { line, column: 1 }, describe(error)).into()
}

fn describe(error: &minijinja::Error) -> String {
    match error.detail() {
        Some(detail) => format!("{}: {detail}", error.kind()),
        None => error.kind().to_string(),
    }
}

/// Rewrites control lines and comments to delimiters of our own, and refuses what is not offered.
fn translate(text: &str) -> Result<String, ScanError> {
    if let Some(error) = blocks(text) {
        return Err(error);
    }
    if let Some(place) = text.find(|c| PRIVATE.contains(&c)) {
        let message = "the characters U+E000 to U+E005 are not allowed in a template".to_owned();
        return Err(ScanError {
            offset: text[..place].chars().count(),
            message,
            help: None,
        });
    }
    let mut source = String::with_capacity(text.len());
    let mut offset = 0;
    for line in text.split_inclusive('\n') {
        let at_line = |error: ScanError| ScanError {
            offset: offset + error.offset,
            ..error
        };
        translate_line(line, &mut source).map_err(at_line)?;
        offset += line.chars().count();
    }
    Ok(source)
}

fn translate_line(line: &str, source: &mut String) -> Result<(), ScanError> {
    let end = if line.ends_with('\n') { "\n" } else { "" };
    let trimmed = line.trim();
    if trimmed.starts_with("##") {
        let _ = write!(source, "{}{}{end}", COMMENT.0, COMMENT.1);
        return Ok(());
    }
    if let Some(word) = control_word(line) {
        if !matches!(word, "if" | "elif" | "else" | "endif" | "for" | "endfor") {
            let message = format!("the control line \"% {word}\" is not available");
            return Err(ScanError {
                offset: 0,
                message,
                help: None,
            });
        }
        let body = trimmed.trim_start_matches('%').trim();
        let body = body.strip_suffix(':').unwrap_or(body);
        let _ = write!(source, "{}{}{}{end}", BLOCK.0, expression(body)?, BLOCK.1);
        return Ok(());
    }
    // As in the reference, a line that begins with %% is a line that begins with %.
    let literal = line
        .trim_start()
        .starts_with("%%")
        .then(|| line.replacen("%%", "%", 1));
    for stretch in split(literal.as_deref().unwrap_or(line))? {
        match stretch {
            Stretch::Fixed(fixed) => source.push_str(fixed),
            Stretch::Expression(inner, offset) => {
                let inner = expression(inner).map_err(|error| ScanError {
                    offset: offset + error.offset,
                    ..error
                })?;
                let _ = write!(source, "${{{inner}}}");
            }
        }
    }
    Ok(())
}

/// An expression with `topic[` written as the list of levels. Filters are not offered, nor is `*`, with which
/// a message could ask for any amount of memory.
fn expression(source: &str) -> Result<String, ScanError> {
    let chars: Vec<char> = source.chars().collect();
    let mut result = String::with_capacity(source.len());
    let mut quote: Option<char> = None;
    for (offset, &c) in chars.iter().enumerate() {
        if let Some(open) = quote {
            let escaped = offset > 0 && chars[offset - 1] == '\\';
            quote = Some(open).filter(|_| escaped || c != open);
        } else if matches!(c, '\'' | '"') {
            quote = Some(c);
        } else if matches!(c, '|' | '*') {
            let message = format!("{c:?} is not available in an expression of text mode");
            return Err(ScanError {
                offset,
                message,
                help: None,
            });
        } else if c == '[' && ends_in_topic(&result) {
            result.push_str("_levels");
        }
        result.push(c);
    }
    Ok(result)
}

fn ends_in_topic(before: &str) -> bool {
    let name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    before.rsplit(|c| !name(c)).next() == Some("topic")
}

/// A value as a token that YAML reads as a part of any scalar.
fn token(value: &minijinja::Value) -> Result<String, minijinja::Error> {
    let mut json = Limited {
        bytes: Vec::new(),
        left: MAX_RENDERED,
    };
    serde_json::to_writer(&mut json, value)
        .map_err(|error| minijinja::Error::new(ErrorKind::BadSerialization, error.to_string()))?;
    let mut token = String::with_capacity(2 * json.bytes.len() + 8);
    token.push(VALUE.0);
    for byte in json.bytes {
        let _ = write!(token, "{byte:02x}");
    }
    token.push(VALUE.1);
    Ok(token)
}

/// Bytes up to a limit.
struct Limited {
    bytes: Vec<u8>,
    left: usize,
}

impl io::Write for Limited {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.left = self.left.saturating_sub(bytes.len());
        if self.left == 0 {
            return Err(io::Error::other("the text is too large"));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Puts the values in the places of their tokens.
fn fill(node: &Node, left: &mut usize) -> Result<Value, RenderError> {
    match &node.content {
        Content::Text(text) => fill_text(text, node.style, left),
        Content::Sequence(items) => {
            let items = items
                .iter()
                .map(|item| fill(item, left))
                .collect::<Result<_, _>>()?;
            Ok(Value::Array(items))
        }
        Content::Mapping(entries) => {
            let mut object = Map::new();
            for Entry { key, value } in entries {
                object.insert(key_of(key)?.to_owned(), fill(value, left)?);
            }
            Ok(Value::Object(object))
        }
        _ => Ok(node.to_json().unwrap_or_default()),
    }
}

fn key_of(key: &yaml::Node) -> Result<&str, RenderError> {
    let name = key.as_str().filter(|name| !name.contains(VALUE.0));
    name.ok_or_else(|| RenderError::Text {
        reason: format!("the key at {} is no fixed text", key.position),
    })
}

fn fill_text(text: &str, style: Style, left: &mut usize) -> Result<Value, RenderError> {
    let mut filled = String::new();
    for (index, piece) in text.split(VALUE.0).enumerate() {
        let Some((token, after)) = piece.split_once(VALUE.1).filter(|_| index > 0) else {
            filled.push_str(piece);
            continue;
        };
        let value = decode(token).ok_or_else(|| RenderError::Text {
            reason: "a value was cut".to_owned(),
        })?;
        *left = left.checked_sub(token.len() / 2).ok_or(RenderError::TooLarge)?;
        let whole = text.len() == token.len() + VALUE.0.len_utf8() + VALUE.1.len_utf8();
        if whole && style == Style::Plain {
            return Ok(value);
        }
        filled.push_str(&shown(value).map_err(|error| RenderError::Text {
            reason: error.to_string(),
        })?);
        filled.push_str(after);
    }
    Ok(Value::String(filled))
}

fn decode(token: &str) -> Option<Value> {
    let digits = token.as_bytes().chunks_exact(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    serde_json::from_slice(&digits.map(byte).collect::<Option<Vec<u8>>>()?).ok()
}
