//! The entries of a map: which one takes a value.

use std::collections::HashMap;

use regex::{Captures, Regex, RegexBuilder};
use serde_json::{Number, Value};

use crate::error::{CompileError, ErrorKind, EvalError};
use crate::expr::{Expr, Names};
use crate::output::Output;
use crate::spec::MapKey;
use crate::value;
use crate::value_map::InputValue;

/// How a key begins that is a regular expression.
const REGEX: &str = "re:";

/// How a key begins that is a predicate.
const PREDICATE: &str = "lambda ";

/// Memory that one compiled regular expression may take, in bytes.
const REGEX_SIZE: usize = 4 << 20;

/// What one key takes.
#[derive(Debug)]
pub(crate) enum Matcher {
    /// Found through the index.
    Literal,
    Regex(Regex),
    Predicate(Expr),
}

/// One entry.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) key: MapKey,
    pub(crate) matcher: Matcher,
    pub(crate) output: Output,
}

/// The entries of a map, in file order, with an index of the literal ones.
#[derive(Debug, Default)]
pub(crate) struct Rules {
    entries: Vec<Entry>,
    /// Entries that have to be tried one by one.
    tried: Vec<usize>,
    texts: HashMap<Box<str>, usize>,
    numbers: HashMap<Num, usize>,
    truths: [Option<usize>; 2],
    null: Option<usize>,
}

/// An entry that takes a value.
pub(crate) struct Found<'v> {
    pub(crate) index: usize,
    /// The groups of its regular expression, when its output uses them.
    pub(crate) captures: Option<Captures<'v>>,
}

/// A number with an exact idea of equality: integers by value whatever their notation, the rest by bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Num {
    Int(i64),
    Large(u64),
    Float(u64),
}

impl Num {
    fn of_float(number: f64) -> Self {
        // 2^64 is exact as a float, the largest u64 is not.
        const LIMIT: f64 = 18_446_744_073_709_552_000.0;
        match value::integral(number) {
            Some(integer) => Self::Int(integer),
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the range was checked"
            )]
            None if number > 0.0 && number < LIMIT && number.fract() == 0.0 => Self::Large(number as u64),
            None => Self::Float(number.to_bits()),
        }
    }

    fn of(number: &Number) -> Self {
        match (number.as_i64(), number.as_u64()) {
            (Some(integer), _) => Self::Int(integer),
            (None, Some(large)) => Self::Large(large),
            (None, None) => Self::of_float(number.as_f64().unwrap_or_default()),
        }
    }
}

impl Matcher {
    /// Compiles a key.
    pub(crate) fn compile(key: &MapKey) -> Result<Self, CompileError> {
        let MapKey::Text(text) = key else {
            return Ok(Self::Literal);
        };
        if let Some(pattern) = text.strip_prefix(REGEX) {
            return regex(pattern, text).map(Self::Regex);
        }
        if text.starts_with(PREDICATE) {
            let expr = Expr::compile(text, Names::Argument);
            return expr
                .map(Self::Predicate)
                .map_err(|error| error.into_compile_error(text));
        }
        Ok(Self::Literal)
    }

    /// Number of groups of a regular expression, without the whole match.
    pub(crate) fn groups(&self) -> usize {
        if let Self::Regex(regex) = self {
            regex.captures_len() - 1
        } else {
            0
        }
    }

    /// Names of the groups of a regular expression.
    pub(crate) fn group_names(&self) -> impl Iterator<Item = &str> {
        let names = if let Self::Regex(regex) = self {
            Some(regex.capture_names().flatten())
        } else {
            None
        };
        names.into_iter().flatten()
    }

    /// The number of a named group of a regular expression.
    pub(crate) fn group_number(&self, name: &str) -> Option<usize> {
        let Self::Regex(regex) = self else { return None };
        regex.capture_names().position(|group| group == Some(name))
    }

    /// Whether the key takes a value; for literal keys the index knows.
    pub(crate) fn takes(&self, value: InputValue<'_>) -> Result<bool, EvalError> {
        match (self, value.as_text()) {
            (Self::Literal, _) | (Self::Regex(_), None) => Ok(false),
            (Self::Regex(regex), Some(text)) => Ok(regex.is_match(text)),
            (Self::Predicate(expr), _) => expr.test(value),
        }
    }
}

