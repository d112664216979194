//! Items that listen, and patches.

use mqttkube_mapping::{Direction, Expr, MapKey, Names, SpecNode, ValuesSpec};
use serde_json::Number;

use super::Compiler;
use crate::binding::{Bounds, Command, PatchItem, Strategy};
use crate::config::problem::{At, Problem};
use crate::config::spec::{CommandSpec, Origin, PatchItemSpec};

pub(super) fn compile_command(
    compiler: &mut Compiler<'_>,
    spec: &CommandSpec,
    origin: &Origin,
    (direction, outputs): (Direction, Option<&[&str]>),
    at: &At<'_>,
) -> Option<Command> {
    let has = |key| origin.has(key).then_some(());
    let topic = has("topic").and_then(|()| compiler.filter(&spec.topic, &at.key("topic")));
    let values =
        has("values").and_then(|()| compiler.values(&spec.values, direction, outputs, &at.key("values")));
    let id = spec
        .id
        .as_deref()
        .map(|source| compiler.command_id(source, &at.key("id")));
    let defaults = compiler.defaults;
    let result = spec
        .result
        .as_ref()
        .and_then(|topic| compiler.topic(topic, &at.key("result")));
    let dead_letter = spec
        .dead_letter
        .as_ref()
        .and_then(|topic| compiler.topic(topic, &at.key("dead-letter")));
    let qos = compiler.qos(spec.qos, 1, &at.key("qos"));
    Some(Command {
        topic: topic?,
        qos,
        retained: spec.retained.or(defaults.retained).unwrap_or_default(),
        values: values?,
        id: id.flatten(),
        result: result.or_else(|| compiler.default_result.clone()),
        dead_letter: dead_letter.or_else(|| compiler.default_dead_letter.clone()),
    })
}

impl Compiler<'_> {
    /// The expression that identifies a command.
    fn command_id(&mut self, source: &str, at: &At<'_>) -> Option<Expr> {
        let compiled = Expr::compile(source, Names::Context(&Command::ID_NAMES));
        self.noted(compiled.map_err(|error| Problem {
            help: error.help,
            ..at.error(error.message).at_column(error.column)
        }))
    }
}

pub(super) fn compile_patch(
    compiler: &mut Compiler<'_>,
    spec: &PatchItemSpec,
    at: &At<'_>,
) -> Option<PatchItem> {
    let command = compile_command(
        compiler,
        &spec.command,
        &spec.origin,
        (Direction::Patch, None),
        at,
    );
    let locus_at = at.key("locus");
    let locus = spec
        .origin
        .has("locus")
        .then(|| compiler.locus(&spec.locus, &locus_at))
        .flatten();
    let path = locus
        .as_ref()
        .and_then(|locus| compiler.noted(locus.write_path().map_err(|error| locus_at.compile_error(error))));
    if let Some(path) = &path {
        check_strategy(compiler, spec.strategy, path.is_names_only(), at);
        if path.ends_at_index() && may_remove(&spec.command.values) {
            let message = "removing a list element by its number can hit another element";
            let help = "pick it by name, as in [?@.name=='web']";
            compiler.report(locus_at.error(message).with_help(help));
        }
    }
    let bounds = bounds(compiler, spec, at);
    Some(PatchItem {
        command: command?,
        locus: locus?,
        path: path?,
        cast: spec.cast,
        strategy: spec.strategy,
        bounds: bounds?,
    })
}

/// Whether an output of the map is null, which removes what is there.
fn may_remove(values: &ValuesSpec) -> bool {
    fn is_null(node: &SpecNode) -> bool {
        match node {
            SpecNode::Scalar(value) => value.is_null(),
            SpecNode::Map(members) => members
                .iter()
                .any(|(key, node)| *key == MapKey::Text("value".to_owned()) && is_null(node)),
            SpecNode::List(_) => false,
        }
    }
    let SpecNode::Map(members) = values.node() else {
        return false;
    };
    let outputs = members
        .iter()
        .filter(|(key, _)| matches!(key, MapKey::Text(text) if text == "map"));
    let outputs = outputs.filter_map(|(_, node)| {
        if let SpecNode::Map(entries) = node {
            Some(entries)
        } else {
            None
        }
    });
    members
        .iter()
        .chain(outputs.flatten())
        .any(|(_, node)| is_null(node))
}

fn check_strategy(compiler: &mut Compiler<'_>, strategy: Strategy, names_only: bool, at: &At<'_>) {
    let word = match strategy {
        Strategy::Merge => "merge",
        Strategy::Apply => "apply",
        Strategy::Auto | Strategy::Json => return,
    };
    if !names_only {
        let message = format!("the strategy \"{word}\" cannot change one element of a list");
        compiler.report(
            at.key("strategy")
                .error(message)
                .with_help("use \"json\", or leave the key out"),
        );
    }
}

fn bounds(compiler: &mut Compiler<'_>, spec: &PatchItemSpec, at: &At<'_>) -> Option<Bounds> {
    let bounds = Bounds {
        min: spec.min.clone(),
        max: spec.max.clone(),
    };
    let empty = spec
        .min
        .as_ref()
        .is_some_and(|min| !bounds.allow(&min.clone().into()));
    if empty {
        let text = |number: &Option<Number>| number.as_ref().map(ToString::to_string).unwrap_or_default();
        let message = format!(
            "no number is at least {} and at most {}",
            text(&spec.min),
            text(&spec.max)
        );
        compiler.report(at.key("min").error(message));
        return None;
    }
    Some(bounds)
}
