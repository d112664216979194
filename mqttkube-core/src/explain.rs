//! What one message or one state of an object would do, step by step, without a broker and without a cluster.
//!
//! Nothing is imitated: every item is handed to the same [engine](crate::engine) that runs the bindings, alone, and
//! what the engine would send is what is shown.

mod drive;
mod text;

use mqttkube_mapping::Step;
use serde::Serialize;
use serde_json::Value;

use self::drive::Driven;
use crate::binding::ItemKind;
use crate::config::{BindingSpec, SessionFacts, Spec, SpecErrors, TopicSpec};
use crate::event::{Request, Verb};

/// Where the engine of an explanation publishes outcomes. Nobody else ever sees it.
const RESULT_TOPIC: &str = "explain/result";

/// What happens.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Happening {
    /// A message arrives.
    Message {
        /// The topic as the broker has it, with the prefix.
        topic: String,
        /// The payload.
        payload: Vec<u8>,
        /// The broker had kept it.
        retained: bool,
        /// The object at that moment; `None`: it exists, and nothing more is known of it.
        object: Option<Value>,
    },
    /// The API server says what the object is now.
    Object(Value),
    /// The object, last seen like this, is gone.
    Deleted(Value),
}

/// What comes of it, item by item in the order of the file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The items that are concerned.
    pub items: Vec<Explained>,
}

/// What one item makes of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explained {
    /// Id of the binding.
    pub binding: String,
    /// `watch`, `patch` or `action`.
    pub item: &'static str,
    /// Place in that list.
    pub index: usize,
    /// File, line and column, when it was read from a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// What the mapping did, in its order.
    #[serde(serialize_with = "text::steps")]
    pub steps: Vec<Step>,
    /// How it ends.
    pub outcome: Outcome,
    /// What the mapping gave; null when it gave nothing.
    pub value: Value,
    /// What the API server would be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<ExplainedRequest>,
    /// What would be published.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub publish: Option<ExplainedPublish>,
    /// Why nothing would be done, when something is wrong.
    pub error: Option<String>,
}

/// How an item ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Outcome {
    /// A field of the object is changed.
    Patch,
    /// An object is created.
    Launch,
    /// The object is deleted.
    Delete,
    /// A value is published.
    Publish,
    /// The topic is cleared.
    Clear,
    /// The item is not meant: nothing is done.
    Ignored,
    /// Nothing in the map takes the value.
    Miss,
    /// Something is wrong: nothing is done.
    Error,
}

/// A request to the API server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExplainedRequest {
    /// `patch`, `create` or `delete`.
    pub verb: &'static str,
    /// `apps/v1/deployments`
    pub resource: String,
    /// `scale`, when it goes there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subresource: Option<&'static str>,
    /// Absent for cluster-scoped kinds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the object.
    pub name: String,
    /// Content type of a patch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<&'static str>,
    /// What is sent; absent for a deletion.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Value>,
}

impl ExplainedRequest {
    fn new(request: &Request) -> Self {
        let group = if request.resource.group.is_empty() {
            String::new()
        } else {
            format!("{}/", request.resource.group)
        };
        let (verb, subresource, content_type, body) = match &request.verb {
            Verb::Patch { scale, form, body } => (
                "patch",
                scale.then_some("scale"),
                Some(form.content_type()),
                Some(body.clone()),
            ),
            Verb::Create { body } => ("create", None, None, Some(body.as_ref().clone())),
            Verb::Delete { .. } => ("delete", None, None, None),
            Verb::Get | Verb::List { .. } => ("get", None, None, None),
        };
        let name = match &body {
            Some(object) if verb == "create" => {
                object["metadata"]["name"].as_str().unwrap_or_default().to_owned()
            }
            _ => request.name.clone(),
        };
        Self {
            verb,
            resource: format!("{group}{}/{}", request.resource.version, request.resource.plural),
            subresource,
            namespace: request.namespace.clone(),
            name,
            content_type,
            body,
        }
    }
}

