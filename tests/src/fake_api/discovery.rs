//! What the API says about itself: versions, groups and resources, in the old form and in the aggregated one.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};

use super::kinds::Kind;
use super::request::Call;
use super::store::Store;

const VERBS: [&str; 8] = [
    "create",
    "delete",
    "deletecollection",
    "get",
    "list",
    "patch",
    "update",
    "watch",
];
const PART_VERBS: [&str; 3] = ["get", "patch", "update"];

/// The media type of the aggregated form.
pub(crate) const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";

/// An answer, and whether it is in the aggregated form.
pub(crate) struct Document {
    pub(crate) body: Value,
    pub(crate) aggregated: bool,
}

/// Group -> version -> kinds.
type Groups = BTreeMap<String, BTreeMap<String, Vec<Arc<Kind>>>>;

/// Answers a discovery path; `None` when it is none, or when nothing is served there.
pub(crate) fn answer(store: &Store, call: &Call) -> Option<Document> {
    let segments: Vec<_> = call
        .path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let groups = groups(store);
    let aggregated = call
        .header(http::header::ACCEPT)
        .contains("v=v2;as=APIGroupDiscoveryList");
    let plain = |body| {
        Some(Document {
            body,
            aggregated: false,
        })
    };
    match segments[..] {
        ["api" | "apis"] if aggregated => {
            let core = segments == ["api"];
            let items: Vec<_> = groups
                .iter()
                .filter(|(group, _)| group.is_empty() == core)
                .map(group_discovery)
                .collect();
            let body = json!({
                "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": items,
            });
            Some(Document { body, aggregated })
        }
        ["api"] => plain(json!({
            "kind": "APIVersions", "versions": ["v1"],
            "serverAddressByClientCIDRs": [{ "clientCIDR": "0.0.0.0/0", "serverAddress": "127.0.0.1" }],
        })),
        ["apis"] => {
            let groups: Vec<_> = groups
                .iter()
                .filter(|(name, _)| !name.is_empty())
                .map(group)
                .collect();
            plain(json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }))
        }
        ["apis", name] => plain(group(groups.get_key_value(name)?)),
        ["api", version] => plain(resources(version, groups.get("")?.get(version)?)),
        ["apis", name, version] => plain(resources(
            &format!("{name}/{version}"),
            groups.get(name)?.get(version)?,
        )),
        ["version"] => plain(json!({
            "major": "1", "minor": "33", "gitVersion": "v1.33.0", "gitCommit": "", "gitTreeState": "clean",
            "buildDate": "2025-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "",
        })),
        _ => None,
    }
}

fn groups(store: &Store) -> Groups {
    let mut groups = Groups::new();
    for kind in store.kinds() {
        for version in &kind.versions {
            groups
                .entry(kind.group.clone())
                .or_default()
                .entry(version.clone())
                .or_default()
                .push(kind.clone());
        }
    }
    groups
}

fn group((name, versions): (&String, &BTreeMap<String, Vec<Arc<Kind>>>)) -> Value {
    let versions: Vec<_> = versions
        .keys()
        .map(|version| json!({ "groupVersion": format!("{name}/{version}"), "version": version }))
        .collect();
    json!({
        "kind": "APIGroup", "apiVersion": "v1", "name": name, "preferredVersion": versions[0], "versions": versions,
    })
}

fn resources(group_version: &str, kinds: &[Arc<Kind>]) -> Value {
    let mut resources = Vec::new();
    for kind in kinds {
        resources.push(json!({
            "name": kind.plural, "singularName": kind.singular, "namespaced": kind.namespaced, "kind": kind.kind,
            "verbs": VERBS, "shortNames": kind.short,
        }));
        for (part, _, name) in parts(kind) {
            let mut resource = json!({
                "name": format!("{}/{part}", kind.plural), "singularName": "", "namespaced": kind.namespaced,
                "kind": name, "verbs": PART_VERBS,
            });
            if part == "scale" {
                resource["group"] = json!("autoscaling");
                resource["version"] = json!("v1");
            }
            resources.push(resource);
        }
    }
    json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": group_version, "resources": resources })
}

fn group_discovery((name, versions): (&String, &BTreeMap<String, Vec<Arc<Kind>>>)) -> Value {
    let versions: Vec<_> = versions
        .iter()
        .map(|(version, kinds)| {
            let resources: Vec<_> = kinds
                .iter()
                .map(|kind| resource_discovery(kind, version))
                .collect();
            json!({ "version": version, "resources": resources, "freshness": "Current" })
        })
        .collect();
    let metadata = if name.is_empty() {
        json!({})
    } else {
        json!({ "name": name })
    };
    json!({ "metadata": metadata, "versions": versions })
}

fn resource_discovery(kind: &Kind, version: &str) -> Value {
    let group_version_kind =
        |group: &str, version: &str, kind: &str| json!({ "group": group, "version": version, "kind": kind });
    let parts: Vec<_> = parts(kind)
        .map(|(part, group, name)| {
            let version = if part == "scale" { "v1" } else { version };
            json!({
                "subresource": part, "responseKind": group_version_kind(group, version, name), "verbs": PART_VERBS,
            })
        })
        .collect();
    json!({
        "resource": kind.plural, "singularResource": kind.singular, "shortNames": kind.short, "verbs": VERBS,
        "scope": if kind.namespaced { "Namespaced" } else { "Cluster" },
        "responseKind": group_version_kind(&kind.group, version, &kind.kind), "subresources": parts,
    })
}

/// The subresources of a kind: name, and group and kind of what they answer.
fn parts(kind: &Kind) -> impl Iterator<Item = (&'static str, &str, &str)> {
    let status = kind
        .status
        .then_some(("status", kind.group.as_str(), kind.kind.as_str()));
    let scale = kind.scale.as_ref().map(|_| ("scale", "autoscaling", "Scale"));
    status.into_iter().chain(scale)
}
