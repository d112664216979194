//! Paths: reading against another implementation, spellings, limits, and what a write changes.

use jsonpath_rust::JsonPath;
use mqttkube_mapping::{EvalErrorKind, Hits, Locus};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::vectors_patch::{apply, merge};

#[track_caller]
fn locus(text: &str) -> Locus {
    match Locus::parse(text) {
        Ok((locus, _)) => locus,
        Err(error) => panic!("{text}: {error} at column {}", error.column),
    }
}

#[track_caller]
fn check_read(text: &str, object: &Value, expected: &[Value]) {
    let hits = locus(text).read(object).expect("within the budget");
    assert_eq!(hits.iter().cloned().collect::<Vec<_>>(), expected, "{text}");
}

#[track_caller]
fn check_error(text: &str, column: usize, message: &str) {
    let error = Locus::parse(text).expect_err("it is no path");
    assert_eq!(
        (error.column, error.message.as_str()),
        (column, message),
        "{text}"
    );
}

fn pod() -> Value {
    json!({
        "metadata": {"name": "p", "labels": {"App": "web", "my_label": "x"}},
        "status": {"podIP": "10.0.0.1", "availableReplicas": 2, "conditions": [
            {"type": "Ready", "status": "True"}, {"type": "Initialized", "status": "False"}]},
        "spec": {"a-b": 1, "containers": [{"name": "web", "ports": [80, 443]}, {"name": "side"}]},
    })
}

#[test]
fn w13_all_spellings_of_a_path_mean_the_same() {
    let spellings = [
        "$.status.podIP",
        "status.podIP",
        ".status.podIP",
        "{.status.podIP}",
        "{$.status.podIP}",
        " status.podIP ",
        "$['status']['podIP']",
        "status[\"podIP\"]",
        "['status'].podIP",
        "status.\"podIP\"",
        "\"status\".podIP",
        "$ .status [ 'podIP' ]",
        "status['pod\\u0049P']",
    ];
    for text in spellings {
        check_read(text, &pod(), &[json!("10.0.0.1")]);
    }
}

#[test]
fn w12_everything_of_rfc_9535_works() {
    let pod = pod();
    check_read("spec.containers[-1].name", &pod, &[json!("side")]);
    check_read("$..ports[*]", &pod, &[json!(80), json!(443)]);
    check_read("spec.containers[0].ports[::-1]", &pod, &[json!(443), json!(80)]);
    check_read(
        "status.conditions[?@.type=='Ready'].status",
        &pod,
        &[json!("True")],
    );
    check_read(
        "status.conditions[?(@.type == \"Ready\" && !@.gone)].status",
        &pod,
        &[json!("True")],
    );
    check_read(
        "spec.containers[?count(@.ports[*]) > 1 || length(@.name) == 4].name",
        &pod,
        &[json!("web"), json!("side")],
    );
    check_read(
        "spec.containers[?value(@..ports[0]) == 80].name",
        &pod,
        &[json!("web")],
    );
    check_read(
        "spec.containers[?match(@.name, 'w.b')].name",
        &pod,
        &[json!("web")],
    );
    check_read("spec.containers[?match(@.name, 'e')].name", &pod, &[]);
    check_read(
        "spec.containers[?search(@.name, 'e|x')].name",
        &pod,
        &[json!("web"), json!("side")],
    );
    check_read(
        "spec.containers[?@.name != $.metadata.name].name",
        &pod,
        &[json!("web"), json!("side")],
    );
    check_read("spec['a-b', 'nope', 'a-b']", &pod, &[json!(1), json!(1)]);
}

#[test]
fn w11_names_are_real_names_and_snake_case_is_a_warning() {
    check_read("metadata.labels.App", &pod(), &[json!("web")]);
    for (text, value) in [
        ("status.pod_ip", json!("10.0.0.1")),
        ("status.available_replicas", json!(2)),
    ] {
        let (locus, warnings) = Locus::parse(text).expect("a path");
        assert_eq!(locus.read(&pod()), Ok(Hits::One(&value)));
        assert_eq!(warnings.len(), 1, "{text}");
    }
    let (_, warnings) = Locus::parse("status.available_replicas").expect("a path");
    assert_eq!(
        warnings[0].to_string(),
        "\"available_replicas\" is taken for \"availableReplicas\" where an object has no member of that name; \
         write availableReplicas, or ['available_replicas'] if it is meant as it stands"
    );
    for exact in [
        "metadata.labels.my_label",
        "status['pod_ip']",
        "status.__x",
        "status.Pod_ip",
    ] {
        assert_eq!(Locus::parse(exact).expect("a path").1, [], "{exact}");
    }
    check_read("status['pod_ip']", &pod(), &[]);
}

