//! What really happened to the objects, as the API server tells it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, ResourceExt as _};
use tokio::task::JoinHandle;

/// What a watch of our own saw of the commands.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    /// The commands that were seen on an object.
    pub(super) written: BTreeSet<u64>,
    /// Commands that came for the first time after a later one, with the object.
    pub(super) inverted: Vec<(String, u64)>,
    /// Commands that came again after a later one, as a redelivery may.
    pub(super) repeated: usize,
    last: BTreeMap<String, u64>,
    /// The commands of each object, with those that may have come in a gap of the watch.
    known: BTreeMap<String, BTreeSet<u64>>,
}

impl Writes {
    fn write(&mut self, object: &str, command: u64) {
        let last = self.last.insert(object.to_owned(), command).unwrap_or(0);
        let known = self.known.entry(object.to_owned()).or_default();
        let later = known.last().is_some_and(|last| *last > command);
        let first = known.insert(command);
        self.written.insert(command);
        match (first, later) {
            (true, true) => self.inverted.push((object.to_owned(), command)),
            (false, _) if last > command => self.repeated += 1,
            _ => {}
        }
    }

    /// After a gap nobody knows which of the earlier ones there were; none of them is new any more.
    fn jump(&mut self, object: &str, command: u64) {
        self.last.insert(object.to_owned(), command);
        self.known
            .entry(object.to_owned())
            .or_default()
            .extend(0..=command);
        self.written.insert(command);
    }
}

/// Follows the objects of a namespace until it is dropped.
pub(super) struct Log {
    writes: Arc<Mutex<Writes>>,
    task: JoinHandle<()>,
}

impl Log {
    /// `maps` must reach the API server directly.
    pub(super) fn start(maps: Api<ConfigMap>) -> Self {
        let writes = Arc::default();
        let task = tokio::spawn(follow(maps, Arc::clone(&writes)));
        Self { writes, task }
    }

    /// What was seen so far.
    pub(super) fn writes(&self) -> Writes {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn follow(maps: Api<ConfigMap>, writes: Arc<Mutex<Writes>>) {
    let mut events = std::pin::pin!(watcher(maps, watcher::Config::default()).default_backoff());
    while let Some(event) = events.next().await {
        let (map, listed) = match event {
            Ok(watcher::Event::Apply(map)) => (map, false),
            Ok(watcher::Event::InitApply(map)) => (map, true),
            // After an error the watch goes on from where it was, or lists again.
            _ => continue,
        };
        if let Some(command) = number(&map, "command") {
            let mut writes = writes.lock().unwrap_or_else(PoisonError::into_inner);
            if listed {
                writes.jump(&map.name_any(), command);
            } else {
                writes.write(&map.name_any(), command);
            }
        }
    }
}

/// A number in the data of an object.
pub(super) fn number(map: &ConfigMap, key: &str) -> Option<u64> {
    map.data.as_ref()?.get(key)?.parse().ok()
}
