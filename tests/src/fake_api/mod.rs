//! A Kubernetes API inside this process.
//!
//! It keeps objects of the usual built-in kinds and of any CustomResourceDefinition, and behaves as
//! the real API server does where clients can tell: versions and generations, replayed and live
//! watches with bookmarks and 410, selectors, pages, all four kinds of patches with field managers,
//! scale and status subresources, finalizers, preconditions, dry run and discovery. One behaviour
//! suite runs against it and against a real kube-apiserver (`it/api_suite.rs`).
//!
//! It is used in two ways, also at the same time: as the service inside a [`kube::Client`], and over
//! HTTP on a port, for other processes and for `kubectl`. What it does not do: authorization,
//! admission, protobuf, tables, OpenAPI documents.

mod apply;
mod controllers;
mod delete;
mod discovery;
mod error;
mod json;
mod kinds;
mod lists;
mod managed;
mod patch;
mod prepare;
mod read;
mod request;
mod rules;
mod scale;
mod selector;
mod service;
mod store;
mod strategic;
mod watch;
mod write;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tokio::task::AbortHandle;

pub use crate::api_faults::{ApiServer, Fault, Faults, Gate, Logged};
pub(crate) use service::{answer as respond, json_answer};

use kinds::NAMESPACES;
use request::Address;
use store::{Key, Store};
use write::Writer;

/// What the service, the watches and the controllers share.
#[derive(Debug)]
pub(crate) struct Core {
    store: Mutex<Store>,
    bookmarks: Mutex<Duration>,
}

impl Core {
    /// The lock is never held across an await, and a panic in one test's closure must not spread.
    pub(crate) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn bookmarks(&self) -> Duration {
        *self.bookmarks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fake API server; clones are the same server.
///
/// ```
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use k8s_openapi::api::core::v1::ConfigMap;
/// use kube::api::{Api, Patch, PatchParams};
/// use serde_json::json;
///
/// let api = mqttkube_tests::fake_api::FakeApi::new();
/// api.put(json!({ "apiVersion": "v1", "kind": "ConfigMap",
///                 "metadata": { "name": "lamp", "namespace": "default" }, "data": { "power": "off" } }))?;
///
/// let lamps: Api<ConfigMap> = Api::namespaced(api.client(), "default");
/// let patch = Patch::Merge(json!({ "data": { "power": "on" } }));
/// lamps.patch("lamp", &PatchParams::default(), &patch).await?;
///
/// assert_eq!(api.get("v1", "configmaps", "default", "lamp").unwrap()["data"]["power"], "on");
/// assert_eq!(api.gate().log().last().unwrap().method, "PATCH");
/// # anyhow::Ok(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct FakeApi {
    core: Arc<Core>,
    gate: Gate,
}

impl FakeApi {
    /// A server with the namespaces `default` and `kube-system` and nothing else. Nothing reacts to
    /// changes: see [`with_controllers`](Self::with_controllers).
    pub fn new() -> Self {
        let core = Arc::new(Core {
            store: Mutex::new(Store::new()),
            bookmarks: Mutex::new(Duration::from_secs(60)),
        });
        let api = Self {
            gate: Gate::before_fake(core.clone()),
            core,
        };
        for name in ["default", "kube-system"] {
            api.namespace(name);
        }
        api
    }

    /// Starts what the controller manager would do, in small: the status of Deployments, StatefulSets
    /// and Jobs, the collection of dependents, and the end of namespaces. The task ends with the
    /// returned handle's `abort`, or with the runtime.
    pub fn with_controllers(&self) -> AbortHandle {
        tokio::spawn(controllers::run(Arc::downgrade(&self.core))).abort_handle()
    }

    /// The way to the server: clients, HTTP, faults and the log of requests.
    pub fn gate(&self) -> &Gate {
        &self.gate
    }

    /// A client of this server. Must be called inside a tokio runtime.
    pub fn client(&self) -> kube::Client {
        self.gate.client()
    }

    /// What goes wrong on the way.
    pub fn faults(&self) -> &Faults {
        self.gate.faults()
    }

    /// Serves the API over HTTP on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn serve(&self) -> Result<ApiServer> {
        self.gate.serve().await
    }

