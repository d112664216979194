//! Getting and listing.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::error::ApiError;
use super::json::{put, take};
use super::request::{Address, Call};
use super::selector::Selector;
use super::store::{Key, Store};

/// What a continue token says: the version of the first page and where the last page ended.
#[derive(Debug, Serialize, Deserialize)]
struct Token {
    revision: u64,
    namespace: String,
    name: String,
}

/// How objects are shown: in the version of the address, whole or metadata only.
#[derive(Clone, Debug)]
pub(crate) struct View {
    api_version: String,
    kind: String,
    metadata_only: bool,
}

impl View {
    pub(crate) fn of(address: &Address, call: &Call) -> Self {
        let accept = call.header(http::header::ACCEPT);
        Self {
            api_version: address.api_version(),
            kind: address.kind.kind.clone(),
            metadata_only: accept.contains("as=PartialObjectMetadata"),
        }
    }

    pub(crate) fn show(&self, object: &Value) -> Value {
        let (kind, api_version) = match self.metadata_only {
            true => ("PartialObjectMetadata", "meta.k8s.io/v1"),
            false => (self.kind.as_str(), self.api_version.as_str()),
        };
        let mut shown = match self.metadata_only {
            true => json!({ "metadata": object["metadata"] }),
            false => object.clone(),
        };
        put(&mut shown, &["kind"], json!(kind));
        put(&mut shown, &["apiVersion"], json!(api_version));
        shown
    }

    /// A bookmark: an object of which nothing but the version is told.
    pub(crate) fn bookmark(&self, revision: u64, annotations: Value) -> Value {
        let mut metadata = json!({ "resourceVersion": revision.to_string(), "creationTimestamp": null });
        if !annotations.is_null() {
            metadata["annotations"] = annotations;
        }
        self.show(&json!({ "metadata": metadata }))
    }

    fn list(&self, revision: u64, items: &[Value]) -> Value {
        let (kind, api_version) = match self.metadata_only {
            true => ("PartialObjectMetadataList".to_owned(), "meta.k8s.io/v1"),
            false => (format!("{}List", self.kind), self.api_version.as_str()),
        };
        let metadata = json!({ "resourceVersion": revision.to_string() });
        json!({ "kind": kind, "apiVersion": api_version, "metadata": metadata, "items": items })
    }
}

/// Answers a list.
pub(crate) fn list(store: &Store, address: &Address, call: &Call) -> Result<Value, ApiError> {
    let query = &call.query;
    let selector = Selector::parse(
        &address.kind,
        query.get("labelSelector"),
        query.get("fieldSelector"),
    )?;
    let token = token(query.get("continue"))?;
    let revision = match &token {
        Some(token) => token.revision,
        None => starting_point(store, call)?,
    };
    if revision < store.compacted() {
        let what = if token.is_some() {
            "The provided continue parameter"
        } else {
            "The resourceVersion"
        };
        return Err(ApiError::expired(format!(
            "{what} is too old to display a consistent list result"
        )));
    }
    let objects = snapshot(store, address, revision);
    let behind = |key: &Key| {
        token
            .as_ref()
            .is_none_or(|token| (&key.namespace, &key.name) > (&token.namespace, &token.name))
    };
    let mut chosen = objects
        .iter()
        .filter(|(key, object)| behind(key) && selector.matches(object));
    let limit = query.number("limit")?.filter(|limit| *limit > 0);
    let limit = limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX);
    let page: Vec<_> = chosen.by_ref().take(limit).collect();
    let rest = chosen.count();

    let view = View::of(address, call);
    let items: Vec<_> = page
        .iter()
        .map(|(_, object)| item(&view, address, object))
        .collect();
    let mut answer = view.list(revision, &items);
    if let Some((last, _)) = page.last().filter(|_| rest > 0) {
        let token = Token {
            revision,
            namespace: last.namespace.clone(),
            name: last.name.clone(),
        };
        let text = BASE64.encode(json!(token).to_string());
        answer["metadata"]["continue"] = json!(text);
        if query.get("labelSelector").is_empty() && query.get("fieldSelector").is_empty() {
            answer["metadata"]["remainingItemCount"] = json!(rest);
        }
    }
    Ok(answer)
}

/// The items of a list of a built-in kind bear no type.
fn item(view: &View, address: &Address, object: &Value) -> Value {
    let mut shown = view.show(object);
    if !address.kind.custom && !view.metadata_only {
        take(&mut shown, "kind");
        take(&mut shown, "apiVersion");
    }
    shown
}

fn snapshot(store: &Store, address: &Address, revision: u64) -> BTreeMap<Key, Arc<Value>> {
    store.list_at(&address.kind.resource(), &address.namespace, revision)
}

/// The version to show: the present one, or an exact earlier one.
fn starting_point(store: &Store, call: &Call) -> Result<u64, ApiError> {
    let present = store.revision();
    let Some(asked) = call.query.number("resourceVersion")?.filter(|asked| *asked > 0) else {
        return Ok(present);
    };
    if asked > present {
        return Err(ApiError {
            details: json!({
                "causes": [{ "reason": "ResourceVersionTooLarge", "message": "Too large resource version" }],
                "retryAfterSeconds": 1,
            }),
            ..ApiError::new(
                504,
                "Timeout",
                format!("Timeout: Too large resource version: {asked}, current: {present}"),
            )
        });
    }
    let exact = match call.query.get("resourceVersionMatch") {
        "Exact" => true,
        "NotOlderThan" => false,
        "" => call.query.number("limit")?.is_some_and(|limit| limit > 0),
        other => {
            return Err(ApiError::bad_request(format!(
                "invalid resourceVersionMatch: {other:?}"
            )));
        }
    };
    Ok(if exact { asked } else { present })
}

fn token(text: &str) -> Result<Option<Token>, ApiError> {
    if text.is_empty() {
        return Ok(None);
    }
    let token = BASE64
        .decode(text)
        .ok()
        .and_then(|json| serde_json::from_slice(&json).ok());
    token
        .map(Some)
        .ok_or_else(|| ApiError::bad_request("invalid continue token"))
}
