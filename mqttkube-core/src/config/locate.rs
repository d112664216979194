//! From a path inside a document to a line and a column.

use mqttkube_mapping::PathSeg;
use mqttkube_mapping::yaml::{Content, Diagnostic, Node, Position, Tree};

use super::problem::{PathText, Problem};

/// Second names of keys.
const ALIASES: [(&str, &str); 1] = [("resource", "kind")];

/// A problem of the specification as a remark about the file that it was read from.
pub(super) fn diagnostic(problem: Problem, tree: &Tree) -> Diagnostic {
    if let Some(elsewhere) = problem.elsewhere {
        return *elsewhere;
    }
    let position = locate(tree.root(), &problem.path, problem.column);
    let diagnostic = Diagnostic::error(tree.file(), position, problem.message)
        .with_path(PathText(&problem.path).to_string())
        .with_severity(problem.severity);
    match problem.help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}

/// Follows a path as far as it goes: something that is missing is reported at what it is missing from.
pub(super) fn locate(root: &Node, path: &[PathSeg], column: usize) -> Position {
    let mut node = root;
    for segment in path {
        match child(node, segment) {
            Some(next) => node = next,
            None => return node.position,
        }
    }
    // The first column means the whole text, which begins at its quote.
    if column > 1 {
        node.position_at(column - 1)
    } else {
        node.position
    }
}

fn child<'n>(node: &'n Node, segment: &PathSeg) -> Option<&'n Node> {
    match (&node.content, segment) {
        (Content::Mapping(entries), PathSeg::EntryKey(index)) => entries.get(*index).map(|entry| &entry.key),
        (Content::Mapping(entries), PathSeg::EntryValue(index)) => {
            entries.get(*index).map(|entry| &entry.value)
        }
        (Content::Mapping(_), PathSeg::Key(key)) => node.get(key).or_else(|| {
            let (_, alias) = ALIASES.iter().find(|(name, _)| name == key)?;
            node.get(alias)
        }),
        (Content::Sequence(items), PathSeg::Index(index)) => items.get(*index),
        // One item may stand where a list may stand.
        (_, PathSeg::Index(0)) => Some(node),
        _ => None,
    }
}
