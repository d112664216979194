//! From text to trees.

use std::sync::Arc;

use super::build::Builder;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::node::{Node, Position};
use super::scalar::Schema;

/// What one file may cost. Text beyond a limit is refused with the place where the limit was passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of the file, and bytes of all its text after aliases are filled in. Default 16 MiB.
    pub bytes: usize,
    /// Lists and mappings inside each other. Default 32, at most 128.
    pub depth: usize,
    /// Uses of aliases. Default 10,000.
    pub aliases: usize,
    /// Values and keys after aliases are filled in. Default 1,000,000.
    pub nodes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            bytes: 16 << 20,
            depth: 32,
            aliases: 10_000,
            nodes: 1_000_000,
        }
    }
}

/// Reads files of one kind.
///
/// ```
/// use mqttkube_mapping::yaml::{Loader, Schema};
///
/// let trees = Loader::new("all.yaml", "/srv").schema(Schema::Kubectl).parse_all("a: on\n---\nb: 1e3\n")?;
/// assert_eq!(trees.len(), 2);
/// assert_eq!(trees[0].root().to_json(), Ok(serde_json::json!({"a": true})));
/// # Ok::<(), mqttkube_mapping::yaml::Diagnostics>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Loader {
    file: Arc<str>,
    folder: Arc<str>,
    schema: Schema,
    limits: Limits,
}

/// One YAML document.
///
/// ```
/// use mqttkube_mapping::yaml;
///
/// let tree = yaml::parse("launch: !relpath jobs/run.yaml\non: {1: x}\n", "home.yaml", "/etc/mqttkube")?;
/// let launch = tree.root().get("launch").expect("it is there");
/// assert_eq!(launch.as_str(), Some("/etc/mqttkube/jobs/run.yaml"));
/// assert_eq!(launch.position.to_string(), "1:18");
/// # Ok::<(), yaml::Diagnostics>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Tree {
    pub(super) root: Node,
    pub(super) file: Arc<str>,
    pub(super) folder: Arc<str>,
}

/// Reads a configuration file: one document, [`Schema::Config`], default limits.
///
/// `file` names the file in messages; `folder` is where `!relpath` and other relative paths begin.
///
/// # Errors
/// Everything that is wrong with the text as YAML; as much of it at once as can be seen.
pub fn parse(text: &str, file: &str, folder: &str) -> Result<Tree, Diagnostics> {
    Loader::new(file, folder).parse(text)
}

impl Loader {
    /// For a file of this name; relative paths in it begin at `folder`.
    pub fn new(file: &str, folder: &str) -> Self {
        let (file, folder) = (file.into(), folder.into());
        Self {
            file,
            folder,
            schema: Schema::default(),
            limits: Limits::default(),
        }
    }

    /// Types plain scalars in this way.
    pub fn schema(self, schema: Schema) -> Self {
        Self { schema, ..self }
    }

    /// Refuses what is larger than this.
    pub fn limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Reads a file of one document. An empty file is null.
    ///
    /// # Errors
    /// Everything that is wrong with the text as YAML; a second document is an error.
    pub fn parse(&self, text: &str) -> Result<Tree, Diagnostics> {
        let mut trees = self.run(text, 1)?;
        let empty = Tree {
            root: Node::null(),
            file: self.file.clone(),
            folder: self.folder.clone(),
        };
        Ok(trees.pop().unwrap_or(empty))
    }

    /// Reads a file of any number of documents; the limits are for all of them together.
    ///
    /// # Errors
    /// Everything that is wrong with the text as YAML.
    pub fn parse_all(&self, text: &str) -> Result<Vec<Tree>, Diagnostics> {
        self.run(text, usize::MAX)
    }

    fn run(&self, text: &str, documents: usize) -> Result<Vec<Tree>, Diagnostics> {
        if text.len() > self.limits.bytes {
            let message = format!(
                "the file has {} bytes, more than the {} allowed",
                text.len(),
                self.limits.bytes
            );
            return Err(Diagnostic::error(self.file.clone(), Position::START, message).into());
        }
        let limits = Limits {
            depth: self.limits.depth.min(128),
            ..self.limits
        };
        let builder = Builder::new(self.file.clone(), self.folder.clone(), self.schema, limits);
        let roots = builder.run(text, documents)?;
        let tree = |root| Tree {
            root,
            file: self.file.clone(),
            folder: self.folder.clone(),
        };
        Ok(roots.into_iter().map(tree).collect())
    }
}

impl Tree {
    /// The whole document.
    pub fn root(&self) -> &Node {
        &self.root
    }

    /// Name of the file as given to the loader.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// A path of this file as a path from where the program runs: relative ones begin at the file's folder.
    /// Only text is changed, nothing is looked up.
    pub fn resolve_path(&self, path: &str) -> String {
        join_path(&self.folder, path)
    }
}

/// Joins and tidies paths by their text: `.`, `..` and doubled slashes go.
pub(super) fn join_path(folder: &str, path: &str) -> String {
    let whole = if path.starts_with('/') || folder.is_empty() {
        path.to_owned()
    } else {
        format!("{folder}/{path}")
    };
    let rooted = whole.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/').filter(|part| !matches!(*part, "" | ".")) {
        match (part, parts.last()) {
            ("..", Some(last)) if *last != ".." => drop(parts.pop()),
            ("..", None) if rooted => {}
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}
