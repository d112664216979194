//! Requests of somebody, and whether their rights allow them.

use std::collections::BTreeSet;

use http::{Method, Request};
use http_body_util::BodyExt as _;
use k8s_openapi::api::rbac::v1::PolicyRule;
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};

/// A request: method, path, body.
pub(super) type Call = (Method, String, Value);

pub(super) fn call(method: Method, path: impl Into<String>, body: Value) -> Call {
    (method, path.into(), body)
}

/// Why the rights of somebody do not allow a request; `None` when they do, whatever else the answer is.
pub(super) async fn forbidden(client: &Client, call: &Call) -> Option<String> {
    let answer = send(client, call).await;
    if answer.status().as_u16() != 403 {
        // The body of a watch never ends, so it is not read.
        return None;
    }
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    let said = String::from_utf8_lossy(&body).into_owned();
    // Admission says 403 as well, with other words.
    said.contains(" cannot ").then_some(said)
}

pub(super) async fn status(client: &Client, call: &Call) -> u16 {
    send(client, call).await.status().as_u16()
}

async fn send(client: &Client, (method, path, body): &Call) -> http::Response<Body> {
    let kind = if *method == Method::PATCH {
        "application/merge-patch+json"
    } else {
        "application/json"
    };
    let mut request = Request::builder()
        .method(method.clone())
        .uri(path)
        .header("Content-Type", kind);
    if path.contains("as=admin") {
        request = request
            .header("Impersonate-User", "admin")
            .header("Impersonate-Group", "system:masters");
    }
    let body = if body.is_null() {
        Vec::new()
    } else {
        body.to_string().into_bytes()
    };
    client.send(request.body(body.into()).unwrap()).await.unwrap()
}

/// The rules that the API server says somebody has in a namespace.
pub(super) async fn told(client: &Client, namespace: &str) -> BTreeSet<String> {
    let body = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectRulesReview", "spec": {"namespace": namespace}});
    let request = Request::post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews");
    let request = request
        .header("Content-Type", "application/json")
        .body(body.to_string().into_bytes());
    let answer: Value = client.request(request.unwrap()).await.unwrap();
    assert_ne!(answer["status"]["incomplete"], true);
    let rules = answer["status"]["resourceRules"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    rules
        .iter()
        .map(|rule| words(&serde_json::from_value(rule.clone()).unwrap()))
        .collect()
}

pub(super) fn words(rule: &PolicyRule) -> String {
    let PolicyRule {
        api_groups,
        resources,
        resource_names,
        verbs,
        ..
    } = rule;
    format!("{verbs:?} {api_groups:?} {resources:?} {resource_names:?}")
}
