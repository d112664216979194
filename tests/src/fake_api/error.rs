//! Answers that refuse: the `Status` objects of the API.

use serde_json::{Value, json};

use super::kinds::Kind;

/// A refusal, as the API server words it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) code: u16,
    pub(crate) reason: &'static str,
    pub(crate) message: String,
    pub(crate) details: Value,
}

impl ApiError {
    pub(crate) fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            reason,
            message: message.into(),
            details: Value::Null,
        }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(400, "BadRequest", message)
    }

    pub(crate) fn not_found(kind: &Kind, name: &str) -> Self {
        Self::about(kind, name, 404, "NotFound", "not found")
    }

    pub(crate) fn already_exists(kind: &Kind, name: &str) -> Self {
        Self::about(kind, name, 409, "AlreadyExists", "already exists")
    }

    /// Somebody wrote the object since the caller read it.
    pub(crate) fn stale(kind: &Kind, name: &str) -> Self {
        let text =
            "the object has been modified; please apply your changes to the latest version and try again";
        Self::conflict(kind, name, text)
    }

    pub(crate) fn conflict(kind: &Kind, name: &str, why: &str) -> Self {
        let resource = kind.resource();
        let message = format!("Operation cannot be fulfilled on {resource} \"{name}\": {why}");
        Self {
            details: details(kind, name),
            ..Self::new(409, "Conflict", message)
        }
    }

    /// The object breaks a rule of its kind: `field` and what is wrong with it.
    pub(crate) fn invalid(kind: &Kind, name: &str, field: &str, why: &str) -> Self {
        let title = match kind.group.as_str() {
            "" => kind.kind.clone(),
            group => format!("{}.{group}", kind.kind),
        };
        let message = format!("{title} \"{name}\" is invalid: {field}: {why}");
        let mut details = details(kind, name);
        details["kind"] = json!(kind.kind);
        details["causes"] = json!([{ "reason": "FieldValueInvalid", "message": why, "field": field }]);
        Self {
            details,
            ..Self::new(422, "Invalid", message)
        }
    }

    /// A patch that cannot be applied to the present object.
    pub(crate) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(422, "Invalid", message)
    }

    /// The history before a resource version is gone.
    pub(crate) fn expired(message: impl Into<String>) -> Self {
        Self::new(410, "Expired", message)
    }

    pub(crate) fn unsupported(media_type: &str) -> Self {
        let message = format!("the body of the request was in an unknown format: {media_type:?}");
        Self::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::new(
            405,
            "MethodNotAllowed",
            "the server does not allow this method on the requested resource",
        )
    }

    fn about(kind: &Kind, name: &str, code: u16, reason: &'static str, what: &str) -> Self {
        let message = format!("{} \"{name}\" {what}", kind.resource());
        Self {
            details: details(kind, name),
            ..Self::new(code, reason, message)
        }
    }

    /// The body of the answer.
    pub(crate) fn to_value(&self) -> Value {
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": self.message, "reason": self.reason, "code": self.code,
        });
        if !self.details.is_null() {
            status["details"] = self.details.clone();
        }
        status
    }
}

fn details(kind: &Kind, name: &str) -> Value {
    let mut details = json!({ "name": name, "kind": kind.plural });
    if !kind.group.is_empty() {
        details["group"] = json!(kind.group);
    }
    details
}
