//! What an answer of the API server means. Pure.

use std::time::Duration;

use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::Value;

use crate::event::{ApiOutcome, Refusal, Request, Verb};

/// How much of an answer that is not a `Status` object is shown to people, in characters.
const SHOWN: usize = 200;

/// Classifies a whole answer.
///
/// An answer that is no success, but not in the range of failures either (a redirect, say), counts as no answer: it
/// comes from something between us and the API server.
pub(super) fn classify(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> ApiOutcome {
    if status.is_success() {
        return match serde_json::from_slice::<Value>(body) {
            Ok(value) => ApiOutcome::Ok(Box::new(value)),
            Err(error) => unreachable(format!("the answer is not JSON: {error}")),
        };
    }
    if status.is_client_error() || status.is_server_error() {
        return ApiOutcome::Refused(refusal(status, headers, body));
    }
    unreachable(format!("unexpected answer: HTTP {status}"))
}

/// Takes a success only if it is about what was asked for. Anything else counts as no answer: a page for people with
/// status 200, say, must not pass for a command that was carried out.
pub(super) fn about(request: &Request, outcome: ApiOutcome) -> ApiOutcome {
    let ApiOutcome::Ok(value) = &outcome else {
        return outcome;
    };
    let kind = request.resource.kind.as_str();
    let found = value["kind"].as_str().unwrap_or_default();
    let fine = match &request.verb {
        Verb::List { .. } => found.ends_with("List"),
        Verb::Patch { scale: true, .. } => found == "Scale",
        // A deletion that is done answers with a Status, one that has only begun with the object.
        Verb::Delete { .. } => found == kind || found == "Status",
        Verb::Get | Verb::Create { .. } | Verb::Patch { .. } => found == kind,
    };
    if fine {
        return outcome;
    }
    let found = shown_text(found);
    unreachable(format!(
        "unexpected answer: HTTP 200 with kind \"{found}\" to a request about a {kind}"
    ))
}

pub(super) fn unreachable(error: String) -> ApiOutcome {
    ApiOutcome::Unreachable { error }
}

/// The parts of a `Status` object that matter.
#[derive(Deserialize, Default)]
#[serde(default)]
struct Status {
    kind: String,
    reason: String,
    message: String,
    details: Option<Details>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct Details {
    retry_after_seconds: u64,
}

/// The reason of a 404 tells a missing object (`NotFound`) from a missing kind, whose answer is plain text and gets
/// no reason here.
fn refusal(code: StatusCode, headers: &HeaderMap, body: &[u8]) -> Refusal {
    let status = serde_json::from_slice::<Status>(body)
        .ok()
        .filter(|status| status.kind == "Status");
    let told = status.unwrap_or_else(|| Status {
        message: shown(code, body),
        ..Status::default()
    });
    let header = headers
        .get(RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse().ok());
    let detail = told
        .details
        .map(|details| details.retry_after_seconds)
        .filter(|seconds| *seconds > 0);
    Refusal {
        code: code.as_u16(),
        reason: told.reason,
        message: told.message,
        retry_after: header.or(detail).map(Duration::from_secs),
    }
}

fn shown(code: StatusCode, body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.is_empty() {
        return format!("HTTP {code}");
    }
    shown_text(text)
}

fn shown_text(text: &str) -> String {
    text.chars()
        .take(SHOWN)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use http::HeaderValue;
    use serde_json::json;

    use super::*;
    use crate::event::{PatchForm, Resource};

    #[track_caller]
    fn check(code: u16, body: &str, expected: &str) {
        let code = StatusCode::from_u16(code).expect("a status code");
        let shown = match classify(code, &HeaderMap::new(), body.as_bytes()) {
            ApiOutcome::Ok(value) => format!("ok {value}"),
            ApiOutcome::Refused(Refusal {
                code,
                reason,
                message,
                retry_after,
            }) => {
                format!("{code} [{reason}] {message} {retry_after:?}")
            }
            ApiOutcome::Unreachable { error } => format!("unreachable {error}"),
        };
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_missing_object_is_told_from_a_missing_kind() {
        let status = json!({"kind": "Status", "reason": "NotFound", "message": "no such web", "code": 404});
        check(404, &status.to_string(), "404 [NotFound] no such web None");
        check(404, "404 page not found\n", "404 [] 404 page not found None");
    }

    #[test]
    fn what_is_no_status_object_is_shown_shortened_and_without_control_characters() {
        check(502, "", "502 [] HTTP 502 Bad Gateway None");
        check(500, "a\u{1b}[31m\nb", "500 [] a [31m b None");
        check(400, r#"{"kind":"Html"}"#, r#"400 [] {"kind":"Html"} None"#);
        let long = "é".repeat(300);
        check(503, &long, &format!("503 [] {} None", "é".repeat(200)));
    }

    #[test]
    fn a_success_that_cannot_be_read_is_no_answer() {
        check(200, r#"{"kind":"Pod"}"#, r#"ok {"kind":"Pod"}"#);
        check(
            200,
            r#"{"kind":"Po"#,
            "unreachable the answer is not JSON: EOF while parsing a string at line 1 column 11",
        );
        check(302, "", "unreachable unexpected answer: HTTP 302 Found");
    }

    #[test]
    fn a_success_about_something_else_is_no_answer() {
        let resource = Arc::new(Resource {
            group: "apps".to_owned(),
            version: "v1".to_owned(),
            kind: "Deployment".to_owned(),
            plural: "deployments".to_owned(),
            namespaced: true,
        });
        let patch = |scale| Verb::Patch {
            scale,
            form: PatchForm::Merge,
            body: json!({}),
        };
        let list = || Verb::List { label: String::new() };
        let taken = |verb, body: Value| {
            let request = Request {
                resource: Arc::clone(&resource),
                namespace: None,
                name: "web".to_owned(),
                verb,
            };
            matches!(about(&request, ApiOutcome::Ok(Box::new(body))), ApiOutcome::Ok(_))
        };
        let of = |kind: &str| json!({ "kind": kind });
        assert!(taken(Verb::Get, of("Deployment")));
        assert!(!taken(Verb::Get, of("Pod")));
        assert!(taken(patch(false), of("Deployment")) && !taken(patch(false), of("Scale")));
        assert!(taken(patch(true), of("Scale")) && !taken(patch(true), of("Deployment")));
        assert!(taken(list(), of("DeploymentList")) && !taken(list(), of("Deployment")));
        let delete = || Verb::Delete { uid: None };
        assert!(taken(delete(), of("Status")) && taken(delete(), of("Deployment")));
        for nonsense in [
            json!({}),
            json!([1]),
            json!("ok"),
            Value::Null,
            json!({ "kind": 7 }),
        ] {
            assert!(!taken(Verb::Get, nonsense.clone()), "{nonsense}");
            assert!(!taken(delete(), nonsense.clone()), "{nonsense}");
        }
    }

    #[test]
    fn the_time_to_wait_comes_from_the_header_or_from_the_status() {
        let status = json!({"kind": "Status", "details": {"retryAfterSeconds": 7}}).to_string();
        let wait =
            |headers: &HeaderMap| match classify(StatusCode::TOO_MANY_REQUESTS, headers, status.as_bytes()) {
                ApiOutcome::Refused(refusal) => refusal.retry_after,
                other => panic!("{other:?}"),
            };
        assert_eq!(wait(&HeaderMap::new()), Some(Duration::from_secs(7)));
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, HeaderValue::from_static("2"));
        assert_eq!(wait(&headers), Some(Duration::from_secs(2)));
        headers.insert(
            RETRY_AFTER,
            HeaderValue::from_static("Fri, 01 Jan 2027 00:00:00 GMT"),
        );
        assert_eq!(
            wait(&headers),
            Some(Duration::from_secs(7)),
            "a date is not understood, the body is"
        );
    }
}
