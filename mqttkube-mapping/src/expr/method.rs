//! The methods of texts, lists and dicts.

mod casing;
mod make;
mod search;
mod split;

use self::make::{format_text, join, replace, zero_fill};
use self::search::{affix, count, find, part};
use self::split::{split, strip};
use super::arith::check_length;
use super::eval::{Eval, Values};
use super::number::is_digit;
use crate::error::EvalError;
use crate::value::{Items, Members, Text, Val, equal, type_error};

/// A method that an expression may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Capitalize,
    Count,
    EndsWith,
    Find,
    Format,
    Get,
    IsDigit,
    Items,
    Join,
    Keys,
    LeftStrip,
    Lower,
    RemovePrefix,
    RemoveSuffix,
    Replace,
    RightStrip,
    Split,
    StartsWith,
    Strip,
    Title,
    Upper,
    Values,
    ZFill,
}

/// Methods by name, with the fewest and the most positional arguments.
const METHODS: &[(&str, Method, usize, usize)] = &[
    ("capitalize", Method::Capitalize, 0, 0),
    ("count", Method::Count, 1, 3),
    ("endswith", Method::EndsWith, 1, 3),
    ("find", Method::Find, 1, 3),
    ("format", Method::Format, 0, usize::MAX),
    ("get", Method::Get, 1, 2),
    ("isdigit", Method::IsDigit, 0, 0),
    ("items", Method::Items, 0, 0),
    ("join", Method::Join, 1, 1),
    ("keys", Method::Keys, 0, 0),
    ("lower", Method::Lower, 0, 0),
    ("lstrip", Method::LeftStrip, 0, 1),
    ("removeprefix", Method::RemovePrefix, 1, 1),
    ("removesuffix", Method::RemoveSuffix, 1, 1),
    ("replace", Method::Replace, 2, 3),
    ("rstrip", Method::RightStrip, 0, 1),
    ("split", Method::Split, 0, 2),
    ("startswith", Method::StartsWith, 1, 3),
    ("strip", Method::Strip, 0, 1),
    ("title", Method::Title, 0, 0),
    ("upper", Method::Upper, 0, 0),
    ("values", Method::Values, 0, 0),
    ("zfill", Method::ZFill, 1, 1),
];

impl Method {
    pub(super) fn from_name(name: &str) -> Option<Self> {
        METHODS
            .iter()
            .find(|(known, ..)| *known == name)
            .map(|(_, method, ..)| *method)
    }

    /// Help for a method that does not exist: the one that was probably meant.
    pub(super) fn suggest(name: &str) -> Option<String> {
        let lower = name.to_ascii_lowercase().replace('_', "");
        let known = METHODS
            .iter()
            .find(|(known, ..)| *known == lower || (lower.len() > 2 && known.starts_with(&lower)));
        known.map(|(known, ..)| format!("did you mean {known:?}?"))
    }

