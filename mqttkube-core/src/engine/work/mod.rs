//! Commands as small state machines: which request comes next, and what an answer makes of it.
//!
//! A machine knows nothing of queues, repetitions and deadlines. It says what to ask; it is told the answer; it
//! says whether to ask again, to wait because the failure may pass, or that it has ended.

mod delete;
mod launch;
mod write;

use std::sync::Arc;

use serde_json::Value;

pub(super) use self::delete::Delete;
pub(super) use self::launch::{Body, Launch};
pub(super) use self::write::{Field, Fixed};
use super::answer::{Answer, Failure, text};
use super::kinds::KindNow;
use crate::event::{Refusal, Request, Verb};
use crate::ids::KindId;
use crate::plan::Plan;
use crate::report::{ObjectRef, Outcome};

/// Names one object. Work is in order per object.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct ObjectKey {
    pub(super) kind: KindId,
    pub(super) namespace: Option<String>,
    pub(super) name: String,
}

/// What a machine may look at.
#[derive(Debug)]
pub(super) struct Cx<'a> {
    pub(super) plan: &'a Plan,
    pub(super) kind: &'a KindNow,
    pub(super) key: &'a ObjectKey,
}

/// What a machine wants after an answer.
#[derive(Debug)]
pub(super) enum Next {
    /// Ask at once: [`Work::request`] says what.
    Call,
    /// Ask again later.
    Pause(Failure),
    /// It is over.
    End(End),
}

/// How a command ended.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct End {
    pub(super) outcome: Outcome,
    pub(super) object: Option<ObjectRef>,
    pub(super) error: Option<String>,
    /// `metadata.uid` of an object that this command created.
    pub(super) created: Option<String>,
    /// `metadata.uid` of an object that this command deleted.
    pub(super) deleted: Option<String>,
}

impl End {
    /// An end without a request.
    pub(super) fn plain(outcome: Outcome, error: Option<String>) -> Self {
        Self {
            outcome,
            object: None,
            error,
            created: None,
            deleted: None,
        }
    }

    fn good(outcome: Outcome, cx: &Cx<'_>, object: &Value) -> Self {
        let version = metadata(object, "resourceVersion").map(str::to_owned);
        Self {
            object: Some(cx.object_ref(version)),
            ..Self::plain(outcome, None)
        }
    }

    fn bad(outcome: Outcome, cx: &Cx<'_>, error: impl Into<String>) -> Self {
        Self {
            object: Some(cx.object_ref(None)),
            ..Self::plain(outcome, Some(error.into()))
        }
    }
}

impl Cx<'_> {
    pub(super) fn object_ref(&self, resource_version: Option<String>) -> ObjectRef {
        let resource = &self.kind.resource;
        ObjectRef {
            api_version: resource.api_version(),
            kind: resource.kind.clone(),
            namespace: self.namespace(),
            name: self.key.name.clone(),
            resource_version,
        }
    }

    /// The namespace of the key, unless discovery found the kind to be cluster-scoped.
    fn namespace(&self) -> Option<String> {
        self.key
            .namespace
            .clone()
            .filter(|_| self.kind.resource.namespaced)
    }

    /// A request about the object of the key.
    fn request(&self, verb: Verb) -> Request {
        Request {
            resource: Arc::clone(&self.kind.resource),
            namespace: self.namespace(),
            name: self.key.name.clone(),
            verb,
        }
    }
}

/// One command.
#[derive(Debug)]
pub(super) enum Work {
    /// Write one field.
    Field(Field),
    /// Restart, suspend, resume: a merge patch that is known beforehand.
    Fixed(Fixed),
    /// Create an object.
    Launch(Launch),
    /// Delete an object.
    Delete(Delete),
}

impl Work {
    /// Why this cannot be asked at all, now that the kind is known.
    pub(super) fn refused(&self, cx: &Cx<'_>) -> Option<End> {
        let Self::Launch(launch) = self else { return None };
        launch.refused(cx)
    }

    /// The request that comes next.
    pub(super) fn request(&mut self, cx: &Cx<'_>) -> Request {
        match self {
            Self::Field(field) => field.request(cx),
            Self::Fixed(fixed) => fixed.request(cx),
            Self::Launch(launch) => launch.request(cx),
            Self::Delete(delete) => delete.request(cx),
        }
    }

    /// What the answer to the last request means.
    pub(super) fn answer(&mut self, answer: Answer, cx: &Cx<'_>) -> Next {
        match self {
            Self::Field(field) => field.answer(answer, cx),
            Self::Fixed(fixed) => fixed.answer(answer, cx),
            Self::Launch(launch) => launch.answer(answer, cx),
            Self::Delete(delete) => delete.answer(answer, cx),
        }
    }

    /// What the result message says was to be written or done.
    pub(super) fn value(&self) -> Option<&Value> {
        match self {
            Self::Field(field) => Some(field.value()),
            Self::Fixed(_) | Self::Launch(_) | Self::Delete(_) => None,
        }
    }
}

/// A text under `metadata`.
pub(super) fn metadata<'a>(object: &'a Value, name: &str) -> Option<&'a str> {
    object.get("metadata")?.get(name)?.as_str()
}

/// The number that a text reads as.
pub(super) fn number_in(text: &Value) -> Option<Value> {
    let value: Value = serde_json::from_str(text.as_str()?.trim()).ok()?;
    value.is_number().then_some(value)
}

/// What is left when a machine has no special use for an answer.
fn otherwise(answer: Answer, cx: &Cx<'_>) -> Next {
    let end = |outcome, refusal: &Refusal| Next::End(End::bad(outcome, cx, text(refusal)));
    match answer {
        Answer::Done(object) => Next::End(End::good(Outcome::Applied, cx, &object)),
        Answer::Missing(refusal) => end(Outcome::NotFound, &refusal),
        Answer::Clash(refusal) => Next::Pause(Failure::new(&refusal)),
        Answer::Rejected(refusal) => end(Outcome::Invalid, &refusal),
        Answer::Refused(outcome, refusal) => end(outcome, &refusal),
        Answer::Failed(failure) => Next::Pause(failure),
    }
}
