//! Paths in a container.

use super::macros::name_type;
use super::rules;

name_type! {
    /// A path from the root, without `..` and without `:`, as a mount has it.
    AbsolutePath, "absolute path", rules::absolute_path
}

impl AbsolutePath {
    /// The path of a file below this folder.
    #[must_use]
    pub fn join(&self, file: &super::ConfigKey) -> Self {
        let folder = self.0.trim_end_matches('/');
        Self(format!("{folder}/{file}").into())
    }
}
