//! What can be made of a checked bundle. Everything here is text in, text out: the caller writes it.
//!
//! All outputs hold the same objects: those of [`objects`], whatever the bundle leaves open. The order of members and
//! everything else is a function of the bundle alone, so that a second run gives the same bytes.

mod canonical;
pub(crate) mod change;
mod comment;
mod error;
mod hash;
pub mod helm;
pub mod kustomize;
mod names;
mod references;
pub mod tree;
pub mod yaml;

pub use error::RenderError;
pub use hash::{name_hash, with_hashed_names};

use serde_json::Value;

use crate::bundle::VerifiedBundle;

/// A file of a rendered directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct File {
    /// Where, relative to the directory, with `/` between the parts. Never absolute, never upwards.
    pub path: String,
    /// What is in it.
    pub text: String,
}

impl File {
    pub(crate) fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            text: text.into(),
        }
    }
}

/// The objects as every renderer writes them: in order, members sorted, without nulls, without maps that say nothing
/// (`status: {}`, empty labels and annotations), and with the text of a Secret's `stringData` as base64 in its `data`,
/// where the API server puts it, too.
#[must_use]
pub fn objects(bundle: &VerifiedBundle) -> Vec<Value> {
    bundle
        .objects()
        .iter()
        .map(|object| canonical::object(object.value()))
        .collect()
}
