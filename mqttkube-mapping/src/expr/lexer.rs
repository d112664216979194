//! Source text to tokens, with columns.

use super::SyntaxError;
use super::string::{self, Literal};

/// The longest source, in bytes.
const MAX_SOURCE: usize = 4096;

/// One token.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    Name(String),
    Int(i64),
    Float(f64),
    Text(Literal),
    /// An operator, a bracket or a keyword.
    Op(&'static str),
    End,
}

/// A token and the column where it begins, in characters, counted from 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spanned {
    pub(super) token: Token,
    pub(super) column: usize,
}

/// Longer operators first.
const OPERATORS: &[&str] = &[
    "**", "//", "<=", ">=", "==", "!=", "<<", ">>", ":=", "->", "+", "-", "*", "/", "%", "<", ">", "(", ")",
    "[", "]", "{", "}", ",", ":", ".", "=", "|", "&", "^", "~", "@",
];

const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

/// Splits a source into tokens; the last one is [`Token::End`]. `offset` is added to all columns.
pub(super) fn tokens(source: &str, offset: usize) -> Result<Vec<Spanned>, SyntaxError> {
    if source.len() > MAX_SOURCE {
        return Err(SyntaxError::unsupported(
            1,
            format!("the expression is longer than {MAX_SOURCE} bytes"),
        ));
    }
    let chars: Vec<char> = source.chars().collect();
    let mut lexer = Lexer {
        chars: &chars,
        at: 0,
        offset,
    };
    let mut tokens = Vec::new();
    loop {
        let next = lexer.next()?;
        let end = next.token == Token::End;
        tokens.push(next);
        if end {
            return Ok(tokens);
        }
    }
}

struct Lexer<'c> {
    chars: &'c [char],
    at: usize,
    offset: usize,
}

