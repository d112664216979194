//! From a message and a template to an object that is safe to create, under an identity that survives
//! redeliveries.
//!
//! The rules: the template owns the name; the namespace and the kind are the binding's; every object carries the
//! label [`LABEL`], which tells a redelivered command from a new one.

use std::time::Duration;

use jiff::Timestamp;
use mqttkube_mapping::Match;
use serde_json::{Map, Value, json};
use thiserror::Error;

use crate::event::{Message, Resource};
use crate::hash::{hash64, hash128};

/// The label of every created object: which command created it.
pub(crate) const LABEL: &str = "mqttkube/command";

/// The longest name that is a DNS subdomain (RFC 1123).
const MAX_NAME: usize = 253;

/// A Job's name is also a label of its pods.
const MAX_JOB_NAME: usize = 63;

/// Which command a message is, across redeliveries and restarts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    /// What the publisher or the item's `id` says; `None` when only the delivery itself identifies it.
    explicit: Option<String>,
    hash: u128,
    /// Eight lower-case hexadecimal digits: the same for every delivery of this message to this process.
    pub(crate) uid: String,
    /// The broker sent it before, and not to this engine: an earlier process may have carried it out.
    pub(crate) redelivered: bool,
    /// Wall time of the arrival, in milliseconds since 1970.
    pub(crate) at: u64,
}

impl Identity {
    /// `explicit` is what the item's `id` gave; correlation data of the message goes before it.
    pub(crate) fn new(client_id: &str, message: &Message, explicit: Option<String>) -> Self {
        let (explicit, hash) = match (&message.correlation_data, explicit) {
            (Some(data), _) => (Some(printable(data)), hash128(&[b"correlation", data])),
            (None, Some(id)) => {
                let hash = hash128(&[b"id", id.as_bytes()]);
                (Some(id), hash)
            }
            (None, None) => (None, delivery_hash(client_id, message)),
        };
        let uid = hash64(&[&hash.to_le_bytes(), &message.at.to_le_bytes()]);
        Self {
            explicit,
            hash,
            uid: format!("{:08x}", uid as u32),
            redelivered: message.dup,
            at: message.at,
        }
    }

    /// The value of the label.
    pub(crate) fn label(&self) -> String {
        format!("{:032x}", self.hash)
    }

    /// The identity in result messages.
    pub(crate) fn text(&self) -> String {
        self.explicit.clone().unwrap_or_else(|| self.label())
    }

    /// The publisher said which command it is.
    pub(crate) fn is_explicit(&self) -> bool {
        self.explicit.is_some()
    }
}

/// The values of the names that an item's `id` may use, in the order of
/// [`Command::ID_NAMES`](crate::binding::Command::ID_NAMES): `match`, `json` and `value`.
pub(crate) fn names(found: &Match<'_>) -> [Value; 3] {
    let context = found.context();
    let take = |name: &str| context.get(name).cloned().unwrap_or_default();
    let (json, value) = (take("json"), take("value"));
    [Value::Object(context), json, value]
}

fn delivery_hash(client_id: &str, message: &Message) -> u128 {
    hash128(&[
        b"delivery",
        client_id.as_bytes(),
        message.topic.as_bytes(),
        &message.packet_id.unwrap_or_default().to_le_bytes(),
        &message.payload,
    ])
}

/// Correlation data as text if it is text, else in hexadecimal.
fn printable(data: &[u8]) -> String {
    match std::str::from_utf8(data) {
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => data.iter().map(|byte| format!("{byte:02x}")).collect(),
    }
}

/// Why a rendered object is not created. For the author of the template or the sender of the payload; repeating
/// does not help.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub(crate) enum LaunchError {
    /// The template gave something else than an object.
    #[error("the template gives {0}, not an object")]
    NotAnObject(&'static str),
    /// The binding is about another kind.
    #[error("the template gives a {found}, but the binding is about {expected}")]
    Kind {
        /// What the template says.
        found: String,
        /// What the binding says.
        expected: String,
    },
    /// A name that the API server makes up cannot be found again.
    #[error("the template uses metadata.generateName; give the object a name with ${{uid}} in it")]
    GenerateName,
    /// No name, or not one that the API server and a URL take.
    #[error(
        "the name {0:?} is not a DNS name: lower-case letters, digits, '-' and '.', at most 253 characters"
    )]
    Name(String),
    /// `metadata` or its labels have another shape.
    #[error("{0} of the template is not an object")]
    Shape(&'static str),
    /// A CronJob without a job template.
    #[error("the CronJob has no spec.jobTemplate")]
    NoJobTemplate,
}

/// Makes a rendered object ready to be created: checks its kind and name, puts it into the namespace of the
/// binding and labels it.
pub(crate) fn prepare(
    mut object: Value,
    resource: &Resource,
    namespace: Option<&str>,
    identity: &Identity,
) -> Result<Value, LaunchError> {
    let found = shape(&object);
    let members = object.as_object_mut().ok_or(LaunchError::NotAnObject(found))?;
    check_kind(members, resource)?;
    let metadata = child(members, "metadata", "metadata")?;
    if metadata.contains_key("generateName") {
        return Err(LaunchError::GenerateName);
    }
    check_name(metadata)?;
    match namespace {
        Some(namespace) => metadata.insert("namespace".to_owned(), Value::from(namespace)),
        None => metadata.remove("namespace"),
    };
    let labels = child(metadata, "labels", "metadata.labels")?;
    labels.insert(LABEL.to_owned(), Value::from(identity.label()));
    Ok(object)
}

