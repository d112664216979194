//! Compiled expressions: names are resolved, functions and methods are known.

use super::function::Function;
use super::method::Method;
use crate::value::Type;

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(Box<str>),
    Type(Type),
    /// A name that is not resolved yet, and its column. None is left in a compiled expression.
    Name(String, usize),
    /// The argument of the lambda, or a name of the context, by its number.
    Root(usize),
    /// A variable of a comprehension, by its place on the stack.
    Local(usize),
    FString(Vec<Piece>),
    List(Vec<Self>),
    Tuple(Vec<Self>),
    Dict(Vec<(Self, Self)>),
    Not(Box<Self>),
    Sign(Sign, Box<Self>),
    Binary(Operator, Box<(Self, Self)>),
    And(Vec<Self>),
    Or(Vec<Self>),
    /// A chain: `0 < v < 10`.
    Compare(Box<Self>, Vec<(Comparison, Self)>),
    Cond(Box<Cond>),
    Index(Box<(Self, Self)>),
    Slice(Box<Self>, Box<[Option<Self>; 3]>),
    /// A member of a context tree, and the column of its name.
    Member(Box<Self>, Box<str>, usize),
    Method(Box<Self>, Method, Arguments),
    Call(Function, Arguments),
    Comprehension(Box<Comprehension>),
}

/// A part of an f-string.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Piece {
    Text(String),
    Field {
        value: Node,
        conversion: Option<char>,
        spec: Vec<Self>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Plus,
    Minus,
    Invert,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Mod,
    Pow,
    BitAnd,
    BitOr,
    BitXor,
    ShiftLeft,
    ShiftRight,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Equal,
    NotEqual,
    In,
    NotIn,
    Is,
    IsNot,
}

/// `then if test else otherwise`
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cond {
    pub(super) test: Node,
    pub(super) then: Node,
    pub(super) otherwise: Node,
}

/// Arguments of a call.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Arguments {
    pub(super) positional: Vec<Node>,
    pub(super) named: Vec<(String, Node)>,
}

/// `[element for target in iterable if condition ...]`, also as the argument of a call.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Comprehension {
    pub(super) element: Element,
    /// The argument of a function, which may stop early, and no list.
    pub(super) lazy: bool,
    pub(super) clauses: Vec<Clause>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Element {
    Item(Node),
    Member(Node, Node),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clause {
    /// One name, or several that take an element apart.
    pub(super) targets: Vec<String>,
    /// Whether an element is taken apart.
    pub(super) unpack: bool,
    pub(super) iterable: Node,
    pub(super) conditions: Vec<Node>,
}
