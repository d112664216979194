//! One binding: which objects it is about, then its items.

use serde_json::{Value, json};

use super::action::compile_action;
use super::command::compile_patch;
use super::watch::compile_watch;
use super::{Compiler, Found};
use crate::binding::{Binding, Target, Which};
use crate::config::names;
use crate::config::problem::At;
use crate::config::spec::{BindingSpec, Origin, SelectorSpec, TargetSpec};
use crate::kinds::Kind;

/// What the items of a binding need to know of it.
pub(super) struct Surroundings {
    /// `None` when the kind is wrong: the items are checked all the same.
    pub(super) kind: Option<Kind>,
    pub(super) selector: bool,
    pub(super) all_namespaces: bool,
    /// `${binding.…}`
    pub(super) tree: Value,
}

pub(super) fn compile_binding(
    compiler: &mut Compiler<'_>,
    spec: &BindingSpec,
    index: usize,
    at: &At<'_>,
) -> Option<Found> {
    let kind = compile_kind(compiler, spec, at);
    let target = compile_target(compiler, spec, kind.as_ref(), at);
    let around = Surroundings {
        kind,
        selector: matches!(spec.target, TargetSpec::Selector(_)),
        all_namespaces: spec.namespace.as_deref() == Some("*"),
        tree: tree(spec),
    };
    refuse_commands_on_many(compiler, spec, &around, at);
    let watches = each(
        &spec.watch,
        |item| &item.origin,
        &at.key("watch"),
        |item, at| compile_watch(compiler, item, &around, at),
    );
    let patches = each(
        &spec.patch,
        |item| &item.origin,
        &at.key("patch"),
        |item, at| compile_patch(compiler, item, at),
    );
    let actions = each(
        &spec.action,
        |item| &item.origin,
        &at.key("action"),
        |item, at| compile_action(compiler, item, &around, at),
    );
    let binding = Binding {
        id: spec
            .id
            .clone()
            .unwrap_or_else(|| derived_id(spec, around.kind.as_ref())),
        // Only now, so that what is wrong with the items has been found in any case.
        target: target?,
        watches,
        patches,
        actions,
    };
    Some(Found {
        index,
        explicit_id: spec.id.is_some(),
        binding,
    })
}

