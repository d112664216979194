//! Items that launch, delete or otherwise act.

use mqttkube_mapping::{Direction, MapKey, SpecNode, ValuesSpec};
use serde_json::Value;

use super::Compiler;
use super::binding::Surroundings;
use super::command::compile_command;
use super::launch::compile_launch;
use crate::binding::{ActionItem, Verb};
use crate::config::problem::At;
use crate::config::spec::ActionItemSpec;
use crate::kinds::Kind;

pub(super) fn compile_action(
    compiler: &mut Compiler<'_>,
    spec: &ActionItemSpec,
    around: &Surroundings,
    at: &At<'_>,
) -> Option<ActionItem> {
    let allow = spec
        .allow
        .clone()
        .unwrap_or_else(|| vec![Verb::Launch, Verb::Delete]);
    let words: Vec<&str> = allow.iter().map(|verb| verb.as_str()).collect();
    let command = compile_command(
        compiler,
        &spec.command,
        &spec.origin,
        (Direction::Action, Some(&words)),
        at,
    );
    check_verbs(compiler, spec, around.kind.as_ref(), at);
    let launch_at = at.key("launch");
    let launch = spec
        .launch
        .as_ref()
        .and_then(|source| compile_launch(compiler, source, spec, around, &launch_at));
    if spec.launch.is_none() && spec.origin.has("launch") && spec.origin.has("allow") {
        require_template(compiler, spec, &allow, at);
    }
    // A wildcard topic is written by many, and a deletion cannot be taken back.
    let wide = command
        .as_ref()
        .is_some_and(|command| command.topic.has_wildcards());
    if wide && spec.allow.is_none() && may_give(&spec.command.values, Verb::Delete) {
        let message = format!(
            "every topic that \"{}\" matches can delete the object",
            spec.command.topic.text
        );
        compiler.report(
            at.key("topic")
                .error(message)
                .with_help("write `allow: [delete]` if that is meant"),
        );
    }
    Some(ActionItem {
        command: command?,
        launch,
        on_exists: spec.on_exists,
        allow,
    })
}

/// What `${action.…}` sees.
pub(super) fn tree(spec: &ActionItemSpec) -> Value {
    match &spec.tree {
        Value::Null => serde_json::json!({ "topic": spec.command.topic.text }),
        tree => tree.clone(),
    }
}

fn require_template(compiler: &mut Compiler<'_>, spec: &ActionItemSpec, allow: &[Verb], at: &At<'_>) {
    if allow.contains(&Verb::Launch) && may_give(&spec.command.values, Verb::Launch) {
        let message = "a message can ask for a launch, and there is no template to launch";
        let help = "add `launch: job.yaml`, or say what messages may do, as in `allow: [delete]`";
        compiler.report(at.error(message).with_help(help));
    }
}

/// Refuses what the kind cannot do, as far as the kind is known.
fn check_verbs(compiler: &mut Compiler<'_>, spec: &ActionItemSpec, kind: Option<&Kind>, at: &At<'_>) {
    let at = at.key("allow");
    let Some(allow) = &spec.allow else { return };
    if allow.is_empty() {
        compiler.report(at.error("no verb is allowed, so no message can do anything"));
    }
    let Some(kind) = kind.filter(|kind| kind.is_resolved()) else {
        return;
    };
    let name = kind.resource().kind.as_str();
    for (index, verb) in allow.iter().enumerate() {
        let able: &[&str] = match verb {
            Verb::Launch | Verb::Delete => continue,
            Verb::Restart => &["Deployment", "StatefulSet", "DaemonSet"],
            Verb::Suspend | Verb::Resume => &["Job", "CronJob"],
            Verb::Trigger => &["CronJob"],
        };
        if !able.contains(&name) {
            let message = format!("\"{verb}\" does not work on a {name}");
            compiler.report(
                at.index(index)
                    .error(message)
                    .with_help(format!("it works on {}", able.join(", "))),
            );
        }
    }
}

/// Whether a message may lead to this verb. Errs on the side of yes: an output with a format may give anything.
fn may_give(values: &ValuesSpec, verb: Verb) -> bool {
    const SECTIONS: [&str; 5] = ["transform", "jsonpath", "map", "default", "compat"];
    let SpecNode::Map(members) = values.node() else {
        return true;
    };
    let is_section = |key: &MapKey| matches!(key, MapKey::Text(text) if SECTIONS.contains(&text.as_str()));
    let member = |name: &str| {
        members
            .iter()
            .find(|(key, _)| matches!(key, MapKey::Text(text) if text == name))
            .map(|(_, node)| node)
    };
    // Without any of the sections, `values` is the map itself.
    let whole = !members.is_empty() && !members.iter().any(|(key, _)| is_section(key));
    let entries = match member("map") {
        Some(SpecNode::Map(entries)) if !entries.is_empty() => entries,
        _ if whole => members,
        _ => return true,
    };
    entries
        .iter()
        .map(|(_, output)| output)
        .chain(member("default"))
        .any(|output| output_may_be(output, verb))
}

fn output_may_be(output: &SpecNode, verb: Verb) -> bool {
    match output {
        SpecNode::Scalar(Value::String(text)) => text == verb.as_str() || text.contains('{'),
        SpecNode::Scalar(_) => false,
        SpecNode::List(_) | SpecNode::Map(_) => true,
    }
}
