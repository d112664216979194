//! Rules about brokers, names and certificates: a bundle of four brokers, a proxy and policies without a finding, and
//! for each rule one small change that fires it.

mod bridges;
mod files;
mod good;
mod pods;
mod probes;
mod reach;

use mqttkube_manifests::check::Rule;
use serde_json::{Value, json};

use crate::objects::{findings, object_of, put};
use good::good;

/// One change to one object, which is named as `Kind/name`.
enum Edit {
    /// A new value at a JSON pointer; null removes, `-` at the end appends to a list.
    Set(&'static str, &'static str, Value),
    /// One text for another in the text at a JSON pointer.
    Text(&'static str, &'static str, &'static str, &'static str),
    /// A new object.
    Add(Value),
}

use Edit::{Add, Set, Text};

pub(crate) struct Case {
    pub(crate) rule: &'static Rule,
    edits: Vec<Edit>,
    /// A part of the message or path that a finding must have.
    says: &'static str,
}

impl Case {
    fn new(rule: &'static Rule, edits: Vec<Edit>, says: &'static str) -> Self {
        Self { rule, edits, says }
    }
}

const MAIN: &str = "Deployment/mosquitto";
const MAP: &str = "ConfigMap/mosquitto";
const DATA: &str = "/data/mosquitto.conf";

/// A change of the main broker's container: the pointer is spelled out because edits are constants.
macro_rules! container {
    ($member:literal) => {
        concat!("/spec/template/spec/containers/0", $member)
    };
}
use container;

pub(crate) fn cases() -> Vec<Case> {
    let all = [
        probes::cases(),
        reach::cases(),
        bridges::cases(),
        pods::cases(),
        files::cases(),
    ];
    all.into_iter().flatten().collect()
}

fn apply(objects: &mut Vec<Value>, edit: Edit) {
    match edit {
        Set(name, pointer, new) => put(object_of(objects, name), pointer, new),
        Text(name, pointer, from, to) => {
            let object = object_of(objects, name);
            let text = object.pointer_mut(pointer).expect("the text is there");
            let old = text.as_str().expect("it is text");
            assert!(old.contains(from), "{from} is in {old}");
            *text = json!(old.replacen(from, to, 1));
        }
        Add(object) => objects.push(object),
    }
}

#[test]
fn nothing_is_wrong_with_the_brokers_as_they_are() {
    let found = findings(good());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn every_rule_about_brokers_fires_on_one_small_change() {
    for Case { rule, edits, says } in cases() {
        let mut objects = good();
        for edit in edits {
            apply(&mut objects, edit);
        }
        let found = findings(objects);
        let own = found.iter().filter(|finding| finding.code == rule.code);
        assert!(
            own.clone()
                .any(|finding| finding.message.contains(says) && !finding.path.is_empty()),
            "{} ({}): nothing says {says:?}; found {found:#?}",
            rule.code,
            rule.title
        );
    }
}
