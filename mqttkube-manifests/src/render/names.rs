//! File names for objects.

use std::collections::BTreeSet;

use super::error::RenderError;
use crate::object::ObjectKey;

/// Gives every object of one folder a file name of its own.
#[derive(Default)]
pub(super) struct FileNames {
    taken: BTreeSet<String>,
}

impl FileNames {
    /// Such as `deployment-mosquitto.yaml`.
    pub(super) fn of(&mut self, key: &ObjectKey) -> String {
        let plain = format!("{}-{}", key.kind, key.name);
        let placed = format!("{plain}-{}", key.namespace.as_deref().unwrap_or("cluster"));
        let counted = (2..).map(|count| format!("{placed}-{count}"));
        let free = [plain, placed.clone()].into_iter().chain(counted);
        let name = free
            .map(|name| harmless(&name))
            .find(|name| self.taken.insert(name.clone()))
            .expect("the numbers do not end");
        format!("{name}.yaml")
    }
}

fn harmless(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let keep = |character: char| character.is_ascii_alphanumeric() || matches!(character, '-' | '.');
    lower
        .chars()
        .map(|character| if keep(character) { character } else { '-' })
        .collect()
}

/// A name for a folder.
pub(super) fn folder(name: &str) -> Result<&str, RenderError> {
    let allowed =
        |character: char| character.is_ascii_lowercase() || character.is_ascii_digit() || character == '-';
    if name.is_empty() || name.len() > 63 || name.starts_with('-') || !name.chars().all(allowed) {
        return Err(RenderError::Folder(name.to_owned()));
    }
    Ok(name)
}
