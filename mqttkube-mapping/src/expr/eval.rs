//! Evaluation of a tree of nodes.

mod elements;

use std::ops::ControlFlow;
use std::rc::Rc;

use self::elements::no_member;
use super::arith;
use super::ast::{Arguments, Comparison, Comprehension, Element, Node, Piece};
use super::function::Function;
use super::walk::Walk;
use crate::budget::Budget;
use crate::error::EvalError;
use crate::format;
use crate::value::{Dict, Items, Members, Text, Val, compare, equal, type_error, value_error};

/// One evaluation.
pub(super) struct Eval<'a, 'r> {
    roots: &'r [Val<'a>],
    locals: Vec<Val<'a>>,
    pub(super) budget: Budget,
}

/// The values of the arguments of a call. Up to three need no memory of their own.
pub(super) struct Values<'a> {
    first: [Option<Val<'a>>; 3],
    rest: Vec<Val<'a>>,
    length: usize,
    pub(super) named: Vec<(&'a str, Val<'a>)>,
}

impl<'a> Values<'a> {
    pub(super) fn len(&self) -> usize {
        self.length
    }

    pub(super) fn get(&self, index: usize) -> Option<Val<'a>> {
        self.first
            .get(index)
            .map_or_else(|| self.rest.get(index - self.first.len()).cloned(), Clone::clone)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Val<'a>> + '_ {
        (0..self.length).filter_map(|index| self.get(index))
    }

    pub(super) fn named(&self, name: &str) -> Option<Val<'a>> {
        self.named
            .iter()
            .find(|(other, _)| *other == name)
            .map(|(_, value)| value.clone())
    }

    fn push(&mut self, value: Val<'a>) {
        match self.first.get_mut(self.length) {
            Some(place) => *place = Some(value),
            None => self.rest.push(value),
        }
        self.length += 1;
    }
}

