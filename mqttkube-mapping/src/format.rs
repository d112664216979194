//! Python's `str.format` templates, as the outputs of a map are written.
//!
//! A template is parsed once; what can be known to be wrong is refused then. There is no attribute access,
//! and a rendered text has at most 64 KiB.

mod apply;
mod number;
mod parse;
mod spec;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::error::{EvalError, EvalErrorKind};
use crate::value::{self, JsonStyle, MAX_TEXT, Text, Val, ascii, json, overflow, repr, str_of, type_error};

pub(crate) use apply::{format_by, format_value};
pub(crate) use number::{Parts, fixed, general, integer, pad, scientific};
pub(crate) use spec::{Align, MAX_PRECISION, MAX_WIDTH, Spec};

/// How a field without conversion and specification becomes text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BareStyle {
    /// `true`, nothing for null, compact JSON for lists and objects.
    Json,
    /// `True`, `None`, `{'a': 1}`.
    Python,
}

/// A template in the language of Python's `str.format`.
///
/// ```
/// use mqttkube_mapping::Format;
/// use serde_json::json;
///
/// let format = Format::parse("{json[name]}: {value:.1f}")?;
/// let names = json!({"value": 21.25, "json": {"name": "attic"}});
/// assert_eq!(format.render(names.as_object().unwrap()), Ok("attic: 21.2".to_owned()));
///
/// assert!(Format::parse("{value.__class__}").is_err());
/// # Ok::<_, mqttkube_mapping::FormatError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Format {
    pieces: Vec<Piece>,
}

#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Text(String),
    Field(Field),
}

#[derive(Debug, Clone, PartialEq)]
struct Field {
    name: Name,
    /// Column of the name, in characters, counted from 1.
    column: usize,
    path: Vec<Step>,
    conversion: Option<char>,
    spec: SpecSource,
}

/// The first part of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// `{}`, with its position among its like.
    Auto(usize),
    /// `{0}`.
    Number(usize),
    /// `{name}`.
    Text(String),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Index(usize),
    Key(String),
}

#[derive(Debug, Clone, PartialEq)]
enum SpecSource {
    None,
    Fixed(Spec),
    /// Has fields of its own.
    Nested(Format),
}

/// Why a template cannot be used. For the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct FormatError {
    /// The class of the error.
    pub kind: FormatErrorKind,
    /// Where it is, in characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// The class of a [`FormatError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FormatErrorKind {
    /// Braces or brackets that do not fit together.
    Syntax,
    /// A specification that fits no value.
    Spec,
    /// A field reads an attribute.
    Attribute,
    /// A width above 1024 or a precision above 100.
    Limit,
}

impl FormatError {
    fn new(kind: FormatErrorKind, column: usize, message: impl Into<String>) -> Self {
        Self {
            kind,
            column,
            message: message.into(),
        }
    }

    fn spec(text: &str, message: impl std::fmt::Display) -> Self {
        Self::value(format!(
            "the format specification {text:?} cannot be used: {message}"
        ))
    }

    fn value(message: impl Into<String>) -> Self {
        Self::new(FormatErrorKind::Spec, 1, message)
    }

    fn limit(what: impl std::fmt::Display) -> Self {
        Self::new(
            FormatErrorKind::Limit,
            1,
            format!("{what} is not allowed in a format"),
        )
    }

    fn at(self, column: usize) -> Self {
        Self { column, ..self }
    }

    /// The same for a template that is only known when it is used.
    pub(crate) fn into_eval(self) -> EvalError {
        let kind = match self.kind {
            FormatErrorKind::Limit => EvalErrorKind::Overflow,
            _ => EvalErrorKind::Value,
        };
        EvalError::new(kind, self.message)
    }
}

/// Where a template takes its values from.
pub(crate) trait Arguments<'a> {
    /// The value of a name; none when there is no such name.
    fn argument(&self, name: &Name) -> Option<Val<'a>>;
}

/// Names from an object.
struct Named<'n>(&'n Map<String, Value>);

impl<'n> Arguments<'n> for Named<'n> {
    fn argument(&self, name: &Name) -> Option<Val<'n>> {
        let Name::Text(name) = name else { return None };
        self.0.get(name).map(Val::from)
    }
}

impl Format {
    /// Parses a template. What can be known to be wrong without a value is refused here.
    pub fn parse(template: &str) -> Result<Self, FormatError> {
        parse::parse(template)
    }

    /// The text, when the template has no fields.
    pub(crate) fn fixed_text(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// All names with their columns, those in nested specifications too.
    pub(crate) fn names(&self) -> Vec<(&Name, usize)> {
        let mut names = Vec::new();
        self.collect_names(&mut names);
        names
    }

    /// Replaces names by positions, where `position` knows one.
    pub(crate) fn number_names(&mut self, position: &dyn Fn(&str) -> Option<usize>) {
        for piece in &mut self.pieces {
            let Piece::Field(field) = piece else { continue };
            if let Name::Text(name) = &field.name
                && let Some(index) = position(name)
            {
                field.name = Name::Number(index);
            }
            if let SpecSource::Nested(spec) = &mut field.spec {
                spec.number_names(position);
            }
        }
    }

    fn collect_names<'f>(&'f self, names: &mut Vec<(&'f Name, usize)>) {
        for piece in &self.pieces {
            let Piece::Field(field) = piece else { continue };
            names.push((&field.name, field.column));
            if let SpecSource::Nested(spec) = &field.spec {
                spec.collect_names(names);
            }
        }
    }

    /// Fills the template from named values. Booleans, null, lists and objects in bare fields are written as
    /// JSON, null as nothing.
    pub fn render(&self, names: &Map<String, Value>) -> Result<String, EvalError> {
        self.render_with(&Named(names), BareStyle::Json)
    }

    /// Fills the template.
    pub(crate) fn render_with<'a>(
        &self,
        arguments: &dyn Arguments<'a>,
        style: BareStyle,
    ) -> Result<String, EvalError> {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Text(fixed) => text.push_str(fixed),
                Piece::Field(field) => field.render(arguments, style, &mut text)?,
            }
            if text.len() > MAX_TEXT {
                return Err(overflow(format!("the text is longer than {MAX_TEXT} bytes")));
            }
        }
        Ok(text)
    }
}

