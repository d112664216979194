//! Values that are changed after the file was read: `--set path=value`, and overlay documents.

use std::str::FromStr;

use mqttkube_manifests::bundle::merge;
use mqttkube_mapping::yaml::{self, Cursor, Diagnostic, Node, Position, Tree, suggest};
use serde_json::{Map, Value};

use super::{Spec, name_of};
use crate::place::find;
use crate::problem::Problem;

/// `path=value` of the command line; the value is YAML.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Set {
    text: String,
    path: String,
    value: Value,
}

/// What is changed.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Changes {
    pub(crate) sets: Vec<Set>,
    /// Name of the overlay.
    pub(crate) overlay: Option<String>,
}

/// One change of one document.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Patch {
    Set(Set),
    /// A JSON merge patch (RFC 7386).
    Merge {
        file: String,
        position: Position,
        value: Value,
    },
}

/// A document of kind Overlay.
pub(super) struct Overlay {
    name: String,
    of: Option<String>,
    patch: Value,
}

impl Set {
    /// Sets one value.
    pub(crate) fn new(path: &str, value: Value) -> Self {
        Self {
            text: format!("--set {path}={value}"),
            path: path.to_owned(),
            value,
        }
    }

    fn problem(&self, message: impl Into<String>) -> Problem {
        Diagnostic::error(self.text.as_str(), Position::START, message)
            .with_path(self.path.as_str())
            .into()
    }
}

impl FromStr for Set {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (path, value) = text
            .split_once('=')
            .filter(|(path, _)| !path.is_empty())
            .ok_or("write path=value, as in persistence.size=10Gi")?;
        let tree = yaml::parse(value, "the value", "").map_err(|error| error.to_string())?;
        let value = tree
            .root()
            .to_json()
            .map_err(|key| format!("the key is {}, not text", key.found))?;
        Ok(Self {
            text: format!("--set {text}"),
            path: path.to_owned(),
            value,
        })
    }
}

/// `{kind: Overlay, name, of, patch}`.
pub(super) fn read_overlay(cursor: &Cursor<'_>) -> Option<Overlay> {
    let mut section = cursor.section("an Overlay")?;
    let _known = section.get("kind");
    let name = section.required("name");
    let of = section.optional("of");
    let patch = match section.get("patch") {
        Some(patch) if patch.node().get("kind").is_some() || patch.node().get("name").is_some() => {
            patch.error("a patch cannot change the kind or the name of a document");
            None
        }
        Some(patch) => patch.section("a patch").and_then(|_| patch.read()),
        None => section.missing("patch"),
    };
    section.finish();
    Some(Overlay {
        name: name?,
        of,
        patch: patch?,
    })
}

impl Changes {
    /// The changes of each document.
    pub(super) fn patches(
        &self,
        spec: &Spec,
        documents: &[&Tree],
        overlays: &[&Tree],
    ) -> Result<Vec<Vec<Patch>>, Vec<Problem>> {
        let mut patches = vec![Vec::new(); documents.len()];
        let mut problems = Vec::new();
        if let Some(name) = &self.overlay {
            match overlay(name, spec, documents, overlays) {
                Ok(found) => {
                    for (at, patch) in found {
                        patches[at].push(patch);
                    }
                }
                Err(problem) => problems.push(*problem),
            }
        }
        for set in &self.sets {
            match target(set, documents) {
                Ok((at, set)) => patches[at].push(Patch::Set(set)),
                Err(message) => problems.push(set.problem(message)),
            }
        }
        if problems.is_empty() {
            Ok(patches)
        } else {
            Err(problems)
        }
    }
}

/// The patches of all overlay documents of a name, each with the number of its document.
fn overlay(
    name: &str,
    spec: &Spec,
    documents: &[&Tree],
    overlays: &[&Tree],
) -> Result<Vec<(usize, Patch)>, Box<Problem>> {
    let mut found = Vec::new();
    for tree in overlays {
        let Ok((overlay, _)) = tree.read(|cursor| read_overlay(&cursor)) else {
            continue;
        };
        if overlay.name != name {
            continue;
        }
        let at = numbered(overlay.of.as_deref(), documents).map_err(|message| {
            Box::new(Diagnostic::error(tree.file(), tree.root().position, message).into())
        })?;
        found.push((
            at,
            Patch::Merge {
                file: tree.file().to_owned(),
                position: tree.root().position,
                value: overlay.patch,
            },
        ));
    }
    if found.is_empty() {
        let names = spec.overlays();
        let help = match suggest(name, names.iter().copied()) {
            Some(known) => format!("did you mean {known:?}?"),
            None if names.is_empty() => "the file has none; write a document `kind: Overlay`".to_owned(),
            None => format!("it is one of {}", names.join(", ")),
        };
        let error = Diagnostic::error(
            spec.file.as_str(),
            Position::START,
            format!("there is no overlay {name:?}"),
        );
        return Err(Box::new(error.with_help(help).into()));
    }
    Ok(found)
}

