//! A closed part of Python's expressions: what `transform:`, `lambda` keys and templates are written in.
//!
//! There are literals, operators, conditions, comprehensions, f-strings, a few builtin functions and the
//! methods of texts, lists and dicts; no statements, no imports, no attributes, and no names but those of
//! the caller. Everything unknown is refused when an expression is compiled. An evaluation is bounded in
//! steps, depth and output; integers have 64 bits and never wrap.

mod arith;
mod ast;
mod eval;
mod function;
mod lexer;
mod method;
mod number;
mod parser;
mod percent;
mod resolve;
mod round;
mod string;
mod walk;

use serde_json::Value;
use thiserror::Error;

use crate::error::{CompileError, ErrorKind, EvalError, EvalErrorKind};
use crate::value::{Text, Val};
use crate::value_map::InputValue;

use ast::{Arguments, Node};
use eval::Eval;
use function::Function;

use parser::Top;
use resolve::Resolver;

/// Which names an expression may use.
#[derive(Debug, Clone, Copy)]
pub enum Names<'n> {
    /// The source is a lambda of one argument, or the name of a function such as `int` or `json.loads`.
    Argument,
    /// The source is an expression over these names. Their members are read as attributes: `match.json.id`.
    /// Where there is a name `topic[]`, an index into `topic` reads that one instead: `topic[0]`.
    Context(&'n [&'n str]),
}

/// A compiled expression.
///
/// ```
/// use mqttkube_mapping::{Expr, InputValue, Names};
/// use serde_json::json;
///
/// let double = Expr::compile("lambda v: int(v) * 2", Names::Argument)?;
/// assert_eq!(double.call(InputValue::Text("21")), Ok(json!(42)));
///
/// let id = Expr::compile("match.json['id'] + '/' + uid", Names::Context(&["match", "uid"]))?;
/// let context = [&json!({"json": {"id": "a"}}), &json!("0f")];
/// assert_eq!(id.eval(&context), Ok(json!("a/0f")));
///
/// assert!(Expr::compile("lambda v: open(v)", Names::Argument).is_err());
/// # Ok::<_, mqttkube_mapping::SyntaxError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Expr {
    node: Node,
    references: Vec<Reference>,
}

/// What an expression reads from one of its names.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Reference {
    /// The name.
    pub name: String,
    /// The members below it that the source spells out, as attributes or as constant texts in brackets.
    pub path: Vec<String>,
    /// Column of the name, in characters, counted from 1.
    pub column: usize,
}

/// Why an expression cannot be used. For the person who wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct SyntaxError {
    /// The class of the error.
    pub kind: SyntaxErrorKind,
    /// Where it is, in characters, counted from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What to write instead, when that is known.
    pub help: Option<String>,
}

/// The class of a [`SyntaxError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SyntaxErrorKind {
    /// Not Python.
    Syntax,
    /// Python, but not part of this language.
    Unsupported,
    /// A name that nothing supplies.
    Name,
    /// A number beyond 64 bits.
    Overflow,
}

impl SyntaxError {
    fn new(kind: SyntaxErrorKind, column: usize, message: impl Into<String>) -> Self {
        Self {
            kind,
            column,
            message: message.into(),
            help: None,
        }
    }

    fn syntax(column: usize, message: impl Into<String>) -> Self {
        Self::new(SyntaxErrorKind::Syntax, column, message)
    }

    fn unsupported(column: usize, message: impl Into<String>) -> Self {
        Self::new(SyntaxErrorKind::Unsupported, column, message)
    }

    fn overflow(column: usize, message: impl Into<String>) -> Self {
        Self::new(SyntaxErrorKind::Overflow, column, message)
    }

    /// The same as an error of the whole text `source`.
    pub(crate) fn into_compile_error(self, source: &str) -> CompileError {
        let error = CompileError::new(ErrorKind::Expression, source, self.message).at_column(self.column);
        match self.help {
            Some(help) => error.with_help(help),
            None => error,
        }
    }

    fn help(self, help: Option<String>) -> Self {
        Self { help, ..self }
    }
}

impl Expr {
    /// Compiles a source.
    pub fn compile(source: &str, names: Names<'_>) -> Result<Self, SyntaxError> {
        let (mut node, argument) = match (names, parser::parse(source, matches!(names, Names::Context(_)))?) {
            (Names::Argument, Top::Lambda(argument, body)) => (body, argument),
            (Names::Argument, Top::Expression(node)) => (applied(node)?, String::new()),
            (Names::Context(_), Top::Expression(node)) => (node, String::new()),
            (Names::Context(_), Top::Lambda(..)) => {
                return Err(SyntaxError::unsupported(
                    1,
                    "a lambda has no argument here; write its body",
                ));
            }
        };
        let argument = [argument.as_str()];
        let roots = match names {
            Names::Argument => &argument,
            Names::Context(roots) => roots,
        };
        let mut resolver = Resolver {
            roots,
            locals: Vec::new(),
            depth: 0,
            references: Vec::new(),
        };
        resolver.node(&mut node)?;
        Ok(Self {
            node,
            references: resolver.references,
        })
    }

    /// Applies a callable expression to one value.
    pub fn call(&self, argument: InputValue<'_>) -> Result<Value, EvalError> {
        let roots = [Val::from(argument)];
        Eval::new(&roots).node(&self.node)?.to_json()
    }

    /// Applies a callable expression and asks for the truth of its result, as Python's `bool()` has it.
    pub fn test(&self, argument: InputValue<'_>) -> Result<bool, EvalError> {
        let roots = [Val::from(argument)];
        Ok(Eval::new(&roots).node(&self.node)?.truth())
    }

    /// Evaluates an expression over a context: one value for each name, in the order of the names.
    pub fn eval(&self, values: &[&Value]) -> Result<Value, EvalError> {
        let roots: Vec<_> = values.iter().map(|value| Val::from(*value)).collect();
        Eval::new(&roots).node(&self.node)?.to_json()
    }

    /// What the expression reads from its names, once per place in the source.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }
}

/// A bare function, applied to the argument.
fn applied(node: Node) -> Result<Node, SyntaxError> {
    let Node::Name(name, column) = node else {
        return Err(SyntaxError::unsupported(1, "this cannot be called").help(Some(
            "write a lambda, for example \"lambda v: int(v) * 2\"".to_owned(),
        )));
    };
    let arguments = Arguments {
        positional: vec![Node::Root(0)],
        named: Vec::new(),
    };
    let function = Function::from_name(&name).or_else(|| Function::of_json(name.strip_prefix("json.")?));
    match function {
        Some(function) => Ok(Node::Call(function, arguments)),
        None => Err(Function::unknown(&name, column)),
    }
}

impl<'a> From<InputValue<'a>> for Val<'a> {
    fn from(input: InputValue<'a>) -> Self {
        match input {
            InputValue::Text(text) => Val::Str(Text::Ref(text)),
            InputValue::Json(value) => Val::from(value),
        }
    }
}

fn zero_division() -> EvalError {
    EvalError::new(EvalErrorKind::ZeroDivision, "division by zero")
}
