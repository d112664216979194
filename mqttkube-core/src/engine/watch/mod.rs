//! From objects to published states.
//!
//! For each object and item one [`Cell`] is kept: the last payload, or its hash when it is large, never the
//! object. An event finds its items by watch and name, however many bindings there are.

mod cell;
mod entry;
mod render;
mod sweep;
mod table;

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::Value;

use self::sweep::Sweep;
use self::table::{Spot, Table};
use super::kinds::Kinds;
use super::{Effects, Engine};
use crate::event::{Effect, Event};
use crate::ids::WatchId;
use crate::plan::Plan;
use crate::report::{BindingStatus, WatchStatus};

/// All watches of the plan.
#[derive(Debug)]
pub(super) struct Watches {
    tables: Vec<Table>,
    /// Values that wait for the end of their interval.
    alarms: BTreeMap<(Instant, u64), (WatchId, Spot)>,
    next_alarm: u64,
    sweep: Sweep,
}

/// What an object needs besides the tables.
struct Cx<'a> {
    plan: &'a Plan,
    kinds: &'a Kinds,
    bindings: &'a mut [BindingStatus],
    effects: &'a mut Effects,
    online: bool,
    now: Instant,
}

impl Watches {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            tables: plan.watches().iter().map(|spec| Table::new(plan, spec)).collect(),
            alarms: BTreeMap::new(),
            next_alarm: 0,
            sweep: Sweep::new(plan),
        }
    }

    /// When [`Engine::tick_watches`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let alarm = self.alarms.first_key_value().map(|((at, _), _)| *at);
        alarm.into_iter().chain(self.sweep.due()).min()
    }

    /// The state of every watch, in the order of the plan.
    pub(super) fn status(&self, plan: &Plan, kinds: &Kinds) -> Vec<WatchStatus> {
        let watches = self.tables.iter().zip(plan.watches());
        watches.map(|(table, spec)| table.status(spec, kinds)).collect()
    }

    fn table(&mut self, id: WatchId) -> Option<&mut Table> {
        self.tables.get_mut(id.0 as usize)
    }

    fn object(&mut self, id: WatchId, object: &Value, cx: &mut Cx<'_>) {
        let Some(table) = self.table(id) else {
            return;
        };
        for (at, spot) in table.show(object, cx) {
            self.alarms.insert((at, self.next_alarm), (id, spot));
            self.next_alarm += 1;
        }
    }

    /// Publishes what waited for the end of its interval.
    fn ring(&mut self, cx: &mut Cx<'_>) {
        while let Some(alarm) = self.alarms.first_entry().filter(|alarm| alarm.key().0 <= cx.now) {
            let (id, spot) = alarm.remove();
            if let Some(table) = self.table(id) {
                table.open(&spot, cx);
            }
        }
    }

    /// Publishes again what the broker may have lost, and what it never got.
    fn again(&mut self, lost: Lost, cx: &mut Cx<'_>) {
        for (index, table) in (0..).zip(&mut self.tables) {
            if table.again(lost, cx) {
                cx.effects.push(Effect::Relist(WatchId(index)));
            }
        }
    }
}

/// What the broker may have lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lost {
    /// Everything: there is a new session.
    All,
    /// Retained messages: a broker that was killed may have resumed the session from an old database.
    Retained,
    Nothing,
}

impl Engine {
    /// Something about a watch.
    pub(super) fn watched(&mut self, event: Event, now: Instant, effects: &mut Effects) {
        match event {
            Event::Listing { watch } => {
                if let Some(table) = self.watches.table(watch) {
                    table.begin_list();
                }
            }
            Event::Object { watch, object } => {
                self.alive(now);
                self.with_watches(now, effects, |watches, cx| watches.object(watch, &object, cx));
            }
            Event::Deleted {
                watch,
                namespace,
                name,
            } => {
                self.alive(now);
                let namespace = namespace.unwrap_or_default();
                self.with_watches(now, effects, |watches, cx| {
                    if let Some(table) = watches.table(watch) {
                        table.delete(&namespace, &name, cx);
                    }
                });
            }
            Event::Listed { watch } => {
                self.recover(now);
                self.with_watches(now, effects, |watches, cx| {
                    if let Some(table) = watches.table(watch) {
                        table.end_list(cx);
                    }
                    watches.sweep.wake(now);
                });
            }
            Event::Watching { watch } => {
                self.recover(now);
                if let Some(table) = self.watches.table(watch) {
                    table.set_error(None);
                }
            }
            Event::WatchFailed { watch, error } => {
                if let Some(table) = self.watches.table(watch) {
                    table.set_error(Some(error));
                }
            }
            Event::RetainedSeen { topic } => self.watches.sweep.see(topic, now),
            _ => {}
        }
    }

    /// A connection began.
    pub(super) fn republish(&mut self, resumed: bool, now: Instant, effects: &mut Effects) {
        let lost = if resumed { Lost::Retained } else { Lost::All };
        self.with_watches(now, effects, |watches, cx| {
            watches.again(lost, cx);
            watches.sweep.wake(now);
        });
    }

    /// Publishes at once what waits for the end of an interval.
    pub(super) fn flush_watches(&mut self, now: Instant, effects: &mut Effects) {
        self.with_watches(now, effects, |watches, cx| watches.again(Lost::Nothing, cx));
    }

    pub(super) fn tick_watches(&mut self, now: Instant, effects: &mut Effects) {
        self.with_watches(now, effects, |watches, cx| {
            watches.ring(cx);
            watches.clear_orphans(cx);
        });
    }

    fn with_watches(
        &mut self,
        now: Instant,
        effects: &mut Effects,
        act: impl FnOnce(&mut Watches, &mut Cx<'_>),
    ) {
        let before = effects.len();
        let mut cx = Cx {
            plan: &self.plan,
            kinds: &self.kinds,
            bindings: &mut self.bindings,
            effects,
            online: self.online,
            now,
        };
        act(&mut self.watches, &mut cx);
        self.watches.sweep.forget(&effects[before..]);
    }
}
