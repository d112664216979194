//! DeploymentConfig of OpenShift, deprecated there since 4.14.

use serde_json::{Map, Value, json};

use super::{Change, Work, items, key, put, take};
use crate::bundle::Bundle;

/// A DeploymentConfig becomes a Deployment. Triggers by image stay as the annotation that OpenShift knows; hooks and
/// custom strategies have no counterpart and are named.
#[must_use]
pub fn deployment_configs(bundle: &Bundle) -> (Bundle, Vec<Change>) {
    let mut work = Work::new(bundle);
    for index in 0..work.objects.len() {
        let object = &work.objects[index];
        if object["kind"] != "DeploymentConfig" {
            continue;
        }
        let name = key(object);
        let own = object["metadata"]["name"].as_str().unwrap_or_default();
        if work
            .find("Deployment", &object["metadata"]["namespace"], own)
            .is_some()
        {
            let why = "two Deployments cannot have one name";
            work.say(
                &name,
                "metadata.name",
                "left as it is: there is a Deployment of that name",
                why,
            );
            continue;
        }
        let old = work.objects[index].take();
        let (new, changes) = convert(&name, old);
        follow(&mut work, &new);
        work.objects[index] = new;
        work.changes.extend(changes);
    }
    work.done()
}

fn convert(name: &str, mut old: Value) -> (Value, Vec<Change>) {
    let mut work = Work {
        objects: Vec::new(),
        changes: Vec::new(),
    };
    let mut spec = take(&mut old, &["spec"]).unwrap_or_default();
    let mut metadata = take(&mut old, &["metadata"]).unwrap_or_default();
    let mut new = Map::new();
    for member in ["replicas", "minReadySeconds", "revisionHistoryLimit", "paused"] {
        if let Some(value) = take(&mut spec, &[member]) {
            new.insert(member.to_owned(), value);
        }
    }
    work.say(
        name,
        "kind",
        "becomes Deployment of apps/v1",
        "OpenShift has deprecated DeploymentConfig since 4.14",
    );
    let template = take(&mut spec, &["template"]).unwrap_or_default();
    let labels = template["metadata"]["labels"].clone();
    let selector = take(&mut spec, &["selector"])
        .filter(Value::is_object)
        .unwrap_or(labels);
    new.insert("selector".to_owned(), json!({"matchLabels": selector}));
    let what = "the map becomes matchLabels";
    work.say(name, "spec.selector", what, "a Deployment has a label selector");
    let (strategy, deadline) = strategy(
        &mut work,
        name,
        take(&mut spec, &["strategy"]).unwrap_or_default(),
    );
    new.insert("strategy".to_owned(), strategy);
    if let Some(seconds) = deadline {
        new.insert("progressDeadlineSeconds".to_owned(), seconds);
    }
    new.insert("template".to_owned(), template);
    triggers(&mut work, name, &spec["triggers"], &mut metadata);
    if take(&mut spec, &["test"]) == Some(Value::Bool(true)) {
        let what = "removed: the replicas run all the time";
        work.say(
            name,
            "spec.test",
            what,
            "a Deployment cannot be scaled down after its rollout",
        );
    }
    let deployment =
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": new});
    (deployment, work.changes)
}

/// The strategy of the Deployment, and its deadline where one was set.
fn strategy(work: &mut Work, name: &str, mut old: Value) -> (Value, Option<Value>) {
    for params in ["rollingParams", "recreateParams"] {
        for hook in ["pre", "mid", "post"] {
            if old[params][hook].is_object() {
                let path = format!("spec.strategy.{params}.{hook}");
                let what = "removed: make it an init container or a Job";
                work.say(name, path, what, "a Deployment has no hooks around its rollout");
            }
        }
    }
    if old["type"] == "Recreate" {
        let deadline = old["recreateParams"]["timeoutSeconds"].clone();
        return (
            json!({"type": "Recreate"}),
            Some(deadline).filter(|value| !value.is_null()),
        );
    }
    if old["type"] == "Custom" {
        let what = "becomes RollingUpdate";
        work.say(
            name,
            "spec.strategy.type",
            what,
            "a Deployment has no custom strategy",
        );
    } else {
        let what = "Rolling becomes RollingUpdate";
        work.say(name, "spec.strategy.type", what, "so a Deployment calls it");
    }
    let mut bounds = Map::new();
    for bound in ["maxSurge", "maxUnavailable"] {
        if let Some(value) = take(&mut old, &["rollingParams", bound]) {
            bounds.insert(bound.to_owned(), value);
        }
    }
    let deadline = take(&mut old, &["rollingParams", "timeoutSeconds"]);
    let mut new = json!({"type": "RollingUpdate"});
    if !bounds.is_empty() {
        put(&mut new, &["rollingUpdate"], Value::Object(bounds));
    }
    (new, deadline)
}

/// A change of the configuration always rolls a Deployment out; a change of an image does by an annotation.
fn triggers(work: &mut Work, name: &str, old: &Value, metadata: &mut Value) {
    let mut annotation = Vec::new();
    for trigger in items(old).filter(|trigger| trigger["type"] == "ImageChange") {
        let params = &trigger["imageChangeParams"];
        for container in items(&params["containerNames"]).filter_map(Value::as_str) {
            let field = format!("spec.template.spec.containers[?(@.name==\"{container}\")].image");
            let paused = params["automatic"] != true;
            annotation.push(json!({"from": params["from"], "fieldPath": field, "paused": paused}));
        }
    }
    if !annotation.is_empty() {
        let text = Value::Array(annotation).to_string();
        put(
            metadata,
            &["annotations", "image.openshift.io/triggers"],
            json!(text),
        );
        let what = "triggers by image become the annotation image.openshift.io/triggers";
        work.say(name, "spec.triggers", what, "a Deployment has no triggers");
    }
    let never = old.as_array().is_some_and(Vec::is_empty);
    if never {
        let what = "the empty list is removed: every change of the template now rolls out";
        work.say(
            name,
            "spec.triggers",
            what,
            "a Deployment waits only when it is paused",
        );
    }
}

/// Autoscalers of the old object follow.
fn follow(work: &mut Work, new: &Value) {
    for object in &mut work.objects {
        let target = &object["spec"]["scaleTargetRef"];
        let ours = object["kind"] == "HorizontalPodAutoscaler"
            && object["metadata"]["namespace"] == new["metadata"]["namespace"]
            && target["kind"] == "DeploymentConfig"
            && target["name"] == new["metadata"]["name"];
        if ours {
            put(
                object,
                &["spec", "scaleTargetRef", "apiVersion"],
                json!("apps/v1"),
            );
            put(object, &["spec", "scaleTargetRef", "kind"], json!("Deployment"));
            work.changes.push(Change {
                object: key(object),
                path: "spec.scaleTargetRef".to_owned(),
                what: "names the Deployment".to_owned(),
                why: "the DeploymentConfig is gone",
            });
        }
    }
}
