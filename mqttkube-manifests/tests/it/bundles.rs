//! Bundles: order, edits, and the proof that renderers ask for.

use k8s_openapi::api::core::v1::{ConfigMap, Namespace};
use mqttkube_manifests::bundle::{Bundle, BundleError};
use mqttkube_manifests::object::{Object, ObjectError};
use proptest::prelude::*;
use serde_json::{Value, json};

fn object(kind: &str, name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "n"}})
}

fn config_map() -> Bundle {
    let mut bundle = Bundle::new();
    bundle
        .add_value(object("ConfigMap", "c"))
        .expect("it is an object");
    bundle
}

#[test]
fn what_others_need_goes_first_and_equals_keep_their_order() {
    let mut bundle = Bundle::new();
    for (kind, name) in [
        ("Pod", "p"),
        ("ConfigMap", "b"),
        ("Gadget", "g"),
        ("ConfigMap", "a"),
        ("Secret", "s"),
    ] {
        bundle.add_value(object(kind, name)).expect("it is an object");
    }
    let order: Vec<&str> = bundle.objects().iter().map(Object::name).collect();
    assert_eq!(order, ["s", "b", "a", "p", "g"]);
}

#[test]
fn one_key_names_one_object() {
    let mut bundle = config_map();
    let error = bundle
        .add_value(object("ConfigMap", "c"))
        .expect_err("it is there already");
    assert_eq!(error.to_string(), "ConfigMap/n/c is in the bundle already");
}

#[test]
fn a_tree_that_is_no_object_says_what_it_lacks() {
    let new = |value| Object::new(value).expect_err("it is no object").to_string();
    assert_eq!(new(json!([])), "a Kubernetes object is a map");
    assert_eq!(new(json!({"kind": "Pod"})), "the object has no apiVersion");
    assert_eq!(
        new(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}})),
        "the object has no metadata.name"
    );
}

#[test]
fn an_object_is_edited_through_its_type_and_cannot_become_another() {
    let mut bundle = config_map();
    let key = bundle.objects()[0].key().clone();
    let insert = |map: &mut ConfigMap| {
        map.data
            .get_or_insert_default()
            .insert("a".to_owned(), "b".to_owned());
    };
    bundle.edit(&key, insert).expect("it is a ConfigMap");
    assert_eq!(bundle.objects()[0].at("/data/a"), "b");
    let error = bundle
        .edit::<Namespace>(&key, |_| {})
        .expect_err("it is no Namespace");
    assert_eq!(
        error.to_string(),
        "ConfigMap/n/c is no Namespace: it is v1 ConfigMap"
    );
    let renamed = bundle
        .merge(&key, &json!({"metadata": {"name": "d"}}))
        .expect_err("another object");
    assert!(matches!(renamed, BundleError::Renamed { .. }), "{renamed}");
    bundle
        .merge(&key, &json!({"data": {"a": null, "x": "y"}}))
        .expect("it stays the same object");
    assert_eq!(bundle.objects()[0].at("/data"), &json!({"x": "y"}));
}

#[test]
fn a_bundle_with_errors_is_rendered_only_for_a_reason() {
    let mut bundle = config_map();
    let key = bundle.objects()[0].key().clone();
    bundle
        .merge(&key, &json!({"data": {"k": "-----BEGIN EC PRIVATE KEY-----"}}))
        .expect("it is there");
    let Err(BundleError::Refused(report)) = bundle.clone().verified() else {
        panic!("it has an error")
    };
    assert_eq!(
        report.errors().map(|finding| finding.code).collect::<Vec<_>>(),
        ["MK401"]
    );
    assert_eq!(
        bundle.clone().unverified(" \n").expect_err("no reason"),
        BundleError::NoReason
    );
    let forced = bundle.unverified("a test\nkey").expect("there is a reason");
    assert_eq!(forced.override_reason(), Some("a test key"));
}

#[test]
fn an_absent_object_cannot_be_edited() {
    let other = Object::new(object("Secret", "s")).expect("it is an object");
    let error = config_map()
        .merge(other.key(), &json!({}))
        .expect_err("it is not there");
    assert_eq!(error, BundleError::Absent("Secret/n/s".to_owned()));
    assert!(matches!(other.to::<ConfigMap>(), Err(ObjectError::Shape { .. })));
}

fn any_tree() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        "[a-z$:-]{0,8}".prop_map(Value::from),
    ];
    let key = prop_oneof![
        prop::sample::select(vec![
            "spec",
            "template",
            "metadata",
            "containers",
            "volumes",
            "name",
            "env",
            "ports",
            "data",
            "selector",
            "rules",
            "securityContext",
            "volumeMounts",
            "labels",
            "matchLabels",
            "capabilities",
            "image",
        ])
        .prop_map(str::to_owned),
        "[a-z]{1,4}",
    ];
    leaf.prop_recursive(6, 64, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::hash_map(key.clone(), inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    /// Anybody's YAML may come: a check of any tree ends, and ends alike twice.
    #[test]
    fn no_tree_makes_the_check_panic(
        kind in prop::sample::select(vec![
            "Deployment", "StatefulSet", "Service", "ConfigMap", "PodDisruptionBudget", "Role", "RoleBinding", "CronJob",
            "Ingress", "TLSRoute", "HorizontalPodAutoscaler", "PersistentVolumeClaim", "Certificate",
        ]),
        spec in any_tree(), rest in any_tree(),
    ) {
        let mut bundle = Bundle::new();
        let metadata = json!({"name": "x"});
        bundle.add_value(json!({"apiVersion": "v1", "kind": kind, "metadata": metadata, "spec": spec, "data": rest, "rules": rest}))?;
        prop_assert_eq!(bundle.check(), bundle.check());
    }
}

#[test]
fn bundles_are_merged_in_order_and_what_is_equal_is_kept_once() {
    let mut other = Bundle::new();
    for (kind, name) in [("Secret", "s"), ("ConfigMap", "c"), ("Pod", "p")] {
        other.add_value(object(kind, name)).expect("it is an object");
    }
    let merged = Bundle::merged([config_map(), other.clone()]).expect("what is in both is equal");
    let order: Vec<&str> = merged.objects().iter().map(Object::name).collect();
    assert_eq!(order, ["s", "c", "p"]);
    assert_eq!(merged.find("Pod", Some("n"), "p").map(Object::kind), Some("Pod"));
    assert_eq!(merged.find("Pod", None, "p"), None);
    let key = other.objects()[1].key().clone();
    other
        .merge(&key, &json!({"data": {"a": "b"}}))
        .expect("it is there");
    let error = config_map().extend(other).expect_err("they differ");
    assert_eq!(error.to_string(), "ConfigMap/n/c is in the bundle already");
}
