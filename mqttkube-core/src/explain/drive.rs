//! One item in an engine of its own.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use mqttkube_mapping::{Hits, Input, Step, ValueMap};
use serde_json::{Value, json};

use super::{Explained, ExplainedPublish, ExplainedRequest, Happening, Outcome};
use crate::binding::{Binding, Command, ItemKind, OnDelete, Retained, WatchItem};
use crate::engine::{Effects, Engine};
use crate::event::{ApiOutcome, Effect, Event, Message, Publish, Purpose, Request, Verb};
use crate::ids::{KindId, MessageId, WatchId};
use crate::plan::Plan;

/// A command reads at most so often before it writes; more requests would be repetitions.
const MAX_READS: usize = 8;

/// What an engine with a single item did.
#[derive(Debug, Default)]
pub(super) struct Driven {
    steps: Vec<Step>,
    mapped: Value,
    /// What the mapping says, when it gives nothing.
    looked: Option<Outcome>,
    failure: Option<String>,
    request: Option<Request>,
    publish: Option<Publish>,
    result: Option<Value>,
    /// The object matters, and nothing was said of it.
    guessed: bool,
}

impl Driven {
    /// `None` when the item is not concerned at all. The plan holds one binding with one item.
    pub(super) fn new(plan: Plan, happening: &Happening) -> Option<Self> {
        let plan = Arc::new(plan);
        let binding = plan.bindings().first()?;
        match happening {
            Happening::Message {
                topic,
                payload,
                retained,
                object,
            } => {
                let command = command(binding).filter(|command| command.topic.matches(topic))?;
                let mut driven = Self::default();
                driven.map_message(&plan, command, topic, payload);
                let present = object
                    .clone()
                    .unwrap_or_else(|| named(&plan, binding, &json!({})));
                let read = driven.send(&plan, message(&plan, topic, payload, *retained), &present);
                driven.guessed = read && object.is_none();
                if *retained && command.retained == Retained::Ignore {
                    driven.looked = Some(Outcome::Ignored);
                }
                Some(driven)
            }
            Happening::Object(object) => Self::watched(&plan, binding, object, false),
            Happening::Deleted(object) => Self::watched(&plan, binding, object, true),
        }
    }

    fn map_message(&mut self, plan: &Plan, command: &Command, topic: &str, payload: &[u8]) {
        let Some(text) = mqttkube_mapping::text(payload) else {
            self.looked = Some(Outcome::Error);
            self.failure = Some("the payload is not UTF-8 text".to_owned());
            return;
        };
        let relative = plan.settings().prefix.strip(topic).unwrap_or(topic);
        let input = Input::text(text).with_topic(relative);
        self.map(&command.values, input);
    }

    fn map(&mut self, values: &ValueMap, input: Input<'_>) {
        let trace = values.explain(input);
        self.steps = trace.steps;
        match trace.outcome {
            Ok(Ok(value)) => self.mapped = value,
            Ok(Err(_)) => self.looked = Some(Outcome::Miss),
            Err(error) => {
                self.looked = Some(Outcome::Error);
                self.failure = Some(error.to_string());
            }
        }
    }

    /// Hands the message to an engine and answers what it reads, until it wants to write or is done. Returns whether it
    /// read something.
    fn send(&mut self, plan: &Arc<Plan>, message: Message, object: &Value) -> bool {
        let (mut engine, now) = started(plan);
        let mut effects = engine.handle(Event::Message(message), now);
        for reads in 0..MAX_READS {
            let Some(answer) = self.take(effects, object) else {
                return reads > 0;
            };
            effects = engine.handle(answer, now);
        }
        true
    }

    /// Remembers what matters, and gives the answer to a read.
    fn take(&mut self, effects: Effects, object: &Value) -> Option<Event> {
        let mut answer = None;
        for effect in effects {
            match effect {
                Effect::Call { job, request, .. } if matches!(request.verb, Verb::Get) => {
                    answer = Some(Event::Done {
                        job,
                        outcome: ApiOutcome::Ok(Box::new(object.clone())),
                    });
                }
                Effect::Call { request, .. } => self.request = Some(request),
                Effect::Publish(publish) if publish.purpose == Purpose::Result => {
                    self.result = serde_json::from_slice(&publish.payload).ok();
                }
                _ => {}
            }
        }
        answer
    }

    fn watched(plan: &Arc<Plan>, binding: &Binding, object: &Value, deleted: bool) -> Option<Self> {
        let item = binding.watches.first()?;
        let object = named(plan, binding, object);
        if !concerns(plan, binding, &object) {
            return None;
        }
        let mut driven = Self::default();
        driven.map_object(item, &object, deleted);
        let (mut engine, now) = started(plan);
        let watch = WatchId(0);
        let mut effects = Effects::new();
        effects.extend(engine.handle(Event::Listing { watch }, now));
        let boxed = Box::new(object.clone());
        effects.extend(engine.handle(Event::Object { watch, object: boxed }, now));
        effects.extend(engine.handle(Event::Listed { watch }, now));
        if deleted {
            let metadata = |key: &str| object["metadata"][key].as_str().map(str::to_owned);
            let name = metadata("name").unwrap_or_default();
            effects = engine.handle(
                Event::Deleted {
                    watch,
                    namespace: metadata("namespace"),
                    name,
                },
                now,
            );
        }
        driven.publish = effects.into_iter().find_map(|effect| match effect {
            Effect::Publish(publish) => Some(publish),
            _ => None,
        });
        Some(driven)
    }

