//! An engine with its clock, and requests as lines of text.

use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use mqttkube_core::config;
use mqttkube_core::engine::Engine;
use mqttkube_core::event::{ApiOutcome, Effect, Event, Message, Publish, Purpose, Refusal, Request, Verb};
use mqttkube_core::ids::{JobId, MessageId, WatchId};
use mqttkube_core::plan::Plan;
use serde_json::{Value, json};

/// 2026-01-01T00:00:00Z in milliseconds.
pub(super) const NEW_YEAR: u64 = 1_767_225_600_000;

pub(super) const WATCH: WatchId = WatchId(0);

pub(super) fn plan(text: &str) -> Arc<Plan> {
    let config = config::parse(text, "test.yaml", "", |_| ());
    Arc::new(config.unwrap_or_else(|errors| panic!("{errors}")).plan)
}

/// The errors and warnings of a configuration, as people see them.
pub(super) fn complaints(text: &str) -> (bool, String) {
    match config::parse(text, "test.yaml", "", |_| ()) {
        Ok(config) => (false, config.notes.to_string()),
        Err(errors) => (true, errors.to_string()),
    }
}

pub(super) struct Driver {
    pub(super) engine: Engine,
    pub(super) plan: Arc<Plan>,
    pub(super) now: Instant,
    epoch: u64,
    messages: u16,
}

impl Driver {
    /// An engine that is connected to a broker.
    pub(super) fn new(text: &str) -> Self {
        let mut driver = Self::offline(text);
        driver.online(false);
        driver
    }

    pub(super) fn offline(text: &str) -> Self {
        let plan = plan(text);
        Self {
            engine: Engine::new(Arc::clone(&plan)),
            plan,
            now: Instant::now(),
            epoch: 0,
            messages: 0,
        }
    }

    pub(super) fn tell(&mut self, event: Event) -> Vec<Effect> {
        self.engine.handle(event, self.now)
    }

    pub(super) fn online(&mut self, resumed: bool) -> Vec<Effect> {
        self.epoch += 1;
        let epoch = self.epoch;
        self.tell(Event::Online { epoch, resumed })
    }

    /// A message at QoS 1 as a 3.1.1 broker delivers it.
    pub(super) fn message(&mut self, topic: &str, payload: impl AsRef<[u8]>) -> Message {
        self.messages += 1;
        Message {
            id: MessageId(self.messages.into()),
            epoch: self.epoch,
            topic: topic.to_owned(),
            payload: Bytes::copy_from_slice(payload.as_ref()),
            retain: false,
            dup: false,
            packet_id: Some(self.messages),
            subscription_ids: Vec::new(),
            response_topic: None,
            correlation_data: None,
            at: NEW_YEAR,
        }
    }

    pub(super) fn send(&mut self, topic: &str, payload: impl AsRef<[u8]>) -> Vec<Effect> {
        let message = self.message(topic, payload);
        self.tell(Event::Message(message))
    }

    pub(super) fn answer(&mut self, job: JobId, outcome: ApiOutcome) -> Vec<Effect> {
        self.tell(Event::Done { job, outcome })
    }

    /// Expects one call after the other, each looking like its line, and answers it. Returns the effects of the last
    /// answer.
    #[track_caller]
    pub(super) fn walk(&mut self, effects: Vec<Effect>, steps: &[(&str, ApiOutcome)]) -> Vec<Effect> {
        let mut effects = effects;
        for (line, outcome) in steps {
            let (job, request) = call(&effects);
            assert_eq!(show(&request), *line);
            effects = self.answer(job, outcome.clone());
        }
        effects
    }

    /// Goes on to the next deadline of the engine. Returns how long that was.
    #[track_caller]
    pub(super) fn wait(&mut self) -> (Duration, Vec<Effect>) {
        let next = self
            .engine
            .next_deadline()
            .expect("the engine waits for something");
        let waited = next.saturating_duration_since(self.now);
        self.now += waited;
        (waited, self.tell(Event::Tick))
    }

    pub(super) fn pass(&mut self, time: Duration) -> Vec<Effect> {
        self.now += time;
        self.tell(Event::Tick)
    }

    pub(super) fn object(&mut self, object: Value) -> Vec<Effect> {
        let (watch, object) = (WATCH, Box::new(object));
        self.tell(Event::Object { watch, object })
    }

