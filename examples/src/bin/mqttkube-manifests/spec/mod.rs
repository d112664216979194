//! Reading SPEC files: what is wanted, with the place of everything in the file.

mod auth;
mod bridge;
mod broker;
mod cedalo;
mod change;
mod cloud_bridge;
mod common;
mod expose;
mod listener;
mod secret;
mod service;
mod topology;
mod words;

use std::path::Path;

use mqttkube_manifests::broker::{Broker, ModelError};
use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::scenario::ScenarioError;
use mqttkube_manifests::scenario::binding_service::BindingService;
use mqttkube_manifests::scenario::cedalo::CedaloCluster;
use mqttkube_manifests::scenario::cloud_bridge::CloudBridge;
use mqttkube_manifests::topology::{Topology, TopologyError};
use mqttkube_mapping::yaml::{Cursor, Diagnostic, Loader, Node, Position, Schema, Tree, suggest};

use mqttkube_mosquitto::analysis::Finding;

use crate::place::find;
use crate::problem::Problem;

use common::Common;
use listener::Certified;

pub(crate) use change::{Changes, Set};
pub(crate) use secret::Lookup;

/// The kinds of documents, and what they are called in messages.
const KINDS: [(&str, &str); 6] = [
    ("Broker", "a Broker"),
    ("Topology", "a Topology"),
    ("CloudBridge", "a CloudBridge"),
    ("BindingService", "a BindingService"),
    ("CedaloCluster", "a CedaloCluster"),
    ("Overlay", "an Overlay"),
];

/// A SPEC file: its documents, not yet understood.
#[derive(Debug)]
pub(crate) struct Spec {
    file: String,
    folder: String,
    trees: Vec<Tree>,
}

/// A document that was understood.
#[derive(Debug)]
pub(crate) struct Document<'s> {
    model: Model,
    common: Common,
    tree: &'s Tree,
}

#[derive(Debug)]
enum Model {
    Broker(Box<Broker>, Option<Certified>),
    Topology(Topology),
    CloudBridge(Box<CloudBridge>),
    BindingService(Box<BindingService>),
    CedaloCluster(Box<CedaloCluster>),
}

/// A mistake of a model: where in the document, and what.
type Mistake = (String, String);

impl Spec {
    /// Reads a file.
    pub(crate) fn load(path: &Path) -> Result<Self, Vec<Problem>> {
        let file = path.display().to_string();
        let unreadable =
            |message: String| vec![Diagnostic::error(file.as_str(), Position::START, message).into()];
        let bytes =
            std::fs::read(path).map_err(|error| unreadable(format!("the file cannot be read: {error}")))?;
        let text =
            String::from_utf8(bytes).map_err(|_| unreadable("the file is not UTF-8 text".to_owned()))?;
        let folder = path.parent().unwrap_or(Path::new("")).display().to_string();
        let trees = Loader::new(&file, &folder)
            .schema(Schema::Config)
            .parse_all(&text)
            .map_err(|errors| errors.into_iter().map(Problem::from).collect::<Vec<_>>())?;
        let trees: Vec<Tree> = trees.into_iter().filter(|tree| !tree.root().is_null()).collect();
        if trees.is_empty() {
            return Err(unreadable("there is no document in the file".to_owned()));
        }
        Ok(Self { file, folder, trees })
    }