#[test]
fn w11_a_snake_case_name_is_written_in_camel_case() {
    let path = locus("spec.min_ready_seconds").write_path().expect("one place");
    assert_eq!(
        path.merge_patch(None, json!(5)),
        Ok(json!({"spec": {"minReadySeconds": 5}}))
    );
    let own = json!({"spec": {"min_ready_seconds": 1}});
    assert_eq!(
        path.merge_patch(Some(&own), json!(5)),
        Ok(json!({"spec": {"min_ready_seconds": 5}}))
    );
    let ip = locus("spec.cluster_ip").write_path().expect("one place");
    assert_eq!(
        ip.merge_patch(None, json!("x")),
        Ok(json!({"spec": {"clusterIP": "x"}}))
    );
}

#[test]
fn errors_have_a_column_and_say_what_to_write() {
    check_error("spec.a-b", 7, "unexpected '-'");
    check_error("spec.", 6, "a name is missing at the end");
    check_error(
        "  {.spec[x]} ",
        10,
        "expected an index, a quoted name, \"*\" or a filter, found 'x'",
    );
    check_error("spec[?@.a = 1]", 11, "expected ']', found '='");
    check_error("spec[?@.a =~ 'x']", 11, "expected ']', found '='");
    check_error("spec[?@.* == 1]", 7, "only a path to one value can be compared");
    check_error(
        "a[?match(@.b, @.c)]",
        4,
        "the pattern of match() must be a quoted text",
    );
    check_error(
        "a[?length(@.*) > 1]",
        11,
        "only a path to one value can be compared",
    );
    check_error("a[01]", 3, "an integer has no leading zero and zero no sign");
    check_error("a['x", 3, "the quoted text does not end");
    check_error("$.0", 3, "a name cannot begin with a digit");
    check_error(
        "a[?!@.b == 1]",
        5,
        "\"!\" before a comparison needs parentheses: !(a == b)",
    );
    let error = Locus::parse("a[?search(@, '(')]").expect_err("no pattern");
    assert!(
        error.message.starts_with("the pattern \"(\" cannot be used: "),
        "{}",
        error.message
    );
    assert!(Locus::parse("a[?search(@, 'a)(b')]").is_err());
    let error = Locus::parse("a[?match(@, '(x{1000}){1000}')]").expect_err("too large");
    assert!(error.message.contains("size limit"), "{}", error.message);
}

#[test]
fn nesting_and_length_are_limited_without_recursion_running_away() {
    let work = || {
        for text in [
            "[?(".repeat(1000),
            "[?@".repeat(1000),
            "!".repeat(4000),
            format!("a[?{}", "length(".repeat(500)),
        ] {
            assert!(Locus::parse(&text).is_err());
        }
        let twice: String = format!("a[?{}@{}]", "length(@[?".repeat(15), "])".repeat(15));
        assert!(Locus::parse(&twice).is_err());
        assert!(Locus::parse(&"a".repeat(4097)).is_err());
        let mut deep = json!(1);
        for _ in 0..120 {
            deep = json!([deep]);
        }
        assert_eq!(
            locus("$..*")
                .read(&deep)
                .expect("within the budget")
                .iter()
                .count(),
            120
        );
    };
    std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(work)
        .expect("a thread")
        .join()
        .expect("no overflow");
}

#[test]
fn a_read_ends_at_its_budget() {
    let wide: Value = (0..200_000).collect();
    for text in ["$..*", "$[?@ > 1]", "$[?count($..*) > 1]"] {
        let error = locus(text).read(&wide).expect_err("too much");
        assert_eq!(error.kind, EvalErrorKind::Overflow, "{text}");
    }
    assert_eq!(locus("$[-1]").read(&wide), Ok(Hits::One(&json!(199_999))));
    let square: Value = (0..2000).collect();
    assert!(
        locus("$[?count($[*]) > 1]").read(&square).is_err(),
        "a filter in a filter is not free"
    );
}

#[test]
fn p6_a_filter_that_hits_several_elements_is_refused_and_one_on_an_object_is_not() {
    let object = json!({"m": {"a": {"on": 1}, "b": {"on": 0}}});
    let path = locus("m[?@.on == 1].on").write_path().expect("perhaps one place");
    let ops = path.json_patch(&object, json!(2)).expect("one place");
    assert_eq!(
        serde_json::to_value(ops).expect("JSON"),
        json!([{"op": "replace", "path": "/m/a/on", "value": 2}])
    );
    assert!(
        locus("m[?@.on].on")
            .write_path()
            .expect("perhaps one place")
            .json_patch(&object, json!(2))
            .is_err()
    );
}

