//! Items that publish.

use mqttkube_mapping::{Direction, Locus, ValueMap};

use super::binding::Surroundings;
use super::{Compiler, character, topic_problem};
use crate::binding::WatchItem;
use crate::config::problem::{At, Problem};
use crate::config::spec::WatchItemSpec;
use crate::topic_template::{Placeholder, TopicTemplate, TopicTemplateError};

pub(super) fn compile_watch(
    compiler: &mut Compiler<'_>,
    spec: &WatchItemSpec,
    around: &Surroundings,
    at: &At<'_>,
) -> Option<WatchItem> {
    let has = |key| spec.origin.has(key).then_some(());
    let locus = has("locus").and_then(|()| compiler.locus(&spec.locus, &at.key("locus")));
    let topic = has("topic").and_then(|()| compile_topic(compiler, spec, around, &at.key("topic")));
    let values_at = at.key("values");
    let values =
        has("values").and_then(|()| compiler.values(&spec.values, Direction::Watch, None, &values_at));
    let qos = compiler.qos(spec.qos, 2, &at.key("qos"));
    Some(WatchItem {
        locus: locus?,
        topic: topic?,
        qos,
        retain: spec.retain.or(compiler.defaults.retain).unwrap_or(false),
        values: values?,
        on_miss: spec.on_miss.or(compiler.defaults.on_miss).unwrap_or_default(),
        on_absent: spec.on_absent,
        on_delete: spec
            .on_delete
            .clone()
            .or_else(|| compiler.defaults.on_delete.clone())
            .unwrap_or_default(),
        min_interval: spec.min_interval,
        encoding: spec.encoding,
    })
}

fn compile_topic(
    compiler: &mut Compiler<'_>,
    spec: &WatchItemSpec,
    around: &Surroundings,
    at: &At<'_>,
) -> Option<TopicTemplate> {
    let text = &spec.topic.text;
    let parsed = TopicTemplate::parse(text, compiler.prefix(&spec.topic));
    let topic = compiler.noted(parsed.map_err(|error| template_problem(&error, text, at)))?;
    let missing = [
        (
            around.selector,
            Placeholder::Name,
            "a selector finds many objects",
        ),
        (
            around.all_namespaces,
            Placeholder::Namespace,
            "objects of all namespaces are watched",
        ),
    ];
    for (needed, placeholder, why) in missing {
        if needed && !topic.has(placeholder) {
            let word = placeholder.as_str();
            let message = format!("the topic \"{text}\" is the same for several objects, because {why}");
            compiler.report(at.error(message).with_help(format!("put {{{word}}} into it")));
        }
    }
    Some(topic)
}

fn template_problem(error: &TopicTemplateError, text: &str, at: &At<'_>) -> Problem {
    match error {
        TopicTemplateError::Topic(error) => topic_problem(error, text, at),
        TopicTemplateError::Unknown { range, .. } => at
            .error(error.to_string())
            .at_column(character(text, range.start)),
        TopicTemplateError::Brace { at: offset } => {
            at.error(error.to_string()).at_column(character(text, *offset))
        }
    }
}

impl Compiler<'_> {
    /// Parses a locus and passes its warnings on.
    pub(super) fn locus(&mut self, text: &str, at: &At<'_>) -> Option<Locus> {
        let (locus, warnings) = self.noted(Locus::parse(text).map_err(|error| at.compile_error(error)))?;
        for warning in warnings {
            self.report(at.warning(warning.message).with_help(warning.help));
        }
        Some(locus)
    }

    pub(super) fn values(
        &mut self,
        spec: &mqttkube_mapping::ValuesSpec,
        direction: Direction,
        outputs: Option<&[&str]>,
        at: &At<'_>,
    ) -> Option<ValueMap> {
        match ValueMap::compile(spec, direction, outputs) {
            Ok(values) => Some(values),
            Err(errors) => {
                self.problems
                    .extend(errors.into_iter().map(|error| at.compile_error(error)));
                None
            }
        }
    }
}
