//! What holds for every model that builds.

use std::time::Instant;

use mqttkube_manifests::broker::{Broker, Effect, Redacted, ReloadPlan, User};
use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::object::Object;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

use crate::broker::{EXPLAINED, HASH, bundle, example, goes_through_its_types, read};

const OTHER_HASH: &str = "$7$101$AgICAgICAgICAgIC$bQ/bPeDkrhd4Vzs5oZ8dKXSVSF3B41LkgmCZlM9RwEiEzhqN22LmtEnfg5rmkPDLTP1cTGpvLkM8nXg1LxgUKA==";

/// One member of a model with some of its values.
fn members() -> Vec<(&'static str, Vec<Value>)> {
    let plain = json!({"name": "mqtt", "port": 1883});
    let own = json!({"name": "mqtts", "port": 8883, "tls": {"issuer": {"name": "own"}, "hosts": ["a.example.com"]}});
    let other = json!({"name": "mqtts", "port": 8883, "tls": {"issuer": {"name": "other"}, "hosts": ["b.example.com"]}});
    let secret = json!({"name": "mqtts", "port": 8883, "tls": {"secret": "certificate"}});
    let web = json!({"name": "ws", "port": 8080, "protocol": "websockets", "max-connections": 100});
    let open = json!({"name": "open", "port": 1884, "anonymous": true});
    let user = |name: &str, hash: &str| json!({"name": name, "hash": hash});
    let outside = json!({"name": "c", "password": {"secret": "users", "key": "c"}});
    let rights = json!([{"user": "a", "read": ["#"]}, {"everybody": true, "write": ["of/%u/#"]}]);
    let bridge = json!({"name": "hub", "address": "hub.example.com:8883", "rules": ["topic a/# out 1"], "tls": {},
        "username": "spoke", "password": {"secret": "hub", "key": "password"}});
    vec![
        (
            "name",
            vec![json!("mosquitto"), json!("m".repeat(49)), json!("x")],
        ),
        (
            "labels",
            vec![
                json!({}),
                json!({"app.kubernetes.io/part-of": "home"}),
                json!({"team": "iot"}),
            ],
        ),
        (
            "annotations",
            vec![json!({}), json!({"example.com/owner": "somebody"})],
        ),
        (
            "listeners",
            vec![
                json!([plain, own]),
                json!([plain, other]),
                json!([plain, secret, web]),
                json!([plain, own, open]),
            ],
        ),
        (
            "auth",
            vec![
                json!({"users": [user("a", HASH)]}),
                json!({"users": [user("a", OTHER_HASH), user("b", HASH)], "acl": rights}),
                json!({"users": [user("a", HASH), outside], "acl": [{"user": "a", "deny": ["secret/#"]}]}),
                json!({"anonymous": {"reason": "a test bench"}}),
            ],
        ),
        (
            "persistence",
            vec![
                json!(null),
                json!({"size": "1Gi"}),
                json!({"size": "2Gi", "storage-class": "fast"}),
            ],
        ),
        (
            "limits",
            vec![
                json!({}),
                json!({"max-queued": 10_000}),
                json!({"max-packet": 1000}),
            ],
        ),
        ("bridges", vec![json!([]), json!([bridge])]),
        (
            "logging",
            vec![json!({}), json!({"level": "debug", "connections": false})],
        ),
        ("workload", vec![json!("StatefulSet"), json!("Deployment")]),
        ("platform", vec![json!("kubernetes"), json!("openshift")]),
        (
            "expose",
            vec![
                json!([]),
                json!([{"node-port": {"mqtts": 30883}}]),
                json!([{"load-balancer": {"source-ranges": ["192.0.2.0/24"]}}, {"tls-route": {
                "parents": [{"name": "gate"}], "hosts": ["c.example.com"]}}]),
            ],
        ),
        (
            "network",
            vec![
                json!(null),
                json!({"from": [{"namespace": "apps"}, {"cidr": "10.0.0.0/8", "listeners": ["mqtts"]}]}),
            ],
        ),
        ("disruption", vec![json!("one-at-a-time"), json!("none")]),
        (
            "spread",
            vec![json!("preferred"), json!("required"), json!("none")],
        ),
        (
            "metrics",
            vec![
                json!("none"),
                json!({"exporter": {"image": "exporter:1"}}),
                json!({"exporter": {"image": "exporter:1", "monitor": "service"}}),
            ],
        ),
        ("resources", vec![json!({}), json!({"cpu": "1", "memory": "1Gi"})]),
        ("reload", vec![json!("watch"), json!("manual")]),
        ("create-namespace", vec![json!(false), json!(true)]),
    ]
}

