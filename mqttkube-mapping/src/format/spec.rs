//! Python's format specification: `[[fill]align][sign][z][#][0][width][,_][.precision][type]`.

use super::FormatError;

/// The widest field that a template may ask for, in characters.
pub(crate) const MAX_WIDTH: usize = 1024;

/// The largest precision that a template may ask for.
pub(crate) const MAX_PRECISION: usize = 100;

/// A parsed specification. The default is the empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Spec {
    pub(crate) fill: Option<char>,
    pub(crate) align: Option<Align>,
    pub(crate) sign: Option<char>,
    /// A negative zero loses its sign.
    pub(crate) no_negative_zero: bool,
    pub(crate) alternate: bool,
    /// A `0` before the width: fill with zeros after the sign, unless told otherwise.
    pub(crate) zero: bool,
    pub(crate) width: usize,
    pub(crate) grouping: Option<char>,
    pub(crate) precision: Option<usize>,
    pub(crate) kind: Option<char>,
}

/// Where the padding goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Align {
    Left,
    Right,
    Center,
    /// Between the sign and the digits.
    AfterSign,
}

impl Align {
    fn from_char(char: char) -> Option<Self> {
        match char {
            '<' => Some(Self::Left),
            '>' => Some(Self::Right),
            '^' => Some(Self::Center),
            '=' => Some(Self::AfterSign),
            _ => None,
        }
    }
}

impl Spec {
    /// Parses a specification; whether it fits a value is only known when it is applied.
    pub(crate) fn parse(text: &str) -> Result<Self, FormatError> {
        let mut spec = Self::default();
        let mut rest = Rest(text);
        spec.parse_align(&mut rest);
        spec.sign = rest.take_if(|char| matches!(char, '+' | '-' | ' '));
        spec.no_negative_zero = rest.take('z');
        spec.alternate = rest.take('#');
        spec.zero = spec.fill.is_none() && rest.take('0');
        spec.width = rest.number()?.unwrap_or(0);
        if spec.width > MAX_WIDTH {
            return Err(FormatError::limit(format!("a width of more than {MAX_WIDTH}")));
        }
        spec.parse_grouping(&mut rest)?;
        if rest.take('.') {
            let precision = rest
                .number()?
                .ok_or_else(|| FormatError::spec(text, "no digits after the point"))?;
            if precision > MAX_PRECISION {
                return Err(FormatError::limit(format!(
                    "a precision of more than {MAX_PRECISION}"
                )));
            }
            spec.precision = Some(precision);
        }
        spec.kind = rest.take_if(|_| true);
        if !rest.0.is_empty() {
            return Err(FormatError::spec(text, "it goes on after its type"));
        }
        spec.check(text)?;
        Ok(spec)
    }

    fn parse_align(&mut self, rest: &mut Rest<'_>) {
        let mut chars = rest.0.chars();
        let (first, second) = (chars.next(), chars.next().and_then(Align::from_char));
        if let (Some(fill), Some(align)) = (first, second) {
            (self.fill, self.align) = (Some(fill), Some(align));
            rest.0 = chars.as_str();
        } else {
            self.align = rest
                .take_if(|char| Align::from_char(char).is_some())
                .and_then(Align::from_char);
        }
    }

    fn parse_grouping(&mut self, rest: &mut Rest<'_>) -> Result<(), FormatError> {
        self.grouping = rest.take_if(|char| matches!(char, ',' | '_'));
        match (self.grouping, rest.take_if(|char| matches!(char, ',' | '_'))) {
            (Some(_), Some(_)) => Err(FormatError::value(
                "only one of ',' and '_' can group digits, and once",
            )),
            _ => Ok(()),
        }
    }

    fn check(&self, text: &str) -> Result<(), FormatError> {
        let Some(kind) = self.kind else { return Ok(()) };
        if !"bcdeEfFgGnosxX%".contains(kind) {
            return Err(FormatError::spec(text, format!("there is no type {kind:?}")));
        }
        let groups = match self.grouping {
            None => true,
            Some('_') => "bdeEfFgGoxX%".contains(kind),
            Some(_) => "deEfFgG%".contains(kind),
        };
        if groups {
            Ok(())
        } else {
            Err(FormatError::spec(text, format!("{kind:?} cannot be grouped")))
        }
    }

    /// Nothing is asked for.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is still to be read.
struct Rest<'a>(&'a str);

impl Rest<'_> {
    fn take_if(&mut self, wanted: impl FnOnce(char) -> bool) -> Option<char> {
        let mut chars = self.0.chars();
        let char = chars.next().filter(|char| wanted(*char))?;
        self.0 = chars.as_str();
        Some(char)
    }

    fn take(&mut self, wanted: char) -> bool {
        self.take_if(|char| char == wanted).is_some()
    }

    fn number(&mut self) -> Result<Option<usize>, FormatError> {
        let end = self
            .0
            .find(|char: char| !char.is_ascii_digit())
            .unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        if digits.is_empty() {
            return Ok(None);
        }
        digits
            .parse()
            .map(Some)
            .map_err(|_| FormatError::limit(format!("a number as large as {digits}")))
    }
}