    /// Understands the documents, with some values changed. All mistakes are found at once.
    pub(crate) fn read(&self, changes: &Changes, lookup: Lookup) -> Result<Vec<Document<'_>>, Vec<Problem>> {
        let (overlays, trees): (Vec<&Tree>, Vec<&Tree>) =
            self.trees.iter().partition(|tree| is_overlay(tree));
        let (mut documents, mut problems) = (Vec::new(), Vec::new());
        for tree in &overlays {
            if let Err(errors) = tree.read(|cursor| change::read_overlay(&cursor)) {
                problems.extend(errors.into_iter().map(Problem::from));
            }
        }
        refuse_twice(&trees, &mut problems);
        let patches = if problems.is_empty() {
            changes.patches(self, &trees, &overlays).unwrap_or_else(|wrong| {
                problems.extend(wrong);
                vec![Vec::new(); trees.len()]
            })
        } else {
            vec![Vec::new(); trees.len()]
        };
        for (tree, patches) in trees.into_iter().zip(patches) {
            match self.document(tree, &patches, lookup) {
                Ok((model, common)) => documents.push(Document { model, common, tree }),
                Err(wrong) => problems.extend(wrong),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        Ok(documents)
    }

    /// Understands one document after its patches.
    fn document(
        &self,
        tree: &Tree,
        patches: &[change::Patch],
        lookup: Lookup,
    ) -> Result<(Model, Common), Vec<Problem>> {
        if patches.is_empty() {
            let read = tree.read(|cursor| document(&cursor, lookup));
            return read
                .map(|(read, _)| read)
                .map_err(|errors| errors.into_iter().map(Problem::from).collect());
        }
        let changed = change::apply(tree.root(), patches, &self.file)?;
        let text = changed.to_string();
        let loader = Loader::new(&self.file, &self.folder).schema(Schema::Config);
        let read = loader
            .parse(&text)
            .and_then(|changed| changed.read(|cursor| document(&cursor, lookup)));
        // The places of a changed document are found again by their paths.
        read.map(|(read, _)| read).map_err(|errors| {
            let back = |error| change::back(error, tree.root(), patches);
            errors.into_iter().map(back).collect()
        })
    }

    /// The objects of all documents together.
    pub(crate) fn bundle(&self, changes: &Changes, lookup: Lookup) -> Result<Bundle, Vec<Problem>> {
        let (mut bundle, mut problems) = (Bundle::new(), Vec::new());
        for (tree, part) in self.parts(changes, lookup)? {
            join(&mut bundle, tree, &part, &mut problems);
        }
        if problems.is_empty() {
            Ok(bundle)
        } else {
            Err(problems)
        }
    }

    /// The objects of each document.
    pub(crate) fn parts(
        &self,
        changes: &Changes,
        lookup: Lookup,
    ) -> Result<Vec<(&Tree, Bundle)>, Vec<Problem>> {
        let documents = self.read(changes, lookup)?;
        let (mut parts, mut problems) = (Vec::new(), Vec::new());
        for document in documents {
            match document.bundle() {
                Ok(part) => parts.push((document.tree, part)),
                Err(errors) => problems.extend(errors.iter().map(|error| document.locate(error))),
            }
        }
        if problems.is_empty() {
            Ok(parts)
        } else {
            Err(problems)
        }
    }

    /// Names of the overlays, in the order of the file.
    pub(crate) fn overlays(&self) -> Vec<&str> {
        let overlays = self.trees.iter().filter(|tree| is_overlay(tree));
        let mut names: Vec<&str> = Vec::new();
        for name in overlays.filter_map(|tree| name_of(tree.root())) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// Names and roots of the documents that become objects.
    pub(crate) fn documents(&self) -> impl Iterator<Item = (&str, &Node)> {
        let documents = self.trees.iter().filter(|tree| !is_overlay(tree));
        documents.map(|tree| (name_of(tree.root()).unwrap_or_default(), tree.root()))
    }

    /// What the whole is called: the name of the only document, or that of the file.
    pub(crate) fn name(&self) -> String {
        let mut documents = self.documents();
        if let (Some((name, _)), None) = (documents.next(), documents.next()) {
            return name.to_owned();
        }
        let stem = Path::new(&self.file).file_stem().unwrap_or_default();
        let letter = |c: char| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        };
        stem.to_string_lossy().chars().map(letter).collect()
    }
}

impl Document<'_> {
    fn bundle(&self) -> Result<Bundle, Vec<Mistake>> {
        let whole = |error: ScenarioError| vec![(String::new(), error.to_string())];
        let bundle = match &self.model {
            Model::Broker(broker, certified) => {
                let mut bundle = broker.bundle().map_err(|errors| mistakes("", &errors))?;
                if let Some(Certified {
                    listener,
                    hosts,
                    certbot,
                }) = certified
                {
                    certbot
                        .add_to(&mut bundle, broker, listener, hosts)
                        .map_err(whole)?;
                }
                bundle
            }
            Model::Topology(topology) => topology.bundle().map_err(|error| topology_mistakes(&error))?,
            Model::CloudBridge(bridge) => bridge.bundle().map_err(whole)?,
            Model::BindingService(service) => service.bundle().map_err(whole)?,
            Model::CedaloCluster(cluster) => cluster
                .bundle()
                .map_err(|error| vec![cedalo::mistake(cluster, &error)])?,
        };
        self.common
            .put_on(bundle)
            .map_err(|error| vec![(String::new(), error.to_string())])
    }

    /// A mistake of the model with its place in the file.
    fn locate(&self, (path, message): &Mistake) -> Problem {
        let place = find(self.tree.root(), path);
        Diagnostic::error(self.tree.file(), place.position, message)
            .with_path(path)
            .into()
    }
}

fn mistakes(prefix: &str, errors: &[ModelError]) -> Vec<Mistake> {
    let mistake = |error: &ModelError| (format!("{prefix}{}", error.path), error.problem.to_string());
    errors.iter().map(mistake).collect()
}

/// Mistakes of a broker are at the broker, those of the bridges at what they carry.
fn topology_mistakes(error: &TopologyError) -> Vec<Mistake> {
    match error {
        TopologyError::Broker { broker, problems } => mistakes(&format!("brokers.{broker}."), problems),
        TopologyError::NotOnce(findings) => {
            let mistake = |finding: &Finding| ("topics".to_owned(), finding.to_string());
            findings.iter().map(mistake).collect()
        }
        TopologyError::NoUser { .. } => vec![("login.user".to_owned(), error.to_string())],
        TopologyError::Unreached { .. } => vec![("topics".to_owned(), error.to_string())],
        _ => vec![(String::new(), error.to_string())],
    }
}