impl Field {
    fn render<'a>(
        &self,
        arguments: &dyn Arguments<'a>,
        style: BareStyle,
        out: &mut String,
    ) -> Result<(), EvalError> {
        let value = self.value(arguments)?;
        // The most common field needs neither a specification nor a text of its own.
        if let (None, Val::Str(text), SpecSource::None) = (self.conversion, &value, &self.spec) {
            out.push_str(text);
            return Ok(());
        }
        let converted = convert(value, self.conversion)?;
        let nested;
        let spec = match &self.spec {
            SpecSource::None => &Spec::default(),
            SpecSource::Fixed(spec) => spec,
            SpecSource::Nested(format) => {
                let text = format.render_with(arguments, style)?;
                nested = Spec::parse(&text).map_err(FormatError::into_eval)?;
                &nested
            }
        };
        match &converted {
            value if self.conversion.is_none() && spec.is_empty() => out.push_str(&bare(value, style)?),
            value => out.push_str(&format_value(value, spec)?),
        }
        Ok(())
    }

    fn value<'a>(&self, arguments: &dyn Arguments<'a>) -> Result<Val<'a>, EvalError> {
        let missing = || match &self.name {
            Name::Text(name) => EvalError::new(EvalErrorKind::Key, format!("there is no {name:?}")),
            Name::Auto(index) | Name::Number(index) => EvalError::new(
                EvalErrorKind::Index,
                format!("there is no positional argument {index}"),
            ),
        };
        // `{topic[0]}` is a level, not a character.
        if let (Name::Text(name), [Step::Index(level)]) = (&self.name, self.path.as_slice())
            && name == "topic"
            && let Some(Val::Str(topic)) = arguments.argument(&self.name)
        {
            return topic_level(&topic, *level);
        }
        let mut value = arguments.argument(&self.name).ok_or_else(missing)?;
        for step in &self.path {
            value = step.take(&value)?;
        }
        Ok(value)
    }
}

fn topic_level<'a>(topic: &Text<'a>, level: usize) -> Result<Val<'a>, EvalError> {
    let found = topic.split('/').nth(level);
    let found = found.ok_or_else(|| {
        EvalError::new(
            EvalErrorKind::Index,
            format!("the topic {:?} has no level {level}", &**topic),
        )
    })?;
    Ok(Val::from(found.to_owned()))
}

impl Step {
    fn take<'a>(&self, value: &Val<'a>) -> Result<Val<'a>, EvalError> {
        match (value, self) {
            (Val::Dict(members), Self::Key(key)) => members
                .get_str(key)
                .ok_or_else(|| EvalError::new(EvalErrorKind::Key, format!("there is no member {key:?}"))),
            (Val::Dict(members), Self::Index(index)) => {
                let key = Val::Int(i64::try_from(*index).unwrap_or(i64::MAX));
                members.get(&key)?.ok_or_else(|| {
                    EvalError::new(
                        EvalErrorKind::Key,
                        format!("there is no member with the number {index} as its key"),
                    )
                })
            }
            (Val::List(items) | Val::Tuple(items), Self::Index(index)) => items
                .get(*index)
                .ok_or_else(|| EvalError::new(EvalErrorKind::Index, format!("no element {index}"))),
            (Val::Str(text), Self::Index(index)) => match text.chars().nth(*index) {
                Some(char) => Ok(Val::from(char.to_string())),
                None => Err(EvalError::new(
                    EvalErrorKind::Index,
                    format!("no character {index}"),
                )),
            },
            (other, Self::Key(key)) => {
                Err(type_error(format!("{} has no member {key:?}", other.type_name())))
            }
            (other, Self::Index(index)) => Err(type_error(format!(
                "{} has no element {index}",
                other.type_name()
            ))),
        }
    }
}

/// `!s`, `!r`, `!a`.
pub(crate) fn convert(value: Val<'_>, conversion: Option<char>) -> Result<Val<'_>, EvalError> {
    match conversion {
        None => Ok(value),
        Some('r') => repr(&value).map(Val::from),
        Some('a') => ascii(&value).map(Val::from),
        Some(_) => str_of(&value).map(Val::from),
    }
}

/// A value as text without a specification.
pub(crate) fn bare(value: &Val<'_>, style: BareStyle) -> Result<String, EvalError> {
    match (style, value) {
        (BareStyle::Json, Val::Null) => Ok(String::new()),
        (BareStyle::Json, Val::Bool(_) | Val::List(_) | Val::Tuple(_) | Val::Dict(_)) => {
            json(value, JsonStyle::COMPACT)
        }
        _ => value::str_of(value),
    }
}
