//! Watching: what happened since a version, and then what happens.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Core;
use super::error::ApiError;
use super::read::View;
use super::request::{Address, Call};
use super::selector::Selector;
use super::store::{Change, Store};

/// How long a watch lasts when the client does not say.
const TIMEOUT: Duration = Duration::from_secs(1800);

/// One watch that runs.
#[derive(Debug)]
struct Watch {
    core: Arc<Core>,
    changed: watch::Receiver<u64>,
    resource: String,
    namespace: String,
    selector: Selector,
    view: View,
    /// Everything up to this version was told.
    position: u64,
    bookmarks: Option<Duration>,
    next_bookmark: Instant,
    end: Instant,
    lines: VecDeque<Bytes>,
    /// Nothing more comes after the lines.
    over: bool,
}

/// Starts a watch; every item of the stream is one line.
pub(crate) fn start(
    core: &Arc<Core>,
    address: &Address,
    call: &Call,
) -> Result<impl Stream<Item = Bytes> + Send + use<>, ApiError> {
    let query = &call.query;
    let selector = Selector::parse(
        &address.kind,
        query.get("labelSelector"),
        query.get("fieldSelector"),
    )?;
    let timeout = query
        .number("timeoutSeconds")?
        .filter(|seconds| *seconds > 0)
        .map_or(TIMEOUT, Duration::from_secs);
    let from = query.number("resourceVersion")?.filter(|version| *version > 0);
    let streaming = query.flag("sendInitialEvents");
    if streaming && query.get("resourceVersionMatch") != "NotOlderThan" {
        return Err(ApiError::new(
            422,
            "Invalid",
            "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ));
    }
    let every = core.bookmarks();
    let store = core.store();
    let mut watch = Watch {
        core: core.clone(),
        changed: store.changes(),
        resource: address.kind.resource(),
        namespace: address.namespace.clone(),
        selector,
        view: View::of(address, call),
        position: store.revision(),
        bookmarks: query.flag("allowWatchBookmarks").then_some(every),
        next_bookmark: Instant::now() + every,
        end: Instant::now() + timeout,
        lines: VecDeque::new(),
        over: false,
    };
    watch.changed.mark_unchanged();
    match from {
        Some(version) if !streaming => watch.resume(&store, version),
        _ => watch.present(&store, streaming),
    }
    drop(store);
    Ok(futures::stream::unfold(watch, async |mut watch| {
        let line = watch.next().await?;
        Some((line, watch))
    }))
}

impl Watch {
    /// Starts with everything that exists.
    fn present(&mut self, store: &Store, streaming: bool) {
        let objects = store.list(&self.resource, &self.namespace);
        let chosen = objects.filter(|(_, object)| self.selector.matches(object));
        let shown: Vec<_> = chosen
            .map(|(_, object)| event("ADDED", &self.view.show(object)))
            .collect();
        self.lines.extend(shown);
        if streaming && self.bookmarks.is_some() {
            let annotations = json!({ "k8s.io/initial-events-end": "true" });
            self.lines
                .push_back(event("BOOKMARK", &self.view.bookmark(self.position, annotations)));
        }
    }

    /// Starts with what happened since a version, if that is still known.
    fn resume(&mut self, store: &Store, version: u64) {
        if version < store.compacted() {
            let message = format!("too old resource version: {version} ({})", store.compacted());
            self.fail(&ApiError::expired(message));
        } else {
            self.position = version;
            self.catch_up(store);
        }
    }

    fn catch_up(&mut self, store: &Store) {
        if self.position < store.forgotten() {
            self.fail(&ApiError::expired(format!(
                "too old resource version: {}",
                self.position
            )));
            return;
        }
        let lines: Vec<_> = store
            .since(self.position)
            .filter_map(|change| self.tell(change))
            .collect();
        self.lines.extend(lines);
        self.position = self.position.max(store.revision());
    }

    /// An object that begins or ceases to match the selector comes or goes, for this watch.
    fn tell(&self, change: &Change) -> Option<Bytes> {
        let inside = self.namespace.is_empty() || change.key.namespace == self.namespace;
        if change.key.resource != self.resource || !inside {
            return None;
        }
        let matches = |object: &Option<Arc<Value>>| {
            object
                .as_ref()
                .is_some_and(|object| self.selector.matches(object))
        };
        let kind = match (matches(&change.old), matches(&change.new)) {
            (false, true) => "ADDED",
            (true, true) => "MODIFIED",
            (true, false) => "DELETED",
            (false, false) => return None,
        };
        Some(event(kind, &self.view.show(&change.last)))
    }

    fn fail(&mut self, error: &ApiError) {
        self.lines.push_back(event("ERROR", &error.to_value()));
        self.over = true;
    }

    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.lines.pop_front() {
                return Some(line);
            }
            if self.over {
                return None;
            }
            tokio::select! {
                changed = self.changed.changed() => {
                    changed.ok()?;
                    let core = self.core.clone();
                    self.catch_up(&core.store());
                }
                () = tokio::time::sleep_until(self.next_bookmark), if self.bookmarks.is_some() => {
                    self.next_bookmark = Instant::now() + self.bookmarks.unwrap_or(TIMEOUT);
                    let bookmark = self.view.bookmark(self.position, Value::Null);
                    self.lines.push_back(event("BOOKMARK", &bookmark));
                }
                () = tokio::time::sleep_until(self.end) => return None,
            }
        }
    }
}

fn event(kind: &str, object: &Value) -> Bytes {
    let mut line = json!({ "type": kind, "object": object }).to_string();
    line.push('\n');
    Bytes::from(line)
}