    /// The named arguments that the method takes; none for any.
    pub(super) fn named(self) -> Option<&'static [&'static str]> {
        match self {
            Self::Format => None,
            Self::Split => Some(&["sep", "maxsplit"]),
            _ => Some(&[]),
        }
    }

    fn row(self) -> (&'static str, usize, usize) {
        let row = METHODS.iter().find(|(_, method, ..)| *method == self);
        row.map_or(("", 0, 0), |(name, _, least, most)| (name, *least, *most))
    }

    /// Calls the method.
    pub(super) fn call<'a>(
        self,
        eval: &Eval<'a, '_>,
        object: &Val<'a>,
        values: &Values<'a>,
    ) -> Result<Val<'a>, EvalError> {
        let (name, least, most) = self.row();
        let given = values.len();
        let result = match object {
            _ if given < least || given > most => {
                return Err(type_error(format!("{name}() does not take {given} arguments")));
            }
            Val::Str(text) => self.of_text(eval, text, values)?,
            Val::Dict(members) => self.of_dict(eval, members, values)?,
            Val::List(items) | Val::Tuple(items) => self.of_list(eval, items, values)?,
            _ => None,
        };
        result.ok_or_else(|| type_error(format!("{} has no method {name:?}", object.type_name())))
    }

    fn of_text<'a>(
        self,
        eval: &Eval<'a, '_>,
        text: &Text<'a>,
        values: &Values<'a>,
    ) -> Result<Option<Val<'a>>, EvalError> {
        eval.budget.bytes(text.len())?;
        Ok(Some(match self {
            Self::Capitalize => made(casing::capitalize(text))?,
            Self::Count => Val::Int(count_of(count(part(text, values)?, &argument(values, 0)?))),
            Self::EndsWith => Val::Bool(affix(text, values, |text, affix| text.ends_with(affix))?),
            Self::Find => find(text, values)?,
            Self::Format => format_text(text, values)?,
            Self::IsDigit => Val::Bool(!text.is_empty() && text.chars().all(is_digit)),
            Self::Join => join(eval, text, values)?,
            Self::LeftStrip => strip(text, values, true, false)?,
            Self::Lower => made(text.to_lowercase())?,
            Self::RemovePrefix => {
                let kept = text
                    .strip_prefix(&*argument(values, 0)?)
                    .map_or(text.len(), str::len);
                Val::Str(text.part(text.len() - kept..text.len()))
            }
            Self::RemoveSuffix => {
                let kept = text
                    .strip_suffix(&*argument(values, 0)?)
                    .map_or(text.len(), str::len);
                Val::Str(text.part(0..kept))
            }
            Self::Replace => replace(text, values)?,
            Self::RightStrip => strip(text, values, false, true)?,
            Self::Split => split(eval, text, values)?,
            Self::StartsWith => Val::Bool(affix(text, values, |text, affix| text.starts_with(affix))?),
            Self::Strip => strip(text, values, true, true)?,
            Self::Title => made(casing::title(text))?,
            Self::Upper => made(text.to_uppercase())?,
            Self::ZFill => zero_fill(text, values)?,
            Self::Get | Self::Items | Self::Keys | Self::Values => return Ok(None),
        }))
    }

    fn of_dict<'a>(
        self,
        eval: &Eval<'a, '_>,
        members: &Members<'a>,
        values: &Values<'a>,
    ) -> Result<Option<Val<'a>>, EvalError> {
        if matches!(self, Self::Items | Self::Keys | Self::Values) {
            eval.budget.steps(members.len())?;
        }
        let list =
            |each: fn((Val<'a>, Val<'a>)) -> Val<'a>| members.iter().map(each).collect::<Vec<_>>().into();
        Ok(Some(match self {
            Self::Get => {
                let key = values.get(0).unwrap_or(Val::Null);
                members.get(&key)?.or_else(|| values.get(1)).unwrap_or(Val::Null)
            }
            Self::Items => list(|(key, value)| Val::Tuple(Items::Own([key, value].into()))),
            Self::Keys => list(|(key, _)| key),
            Self::Values => list(|(_, value)| value),
            _ => return Ok(None),
        }))
    }

    fn of_list<'a>(
        self,
        eval: &Eval<'a, '_>,
        items: &Items<'a>,
        values: &Values<'a>,
    ) -> Result<Option<Val<'a>>, EvalError> {
        let (Self::Count, Some(wanted), 1) = (self, values.get(0), values.len()) else {
            return Ok(None);
        };
        let mut count = 0;
        for item in items.iter() {
            eval.budget.steps(1)?;
            count += usize::from(equal(&item, &wanted, &eval.budget)?);
        }
        Ok(Some(Val::Int(count_of(count))))
    }
}

fn count_of(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// A text that a method made.
fn made<'a>(text: String) -> Result<Val<'a>, EvalError> {
    check_length(text.len())?;
    Ok(Val::from(text))
}

fn argument<'a>(values: &Values<'a>, index: usize) -> Result<Text<'a>, EvalError> {
    match values.get(index) {
        Some(Val::Str(text)) => Ok(text),
        other => Err(type_error(format!(
            "a text is needed, not {}",
            other.map_or("nothing", |v| v.type_name())
        ))),
    }
}

fn optional_int(values: &Values<'_>, index: usize) -> Result<Option<i64>, EvalError> {
    match values.get(index) {
        None | Some(Val::Null) => Ok(None),
        Some(value) => value
            .as_int()
            .map(Some)
            .ok_or_else(|| type_error("an integer is needed")),
    }
}
