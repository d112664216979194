//! Elements and slices, as Python has them.

use super::Eval;
use crate::error::{EvalError, EvalErrorKind};
use crate::expr::arith;
use crate::expr::ast::Node;
use crate::value::{Items, Text, Val, repr, type_error, value_error};

impl<'a> Eval<'a, '_> {
    pub(super) fn subscript(&self, object: &Val<'a>, index: &Val<'a>) -> Result<Val<'a>, EvalError> {
        match object {
            Val::Dict(members) => members
                .get(index)?
                .ok_or_else(|| no_member(&repr(index).unwrap_or_default())),
            Val::List(items) | Val::Tuple(items) => {
                let at = place(self.index(index)?, items.len());
                at.and_then(|at| items.get(at)).ok_or_else(no_element)
            }
            Val::Str(text) => {
                self.budget.bytes(text.len())?;
                let at = place(self.index(index)?, text.chars().count()).ok_or_else(no_element)?;
                let (start, char) = text.char_indices().nth(at).ok_or_else(no_element)?;
                Ok(Val::Str(text.part(start..start + char.len_utf8())))
            }
            other => Err(type_error(format!("{} has no elements", other.type_name()))),
        }
    }

    /// The integer that an index must be.
    pub(in crate::expr) fn index(&self, value: &Val<'a>) -> Result<i64, EvalError> {
        value
            .as_int()
            .ok_or_else(|| type_error(format!("an index is an integer, not {}", value.type_name())))
    }

    pub(super) fn slice(
        &mut self,
        object: &'a Node,
        parts: &'a [Option<Node>; 3],
    ) -> Result<Val<'a>, EvalError> {
        let object = self.node(object)?;
        let mut bounds = [None; 3];
        let sliceable = matches!(object, Val::Str(_) | Val::List(_) | Val::Tuple(_));
        for (bound, part) in bounds.iter_mut().zip(parts) {
            let value = part.as_ref().map(|part| self.node(part)).transpose()?;
            *bound = match value {
                Some(Val::Null) | None => None,
                Some(value) if sliceable => Some(self.index(&value)?),
                Some(_) => None,
            };
        }
        let sliced = |items: Items<'a>| -> Result<Items<'a>, EvalError> {
            let picked: Vec<_> = places(bounds, items.len())?
                .filter_map(|at| items.get(at))
                .collect();
            self.budget.steps(picked.len())?;
            Ok(Items::Own(picked.into()))
        };
        match object {
            Val::List(items) => Ok(Val::List(sliced(items)?)),
            Val::Tuple(items) => Ok(Val::Tuple(sliced(items)?)),
            Val::Str(text) => {
                self.budget.bytes(text.len())?;
                slice_text(&text, bounds)
            }
            other => Err(type_error(format!("{} cannot be sliced", other.type_name()))),
        }
    }
}

pub(super) fn no_member(name: &str) -> EvalError {
    EvalError::new(EvalErrorKind::Key, format!("there is no member {name}"))
}

fn no_element() -> EvalError {
    EvalError::new(EvalErrorKind::Index, "there is no such element")
}

/// The place of an index that counts from the end when it is negative.
fn place(index: i64, length: usize) -> Option<usize> {
    let length = i64::try_from(length).ok()?;
    let at = if index < 0 {
        index.checked_add(length)?
    } else {
        index
    };
    usize::try_from(at).ok().filter(|_| at < length)
}

/// The places of a slice, as Python's `slice.indices` has them.
fn places(bounds: [Option<i64>; 3], length: usize) -> Result<impl Iterator<Item = usize>, EvalError> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let step = bounds[2].unwrap_or(1);
    if step == 0 {
        return Err(value_error("the step of a slice is zero"));
    }
    let (lowest, highest) = if step > 0 { (0, length) } else { (-1, length - 1) };
    let clamp = |bound: i64| {
        let from_start = if bound < 0 {
            bound.saturating_add(length)
        } else {
            bound
        };
        from_start.clamp(lowest, highest)
    };
    let start = bounds[0].map_or(if step > 0 { lowest } else { highest }, clamp);
    let stop = bounds[1].map_or(if step > 0 { highest } else { lowest }, clamp);
    let before = move |at: &i64| if step > 0 { *at < stop } else { *at > stop };
    let first = Some(start).filter(before);
    Ok(
        std::iter::successors(first, move |at| at.checked_add(step).filter(before))
            .filter_map(|at| usize::try_from(at).ok()),
    )
}

fn slice_text<'a>(text: &Text<'a>, bounds: [Option<i64>; 3]) -> Result<Val<'a>, EvalError> {
    let starts: Vec<usize> = text
        .char_indices()
        .map(|(start, _)| start)
        .chain([text.len()])
        .collect();
    let mut places = places(bounds, starts.len() - 1)?;
    if bounds[2].unwrap_or(1) == 1 {
        let first = places.next();
        let range = first.map_or(0..0, |first| {
            starts[first]..starts[places.last().unwrap_or(first) + 1]
        });
        return Ok(Val::Str(text.part(range)));
    }
    let picked: String = places.map(|at| &text[starts[at]..starts[at + 1]]).collect();
    arith::check_length(picked.len())?;
    Ok(Val::from(picked))
}
