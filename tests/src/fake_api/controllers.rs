//! What the controller manager would do, in small.

use std::sync::{Arc, Weak};

use serde_json::{Value, json};

use super::delete::{self, FOREGROUND, ORPHAN};
use super::json::{at, finalizers, meta, object, put, set_finalizers, take};
use super::request::Address;
use super::store::{Key, Store};
use super::write::{self, Writer, now};
use super::{Core, NAMESPACES, namespace_key};

/// Reacts to every change until the server is gone.
pub(crate) async fn run(core: Weak<Core>) {
    let Some(mut changed) = core.upgrade().map(|core| core.store().changes()) else {
        return;
    };
    changed.mark_changed();
    while changed.changed().await.is_ok() {
        let Some(core) = core.upgrade() else { return };
        let mut store = core.store();
        let all: Vec<_> = store
            .objects()
            .map(|(key, object)| (key.clone(), object.clone()))
            .collect();
        for (key, object) in &all {
            settle(&mut store, key, object);
            collect(&mut store, key, object, &all);
        }
    }
}

/// Brings the status in line with the spec.
fn settle(store: &mut Store, key: &Key, old: &Arc<Value>) {
    let status = match key.resource.as_str() {
        "deployments.apps" | "statefulsets.apps" | "replicasets.apps" => replicas(old),
        "jobs.batch" => job(old),
        _ => return,
    };
    if old.get("status") == Some(&status) {
        return;
    }
    let mut new = (**old).clone();
    put(&mut new, &["status"], status);
    write_back(store, key, new, "status");
}

/// Every replica is up as soon as it is asked for. Counts of zero are left out, as the server does.
fn replicas(object: &Value) -> Value {
    let count = object.pointer("/spec/replicas").cloned().unwrap_or(json!(1));
    let mut status = json!({ "observedGeneration": object["metadata"]["generation"] });
    if count != 0 {
        for name in [
            "replicas",
            "updatedReplicas",
            "readyReplicas",
            "availableReplicas",
        ] {
            status[name] = count.clone();
        }
    }
    let since = meta(object, "creationTimestamp");
    status["conditions"] = json!([{
        "type": "Available", "status": "True", "reason": "MinimumReplicasAvailable",
        "lastUpdateTime": since, "lastTransitionTime": since,
    }]);
    status
}

/// A job runs at the first look and is complete at the second, unless it is suspended.
fn job(object: &Value) -> Value {
    let old = object.get("status").cloned().unwrap_or_default();
    let complete = old.get("completionTime").is_some();
    if object.pointer("/spec/suspend") == Some(&json!(true)) && !complete {
        let since = meta(object, "creationTimestamp");
        return json!({ "conditions": [{ "type": "Suspended", "status": "True", "lastTransitionTime": since }] });
    }
    if complete || at(object, &["metadata", "deletionTimestamp"]).is_some() {
        return old;
    }
    let wanted = object.pointer("/spec/completions").cloned().unwrap_or(json!(1));
    match old.get("startTime") {
        None => json!({ "startTime": now(), "active": wanted, "ready": 0 }),
        Some(start) => json!({
            "startTime": start, "completionTime": now(), "succeeded": wanted, "ready": 0,
            "conditions": [{ "type": "Complete", "status": "True", "lastTransitionTime": now() }],
        }),
    }
}

/// Takes part in deletions: dependents go with or without their owner, and namespaces with what is in them.
fn collect(store: &mut Store, key: &Key, object: &Arc<Value>, all: &[(Key, Arc<Value>)]) {
    // An earlier step of this round may have changed it already.
    if store.get(key).is_none_or(|now| !Arc::ptr_eq(now, object)) {
        return;
    }
    if at(object, &["metadata", "deletionTimestamp"]).is_none() {
        if let Some(owners) = at(object, &["metadata", "ownerReferences"]).and_then(Value::as_array) {
            let lives = |owner: &Value| all.iter().any(|(_, other)| meta(other, "uid") == owner["uid"]);
            if !owners.is_empty() && !owners.iter().any(lives) {
                delete(store, key);
            }
        }
        return;
    }
    if key.resource == NAMESPACES {
        return empty_namespace(store, key);
    }
    let holders = finalizers(object);
    let uid = meta(object, "uid");
    let dependents: Vec<_> = all.iter().filter(|(_, other)| owned_by(other, uid)).collect();
    let mut left = holders.clone();
    if holders.iter().any(|name| name == ORPHAN) {
        for (key, dependent) in &dependents {
            release(store, key, dependent, uid);
        }
        left.retain(|name| name != ORPHAN);
    }
    if holders.iter().any(|name| name == FOREGROUND) {
        for (key, _) in &dependents {
            delete(store, key);
        }
        if dependents.iter().all(|(key, _)| store.get(key).is_none()) {
            left.retain(|name| name != FOREGROUND);
        }
    }
    if left != holders {
        let mut new = (**object).clone();
        set_finalizers(&mut new, &left);
        write_back(store, key, new, "");
    }
}

fn owned_by(object: &Value, uid: &str) -> bool {
    let owners = at(object, &["metadata", "ownerReferences"]).and_then(Value::as_array);
    owners.into_iter().flatten().any(|owner| owner["uid"] == uid)
}

fn release(store: &mut Store, key: &Key, dependent: &Value, uid: &str) {
    let mut new = dependent.clone();
    let metadata = &mut new["metadata"];
    if let Some(Value::Array(owners)) = object(metadata).get_mut("ownerReferences") {
        owners.retain(|owner| owner["uid"] != uid);
        if owners.is_empty() {
            take(metadata, "ownerReferences");
        }
    }
    write_back(store, key, new, "");
}

fn empty_namespace(store: &mut Store, key: &Key) {
    let inside: Vec<_> = store
        .objects()
        .map(|(key, _)| key)
        .filter(|inside| inside.namespace == key.name)
        .cloned()
        .collect();
    for key in &inside {
        delete(store, key);
    }
    let key = namespace_key(&key.name);
    let empty = inside.iter().all(|key| store.get(key).is_none());
    if let Some(namespace) = store.get(&key).filter(|_| empty).cloned() {
        store.remove(&key, (*namespace).clone());
    }
}

fn delete(store: &mut Store, key: &Key) {
    if let Some(address) = address(store, key, "") {
        // It may be gone already, which is what is wanted.
        let _ = delete::delete(store, &address, &json!({}));
    }
}

fn write_back(store: &mut Store, key: &Key, new: Value, subresource: &str) {
    let Some(address) = address(store, key, subresource) else {
        return;
    };
    let writer = Writer {
        manager: "controllers".to_owned(),
        applied: None,
        dry_run: false,
    };
    // A conflict means that somebody wrote meanwhile; that write wakes the controllers again.
    let _ = write::update(store, &address, new, &writer);
}

fn address(store: &Store, key: &Key, subresource: &str) -> Option<Address> {
    let kind = store.kind(&key.resource)?.clone();
    Some(Address {
        version: kind.preferred().to_owned(),
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        subresource: subresource.to_owned(),
        kind,
    })
}