/// A publish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExplainedPublish {
    /// With the prefix.
    pub topic: String,
    /// The payload as text.
    pub payload: String,
    /// The broker is to keep it.
    pub retain: bool,
    /// Quality of service.
    pub qos: u8,
}

/// Explains what `happening` does to every item of `spec` that it concerns.
///
/// ```
/// use mqttkube_core::config::{BindingSpec, PatchItemSpec, SessionFacts, Spec};
/// use mqttkube_core::explain::{Happening, explain};
/// use serde_json::json;
///
/// let jellyfin = BindingSpec::new("Deployment", "jellyfin")
///     .namespace("media")
///     .patch(PatchItemSpec::new("jellyfin/set", "spec.replicas"));
/// let spec = Spec::new(vec![jellyfin]);
/// let message = Happening::Message {
///     topic: "jellyfin/set".to_owned(),
///     payload: b"2".to_vec(),
///     retained: false,
///     object: None,
/// };
/// let explanation = explain(&spec, &SessionFacts::default(), &message)?;
/// let request = explanation.items[0].request.as_ref().expect("it is a patch");
/// assert_eq!(request.subresource, Some("scale"));
/// assert_eq!(request.body, Some(json!({"spec": {"replicas": 2}})));
/// # Ok::<(), mqttkube_core::config::SpecErrors>(())
/// ```
///
/// # Errors
/// [`SpecErrors`] when the specification does not compile.
pub fn explain(
    spec: &Spec,
    session: &SessionFacts,
    happening: &Happening,
) -> Result<Explanation, SpecErrors> {
    let ids: Vec<String> = spec
        .compile(session)?
        .plan
        .bindings()
        .iter()
        .map(|binding| binding.id().to_owned())
        .collect();
    let shared = Spec {
        bindings: Vec::new(),
        ..spec.clone()
    };
    let mut items = Vec::new();
    for (binding, id) in spec.bindings.iter().zip(ids) {
        for (kind, index, alone) in items_alone(binding, &id) {
            let at = place(spec, binding, kind, index);
            let alone = Spec {
                bindings: vec![alone],
                ..shared.clone()
            };
            let plan = alone.compile(session)?.plan;
            if let Some(driven) = Driven::new(plan, happening) {
                items.push(driven.explained(kind, index, at, id.clone()));
            }
        }
    }
    Ok(Explanation { items })
}

/// Every item of a binding as a binding of its own.
fn items_alone(binding: &BindingSpec, id: &str) -> Vec<(ItemKind, usize, BindingSpec)> {
    let bare = BindingSpec {
        id: Some(id.to_owned()),
        watch: Vec::new(),
        patch: Vec::new(),
        action: Vec::new(),
        tests: Vec::new(),
        ..binding.clone()
    };
    // The engine says there why a command fails.
    let result = TopicSpec {
        text: RESULT_TOPIC.to_owned(),
        absolute: true,
    };
    let mut alone = Vec::new();
    for (index, item) in binding.patch.iter().enumerate() {
        alone.push((
            ItemKind::Patch,
            index,
            bare.clone().patch(item.clone().result(result.clone())),
        ));
    }
    for (index, item) in binding.action.iter().enumerate() {
        alone.push((
            ItemKind::Action,
            index,
            bare.clone().action(item.clone().result(result.clone())),
        ));
    }
    for (index, item) in binding.watch.iter().enumerate() {
        alone.push((ItemKind::Watch, index, bare.clone().watch(item.clone())));
    }
    alone
}

fn place(spec: &Spec, binding: &BindingSpec, kind: ItemKind, index: usize) -> Option<String> {
    let origin = match kind {
        ItemKind::Watch => &binding.watch.get(index)?.origin,
        ItemKind::Patch => &binding.patch.get(index)?.origin,
        ItemKind::Action => &binding.action.get(index)?.origin,
    };
    Some(format!("{}:{}", spec.file.as_ref()?, origin.position?))
}
