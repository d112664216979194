//! An API server: objects with versions, the requests of the engine, and a stream of changes.

use std::collections::{BTreeMap, VecDeque};

use mqttkube_core::event::{ApiOutcome, PatchForm, Refusal, Request, Verb};
use serde_json::{Value, json};

use super::check::command_in;
use super::plan::WATCHED;

/// `kind/name`
pub(super) type Key = (String, String);

/// A change, in the order in which it happened.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Listing,
    Listed,
    Object(Value),
    Deleted(Key),
}

#[derive(Debug, Default)]
pub(super) struct Api {
    objects: BTreeMap<Key, Value>,
    version: u64,
    /// For each kind, what its watch has not delivered yet.
    streams: BTreeMap<String, VecDeque<Change>>,
    /// Names of launched objects by command.
    pub(super) created: BTreeMap<u64, Vec<String>>,
    /// Uids.
    pub(super) deleted: Vec<String>,
}

impl Api {
    pub(super) fn object(&self, kind: &str, name: &str) -> Option<&Value> {
        self.objects.get(&(kind.to_owned(), name.to_owned()))
    }

    pub(super) fn objects(&self) -> impl Iterator<Item = (&Key, &Value)> {
        self.objects.iter()
    }

    /// Stores an object under a new version and tells the watch.
    pub(super) fn put(&mut self, kind: &str, name: &str, mut object: Value) -> Value {
        self.version += 1;
        let key = (kind.to_owned(), name.to_owned());
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{}", self.version));
            object["metadata"]["creationTimestamp"] = json!("2026-01-01T00:00:00Z");
        }
        self.stream(kind).push_back(Change::Object(object.clone()));
        self.objects.insert(key, object.clone());
        object
    }

    /// The version of what was stored last.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn remove(&mut self, kind: &str, name: &str) {
        let key = (kind.to_owned(), name.to_owned());
        if let Some(object) = self.objects.remove(&key) {
            self.deleted.push(text(&object["metadata"]["uid"]));
            self.stream(kind).push_back(Change::Deleted(key));
        }
    }

    fn stream(&mut self, kind: &str) -> &mut VecDeque<Change> {
        self.streams.entry(kind.to_owned()).or_default()
    }

    /// A watch starts with a list of what is there now; what it had not delivered is lost.
    pub(super) fn relist(&mut self, kind: &str) {
        let of_kind = self.objects.iter().filter(|((of, _), _)| of == kind);
        let objects = of_kind.map(|(_, object)| Change::Object(object.clone()));
        let stream = [Change::Listing]
            .into_iter()
            .chain(objects)
            .chain([Change::Listed])
            .collect();
        self.streams.insert(kind.to_owned(), stream);
    }

    pub(super) fn next_change(&mut self, kind: &str) -> Option<Change> {
        self.streams.get_mut(kind)?.pop_front()
    }

    pub(super) fn has_changes(&self) -> bool {
        let watched = |kind: &&String| WATCHED.contains(&kind.as_str());
        let mut watched = self.streams.iter().filter(|(kind, _)| watched(kind));
        watched.any(|(_, stream)| !stream.is_empty())
    }

    /// Carries a request out.
    pub(super) fn serve(&mut self, request: &Request) -> ApiOutcome {
        let kind = request.resource.kind.as_str();
        match &request.verb {
            Verb::Get => self.found(kind, &request.name),
            Verb::List { label } => self.list(kind, label),
            Verb::Create { body } => self.create(kind, body),
            Verb::Delete { uid } => self.delete(kind, &request.name, uid.as_deref()),
            Verb::Patch { scale, form, body } => self.patch(kind, &request.name, *scale, form, body),
        }
    }

    fn found(&self, kind: &str, name: &str) -> ApiOutcome {
        match self.object(kind, name) {
            Some(object) => ApiOutcome::Ok(Box::new(object.clone())),
            None => refuse(404, "NotFound"),
        }
    }

    fn list(&self, kind: &str, label: &str) -> ApiOutcome {
        let (name, value) = label.split_once('=').expect("a label selector");
        let of_kind = self.objects.iter().filter(|((of, _), _)| of == kind);
        let items: Vec<&Value> = of_kind
            .map(|(_, object)| object)
            .filter(|object| object["metadata"]["labels"][name] == value)
            .collect();
        ApiOutcome::Ok(Box::new(json!({"items": items})))
    }

    fn create(&mut self, kind: &str, body: &Value) -> ApiOutcome {
        let name = text(&body["metadata"]["name"]);
        if self.object(kind, &name).is_some() {
            return refuse(409, "AlreadyExists");
        }
        let object = self.put(kind, &name, body.clone());
        if let Some(command) = command_in(&object["spec"]["n"]) {
            self.created.entry(command).or_default().push(name);
        }
        ApiOutcome::Ok(Box::new(object))
    }

    fn delete(&mut self, kind: &str, name: &str, uid: Option<&str>) -> ApiOutcome {
        let Some(object) = self.object(kind, name).cloned() else {
            return refuse(404, "NotFound");
        };
        if uid.is_some_and(|uid| object["metadata"]["uid"] != uid) {
            return refuse(409, "Conflict");
        }
        self.remove(kind, name);
        ApiOutcome::Ok(Box::new(object))
    }

    fn patch(&mut self, kind: &str, name: &str, scale: bool, form: &PatchForm, body: &Value) -> ApiOutcome {
        let Some(mut object) = self.object(kind, name).cloned() else {
            return refuse(404, "NotFound");
        };
        let before = object.clone();
        let result = match form {
            PatchForm::Json => apply_operations(&mut object, body),
            PatchForm::Merge | PatchForm::Apply { .. } => {
                guard(&object, body).map(|()| merge(&mut object, body))
            }
        };
        if let Err(refused) = result {
            return refused;
        }
        object["metadata"]["resourceVersion"] = before["metadata"]["resourceVersion"].clone();
        if scale && body.get("spec").is_none() {
            return refuse(422, "Invalid");
        }
        if object == before {
            return ApiOutcome::Ok(Box::new(object));
        }
        ApiOutcome::Ok(Box::new(self.put(kind, name, object)))
    }
}

pub(super) fn refuse(code: u16, reason: &str) -> ApiOutcome {
    ApiOutcome::Refused(Refusal {
        code,
        reason: reason.to_owned(),
        ..Refusal::default()
    })
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn guard(object: &Value, body: &Value) -> Result<(), ApiOutcome> {
    let wanted = &body["metadata"]["resourceVersion"];
    if wanted.is_null() || *wanted == object["metadata"]["resourceVersion"] {
        Ok(())
    } else {
        Err(refuse(409, "Conflict"))
    }
}

/// RFC 7386
fn merge(target: &mut Value, patch: &Value) {
    let Some(members) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    for (name, value) in members {
        if value.is_null() {
            target.as_object_mut().expect("just made one").shift_remove(name);
        } else {
            merge(&mut target[name.as_str()], value);
        }
    }
}

/// The part of RFC 6902 that the engine uses.
fn apply_operations(object: &mut Value, body: &Value) -> Result<(), ApiOutcome> {
    for operation in body.as_array().into_iter().flatten() {
        let path = text(&operation["path"]);
        match operation["op"].as_str() {
            Some("test") if object.pointer(&path) != Some(&operation["value"]) => {
                return Err(refuse(422, "Invalid"));
            }
            Some("replace" | "add") => match object.pointer_mut(&path) {
                Some(target) => *target = operation["value"].clone(),
                None => return Err(refuse(422, "Invalid")),
            },
            _ => {}
        }
    }
    Ok(())
}
