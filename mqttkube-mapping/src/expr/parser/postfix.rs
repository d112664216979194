//! What follows a value: members, elements and calls.

use super::{MAX_CHAIN, Parsed, Parser};
use crate::expr::SyntaxError;
use crate::expr::ast::{Arguments, Element, Node};
use crate::expr::function::Function;
use crate::expr::lexer::Token;
use crate::expr::method::Method;

impl Parser<'_> {
    pub(super) fn postfix(&mut self) -> Parsed {
        let mut node = self.atom()?;
        for _ in 0..MAX_CHAIN {
            node = match self.token() {
                Token::Op(".") => self.attribute(node)?,
                Token::Op("[") => self.subscript(node)?,
                Token::Op("(") => self.call(&node)?,
                _ => return Ok(node),
            };
        }
        Err(self.chain_too_long())
    }

    fn attribute(&mut self, node: Node) -> Parsed {
        self.advance();
        let column = self.column();
        let Token::Name(name) = self.token().clone() else {
            return Err(self.unexpected("expected a name after '.'"));
        };
        self.advance();
        if name.starts_with("__") {
            return Err(SyntaxError::unsupported(
                column,
                format!("the attribute {name:?} is not available"),
            ));
        }
        if let Node::Name(module, _) = &node
            && module == "json"
            && !self.members
        {
            return match Function::of_json(&name) {
                Some(function) => self.function(function, column),
                None => Err(SyntaxError::unsupported(
                    column,
                    format!("json.{name} is not available"),
                )),
            };
        }
        if !self.is("(") && self.members {
            return Ok(Node::Member(Box::new(node), name.into(), column));
        }
        let Some(method) = Method::from_name(&name) else {
            return Err(
                SyntaxError::unsupported(column, format!("the attribute {name:?} is not available"))
                    .help(Method::suggest(&name)),
            );
        };
        if !self.take("(") {
            return Err(
                SyntaxError::unsupported(column, format!("the method {name:?} is not called"))
                    .help(Some(format!("write {name}(...)"))),
            );
        }
        let arguments = self.arguments()?;
        Ok(Node::Method(Box::new(node), method, arguments))
    }

    /// A function of a module; a bare one is left for the caller to apply.
    fn function(&mut self, function: Function, column: usize) -> Parsed {
        if !self.take("(") {
            return Ok(Node::Name(function.name().to_owned(), column));
        }
        Ok(Node::Call(function, self.arguments()?))
    }

    fn call(&mut self, callee: &Node) -> Parsed {
        let column = self.column();
        let Node::Name(name, column) = callee else {
            return Err(SyntaxError::unsupported(
                column,
                "only functions and methods can be called",
            ));
        };
        let function = Function::from_name(name);
        self.advance();
        let arguments = self.arguments()?;
        match function {
            Some(function) => Ok(Node::Call(function, arguments)),
            None => Err(Function::unknown(name, *column)),
        }
    }

    /// Arguments up to the closing bracket; the opening one is read.
    fn arguments(&mut self) -> Parsed<Arguments> {
        let mut arguments = Arguments::default();
        while !self.take(")") {
            let named = matches!(
                (self.token(), self.ahead(1)),
                (Token::Name(_), Some(Token::Op("=")))
            );
            if named {
                self.named_argument(&mut arguments)?;
            } else {
                if !arguments.named.is_empty() {
                    return Err(self.unexpected("a positional argument must not follow a named one"));
                }
                let argument = self.expression()?;
                arguments.positional.push(self.generator(argument)?);
            }
            if !self.take(",") && !self.is(")") {
                return Err(self.unexpected("expected ',' or ')'"));
            }
        }
        Ok(arguments)
    }

    fn named_argument(&mut self, arguments: &mut Arguments) -> Parsed<()> {
        let Token::Name(name) = self.token().clone() else {
            return Ok(());
        };
        if arguments.named.iter().any(|(other, _)| *other == name) {
            return Err(SyntaxError::syntax(
                self.column(),
                format!("the argument {name:?} is given twice"),
            ));
        }
        self.advance();
        self.advance();
        let value = self.expression()?;
        arguments.named.push((name, value));
        Ok(())
    }

    fn generator(&mut self, element: Node) -> Parsed {
        if self.is("for") {
            self.comprehension(Element::Item(element), true)
        } else {
            Ok(element)
        }
    }

    fn subscript(&mut self, node: Node) -> Parsed {
        self.advance();
        let mut parts: [Option<Node>; 3] = [None, None, None];
        let mut index = 0;
        while !self.is("]") {
            if self.take(":") {
                index += 1;
                if index > 2 {
                    return Err(self.unexpected("a slice has at most three parts"));
                }
            } else if parts[index].is_none() {
                parts[index] = Some(self.expression()?);
            } else if self.is(",") {
                return self.unsupported("an index is one value");
            } else {
                return Err(self.unexpected("expected ']'"));
            }
        }
        self.advance();
        if index > 0 {
            return Ok(Node::Slice(Box::new(node), Box::new(parts)));
        }
        match parts {
            [Some(index), ..] => Ok(Node::Index(Box::new((node, index)))),
            _ => Err(self.unexpected("expected an index between '[' and ']'")),
        }
    }
}
