//! One entry of `bindings`.

use mqttkube_mapping::yaml::Position;
use serde_json::Value;

use super::{ActionItemSpec, CaseSpec, Origin, PatchItemSpec, WatchItemSpec};

/// One binding as it is written.
///
/// ```
/// use mqttkube_core::config::{BindingSpec, WatchItemSpec};
///
/// let binding = BindingSpec::new("Deployment", "jellyfin")
///     .namespace("media")
///     .watch(WatchItemSpec::new("status.availableReplicas", "jellyfin/replicas").retain(true));
/// assert_eq!(binding.watch.len(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct BindingSpec {
    /// Stable name; default: derived from namespace, kind and name.
    pub id: Option<String>,
    /// Namespace, or `*` for all; default: the client's own.
    pub namespace: Option<String>,
    /// The kind, in any form that [`Kind::parse`](crate::kinds::Kind::parse) takes.
    pub resource: String,
    /// One object or a selection.
    pub target: TargetSpec,
    /// Values that are published.
    pub watch: Vec<WatchItemSpec>,
    /// Messages that change a field.
    pub patch: Vec<PatchItemSpec>,
    /// Messages that act on the object.
    pub action: Vec<ActionItemSpec>,
    /// Cases to try the binding with.
    pub tests: Vec<CaseSpec>,
    /// The binding as `${binding.…}` sees it in launch templates; null: namespace, resource and name.
    pub tree: Value,
    pub(crate) origin: Origin,
}

/// Which object or objects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TargetSpec {
    /// The object of this name.
    Name(String),
    /// All objects that a selector finds.
    Selector(SelectorSpec),
}

/// A selection of objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SelectorSpec {
    /// Label selector, such as `app=web,tier!=db`.
    pub labels: Option<String>,
    /// Field selector, such as `status.phase=Running`.
    pub fields: Option<String>,
}

impl BindingSpec {
    /// A binding of one object. `resource` is a kind in any form that
    /// [`Kind::parse`](crate::kinds::Kind::parse) takes.
    pub fn new(resource: impl Into<String>, name: impl Into<String>) -> Self {
        Self::of(resource.into(), TargetSpec::Name(name.into()))
    }

    /// A binding of all objects that a label selector finds; an empty one finds all.
    pub fn selecting(resource: impl Into<String>, labels: impl Into<String>) -> Self {
        let labels = Some(labels.into()).filter(|labels| !labels.is_empty());
        Self::of(
            resource.into(),
            TargetSpec::Selector(SelectorSpec { labels, fields: None }),
        )
    }

    /// Where the binding begins in its file.
    pub fn position(&self) -> Option<Position> {
        self.origin.position
    }

    pub(crate) fn of(resource: String, target: TargetSpec) -> Self {
        Self {
            id: None,
            namespace: None,
            resource,
            target,
            watch: Vec::new(),
            patch: Vec::new(),
            action: Vec::new(),
            tests: Vec::new(),
            tree: Value::Null,
            origin: Origin::default(),
        }
    }

    /// Gives the binding a stable name.
    #[must_use]
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Looks in this namespace, or in all with `*`.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Adds a value to publish.
    #[must_use]
    pub fn watch(mut self, item: WatchItemSpec) -> Self {
        self.watch.push(item);
        self
    }

    /// Adds a message that changes a field.
    #[must_use]
    pub fn patch(mut self, item: PatchItemSpec) -> Self {
        self.patch.push(item);
        self
    }

    /// Adds a message that acts on the object.
    #[must_use]
    pub fn action(mut self, item: ActionItemSpec) -> Self {
        self.action.push(item);
        self
    }
}
