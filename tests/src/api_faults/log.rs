//! The log of requests.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use http::{Request, StatusCode, header};
use serde_json::Value;

/// How many requests are remembered.
const LIMIT: usize = 100_000;

/// One request.
#[derive(Clone, Debug)]
pub struct Logged {
    /// Its number, from 0.
    pub number: usize,
    /// When it came.
    pub at: Instant,
    /// Its method, in capitals.
    pub method: String,
    /// Its path without the query.
    pub path: String,
    /// Its query, encoded as it came.
    pub query: String,
    /// The media type of the body, empty when there is none.
    pub content_type: String,
    /// The value of the authorization header, empty when there is none.
    pub authorization: String,
    /// The whole body.
    pub body: Bytes,
    /// The status of the answer; `None` as long as there is none.
    pub status: Option<u16>,
}

impl Logged {
    /// The body as JSON, null when it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Whether it starts a watch.
    pub fn is_watch(&self) -> bool {
        form_urlencoded::parse(self.query.as_bytes())
            .any(|(name, value)| name == "watch" && matches!(&*value, "true" | "1"))
    }
}

/// The requests so far; clones are the same log. Only the last 100,000 are remembered.
#[derive(Clone, Debug, Default)]
pub struct Log {
    entries: Arc<Mutex<Entries>>,
}

#[derive(Debug, Default)]
struct Entries {
    forgotten: usize,
    list: VecDeque<Logged>,
}

impl Log {
    /// All requests that are remembered.
    pub fn all(&self) -> Vec<Logged> {
        self.with(|entries| entries.list.iter().cloned().collect())
    }

    /// The last request.
    pub fn last(&self) -> Option<Logged> {
        self.with(|entries| entries.list.back().cloned())
    }

    /// The requests that `condition` chooses.
    pub fn filter(&self, mut condition: impl FnMut(&Logged) -> bool) -> Vec<Logged> {
        self.with(|entries| {
            entries
                .list
                .iter()
                .filter(|logged| condition(logged))
                .cloned()
                .collect()
        })
    }

    /// How many requests `condition` chooses.
    pub fn count(&self, mut condition: impl FnMut(&Logged) -> bool) -> usize {
        self.with(|entries| entries.list.iter().filter(|logged| condition(logged)).count())
    }

    /// Forgets all requests.
    pub fn clear(&self) {
        self.with(|entries| {
            entries.forgotten += entries.list.len();
            entries.list.clear();
        });
    }

    pub(super) fn begin(&self, request: &Request<Bytes>) -> usize {
        let header = |name| {
            let value = request.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        self.with(|entries| {
            let number = entries.forgotten + entries.list.len();
            entries.list.push_back(Logged {
                number,
                at: Instant::now(),
                method: request.method().to_string(),
                path: request.uri().path().to_owned(),
                query: request.uri().query().unwrap_or_default().to_owned(),
                content_type: header(header::CONTENT_TYPE),
                authorization: header(header::AUTHORIZATION),
                body: request.body().clone(),
                status: None,
            });
            if entries.list.len() > LIMIT {
                entries.list.pop_front();
                entries.forgotten += 1;
            }
            number
        })
    }

    pub(super) fn end(&self, number: usize, status: StatusCode) {
        self.with(|entries| {
            let index = number.checked_sub(entries.forgotten);
            if let Some(logged) = index.and_then(|index| entries.list.get_mut(index)) {
                logged.status = Some(status.as_u16());
            }
        });
    }

    fn with<T>(&self, act: impl FnOnce(&mut Entries) -> T) -> T {
        act(&mut self.entries.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
