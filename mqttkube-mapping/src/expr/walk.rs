//! Going through the elements of a value.

use std::rc::Rc;

use crate::error::EvalError;
use crate::value::{Dict, Items, Members, Text, Val, type_error};

/// The elements of a list or tuple, the characters of a text, the keys of a dict.
pub(super) enum Walk<'a> {
    Items(Items<'a>, usize),
    Chars(Text<'a>, usize),
    Keys(serde_json::map::Keys<'a>),
    OwnKeys(Rc<Dict<'a>>, usize),
}

impl<'a> Walk<'a> {
    pub(super) fn new(value: Val<'a>) -> Result<Self, EvalError> {
        Ok(match value {
            Val::List(items) | Val::Tuple(items) => Self::Items(items, 0),
            Val::Str(text) => Self::Chars(text, 0),
            Val::Dict(Members::Ref(members)) => Self::Keys(members.keys()),
            Val::Dict(Members::Own(members)) => Self::OwnKeys(members, 0),
            other => return Err(type_error(format!("{} has no elements", other.type_name()))),
        })
    }
}

impl<'a> Iterator for Walk<'a> {
    type Item = Val<'a>;

    fn next(&mut self) -> Option<Val<'a>> {
        match self {
            Self::Items(items, at) => {
                *at += 1;
                items.get(*at - 1)
            }
            Self::Chars(text, at) => {
                let start = *at;
                *at += text[start..].chars().next()?.len_utf8();
                Some(Val::Str(text.part(start..*at)))
            }
            Self::Keys(keys) => keys.next().map(|key| Val::Str(Text::Ref(key))),
            Self::OwnKeys(members, at) => {
                *at += 1;
                members.iter().nth(*at - 1).map(|(key, _)| key.clone())
            }
        }
    }
}
