//! What can go wrong, and with which object.

use std::fmt;
use std::time::Duration;

use serde_json::Value;
use thiserror::Error;

/// Everything that went wrong.
#[derive(Debug, Error)]
#[error("{}", lines(.problems))]
pub struct ApplyError {
    /// One per object, in their order.
    pub problems: Vec<ObjectProblem>,
}

/// What went wrong with one object.
#[derive(Debug, Error)]
#[error("{object}: {problem}")]
pub struct ObjectProblem {
    /// The object, as `Kind/namespace/name`.
    pub object: String,
    /// What went wrong.
    pub problem: Problem,
}

/// What went wrong.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// The API server serves no such kind; its definition has to be installed first.
    #[error("the cluster serves no {0}")]
    NoKind(String),
    /// Somebody else owns fields of it; `force` takes them over.
    #[error("somebody else owns fields of it (force takes them over): {0}")]
    Conflict(String),
    /// The API server refuses it.
    #[error("refused: {0}")]
    Refused(String),
    /// The API server cannot be reached, or fails.
    #[error("the API server does not answer: {0}")]
    Unreachable(String),
    /// No answer in time.
    #[error("no answer within {0:?}")]
    Deadline(Duration),
    /// It was applied, but does not get ready.
    #[error("not ready after {deadline:?}: {reason}")]
    NotReady {
        /// What it lacks.
        reason: String,
        /// How long it was waited for.
        deadline: Duration,
    },
    /// It was applied and will never be ready.
    #[error("failed: {0}")]
    Failed(String),
}

impl ObjectProblem {
    pub(super) fn of(object: &Value, problem: Problem) -> Self {
        Self {
            object: name(object),
            problem,
        }
    }
}

impl From<ObjectProblem> for ApplyError {
    fn from(problem: ObjectProblem) -> Self {
        Self {
            problems: vec![problem],
        }
    }
}

impl Problem {
    /// From an answer, or what came instead of one. Texts of the API server name fields and never hold data of Secrets.
    pub(super) fn from_kube(error: &kube::Error) -> Self {
        match error {
            kube::Error::Api(status) if status.code == 409 && status.message.contains("conflict") => {
                Self::Conflict(status.message.clone())
            }
            kube::Error::Api(status) if status.code < 500 => Self::Refused(status.message.clone()),
            other => Self::Unreachable(other.to_string()),
        }
    }
}

fn name(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let metadata = &object["metadata"];
    let parts = [&object["kind"], &metadata["namespace"], &metadata["name"]];
    let parts: Vec<_> = parts
        .into_iter()
        .filter(|part| !part.is_null())
        .map(text)
        .collect();
    parts.join("/")
}

fn lines(problems: &[ObjectProblem]) -> impl fmt::Display {
    let lines: Vec<_> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
