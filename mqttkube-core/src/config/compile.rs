//! From what a person wrote to what the engine runs. Finds everything that is wrong, not the first thing only.

mod action;
mod binding;
mod command;
mod launch;
mod loops;
mod watch;

use std::collections::BTreeMap;
use std::time::Duration;

use mqttkube_mapping::{Topic, TopicError, TopicFilter, TopicPrefix};

use self::binding::compile_binding;
use super::problem::{At, Problem, SpecErrors};
use super::spec::{DefaultsSpec, Spec, TopicSpec};
use crate::binding::Binding;
use crate::ids::KindId;
use crate::kinds::Kind;
use crate::plan::{Plan, Settings};

/// What bindings need to know of the MQTT session that carries them.
#[derive(Clone, Debug)]
pub struct SessionFacts {
    /// Joined before every topic that is not absolute.
    pub prefix: TopicPrefix,
    /// Where response topics of requests may lie; default: under the prefix.
    pub response_prefix: Option<TopicPrefix>,
    /// The client identifier.
    pub client_id: String,
    /// How long the broker keeps commands while nobody is connected.
    pub session_expiry: Duration,
    /// Larger payloads are dropped, in bytes.
    pub max_payload: usize,
    /// The session speaks MQTT 5, so that the broker says which subscription a message matched and does not send us
    /// our own messages.
    pub mqtt5: bool,
}

impl Default for SessionFacts {
    /// No prefix, client `mqtt-kube`, one hour, 256 KiB, MQTT 5.
    fn default() -> Self {
        Self {
            prefix: TopicPrefix::default(),
            response_prefix: None,
            client_id: "mqtt-kube".to_owned(),
            session_expiry: Duration::from_secs(3600),
            max_payload: 256 * 1024,
            mqtt5: true,
        }
    }
}

/// A plan, and what a person should think about although it works.
#[derive(Debug)]
pub struct Compiled {
    /// What the engine and the runtime need.
    pub plan: Plan,
    /// Warnings, in the order in which they were found.
    pub warnings: Vec<Problem>,
}

impl Spec {
    /// Checks everything and compiles it.
    ///
    /// ```
    /// use mqttkube_core::config::{BindingSpec, PatchItemSpec, SessionFacts, Spec};
    ///
    /// let jellyfin = BindingSpec::new("Deployment", "jellyfin")
    ///     .namespace("media")
    ///     .patch(PatchItemSpec::new("jellyfin/replicas/set", "spec.replicas"));
    /// let plan = Spec::new(vec![jellyfin]).compile(&SessionFacts::default())?.plan;
    /// assert_eq!(plan.bindings()[0].id(), "media/Deployment/jellyfin");
    /// # Ok::<(), mqttkube_core::config::SpecErrors>(())
    /// ```
    ///
    /// # Errors
    /// [`SpecErrors`] with every error and every warning when there is at least one error.
    pub fn compile(&self, session: &SessionFacts) -> Result<Compiled, SpecErrors> {
        let mut compiler = Compiler::new(self, session);
        let bindings_at = At::ROOT.key("bindings");
        let mut bindings = Vec::with_capacity(self.bindings.len());
        for (index, spec) in self.bindings.iter().enumerate() {
            let place = spec.origin.place.unwrap_or(index);
            bindings.extend(compile_binding(
                &mut compiler,
                spec,
                place,
                &bindings_at.index(place),
            ));
        }
        name_bindings(&mut compiler, &mut bindings);
        loops::check(&mut compiler, &bindings);
        let Compiler { kinds, problems, .. } = compiler;
        if problems.iter().any(Problem::is_error) {
            return Err(SpecErrors(problems));
        }
        let plan = Plan::new(
            bindings.into_iter().map(|found| found.binding).collect(),
            kinds,
            self.settings(session),
        );
        Ok(Compiled {
            plan,
            warnings: problems,
        })
    }

    fn settings(&self, session: &SessionFacts) -> Settings {
        Settings {
            prefix: session.prefix.clone(),
            response_prefix: session
                .response_prefix
                .clone()
                .unwrap_or_else(|| session.prefix.clone()),
            client_id: session.client_id.clone(),
            session_expiry: session.session_expiry,
            max_payload: session.max_payload,
            field_manager: self.kubernetes.field_manager.clone(),
            request_timeout: self.kubernetes.request_timeout,
            watch_timeout: self.kubernetes.watch_timeout,
            retry_deadline: self.kubernetes.retry_deadline,
        }
    }
}

/// A binding that is free of errors, and its place in the file.
struct Found {
    index: usize,
    explicit_id: bool,
    binding: Binding,
}

