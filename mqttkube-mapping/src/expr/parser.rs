//! Tokens to nodes, with Python's precedence.

mod display;
mod postfix;

use super::SyntaxError;
use super::ast::{Comparison, Cond, Node, Operator, Sign};
use super::lexer::{self, Spanned, Token};

/// How deep brackets, conditions and the like may be nested.
const MAX_NESTING: usize = 64;

/// How many operators of one chain may be applied to each other.
const MAX_CHAIN: usize = 200;

/// What stands at the top of a source.
pub(super) enum Top {
    /// A lambda: its argument and its body.
    Lambda(String, Node),
    /// An expression.
    Expression(Node),
}

/// Parses a whole source. `members` allows `name.member`.
pub(super) fn parse(source: &str, members: bool) -> Result<Top, SyntaxError> {
    let tokens = lexer::tokens(source, 0)?;
    let mut parser = Parser {
        tokens: &tokens,
        at: 0,
        nesting: 0,
        members,
    };
    let top = if parser.take("lambda") {
        let argument = parser.lambda_argument()?;
        Top::Lambda(argument, parser.expression()?)
    } else {
        Top::Expression(parser.expression()?)
    };
    parser.end()?;
    Ok(top)
}

struct Parser<'t> {
    tokens: &'t [Spanned],
    at: usize,
    nesting: usize,
    members: bool,
}

type Parsed<T = Node> = Result<T, SyntaxError>;

