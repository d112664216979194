//! Which watches are opened and which subscriptions are made.

use mqttkube_core::config::{BindingSpec, PatchItemSpec, SessionFacts, Spec, WatchItemSpec};
use mqttkube_core::plan::{Plan, WatchScope};

fn plan(bindings: Vec<BindingSpec>) -> Plan {
    Spec::new(bindings)
        .compile(&SessionFacts::default())
        .expect("nothing is wrong")
        .plan
}

fn watching(kind: &str, namespace: &str, name: &str) -> BindingSpec {
    let item = WatchItemSpec::new("spec.replicas", format!("{kind}/{namespace}/{name}"));
    BindingSpec::new(kind, name).namespace(namespace).watch(item)
}

fn listening(filter: &str) -> BindingSpec {
    BindingSpec::new("Deployment", "web")
        .namespace("media")
        .patch(PatchItemSpec::new(filter, "spec.replicas"))
}

#[test]
fn a_thousand_bindings_of_ten_kinds_and_namespaces_make_ten_watches() {
    let of = |index: usize| {
        let kind = ["Deployment", "StatefulSet"][index % 2];
        watching(kind, &format!("n{}", index % 10 / 2), &format!("object-{index}"))
    };
    let plan = plan((0..1000).map(of).collect());
    assert_eq!(plan.watches().len(), 10);
    assert!(
        plan.watches()
            .iter()
            .all(|watch| *watch.scope() == WatchScope::All)
    );
    assert_eq!(plan.kinds().len(), 2);
}

#[test]
fn up_to_three_names_have_a_watch_of_their_own_and_a_fourth_makes_them_one() {
    let names = |count: usize| {
        plan(
            (0..count)
                .map(|i| watching("Deployment", "media", &format!("d{i}")))
                .collect(),
        )
    };
    assert_eq!(names(3).watches().len(), 3);
    assert_eq!(
        *names(3).watches()[1].scope(),
        WatchScope::Object("d1".to_owned())
    );
    assert_eq!(names(4).watches().len(), 1);
    // Many bindings on one object are one watch.
    let same = plan(
        (0..5)
            .map(|_| watching("Deployment", "media", "jellyfin"))
            .collect(),
    );
    assert_eq!(same.watches().len(), 1);
}

#[test]
fn a_binding_that_only_listens_needs_no_watch() {
    assert!(plan(vec![listening("a/set")]).watches().is_empty());
}

#[test]
fn selectors_share_a_watch_when_they_are_the_same() {
    let select = |labels: &str, topic: &str| {
        let item = WatchItemSpec::new("spec.replicas", format!("{topic}/{{name}}"));
        BindingSpec::selecting("Deployment", labels)
            .namespace("media")
            .watch(item)
    };
    let plan = plan(vec![
        select("app=a", "x"),
        select("app=a", "y"),
        select("app=b", "z"),
        select("", "all"),
    ]);
    assert_eq!(plan.watches().len(), 3);
    assert_eq!(*plan.watches()[2].scope(), WatchScope::All);
}

#[test]
fn one_filter_is_one_subscription_with_the_same_identifier_at_every_start() {
    let filters = |filters: &[&str]| {
        let plan = plan(filters.iter().map(|filter| listening(filter)).collect());
        plan.filters()
            .iter()
            .map(|filter| (filter.filter().to_string(), filter.id(), filter.items().len()))
            .collect::<Vec<_>>()
    };
    let all = filters(&["a/set", "b/set", "a/set", "a/+"]);
    assert_eq!(
        all.iter()
            .map(|(filter, _, items)| (filter.as_str(), *items))
            .collect::<Vec<_>>(),
        [("a/set", 2), ("b/set", 1), ("a/+", 1)]
    );
    assert!(all.iter().all(|(_, id, _)| (1..=268_435_455).contains(id)));
    let other = filters(&["a/+", "b/set"]);
    assert_eq!(other[0].1, all[2].1);
    assert_eq!(other[1].1, all[1].1);
}

#[test]
fn bindings_without_a_namespace_move_to_that_of_the_client() {
    let item = WatchItemSpec::new("spec.replicas", "a");
    let bindings = vec![
        BindingSpec::new("Deployment", "web").watch(item.clone()),
        BindingSpec::new("Node", "n1").watch(item),
    ];
    let plan = plan(bindings).with_default_namespace("media");
    assert_eq!(plan.bindings()[0].target().namespace(), Some("media"));
    assert_eq!(plan.watches()[0].namespace(), Some("media"));
    assert_eq!(plan.bindings()[1].target().namespace(), None);
}

#[test]
fn derived_names_of_bindings_are_told_apart() {
    let plan = plan(vec![listening("a"), listening("b"), listening("c").id("c")]);
    let ids: Vec<&str> = plan.bindings().iter().map(|binding| binding.id()).collect();
    assert_eq!(ids, ["media/Deployment/web", "media/Deployment/web#2", "c"]);
}
