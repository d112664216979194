//! Every rule: a bundle without a finding, and for each code one small change that fires it.

mod cases;
mod good;

use std::collections::BTreeSet;

use mqttkube_manifests::check::{Finding, Rule, Severity, rules};
use serde_json::{Value, json};

use crate::objects::{findings, object_of, put};
use cases::cases;
use good::good;

/// The path of the Deployment's pod, and of its container.
const POD: &str = "/spec/template/spec";
const CONTAINER: &str = "/spec/template/spec/containers/0";

/// One change: object by kind and name, JSON pointer, new value (null removes). A pointer to the end of a list appends.
#[derive(Clone)]
struct Change(&'static str, String, Value);

fn set(object: &'static str, pointer: &str, value: Value) -> Change {
    Change(object, pointer.to_owned(), value)
}

fn pod(pointer: &str, value: Value) -> Change {
    Change("Deployment/mosquitto", format!("{POD}{pointer}"), value)
}

fn container(pointer: &str, value: Value) -> Change {
    Change("Deployment/mosquitto", format!("{CONTAINER}{pointer}"), value)
}

fn apply(objects: &mut [Value], Change(name, pointer, new): Change) {
    put(object_of(objects, name), &pointer, new);
}

#[test]
fn nothing_false_is_said_of_a_good_bundle() {
    let found = findings(good());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_rule_fires_on_one_small_change_and_names_the_place() {
    for (rule, changes) in cases() {
        let mut objects = good();
        if *rule == rules::BUDGETS_OVERLAP {
            let mut second = objects
                .iter()
                .find(|object| object["kind"] == "PodDisruptionBudget")
                .cloned();
            second.as_mut().expect("there is a budget")["metadata"]["name"] = json!("second");
            objects.extend(second);
        }
        changes.into_iter().for_each(|change| apply(&mut objects, change));
        let found = findings(objects);
        let own: Vec<&Finding> = found.iter().filter(|finding| finding.code == rule.code).collect();
        assert!(
            !own.is_empty(),
            "{} ({}) is not found; found {found:#?}",
            rule.code,
            rule.title
        );
        assert!(
            own.iter()
                .all(|finding| !finding.path.is_empty() && finding.help == rule.help),
            "{own:#?}"
        );
    }
}

#[test]
fn every_rule_has_a_case_a_code_of_its_own_and_an_explanation() {
    let mut cases: BTreeSet<&str> = cases().iter().map(|(rule, _)| rule.code).collect();
    cases.extend(crate::check_brokers::cases().iter().map(|case| case.rule.code));
    let all: BTreeSet<&str> = rules::ALL.iter().map(|rule| rule.code).collect();
    assert_eq!(cases, all, "rules without a case, or cases without a rule");
    assert_eq!(all.len(), rules::ALL.len(), "a code is used twice");
    for rule in rules::ALL {
        assert_eq!(Rule::find(&rule.code.to_lowercase()), Some(*rule));
        assert!(
            rule.why.ends_with('.') && !rule.help.ends_with('.'),
            "{}",
            rule.code
        );
    }
}

#[test]
fn a_finding_names_object_path_and_cure() {
    let mut objects = good();
    apply(
        &mut objects,
        container("/volumeMounts/-", json!({"name": "certs", "mountPath": "/certs"})),
    );
    let found = findings(objects);
    assert_eq!(
        found.iter().map(ToString::to_string).collect::<Vec<_>>(),
        [
            "Deployment/mqtt/mosquitto: error[MK101]: the pod has no volume `certs`\n  \
          at spec.template.spec.containers[0].volumeMounts[3].name\n  \
          help: declare the volume in the pod, or correct the name of the mount"
        ]
    );
    assert_eq!(found[0].severity, Severity::Error);
}

#[test]
fn a_secret_is_named_by_its_place_and_never_shown() {
    let mut objects = good();
    apply(
        &mut objects,
        container("/env/-", json!({"name": "API_TOKEN", "value": "canary-91"})),
    );
    apply(
        &mut objects,
        container(
            "/args",
            json!(["-P", "canary-92", "--password=canary-93", "--token", "canary-94"]),
        ),
    );
    apply(
        &mut objects,
        set("ConfigMap/conf", "/data/x", json!("bridge_psk canary-95\n")),
    );
    let found = findings(objects);
    assert_eq!(
        found
            .iter()
            .filter(|finding| finding.code.starts_with("MK4"))
            .count(),
        5,
        "{found:#?}"
    );
    assert!(!format!("{found:?}").contains("canary"), "{found:#?}");
}

#[test]
fn a_secret_that_a_certificate_makes_is_not_missed() {
    let mut objects = good();
    apply(&mut objects, pod("/volumes/1/secret/secretName", json!("tls")));
    objects.push(json!({"apiVersion": "cert-manager.io/v1", "kind": "Certificate",
        "metadata": {"name": "tls", "namespace": "mqtt"}, "spec": {"secretName": "tls"}}));
    assert!(
        !findings(objects)
            .iter()
            .any(|finding| finding.code == rules::NO_SECRET.code)
    );
}

#[test]
fn a_namespace_that_is_privileged_on_purpose_is_left_in_peace() {
    let mut objects = good();
    let labels = json!({"pod-security.kubernetes.io/enforce": "privileged"});
    apply(&mut objects, set("Namespace/mqtt", "/metadata/labels", labels));
    apply(
        &mut objects,
        container("/securityContext/privileged", json!(true)),
    );
    assert!(findings(objects).is_empty());
}
