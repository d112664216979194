//! The objects of one watch.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::Value;

use super::entry::{Entry, Place, Presence};
use super::{Cx, Lost};
use crate::binding::{Binding, ItemKind, ItemRef};
use crate::engine::kinds::Kinds;
use crate::engine::work::metadata;
use crate::ids::KindId;
use crate::plan::{Plan, WatchSpec};
use crate::report::WatchStatus;

/// Payloads of objects that bindings name are kept up to this size, in bytes. There are as many of them as the
/// configuration says.
const KEEP_NAMED: usize = 4096;

/// Payloads of selected objects are kept up to this size, in bytes. There may be a hundred thousand of them.
const KEEP_SELECTED: usize = 128;

/// What is remembered of the objects of one watch.
#[derive(Debug)]
pub(super) struct Table {
    kind: KindId,
    /// Counts lists. What was not seen in the present one is gone when it is complete.
    list: u32,
    listed: bool,
    error: Option<String>,
    /// Objects that bindings name, by name. A watch covers one namespace when names are given.
    named: HashMap<Box<str>, Named>,
    /// Items of bindings that select objects.
    items: Box<[ItemRef]>,
    /// Their objects, by `namespace/name`.
    selected: HashMap<Box<str>, Entry>,
    /// Saves an allocation for each event.
    key: String,
}

#[derive(Debug)]
struct Named {
    namespace: Box<str>,
    items: Box<[ItemRef]>,
    entry: Entry,
}

/// One value of one object.
#[derive(Debug)]
pub(super) struct Spot {
    named: bool,
    object: Box<str>,
    cell: usize,
}

impl Table {
    pub(super) fn new(plan: &Plan, spec: &WatchSpec) -> Self {
        let mut by_name: HashMap<&str, Vec<ItemRef>> = HashMap::new();
        let mut items = Vec::new();
        for index in &spec.bindings {
            let binding = &plan.bindings()[*index as usize];
            match binding.target().name() {
                Some(name) => by_name
                    .entry(name)
                    .or_default()
                    .extend(watch_items(*index, binding)),
                None => items.extend(watch_items(*index, binding)),
            }
        }
        let namespace = spec.namespace().unwrap_or_default();
        let named = by_name.into_iter().map(|(name, items)| {
            let entry = Entry::new(items.len());
            let named = Named {
                namespace: namespace.into(),
                items: items.into(),
                entry,
            };
            (name.into(), named)
        });
        Self {
            kind: spec.kind(),
            list: 0,
            listed: false,
            error: None,
            named: named.collect(),
            items: items.into(),
            selected: HashMap::new(),
            key: String::new(),
        }
    }

    /// A list begins.
    pub(super) fn begin_list(&mut self) {
        self.list = self.list.wrapping_add(1);
        self.listed = false;
    }

    /// A list is complete: what was not in it is gone.
    pub(super) fn end_list(&mut self, cx: &mut Cx<'_>) {
        self.listed = true;
        self.error = None;
        let list = self.list;
        for (place, entry) in self.entries() {
            if entry.seen != list && entry.presence != Presence::Gone {
                entry.gone(place, cx);
            }
        }
        self.forget_gone(cx);
    }

    /// An object is there. Returns the values that have to wait, and until when.
    pub(super) fn show(&mut self, object: &Value, cx: &mut Cx<'_>) -> Vec<(Instant, Spot)> {
        let mut waiting = Vec::new();
        let Some(name) = metadata(object, "name") else {
            return waiting;
        };
        let namespace = metadata(object, "namespace").unwrap_or_default();
        let (kind, list) = (self.kind, self.list);
        if let Some((place, entry)) = self.named.get_mut(name).map(|named| named.place(kind, name)) {
            entry.seen = list;
            entry.show(place, object, cx, |at, cell| {
                waiting.push((at, Spot::new(true, name, cell)));
            });
        }
        if self.items.is_empty() {
            return waiting;
        }
        let key = join(&mut self.key, namespace, name);
        if !self.selected.contains_key(key) {
            self.selected.insert(key.into(), Entry::new(self.items.len()));
        }
        if let Some(entry) = self.selected.get_mut(key) {
            entry.seen = list;
            let place = selected(kind, key, &self.items);
            entry.show(place, object, cx, |at, cell| {
                waiting.push((at, Spot::new(false, key, cell)));
            });
        }
        waiting
    }