#[test]
fn p5_there_is_nothing_to_remove_where_nothing_is() {
    let object = json!({"l": [{"name": "x"}]});
    let path = locus("l[0].a.b").write_path().expect("one place");
    let ops = path.json_patch(&object, Value::Null).expect("one place");
    assert_eq!(
        serde_json::to_value(ops).expect("JSON"),
        json!([{"op": "test", "path": "/l/0/name", "value": "x"}])
    );
}

#[test]
fn p4_a_new_object_replaces_the_old_one_on_every_level() {
    let object = json!({"s": {"a": {"x": 1, "y": 2}, "b": 1}});
    let path = locus("s").write_path().expect("one place");
    let patch = path
        .merge_patch(Some(&object), json!({"a": {"x": 3}, "c": 4}))
        .expect("one place");
    assert_eq!(patch, json!({"s": {"a": {"x": 3, "y": null}, "b": null, "c": 4}}));
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        (-3..4_i64).prop_map(|value| json!(value)),
        Just(json!(1.5)),
        "[ab]{0,2}".prop_map(|value| json!(value)),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
            prop::collection::btree_map("[abc]|name|x/y~", inner, 0..4).prop_map(|map| json!(map)),
        ]
    })
}

fn segment() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[abc]".prop_map(|name| format!(".{name}")),
        1 => Just(".name".to_owned()),
        1 => Just("['x/y~']".to_owned()),
        2 => (-3..4).prop_map(|index| format!("[{index}]")),
        1 => Just("[*]".to_owned()),
        1 => Just("..a".to_owned()),
        1 => Just("..*".to_owned()),
        1 => Just("[0,-1,'a']".to_owned()),
        1 => Just("[?@]".to_owned()),
        1 => Just("[?@.a]".to_owned()),
        1 => Just("[?@.a > 0 || !(@.b == 'a')]".to_owned()),
        1 => Just("[?length(@.a) >= 1 && count(@.*) < 3]".to_owned()),
        1 => Just("[?@ <= $.a]".to_owned()),
        1 => Just("[?value(@..b) == null]".to_owned()),
    ]
}

fn path() -> impl Strategy<Value = String> {
    prop::collection::vec(segment(), 1..5).prop_map(|segments| format!("${}", segments.concat()))
}

fn simple_step() -> impl Strategy<Value = String> {
    prop_oneof![3 => "[abc]".prop_map(|name| format!(".{name}")), 1 => (-2..3).prop_map(|index| format!("[{index}]"))]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(crate::scaled(500)))]

    /// Slices with a negative step are left out: there the other implementation differs from RFC 9535.
    #[test]
    fn reading_agrees_with_another_implementation(path in path(), object in value()) {
        let hits = locus(&path).read(&object).expect("within the budget");
        let ours: Vec<&Value> = hits.iter().collect();
        let theirs = object.query(&path).expect("a path");
        prop_assert_eq!(sorted(&ours), sorted(&theirs), "{}", path);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[$@.\\[\\]?*!()'\"a-c0-9:,<>=&|\\\\ {}é-]{0,40}", object in value()) {
        if let Ok((locus, _)) = Locus::parse(&text) {
            let _ = locus.read(&object);
            if let Ok(path) = locus.write_path() {
                let _ = path.merge_patch(Some(&object), json!(1));
                let _ = path.json_patch(&object, json!(1));
            }
        }
    }

    #[test]
    fn a_written_value_is_read_back_and_nothing_else_changes(
        steps in prop::collection::vec(simple_step(), 1..4),
        object in value(),
        new in "[xyz]{1,3}",
    ) {
        let locus = locus(&format!("${}", steps.concat()));
        let path = locus.write_path().expect("one place");
        let mut after = object.clone();
        if path.is_names_only() {
            let Ok(patch) = path.merge_patch(Some(&object), json!(new)) else { return Ok(()) };
            merge(&mut after, &patch);
        } else {
            let Ok(ops) = path.json_patch(&object, json!(new)) else { return Ok(()) };
            apply(&mut after, &ops);
        }
        prop_assert_eq!(locus.read(&after), Ok(Hits::One(&json!(new))));
        // Taking the value out of both again leaves no difference but parents that had to be made.
        if let Ok(Hits::One(before)) = locus.read(&object) {
            let ops = path.json_patch(&after, before.clone());
            if let Some(ops) = ops.ok().filter(|_| !before.is_null() && !renames(&steps)) {
                let mut back = after.clone();
                apply(&mut back, &ops);
                prop_assert_eq!(back, object);
            }
        }
    }
}

/// Whether the path ends in the name that a test in the patch looks at.
fn renames(steps: &[String]) -> bool {
    steps.last().is_some_and(|step| step == ".name")
}

/// The other implementation visits nodes in another order below `..`.
fn sorted(values: &[&Value]) -> Vec<String> {
    let mut texts: Vec<_> = values.iter().map(ToString::to_string).collect();
    texts.sort_unstable();
    texts
}