/// What the parts of the compiler share.
struct Compiler<'a> {
    session: &'a SessionFacts,
    defaults: &'a DefaultsSpec,
    no_prefix: TopicPrefix,
    default_result: Option<Topic>,
    default_dead_letter: Option<Topic>,
    kinds: Vec<Kind>,
    problems: Vec<Problem>,
}

impl<'a> Compiler<'a> {
    fn new(spec: &'a Spec, session: &'a SessionFacts) -> Self {
        let no_prefix = TopicPrefix::default();
        let defaults = &spec.defaults;
        let mut compiler = Self {
            session,
            defaults,
            no_prefix,
            default_result: None,
            default_dead_letter: None,
            kinds: Vec::new(),
            problems: Vec::new(),
        };
        let at = At::ROOT.key("defaults");
        compiler.qos(defaults.qos, 2, &at.key("qos"));
        let result = defaults.result.as_ref();
        compiler.default_result = result.and_then(|topic| compiler.topic(topic, &at.key("result")));
        let dead_letter = defaults.dead_letter.as_ref();
        compiler.default_dead_letter =
            dead_letter.and_then(|topic| compiler.topic(topic, &at.key("dead-letter")));
        compiler
    }

    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    /// Turns an error into a report, so that the search goes on.
    fn noted<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.report(problem)).ok()
    }

    fn kind_id(&mut self, kind: &Kind) -> KindId {
        let known = self.kinds.iter().position(|known| known == kind);
        let index = known.unwrap_or_else(|| {
            self.kinds.push(kind.clone());
            self.kinds.len() - 1
        });
        KindId(u32::try_from(index).expect("a file names far fewer kinds than 2^32"))
    }

    fn prefix(&self, topic: &TopicSpec) -> &TopicPrefix {
        if topic.absolute {
            &self.no_prefix
        } else {
            &self.session.prefix
        }
    }

    fn filter(&mut self, topic: &TopicSpec, at: &At<'_>) -> Option<TopicFilter> {
        let parsed =
            TopicFilter::new(topic.text.as_str()).and_then(|_| self.prefix(topic).join(&topic.text).parse());
        self.noted(parsed.map_err(|error| topic_problem(&error, &topic.text, at)))
    }

    fn topic(&mut self, topic: &TopicSpec, at: &At<'_>) -> Option<Topic> {
        let parsed =
            Topic::new(topic.text.as_str()).and_then(|_| self.prefix(topic).join(&topic.text).parse());
        self.noted(parsed.map_err(|error| topic_problem(&error, &topic.text, at)))
    }

    /// Checks a quality of service and fills in the default.
    fn qos(&mut self, own: Option<u8>, highest: u8, at: &At<'_>) -> u8 {
        let qos = own.or(self.defaults.qos).unwrap_or(1);
        if own.is_some_and(|own| own > 2) {
            self.report(
                at.error(format!("there is no quality of service {qos}"))
                    .with_help("write 0, 1 or 2"),
            );
        } else if own.is_some_and(|own| own > highest) {
            let message = format!("a subscription with quality of service {qos} counts as {highest}");
            self.report(
                at.warning(message)
                    .with_help("commands at level 2 would not survive a restart"),
            );
        }
        qos.min(highest)
    }
}

/// An error at the character of a topic that is wrong.
fn topic_problem(error: &TopicError, text: &str, at: &At<'_>) -> Problem {
    let offset = match error {
        TopicError::Nul { offset, .. }
        | TopicError::Wildcard { offset, .. }
        | TopicError::PartialLevel { offset, .. }
        | TopicError::AfterMultiLevel { offset, .. } => *offset,
        _ => 0,
    };
    at.error(error.to_string()).at_column(character(text, offset))
}

/// The column of a byte of `text`, in characters from 1.
fn character(text: &str, offset: usize) -> usize {
    text.get(..offset).map_or(1, |before| before.chars().count() + 1)
}

/// Refuses two bindings of one name, and tells derived names apart that happen to be the same.
fn name_bindings(compiler: &mut Compiler<'_>, bindings: &mut [Found]) {
    let mut first: BTreeMap<String, usize> = BTreeMap::new();
    let bindings_at = At::ROOT.key("bindings");
    for found in bindings.iter().filter(|found| found.explicit_id) {
        if first.insert(found.binding.id.clone(), found.index).is_some() {
            let at = bindings_at.index(found.index);
            compiler.report(
                at.key("id")
                    .error(format!("two bindings have the id \"{}\"", found.binding.id)),
            );
        }
    }
    for found in bindings.iter_mut().filter(|found| !found.explicit_id) {
        let derived = found.binding.id.clone();
        let mut number = 2;
        while first.contains_key(&found.binding.id) {
            found.binding.id = format!("{derived}#{number}");
            number += 1;
        }
        first.insert(found.binding.id.clone(), found.index);
    }
}