/// The document of a name; the only one when there is no name.
fn numbered(name: Option<&str>, documents: &[&Tree]) -> Result<usize, String> {
    let names = || documents.iter().filter_map(|tree| name_of(tree.root()));
    match name {
        None if documents.len() == 1 => Ok(0),
        None => Err(format!(
            "it is not said which document is changed; name one of {}",
            names().collect::<Vec<_>>().join(", ")
        )),
        Some(name) => documents
            .iter()
            .position(|tree| name_of(tree.root()) == Some(name))
            .ok_or_else(|| match suggest(name, names()) {
                Some(known) => format!("there is no document {name:?}; did you mean {known:?}?"),
                None => format!("there is no document {name:?}"),
            }),
    }
}

/// Which document a set is for: with several, its path begins with the name of one.
fn target(set: &Set, documents: &[&Tree]) -> Result<(usize, Set), String> {
    if documents.len() == 1 {
        return Ok((0, set.clone()));
    }
    let (name, path) = set.path.split_once('.').unwrap_or((&set.path, ""));
    let at = numbered(Some(name), documents)?;
    let set = Set {
        path: path.to_owned(),
        ..set.clone()
    };
    Ok((at, set))
}

/// The document with all patches.
pub(super) fn apply(root: &Node, patches: &[Patch], file: &str) -> Result<Value, Vec<Problem>> {
    let mut value = root.to_json().map_err(|key| {
        let message = format!("the key is {}, not text", key.found);
        vec![Problem::from(Diagnostic::error(file, key.position, message))]
    })?;
    for patch in patches {
        match patch {
            Patch::Merge { value: patch, .. } => merge(&mut value, patch),
            Patch::Set(set) => {
                put(&mut value, &set.path, &set.value).map_err(|error| vec![set.problem(error)])?;
            }
        }
    }
    Ok(value)
}

/// Puts a value at a path such as `listeners[0].port`; maps on the way are made.
fn put(target: &mut Value, path: &str, value: &Value) -> Result<(), String> {
    if path.is_empty() {
        *target = value.clone();
        return Ok(());
    }
    if let Some((index, rest)) = path.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        let items = target
            .as_array_mut()
            .ok_or("there is no list to take an element of")?;
        let length = items.len();
        let item = index.parse::<usize>().ok().and_then(|index| items.get_mut(index));
        let item = item.ok_or_else(|| format!("there is no element [{index}]: the list has {length}"))?;
        return put(item, rest.trim_start_matches('.'), value);
    }
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (key, rest) = path.split_at(end);
    if target.is_null() {
        *target = Value::Object(Map::new());
    }
    let map = target
        .as_object_mut()
        .ok_or_else(|| format!("{key:?} cannot be set inside of what is no mapping"))?;
    put(
        map.entry(key).or_insert(Value::Null),
        rest.trim_start_matches('.'),
        value,
    )
}

/// A mistake of a changed document: at its place in the file, or at the change that made it.
pub(super) fn back(error: Diagnostic, root: &Node, patches: &[Patch]) -> Problem {
    let place = find(root, &error.path);
    for patch in patches.iter().rev() {
        match patch {
            Patch::Set(set) if error.path.starts_with(&set.path) => {
                return moved(error, &set.text, Position::START);
            }
            Patch::Merge { file, position, .. } if !place.complete => {
                return moved(error, file, *position);
            }
            _ => {}
        }
    }
    let position = match place.key {
        Some(key) if error.message.starts_with("unknown key") => key,
        _ => place.position,
    };
    let file = error.file.to_string();
    moved(error, &file, position)
}

fn moved(mut error: Diagnostic, file: &str, position: Position) -> Problem {
    error.file = file.into();
    error.position = position;
    error.into()
}
