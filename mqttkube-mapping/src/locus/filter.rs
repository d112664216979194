//! The conditions of filters: RFC 9535 section 2.3.5.

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use super::ast::{Comparison, Operand, Query, Test};
use super::parse::{Parsed, Parser};

/// Size of a compiled pattern, in bytes.
const MAX_REGEX: usize = 1 << 20;

enum Term {
    Operand(Operand),
    Query(Query),
    Test(Test),
}

impl Parser<'_> {
    pub(super) fn or(&mut self) -> Parsed<Test> {
        let mut tests = vec![self.and()?];
        self.blanks();
        while self.eat("||") {
            self.blanks();
            tests.push(self.and()?);
            self.blanks();
        }
        Ok(if tests.len() == 1 {
            tests.swap_remove(0)
        } else {
            Test::Or(tests)
        })
    }

    fn and(&mut self) -> Parsed<Test> {
        let mut tests = vec![self.basic()?];
        self.blanks();
        while self.eat("&&") {
            self.blanks();
            tests.push(self.basic()?);
            self.blanks();
        }
        Ok(if tests.len() == 1 {
            tests.swap_remove(0)
        } else {
            Test::And(tests)
        })
    }

    /// A comparison, a test, or one of these negated or in parentheses.
    fn basic(&mut self) -> Parsed<Test> {
        if self.peek() == Some('!') && self.chars.get(self.at + 1) != Some(&'=') {
            self.at += 1;
            self.blanks();
            let start = self.at;
            return match self.basic_without_not()? {
                Test::Compare(..) if self.chars.get(start) != Some(&'(') => {
                    Err(self.error_at(start, "\"!\" before a comparison needs parentheses: !(a == b)"))
                }
                test => Ok(Test::Not(Box::new(test))),
            };
        }
        self.basic_without_not()
    }

    fn basic_without_not(&mut self) -> Parsed<Test> {
        if self.peek() != Some('(') {
            return self.comparison_or_test();
        }
        self.at += 1;
        self.deeper()?;
        self.blanks();
        let test = self.or()?;
        self.blanks();
        self.expect(')')?;
        self.depth -= 1;
        Ok(test)
    }

    fn comparison_or_test(&mut self) -> Parsed<Test> {
        let start = self.at;
        let left = match self.term()? {
            Term::Test(test) => return Ok(test),
            Term::Query(query) => match self.comparison() {
                None => return Ok(Test::Exists(query)),
                Some(operator) => return self.compare(self.singular(query, start)?, operator),
            },
            Term::Operand(operand) => operand,
        };
        match self.comparison() {
            Some(operator) => self.compare(left, operator),
            None => Err(self.error("expected a comparison such as \"==\"")),
        }
    }

    fn compare(&mut self, left: Operand, operator: Comparison) -> Parsed<Test> {
        self.blanks();
        let start = self.at;
        let right = match self.term()? {
            Term::Operand(operand) => operand,
            Term::Query(query) => self.singular(query, start)?,
            Term::Test(_) => return Err(self.error_at(start, "match() and search() cannot be compared")),
        };
        Ok(Test::Compare(left, operator, right))
    }

    fn singular(&self, query: Query, start: usize) -> Parsed<Operand> {
        if query.is_singular() {
            return Ok(Operand::Query(query));
        }
        Err(self.error_at(start, "only a path to one value can be compared"))
    }

    fn comparison(&mut self) -> Option<Comparison> {
        self.blanks();
        let operators = [
            ("==", Comparison::Equal),
            ("!=", Comparison::NotEqual),
            ("<=", Comparison::LessOrEqual),
            (">=", Comparison::GreaterOrEqual),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        operators
            .into_iter()
            .find(|(text, _)| self.eat(text))
            .map(|(_, operator)| operator)
    }

    /// One side of a comparison, or what can stand alone.
    fn term(&mut self) -> Parsed<Term> {
        match self.peek() {
            Some(sign @ ('@' | '$')) => {
                self.at += 1;
                let segments = self.segments()?;
                Ok(Term::Query(Query {
                    absolute: sign == '$',
                    segments,
                }))
            }
            Some('"' | '\'') => Ok(Term::Operand(Operand::Literal(Value::String(self.string()?)))),
            Some(c) if c == '-' || c.is_ascii_digit() => {
                self.number().map(|n| Term::Operand(Operand::Literal(n)))
            }
            Some(c) if c.is_ascii_lowercase() => self.word(),
            Some(found) => Err(self.error(format!(
                "expected a path, a literal or a function, found {found:?}"
            ))),
            None => Err(self.error("the filter ends too early")),
        }
    }

    fn word(&mut self) -> Parsed<Term> {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        {
            self.at += 1;
        }
        let word: String = self.chars[start..self.at].iter().collect();
        let literal = |value| Ok(Term::Operand(Operand::Literal(value)));
        match &*word {
            "true" => literal(Value::Bool(true)),
            "false" => literal(Value::Bool(false)),
            "null" => literal(Value::Null),
            "length" | "count" | "value" | "match" | "search" => self.function(&word, start),
            _ => Err(self
                .error_at(start, format!("unknown word {word:?} in a filter"))
                .with_help("texts need quotes; the functions are length, count, value, match and search")),
        }
    }

    fn function(&mut self, name: &str, start: usize) -> Parsed<Term> {
        self.expect('(')?;
        self.deeper()?;
        self.blanks();
        let first = self.at;
        let argument = self.term()?;
        let term = match (name, argument) {
            ("count", Term::Query(query)) => Term::Operand(Operand::Count(query)),
            ("value", Term::Query(query)) => Term::Operand(Operand::ValueOf(query)),
            ("count" | "value", _) => return Err(self.error_at(first, format!("{name}() takes a path"))),
            (_, Term::Test(_)) => return Err(self.error_at(first, format!("{name}() takes a value"))),
            (_, argument) => {
                let operand = match argument {
                    Term::Query(query) => self.singular(query, first)?,
                    Term::Operand(operand) => operand,
                    Term::Test(_) => return Err(self.error_at(first, format!("{name}() takes a value"))),
                };
                match name {
                    "length" => Term::Operand(Operand::Length(Box::new(operand))),
                    _ => Term::Test(Test::Matches(operand, self.pattern(name, start)?)),
                }
            }
        };
        self.blanks();
        self.expect(')')?;
        self.depth -= 1;
        Ok(term)
    }

    /// The second argument of `match()` and `search()`, which must be a literal so that it is compiled once.
    fn pattern(&mut self, name: &str, start: usize) -> Parsed<Regex> {
        self.blanks();
        self.expect(',')?;
        self.blanks();
        let place = self.at;
        if !matches!(self.peek(), Some('"' | '\'')) {
            return Err(self.error_at(start, format!("the pattern of {name}() must be a quoted text")));
        }
        let pattern = self.string()?;
        let whole = if name == "match" {
            format!(r"\A(?:{pattern})\z")
        } else {
            pattern.clone()
        };
        // Compiled alone first: a pattern such as `a)(b` must not become right by the group around it.
        let build = |text: &str| {
            RegexBuilder::new(text)
                .size_limit(MAX_REGEX)
                .nest_limit(64)
                .crlf(true)
                .build()
        };
        build(&pattern).and_then(|_| build(&whole)).map_err(|error| {
            let reason = error.to_string();
            let reason = reason
                .lines()
                .last()
                .unwrap_or_default()
                .trim_start_matches("error: ");
            self.error_at(place, format!("the pattern {pattern:?} cannot be used: {reason}"))
        })
    }
}
