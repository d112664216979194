//! Clearing retained messages of objects that vanished while nobody looked.
//!
//! A selector watch publishes to a topic of each object. When an object is deleted while this process is down,
//! only the broker still knows the topic. So the caller reads back what is retained under the pattern of the
//! topics, and what belongs to no present object is cleared.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mqttkube_mapping::{Router, SubscriptionDiff, Topic};

use super::{Cx, Watches};
use crate::binding::{ItemKind, ItemRef, OnDelete, WatchItem};
use crate::event::{Effect, Publish, Purpose};
use crate::plan::Plan;

/// Topics are looked at together, this long after one was seen: each look visits all objects.
const GATHER: Duration = Duration::from_millis(500);

/// More topics than this are not remembered at once.
const LIMIT: usize = 100_000;

/// Retained topics that may belong to objects that are gone.
#[derive(Debug)]
pub(super) struct Sweep {
    /// Topics of selector watches, with the index of the watch.
    patterns: Router<(u32, ItemRef)>,
    pending: HashSet<String>,
    due: Option<Instant>,
}

impl Sweep {
    pub(super) fn new(plan: &Plan) -> Self {
        let mut patterns = Router::new();
        for (index, spec) in (0..).zip(plan.watches()) {
            for binding in &spec.bindings {
                let selects = plan.bindings()[*binding as usize].target().name().is_none();
                let items = plan.bindings()[*binding as usize].watches();
                for (item, watch) in (0..).zip(items).filter(|(_, item)| selects && is_swept(item)) {
                    let item = ItemRef {
                        binding: *binding,
                        kind: ItemKind::Watch,
                        index: item,
                    };
                    let _: SubscriptionDiff = patterns.insert(&watch.topic().filter(), (index, item));
                }
            }
        }
        Self {
            patterns,
            pending: HashSet::new(),
            due: None,
        }
    }

    /// The broker holds a retained message on this topic.
    pub(super) fn see(&mut self, topic: String, now: Instant) {
        let mut known = false;
        self.patterns.matches(&topic, |_| known = true);
        if known && self.pending.len() < LIMIT {
            self.pending.insert(topic);
            self.due.get_or_insert(now + GATHER);
        }
    }

    /// What was just published is no longer what was seen.
    pub(super) fn forget(&mut self, effects: &[Effect]) {
        if self.pending.is_empty() {
            return;
        }
        for effect in effects {
            if let Effect::Publish(publish) = effect {
                self.pending.remove(&publish.topic);
            }
        }
    }

    /// Something changed that may decide about the topics.
    pub(super) fn wake(&mut self, now: Instant) {
        if !self.pending.is_empty() {
            self.due = Some(now);
        }
    }

    pub(super) fn due(&self) -> Option<Instant> {
        self.due
    }
}

/// Whether the messages of an item are cleared when the object is gone.
pub(super) fn is_swept(item: &WatchItem) -> bool {
    item.retain && item.on_delete == OnDelete::Clear && !item.topic.is_constant()
}

impl Watches {
    /// Clears what belongs to no present object. Topics of a watch that is not listed yet wait for it.
    pub(super) fn clear_orphans(&mut self, cx: &mut Cx<'_>) {
        if !cx.online || self.sweep.due.is_none_or(|due| due > cx.now) {
            return;
        }
        self.sweep.due = None;
        let live = self.live_topics(cx);
        let (tables, patterns) = (&self.tables, &self.sweep.patterns);
        self.sweep.pending.retain(|topic| {
            let (mut decided, mut owner) = (true, None);
            patterns.matches(topic, |(watch, item)| {
                decided &= tables[*watch as usize].is_listed();
                owner = Some(*item);
            });
            if let (true, Some(item)) = (decided, owner)
                && !live.contains(topic.as_str())
            {
                cx.effects.push(clear(topic, cx.plan.watch_item(item).qos));
            }
            !decided
        });
    }

    /// The topics of all present objects.
    fn live_topics(&mut self, cx: &Cx<'_>) -> HashSet<String> {
        let mut live = HashSet::new();
        for table in &mut self.tables {
            for (place, entry) in table.entries().filter(|(_, entry)| entry.is_present()) {
                let kind = &cx.kinds.get(place.kind).resource.kind;
                let topics = place
                    .items
                    .iter()
                    .filter_map(|item| entry.topic(place, cx.plan.watch_item(*item), kind));
                live.extend(topics.map(|topic: Topic| topic.as_str().to_owned()));
            }
        }
        live
    }
}

fn clear(topic: &str, qos: u8) -> Effect {
    Effect::Publish(Publish {
        topic: topic.to_owned(),
        payload: Bytes::new(),
        qos,
        retain: true,
        purpose: Purpose::Clear,
        correlation_data: None,
    })
}
