//! The whole of a configuration as the engine and the runtime see it: bindings, the kinds that they name, one
//! watch per selection of objects and one subscription per distinct filter.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use mqttkube_mapping::{TopicFilter, TopicPrefix};

use crate::binding::{
    ActionItem, Binding, Command, ItemKind, ItemRef, PatchItem, Retained, Target, WatchItem, Which,
};
use crate::ids::KindId;
use crate::kinds::Kind;

/// Up to this many named objects of one kind and namespace have a watch of their own, which needs a right for
/// these names only. More of them share one watch over the kind.
const SINGLE_WATCHES: usize = 3;

/// The highest subscription identifier of MQTT 5.0 section 3.8.2.1.2.
const MAX_SUBSCRIPTION_ID: u32 = 268_435_455;

/// Everything that the engine and the runtime need to know, compiled once.
#[derive(Debug)]
pub struct Plan {
    pub(crate) bindings: Vec<Binding>,
    pub(crate) kinds: Vec<Kind>,
    pub(crate) watches: Vec<WatchSpec>,
    pub(crate) filters: Vec<Filter>,
    pub(crate) settings: Settings,
}

/// What concerns all bindings of a plan.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Joined before every topic that is not absolute.
    pub prefix: TopicPrefix,
    /// Where response topics of requests may lie.
    pub response_prefix: TopicPrefix,
    /// The MQTT client identifier; it takes part in the identity of commands.
    pub client_id: String,
    /// How long the broker keeps commands while nobody is connected.
    pub session_expiry: Duration,
    /// Larger payloads are dropped, in bytes.
    pub max_payload: usize,
    /// The name under which server-side apply owns fields.
    pub field_manager: String,
    /// Deadline of one API request.
    pub request_timeout: Duration,
    /// How long the API server keeps one watch open, which is also how soon a dead one is noticed.
    pub watch_timeout: Duration,
    /// How long a failure of one object is retried before the command is given up.
    pub retry_deadline: Duration,
}

/// Index of a watch in [`Plan::watches`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WatchId(pub(crate) u32);

impl WatchId {
    /// Position in [`Plan::watches`].
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One API watch, shared by all bindings whose objects it covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchSpec {
    pub(crate) kind: KindId,
    pub(crate) namespace: Option<String>,
    pub(crate) scope: WatchScope,
    /// Indices of the bindings that it serves, ascending.
    pub(crate) bindings: Vec<u32>,
}

/// Which objects of a kind and namespace one watch covers.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WatchScope {
    /// One object, by a field selector on its name.
    Object(String),
    /// Every object.
    All,
    /// Every object that both selectors accept.
    Selector {
        /// Label selector in the text form of the API.
        labels: Option<String>,
        /// Field selector in the text form of the API.
        fields: Option<String>,
    },
}

impl WatchSpec {
    /// The kind that is watched.
    pub fn kind(&self) -> KindId {
        self.kind
    }

    /// The namespace; `None` is all of them, or a cluster-scoped kind.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }

    /// Which objects.
    pub fn scope(&self) -> &WatchScope {
        &self.scope
    }
}

/// One subscription, shared by all items that listen to the same filter.
#[derive(Clone, Debug)]
pub struct Filter {
    pub(crate) filter: TopicFilter,
    /// The MQTT 5 subscription identifier: the same for the same filter at every start.
    pub(crate) id: u32,
    /// The highest that an item asks for.
    pub(crate) qos: u8,
    /// At least one item executes retained messages.
    pub(crate) retained: bool,
    pub(crate) items: Vec<ItemRef>,
}

impl Filter {
    /// The filter with its prefix.
    pub fn filter(&self) -> &TopicFilter {
        &self.filter
    }

    /// The MQTT 5 subscription identifier.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The quality of service to subscribe with, 0 or 1.
    pub fn qos(&self) -> u8 {
        self.qos
    }

    /// Whether the broker is to send retained messages at all.
    pub fn retained(&self) -> bool {
        self.retained
    }

    /// The items that listen, in the order of the file.
    pub fn items(&self) -> &[ItemRef] {
        &self.items
    }
}

impl Plan {
    /// Works out watches and subscriptions for bindings whose kinds are indices into `kinds`.
    pub(crate) fn new(bindings: Vec<Binding>, kinds: Vec<Kind>, settings: Settings) -> Self {
        let watches = plan_watches(&bindings);
        let filters = plan_filters(&bindings);
        Self {
            bindings,
            kinds,
            watches,
            filters,
            settings,
        }
    }

    /// Puts bindings that name no namespace into `namespace`, usually the one of the kubeconfig's context. Without
    /// this call they are in `default`.
    #[must_use]
    pub fn with_default_namespace(mut self, namespace: &str) -> Self {
        for target in self.bindings.iter_mut().map(|binding| &mut binding.target) {
            if target.default_namespace {
                target.namespace = Some(namespace.to_owned());
            }
        }
        self.watches = plan_watches(&self.bindings);
        self
    }