    /// An object was deleted. This is never a repetition, so it is always published.
    pub(super) fn delete(&mut self, namespace: &str, name: &str, cx: &mut Cx<'_>) {
        if let Some((place, entry)) = self.spot(true, name) {
            entry.gone(place, cx);
        }
        let kind = self.kind;
        let key = join(&mut self.key, namespace, name);
        if let Some(entry) = self.selected.get_mut(key) {
            entry.gone(selected(kind, key, &self.items), cx);
            if cx.online {
                self.selected.remove(key);
            }
        }
    }

    /// Publishes again what the broker may not have. Returns whether the watch must be listed for it.
    pub(super) fn again(&mut self, lost: Lost, cx: &mut Cx<'_>) -> bool {
        let mut relist = false;
        for (place, entry) in self.entries() {
            relist |= entry.again(place, lost, cx);
        }
        self.forget_gone(cx);
        relist
    }

    /// The interval of one value is over.
    pub(super) fn open(&mut self, spot: &Spot, cx: &mut Cx<'_>) {
        if let Some((place, entry)) = self.spot(spot.named, &spot.object) {
            entry.open(place, spot.cell, cx);
        }
    }

    /// Of selected objects that are gone, nothing needs to be known once it is published.
    fn forget_gone(&mut self, cx: &Cx<'_>) {
        if cx.online {
            self.selected.retain(|_, entry| entry.presence != Presence::Gone);
        }
    }

    fn spot<'a>(&'a mut self, named: bool, object: &'a str) -> Option<(Place<'a>, &'a mut Entry)> {
        if !named {
            let place = selected(self.kind, object, &self.items);
            return self.selected.get_mut(object).map(|entry| (place, entry));
        }
        let kind = self.kind;
        let named = self.named.get_mut(object)?;
        Some(named.place(kind, object))
    }

    /// Every object with the place that it has.
    pub(super) fn entries(&mut self) -> impl Iterator<Item = (Place<'_>, &mut Entry)> {
        let (kind, items) = (self.kind, &self.items);
        let named = self
            .named
            .iter_mut()
            .map(move |(name, named)| named.place(kind, name));
        let chosen = self
            .selected
            .iter_mut()
            .map(move |(key, entry)| (selected(kind, key, items), entry));
        named.chain(chosen)
    }

    /// Whether the first list, or the one that runs, is complete.
    pub(super) fn is_listed(&self) -> bool {
        self.listed
    }

    /// Why the watch is down; `None` when it works again.
    pub(super) fn set_error(&mut self, error: Option<String>) {
        self.error = error;
    }

    pub(super) fn status(&self, spec: &WatchSpec, kinds: &Kinds) -> WatchStatus {
        let named = self.named.values().map(|named| &named.entry);
        let present = |entry: &&Entry| entry.presence == Presence::Present;
        WatchStatus {
            kind: kinds.get(self.kind).full_name(),
            namespace: spec.namespace().map(str::to_owned),
            listed: self.listed,
            objects: named.chain(self.selected.values()).filter(present).count(),
            error: self.error.clone(),
        }
    }
}

impl Named {
    fn place<'a>(&'a mut self, kind: KindId, name: &'a str) -> (Place<'a>, &'a mut Entry) {
        let place = Place {
            kind,
            namespace: &self.namespace,
            name,
            items: &self.items,
            keep: KEEP_NAMED,
        };
        (place, &mut self.entry)
    }
}

impl Spot {
    fn new(named: bool, object: &str, cell: usize) -> Self {
        Self {
            named,
            object: object.into(),
            cell,
        }
    }
}

fn watch_items(index: u32, binding: &Binding) -> impl Iterator<Item = ItemRef> {
    let kind = ItemKind::Watch;
    (0..).zip(binding.watches()).map(move |(item, _)| ItemRef {
        binding: index,
        kind,
        index: item,
    })
}

fn selected<'a>(kind: KindId, key: &'a str, items: &'a [ItemRef]) -> Place<'a> {
    let (namespace, name) = key.split_once('/').unwrap_or(("", key));
    Place {
        kind,
        namespace,
        name,
        items,
        keep: KEEP_SELECTED,
    }
}

/// `namespace/name` in a buffer that is used again. Neither can contain a slash.
fn join<'a>(buffer: &'a mut String, namespace: &str, name: &str) -> &'a str {
    buffer.clear();
    buffer.push_str(namespace);
    buffer.push('/');
    buffer.push_str(name);
    buffer
}
