//! Directories for kustomize: names, layers, and what they refuse. What kustomize makes of them is a test against kubectl.

#![allow(
    clippy::needless_pass_by_value,
    reason = "values are written where they are passed"
)]

use mqttkube_manifests::bundle::{Bundle, VerifiedBundle};
use mqttkube_manifests::object::{Object, ObjectKey};
use mqttkube_manifests::render::kustomize::Kustomize;
use mqttkube_manifests::render::{RenderError, name_hash, with_hashed_names};
use serde_json::{Value, json};

fn bundle(objects: &[Value]) -> VerifiedBundle {
    let mut bundle = Bundle::new();
    for object in objects {
        bundle.add_value(object.clone()).expect("it is an object");
    }
    bundle.unverified("a test").expect("there is a reason")
}

fn config(name: &str, data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data})
}

fn key(object: &Value) -> ObjectKey {
    Object::new(object.clone())
        .expect("it is an object")
        .key()
        .clone()
}

#[track_caller]
fn refused(kustomize: &Kustomize, expected: &str) {
    let error = kustomize.render().expect_err("it is refused");
    assert_eq!(error.to_string(), expected);
}

/// The vectors of 5e-4.
#[test]
fn hashes_are_those_of_kustomize() {
    let check = |object: Value, expected: &str| {
        let hash = name_hash(&Object::new(object).expect("it is an object"));
        assert_eq!(hash.as_deref(), Some(expected));
    };
    check(
        config("c", json!({"a": "b", "bridge.conf.tmpl": "x\n"})),
        "8chkt6c78f",
    );
    let secret = |member: &str, data: Value| json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "type": "Opaque", member: data});
    check(
        secret("stringData", json!({"ec_private.pem": "key\n"})),
        "k5f7549ddd",
    );
    check(
        secret("data", json!({"ec_private.pem": "a2V5Cg=="})),
        "k5f7549ddd",
    );
}

#[test]
fn a_new_name_reaches_everything_that_refers_to_it() {
    let c = config("c", json!({"k": "v"}));
    let pod = json!({
        "volumes": [
            {"name": "a", "configMap": {"name": "c"}},
            {"name": "b", "projected": {"sources": [{"configMap": {"name": "c"}}, {"configMap": {"name": "other"}}]}},
            {"name": "s", "secret": {"secretName": "c"}},
        ],
        "initContainers": [{"name": "i", "envFrom": [{"configMapRef": {"name": "c"}}]}],
        "containers": [{"name": "m", "env": [{"name": "E", "valueFrom": {"configMapKeyRef": {"name": "c", "key": "k"}}}]}],
    });
    let workload = json!({"apiVersion": "apps.openshift.io/v1", "kind": "DeploymentConfig", "metadata": {"name": "d"},
        "spec": {"template": {"spec": pod}}});
    let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "r"},
        "rules": [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": ["c"], "verbs": ["get"]}]});
    let before = bundle(&[c.clone(), workload, role]);
    let after = with_hashed_names(&before, &[key(&c)]).expect("it is there");
    let text = json!(after.objects().iter().map(Object::value).collect::<Vec<_>>()).to_string();
    let new = after
        .objects()
        .iter()
        .find(|object| object.kind() == "ConfigMap")
        .expect("it is there")
        .name();
    assert!(new.starts_with("c-"), "{new}");
    assert_eq!(text.matches(new).count(), 6, "{text}");
    assert_eq!(
        text.matches("\"c\"").count(),
        1,
        "only the Secret keeps its name: {text}"
    );
}

#[test]
fn what_kustomize_would_leave_dangling_is_named_before() {
    let c = config("c", json!({"k": "v"}));
    let workload = |kind: &str| {
        json!({"apiVersion": "x/v1", "kind": kind, "metadata": {"name": "d"},
            "spec": {"template": {"spec": {"volumes": [{"name": "a", "configMap": {"name": "c"}}]}}}})
    };
    let first = |kind: &str| {
        let base = bundle(&[c.clone(), workload(kind)]);
        let files = Kustomize::new(base)
            .generate([key(&c)])
            .render()
            .expect("it is fine");
        files[0].text.clone()
    };
    assert!(first("Deployment").contains("configMapGenerator"));
    assert!(!first("DeploymentConfig").contains("configMapGenerator"));
}

#[test]
fn a_layer_holds_the_difference_alone() {
    let base = bundle(&[
        config("a", json!({"k": "v"})),
        config("b", json!({"k": "v", "l": "w"})),
        config("c", json!({})),
    ]);
    let overlay = bundle(&[
        config("b", json!({"k": "x\n", "l": "w"})),
        config("c", json!({})),
        config("d", json!({})),
    ]);
    let keys: Vec<_> = [&base, &overlay]
        .iter()
        .flat_map(|bundle| bundle.objects())
        .filter(|object| object.name() == "b")
        .map(|object| object.key().clone())
        .collect();
    let files = Kustomize::new(base)
        .generate(keys)
        .overlay("site", overlay, &[])
        .render()
        .expect("it is fine");
    let of_overlay: Vec<_> = files
        .iter()
        .filter(|file| file.path.starts_with("overlays/site/"))
        .map(|file| &file.path["overlays/site/".len()..])
        .collect();
    assert_eq!(
        of_overlay,
        [
            "kustomization.yaml",
            "delete-configmap-a.yaml",
            "files/default/configmap-b/k",
            "configmap-d.yaml"
        ]
    );
    let k = files.iter().find(|file| file.path.ends_with("configmap-b/k"));
    assert_eq!(
        k.map(|file| file.text.as_str()),
        Some("x\n"),
        "a file for a generator has no comment in it"
    );
}

#[test]
fn what_cannot_be_rendered_is_refused_by_name() {
    let base = bundle(&[config("a", json!({"k": "v"}))]);
    let other = |value: &str| bundle(&[config("a", json!({ "k": value }))]);
    let new = || Kustomize::new(base.clone());
    refused(
        &new().overlay("../x", other("1"), &[]),
        "\"../x\" is no name for a folder: lower-case letters, digits and `-`",
    );
    refused(
        &new().overlay("x", other("1"), &[]).overlay("x", other("2"), &[]),
        "\"x\" is there twice",
    );
    refused(
        &new().overlay("x", other("1"), &["y"]),
        "the overlay \"x\" uses the component \"y\", which is not there",
    );
    let service = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s"}});
    refused(
        &new().generate([key(&service)]),
        "Service/s is neither a ConfigMap nor a Secret, so its name cannot hold a hash",
    );
    refused(
        &new().generate([key(&config("b", json!({})))]),
        "there is no ConfigMap/b in the bundle",
    );
    let gone = bundle(&[]);
    let twice = new()
        .component("one", gone.clone())
        .component("two", gone.clone())
        .overlay("x", gone, &["one", "two"]);
    refused(
        &twice,
        "the component \"two\" changes ConfigMap/a, which another component has changed already",
    );
}

#[test]
fn names_that_grow_too_long_are_refused() {
    let long = config(&"n".repeat(243), json!({"k": "v"}));
    let result = with_hashed_names(&bundle(std::slice::from_ref(&long)), &[key(&long)]);
    assert!(
        matches!(&result, Err(RenderError::Long(name)) if name.len() == 254),
        "{result:?}"
    );
}