impl Lexer<'_> {
    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn column(&self) -> usize {
        self.offset + self.at + 1
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> String {
        let start = self.at;
        while self.peek(0).is_some_and(&wanted) {
            self.at += 1;
        }
        self.chars[start..self.at].iter().collect()
    }

    fn next(&mut self) -> Result<Spanned, SyntaxError> {
        self.take_while(|char| matches!(char, ' ' | '\t' | '\n' | '\r' | '\u{c}'));
        let column = self.column();
        let token = match self.peek(0) {
            None => Token::End,
            Some(char) if char.is_ascii_digit() => self.number()?,
            Some('.') if self.peek(1).is_some_and(|char| char.is_ascii_digit()) => self.number()?,
            Some('"' | '\'') => self.text("")?,
            Some(char) if char == '_' || char.is_alphabetic() => self.word()?,
            Some(char) => self.operator(char)?,
        };
        Ok(Spanned { token, column })
    }

    fn operator(&mut self, char: char) -> Result<Token, SyntaxError> {
        let starts = |operator: &&&str| {
            operator
                .chars()
                .enumerate()
                .all(|(index, char)| self.peek(index) == Some(char))
        };
        let Some(operator) = OPERATORS.iter().find(starts) else {
            return Err(SyntaxError::syntax(
                self.column(),
                format!("unexpected character {char:?}"),
            ));
        };
        self.at += operator.len();
        Ok(Token::Op(operator))
    }

    fn word(&mut self) -> Result<Token, SyntaxError> {
        let word = self.take_while(|char| char == '_' || char.is_alphanumeric());
        if matches!(self.peek(0), Some('"' | '\'')) && word.len() <= 2 {
            return self.text(&word);
        }
        Ok(match KEYWORDS.iter().find(|keyword| **keyword == word) {
            Some(keyword) => Token::Op(keyword),
            None => Token::Name(word),
        })
    }

    fn text(&mut self, prefix: &str) -> Result<Token, SyntaxError> {
        let (literal, length) = string::literal(prefix, &self.chars[self.at..], self.offset + self.at)?;
        self.at += length;
        Ok(Token::Text(literal))
    }

    fn number(&mut self) -> Result<Token, SyntaxError> {
        let column = self.column();
        let base = match (self.peek(0), self.peek(1)) {
            (Some('0'), Some('x' | 'X')) => 16,
            (Some('0'), Some('o' | 'O')) => 8,
            (Some('0'), Some('b' | 'B')) => 2,
            _ => return self.decimal(column),
        };
        self.at += 2;
        // A single underscore may follow the prefix.
        let text = self.take_while(|char| char.is_alphanumeric() || char == '_');
        let digits = digits(text.strip_prefix('_').unwrap_or(&text), column)?;
        if digits.chars().any(|digit| digit.to_digit(base).is_none()) {
            return Err(SyntaxError::syntax(
                column,
                format!("{digits:?} are no digits of base {base}"),
            ));
        }
        i64::from_str_radix(&digits, base)
            .map(Token::Int)
            .map_err(|_| too_large(column, &digits))
    }

    fn decimal(&mut self, column: usize) -> Result<Token, SyntaxError> {
        let is_digit = |char: char| char.is_ascii_digit() || char == '_';
        let mut text = self.take_while(is_digit);
        let mut float = false;
        if self.peek(0) == Some('.') {
            float = true;
            self.at += 1;
            text = format!("{text}.{}", self.take_while(is_digit));
        }
        let signed = matches!(self.peek(1), Some('+' | '-'));
        let exponent = self
            .peek(1 + usize::from(signed))
            .is_some_and(|char| char.is_ascii_digit());
        if matches!(self.peek(0), Some('e' | 'E')) && exponent {
            float = true;
            let sign = if self.peek(1) == Some('-') { "-" } else { "" };
            self.at += 1 + usize::from(signed);
            text = format!("{text}e{sign}{}", self.take_while(is_digit));
        }
        self.end_of_number(column)?;
        let parts: Result<Vec<_>, _> = text
            .split(['.', 'e'])
            .filter(|part| !part.is_empty())
            .map(|part| digits(part.trim_start_matches('-'), column))
            .collect();
        parts?;
        let plain = text.replace('_', "");
        if float {
            let number: f64 = plain
                .parse()
                .map_err(|_| SyntaxError::syntax(column, "not a number"))?;
            return if number.is_finite() {
                Ok(Token::Float(number))
            } else {
                Err(too_large(column, &plain))
            };
        }
        if plain.len() > 1 && plain.starts_with('0') && plain.bytes().any(|digit| digit != b'0') {
            return Err(SyntaxError::syntax(
                column,
                "a decimal number must not begin with 0",
            ));
        }
        plain
            .parse()
            .map(Token::Int)
            .map_err(|_| too_large(column, &plain))
    }

    /// What may not stand directly after a number.
    fn end_of_number(&mut self, column: usize) -> Result<(), SyntaxError> {
        match self.peek(0) {
            Some('j' | 'J') => Err(SyntaxError::unsupported(
                column,
                "complex numbers are not available",
            )),
            Some(char) if char == '_' || char.is_alphanumeric() => {
                let follows = self.take_while(|char| char.is_alphanumeric());
                // `1if x else y` is Python, but nobody should write it.
                Err(SyntaxError::syntax(
                    column,
                    format!("{follows:?} directly after a number"),
                ))
            }
            _ => Ok(()),
        }
    }
}

/// Digits without their underscores, which stand one by one between digits.
fn digits(text: &str, column: usize) -> Result<String, SyntaxError> {
    let misplaced = text.is_empty() || text.starts_with('_') || text.ends_with('_') || text.contains("__");
    if misplaced {
        return Err(SyntaxError::syntax(column, "a number is not complete"));
    }
    Ok(text.replace('_', ""))
}

fn too_large(column: usize, digits: &str) -> SyntaxError {
    SyntaxError::overflow(column, format!("the number {digits} is too large"))
}