impl Parser<'_> {
    fn token(&self) -> &Token {
        &self.tokens[self.at].token
    }

    fn column(&self) -> usize {
        self.tokens[self.at].column
    }

    fn ahead(&self, count: usize) -> Option<&Token> {
        self.tokens.get(self.at + count).map(|spanned| &spanned.token)
    }

    fn advance(&mut self) {
        // The last token is the end, and stays.
        self.at = (self.at + 1).min(self.tokens.len() - 1);
    }

    fn is(&self, operator: &str) -> bool {
        matches!(self.token(), Token::Op(op) if *op == operator)
    }

    fn take(&mut self, operator: &str) -> bool {
        let found = self.is(operator);
        if found {
            self.advance();
        }
        found
    }

    fn expect(&mut self, operator: &str) -> Parsed<()> {
        if self.take(operator) {
            Ok(())
        } else {
            Err(self.unexpected(&format!("expected {operator:?}")))
        }
    }

    fn end(&self) -> Parsed<()> {
        if *self.token() == Token::End {
            Ok(())
        } else {
            Err(self.unexpected("the expression is complete"))
        }
    }

    fn unexpected(&self, wanted: &str) -> SyntaxError {
        let found = match self.token() {
            Token::Name(name) => format!("the name {name:?}"),
            Token::Int(number) => format!("the number {number}"),
            Token::Float(number) => format!("the number {number}"),
            Token::Text(_) => "a string".to_owned(),
            Token::Op(operator) => format!("{operator:?}"),
            Token::End => "the end".to_owned(),
        };
        SyntaxError::syntax(self.column(), format!("{wanted}, but here is {found}"))
    }

    fn unsupported<T>(&self, message: &str) -> Parsed<T> {
        Err(SyntaxError::unsupported(self.column(), message))
    }

    fn lambda_argument(&mut self) -> Parsed<String> {
        let one = "a lambda takes exactly one argument, without a default";
        let name = match self.token() {
            Token::Name(name) => name.clone(),
            Token::Op(":" | "*" | "**") => return self.unsupported(one),
            _ => return Err(self.unexpected("expected the argument of the lambda")),
        };
        self.advance();
        if self.is(",") || self.is("=") {
            return self.unsupported(one);
        }
        self.expect(":")?;
        if *self.token() == Token::End {
            return Err(self.unexpected("expected an expression"));
        }
        Ok(name)
    }

    fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= MAX_NESTING {
            return Err(SyntaxError::syntax(
                self.column(),
                format!("more than {MAX_NESTING} levels of nesting"),
            ));
        }
        self.nesting += 1;
        let result = parse(self);
        self.nesting -= 1;
        result
    }

    /// One expression, without a comma at its top.
    fn expression(&mut self) -> Parsed {
        self.nested(Self::conditional)
    }

    fn conditional(&mut self) -> Parsed {
        if self.is("lambda") {
            return self.unsupported("a lambda inside an expression is not available");
        }
        if self.is("yield") {
            return self.unsupported("yield is not available");
        }
        if self.is("*") || self.is("**") {
            return self.unsupported("'*' and '**' arguments are not available");
        }
        let then = self.or()?;
        if self.is(":=") {
            return self.unsupported("':=' is not available");
        }
        if !self.take("if") {
            return Ok(then);
        }
        let test = self.or()?;
        self.expect("else")?;
        let otherwise = self.expression()?;
        Ok(Node::Cond(Box::new(Cond {
            test,
            then,
            otherwise,
        })))
    }

    fn or(&mut self) -> Parsed {
        let mut items = vec![self.and()?];
        while self.take("or") {
            items.push(self.and()?);
        }
        Ok(single(items, Node::Or))
    }

    fn and(&mut self) -> Parsed {
        let mut items = vec![self.not()?];
        while self.take("and") {
            items.push(self.not()?);
        }
        Ok(single(items, Node::And))
    }

    fn not(&mut self) -> Parsed {
        if self.take("not") {
            Ok(Node::Not(Box::new(self.nested(Self::not)?)))
        } else {
            self.comparison()
        }
    }

    fn comparison(&mut self) -> Parsed {
        let first = self.binary(0)?;
        let mut rest = Vec::new();
        while let Some((comparison, length)) = self.comparison_operator() {
            for _ in 0..length {
                self.advance();
            }
            rest.push((comparison, self.binary(0)?));
        }
        Ok(if rest.is_empty() {
            first
        } else {
            Node::Compare(Box::new(first), rest)
        })
    }

    fn comparison_operator(&self) -> Option<(Comparison, usize)> {
        let Token::Op(operator) = self.token() else {
            return None;
        };
        let next_is = |wanted| self.ahead(1) == Some(&Token::Op(wanted));
        Some(match *operator {
            "<" => (Comparison::Less, 1),
            "<=" => (Comparison::LessEqual, 1),
            ">" => (Comparison::Greater, 1),
            ">=" => (Comparison::GreaterEqual, 1),
            "==" => (Comparison::Equal, 1),
            "!=" => (Comparison::NotEqual, 1),
            "in" => (Comparison::In, 1),
            "not" if next_is("in") => (Comparison::NotIn, 2),
            "is" if next_is("not") => (Comparison::IsNot, 2),
            "is" => (Comparison::Is, 1),
            _ => return None,
        })
    }

    /// Binary operators that bind at least as strongly as `least`.
    fn binary(&mut self, least: u8) -> Parsed {
        let mut left = self.unary()?;
        for _ in 0..MAX_CHAIN {
            let Some((operator, strength)) =
                self.binary_operator().filter(|(_, strength)| *strength >= least)
            else {
                return Ok(left);
            };
            self.advance();
            let right = self.nested(|parser| parser.binary(strength + 1))?;
            left = Node::Binary(operator, Box::new((left, right)));
        }
        Err(self.chain_too_long())
    }

    fn chain_too_long(&self) -> SyntaxError {
        SyntaxError::syntax(self.column(), format!("more than {MAX_CHAIN} operators in a row"))
    }

    fn binary_operator(&self) -> Option<(Operator, u8)> {
        let Token::Op(operator) = self.token() else {
            return None;
        };
        Some(match *operator {
            "|" => (Operator::BitOr, 0),
            "^" => (Operator::BitXor, 1),
            "&" => (Operator::BitAnd, 2),
            "<<" => (Operator::ShiftLeft, 3),
            ">>" => (Operator::ShiftRight, 3),
            "+" => (Operator::Add, 4),
            "-" => (Operator::Sub, 4),
            "*" => (Operator::Mul, 5),
            "/" => (Operator::Div, 5),
            "//" => (Operator::FloorDiv, 5),
            "%" => (Operator::Mod, 5),
            _ => return None,
        })
    }

    fn unary(&mut self) -> Parsed {
        let sign = match self.token() {
            Token::Op("+") => Sign::Plus,
            Token::Op("-") => Sign::Minus,
            Token::Op("~") => Sign::Invert,
            _ => return self.power(),
        };
        self.advance();
        let operand = self.nested(Self::unary)?;
        Ok(match (sign, operand) {
            // The smallest integer exists only with its sign.
            (Sign::Minus, Node::Int(number)) if number != i64::MIN => Node::Int(-number),
            (sign, operand) => Node::Sign(sign, Box::new(operand)),
        })
    }

    fn power(&mut self) -> Parsed {
        let base = self.postfix()?;
        if !self.take("**") {
            return Ok(base);
        }
        let exponent = self.nested(Self::unary)?;
        Ok(Node::Binary(Operator::Pow, Box::new((base, exponent))))
    }

    fn atom(&mut self) -> Parsed {
        let column = self.column();
        let token = self.token().clone();
        match token {
            Token::End | Token::Op(")" | "]" | "}" | "," | ":" | "=") => {
                return Err(self.unexpected("expected a value"));
            }
            _ => self.advance(),
        }
        match token {
            Token::Name(name) => Ok(Node::Name(name, column)),
            Token::Int(number) => Ok(Node::Int(number)),
            Token::Float(number) => Ok(Node::Float(number)),
            Token::Text(literal) => self.strings(literal),
            Token::Op("None") => Ok(Node::Null),
            Token::Op("True") => Ok(Node::Bool(true)),
            Token::Op("False") => Ok(Node::Bool(false)),
            Token::Op("(") => self.parenthesis(),
            Token::Op("[") => self.list(),
            Token::Op("{") => self.dict(),
            Token::Op("lambda") => Err(SyntaxError::unsupported(
                column,
                "a lambda inside an expression is not available",
            )),
            Token::Op(word @ ("import" | "await" | "del" | "assert" | "raise" | "global" | "async")) => Err(
                SyntaxError::syntax(column, format!("{word:?} has no place in an expression")),
            ),
            _ => {
                self.at -= 1;
                Err(self.unexpected("expected a value"))
            }
        }
    }
}

fn single(mut items: Vec<Node>, many: impl FnOnce(Vec<Node>) -> Node) -> Node {
    match items.len() {
        1 => items.remove(0),
        _ => many(items),
    }
}
