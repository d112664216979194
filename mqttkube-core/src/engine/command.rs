//! From a message to work: which items it is for, what their mappings make of it, and what is reported.

use std::sync::Arc;

use bytes::Bytes;
use mqttkube_mapping::{
    CastType, Encoding, Input, Match, Outcome as Mapped, TemplateContext, cast, publish_bytes, text,
};
use serde_json::{Value, json};

use super::acks::{Arrival, ExecId};
use super::calls::Job;
use super::retry::Retry;
use super::work::{Body, Delete, End, Field, Fixed, Launch, ObjectKey, Work, metadata, number_in};
use super::{Effects, Engine};
use crate::binding::{self, ActionItem, ItemKind, ItemRef, PatchItem, Retained, Verb};
use crate::event::{Effect, Message, Publish, Purpose};
use crate::launch::{self, Identity};
use crate::report::{Outcome, ResultMessage};

/// Messages at QoS 0 have no window that limits them; more than so many at once are dropped.
const MAX_LOOSE: usize = 10_000;

/// A message, shared by everything that it causes.
#[derive(Debug)]
pub(super) struct Command {
    pub(super) message: Message,
}

/// Work for one object, as an item's mapping gave it.
struct Prepared {
    key: ObjectKey,
    work: Work,
    verb: Option<Verb>,
    id: Option<String>,
}

/// A message that an item makes nothing of.
type Refused = (Outcome, String);

impl Engine {
    /// A message arrived.
    pub(super) fn message(&mut self, message: Message, effects: &mut Effects) {
        if self.draining {
            // Not acknowledged: the broker keeps it for the next process.
            return;
        }
        self.counters.received += 1;
        if message.packet_id.is_none() && self.acks.running() >= MAX_LOOSE {
            self.counters.dropped += 1;
            return;
        }
        match self.acks.arrive(&message) {
            Arrival::Known => self.counters.duplicates += 1,
            Arrival::New(exec) => {
                self.dispatch(exec, message, effects);
                self.acks.end_part(exec);
            }
        }
    }

    fn dispatch(&mut self, exec: ExecId, message: Message, effects: &mut Effects) {
        let items = self.routes.items(&self.plan, &message);
        if items.is_empty() {
            self.counters.unrouted += 1;
        }
        let command = Arc::new(Command { message });
        for item in items {
            self.start(exec, item, &command, effects);
        }
    }

    fn start(&mut self, exec: ExecId, item: ItemRef, command: &Arc<Command>, effects: &mut Effects) {
        let message = &command.message;
        let binding = &mut self.bindings[item.binding as usize];
        binding.received += 1;
        if message.retain {
            let once = listener(&self.plan, item).retained() == Retained::Once;
            if !once || !self.retained.admit(item, message) {
                binding.ignored += 1;
                return;
            }
        }
        match self.prepare(item, message) {
            Ok(prepared) => {
                self.acks.part(exec);
                let job = Job {
                    exec,
                    item,
                    command: Arc::clone(command),
                    work: prepared.work,
                    verb: prepared.verb,
                    id: prepared.id,
                    retry: Retry::default(),
                    version: None,
                };
                self.queues.push(prepared.key, job);
            }
            Err((outcome, error)) => {
                let error = (!error.is_empty()).then_some(error);
                self.report(item, command, &End::plain(outcome, error), None, None, effects);
            }
        }
    }

    fn prepare(&self, item: ItemRef, message: &Message) -> Result<Prepared, Refused> {
        let limit = self.plan.settings().max_payload;
        let size = message.payload.len();
        if size > limit {
            return Err(invalid(format!(
                "the payload of {size} bytes is larger than max-payload, {limit} bytes"
            )));
        }
        let payload = text(&message.payload).ok_or_else(|| invalid("the payload is not UTF-8"))?;
        let input = Input::text(payload).with_topic(self.routes.relative(&message.topic));
        let found = match listener(&self.plan, item).values.lookup(input) {
            Mapped::Match(found) => found,
            Mapped::Miss(_) => return Err((Outcome::NoMatch, String::new())),
            Mapped::Error(error) => return Err(invalid(error.to_string())),
        };
        match item.kind {
            ItemKind::Patch => self.patch(item, found, message),
            ItemKind::Action => self.action(item, &found, message),
            ItemKind::Watch => Err(invalid("a watch takes no messages")),
        }
    }