/// A model with a value for each member, by chance.
fn specs() -> impl Strategy<Value = Value> {
    let members: Vec<BoxedStrategy<(&'static str, Value)>> = members()
        .into_iter()
        .map(|(name, values)| select(values).prop_map(move |value| (name, value)).boxed())
        .collect();
    members.prop_map(|chosen| {
        let mut spec = example();
        for (name, value) in chosen {
            spec[name] = value;
        }
        // Nobody may open a broker without passwords to the outside.
        if spec["auth"].get("anonymous").is_some() {
            spec["expose"] = json!([]);
        }
        spec
    })
}

/// The template, and what else of the workload cannot be changed in place.
fn workload(bundle: &Bundle) -> &Object {
    let found = bundle
        .objects()
        .iter()
        .find(|object| !object.at("/spec/template").is_null());
    found.expect("there is a workload")
}

fn names(value: &Value, all: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            all.extend(map.get("name").and_then(Value::as_str).map(str::to_owned));
            map.values().for_each(|value| names(value, all));
        }
        Value::Array(list) => list.iter().for_each(|value| names(value, all)),
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_builds_is_verified_typed_and_the_same_again(spec in specs()) {
        let broker = read(spec);
        let built = bundle(&broker);
        prop_assert_eq!(&built, &bundle(&broker));
        goes_through_its_types(&built);
        let written: Broker = serde_json::from_value(serde_json::to_value(&broker).expect("it is data")).expect("its form");
        prop_assert_eq!(&written, &broker);
        for object in built.objects() {
            let tree: Value = serde_json::from_str(&object.value().to_string()).expect("it is JSON");
            prop_assert_eq!(&tree, object.value());
            let mut all = Vec::new();
            names(object.value(), &mut all);
            prop_assert!(all.iter().all(|name| name.len() <= 253), "{:?}", all);
            if ["Service", "StatefulSet", "Deployment"].contains(&object.kind()) {
                prop_assert!(object.name().len() <= 63, "{}", object.key());
            }
            let secret = object.kind() == "Secret";
            let text = object.value().to_string();
            prop_assert!(secret || !(text.contains("$7$") || text.contains("AQEBAQEB")), "{}", object.key());
        }
        let found = built.verified();
        let report = found.map(|verified| verified.report().clone());
        let report = report.map_err(|error| TestCaseError::fail(format!("{error:?}")))?;
        let unexpected: Vec<_> = report.findings().iter().filter(|finding| !EXPLAINED.contains(&finding.code)).collect();
        prop_assert!(unexpected.is_empty(), "{:#?}", unexpected);
    }

    /// A plan without a new pod leaves the template as it is, and a plan with one changes it: otherwise the pod would run
    /// on with what it was started with, or end for nothing.
    #[test]
    fn a_plan_rolls_exactly_what_has_another_template(spec in specs(), at in 0..19usize, choice in 0..4usize) {
        let (member, values) = members().swap_remove(at);
        let mut changed = spec.clone();
        changed[member] = values[choice % values.len()].clone();
        let (old, new) = (read(spec), read(changed));
        let plan = ReloadPlan::between(&old, &new).expect("both build");
        let (before, after) = (bundle(&old), bundle(&new));
        let (before, after) = (workload(&before), workload(&after));
        let same = before.at("/spec/template") == after.at("/spec/template");
        match plan.effect() {
            Effect::Nothing | Effect::Sighup => {
                prop_assert!(same, "{:?}", plan);
                prop_assert_eq!(before.at("/spec/volumeClaimTemplates"), after.at("/spec/volumeClaimTemplates"));
            }
            Effect::Roll => prop_assert!(!same, "{:?}", plan),
            _ => {}
        }
        prop_assert_eq!(plan.changes().is_empty(), old == new || plan.changes().is_empty());
    }
}

