//! What an entry of a map gives: a fixed value, or one whose texts are filled in.

use serde_json::{Map, Value};

use crate::error::{CompileError, ErrorKind, EvalError, EvalErrorKind, PathSeg};
use crate::format::{Arguments, BareStyle, Format, FormatErrorKind, Name};
use crate::payload::{self, CastType};
use crate::spec::{MapKey, SpecNode};

/// A compiled output.
#[derive(Debug)]
pub(crate) enum Output {
    Fixed(Value),
    Filled {
        template: Template,
        cast: CastType,
        style: BareStyle,
        uses_groups: bool,
    },
}

/// A value some texts of which are templates.
#[derive(Debug)]
pub(crate) enum Template {
    Value(Value),
    Text(Format),
    List(Vec<Self>),
    Map(Vec<(String, Self)>),
}

/// Compiles the outputs of one entry and collects what is wrong with them.
pub(crate) struct OutputCompiler<'c> {
    /// Whether a template may use a name.
    pub(crate) knows: &'c dyn Fn(&Name) -> bool,
    /// The number of a group of the regular expression.
    pub(crate) group: &'c dyn Fn(&Name) -> Option<usize>,
    pub(crate) style: BareStyle,
    pub(crate) uses_groups: bool,
    pub(crate) errors: Vec<CompileError>,
}

impl OutputCompiler<'_> {
    /// Compiles one output. What is wrong is in `errors`.
    pub(crate) fn output(&mut self, node: &SpecNode, path: &mut Vec<PathSeg>) -> Output {
        let Some((value_index, value, type_index, name)) = typed(node) else {
            return self.cast(node, CastType::Auto, path);
        };
        let cast = CastType::from_name(name).unwrap_or_else(|| {
            path.push(PathSeg::EntryValue(type_index));
            let known = CastType::NAMES.join(", ");
            let error = CompileError::new(ErrorKind::Type, name, format!("there is no type {name:?}"));
            self.errors
                .push(error.with_help(format!("the types are {known}")).below(path));
            path.pop();
            CastType::Auto
        });
        path.push(PathSeg::EntryValue(value_index));
        let output = self.cast(value, cast, path);
        path.pop();
        output
    }

    fn cast(&mut self, node: &SpecNode, cast: CastType, path: &mut Vec<PathSeg>) -> Output {
        let template = self.template(node, path);
        let Some(value) = template.fixed() else {
            return Output::Filled {
                template,
                cast,
                style: self.style,
                uses_groups: self.uses_groups,
            };
        };
        match payload::cast(&value, cast) {
            Ok(value) => Output::Fixed(value),
            Err(error) => {
                self.errors
                    .push(CompileError::new(ErrorKind::Type, "", error.to_string()).below(path));
                Output::Fixed(value)
            }
        }
    }

    fn template(&mut self, node: &SpecNode, path: &mut Vec<PathSeg>) -> Template {
        match node {
            SpecNode::Scalar(Value::String(text)) => self.text(text, path),
            SpecNode::Scalar(value) => Template::Value(value.clone()),
            SpecNode::List(items) => {
                let items = items.iter().enumerate();
                Template::List(
                    items
                        .map(|(index, item)| self.below(PathSeg::Index(index), item, path))
                        .collect(),
                )
            }
            SpecNode::Map(entries) => {
                let entries = entries.iter().enumerate();
                Template::Map(
                    entries
                        .map(|(index, entry)| self.member(index, entry, path))
                        .collect(),
                )
            }
        }
    }

    fn below(&mut self, step: PathSeg, node: &SpecNode, path: &mut Vec<PathSeg>) -> Template {
        path.push(step);
        let template = self.template(node, path);
        path.pop();
        template
    }

    fn member(
        &mut self,
        index: usize,
        (key, node): &(MapKey, SpecNode),
        path: &mut Vec<PathSeg>,
    ) -> (String, Template) {
        if !matches!(key, MapKey::Text(_)) {
            let message = "the names of the members of an object are text";
            let error = CompileError::new(ErrorKind::Shape, key.to_string(), message);
            let error = error.with_help(format!("write \"{key}\" in quotes"));
            path.push(PathSeg::EntryKey(index));
            self.errors.push(error.below(path));
            path.pop();
        }
        (
            key.to_string(),
            self.below(PathSeg::EntryValue(index), node, path),
        )
    }

    fn text(&mut self, text: &str, path: &[PathSeg]) -> Template {
        let mut format = match Format::parse(text) {
            Ok(format) => format,
            Err(error) => {
                let wrong = CompileError::new(ErrorKind::Format, text, error.message).at_column(error.column);
                let wrong = match error.kind {
                    FormatErrorKind::Attribute => wrong.with_help("write '[name]' for a member"),
                    _ => wrong,
                };
                self.errors.push(wrong.below(path));
                return Template::Value(Value::Null);
            }
        };
        for (name, column) in format.names() {
            self.uses_groups |= (self.group)(name).is_some();
            if !(self.knows)(name) {
                let message = match name {
                    Name::Text(name) => format!("no input supplies the name {name:?}"),
                    Name::Number(index) => format!("there is no group {index}"),
                    Name::Auto(_) => "a field needs a name".to_owned(),
                };
                let error = CompileError::new(ErrorKind::UnknownName, text, message).at_column(column);
                self.errors.push(
                    error
                        .with_help("write '{{' and '}}' for the characters themselves")
                        .below(path),
                );
            }
        }
        // Groups are found by number when a template is filled.
        format.number_names(&|name| (self.group)(&Name::Text(name.to_owned())));
        match format.fixed_text() {
            Some(text) => Template::Value(text.into()),
            None => Template::Text(format),
        }
    }
}