    fn patch(&self, item: ItemRef, found: Match<'_>, message: &Message) -> Result<Prepared, Refused> {
        let patch: &PatchItem = self.plan.patch_item(item);
        let identity = self.identity(item, &found, message)?;
        let raw = patch.cast == CastType::Auto && !found.is_mapped() && found.output().is_string();
        let value = match patch.cast {
            CastType::Auto => found.into_output(),
            wanted => cast(found.output(), wanted).map_err(|error| invalid(error.to_string()))?,
        };
        // Raw text may become the number that it reads as.
        let number = raw.then(|| number_in(&value)).flatten();
        let written = number.as_ref().unwrap_or(&value);
        if !patch.bounds.allow(written) {
            return Err(invalid(format!("{written} is outside the bounds of the item")));
        }
        Ok(Prepared {
            key: self.target(item)?,
            work: Work::Field(Field::new(item, value, raw)),
            verb: None,
            id: identity.is_explicit().then(|| identity.text()),
        })
    }

    fn action(&self, item: ItemRef, found: &Match<'_>, message: &Message) -> Result<Prepared, Refused> {
        let action: &ActionItem = self.plan.action_item(item);
        let word = found.output().as_str().unwrap_or_default();
        let verb = Verb::from_word(word)
            .filter(|verb| action.allow.contains(verb))
            .ok_or_else(|| {
                invalid(format!(
                    "{} is not an action that is allowed here",
                    found.output()
                ))
            })?;
        let identity = self.identity(item, found, message)?;
        let id = Some(identity.text());
        let mut key = self.target(item)?;
        let work = match verb {
            Verb::Launch => {
                let object = self.render(item, found, message, &identity)?;
                key.name = metadata(&object, "name").unwrap_or_default().to_owned();
                let resource = Arc::clone(&self.kinds.get(key.kind).resource);
                let body = Body::Object(Box::new(object));
                Work::Launch(Launch::new(body, resource, identity, action.on_exists))
            }
            Verb::Delete => Work::Delete(self.delete(&identity)),
            Verb::Restart => fixed(json!({"spec": {"template": {"metadata": {"annotations": {
                "kubectl.kubernetes.io/restartedAt": launch::rfc3339(message.at),
            }}}}})),
            Verb::Suspend => fixed(json!({"spec": {"suspend": true}})),
            Verb::Resume => fixed(json!({"spec": {"suspend": false}})),
            Verb::Trigger => Work::Launch(Launch::new(
                Body::CronJob,
                Arc::new(launch::job_resource()),
                identity,
                action.on_exists,
            )),
        };
        Ok(Prepared {
            key,
            work,
            verb: Some(verb),
            id,
        })
    }

    fn identity(&self, item: ItemRef, found: &Match<'_>, message: &Message) -> Result<Identity, Refused> {
        let explicit = match &listener(&self.plan, item).id {
            Some(id) if message.correlation_data.is_none() => {
                let [context, json, value] = launch::names(found);
                let value = id
                    .eval(&[&context, &json, &value])
                    .map_err(|error| invalid(format!("id: {error}")))?;
                Some(String::from_utf8_lossy(&publish_bytes(&value, Encoding::Text)).into_owned())
            }
            _ => None,
        };
        Ok(Identity::new(&self.plan.settings().client_id, message, explicit))
    }