    /// The bindings in the order of the file.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// Every kind that a binding names, each once.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// One of [`Plan::kinds`].
    pub fn kind(&self, id: KindId) -> &Kind {
        &self.kinds[id.0 as usize]
    }

    /// The watches to open.
    pub fn watches(&self) -> &[WatchSpec] {
        &self.watches
    }

    /// The subscriptions to make.
    pub fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// What concerns all bindings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub(crate) fn binding(&self, item: ItemRef) -> &Binding {
        &self.bindings[item.binding as usize]
    }

    pub(crate) fn watch_item(&self, item: ItemRef) -> &WatchItem {
        &self.binding(item).watches[item.index as usize]
    }

    pub(crate) fn patch_item(&self, item: ItemRef) -> &PatchItem {
        &self.binding(item).patches[item.index as usize]
    }

    pub(crate) fn action_item(&self, item: ItemRef) -> &ActionItem {
        &self.binding(item).actions[item.index as usize]
    }
}

/// Iterates over a list with 32-bit indices; a file is limited to far fewer nodes than that.
fn numbered<T>(items: &[T]) -> impl Iterator<Item = (u32, &T)> {
    (0..).zip(items)
}

type Place = (KindId, Option<String>);

fn plan_watches(bindings: &[Binding]) -> Vec<WatchSpec> {
    let watching = || numbered(bindings).filter(|(_, binding)| !binding.watches.is_empty());
    let mut names: BTreeMap<Place, BTreeSet<&str>> = BTreeMap::new();
    for (_, binding) in watching() {
        if let Some(name) = binding.target.name() {
            names.entry(place(&binding.target)).or_default().insert(name);
        }
    }
    let mut specs: Vec<WatchSpec> = Vec::new();
    let mut known: BTreeMap<(Place, WatchScope), usize> = BTreeMap::new();
    for (index, binding) in watching() {
        let place = place(&binding.target);
        let crowded = names
            .get(&place)
            .is_some_and(|names| names.len() > SINGLE_WATCHES);
        let scope = scope(&binding.target.which, crowded);
        let at = *known.entry((place.clone(), scope.clone())).or_insert_with(|| {
            specs.push(WatchSpec {
                kind: place.0,
                namespace: place.1,
                scope,
                bindings: Vec::new(),
            });
            specs.len() - 1
        });
        specs[at].bindings.push(index);
    }
    specs
}

fn place(target: &Target) -> Place {
    (target.kind, target.namespace.clone())
}

fn scope(which: &Which, crowded: bool) -> WatchScope {
    match which {
        Which::Name(_) if crowded => WatchScope::All,
        Which::Name(name) => WatchScope::Object(name.clone()),
        Which::Selector {
            labels: None,
            fields: None,
        } => WatchScope::All,
        Which::Selector { labels, fields } => WatchScope::Selector {
            labels: labels.clone(),
            fields: fields.clone(),
        },
    }
}

fn plan_filters(bindings: &[Binding]) -> Vec<Filter> {
    let mut filters: Vec<Filter> = Vec::new();
    let mut known: BTreeMap<String, usize> = BTreeMap::new();
    for (item, command) in commands(bindings) {
        let at = *known.entry(command.topic.to_string()).or_insert_with(|| {
            let filter = command.topic.clone();
            filters.push(Filter {
                filter,
                id: 0,
                qos: command.qos,
                retained: false,
                items: Vec::new(),
            });
            filters.len() - 1
        });
        let filter = &mut filters[at];
        filter.qos = filter.qos.max(command.qos);
        filter.retained |= command.retained == Retained::Once;
        filter.items.push(item);
    }
    number_filters(&mut filters);
    filters
}

/// Every item that listens, in the order of the file.
pub(crate) fn commands(bindings: &[Binding]) -> impl Iterator<Item = (ItemRef, &Command)> {
    numbered(bindings).flat_map(|(index, binding)| {
        let at = move |kind, item| ItemRef {
            binding: index,
            kind,
            index: item,
        };
        let patches =
            numbered(&binding.patches).map(move |(i, patch)| (at(ItemKind::Patch, i), &patch.command));
        let actions =
            numbered(&binding.actions).map(move |(i, action)| (at(ItemKind::Action, i), &action.command));
        patches.chain(actions)
    })
}

/// Gives every filter an identifier that is the same at every start, so that a resumed session still means
/// what it did. Two filters of one hash are told apart in the order of their text.
fn number_filters(filters: &mut [Filter]) {
    let mut order: Vec<usize> = (0..filters.len()).collect();
    order.sort_by(|a, b| filters[*a].filter.as_ref().cmp(filters[*b].filter.as_ref()));
    let mut taken = BTreeSet::new();
    for index in order {
        let mut id = fnv1a(filters[index].filter.as_ref()) % MAX_SUBSCRIPTION_ID + 1;
        while !taken.insert(id) {
            id = id % MAX_SUBSCRIPTION_ID + 1;
        }
        filters[index].id = id;
    }
}

/// FNV-1a, 32 bits: short, and the same on every machine and in every release.
fn fnv1a(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash: u32, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}