/// Adds objects to those of other documents. What both make in the same way, such as the namespace, is there once.
pub(crate) fn join(bundle: &mut Bundle, tree: &Tree, part: &Bundle, problems: &mut Vec<Problem>) {
    for object in part.objects() {
        if bundle.get(object.key()) == Some(object) {
            continue;
        }
        if let Err(error) = bundle.add(object.clone()) {
            let message = format!("{error}, by another document");
            let diagnostic = Diagnostic::error(tree.file(), tree.root().position, message);
            problems.push(
                diagnostic
                    .with_help("give each document a name of its own")
                    .into(),
            );
            return;
        }
    }
}

/// Two documents of one kind, name and namespace would silently be one.
fn refuse_twice(trees: &[&Tree], problems: &mut Vec<Problem>) {
    let key = |tree: &Tree| {
        let text = |key: &str| tree.root().get(key).and_then(Node::as_str).map(str::to_owned);
        (text("kind"), text("namespace"), text("name"))
    };
    for (index, tree) in trees.iter().enumerate() {
        let first = trees.iter().take(index).find(|other| key(other) == key(tree));
        if let (Some(first), Some(name)) = (first, tree.root().get("name")) {
            let message = format!(
                "{:?} is there at line {} already",
                name.as_str().unwrap_or_default(),
                first.root().position.line
            );
            let diagnostic = Diagnostic::error(tree.file(), name.position, message).with_path("name");
            problems.push(
                diagnostic
                    .with_help("give each document a name of its own")
                    .into(),
            );
        }
    }
}

/// Whether a document is a SPEC, and not a Kubernetes object.
pub(crate) fn is_spec(root: &Node) -> bool {
    let kind = root.get("kind").and_then(Node::as_str);
    root.get("apiVersion").is_none() && KINDS.iter().any(|(known, _)| Some(*known) == kind)
}

fn is_overlay(tree: &Tree) -> bool {
    tree.root().get("kind").and_then(Node::as_str) == Some("Overlay")
}

fn name_of(root: &Node) -> Option<&str> {
    root.get("name").and_then(Node::as_str)
}

fn document(cursor: &Cursor<'_>, lookup: Lookup) -> Option<(Model, Common)> {
    let Some(kind) = cursor.node().get("kind") else {
        let mut section = cursor.section("a document")?;
        let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
        let help = format!("write `kind:` with one of {}", kinds.join(", "));
        match section.get("apiVersion") {
            Some(_) => cursor.error("this is a Kubernetes object, not a SPEC; `check` reads such files"),
            None => cursor.error_with_help("the document does not say what it is", help),
        }
        return None;
    };
    let kind = kind.as_str().unwrap_or_default();
    let Some((_, what)) = KINDS.iter().find(|(known, _)| *known == kind) else {
        unknown_kind(cursor, kind);
        return None;
    };
    let mut section = cursor.section(what)?;
    let _known = section.get("kind");
    let model = match kind {
        "Broker" => broker::read(&mut section, lookup)
            .map(|(broker, certified)| Model::Broker(Box::new(broker), certified)),
        "Topology" => topology::read(&mut section, lookup).map(Model::Topology),
        "CloudBridge" => {
            cloud_bridge::read(&mut section, lookup).map(|bridge| Model::CloudBridge(Box::new(bridge)))
        }
        "BindingService" => {
            service::read(&mut section).map(|service| Model::BindingService(Box::new(service)))
        }
        "CedaloCluster" => cedalo::read(&mut section).map(|cluster| Model::CedaloCluster(Box::new(cluster))),
        _ => None,
    };
    // A broker has its own, which the model looks at.
    let common = if kind == "Broker" {
        Common::default()
    } else {
        Common::read(&mut section)
    };
    section.finish();
    model.map(|model| (model, common))
}

fn unknown_kind(cursor: &Cursor<'_>, kind: &str) {
    let Some(place) = cursor
        .section("a document")
        .and_then(|mut section| section.get("kind"))
    else {
        return;
    };
    if cursor.node().get("apiVersion").is_some() {
        return place.error("this is a Kubernetes object, not a SPEC; `check` reads such files");
    }
    let kinds = KINDS.iter().map(|(kind, _)| *kind);
    let help = match suggest(kind, kinds.clone()) {
        Some(kind) => format!("did you mean {kind:?}?"),
        None => format!("it is one of {}", kinds.collect::<Vec<_>>().join(", ")),
    };
    place.error_with_help(format!("unknown kind {kind:?}"), help);
}
