//! One object and the values that are published of it.

use std::time::Instant;

use bytes::Bytes;
use mqttkube_mapping::Topic;
use serde_json::Value;

use super::cell::{Again, Cell, Offer, Terms};
use super::render::{self, Rendered};
use super::{Cx, Lost};
use crate::binding::{ItemRef, WatchItem};
use crate::engine::work::metadata;
use crate::event::{Effect, Publish, Purpose};
use crate::ids::KindId;
use crate::topic_template::{Facts, Placeholder};

/// What is remembered of one object.
#[derive(Debug, Default)]
pub(super) struct Entry {
    /// The list in which, or in the time after which, the object was last seen.
    pub(super) seen: u32,
    pub(super) presence: Presence,
    /// Kept only where a topic holds it.
    uid: Option<Box<str>>,
    /// One for each item.
    cells: Box<[Cell]>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Presence {
    #[default]
    Unknown,
    Present,
    Gone,
}

/// Where an object stands and what is published of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    pub(super) kind: KindId,
    /// Empty for cluster-scoped kinds.
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) items: &'a [ItemRef],
    /// Payloads up to this size are kept, in bytes.
    pub(super) keep: usize,
}

impl Place<'_> {
    fn terms(&self, item: &WatchItem, cx: &Cx<'_>) -> Terms {
        Terms {
            online: cx.online,
            now: cx.now,
            min_interval: item.min_interval,
            keep: self.keep,
        }
    }
}

impl Entry {
    pub(super) fn new(items: usize) -> Self {
        Self {
            cells: (0..items).map(|_| Cell::default()).collect(),
            ..Self::default()
        }
    }

    /// The object is there and looks like this. Calls `later` for each value that has to wait.
    pub(super) fn show(
        &mut self,
        place: Place<'_>,
        object: &Value,
        cx: &mut Cx<'_>,
        mut later: impl FnMut(Instant, usize),
    ) {
        self.presence = Presence::Present;
        if place
            .items
            .iter()
            .any(|item| needs_uid(cx.plan.watch_item(*item)))
        {
            self.uid = metadata(object, "uid").map(Into::into);
        }
        for (index, item) in place.items.iter().enumerate() {
            let spec = cx.plan.watch_item(*item);
            let payload = match render::present(spec, object) {
                Rendered::Payload(payload) => payload,
                Rendered::Nothing => continue,
                Rendered::Failed(error) => {
                    cx.bindings[item.binding as usize].fail(error);
                    continue;
                }
            };
            match self.cells[index].offer(payload, place.terms(spec, cx)) {
                Offer::Nothing => {}
                Offer::Publish(payload) => self.publish(place, *item, payload, Purpose::State, cx),
                Offer::Later(at) => later(at, index),
            }
        }
    }

    pub(super) fn is_present(&self) -> bool {
        self.presence == Presence::Present
    }

    /// The object is gone.
    pub(super) fn gone(&mut self, place: Place<'_>, cx: &mut Cx<'_>) {
        self.presence = Presence::Gone;
        for (index, item) in place.items.iter().enumerate() {
            let terms = place.terms(cx.plan.watch_item(*item), cx);
            if self.cells[index].gone(terms) {
                self.bury(place, *item, cx);
            }
        }
    }

    /// A connection began: publishes again what it may need.
    pub(super) fn again(&mut self, place: Place<'_>, lost: Lost, cx: &mut Cx<'_>) -> bool {
        let mut relist = false;
        for (index, item) in place.items.iter().enumerate() {
            let spec = cx.plan.watch_item(*item);
            let lost = match lost {
                Lost::All => true,
                Lost::Retained => spec.retain,
                Lost::Nothing => false,
            };
            match self.cells[index].again(lost, place.terms(spec, cx)) {
                Again::Nothing => {}
                Again::Publish(payload) => self.publish(place, *item, payload, Purpose::State, cx),
                Again::Gone => self.bury(place, *item, cx),
                Again::Relist => relist = true,
            }
        }
        relist
    }

    /// The interval of one value is over.
    pub(super) fn open(&mut self, place: Place<'_>, index: usize, cx: &mut Cx<'_>) {
        let (Some(item), Some(cell)) = (place.items.get(index), self.cells.get_mut(index)) else {
            return;
        };
        let terms = place.terms(cx.plan.watch_item(*item), cx);
        if let Some(payload) = cell.open(terms) {
            self.publish(place, *item, payload, Purpose::State, cx);
        }
    }

    /// Publishes what the item says about an object that is gone.
    fn bury(&self, place: Place<'_>, item: ItemRef, cx: &mut Cx<'_>) {
        match render::gone(cx.plan.watch_item(item)) {
            Rendered::Payload(payload) => {
                self.publish(place, item, Bytes::from(payload), Purpose::Clear, cx);
            }
            Rendered::Nothing => {}
            Rendered::Failed(error) => cx.bindings[item.binding as usize].fail(error),
        }
    }

    fn publish(&self, place: Place<'_>, item: ItemRef, payload: Bytes, purpose: Purpose, cx: &mut Cx<'_>) {
        let spec = cx.plan.watch_item(item);
        let binding = &mut cx.bindings[item.binding as usize];
        let Some(topic) = self.topic(place, spec, &cx.kinds.get(place.kind).resource.kind) else {
            binding.fail(format!("the name of {:?} cannot stand in a topic", place.name));
            return;
        };
        binding.published += 1;
        cx.effects.push(Effect::Publish(Publish {
            topic: topic.as_str().to_owned(),
            payload,
            qos: spec.qos,
            retain: spec.retain,
            purpose,
            correlation_data: None,
        }));
    }

    /// The topic of one item. `None` when a name cannot stand in it, or the uid is needed and not known.
    pub(super) fn topic(&self, place: Place<'_>, item: &WatchItem, kind: &str) -> Option<Topic> {
        if needs_uid(item) && self.uid.is_none() {
            return None;
        }
        item.topic.render(Facts {
            name: place.name,
            namespace: place.namespace,
            kind,
            uid: self.uid.as_deref().unwrap_or_default(),
        })
    }
}

fn needs_uid(item: &WatchItem) -> bool {
    item.topic.has(Placeholder::Uid)
}
