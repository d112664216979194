//! The values of a Helm chart: scalars of the SPEC, each wherever it shows in the objects.

use mqttkube_manifests::bundle::VerifiedBundle;
use mqttkube_manifests::render::helm::{Chart, Parameter};
use mqttkube_manifests::render::{File, RenderError};
use mqttkube_mapping::yaml::{Content, Node};
use serde_json::{Value, json};

use crate::spec::{Changes, Lookup, Set, Spec};

const HOST: &str = "A name that clients connect to.";
const NODE_PORT: &str = "The port of every node.";

/// A value of the SPEC that a chart may leave open.
struct Candidate {
    /// In `values.yaml`.
    path: String,
    /// In the SPEC, behind the name of the document where there are several. A host may stand in several places.
    spec: Vec<String>,
    description: &'static str,
    value: Value,
    /// Two other values that show nowhere else.
    probes: [Value; 2],
}

/// The chart, and which values had to stay fixed.
pub(crate) fn render(
    spec: &Spec,
    changes: &Changes,
    bundle: &VerifiedBundle,
) -> Result<(Vec<File>, Vec<String>), RenderError> {
    let (mut parameters, mut fixed) = (Vec::new(), Vec::new());
    for candidate in candidates(spec) {
        let mut parameter = Parameter::new(&candidate.path, candidate.description, candidate.value);
        let found = parameter.find(bundle, &candidate.probes, |value| {
            let mut changes = changes.clone();
            let sets = candidate.spec.iter().map(|path| Set::new(path, value.clone()));
            changes.sets.extend(sets);
            let other = spec.bundle(&changes, Lookup::Real).map_err(|problems| {
                // One of them is enough to say why a value stays fixed.
                problems
                    .first()
                    .map(|problem| problem.message.clone())
                    .unwrap_or_default()
            })?;
            other
                .unverified("a probe for a value of a chart")
                .map_err(|error| error.to_string())
        });
        match found {
            Ok(()) => parameters.push(parameter),
            Err(error) => fixed.push(error.to_string()),
        }
    }
    let chart = Chart::new(&spec.name(), env!("CARGO_PKG_VERSION"), parameters);
    Ok((chart.render(bundle)?, fixed))
}

fn candidates(spec: &Spec) -> Vec<Candidate> {
    let documents: Vec<(&str, &Node)> = spec.documents().collect();
    let several = documents.len() > 1;
    let mut all = Vec::new();
    for (name, root) in documents {
        let (spec, path) = if several {
            (format!("{name}."), format!("{}.", camel(name)))
        } else {
            (String::new(), String::new())
        };
        let mut collect = Collect {
            all: &mut all,
            root,
            spec,
            path,
        };
        match root.get("kind").and_then(Node::as_str) {
            Some("Topology") => {
                for broker in keys(root.get("brokers")) {
                    collect.broker(&format!("brokers.{broker}."), &format!("{}.", camel(broker)));
                }
            }
            _ => collect.broker("", ""),
        }
    }
    all
}

/// Collects the candidates of one document.
struct Collect<'a> {
    all: &'a mut Vec<Candidate>,
    root: &'a Node,
    spec: String,
    path: String,
}

