//! Values that are written out: strings, tuples, lists, dicts, comprehensions.

use super::{Parsed, Parser};
use crate::expr::ast::{Clause, Comprehension, Element, Node, Piece};
use crate::expr::lexer::{self, Token};
use crate::expr::string::{Literal, Part};

impl Parser<'_> {
    /// Adjacent string literals are one.
    pub(super) fn strings(&mut self, first: Literal) -> Parsed {
        let mut literals = vec![first];
        while let Token::Text(literal) = self.token() {
            literals.push(literal.clone());
            self.advance();
        }
        if literals
            .iter()
            .all(|literal| matches!(literal, Literal::Plain(_)))
        {
            let text: String = literals
                .iter()
                .map(|literal| match literal {
                    Literal::Plain(text) => text.as_str(),
                    Literal::Format(_) => "",
                })
                .collect();
            return Ok(Node::Text(text.into()));
        }
        let mut pieces = Vec::new();
        for literal in literals {
            match literal {
                Literal::Plain(text) => pieces.push(Piece::Text(text)),
                Literal::Format(parts) => pieces.extend(self.pieces(parts)?),
            }
        }
        Ok(Node::FString(pieces))
    }

    fn pieces(&mut self, parts: Vec<Part>) -> Parsed<Vec<Piece>> {
        parts
            .into_iter()
            .map(|part| match part {
                Part::Text(text) => Ok(Piece::Text(text)),
                Part::Field {
                    source,
                    column,
                    conversion,
                    spec,
                } => {
                    let tokens = lexer::tokens(&source, column)?;
                    let mut parser = Parser {
                        tokens: &tokens,
                        at: 0,
                        nesting: self.nesting + 1,
                        members: self.members,
                    };
                    let value = parser.tuple_or_one()?;
                    parser.end()?;
                    Ok(Piece::Field {
                        value,
                        conversion,
                        spec: self.pieces(spec)?,
                    })
                }
            })
            .collect()
    }

    fn tuple_or_one(&mut self) -> Parsed {
        let first = self.expression()?;
        if !self.is(",") {
            return Ok(first);
        }
        let mut items = vec![first];
        while self.take(",") && *self.token() != Token::End && !self.is(")") {
            items.push(self.expression()?);
        }
        Ok(Node::Tuple(items))
    }

    pub(super) fn parenthesis(&mut self) -> Parsed {
        if self.take(")") {
            return Ok(Node::Tuple(Vec::new()));
        }
        let node = self.tuple_or_one()?;
        if self.is("for") {
            return self.unsupported("a generator stands only as the argument of a function; write [...]");
        }
        self.expect(")")?;
        Ok(node)
    }

    pub(super) fn list(&mut self) -> Parsed {
        let mut items = Vec::new();
        while !self.take("]") {
            items.push(self.expression()?);
            if items.len() == 1 && self.is("for") {
                let element = Element::Item(items.remove(0));
                let node = self.comprehension(element, false)?;
                self.expect("]")?;
                return Ok(node);
            }
            if !self.take(",") && !self.is("]") {
                return Err(self.unexpected("expected ',' or ']'"));
            }
        }
        Ok(Node::List(items))
    }

    pub(super) fn dict(&mut self) -> Parsed {
        let mut members = Vec::new();
        while !self.take("}") {
            let key = self.expression()?;
            if members.is_empty() && !self.is(":") {
                return self.unsupported("sets are not available; write a list or a tuple");
            }
            self.expect(":")?;
            let value = self.expression()?;
            if members.is_empty() && self.is("for") {
                let node = self.comprehension(Element::Member(key, value), false)?;
                self.expect("}")?;
                return Ok(node);
            }
            members.push((key, value));
            if !self.take(",") && !self.is("}") {
                return Err(self.unexpected("expected ',' or '}'"));
            }
        }
        Ok(Node::Dict(members))
    }

    pub(super) fn comprehension(&mut self, element: Element, lazy: bool) -> Parsed {
        let mut clauses = Vec::new();
        while self.take("for") {
            let (targets, unpack) = self.targets()?;
            self.expect("in")?;
            let iterable = self.or()?;
            let mut conditions = Vec::new();
            while self.take("if") {
                conditions.push(self.or()?);
            }
            clauses.push(Clause {
                targets,
                unpack,
                iterable,
                conditions,
            });
        }
        Ok(Node::Comprehension(Box::new(Comprehension {
            element,
            lazy,
            clauses,
        })))
    }

    pub(super) fn targets(&mut self) -> Parsed<(Vec<String>, bool)> {
        let bracket = self.take("(");
        let mut names = Vec::new();
        let mut unpack = false;
        while let Token::Name(name) = self.token().clone() {
            names.push(name);
            self.advance();
            if !self.take(",") {
                break;
            }
            unpack = true;
        }
        if names.is_empty() {
            return Err(self.unexpected("expected a name after 'for'"));
        }
        if bracket {
            self.expect(")")?;
        }
        Ok((names, unpack))
    }
}