fn each<S, T>(
    specs: &[S],
    origin: impl Fn(&S) -> &Origin,
    at: &At<'_>,
    mut compile: impl FnMut(&S, &At<'_>) -> Option<T>,
) -> Vec<T> {
    let place = |(index, spec)| origin(spec).place.unwrap_or(index);
    specs
        .iter()
        .enumerate()
        .filter_map(|entry| compile(entry.1, &at.index(place(entry))))
        .collect()
}

fn compile_kind(compiler: &mut Compiler<'_>, spec: &BindingSpec, at: &At<'_>) -> Option<Kind> {
    if !spec.origin.has("resource") {
        return None;
    }
    let at = at.key("resource");
    let kind = compiler.noted(
        Kind::parse(&spec.resource).map_err(|error| at.error(error.to_string()).with_help(error.help())),
    )?;
    if !kind.is_resolved() {
        let message =
            format!("{kind} is not built in; whether it exists is known when the API server is asked");
        compiler.report(at.note(message));
    }
    Some(kind)
}

fn compile_target(
    compiler: &mut Compiler<'_>,
    spec: &BindingSpec,
    kind: Option<&Kind>,
    at: &At<'_>,
) -> Option<Target> {
    let namespace = compile_namespace(compiler, spec, kind, at);
    let which = match &spec.target {
        TargetSpec::Name(_) if !spec.origin.has("name") => None,
        TargetSpec::Name(name) => {
            let checked = names::object_name(name).map_or(Ok(()), |rule| {
                Err(at
                    .key("name")
                    .error(format!("\"{name}\" is not the name of an object"))
                    .with_help(rule))
            });
            compiler.noted(checked).map(|()| Which::Name(name.clone()))
        }
        TargetSpec::Selector(selector) => compile_selector(compiler, selector, &at.key("selector")),
    };
    let (namespace, default_namespace) = namespace?;
    Some(Target {
        kind: compiler.kind_id(kind?),
        namespace,
        default_namespace,
        which: which?,
    })
}

/// The namespace, and whether it stands for the client's own.
fn compile_namespace(
    compiler: &mut Compiler<'_>,
    spec: &BindingSpec,
    kind: Option<&Kind>,
    at: &At<'_>,
) -> Option<(Option<String>, bool)> {
    let at = at.key("namespace");
    let cluster = kind.is_some_and(|kind| kind.is_resolved() && !kind.resource().namespaced);
    match spec.namespace.as_deref() {
        Some(namespace) if cluster => {
            let kind = &kind?.resource().kind;
            let message = format!("{kind} objects have no namespace, so \"{namespace}\" means nothing here");
            compiler.report(at.error(message).with_help("remove the key"));
            None
        }
        None if cluster => Some((None, false)),
        Some("*") => Some((None, false)),
        _ if !spec.origin.has("namespace") => None,
        Some(name) => match names::namespace(name) {
            None => Some((Some(name.to_owned()), false)),
            Some(rule) => {
                compiler.report(at.error(format!("\"{name}\" is not a namespace")).with_help(rule));
                None
            }
        },
        None => Some((Some("default".to_owned()), true)),
    }
}

fn compile_selector(compiler: &mut Compiler<'_>, selector: &SelectorSpec, at: &At<'_>) -> Option<Which> {
    let labels = selector.labels.as_deref().map_or(Ok(()), names::label_selector);
    let fields = selector.fields.as_deref().map_or(Ok(()), names::field_selector);
    let labels = compiler.noted(labels.map_err(|error| at.key("labels").error(error)));
    let fields = compiler.noted(fields.map_err(|error| at.key("fields").error(error)));
    labels.and(fields)?;
    Some(Which::Selector {
        labels: selector.labels.clone(),
        fields: selector.fields.clone(),
    })
}

/// A command acts on one object; which one must not depend on what happens to exist.
fn refuse_commands_on_many(
    compiler: &mut Compiler<'_>,
    spec: &BindingSpec,
    around: &Surroundings,
    at: &At<'_>,
) {
    let lists = [
        ("patch", spec.patch.is_empty()),
        ("action", spec.action.is_empty()),
    ];
    for (key, _) in lists.iter().filter(|(_, empty)| !empty) {
        let at = at.key(key);
        if around.selector {
            compiler.report(at.error(format!(
                "a binding with a selector can only watch, so it has no {key}"
            )));
        } else if around.all_namespaces {
            let message = format!("a binding of all namespaces can only watch, so it has no {key}");
            compiler.report(at.error(message).with_help("name the namespace of the object"));
        }
    }
}

fn derived_id(spec: &BindingSpec, kind: Option<&Kind>) -> String {
    let kind = kind.map_or(spec.resource.as_str(), |kind| &kind.resource().kind);
    let name = match &spec.target {
        TargetSpec::Name(name) => name,
        TargetSpec::Selector(SelectorSpec { labels, fields }) => {
            labels.as_ref().or(fields.as_ref()).map_or("*", String::as_str)
        }
    };
    match &spec.namespace {
        Some(namespace) => format!("{namespace}/{kind}/{name}"),
        None => format!("{kind}/{name}"),
    }
}

/// What `${binding.…}` sees when the binding was not read from a file.
fn tree(spec: &BindingSpec) -> Value {
    if !spec.tree.is_null() {
        return spec.tree.clone();
    }
    let mut tree = json!({ "resource": spec.resource });
    let facts = [("id", spec.id.as_ref()), ("namespace", spec.namespace.as_ref())];
    for (key, value) in facts {
        if let Some(value) = value {
            tree[key] = json!(value);
        }
    }
    if let TargetSpec::Name(name) = &spec.target {
        tree["name"] = json!(name);
    }
    tree
}