    /// A whole list of the first watch. Returns all effects.
    pub(super) fn list(&mut self, objects: &[Value]) -> Vec<Effect> {
        let mut effects = self.tell(Event::Listing { watch: WATCH });
        for object in objects {
            effects.extend(self.object(object.clone()));
        }
        effects.extend(self.tell(Event::Listed { watch: WATCH }));
        effects
    }

    pub(super) fn deleted(&mut self, namespace: &str, name: &str) -> Vec<Effect> {
        self.tell(Event::Deleted {
            watch: WATCH,
            namespace: Some(namespace.to_owned()),
            name: name.to_owned(),
        })
    }
}

pub(super) fn calls(effects: &[Effect]) -> Vec<(JobId, Request)> {
    let call = |effect: &Effect| match effect {
        Effect::Call { job, request, .. } => Some((*job, request.clone())),
        _ => None,
    };
    effects.iter().filter_map(call).collect()
}

#[track_caller]
pub(super) fn call(effects: &[Effect]) -> (JobId, Request) {
    let mut calls = calls(effects);
    assert_eq!(calls.len(), 1, "{effects:?}");
    calls.remove(0)
}

pub(super) fn acks(effects: &[Effect]) -> Vec<u64> {
    let ack = |effect: &Effect| match effect {
        Effect::Ack(id) => Some(id.0),
        _ => None,
    };
    effects.iter().filter_map(ack).collect()
}

pub(super) fn publishes(effects: &[Effect], purpose: Purpose) -> Vec<Publish> {
    let publish = |effect: &Effect| match effect {
        Effect::Publish(publish) if publish.purpose == purpose => Some(publish.clone()),
        _ => None,
    };
    effects.iter().filter_map(publish).collect()
}

/// `topic=payload` of everything that is published.
pub(super) fn published(effects: &[Effect]) -> Vec<String> {
    let publish = |effect: &Effect| match effect {
        Effect::Publish(publish) => Some(line(publish)),
        _ => None,
    };
    effects.iter().filter_map(publish).collect()
}

fn line(publish: &Publish) -> String {
    format!("{}={}", publish.topic, String::from_utf8_lossy(&publish.payload))
}

/// The result messages.
pub(super) fn results(effects: &[Effect]) -> Vec<Value> {
    let results = publishes(effects, Purpose::Result);
    let json = |publish: &Publish| serde_json::from_slice(&publish.payload).expect("a result is JSON");
    results.iter().map(json).collect()
}

/// The outcome and the error of the only result.
#[track_caller]
pub(super) fn outcome(effects: &[Effect]) -> (String, String) {
    let results = results(effects);
    assert_eq!(results.len(), 1, "{effects:?}");
    let text = |name: &str| results[0][name].as_str().unwrap_or_default().to_owned();
    (text("outcome"), text("error"))
}

/// `PATCH deployments media/jellyfin/scale merge {...}`
pub(super) fn show(request: &Request) -> String {
    let namespace = request.namespace.as_deref().unwrap_or("-");
    let place = format!("{} {namespace}/{}", request.resource.plural, request.name);
    match &request.verb {
        Verb::Get => format!("GET {place}"),
        Verb::List { label } => format!("LIST {place} {label}"),
        Verb::Create { body } => format!("CREATE {place} {body}"),
        Verb::Delete { uid: None } => format!("DELETE {place}"),
        Verb::Delete { uid: Some(uid) } => format!("DELETE {place} {uid}"),
        Verb::Patch { scale, form, body } => {
            let scale = if *scale { "/scale" } else { "" };
            let form = form
                .content_type()
                .split(['/', '-', '+'])
                .nth(1)
                .unwrap_or_default();
            format!("PATCH {place}{scale} {form} {body}")
        }
    }
}

pub(super) fn ok(body: Value) -> ApiOutcome {
    ApiOutcome::Ok(Box::new(body))
}

/// Any object with this version.
pub(super) fn version(version: &str) -> ApiOutcome {
    ok(json!({"metadata": {"resourceVersion": version}}))
}

pub(super) fn refuse(code: u16, message: &str) -> ApiOutcome {
    ApiOutcome::Refused(Refusal {
        code,
        message: message.to_owned(),
        ..Refusal::default()
    })
}

pub(super) fn unreachable() -> ApiOutcome {
    ApiOutcome::Unreachable {
        error: "connection refused".to_owned(),
    }
}
