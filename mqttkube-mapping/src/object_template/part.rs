//! Templates that are structure first.

use serde_json::{Map, Value};

use super::scan::{ScanError, Stretch, split, unsupported};
use super::{MAX_RENDERED, NAMES, RenderError, Scope, StaticContext};
use crate::error::{CompileError, ErrorKind, EvalError, EvalErrorKind, PathSeg};
use crate::expr::{Expr, Names, SyntaxErrorKind};
use crate::format::{BareStyle, bare};
use crate::value::Val;

/// A value with places to fill.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Fixed(Value),
    /// The value of one expression, with its type.
    Typed(Box<Filled>),
    Text(Vec<Piece>),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

#[derive(Debug, Clone)]
pub(super) enum Piece {
    Fixed(String),
    Filled(Filled),
}

/// An expression with its source.
#[derive(Debug, Clone)]
pub(super) struct Filled {
    source: String,
    expr: Expr,
}

/// Compiles a template and collects everything that is wrong with it.
pub(super) struct Compiler<'c> {
    statics: StaticContext<'c>,
    path: Vec<PathSeg>,
    errors: Vec<CompileError>,
}

impl<'c> Compiler<'c> {
    pub(super) fn new(statics: StaticContext<'c>) -> Self {
        Self {
            statics,
            path: Vec::new(),
            errors: Vec::new(),
        }
    }

    pub(super) fn finish(mut self, part: Part) -> Result<Part, Vec<CompileError>> {
        if self.errors.is_empty() && !matches!(part, Part::Object(_) | Part::Fixed(Value::Object(_))) {
            self.refuse(
                ErrorKind::Shape,
                "",
                "a template is one object, a mapping with apiVersion, kind and metadata",
            );
        }
        if self.errors.is_empty() {
            Ok(part)
        } else {
            Err(self.errors)
        }
    }

    pub(super) fn json(&mut self, value: &Value) -> Part {
        match value {
            Value::String(text) => self.scalar(text, true),
            Value::Array(items) => {
                let items = items.iter().enumerate();
                list(
                    items
                        .map(|(index, item)| self.below(PathSeg::Index(index), |this| this.json(item)))
                        .collect(),
                )
            }
            Value::Object(members) => object(
                members
                    .iter()
                    .map(|(key, value)| {
                        self.check_key(key, &PathSeg::Key(key.clone()));
                        (
                            key.clone(),
                            self.below(PathSeg::Key(key.clone()), |this| this.json(value)),
                        )
                    })
                    .collect(),
            ),
            other => Part::Fixed(other.clone()),
        }
    }

    #[cfg(feature = "yaml")]
    pub(super) fn node(&mut self, node: &crate::yaml::Node) -> Part {
        use crate::yaml::{Content, Entry, Style};
        match &node.content {
            Content::Text(text) => self.scalar(text, node.style == Style::Plain),
            Content::Sequence(items) => {
                let items = items.iter().enumerate();
                list(
                    items
                        .map(|(index, item)| self.below(PathSeg::Index(index), |this| this.node(item)))
                        .collect(),
                )
            }
            Content::Mapping(entries) => {
                let mut members = Vec::with_capacity(entries.len());
                for (index, Entry { key, value }) in entries.iter().enumerate() {
                    let Some(name) = key.as_str() else {
                        let message =
                            format!("the key is {}, but the keys of an object are text", key.kind());
                        let error =
                            CompileError::new(ErrorKind::Shape, "", message).with_help("put it in quotes");
                        self.push(error.below(&[PathSeg::EntryKey(index)]));
                        continue;
                    };
                    self.check_key(name, &PathSeg::EntryKey(index));
                    let part = self.below(PathSeg::EntryValue(index), |this| this.node(value));
                    members.push((name.to_owned(), part));
                }
                object(members)
            }
            Content::Null | Content::Bool(_) | Content::Int(_) | Content::Float(_) => {
                Part::Fixed(node.to_json().unwrap_or_default())
            }
        }
    }

    fn below<T>(&mut self, step: PathSeg, work: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let result = work(self);
        self.path.pop();
        result
    }

