//! Values of directives: how each kind is read from a line and written to one.

mod number;
mod text;
mod words;

pub use number::{Expiry, ParseRangedError, Ranged, RestartTimeout, TcpKeepalive};
pub(crate) use text::trim_blanks;
pub use text::{Address, Name, Secret, Text, TextError};
pub use words::{
    BridgeProtocol, KeyForm, LogDestination, LogType, Protocol, ReloadType, SocketDomain, StartType,
};

use thiserror::Error;

/// Why the value of a directive is not one. For the person who wrote it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ValueError {
    /// The directive stands alone on its line.
    #[error("a value is missing")]
    Missing,
    /// Not a whole number.
    #[error("{text:?} is not a whole number")]
    Number {
        /// The text as given.
        text: String,
    },
    /// A number outside what Mosquitto takes.
    #[error("{number} is outside {min} to {max}")]
    Range {
        /// The number as given.
        number: i64,
        /// The smallest that is taken.
        min: i64,
        /// The largest that is taken.
        max: i64,
    },
    /// Not one of a fixed set of words.
    #[error("{text:?} is not one of {known}")]
    Word {
        /// The text as given.
        text: String,
        /// The words that are taken.
        known: String,
    },
    /// Text that a line cannot carry.
    #[error(transparent)]
    Text(#[from] TextError),
    /// Anything else, in words.
    #[error("{reason}")]
    Other {
        /// What is wrong.
        reason: String,
    },
}

/// One kind of value. `read` and `write` are inverse.
pub(crate) trait Setting: Sized {
    /// Whether Mosquitto refuses to start when the directive is given twice. Otherwise the last one counts.
    const ONCE: bool = false;
    /// Whether the value is the rest of the line, so that a comment behind it would become part of it.
    const REST_OF_LINE: bool = false;

    fn read(raw: &str) -> Result<Self, ValueError>;
    fn write(&self) -> String;

    /// The part of the line that is not looked at.
    fn ignored(raw: &str) -> &str {
        if Self::REST_OF_LINE {
            ""
        } else {
            after_first_word(raw)
        }
    }
}

/// The first word of a value; what follows is not looked at by Mosquitto.
pub(crate) fn first_word(raw: &str) -> Result<&str, ValueError> {
    raw.split(' ')
        .find(|word| !word.is_empty())
        .ok_or(ValueError::Missing)
}

fn after_first_word(raw: &str) -> &str {
    let raw = raw.trim_matches(' ');
    raw.split_once(' ').map_or("", |(_, rest)| rest.trim_matches(' '))
}

impl Setting for bool {
    fn read(raw: &str) -> Result<Self, ValueError> {
        match first_word(raw)? {
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            other => Err(ValueError::Word {
                text: other.to_owned(),
                known: "true, false".to_owned(),
            }),
        }
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

/// Fills one field of a model. The same table writes it, so that reading and writing cannot drift apart.
pub(crate) trait Slot {
    /// Takes the value of one more line. Tells whether an earlier value was replaced.
    fn take(&mut self, raw: &str) -> Result<Taken, ValueError>;
    /// The values, one per line.
    fn values(&self) -> Vec<String>;
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) replaced: bool,
    pub(crate) ignored_from: usize,
    pub(crate) rest_of_line: bool,
}

impl<T: Setting> Slot for Option<T> {
    fn take(&mut self, raw: &str) -> Result<Taken, ValueError> {
        if T::ONCE && self.is_some() {
            return Err(ValueError::Other {
                reason: "it is given twice, and Mosquitto refuses that".to_owned(),
            });
        }
        let taken = taken::<T>(raw, self.is_some());
        *self = Some(T::read(raw)?);
        Ok(taken)
    }

    fn values(&self) -> Vec<String> {
        self.iter().map(T::write).collect()
    }
}

impl<T: Setting> Slot for Vec<T> {
    fn take(&mut self, raw: &str) -> Result<Taken, ValueError> {
        self.push(T::read(raw)?);
        Ok(taken::<T>(raw, false))
    }

    fn values(&self) -> Vec<String> {
        self.iter().map(T::write).collect()
    }
}

fn taken<T: Setting>(raw: &str, replaced: bool) -> Taken {
    let ignored_from = raw.len() - T::ignored(raw).len();
    Taken {
        replaced,
        ignored_from,
        rest_of_line: T::REST_OF_LINE,
    }
}

/// A struct whose fields are directives: `None` and an empty list stand for a directive that is not written.
macro_rules! directives {
    (
        $(#[$meta:meta])*
        pub struct $name:ident {
            $( $(#[$doc:meta])* $key:literal $(| $alias:literal)* => $field:ident : $type:ty, )*
            $( @more { $( $(#[$more_doc:meta])* $more:ident : $more_type:ty, )* } )?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields, rename_all = "snake_case")]
        pub struct $name {
            $( $(#[$doc])* #[doc = concat!("\n\nDirective `", $key, "`.")] pub $field: $type, )*
            $( $( $(#[$more_doc])* pub $more: $more_type, )* )?
        }

        impl $name {
            /// Takes one line; `None` when the directive is none of this struct.
            pub(crate) fn take(
                &mut self,
                key: &str,
                raw: &str,
            ) -> Option<Result<crate::setting::Taken, crate::setting::ValueError>> {
                match key {
                    $( $key $(| $alias)* => Some(crate::setting::Slot::take(&mut self.$field, raw)), )*
                    _ => None,
                }
            }

            /// The lines, in the order of the fields.
            pub(crate) fn lines(&self) -> Vec<(&'static str, String)> {
                let mut lines = Vec::new();
                $( for value in crate::setting::Slot::values(&self.$field) { lines.push(($key, value)); } )*
                lines
            }

            /// The names that this struct takes.
            pub(crate) const KEYS: &'static [&'static str] = &[$( $key, $( $alias, )* )*];
        }
    };
}
pub(crate) use directives;
