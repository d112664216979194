//! Launch templates: compiled when the configuration is read, so that nothing can be missing when a message comes.

use mqttkube_mapping::yaml::{self, Diagnostic, Node};
use mqttkube_mapping::{ObjectTemplate, StaticContext, TemplateMode};
use serde_json::Value;

use super::Compiler;
use super::action::tree;
use super::binding::Surroundings;
use crate::config::problem::{At, Problem};
use crate::config::spec::{ActionItemSpec, LaunchSource};
use crate::kinds::Kind;

pub(super) fn compile_launch(
    compiler: &mut Compiler<'_>,
    source: &LaunchSource,
    spec: &ActionItemSpec,
    around: &Surroundings,
    at: &At<'_>,
) -> Option<ObjectTemplate> {
    if let Some(kind) = around
        .kind
        .as_ref()
        .filter(|kind| kind.is_resolved() && !kind.resource().namespaced)
    {
        let kind = &kind.resource().kind;
        compiler.report(at.error(format!(
            "a {kind} has no namespace, and only objects in namespaces are launched"
        )));
    }
    let action = tree(spec);
    let statics = StaticContext {
        binding: &around.tree,
        action: &action,
    };
    match source {
        LaunchSource::Inline(node) => {
            let compiled = ObjectTemplate::from_node(node, statics);
            check_object(node, around.kind.as_ref(), |message, help, (key, _)| {
                let at = if key.is_empty() { *at } else { at.key(key) };
                compiler.report(at.error(message).with_help(help));
            });
            compiled
                .map_err(|errors| {
                    compiler
                        .problems
                        .extend(errors.into_iter().map(|error| at.compile_error(error)));
                })
                .ok()
        }
        LaunchSource::Text { name, text } => {
            let compiled = ObjectTemplate::parse(text, name, "", spec.mode, statics);
            match spec.mode {
                TemplateMode::Structured => check_text(compiler, name, text, around.kind.as_ref(), at),
                _ => compiler.report(text_mode(at)),
            }
            let errors = |errors: yaml::Diagnostics| {
                compiler
                    .problems
                    .extend(errors.into_iter().map(|error| at.elsewhere(error)));
            };
            compiled.map_err(errors).ok()
        }
    }
}

fn text_mode(at: &At<'_>) -> Problem {
    let message = "a template in text mode is filled before it is read as YAML";
    at.warning(message)
        .with_help("leave `template` out unless it uses `% if` or `% for`")
}

/// Checks what the text of a template says about the object, where no message can change it.
fn check_text(compiler: &mut Compiler<'_>, name: &str, text: &str, kind: Option<&Kind>, at: &At<'_>) {
    // What is wrong as YAML is reported by the template itself.
    let Ok(tree) = yaml::parse(text, name, "") else {
        return;
    };
    check_object(tree.root(), kind, |message, help, (_, node)| {
        let diagnostic = Diagnostic::error(name, node.position, message).with_help(help);
        compiler.report(at.elsewhere(diagnostic));
    });
}

/// Reports what can never be launched: another kind than the binding's, an object without a name, or one whose name the
/// API server would make up.
fn check_object(
    object: &Node,
    kind: Option<&Kind>,
    mut report: impl FnMut(String, &str, (&'static str, &Node)),
) {
    if let Some(resource) = kind.map(Kind::resource) {
        for (key, wanted) in [
            ("apiVersion", resource.api_version()),
            ("kind", resource.kind.clone()),
        ] {
            match object.get(key) {
                None => report(
                    format!("the template has no {key}"),
                    &format!("write `{key}: {wanted}`"),
                    ("", object),
                ),
                Some(found) if is_fixed(found) && found.as_str() != Some(&wanted) => {
                    let found_text = found.to_json().unwrap_or(Value::Null);
                    let message =
                        format!("the template has the {key} {found_text}, but the binding is about {wanted}");
                    report(
                        message,
                        "launch what the binding is about, or bind what is launched",
                        (key, found),
                    );
                }
                Some(_) => {}
            }
        }
    }
    let metadata = object.get("metadata");
    if let Some(generated) = metadata.and_then(|metadata| metadata.get("generateName")) {
        let message = "a name that the API server makes up cannot be found again".to_owned();
        report(
            message,
            "write `name:` with ${uid} in it",
            ("metadata", generated),
        );
    } else if metadata.is_none_or(|metadata| metadata.get("name").is_none()) {
        let help = "write `metadata: {name: ...}`; ${uid} in it makes each one different";
        report(
            "the template gives the object no name".to_owned(),
            help,
            metadata.map_or(("", object), |metadata| ("metadata", metadata)),
        );
    }
}

/// Whether no message can change the text.
fn is_fixed(node: &Node) -> bool {
    node.as_str().is_none_or(|text| !text.contains("${"))
}
