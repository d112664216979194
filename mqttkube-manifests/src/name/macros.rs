//! What all name types have in common.

/// A text type with a `const` rule: `name_type! { /// docs  Name, "what it is", rule }`.
macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub(super) std::borrow::Cow<'static, str>);

        impl $name {
            /// A literal. As a constant it is checked by the compiler; use `parse` for everything else.
            ///
            /// # Panics
            /// When the text breaks the rules, which in a constant is a compile error.
            #[must_use]
            pub const fn literal(text: &'static str) -> Self {
                assert!($rule(text.as_bytes()).is_none(), concat!("not a valid ", $what));
                Self(std::borrow::Cow::Borrowed(text))
            }

            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::name::NameError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match $rule(text.as_bytes()) {
                    None => Ok(Self(std::borrow::Cow::Owned(text.to_owned()))),
                    Some(problem) => Err($crate::name::NameError { what: $what, text: text.to_owned(), problem }),
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = $crate::name::NameError;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <String as serde::Deserialize>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(super) use name_type;