#[test]
fn a_password_given_in_process_is_nowhere_but_in_its_hash() {
    let password = Redacted::from("correct horse battery staple");
    let user = || User::with_password("panel".parse().expect("a name"), &password, b"key").expect("a hash");
    assert_eq!(user(), user(), "the salt is the same each time");
    let mut broker = read(example());
    broker.auth = mqttkube_manifests::broker::Auth::users(vec![user()]);
    let objects = bundle(&broker);
    let all = format!(
        "{broker:?} {objects:?} {password:?} {:?}",
        serde_json::to_string(&broker)
    );
    assert!(!all.contains("correct horse"), "{all}");
    let other =
        User::with_password("panel".parse().expect("a name"), &password, b"another key").expect("a hash");
    assert_ne!(other, user(), "the salt depends on the key");
}

/// The largest model there is.
fn large() -> Value {
    let mut spec = example();
    let hash = |name: String| json!({"name": name, "hash": HASH});
    spec["auth"] = json!({
        "users": (0..50).map(|at| hash(format!("user-{at}"))).collect::<Vec<_>>(),
        "acl": (0..50).map(|at| json!({"user": format!("user-{at}"), "readwrite": [format!("of/{at}/#")]}))
            .collect::<Vec<_>>(),
    });
    let bridge = |at: usize| {
        json!({"name": format!("b{at}"), "address": format!("b{at}.example.com:8883"), "tls": {},
        "username": "u", "password": {"secret": "s", "key": format!("k{at}")},
        "rules": [format!("topic b{at}/# out 1")]})
    };
    spec["bridges"] = (0..10).map(bridge).collect();
    spec["metrics"] = json!({"exporter": {"image": "exporter:1"}});
    spec
}

/// The figures are for a release build. A debug build, which may have to share its machine, makes fewer and gets longer;
/// what grows with the square of the number would still be seen.
#[test]
fn a_large_model_is_built_and_checked_in_milliseconds_and_a_thousand_in_a_second() {
    let (factor, count) = if cfg!(debug_assertions) {
        (200, 100)
    } else {
        (1, 1000)
    };
    let broker = read(large());
    let round = |_| {
        let start = Instant::now();
        let report = bundle(&broker).check();
        assert!(report.errors().next().is_none());
        start.elapsed()
    };
    let best = (0..20).map(round).min().expect("there are rounds");
    println!("one large model: {best:?}");
    assert!(best.as_millis() <= 5 * factor, "{best:?}");

    let brokers: Vec<Broker> = (0..count)
        .map(|at| {
            let mut spec = example();
            spec["name"] = json!(format!("broker-{at}"));
            spec["expose"] = json!([]);
            read(spec)
        })
        .collect();
    let start = Instant::now();
    let all = Bundle::merged(brokers.iter().map(bundle)).expect("names differ");
    let built = start.elapsed();
    assert!(all.check().errors().next().is_none());
    let checked = start.elapsed();
    println!(
        "{count} brokers, {} objects: built in {built:?}, checked at {checked:?}",
        all.objects().len()
    );
    assert!(checked.as_millis() <= 1000 * factor, "{checked:?}");
    let memory = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = memory.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    println!(
        "at most {} of memory",
        peak.unwrap_or(" an unknown amount").trim()
    );
}
