//! Reading manifests that people have: any number of files and documents, typed as kubectl types them, with the place of
//! everything.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::check::Finding;
use mqttkube_manifests::object::Object;
use mqttkube_mapping::yaml::{Content, Diagnostic, Diagnostics, Loader, Node, Position, Schema, Tree};
use serde_json::{Value, json};

use crate::place::find;
use crate::problem::Problem;
use crate::spec::{Changes, Lookup, Spec, is_spec, join};

/// The documents of all files.
#[derive(Debug)]
pub(crate) struct Documents {
    files: Vec<String>,
    trees: Vec<Tree>,
    specs: Vec<Spec>,
    unreadable: Vec<Problem>,
}

/// The objects of all documents as one bundle, and where each of them was written.
#[derive(Debug)]
pub(crate) struct Manifests<'d> {
    pub(crate) bundle: Bundle,
    places: Vec<Place<'d>>,
}

#[derive(Debug)]
struct Place<'d> {
    object: String,
    file: &'d str,
    node: &'d Node,
}

impl Documents {
    /// Reads all files; `-` is standard input.
    pub(crate) fn read(paths: &[PathBuf]) -> Self {
        let mut documents = Self {
            files: Vec::new(),
            trees: Vec::new(),
            specs: Vec::new(),
            unreadable: Vec::new(),
        };
        for path in paths {
            let name = if path == Path::new("-") {
                "<stdin>".to_owned()
            } else {
                path.display().to_string()
            };
            match parse(path, &name) {
                // A SPEC has other rules of YAML, so it is read again.
                Ok(trees) if trees.iter().any(|tree| is_spec(tree.root())) => match Spec::load(path) {
                    Ok(spec) => documents.specs.push(spec),
                    Err(problems) => documents.unreadable.extend(problems),
                },
                Ok(trees) => documents.trees.extend(trees),
                Err(errors) => documents.unreadable.extend(errors.into_iter().map(Problem::from)),
            }
            documents.files.push(name);
        }
        documents
    }

    /// Makes objects of them, and says what is no object.
    pub(crate) fn manifests(&self) -> (Manifests<'_>, Vec<Problem>) {
        let mut manifests = Manifests {
            bundle: Bundle::new(),
            places: Vec::new(),
        };
        let mut problems = self.unreadable.clone();
        for spec in &self.specs {
            manifests.add_spec(spec, &mut problems);
        }
        for tree in &self.trees {
            manifests.add(tree.file(), tree.root(), &mut problems);
        }
        (manifests, problems)
    }

    /// Where a file stood on the command line.
    pub(crate) fn order(&self, file: &str) -> usize {
        let place = self.files.iter().position(|name| name == file);
        place.unwrap_or(self.files.len())
    }
}

fn parse(path: &Path, name: &str) -> Result<Vec<Tree>, Diagnostics> {
    let text = read(path).map_err(|error| Diagnostic::error(name, Position::START, error))?;
    let folder = path.parent().unwrap_or(Path::new("")).display().to_string();
    Loader::new(name, &folder)
        .schema(Schema::Kubectl)
        .parse_all(&text)
}

/// The text of a file, or why it cannot be read.
fn read(path: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let bytes = read.map_err(|error| format!("the file cannot be read: {error}"))?;
    String::from_utf8(bytes).map_err(|_| "the file is not UTF-8 text".to_owned())
}

impl<'d> Manifests<'d> {
    fn add(&mut self, file: &'d str, node: &'d Node, problems: &mut Vec<Problem>) {
        if node.is_null() {
            return;
        }
        if let Some(items) = items(node) {
            for item in items {
                self.add(file, item, problems);
            }
            return;
        }
        let value = match node.to_json() {
            Ok(value) => completed(value, file),
            Err(key) => {
                let message = format!("the key is {}, not text", key.found);
                return problems.push(Diagnostic::error(file, key.position, message).into());
            }
        };
        let added = Object::new(value)
            .map_err(|error| error.to_string())
            .and_then(|object| self.bundle.add(object).map_err(|error| error.to_string()));
        match added {
            Ok(key) => self.places.push(Place {
                object: key.to_string(),
                file,
                node,
            }),
            Err(message) => problems.push(Diagnostic::error(file, node.position, message).into()),
        }
    }

    /// Adds what a SPEC becomes. Its secrets need not be there.
    fn add_spec(&mut self, spec: &'d Spec, problems: &mut Vec<Problem>) {
        let parts = match spec.parts(&Changes::default(), Lookup::Placeholder) {
            Ok(parts) => parts,
            Err(wrong) => return problems.extend(wrong),
        };
        for (tree, part) in parts {
            join(&mut self.bundle, tree, &part, problems);
            let places = part.objects().iter().map(|object| Place {
                object: object.key().to_string(),
                file: tree.file(),
                node: tree.root(),
            });
            self.places.extend(places);
        }
    }

    /// A finding with the place of what it is about; of the innermost thing that exists when a member is missing.
    pub(crate) fn locate(&self, finding: &Finding) -> Problem {
        match self.places.iter().find(|place| place.object == finding.object) {
            Some(place) => Problem::new(finding, place.file, find(place.node, &finding.path).position),
            None => Problem::new(finding, "", Position::START),
        }
    }
}

/// A file for kustomize need not say what it is, because its name does. There is one in each folder, so it is told apart
/// by the path.
fn completed(mut value: Value, file: &str) -> Value {
    let name = Path::new(file).file_name().and_then(|name| name.to_str());
    let is_kustomization =
        name.is_some_and(|name| ["kustomization.yaml", "kustomization.yml", "Kustomization"].contains(&name));
    if is_kustomization && let Some(members) = value.as_object_mut() {
        let mut default = |member: &str, value: Value| {
            members.entry(member).or_insert(value);
        };
        default("apiVersion", json!("kustomize.config.k8s.io/v1beta1"));
        default("kind", json!("Kustomization"));
        default("metadata", json!({"name": file}));
    }
    value
}

/// The elements of a `List`, as kubectl prints several objects.
fn items(node: &Node) -> Option<&[Node]> {
    let kind = node.get("kind")?.as_str()?;
    match &node.get("items")?.content {
        Content::Sequence(items) if kind.ends_with("List") => Some(items),
        _ => None,
    }
}
