//! What an answer of the API server means: done, refused for good, or worth another try.

use std::time::Duration;

use serde_json::Value;

use crate::event::{ApiOutcome, Refusal};
use crate::report::Outcome;

/// An answer, sorted by what can be done about it.
#[derive(Debug)]
pub(super) enum Answer {
    /// 2xx with its body.
    Done(Box<Value>),
    /// 404
    Missing(Refusal),
    /// 409: what it means depends on the request.
    Clash(Refusal),
    /// 422: invalid, or the `test` of a JSON patch did not hold.
    Rejected(Refusal),
    /// Refused, and it would be refused again.
    Refused(Outcome, Refusal),
    /// It may succeed later.
    Failed(Failure),
}

/// A failure that may pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Failure {
    /// What people should read.
    pub(super) error: String,
    /// When the API server wants to be asked again.
    pub(super) retry_after: Option<Duration>,
    /// The API server itself is at work: it answered, and not with 5xx.
    pub(super) reachable: bool,
    /// The request may have taken effect nevertheless.
    pub(super) ambiguous: bool,
}

impl Answer {
    pub(super) fn new(outcome: ApiOutcome) -> Self {
        match outcome {
            ApiOutcome::Ok(body) => Self::Done(body),
            ApiOutcome::Unreachable { error } => Self::Failed(Failure {
                error,
                retry_after: None,
                reachable: false,
                ambiguous: true,
            }),
            ApiOutcome::Refused(refusal) => Self::refused(refusal),
        }
    }

    fn refused(refusal: Refusal) -> Self {
        match refusal.code {
            403 => Self::Refused(Outcome::Forbidden, refusal),
            404 => Self::Missing(refusal),
            409 => Self::Clash(refusal),
            422 => Self::Rejected(refusal),
            // 401: the token is being renewed. 408 and 429: not now.
            401 | 408 | 429 | 500.. => Self::Failed(Failure::new(&refusal)),
            _ => Self::Refused(Outcome::Invalid, refusal),
        }
    }

    /// Whether this answer shows that the API server as a whole is at work.
    pub(super) fn shows_life(&self) -> bool {
        match self {
            Self::Failed(failure) => failure.reachable,
            _ => true,
        }
    }
}

impl Failure {
    /// A refusal that may pass.
    pub(super) fn new(refusal: &Refusal) -> Self {
        Self {
            error: text(refusal),
            retry_after: refusal.retry_after,
            reachable: refusal.code < 500,
            // A gateway's timeout or an aborted handler says nothing about the write behind it.
            ambiguous: refusal.code >= 500,
        }
    }

    /// Waiting for something that the API server told us about.
    pub(super) fn waiting(error: impl Into<String>) -> Self {
        Self {
            error: error.into(),
            retry_after: None,
            reachable: true,
            ambiguous: false,
        }
    }
}

/// What people should read: the message, else the reason, else the number.
pub(super) fn text(refusal: &Refusal) -> String {
    let said = [&refusal.message, &refusal.reason];
    said.into_iter()
        .find(|text| !text.is_empty())
        .cloned()
        .unwrap_or_else(|| format!("the API server answered with status {}", refusal.code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(code: u16, expected: &str) {
        let answer = Answer::new(ApiOutcome::Refused(Refusal {
            code,
            ..Refusal::default()
        }));
        let class = match &answer {
            Answer::Done(_) => "done".to_owned(),
            Answer::Missing(_) => "missing".to_owned(),
            Answer::Clash(_) => "clash".to_owned(),
            Answer::Rejected(_) => "rejected".to_owned(),
            Answer::Refused(outcome, _) => format!("refused {outcome}"),
            Answer::Failed(failure) => format!("failed ambiguous={}", failure.ambiguous),
        };
        assert_eq!(
            (class.as_str(), answer.shows_life()),
            (expected, code < 500),
            "{code}"
        );
    }

    #[test]
    fn every_status_has_one_meaning() {
        for code in [400, 405, 410, 413, 415, 302] {
            check(code, "refused invalid");
        }
        check(403, "refused forbidden");
        check(404, "missing");
        check(409, "clash");
        check(422, "rejected");
        for code in [401, 408, 429] {
            check(code, "failed ambiguous=false");
        }
        for code in [500, 502, 503, 504, 599] {
            check(code, "failed ambiguous=true");
        }
    }

    #[test]
    fn no_answer_may_have_taken_effect_and_shows_no_life() {
        let answer = Answer::new(ApiOutcome::Unreachable {
            error: "timeout".to_owned(),
        });
        assert!(!answer.shows_life());
        assert!(matches!(answer, Answer::Failed(failure) if failure.ambiguous));
    }
}