fn check_kind(members: &mut Map<String, Value>, resource: &Resource) -> Result<(), LaunchError> {
    let expected = format!("{}/{}", resource.api_version(), resource.kind);
    let word = |name: &str| {
        members
            .get(name)
            .map(|value| value.as_str().unwrap_or("?").to_owned())
    };
    let version = word("apiVersion").unwrap_or_else(|| resource.api_version());
    let kind = word("kind").unwrap_or_else(|| resource.kind.clone());
    let found = format!("{version}/{kind}");
    if found != expected {
        return Err(LaunchError::Kind { found, expected });
    }
    members.insert("apiVersion".to_owned(), Value::from(version));
    members.insert("kind".to_owned(), Value::from(kind));
    Ok(())
}

fn check_name(metadata: &Map<String, Value>) -> Result<(), LaunchError> {
    match metadata.get("name") {
        Some(Value::String(name)) if is_dns_name(name) => Ok(()),
        Some(Value::String(name)) => Err(LaunchError::Name(name.clone())),
        Some(other) => Err(LaunchError::Name(other.to_string())),
        None => Err(LaunchError::Name(String::new())),
    }
}

/// A DNS subdomain: what the API server takes as a name, and what cannot change a URL.
pub(crate) fn is_dns_name(name: &str) -> bool {
    name.len() <= MAX_NAME && name.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = label.as_bytes();
    bytes.iter().all(|byte| plain(*byte) || *byte == b'-')
        && bytes.first().is_some_and(|byte| plain(*byte))
        && bytes.last().is_some_and(|byte| plain(*byte))
}

fn child<'a>(
    members: &'a mut Map<String, Value>,
    name: &str,
    path: &'static str,
) -> Result<&'a mut Map<String, Value>, LaunchError> {
    let value = members.entry(name).or_insert_with(|| json!({}));
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut().ok_or(LaunchError::Shape(path))
}

fn shape(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// The Job that `kubectl create job --from=cronjob/…` would create, named after the CronJob and the command.
pub(crate) fn job_of(cron_job: &Value, identity: &Identity) -> Result<Value, LaunchError> {
    let text = |name: &str| cron_job["metadata"][name].as_str().unwrap_or_default();
    let template = &cron_job["spec"]["jobTemplate"];
    if !template["spec"].is_object() {
        return Err(LaunchError::NoJobTemplate);
    }
    let room = MAX_JOB_NAME - 1 - identity.uid.len();
    let name: String = text("name").chars().take(room).collect();
    let object = json!({
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": format!("{}-{}", name.trim_end_matches(['-', '.']), identity.uid),
            "labels": template["metadata"]["labels"],
            "annotations": with_manual_mark(&template["metadata"]["annotations"]),
            "ownerReferences": [{
                "apiVersion": "batch/v1", "kind": "CronJob", "controller": true,
                "name": text("name"), "uid": text("uid"),
            }],
        },
        "spec": template["spec"],
    });
    prepare(object, &job_resource(), Some(text("namespace")), identity)
}

/// The annotation by which `kubectl` marks jobs that no schedule started.
fn with_manual_mark(annotations: &Value) -> Value {
    let mut marked = annotations.as_object().cloned().unwrap_or_default();
    marked.insert(
        "cronjob.kubernetes.io/instantiate".to_owned(),
        Value::from("manual"),
    );
    Value::Object(marked)
}

/// Where Jobs are served.
pub(crate) fn job_resource() -> Resource {
    Resource {
        group: "batch".to_owned(),
        version: "v1".to_owned(),
        kind: "Job".to_owned(),
        plural: "jobs".to_owned(),
        namespaced: true,
    }
}

/// The command that created an object.
pub(crate) fn command_of(object: &Value) -> Option<&str> {
    object.get("metadata")?.get("labels")?.get(LABEL)?.as_str()
}

/// Whether an object was created no longer than `span` before `at` (milliseconds since 1970).
pub(crate) fn is_created_within(object: &Value, at: u64, span: Duration) -> bool {
    let created = || {
        let text = object.get("metadata")?.get("creationTimestamp")?.as_str()?;
        let time: Timestamp = text.parse().ok()?;
        u64::try_from(time.as_millisecond()).ok()
    };
    let span = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    created().is_some_and(|created| created.saturating_add(span) >= at)
}

/// Wall time as RFC 3339 in UTC with whole seconds, as `kubectl rollout restart` writes it.
pub(crate) fn rfc3339(at: u64) -> String {
    let seconds = i64::try_from(at / 1000).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds)
        .unwrap_or(Timestamp::MAX)
        .to_string()
}