/// The parts of `{value: ..., type: ...}`.
fn typed(node: &SpecNode) -> Option<(usize, &SpecNode, usize, &str)> {
    let SpecNode::Map(entries) = node else { return None };
    let find = |wanted: &str| {
        entries
            .iter()
            .position(|(key, _)| matches!(key, MapKey::Text(text) if text == wanted))
    };
    let (value, kind) = (find("value")?, find("type")?);
    match &entries[kind].1 {
        SpecNode::Scalar(Value::String(name)) if entries.len() == 2 => {
            Some((value, &entries[value].1, kind, name))
        }
        _ => None,
    }
}

impl Template {
    /// The value, when nothing is to be filled in.
    fn fixed(&self) -> Option<Value> {
        match self {
            Self::Value(value) => Some(value.clone()),
            Self::Text(_) => None,
            Self::List(items) => items
                .iter()
                .map(Self::fixed)
                .collect::<Option<_>>()
                .map(Value::Array),
            Self::Map(entries) => {
                let members = entries
                    .iter()
                    .map(|(name, value)| Some((name.clone(), value.fixed()?)));
                members.collect::<Option<Map<_, _>>>().map(Value::Object)
            }
        }
    }

    fn fill<'a>(&self, arguments: &dyn Arguments<'a>, style: BareStyle) -> Result<Value, EvalError> {
        Ok(match self {
            Self::Value(value) => value.clone(),
            Self::Text(format) => Value::String(format.render_with(arguments, style)?),
            Self::List(items) => Value::Array(
                items
                    .iter()
                    .map(|item| item.fill(arguments, style))
                    .collect::<Result<_, _>>()?,
            ),
            Self::Map(entries) => {
                let members = entries
                    .iter()
                    .map(|(name, value)| Ok((name.clone(), value.fill(arguments, style)?)));
                Value::Object(members.collect::<Result<_, EvalError>>()?)
            }
        })
    }
}

impl Output {
    /// Whether the groups of a regular expression are needed.
    pub(crate) fn uses_groups(&self) -> bool {
        matches!(
            self,
            Self::Filled {
                uses_groups: true,
                ..
            }
        )
    }

    /// The value, filled in and cast.
    pub(crate) fn fill<'a>(&self, arguments: &dyn Arguments<'a>) -> Result<Value, EvalError> {
        match self {
            Self::Fixed(value) => Ok(value.clone()),
            Self::Filled {
                template,
                cast,
                style,
                ..
            } => {
                let value = template.fill(arguments, *style)?;
                if *cast == CastType::Auto {
                    return Ok(value);
                }
                payload::cast(&value, *cast)
                    .map_err(|error| EvalError::new(EvalErrorKind::Type, error.to_string()))
            }
        }
    }
}
