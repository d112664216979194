//! The methods of texts, lists and dicts.

use super::arith::check_length;
use super::eval::{Eval, Values};
use super::number::is_digit;
use super::walk::Walk;
use crate::error::EvalError;
use crate::format::{Arguments, BareStyle, Format, FormatError, Name};
use crate::value::{Items, Members, Text, Val, equal, is_space, type_error, value_error};

mod casing;

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

/// Byte range of the part between the second and the third argument, in characters; none when it lies
/// beyond the text.
fn range(text: &str, values: &Values<'_>) -> Result<Option<std::ops::Range<usize>>, EvalError> {
    let bounds = (optional_int(values, 1)?, optional_int(values, 2)?);
    if bounds == (None, None) {
        return Ok(Some(0..text.len()));
    }
    let length = text.chars().count();
    let place = |bound: i64| {
        let at = if bound < 0 {
            bound.saturating_add(count_of(length)).max(0)
        } else {
            bound
        };
        usize::try_from(at).unwrap_or(usize::MAX)
    };
    let (start, end) = (
        bounds.0.map_or(0, place),
        bounds.1.map_or(length, place).min(length),
    );
    if start > end {
        return Ok(None);
    }
    let byte = |at: usize| text.char_indices().nth(at).map_or(text.len(), |(byte, _)| byte);
    Ok(Some(byte(start)..byte(end)))
}

fn part<'t>(text: &'t str, values: &Values<'_>) -> Result<Option<&'t str>, EvalError> {
    Ok(range(text, values)?.map(|range| &text[range]))
}

fn count(text: Option<&str>, wanted: &str) -> usize {
    match text {
        None => 0,
        Some(text) if wanted.is_empty() => text.chars().count() + 1,
        Some(text) => text.matches(wanted).count(),
    }
}

fn find<'a>(text: &Text<'a>, values: &Values<'a>) -> Result<Val<'a>, EvalError> {
    let wanted = argument(values, 0)?;
    let found = range(text, values)?.and_then(|range| Some(range.start + text[range].find(&*wanted)?));
    Ok(Val::Int(
        found.map_or(-1, |byte| count_of(text[..byte].chars().count())),
    ))
}

fn affix(text: &Text<'_>, values: &Values<'_>, has: fn(&str, &str) -> bool) -> Result<bool, EvalError> {
    let part = part(text, values)?;
    let one = |wanted: Option<Val<'_>>| match wanted {
        Some(Val::Str(wanted)) => Ok(part.is_some_and(|part| has(part, &wanted))),
        _ => Err(type_error("a text or a tuple of texts is needed")),
    };
    let Some(Val::Tuple(wanted)) = values.get(0) else {
        return one(values.get(0));
    };
    for wanted in wanted.iter() {
        if one(Some(wanted))? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn strip<'a>(text: &Text<'a>, values: &Values<'a>, left: bool, right: bool) -> Result<Val<'a>, EvalError> {
    let chars = match values.get(0) {
        None | Some(Val::Null) => None,
        Some(_) => Some(argument(values, 0)?),
    };
    let stripped = |char: char| {
        chars
            .as_ref()
            .map_or_else(|| is_space(char), |chars| chars.contains(char))
    };
    let start = if left {
        text.find(|char| !stripped(char)).unwrap_or(text.len())
    } else {
        0
    };
    let end = if right {
        start + text[start..].trim_end_matches(stripped).len()
    } else {
        text.len()
    };
    Ok(Val::Str(text.part(start..end)))
}

fn split<'a>(eval: &Eval<'a, '_>, text: &Text<'a>, values: &Values<'a>) -> Result<Val<'a>, EvalError> {
    let separator = values.get(0).or_else(|| values.named("sep")).unwrap_or(Val::Null);
    let most = values.get(1).or_else(|| values.named("maxsplit"));
    let most = most.map_or(Ok(-1), |most| eval.index(&most))?;
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let ranges = match separator {
        Val::Null => words(text, most),
        Val::Str(separator) if separator.is_empty() => return Err(value_error("the separator is empty")),
        Val::Str(separator) => fields(text, &separator, most),
        _ => return Err(type_error("the separator is a text")),
    };
    eval.budget.steps(ranges.len())?;
    Ok(ranges
        .into_iter()
        .map(|range| Val::Str(text.part(range)))
        .collect::<Vec<_>>()
        .into())
}

fn fields(text: &str, separator: &str, most: usize) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let mut start = 0;
    for (at, _) in text.match_indices(separator).take(most) {
        ranges.push(start..at);
        start = at + separator.len();
    }
    ranges.push(start..text.len());
    ranges
}

/// Words between blanks; what is left after `most` splits keeps its blanks inside and loses those before.
fn words(text: &str, most: usize) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 0;
    while let Some(offset) = text[at..].find(|char| !is_space(char)) {
        let start = at + offset;
        if ranges.len() == most {
            ranges.push(start..start + text[start..].trim_end_matches(is_space).len());
            break;
        }
        at = start + text[start..].find(is_space).unwrap_or(text.len() - start);
        ranges.push(start..at);
    }
    ranges
}

fn replace<'a>(text: &Text<'a>, values: &Values<'a>) -> Result<Val<'a>, EvalError> {
    let (old, new) = (argument(values, 0)?, argument(values, 1)?);
    let most = optional_int(values, 2)?.and_then(|most| usize::try_from(most).ok());
    let most = most.unwrap_or(usize::MAX);
    let hits = text.matches(&*old).take(most).count();
    // The size is known before anything is made.
    let kept = text.len() - hits * old.len();
    check_length(hits.saturating_mul(new.len()).saturating_add(kept))?;
    Ok(Val::from(text.replacen(&*old, &new, most)))
}

fn join<'a>(eval: &Eval<'a, '_>, text: &Text<'a>, values: &Values<'a>) -> Result<Val<'a>, EvalError> {
    let mut joined = String::new();
    for (index, item) in Walk::new(values.get(0).unwrap_or(Val::Null))?.enumerate() {
        eval.budget.steps(1)?;
        let Val::Str(item) = item else {
            return Err(type_error(format!(
                "only texts can be joined, not {}",
                item.type_name()
            )));
        };
        if index > 0 {
            joined.push_str(text);
        }
        joined.push_str(&item);
        check_length(joined.len())?;
    }
    Ok(Val::from(joined))
}

fn zero_fill<'a>(text: &Text<'a>, values: &Values<'a>) -> Result<Val<'a>, EvalError> {
    let width = optional_int(values, 0)?.ok_or_else(|| type_error("an integer is needed"))?;
    let width = usize::try_from(width).unwrap_or(0);
    let missing = width.saturating_sub(text.chars().count());
    check_length(text.len().saturating_add(missing))?;
    let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
    Ok(Val::from(format!("{sign}{}{digits}", "0".repeat(missing))))
}

fn format_text<'a>(text: &Text<'a>, values: &Values<'a>) -> Result<Val<'a>, EvalError> {
    let format = Format::parse(text).map_err(FormatError::into_eval)?;
    format.render_with(values, BareStyle::Python).map(Val::from)
}

impl<'a> Arguments<'a> for Values<'a> {
    fn argument(&self, name: &Name) -> Option<Val<'a>> {
        match name {
            Name::Auto(index) | Name::Number(index) => self.get(*index),
            Name::Text(name) => self.named(name),
        }
    }
}