    /// Makes sure that a namespace exists.
    pub fn namespace(&self, name: &str) {
        let object = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } });
        // It exists already, or is made: both are fine.
        let _ = self.put(object);
    }

    /// Stores an object as if somebody had created it, or replaced its spec, and returns it as stored.
    ///
    /// # Errors
    /// When the kind is not served or the API refuses the object.
    pub fn put(&self, object: Value) -> Result<Value> {
        let api_version = object["apiVersion"]
            .as_str()
            .context("the object has no apiVersion")?
            .to_owned();
        let kind = object["kind"]
            .as_str()
            .context("the object has no kind")?
            .to_owned();
        let mut store = self.core.store();
        let found = store.kinds().find(|known| {
            known.kind == kind
                && known
                    .versions
                    .iter()
                    .any(|version| known.api_version(version) == api_version)
        });
        let kind = found
            .with_context(|| format!("{api_version}/{kind} is not served"))?
            .clone();
        let address = Address {
            version: api_version.rsplit('/').next().unwrap_or_default().to_owned(),
            namespace: json::meta(&object, "namespace").to_owned(),
            name: json::meta(&object, "name").to_owned(),
            subresource: String::new(),
            kind,
        };
        let writer = Writer {
            manager: "test".to_owned(),
            applied: None,
            dry_run: false,
        };
        let stored = match store.get(&address.key()) {
            Some(_) => write::update(&mut store, &address, object, &writer),
            None => write::create(&mut store, &address, object, &writer),
        };
        stored
            .map(|object| (*object).clone())
            .map_err(|error| anyhow::anyhow!(error.message))
    }

    /// Sets the status of an object, as its controller would.
    ///
    /// # Errors
    /// When there is no such object.
    pub fn set_status(
        &self,
        api_version: &str,
        plural: &str,
        namespace: &str,
        name: &str,
        status: Value,
    ) -> Result<()> {
        let mut store = self.core.store();
        let mut address = address(&store, api_version, plural, namespace, name).context("no such kind")?;
        let mut object = (**store.get(&address.key()).context("no such object")?).clone();
        object["status"] = status;
        address.subresource = if address.kind.status { "status" } else { "" }.to_owned();
        let writer = Writer {
            manager: "test".to_owned(),
            applied: None,
            dry_run: false,
        };
        write::update(&mut store, &address, object, &writer)
            .map_err(|error| anyhow::anyhow!(error.message))?;
        Ok(())
    }

    /// Deletes an object at once, whatever its finalizers; says whether there was one.
    pub fn remove(&self, api_version: &str, plural: &str, namespace: &str, name: &str) -> bool {
        let mut store = self.core.store();
        let Some(address) = address(&store, api_version, plural, namespace, name) else {
            return false;
        };
        let key = address.key();
        let Some(object) = store.get(&key).cloned() else {
            return false;
        };
        store.remove(&key, (*object).clone());
        true
    }

    /// An object as it is now. The namespace is empty for objects of the cluster.
    pub fn get(&self, api_version: &str, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let store = self.core.store();
        let address = address(&store, api_version, plural, namespace, name)?;
        store.get(&address.key()).map(|object| (**object).clone())
    }

    /// All objects of a kind, in one namespace or, with an empty one, everywhere.
    pub fn list(&self, api_version: &str, plural: &str, namespace: &str) -> Vec<Value> {
        let store = self.core.store();
        let Some(address) = address(&store, api_version, plural, namespace, "") else {
            return Vec::new();
        };
        let resource = address.kind.resource();
        store
            .list(&resource, namespace)
            .map(|(_, object)| (**object).clone())
            .collect()
    }

    /// Forgets the history, so that watches from earlier versions are answered with 410.
    pub fn compact(&self) {
        self.core.store().compact();
    }

    /// Sets how often watches get a bookmark; 60 s at first. Counts for watches that start later.
    pub fn bookmark_every(&self, time: Duration) {
        *self.core.bookmarks.lock().unwrap_or_else(PoisonError::into_inner) = time;
    }
}

impl Default for FakeApi {
    fn default() -> Self {
        Self::new()
    }
}

fn address(store: &Store, api_version: &str, plural: &str, namespace: &str, name: &str) -> Option<Address> {
    let (group, version) = api_version.rsplit_once('/').unwrap_or(("", api_version));
    let kind = store.kind(&kinds::resource(group, plural))?.clone();
    Some(Address {
        kind,
        version: version.to_owned(),
        namespace: namespace.to_owned(),
        name: name.to_owned(),
        subresource: String::new(),
    })
}

/// The key of a namespace.
fn namespace_key(name: &str) -> Key {
    Key {
        resource: NAMESPACES.to_owned(),
        namespace: String::new(),
        name: name.to_owned(),
    }
}