    fn map_object(&mut self, item: &WatchItem, object: &Value, deleted: bool) {
        let found = match item.locus.read(object) {
            _ if deleted && item.on_delete != OnDelete::MapNull => return,
            _ if deleted => Value::Null,
            Ok(Hits::None) => Value::Null,
            Ok(Hits::One(value)) => value.clone(),
            Ok(Hits::Many(values)) => values.into_iter().cloned().collect(),
            Err(error) => {
                self.looked = Some(Outcome::Error);
                self.failure = Some(error.to_string());
                return;
            }
        };
        self.map(&item.values, Input::json(&found));
    }

    pub(super) fn explained(
        self,
        kind: ItemKind,
        index: usize,
        at: Option<String>,
        binding: String,
    ) -> Explained {
        let outcome = self.outcome();
        let error = (outcome != Outcome::Miss).then(|| self.error()).flatten();
        let publish = self.publish.map(|publish| ExplainedPublish {
            topic: publish.topic,
            payload: String::from_utf8_lossy(&publish.payload).into_owned(),
            retain: publish.retain,
            qos: publish.qos,
        });
        Explained {
            binding,
            item: kind.as_str(),
            index,
            at,
            steps: self.steps,
            outcome,
            value: self.mapped,
            request: self.request.as_ref().map(ExplainedRequest::new),
            publish,
            error,
        }
    }

    fn outcome(&self) -> Outcome {
        if let Some(request) = &self.request {
            return match request.verb {
                Verb::Create { .. } => Outcome::Launch,
                Verb::Delete { .. } => Outcome::Delete,
                _ => Outcome::Patch,
            };
        }
        match (&self.publish, self.looked) {
            (Some(publish), _) if publish.payload.is_empty() => Outcome::Clear,
            (Some(_), _) => Outcome::Publish,
            (None, Some(looked)) => looked,
            (None, None) if self.error().is_some() => Outcome::Error,
            (None, None) => Outcome::Ignored,
        }
    }

    fn error(&self) -> Option<String> {
        if self.failure.is_some() {
            return self.failure.clone();
        }
        let error = self.result.as_ref()?.get("error")?.as_str()?;
        Some(if self.guessed {
            format!("{error}; this depends on the present object, and none was given")
        } else {
            error.to_owned()
        })
    }
}

fn command(binding: &Binding) -> Option<&Command> {
    let patch = binding.patches.first().map(|patch| &patch.command);
    patch.or_else(|| binding.actions.first().map(|action| &action.command))
}

/// An engine that is connected and knows its kinds.
fn started(plan: &Arc<Plan>) -> (Engine, Instant) {
    let now = Instant::now();
    let mut engine = Engine::new(Arc::clone(plan));
    engine.handle(
        Event::Online {
            epoch: 1,
            resumed: false,
        },
        now,
    );
    for (index, kind) in (0..).zip(plan.kinds()) {
        let resource = kind.resource().as_ref().clone();
        engine.handle(
            Event::Kind {
                kind: KindId(index),
                resource,
                scale: kind.has_scale(),
            },
            now,
        );
    }
    (engine, now)
}

fn message(plan: &Plan, topic: &str, payload: &[u8], retain: bool) -> Message {
    Message {
        id: MessageId(1),
        epoch: 1,
        topic: topic.to_owned(),
        payload: Bytes::copy_from_slice(payload),
        retain,
        dup: false,
        packet_id: Some(1),
        subscription_ids: plan.filters().iter().map(|filter| filter.id).collect(),
        response_topic: None,
        correlation_data: None,
        at: 0,
    }
}

/// The object with what the binding says of it, where the object itself does not.
fn named(plan: &Plan, binding: &Binding, object: &Value) -> Value {
    let target = &binding.target;
    let resource = plan.kind(target.kind).resource();
    let mut object = object.clone();
    let Some(members) = object.as_object_mut() else {
        return object;
    };
    members
        .entry("apiVersion")
        .or_insert_with(|| resource.api_version().into());
    members
        .entry("kind")
        .or_insert_with(|| resource.kind.clone().into());
    let metadata = members.entry("metadata").or_insert_with(|| json!({}));
    if let Some(metadata) = metadata.as_object_mut() {
        metadata
            .entry("name")
            .or_insert_with(|| target.name().unwrap_or("example").into());
        if resource.namespaced {
            metadata
                .entry("namespace")
                .or_insert_with(|| target.namespace().unwrap_or("default").into());
        }
    }
    object
}

/// Whether the object is one of the binding's, as far as that can be seen without evaluating selectors.
fn concerns(plan: &Plan, binding: &Binding, object: &Value) -> bool {
    let target = &binding.target;
    let resource = plan.kind(target.kind).resource();
    let metadata = |key: &str| object["metadata"][key].as_str();
    object["kind"] == resource.kind.as_str()
        && object["apiVersion"] == resource.api_version()
        && target.name().is_none_or(|name| metadata("name") == Some(name))
        && (!resource.namespaced
            || target
                .namespace()
                .is_none_or(|namespace| metadata("namespace") == Some(namespace)))
}