impl<'a, 'r> Eval<'a, 'r> {
    pub(super) fn new(roots: &'r [Val<'a>]) -> Self {
        Self {
            roots,
            locals: Vec::new(),
            budget: Budget::new(),
        }
    }

    pub(super) fn node(&mut self, node: &'a Node) -> Result<Val<'a>, EvalError> {
        self.budget.steps(1)?;
        Ok(match node {
            Node::Null => Val::Null,
            Node::Bool(truth) => Val::Bool(*truth),
            Node::Int(number) => Val::Int(*number),
            Node::Float(number) => Val::Float(*number),
            Node::Text(text) => Val::Str(Text::Ref(text)),
            Node::Type(kind) => Val::Type(*kind),
            Node::Root(index) => self.roots[*index].clone(),
            Node::Local(index) => self.locals[*index].clone(),
            Node::Name(name, _) => return Err(type_error(format!("the name {name:?} is not resolved"))),
            Node::FString(pieces) => Val::from(self.fstring(pieces)?),
            Node::List(items) => Val::List(Items::Own(self.nodes(items)?.into())),
            Node::Tuple(items) => Val::Tuple(Items::Own(self.nodes(items)?.into())),
            Node::Dict(members) => self.dict(members)?,
            Node::Not(operand) => Val::Bool(!self.node(operand)?.truth()),
            Node::Sign(sign, operand) => arith::sign(*sign, &self.node(operand)?)?,
            Node::Binary(operator, operands) => {
                let (left, right) = (self.node(&operands.0)?, self.node(&operands.1)?);
                arith::binary(*operator, &left, &right, &self.budget)?
            }
            Node::And(items) => self.first_with_truth(items, false)?,
            Node::Or(items) => self.first_with_truth(items, true)?,
            Node::Compare(first, rest) => Val::Bool(self.chain(first, rest)?),
            Node::Cond(cond) => {
                let branch = if self.node(&cond.test)?.truth() {
                    &cond.then
                } else {
                    &cond.otherwise
                };
                self.node(branch)?
            }
            Node::Index(pair) => {
                let (object, index) = (self.node(&pair.0)?, self.node(&pair.1)?);
                self.subscript(&object, &index)?
            }
            Node::Slice(object, parts) => self.slice(object, parts)?,
            Node::Member(object, name, _) => member(&self.node(object)?, name)?,
            Node::Method(object, method, arguments) => {
                let object = self.node(object)?;
                let values = self.values(arguments)?;
                method.call(self, &object, &values)?
            }
            Node::Call(function, arguments) => self.call(*function, arguments)?,
            Node::Comprehension(comprehension) => self.comprehension(comprehension)?,
        })
    }

    fn nodes(&mut self, nodes: &'a [Node]) -> Result<Vec<Val<'a>>, EvalError> {
        nodes.iter().map(|node| self.node(node)).collect()
    }

    fn dict(&mut self, members: &'a [(Node, Node)]) -> Result<Val<'a>, EvalError> {
        let mut dict = Dict::default();
        for (key, value) in members {
            let key = self.node(key)?;
            dict.insert(key, self.node(value)?)?;
        }
        Ok(Val::Dict(Members::Own(Rc::new(dict))))
    }

    /// `and` and `or` give the operand that decides.
    fn first_with_truth(&mut self, items: &'a [Node], wanted: bool) -> Result<Val<'a>, EvalError> {
        let mut last = Val::Null;
        for item in items {
            last = self.node(item)?;
            if last.truth() == wanted {
                break;
            }
        }
        Ok(last)
    }

    fn chain(&mut self, first: &'a Node, rest: &'a [(Comparison, Node)]) -> Result<bool, EvalError> {
        let mut left = self.node(first)?;
        for (comparison, node) in rest {
            if let (Comparison::In | Comparison::NotIn, Some(items)) = (comparison, constants(node)) {
                // Looked at one by one: no list has to be made.
                let mut found = false;
                for item in items {
                    let item = self.node(item)?;
                    found = found || equal(&item, &left, &self.budget)?;
                }
                if found == (*comparison == Comparison::NotIn) {
                    return Ok(false);
                }
                if rest.len() == 1 {
                    return Ok(true);
                }
            }
            let right = self.node(node)?;
            if !self.holds(*comparison, &left, &right)? {
                return Ok(false);
            }
            left = right;
        }
        Ok(true)
    }

    fn holds(&self, comparison: Comparison, left: &Val<'a>, right: &Val<'a>) -> Result<bool, EvalError> {
        let order = |wanted: fn(std::cmp::Ordering) -> bool| {
            compare(left, right, &self.budget).map(|order| order.is_some_and(wanted))
        };
        match comparison {
            Comparison::Less => order(std::cmp::Ordering::is_lt),
            Comparison::LessEqual => order(std::cmp::Ordering::is_le),
            Comparison::Greater => order(std::cmp::Ordering::is_gt),
            Comparison::GreaterEqual => order(std::cmp::Ordering::is_ge),
            Comparison::Equal => equal(left, right, &self.budget),
            Comparison::NotEqual => equal(left, right, &self.budget).map(|equal| !equal),
            Comparison::In => self.contains(right, left),
            Comparison::NotIn => self.contains(right, left).map(|found| !found),
            Comparison::Is => self.same(left, right),
            Comparison::IsNot => self.same(left, right).map(|same| !same),
        }
    }

    fn contains(&self, container: &Val<'a>, item: &Val<'a>) -> Result<bool, EvalError> {
        match (container, item) {
            (Val::Str(text), Val::Str(part)) => {
                self.budget.bytes(text.len())?;
                Ok(text.contains(&**part))
            }
            (Val::Str(_), other) => Err(type_error(format!("{} is never in a text", other.type_name()))),
            (Val::Dict(members), key) => Ok(members.get(key)?.is_some()),
            (container, item) => {
                for other in Walk::new(container.clone())? {
                    self.budget.steps(1)?;
                    if equal(&other, item, &self.budget)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
        }
    }

    /// Identity, which for JSON values is equality of type and value.
    fn same(&self, left: &Val<'a>, right: &Val<'a>) -> Result<bool, EvalError> {
        let scalar = !matches!(left, Val::List(_) | Val::Tuple(_) | Val::Dict(_));
        Ok(scalar && left.type_name() == right.type_name() && equal(left, right, &self.budget)?)
    }

    fn fstring(&mut self, pieces: &'a [Piece]) -> Result<String, EvalError> {
        let mut text = String::new();
        for piece in pieces {
            match piece {
                Piece::Text(fixed) => text.push_str(fixed),
                Piece::Field {
                    value,
                    conversion,
                    spec,
                } => {
                    let value = format::convert(self.node(value)?, *conversion)?;
                    let spec = self.fstring(spec)?;
                    text.push_str(&format::format_by(&value, &spec)?);
                }
            }
            arith::check_length(text.len())?;
        }
        Ok(text)
    }

    fn values(&mut self, arguments: &'a Arguments) -> Result<Values<'a>, EvalError> {
        let mut values = Values {
            first: [const { None }; 3],
            rest: Vec::new(),
            length: 0,
            named: Vec::new(),
        };
        for node in &arguments.positional {
            values.push(self.node(node)?);
        }
        for (name, node) in &arguments.named {
            let value = self.node(node)?;
            values.named.push((name, value));
        }
        Ok(values)
    }

    fn call(&mut self, function: Function, arguments: &'a Arguments) -> Result<Val<'a>, EvalError> {
        if let (Function::Any | Function::All, [Node::Comprehension(generator)]) =
            (function, arguments.positional.as_slice())
            && generator.lazy
        {
            return self
                .stop_early(generator, function == Function::Any)
                .map(Val::Bool);
        }
        let values = self.values(arguments)?;
        function.call(self, &values)
    }

    /// `any` and `all` do not look further than they must.
    fn stop_early(&mut self, generator: &'a Comprehension, wanted: bool) -> Result<bool, EvalError> {
        let flow = self.each(generator, 0, &mut |eval| {
            let truth = match &generator.element {
                Element::Item(node) | Element::Member(node, _) => eval.node(node)?.truth(),
            };
            Ok(if truth == wanted {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        Ok(flow.is_break() == wanted)
    }

    fn comprehension(&mut self, comprehension: &'a Comprehension) -> Result<Val<'a>, EvalError> {
        match &comprehension.element {
            Element::Item(node) => {
                let mut items = Vec::new();
                _ = self.each(comprehension, 0, &mut |eval| {
                    items.push(eval.node(node)?);
                    Ok(ControlFlow::Continue(()))
                })?;
                Ok(Val::from(items))
            }
            Element::Member(key, value) => {
                let mut dict = Dict::default();
                _ = self.each(comprehension, 0, &mut |eval| {
                    let key = eval.node(key)?;
                    dict.insert(key, eval.node(value)?)?;
                    Ok(ControlFlow::Continue(()))
                })?;
                Ok(Val::Dict(Members::Own(Rc::new(dict))))
            }
        }
    }

    /// Calls `body` for every round of the clauses from `at` on.
    fn each(
        &mut self,
        comprehension: &'a Comprehension,
        at: usize,
        body: &mut dyn FnMut(&mut Self) -> Result<ControlFlow<()>, EvalError>,
    ) -> Result<ControlFlow<()>, EvalError> {
        let Some(clause) = comprehension.clauses.get(at) else {
            return body(self);
        };
        let iterable = self.node(&clause.iterable)?;
        let outer = self.locals.len();
        for item in Walk::new(iterable)? {
            self.budget.steps(1)?;
            if clause.unpack {
                self.unpack(item, clause.targets.len())?;
            } else {
                self.locals.push(item);
            }
            let mut taken = true;
            for condition in &clause.conditions {
                taken = taken && self.node(condition)?.truth();
            }
            let stop = taken && self.each(comprehension, at + 1, body)?.is_break();
            self.locals.truncate(outer);
            if stop {
                return Ok(ControlFlow::Break(()));
            }
        }
        Ok(ControlFlow::Continue(()))
    }

    fn unpack(&mut self, item: Val<'a>, wanted: usize) -> Result<(), EvalError> {
        let before = self.locals.len();
        for part in Walk::new(item)?.take(wanted + 1) {
            self.locals.push(part);
        }
        if self.locals.len() - before == wanted {
            return Ok(());
        }
        Err(value_error(format!("an element does not have {wanted} parts")))
    }
}

/// The elements of a list or tuple that is written out with constants.
fn constants(node: &Node) -> Option<&[Node]> {
    let (Node::List(items) | Node::Tuple(items)) = node else {
        return None;
    };
    let constant = |item: &Node| {
        matches!(
            item,
            Node::Null | Node::Bool(_) | Node::Int(_) | Node::Float(_) | Node::Text(_)
        )
    };
    items.iter().all(constant).then_some(items)
}

fn member<'a>(object: &Val<'a>, name: &str) -> Result<Val<'a>, EvalError> {
    match object {
        Val::Dict(members) => members
            .get_str(name)
            .ok_or_else(|| no_member(&format!("{name:?}"))),
        other => Err(type_error(format!(
            "{} has no member {name:?}",
            other.type_name()
        ))),
    }
}