impl Collect<'_> {
    /// A value that the SPEC has, as text or number.
    fn add(&mut self, spec: &str, path: &str, description: &'static str, probes: [Value; 2]) {
        let value = match at(self.root, spec).map(|node| &node.content) {
            Some(Content::Text(text)) => json!(text),
            Some(Content::Int(number)) => json!(number),
            _ => return,
        };
        let spec = format!("{}{spec}", self.spec);
        // The host of a certificate and that of a route are one value.
        let same =
            |other: &&mut Candidate| description == HOST && other.description == HOST && other.value == value;
        if let Some(same) = self.all.iter_mut().find(same) {
            return same.spec.push(spec);
        }
        self.all.push(Candidate {
            path: format!("{}{path}", self.path),
            spec: vec![spec],
            description,
            value,
            probes,
        });
    }

    fn broker(&mut self, spec: &str, path: &str) {
        let text = |one: &str, other: &str| [json!(one), json!(other)];
        let images = || {
            text(
                "probe-one.example.org/one/probe:9.9.1",
                "other.example.net/probe/other:8.8.2",
            )
        };
        let mut add = |at: &str, name: &str, about: &'static str, probes: [Value; 2]| {
            self.add(&format!("{spec}{at}"), &format!("{path}{name}"), about, probes);
        };
        add("image", "image", "The image, with its version.", images());
        add(
            "broker.image",
            "broker.image",
            "The image of Mosquitto, with its version.",
            images(),
        );
        add(
            "refresher",
            "refresher",
            "The image of the refresher, with its version.",
            images(),
        );
        add(
            "resources.cpu",
            "resources.cpu",
            "Processor time that is set aside.",
            text("7137m", "9239m"),
        );
        add(
            "resources.memory",
            "resources.memory",
            "Memory that is set aside, and the limit.",
            text("7139Mi", "9241Mi"),
        );
        add(
            "persistence.size",
            "persistence.size",
            "Room on the volume.",
            text("7771Gi", "9773Gi"),
        );
        add(
            "persistence.storage-class",
            "persistence.storageClass",
            "The class of storage.",
            text("probe-class-one", "other-probe-class"),
        );
        add(
            "outbox",
            "outbox",
            "Room on the volume for what waits.",
            text("7771Gi", "9773Gi"),
        );
        add(
            "broker.storage",
            "broker.storage",
            "Room on the volume.",
            text("7771Gi", "9773Gi"),
        );
        add(
            "storage",
            "storage",
            "Room on each volume.",
            text("7771Gi", "9773Gi"),
        );
        for (part, name) in [("management-center", "managementCenter"), ("proxy", "proxy")] {
            add(
                &format!("{part}.image"),
                &format!("{name}.image"),
                "The image, with its version.",
                images(),
            );
            add(
                &format!("{part}.expose.node-port"),
                &format!("{name}.nodePort"),
                NODE_PORT,
                [json!(31_977), json!(32_589)],
            );
        }
        add(
            "autoscaling.operator",
            "operator.image",
            "The image of the operator, with its version.",
            images(),
        );
        for part in ["project", "region", "registry", "device"] {
            let at = format!("bridge.cloud.{part}");
            add(
                &at,
                &format!("cloud.{part}"),
                "Who the bridge is at the cloud service.",
                text("probe-one-x", "other-probe-y"),
            );
        }
        self.certificate(&format!("{spec}proxy"), &format!("{path}proxy"));
        let root = self.root;
        let inside = |key: &str| at(root, &format!("{spec}{key}"));
        let (listeners, exposures) = (items(inside("listeners")), items(inside("expose")));
        for (index, listener) in listeners.iter().enumerate() {
            let name = camel(listener.get("name").and_then(Node::as_str).unwrap_or("listener"));
            self.certificate(&format!("{spec}listeners[{index}]"), &format!("{path}{name}"));
        }
        for (index, exposure) in exposures.iter().enumerate() {
            for listener in keys(exposure.get("node-port")) {
                let at = format!("{spec}expose[{index}].node-port.{listener}");
                let name = format!("{path}{}.nodePort", camel(listener));
                self.add(&at, &name, NODE_PORT, [json!(31_977), json!(32_589)]);
            }
            let probes = text("probe-one.example.org", "other.probe.example.net");
            let at = format!("{spec}expose[{index}].route.host");
            self.add(&at, &format!("{path}route.host"), HOST, probes);
        }
    }

    /// Names and issuer of the certificate that a part of the SPEC shows.
    fn certificate(&mut self, spec: &str, path: &str) {
        let hosts = items(at(self.root, &format!("{spec}.tls.hosts"))).len();
        for host in 0..hosts {
            let number = if host == 0 {
                String::new()
            } else {
                (host + 1).to_string()
            };
            let probes = [json!("probe-one.example.org"), json!("other.probe.example.net")];
            self.add(
                &format!("{spec}.tls.hosts[{host}]"),
                &format!("{path}.host{number}"),
                HOST,
                probes,
            );
        }
        let probes = [json!("probe-issuer-one"), json!("other-probe-issuer")];
        self.add(
            &format!("{spec}.tls.issuer.name"),
            &format!("{path}.issuer"),
            "Who signs the certificate.",
            probes,
        );
    }
}

/// What is at a path such as `listeners[0].tls`.
fn at<'n>(root: &'n Node, path: &str) -> Option<&'n Node> {
    let mut words = path.split(['.', '[']).filter(|word| !word.is_empty());
    words.try_fold(root, |node, word| match word.strip_suffix(']') {
        Some(index) => items(Some(node)).get(index.parse::<usize>().ok()?),
        None => node.get(word),
    })
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.content) {
        Some(Content::Sequence(items)) => items,
        _ => &[],
    }
}

fn keys(node: Option<&Node>) -> Vec<&str> {
    match node.map(|node| &node.content) {
        Some(Content::Mapping(entries)) => entries.iter().filter_map(|entry| entry.key.as_str()).collect(),
        _ => Vec::new(),
    }
}

/// `spoke-east` as `spokeEast`: values of a chart are words.
fn camel(name: &str) -> String {
    let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        text + &head.to_ascii_uppercase() + tail
    })
}
