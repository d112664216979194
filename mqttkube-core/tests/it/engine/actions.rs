//! Verbs: restart, suspend, resume, trigger, delete, and what happens when a launched object is already there.

use serde_json::{Value, json};

use super::driver::{Driver, acks, call, calls, ok, outcome, refuse, results, show, version};

fn driver(resource: &str, item: &str) -> Driver {
    Driver::new(&format!(
        "defaults: {{result: done}}\nbindings: [{{namespace: n, resource: {resource}, name: web, action: {{topic: do, {item}}}}}]"
    ))
}

/// The verb causes exactly this request, and its success is `applied` with the verb as the value.
#[track_caller]
fn check(resource: &str, verb: &str, expected: &str) {
    let mut driver = driver(resource, &format!("allow: [{verb}]"));
    let sent = driver.send("do", verb);
    let done = driver.walk(sent, &[(expected, version("2"))]);
    let result = results(&done).remove(0);
    assert_eq!(
        (&result["outcome"], &result["value"]),
        (&json!("applied"), &json!(verb))
    );
    assert_eq!(acks(&done), [1]);
}

#[test]
fn n16_each_verb_is_one_exact_request() {
    let restart = r#"{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"2026-01-01T00:00:00Z"}}}}}"#;
    check(
        "Deployment",
        "restart",
        &format!("PATCH deployments n/web merge {restart}"),
    );
    check(
        "StatefulSet",
        "restart",
        &format!("PATCH statefulsets n/web merge {restart}"),
    );
    check(
        "Job",
        "suspend",
        r#"PATCH jobs n/web merge {"spec":{"suspend":true}}"#,
    );
    check(
        "CronJob",
        "resume",
        r#"PATCH cronjobs n/web merge {"spec":{"suspend":false}}"#,
    );
    check("Job", "delete", "DELETE jobs n/web");
}

#[test]
fn a1_verbs_that_are_not_allowed_are_invalid() {
    let mut driver = driver("Job", "allow: [delete]");
    for payload in ["launch", "suspend", "DELETE", "delete ", "", "{delete}", "null"] {
        let effects = driver.send("do", payload);
        assert_eq!(
            (calls(&effects).len(), outcome(&effects).0.as_str()),
            (0, "invalid"),
            "{payload:?}"
        );
    }
}

#[test]
fn a2_deleting_what_is_not_there_is_a_success() {
    let mut driver = driver("Job", "allow: [delete]");
    let sent = driver.send("do", "delete");
    let done = driver.walk(sent, &[("DELETE jobs n/web", refuse(404, "not found"))]);
    assert_eq!((outcome(&done).0.as_str(), acks(&done)), ("unchanged", vec![1]));
}

#[test]
fn n16_trigger_makes_the_job_that_kubectl_would_make() {
    let mut driver = driver("CronJob", "allow: [trigger]");
    let sent = driver.send("do", "trigger");
    let cron = json!({
        "metadata": {"name": "web", "namespace": "n", "uid": "u1"},
        "spec": {"jobTemplate": {"metadata": {"labels": {"a": "b"}}, "spec": {"backoffLimit": 0}}},
    });
    let created = driver.walk(sent, &[("GET cronjobs n/web", ok(cron))]);
    let (job, request) = call(&created);
    let body = body(&request);
    let name = body["metadata"]["name"].as_str().unwrap_or_default();
    assert!(name.starts_with("web-") && name.len() == 12, "{name}");
    assert_eq!(
        (body["kind"].as_str(), request.resource.plural.as_str()),
        (Some("Job"), "jobs")
    );
    assert_eq!(body["spec"], json!({"backoffLimit": 0}));
    assert_eq!(
        body["metadata"]["annotations"],
        json!({"cronjob.kubernetes.io/instantiate": "manual"})
    );
    assert_eq!(body["metadata"]["ownerReferences"][0]["uid"], "u1");
    assert_eq!(body["metadata"]["labels"]["a"], "b");
    assert_eq!(outcome(&driver.answer(job, version("1"))).0, "applied");
}

#[test]
fn n16_a_cron_job_that_is_gone_or_empty_is_reported() {
    for (answer, expected) in [
        (refuse(404, "not found"), "not_found"),
        (ok(json!({"metadata": {"name": "web"}})), "invalid"),
        (ok(json!("not an object")), "invalid"),
        (ok(json!({"spec": {"jobTemplate": {"spec": {}}}})), "invalid"),
    ] {
        let mut driver = driver("CronJob", "allow: [trigger]");
        let sent = driver.send("do", "trigger");
        let done = driver.walk(sent, &[("GET cronjobs n/web", answer)]);
        assert_eq!(outcome(&done).0, expected);
    }
}

fn body(request: &mqttkube_core::event::Request) -> Value {
    match &request.verb {
        mqttkube_core::event::Verb::Create { body } => (**body).clone(),
        other => panic!("{other:?}"),
    }
}

/// A launch meets an object of the same name.
#[track_caller]
fn check_exists(on_exists: &str, there: &Value, then: &[&str], expected: Option<&str>) {
    let mut driver = driver(
        "Job",
        &format!(
            "on-exists: {on_exists}, launch: {{apiVersion: batch/v1, kind: Job, metadata: {{name: fixed}}}}"
        ),
    );
    let sent = driver.send("do", "launch");
    let (job, _) = call(&sent);
    let met = driver.answer(job, refuse(409, "jobs \"fixed\" already exists"));
    let mut effects = driver.walk(met, &[("GET jobs n/fixed", ok(there.clone()))]);
    for line in then {
        let (job, request) = call(&effects);
        assert!(show(&request).starts_with(line), "{}", show(&request));
        effects = driver.answer(job, version("9"));
    }
    let outcomes: Vec<String> = results(&effects)
        .iter()
        .map(|result| result["outcome"].as_str().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(outcomes, expected.into_iter().collect::<Vec<_>>());
}

#[test]
fn a3_on_exists_decides_about_an_object_that_is_not_ours() {
    let there = json!({"metadata": {"name": "fixed", "uid": "u7"}});
    check_exists("error", &there, &[], Some("exists"));
    check_exists("ignore", &there, &[], Some("unchanged"));
    check_exists(
        "replace",
        &there,
        &["DELETE jobs n/fixed u7", "CREATE jobs n/"],
        Some("applied"),
    );
}

#[test]
fn a3_an_object_on_its_way_out_is_waited_for() {
    let leaving =
        json!({"metadata": {"name": "fixed", "uid": "u7", "deletionTimestamp": "2026-01-01T00:00:00Z"}});
    for on_exists in ["error", "ignore", "replace"] {
        check_exists(on_exists, &leaving, &[], Some("retrying"));
    }
}
