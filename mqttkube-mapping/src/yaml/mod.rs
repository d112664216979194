//! Reading YAML with positions.
//!
//! [`parse`] turns text into a [`Tree`] whose nodes know their place, notation and tag. From there two ways
//! lead to a program's own types: [`Tree::read`] with [`Cursor`] and [`Section`], which finds every mistake of
//! a file in one pass, and serde ([`Tree::deserialize`], `&Node` is a `Deserializer`), which stops at the
//! first. What is wrong is a list of [`Diagnostic`]s.

mod build;
mod cursor;
mod de;
mod diagnostic;
mod from_node;
mod loader;
mod mapping;
mod node;
mod path;
mod scalar;
mod secret;
mod section;
mod suggest;
mod units;

pub use cursor::{Cursor, FromNode};
pub use de::DeError;
pub use diagnostic::{Diagnostic, Diagnostics, Severity};
pub use loader::{Limits, Loader, Tree, parse};
pub use node::{Content, Entry, KeyNotText, Node, Position, Style, Tag};
pub use scalar::Schema;
pub use secret::{Secret, SecretError, SecretLookup, SecretText};
pub use section::Section;
pub use suggest::suggest;
pub use units::{Duration, Size, UnitError};