    /// The object to launch, checked and labelled.
    fn render(
        &self,
        item: ItemRef,
        found: &Match<'_>,
        message: &Message,
        identity: &Identity,
    ) -> Result<Value, Refused> {
        let template = self.plan.action_item(item).launch.as_ref();
        let template = template.ok_or_else(|| invalid("the item has no template"))?;
        let context = TemplateContext {
            uid: &identity.uid,
            matched: &Value::Object(found.context()),
            topic: self.routes.relative(&message.topic),
            now: &launch::rfc3339(message.at),
            retained: message.retain,
        };
        let object = template
            .render(&context)
            .map_err(|error| invalid(error.to_string()))?;
        let target = self.plan.binding(item).target();
        let resource = &self.kinds.get(target.kind()).resource;
        launch::prepare(object, resource, target.namespace(), identity)
            .map_err(|error| invalid(error.to_string()))
    }

    /// The object of the binding.
    fn target(&self, item: ItemRef) -> Result<ObjectKey, Refused> {
        let target = self.plan.binding(item).target();
        let name = target
            .name()
            .ok_or_else(|| invalid("a selection of objects takes no commands"))?;
        Ok(ObjectKey {
            kind: target.kind(),
            namespace: target.namespace().map(str::to_owned),
            name: name.to_owned(),
        })
    }

    /// A delivery that is not known may be the second one of a deletion that this process carried out; then it
    /// means the object of that time.
    fn delete(&self, identity: &Identity) -> Delete {
        let earlier = identity.redelivered.then(|| self.deleted.get(&identity.text()));
        Delete::new(earlier.flatten().cloned())
    }

    /// Publishes the raw message if it was given up, and the outcome where somebody wants to know it.
    pub(super) fn report(
        &mut self,
        item: ItemRef,
        command: &Command,
        end: &End,
        value: Option<&Value>,
        id: Option<&str>,
        effects: &mut Effects,
    ) {
        self.bindings[item.binding as usize].count(end.outcome, end.error.as_deref());
        let message = &command.message;
        let listener = listener(&self.plan, item);
        if end.outcome == Outcome::GaveUp
            && let Some(topic) = listener.dead_letter()
        {
            effects.push(outgoing(
                topic.as_str(),
                message.payload.clone(),
                Purpose::DeadLetter,
                None,
            ));
        }
        let response = message.response_topic.as_deref();
        let response = response.filter(|topic| {
            let allowed = self.routes.may_answer(topic);
            self.counters.refused_responses += u64::from(!allowed);
            allowed
        });
        if listener.result().is_none() && response.is_none() {
            return;
        }
        let result = ResultMessage {
            outcome: end.outcome,
            binding: self.plan.binding(item).id(),
            item: item.to_string(),
            object: end.object.as_ref(),
            value,
            error: end.error.as_deref(),
            id,
        };
        let body = Bytes::from(result.to_json());
        let topics = listener
            .result()
            .map(|topic| topic.as_str())
            .into_iter()
            .chain(response);
        for topic in topics {
            let correlation = message.correlation_data.clone();
            effects.push(outgoing(topic, body.clone(), Purpose::Result, correlation));
        }
    }
}

/// What all listening items have.
fn listener(plan: &crate::plan::Plan, item: ItemRef) -> &binding::Command {
    match item.kind {
        ItemKind::Action => &plan.action_item(item).command,
        ItemKind::Patch | ItemKind::Watch => &plan.patch_item(item).command,
    }
}

/// A message that is not a state: at QoS 1 and never retained.
fn outgoing(topic: &str, payload: Bytes, purpose: Purpose, correlation_data: Option<Bytes>) -> Effect {
    Effect::Publish(Publish {
        topic: topic.to_owned(),
        payload,
        qos: 1,
        retain: false,
        purpose,
        correlation_data,
    })
}

fn invalid(error: impl Into<String>) -> Refused {
    (Outcome::Invalid, error.into())
}

fn fixed(body: Value) -> Work {
    Work::Fixed(Fixed { body })
}