impl Rules {
    pub(crate) fn push(&mut self, entry: Entry) {
        let index = self.entries.len();
        match (&entry.matcher, &entry.key) {
            (Matcher::Regex(_) | Matcher::Predicate(_), _) => self.tried.push(index),
            (Matcher::Literal, MapKey::Text(text)) => {
                _ = self.texts.entry(text.as_str().into()).or_insert(index);
            }
            (Matcher::Literal, MapKey::Int(number)) => {
                self.numbers.entry(Num::Int(*number)).or_insert(index);
            }
            (Matcher::Literal, MapKey::Float(number)) => {
                self.numbers.entry(Num::of_float(*number)).or_insert(index);
            }
            (Matcher::Literal, MapKey::Bool(truth)) => {
                self.truths[usize::from(*truth)].get_or_insert(index);
            }
            (Matcher::Literal, MapKey::Null) => _ = self.null.get_or_insert(index),
        }
        self.entries.push(entry);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    pub(crate) fn get(&self, index: usize) -> &Entry {
        &self.entries[index]
    }

    /// The first entry in file order that takes the value. Counts predicates that failed: those take nothing.
    pub(crate) fn find<'v>(&self, value: InputValue<'v>, failed: &mut usize) -> Option<Found<'v>> {
        let literal = self.literal(value);
        let before = literal.unwrap_or(usize::MAX);
        for index in self.tried.iter().copied().take_while(|index| *index < before) {
            let entry = &self.entries[index];
            if let (Matcher::Regex(regex), Some(text), true) =
                (&entry.matcher, value.as_text(), entry.output.uses_groups())
            {
                if let Some(captures) = regex.captures(text) {
                    return Some(Found {
                        index,
                        captures: Some(captures),
                    });
                }
                continue;
            }
            match entry.matcher.takes(value) {
                Ok(true) => {
                    return Some(Found {
                        index,
                        captures: None,
                    });
                }
                Ok(false) => {}
                Err(_) => *failed += 1,
            }
        }
        literal.map(|index| Found {
            index,
            captures: None,
        })
    }

    /// The first literal entry that equals the value. Numbers by value, `true` and `1` apart.
    pub(crate) fn literal(&self, value: InputValue<'_>) -> Option<usize> {
        match value {
            InputValue::Text(text) => self.texts.get(text).copied(),
            InputValue::Json(Value::String(text)) => self.texts.get(text.as_str()).copied(),
            InputValue::Json(Value::Number(number)) => self.numbers.get(&Num::of(number)).copied(),
            InputValue::Json(Value::Bool(truth)) => self.truths[usize::from(*truth)],
            InputValue::Json(Value::Null) => self.null,
            InputValue::Json(Value::Array(_) | Value::Object(_)) => None,
        }
    }
}

/// A regular expression that is anchored at the start of the text, as Python's `re.match` is.
fn regex(pattern: &str, key: &str) -> Result<Regex, CompileError> {
    let build = |pattern: &str| {
        RegexBuilder::new(pattern)
            .size_limit(REGEX_SIZE)
            .nest_limit(100)
            .build()
    };
    // Alone first: a pattern such as `a)|(b` must not become valid by what is put around it.
    build(pattern).map_err(|error| regex_error(&error, key))?;
    // The second form is for patterns that end in a comment.
    build(&format!(r"\A(?:{pattern})"))
        .or_else(|_| build(&format!("\\A(?:{pattern}\n)")))
        .map_err(|error| regex_error(&error, key))
}

fn regex_error(error: &regex::Error, key: &str) -> CompileError {
    let text = error.to_string();
    let message = if let regex::Error::CompiledTooBig(_) = error {
        format!("the regular expression needs more than {REGEX_SIZE} bytes")
    } else {
        let reason = text.lines().rev().find_map(|line| line.strip_prefix("error: "));
        format!(
            "the regular expression {:?} is wrong: {}",
            key.strip_prefix(REGEX).unwrap_or(key),
            reason.unwrap_or(&text)
        )
    };
    // The place is drawn below the pattern, which is indented by four blanks.
    let caret = text
        .lines()
        .find(|line| line.trim_start().starts_with('^') && line.starts_with("    "));
    let column = caret.and_then(|line| line.find('^')).map_or(1, |at| at - 4 + 1);
    CompileError::new(ErrorKind::Regex, key, message).at_column(REGEX.len() + column)
}
