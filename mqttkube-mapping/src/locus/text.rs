//! Characters, numbers and quoted texts of a path.

use serde_json::{Number, Value};

use super::parse::{Parsed, Parser};

/// Integers beyond this lose digits in other implementations (RFC 9535 section 2.1).
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Brackets and parentheses inside each other.
const MAX_DEPTH: usize = 32;

impl Parser<'_> {
    pub(super) fn integer(&mut self) -> Parsed<i64> {
        let start = self.at;
        let negative = self.eat("-");
        let digits = self.digits();
        let wrong = |message: &str| self.error_at(start, message);
        if digits.is_empty() {
            return Err(wrong("expected digits after \"-\""));
        }
        if (digits.len() > 1 && digits.starts_with('0')) || (negative && digits == "0") {
            return Err(wrong("an integer has no leading zero and zero no sign"));
        }
        match digits.parse::<i64>() {
            Ok(number) if number.unsigned_abs() <= MAX_INTEGER => Ok(if negative { -number } else { number }),
            _ => Err(wrong("the integer is beyond 9007199254740991")),
        }
    }

    pub(super) fn digits(&mut self) -> String {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    pub(super) fn number(&mut self) -> Parsed<Value> {
        let start = self.at;
        let negative = self.eat("-");
        let whole = self.digits();
        let mut float = false;
        if self.peek() == Some('.') {
            self.at += 1;
            float = true;
            if self.digits().is_empty() {
                return Err(self.error("expected digits after the point"));
            }
        }
        if matches!(self.peek(), Some('e' | 'E')) {
            self.at += 1;
            float = true;
            let _ = self.eat("-") || self.eat("+");
            if self.digits().is_empty() {
                return Err(self.error("expected digits in the exponent"));
            }
        }
        if whole.is_empty() || (whole.len() > 1 && whole.starts_with('0')) {
            return Err(self.error_at(start, "a number has digits before the point and no leading zero"));
        }
        let text: String = self.chars[start..self.at].iter().collect();
        let negative_zero = negative && whole == "0";
        if !float && !negative_zero {
            self.at = start;
            return self.integer().map(Value::from);
        }
        let number = text.parse::<f64>().ok().and_then(Number::from_f64);
        number
            .map(Value::Number)
            .ok_or_else(|| self.error_at(start, format!("the number {text} is too large")))
    }

    pub(super) fn string(&mut self) -> Parsed<String> {
        let start = self.at;
        let quote = self.next().unwrap_or('"');
        let mut text = String::new();
        loop {
            match self.next() {
                None => return Err(self.error_at(start, "the quoted text does not end")),
                Some(c) if c == quote => return Ok(text),
                Some('\\') => text.push(self.escape(quote)?),
                Some(c) if c < ' ' => {
                    return Err(self.error_at(self.at - 1, "control characters must be escaped"));
                }
                Some(c) => text.push(c),
            }
        }
    }

    pub(super) fn escape(&mut self, quote: char) -> Parsed<char> {
        let start = self.at - 1;
        let wrong = |parser: &Self| parser.error_at(start, "unknown escape in a quoted text");
        Ok(match self.next().ok_or_else(|| wrong(self))? {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            c @ ('/' | '\\') => c,
            c if c == quote => c,
            'u' => self.unicode().ok_or_else(|| wrong(self))?,
            _ => return Err(wrong(self)),
        })
    }

    /// Four hex digits, or two groups of them for a surrogate pair.
    pub(super) fn unicode(&mut self) -> Option<char> {
        let high = self.hex4()?;
        if !(0xD800..0xDC00).contains(&high) {
            return char::from_u32(high);
        }
        if !self.eat("\\u") {
            return None;
        }
        let low = self.hex4().filter(|low| (0xDC00..0xE000).contains(low))?;
        char::from_u32(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    }

    pub(super) fn hex4(&mut self) -> Option<u32> {
        (0..4).try_fold(0, |sum, _| Some(sum * 16 + self.next()?.to_digit(16)?))
    }

    pub(super) fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += 1;
        Some(c)
    }

    pub(super) fn eat(&mut self, text: &str) -> bool {
        let found = text
            .chars()
            .enumerate()
            .all(|(index, c)| self.chars.get(self.at + index) == Some(&c));
        if found {
            self.at += text.chars().count();
        }
        found
    }

    pub(super) fn expect(&mut self, wanted: char) -> Parsed<()> {
        match self.peek() {
            Some(c) if c == wanted => {
                self.at += 1;
                Ok(())
            }
            Some(found) => Err(self.error(format!("expected {wanted:?}, found {found:?}"))),
            None => Err(self.error(format!("expected {wanted:?} before the end"))),
        }
    }

    pub(super) fn blanks(&mut self) {
        while matches!(self.peek(), Some(' ' | '\t' | '\n' | '\r')) {
            self.at += 1;
        }
    }

    pub(super) fn deeper(&mut self) -> Parsed<()> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.error(format!("brackets are nested deeper than {MAX_DEPTH}")));
        }
        Ok(())
    }
}
