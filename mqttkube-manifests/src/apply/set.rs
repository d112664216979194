//! Sets of objects that are pruned together, as KEP 3659 lays them down.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::PruneSet;
use crate::bundle::VerifiedBundle;
use crate::object::ObjectKey;

const MEMBER: &str = "applyset.kubernetes.io/part-of";
const PARENT: &str = "applyset.kubernetes.io/id";
const TOOLING: &str = "applyset.kubernetes.io/tooling";
const KINDS: &str = "applyset.kubernetes.io/contains-group-kinds";
const NAMESPACES: &str = "applyset.kubernetes.io/additional-namespaces";

/// A set, and what the bundle puts into it.
pub(super) struct Set {
    id: String,
    name: String,
    namespace: String,
    keys: BTreeSet<ObjectKey>,
}

/// Whether an object that left the bundle stays: with these, data or the objects of others would go.
pub(super) fn is_kept(key: &ObjectKey) -> bool {
    matches!(
        key.kind.as_str(),
        "Namespace" | "CustomResourceDefinition" | "PersistentVolume" | "PersistentVolumeClaim"
    )
}

impl Set {
    pub(super) fn new(set: &PruneSet, bundle: &VerifiedBundle) -> Self {
        let identity = format!("{}.{}.ConfigMap.", set.name, set.namespace);
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, identity.as_bytes()));
        Self {
            id: format!("applyset-{hash}-v1"),
            name: set.name.clone(),
            namespace: set.namespace.clone(),
            keys: bundle
                .objects()
                .iter()
                .map(|object| object.key().clone())
                .collect(),
        }
    }

    pub(super) fn has(&self, key: &ObjectKey) -> bool {
        self.keys.contains(key)
    }

    /// Selects the members.
    pub(super) fn selector(&self) -> String {
        format!("{MEMBER}={}", self.id)
    }

    /// Makes an object a member.
    pub(super) fn label(&self, object: &mut Value) {
        object["metadata"]["labels"][MEMBER] = self.id.as_str().into();
    }

    /// Kinds that the set had, or has now: groups and kinds.
    pub(super) fn kinds_before(&self, parent: Option<&Value>) -> BTreeSet<(String, String)> {
        let listed = annotation(parent, KINDS).into_iter().map(|kind| {
            let (kind, group) = kind.split_once('.').unwrap_or((&kind, ""));
            (group.to_owned(), kind.to_owned())
        });
        let now = self.keys.iter().map(|key| (key.group.clone(), key.kind.clone()));
        listed.chain(now).collect()
    }

    /// Namespaces in which it had members, or has now.
    pub(super) fn namespaces_before(&self, parent: Option<&Value>) -> BTreeSet<String> {
        let now = self.keys.iter().filter_map(|key| key.namespace.clone());
        let listed = annotation(parent, NAMESPACES);
        listed
            .into_iter()
            .chain(now)
            .chain([self.namespace.clone()])
            .collect()
    }

    /// The object that stands for the set, with what is in it when the apply is done.
    pub(super) fn parent<'a>(&'a self, kept: impl IntoIterator<Item = &'a ObjectKey>) -> Value {
        let all: Vec<&ObjectKey> = self.keys.iter().chain(kept).collect();
        let kinds = all.iter().map(|key| (key.group.clone(), key.kind.clone()));
        let namespaces = all.iter().filter_map(|key| key.namespace.clone());
        self.written(&kinds.collect(), namespaces.collect())
    }

    /// The same while it is applied: what is in it now, too.
    pub(super) fn widened(&self, parent: Option<&Value>) -> Value {
        self.written(&self.kinds_before(parent), self.namespaces_before(parent))
    }

    fn written(&self, kinds: &BTreeSet<(String, String)>, mut namespaces: BTreeSet<String>) -> Value {
        namespaces.remove(&self.namespace);
        let kinds: BTreeSet<String> = kinds
            .iter()
            .map(|(group, kind)| match group.as_str() {
                "" => kind.clone(),
                group => format!("{kind}.{group}"),
            })
            .collect();
        let list = |set: BTreeSet<String>| set.into_iter().collect::<Vec<_>>().join(",");
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {
                "name": self.name,
                "namespace": self.namespace,
                "labels": {PARENT: self.id},
                "annotations": {
                    TOOLING: concat!("mqttkube-manifests/v", env!("CARGO_PKG_VERSION")),
                    KINDS: list(kinds),
                    NAMESPACES: list(namespaces),
                },
            },
        })
    }
}

fn annotation(parent: Option<&Value>, name: &str) -> Vec<String> {
    let text = parent.and_then(|parent| parent["metadata"]["annotations"][name].as_str());
    let words = text.unwrap_or_default().split(',');
    words.filter(|word| !word.is_empty()).map(str::to_owned).collect()
}