    fn push(&mut self, error: CompileError) {
        self.errors.push(error.below(&self.path));
    }

    fn refuse(&mut self, kind: ErrorKind, text: &str, message: impl Into<String>) {
        self.push(CompileError::new(kind, text, message));
    }

    fn check_key(&mut self, key: &str, step: &PathSeg) {
        if key.contains("${") {
            let message = format!("the key {key:?} holds \"${{\", but only values can be filled in");
            let error = CompileError::new(ErrorKind::Expression, key, message);
            self.push(error.below(std::slice::from_ref(step)));
        }
        if let Some(error) = unsupported(key) {
            let error = scan_error(key, error);
            self.push(error.below(std::slice::from_ref(step)));
        }
    }

    /// One text. `plain` ones that are exactly one expression keep its type.
    fn scalar(&mut self, text: &str, plain: bool) -> Part {
        if let Some(error) = unsupported(text) {
            self.push(scan_error(text, error));
        }
        let stretches = match split(text) {
            Ok(stretches) => stretches,
            Err(error) => {
                self.push(scan_error(text, error));
                return Part::Fixed(Value::Null);
            }
        };
        if let ([Stretch::Expression(source, offset)], true) = (stretches.as_slice(), plain) {
            let filled = self.expression(text, source, *offset);
            return filled.map_or(Part::Fixed(Value::Null), |filled| Part::Typed(Box::new(filled)));
        }
        if stretches
            .iter()
            .all(|stretch| matches!(stretch, Stretch::Fixed(_)))
        {
            return Part::Fixed(Value::from(text));
        }
        let pieces = stretches.into_iter().filter_map(|stretch| match stretch {
            Stretch::Fixed(fixed) => Some(Piece::Fixed(fixed.to_owned())),
            Stretch::Expression(source, offset) => self.expression(text, source, offset).map(Piece::Filled),
        });
        Part::Text(pieces.collect())
    }

    fn expression(&mut self, text: &str, source: &str, offset: usize) -> Option<Filled> {
        let blanks = source.chars().take_while(|c| c.is_whitespace()).count();
        let error = |kind, column: usize, message: String| {
            CompileError::new(kind, text, message).at_column(offset + blanks + column)
        };
        let expr = match Expr::compile(source.trim(), Names::Context(NAMES)) {
            Ok(expr) => expr,
            Err(wrong) => {
                let kind = match wrong.kind {
                    SyntaxErrorKind::Name => ErrorKind::UnknownName,
                    _ => ErrorKind::Expression,
                };
                let mut error = error(kind, wrong.column, wrong.message);
                error.help = wrong.help;
                if source.contains('|') && error.help.is_none() {
                    error.help = Some("filters are not available; use a method such as .upper()".to_owned());
                }
                self.push(error);
                return None;
            }
        };
        for reference in expr.references() {
            let tree = match reference.name.as_str() {
                "binding" => self.statics.binding,
                "action" => self.statics.action,
                _ => continue,
            };
            if let Some(missing) = missing(tree, &reference.path) {
                let message = format!("{} has no {missing:?}", reference.name);
                self.push(error(ErrorKind::UnknownName, reference.column, message));
            }
        }
        Some(Filled {
            source: source.to_owned(),
            expr,
        })
    }
}

/// The first member of a path that a tree does not have.
fn missing<'p>(tree: &Value, path: &'p [String]) -> Option<&'p str> {
    let mut at = tree;
    for name in path {
        match at.get(name) {
            Some(member) => at = member,
            None => return Some(name),
        }
    }
    None
}

fn scan_error(text: &str, error: ScanError) -> CompileError {
    let ScanError {
        offset,
        message,
        help,
    } = error;
    let error = CompileError::new(ErrorKind::Expression, text, message).at_column(offset + 1);
    match help {
        Some(help) => error.with_help(help),
        None => error,
    }
}

/// A list; fixed when all its elements are.
fn list(parts: Vec<Part>) -> Part {
    if parts.iter().all(|part| matches!(part, Part::Fixed(_))) {
        return Part::Fixed(Value::Array(parts.into_iter().map(fixed).collect()));
    }
    Part::List(parts)
}

