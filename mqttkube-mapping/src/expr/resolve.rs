//! Names to places: the argument, the names of the context, variables of comprehensions.

use super::ast::{Arguments, Comprehension, Element, Node, Piece};
use super::function::Function;
use super::{Reference, SyntaxError};
use crate::value::Type;

/// How many operations may wait for each other: evaluation is recursive.
const MAX_DEPTH: usize = 256;

/// Resolves all names of a tree. `roots` are the names that the caller supplies.
pub(super) struct Resolver<'r> {
    pub(super) roots: &'r [&'r str],
    pub(super) locals: Vec<String>,
    pub(super) depth: usize,
    /// What is read from the roots.
    pub(super) references: Vec<Reference>,
}

type Resolved = Result<(), SyntaxError>;

impl Resolver<'_> {
    pub(super) fn node(&mut self, node: &mut Node) -> Resolved {
        if self.depth >= MAX_DEPTH {
            return Err(SyntaxError::syntax(
                1,
                format!("the expression is more than {MAX_DEPTH} operations deep"),
            ));
        }
        self.depth += 1;
        self.inner(node)?;
        self.depth -= 1;
        Ok(())
    }

    fn inner(&mut self, node: &mut Node) -> Resolved {
        match node {
            Node::Name(name, column) => *node = self.name(name, *column)?,
            Node::Null
            | Node::Bool(_)
            | Node::Int(_)
            | Node::Float(_)
            | Node::Text(_)
            | Node::Type(_)
            | Node::Root(_)
            | Node::Local(_) => {}
            Node::FString(pieces) => self.pieces(pieces)?,
            Node::List(items) | Node::Tuple(items) | Node::And(items) | Node::Or(items) => {
                self.nodes(items)?;
            }
            Node::Dict(members) => {
                for (key, value) in members {
                    self.node(key)?;
                    self.node(value)?;
                }
            }
            Node::Not(operand) | Node::Sign(_, operand) => self.node(operand)?,
            Node::Binary(_, operands) => self.both(operands)?,
            Node::Compare(first, rest) => {
                self.node(first)?;
                rest.iter_mut().try_for_each(|(_, node)| self.node(node))?;
            }
            Node::Cond(cond) => {
                self.node(&mut cond.test)?;
                self.node(&mut cond.then)?;
                self.node(&mut cond.otherwise)?;
            }
            Node::Index(_) | Node::Member(..) => self.path(node)?,
            Node::Slice(object, parts) => {
                self.node(object)?;
                parts.iter_mut().flatten().try_for_each(|part| self.node(part))?;
            }
            Node::Method(object, method, arguments) => {
                self.node(object)?;
                self.arguments(arguments, method.named())?;
            }
            Node::Call(function, arguments) => self.arguments(arguments, Some(function.named()))?,
            Node::Comprehension(comprehension) => self.comprehension(comprehension)?,
        }
        Ok(())
    }

    fn nodes(&mut self, nodes: &mut [Node]) -> Resolved {
        nodes.iter_mut().try_for_each(|node| self.node(node))
    }

    fn both(&mut self, pair: &mut (Node, Node)) -> Resolved {
        self.node(&mut pair.0)?;
        self.node(&mut pair.1)
    }

    fn pieces(&mut self, pieces: &mut [Piece]) -> Resolved {
        for piece in pieces {
            if let Piece::Field { value, spec, .. } = piece {
                self.node(value)?;
                self.pieces(spec)?;
            }
        }
        Ok(())
    }

    fn arguments(&mut self, arguments: &mut Arguments, known: Option<&[&str]>) -> Resolved {
        let unknown = |name: &String| known.is_some_and(|known| !known.contains(&name.as_str()));
        if let Some((name, _)) = arguments.named.iter().find(|(name, _)| unknown(name)) {
            return Err(SyntaxError::unsupported(
                1,
                format!("there is no argument {name:?}"),
            ));
        }
        self.nodes(&mut arguments.positional)?;
        arguments
            .named
            .iter_mut()
            .try_for_each(|(_, node)| self.node(node))
    }

    /// Members and constant indexes in a row: the longest one is what the expression refers to.
    fn path(&mut self, node: &mut Node) -> Resolved {
        let before = self.references.len();
        match node {
            Node::Index(pair) => {
                self.indexed_root(&mut pair.0);
                self.node(&mut pair.0)?;
                let middle = self.references.len();
                self.node(&mut pair.1)?;
                if let Node::Text(name) = &pair.1 {
                    self.extend_reference(&pair.0, before, middle, name);
                }
            }
            Node::Member(object, name, _) => {
                self.node(object)?;
                let middle = self.references.len();
                self.extend_reference(object, before, middle, name);
            }
            _ => {}
        }
        Ok(())
    }

    /// A root that has another value for being indexed.
    fn indexed_root(&self, object: &mut Node) {
        let Node::Name(name, _) = object else { return };
        let indexed = |root: &&str| root.strip_suffix("[]") == Some(name.as_str());
        if let Some(root) = self
            .roots
            .iter()
            .position(indexed)
            .filter(|_| !self.locals.contains(name))
        {
            *object = Node::Root(root);
        }
    }

    fn extend_reference(&mut self, object: &Node, before: usize, after: usize, name: &str) {
        if after == before + 1 && is_path(object) {
            self.references[before].path.push(name.to_owned());
        }
    }

    fn comprehension(&mut self, comprehension: &mut Comprehension) -> Resolved {
        let outer = self.locals.len();
        for clause in &mut comprehension.clauses {
            self.node(&mut clause.iterable)?;
            self.locals.extend(clause.targets.iter().cloned());
            self.nodes(&mut clause.conditions)?;
        }
        match &mut comprehension.element {
            Element::Item(node) => self.node(node)?,
            Element::Member(key, value) => {
                self.node(key)?;
                self.node(value)?;
            }
        }
        self.locals.truncate(outer);
        Ok(())
    }

    fn name(&mut self, name: &str, column: usize) -> Result<Node, SyntaxError> {
        if let Some(local) = self.locals.iter().rposition(|local| local == name) {
            return Ok(Node::Local(local));
        }
        if let Some(root) = self.roots.iter().position(|root| *root == name) {
            self.references.push(Reference {
                name: name.to_owned(),
                path: Vec::new(),
                column,
            });
            return Ok(Node::Root(root));
        }
        match type_of(name) {
            Some(kind) => Ok(Node::Type(kind)),
            None => Err(Function::unknown(name, column)),
        }
    }
}

/// Whether a resolved node is a root followed by members and constant names.
fn is_path(node: &Node) -> bool {
    match node {
        Node::Root(_) => true,
        Node::Member(object, ..) => is_path(object),
        Node::Index(pair) => matches!(pair.1, Node::Text(_)) && is_path(&pair.0),
        _ => false,
    }
}

fn type_of(name: &str) -> Option<Type> {
    Some(match name {
        "bool" => Type::Bool,
        "dict" => Type::Dict,
        "float" => Type::Float,
        "int" => Type::Int,
        "list" => Type::List,
        "str" => Type::Str,
        "tuple" => Type::Tuple,
        _ => return None,
    })
}
