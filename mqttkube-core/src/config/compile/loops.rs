//! Topics that a configuration both publishes and listens to, and filters that overlap.

use mqttkube_mapping::{Router, TopicFilter};

use super::{Compiler, Found};
use crate::binding::{Command, ItemKind};
use crate::config::problem::{At, Problem};

/// An item that listens, with its place in the file.
struct Listener<'a> {
    binding: usize,
    kind: ItemKind,
    index: usize,
    command: &'a Command,
}

pub(super) fn check(compiler: &mut Compiler<'_>, bindings: &[Found]) {
    let listeners: Vec<Listener<'_>> = bindings.iter().flat_map(listeners).collect();
    let mut router = Router::default();
    for (index, listener) in listeners.iter().enumerate() {
        // This router only answers questions; nobody subscribes by it.
        let _ = router.insert(&listener.command.topic, index);
    }
    let hears = |published: &TopicFilter| {
        if published.has_wildcards() {
            return listeners
                .iter()
                .find(|listener| listener.command.topic.overlaps(published));
        }
        let mut first = None;
        router.matches(published.as_str(), |index: &usize| {
            first = Some(first.map_or(*index, |first: usize| first.min(*index)));
        });
        first.map(|index| &listeners[index])
    };
    let bindings_at = At::ROOT.key("bindings");
    for found in bindings {
        let at = bindings_at.index(found.index);
        for (index, watch) in found.binding.watches.iter().enumerate() {
            if let Some(listener) = hears(&watch.topic.filter()) {
                let problem = echo(
                    compiler,
                    &watch.topic.to_string(),
                    listener,
                    &at.key("watch").index(index).key("topic"),
                );
                compiler.report(problem);
            }
        }
    }
    for answering in &listeners {
        let at = bindings_at.index(answering.binding);
        let at = at.key(answering.kind.as_str());
        let at = at.index(answering.index);
        let topics = [
            ("result", &answering.command.result),
            ("dead-letter", &answering.command.dead_letter),
        ];
        for (key, topic) in topics
            .into_iter()
            .filter_map(|(key, topic)| Some((key, topic.as_ref()?)))
        {
            let published =
                TopicFilter::new(topic.as_str()).expect("a topic is a filter that matches itself");
            if let Some(listener) = hears(&published) {
                let problem = echo(compiler, topic.as_str(), listener, &at.key(key));
                compiler.report(problem);
            }
        }
    }
    if !compiler.session.mqtt5 {
        warn_of_overlaps(compiler, &listeners);
    }
}

fn listeners(found: &Found) -> impl Iterator<Item = Listener<'_>> {
    let patches = found
        .binding
        .patches
        .iter()
        .map(|patch| &patch.command)
        .enumerate();
    let actions = found
        .binding
        .actions
        .iter()
        .map(|action| &action.command)
        .enumerate();
    let of = |kind| {
        move |(index, command)| Listener {
            binding: found.index,
            kind,
            index,
            command,
        }
    };
    patches
        .map(of(ItemKind::Patch))
        .chain(actions.map(of(ItemKind::Action)))
}

/// We would hear ourselves. MQTT 5 can leave our own messages out, 3.1.1 cannot.
fn echo(compiler: &Compiler<'_>, topic: &str, listener: &Listener<'_>, at: &At<'_>) -> Problem {
    let Listener {
        binding,
        kind,
        index,
        command,
    } = listener;
    let kind = kind.as_str();
    let message = format!(
        "what is published on \"{topic}\" is a command for bindings[{binding}].{kind}[{index}], which listens to \"{}\"",
        command.topic
    );
    if compiler.session.mqtt5 {
        at.warning(message)
            .with_help("our own messages are left out, those of others are not; publish elsewhere")
    } else {
        at.error(message)
            .with_help("MQTT 3.1.1 sends us our own messages; publish elsewhere")
    }
}

/// Without subscription identifiers, a message is handed to every item whose filter matches, once for each copy
/// that the broker sends.
fn warn_of_overlaps(compiler: &mut Compiler<'_>, listeners: &[Listener<'_>]) {
    let bindings_at = At::ROOT.key("bindings");
    for (index, wide) in listeners
        .iter()
        .enumerate()
        .filter(|(_, wide)| wide.command.topic.has_wildcards())
    {
        let overlapping = listeners.iter().enumerate().find(|(other, narrow)| {
            let filters = (&wide.command.topic, &narrow.command.topic);
            // Two wide filters are reported once, at the first of them.
            let counted = *other > index || !narrow.command.topic.has_wildcards();
            counted && filters.0 != filters.1 && filters.0.overlaps(filters.1)
        });
        if let Some((_, narrow)) = overlapping {
            let binding = bindings_at.index(wide.binding);
            let list = binding.key(wide.kind.as_str());
            let item = list.index(wide.index);
            let message = format!(
                "the filter \"{}\" overlaps \"{}\"",
                wide.command.topic, narrow.command.topic
            );
            let help =
                "with MQTT 3.1.1 some brokers then deliver a message twice; use MQTT 5, or separate topics";
            compiler.report(item.key("topic").warning(message).with_help(help));
        }
    }
}
