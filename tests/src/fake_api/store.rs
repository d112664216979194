//! The objects, and the history of their changes that watches replay.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use super::json::set_meta;
use super::kinds::{self, Kind};

/// How many changes a watch can be behind before it is told that its version is too old.
const HISTORY: usize = 20_000;

/// Where an object is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key {
    pub(crate) resource: String,
    /// Empty for objects of the cluster.
    pub(crate) namespace: String,
    pub(crate) name: String,
}

/// One change: created when there is no `old`, deleted when there is no `new`.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) revision: u64,
    pub(crate) key: Key,
    pub(crate) old: Option<Arc<Value>>,
    pub(crate) new: Option<Arc<Value>>,
    /// The last state of a deleted object, at the revision of its deletion.
    pub(crate) last: Arc<Value>,
}

/// All state of one fake API server.
#[derive(Debug)]
pub(crate) struct Store {
    kinds: BTreeMap<String, Arc<Kind>>,
    objects: BTreeMap<Key, Arc<Value>>,
    history: VecDeque<Change>,
    revision: u64,
    /// Versions before this one are too old to start from; who follows already may go on.
    compacted: u64,
    /// Changes up to this revision are gone.
    forgotten: u64,
    changed: watch::Sender<u64>,
    random: RandomState,
    drawn: u64,
}

impl Store {
    pub(crate) fn new() -> Self {
        let kinds = kinds::built_in()
            .into_iter()
            .map(|kind| (kind.resource(), Arc::new(kind)));
        Self {
            kinds: kinds.collect(),
            objects: BTreeMap::new(),
            history: VecDeque::new(),
            revision: 1,
            compacted: 0,
            forgotten: 0,
            changed: watch::Sender::new(1),
            random: RandomState::new(),
            drawn: 0,
        }
    }

    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The oldest version that a list or watch may start from.
    pub(crate) fn compacted(&self) -> u64 {
        self.compacted
    }

    /// The oldest version from which all changes are still known.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Tells the revision after every change.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = &Arc<Kind>> {
        self.kinds.values()
    }

    pub(crate) fn kind(&self, resource: &str) -> Option<&Arc<Kind>> {
        self.kinds.get(resource)
    }

    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Value>> {
        self.objects.get(key)
    }

    /// All objects of a kind in one namespace or, with an empty one, everywhere; in the order of names.
    pub(crate) fn list(&self, resource: &str, namespace: &str) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        let first = Key {
            resource: resource.to_owned(),
            namespace: namespace.to_owned(),
            name: String::new(),
        };
        self.objects.range(first..).take_while(move |(key, _)| {
            key.resource == resource && (namespace.is_empty() || key.namespace == namespace)
        })
    }

    pub(crate) fn objects(&self) -> impl Iterator<Item = (&Key, &Arc<Value>)> {
        self.objects.iter()
    }

    /// As [`list`](Self::list), but as it was at an earlier revision that is not compacted yet.
    pub(crate) fn list_at(
        &self,
        resource: &str,
        namespace: &str,
        revision: u64,
    ) -> BTreeMap<Key, Arc<Value>> {
        let now = self
            .list(resource, namespace)
            .map(|(key, object)| (key.clone(), object.clone()));
        let mut objects: BTreeMap<_, _> = now.collect();
        for change in self
            .history
            .iter()
            .rev()
            .take_while(|change| change.revision > revision)
        {
            let inside = namespace.is_empty() || change.key.namespace == namespace;
            if change.key.resource != resource || !inside {
                continue;
            }
            match &change.old {
                Some(old) => objects.insert(change.key.clone(), old.clone()),
                None => objects.remove(&change.key),
            };
        }
        objects
    }

    /// The changes after a revision that is not compacted.
    pub(crate) fn since(&self, revision: u64) -> impl Iterator<Item = &Change> {
        let first = self.history.partition_point(|change| change.revision <= revision);
        self.history.range(first..)
    }

    /// Stores an object under its next resource version and returns it as stored.
    pub(crate) fn put(&mut self, key: Key, mut object: Value) -> Arc<Value> {
        self.revision += 1;
        set_meta(&mut object, "resourceVersion", self.revision.to_string());
        if key.resource == kinds::DEFINITIONS {
            self.define(&object);
        }
        let object = Arc::new(object);
        let old = self.objects.insert(key.clone(), object.clone());
        self.record(key, old, Some(object.clone()), object.clone());
        object
    }

    /// Removes an object; `last` is its final state.
    pub(crate) fn remove(&mut self, key: &Key, mut last: Value) -> Arc<Value> {
        self.revision += 1;
        set_meta(&mut last, "resourceVersion", self.revision.to_string());
        if key.resource == kinds::DEFINITIONS {
            self.kinds.remove(&key.name);
        }
        let last = Arc::new(last);
        let old = self.objects.remove(key);
        self.record(key.clone(), old, None, last.clone());
        last
    }

    /// Older versions are too old to start from, from now on.
    pub(crate) fn compact(&mut self) {
        self.compacted = self.revision;
    }

    /// A name or id that no other object of this server has.
    pub(crate) fn draw(&mut self) -> u64 {
        self.drawn += 1;
        self.random.hash_one(self.drawn)
    }

    /// A definition is named after the resource that it defines.
    fn define(&mut self, definition: &Value) {
        if let Some(kind) = Kind::from_definition(definition) {
            self.kinds.insert(kind.resource(), Arc::new(kind));
        }
    }

    fn record(&mut self, key: Key, old: Option<Arc<Value>>, new: Option<Arc<Value>>, last: Arc<Value>) {
        self.history.push_back(Change {
            revision: self.revision,
            key,
            old,
            new,
            last,
        });
        if self.history.len() > HISTORY
            && let Some(forgotten) = self.history.pop_front()
        {
            self.forgotten = forgotten.revision;
            self.compacted = self.compacted.max(self.forgotten);
        }
        self.changed.send_replace(self.revision);
    }
}