/// An object; fixed when all its members are.
fn object(members: Vec<(String, Part)>) -> Part {
    if members.iter().all(|(_, part)| matches!(part, Part::Fixed(_))) {
        let members = members.into_iter().map(|(key, part)| (key, fixed(part)));
        return Part::Fixed(Value::Object(members.collect::<Map<_, _>>()));
    }
    Part::Object(members)
}

fn fixed(part: Part) -> Value {
    match part {
        Part::Fixed(value) => value,
        _ => Value::Null,
    }
}

/// Fills a whole template.
pub(super) fn render(part: &Part, scope: &Scope<'_>) -> Result<Value, RenderError> {
    Renderer {
        values: scope.values(),
        path: Vec::new(),
        left: MAX_RENDERED,
    }
    .part(part)
}

struct Renderer<'r> {
    values: [&'r Value; 8],
    path: Vec<String>,
    /// Bytes that filled-in values may still take.
    left: usize,
}

impl Renderer<'_> {
    fn part(&mut self, part: &Part) -> Result<Value, RenderError> {
        match part {
            Part::Fixed(value) => Ok(value.clone()),
            Part::Typed(filled) => {
                let value = self.evaluate(filled)?;
                self.spend(weight(&value))?;
                Ok(value)
            }
            Part::Text(pieces) => self.text(pieces).map(Value::String),
            Part::List(parts) => {
                let mut items = Vec::with_capacity(parts.len());
                for (index, part) in parts.iter().enumerate() {
                    items.push(self.below(format!("[{index}]"), part)?);
                }
                Ok(Value::Array(items))
            }
            Part::Object(members) => {
                let mut object = Map::new();
                for (key, part) in members {
                    object.insert(key.clone(), self.below(format!(".{key}"), part)?);
                }
                Ok(Value::Object(object))
            }
        }
    }

    fn below(&mut self, step: String, part: &Part) -> Result<Value, RenderError> {
        self.path.push(step);
        let value = self.part(part)?;
        self.path.pop();
        Ok(value)
    }

    fn text(&mut self, pieces: &[Piece]) -> Result<String, RenderError> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Fixed(fixed) => text.push_str(fixed),
                Piece::Filled(filled) => {
                    let value = self.evaluate(filled)?;
                    let shown = shown(value).map_err(|error| self.error(filled, error))?;
                    self.spend(shown.len())?;
                    text.push_str(&shown);
                }
            }
        }
        Ok(text)
    }

    fn evaluate(&self, filled: &Filled) -> Result<Value, RenderError> {
        filled
            .expr
            .eval(&self.values)
            .map_err(|error| self.error(filled, error))
    }

    fn error(&self, filled: &Filled, source: EvalError) -> RenderError {
        let path = self.path.concat();
        RenderError::Expression {
            path: path.strip_prefix('.').unwrap_or(&path).to_owned(),
            expression: filled.source.trim().to_owned(),
            source,
        }
    }

    fn spend(&mut self, bytes: usize) -> Result<(), RenderError> {
        self.left = self.left.checked_sub(bytes).ok_or(RenderError::TooLarge)?;
        Ok(())
    }
}

/// A value inside of a longer text.
pub(super) fn shown(value: Value) -> Result<String, EvalError> {
    match value {
        Value::String(text) => Ok(text),
        // Whatever is large is limited by what one rendering may make.
        Value::Array(_) | Value::Object(_) => {
            let text = crate::value::compact_json(&value);
            if text.len() > MAX_RENDERED {
                return Err(EvalError::new(
                    EvalErrorKind::Overflow,
                    "the value is too large for a text",
                ));
            }
            Ok(text)
        }
        other => bare(&Val::from(&other), BareStyle::Json),
    }
}

/// About the bytes that a value takes as JSON.
fn weight(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len() + 2,
        Value::Array(items) => items.iter().map(|item| weight(item) + 1).sum::<usize>() + 2,
        Value::Object(members) => {
            members
                .iter()
                .map(|(key, value)| key.len() + 4 + weight(value))
                .sum::<usize>()
                + 2
        }
        _ => 8,
    }
}
