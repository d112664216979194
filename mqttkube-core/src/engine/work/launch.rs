//! Creating an object once, however often the command comes and the request is repeated.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::{Answer, Cx, End, Failure, Next, metadata, otherwise};
use crate::binding::OnExists;
use crate::event::{Request, Resource, Verb};
use crate::launch::{self, Identity, LABEL};
use crate::report::{ObjectRef, Outcome};

/// How far the clocks of the API server and of this machine may be apart.
const SKEW: Duration = Duration::from_secs(300);

/// Creates an object that carries the identity of its command as a label.
#[derive(Debug)]
pub(in crate::engine) struct Launch {
    body: Body,
    resource: Arc<Resource>,
    identity: Identity,
    on_exists: OnExists,
    stage: Stage,
    /// A creation was sent whose answer is not known: what is there may be ours.
    ambiguous: bool,
}

/// The object to create.
#[derive(Debug)]
pub(in crate::engine) enum Body {
    /// Rendered.
    Object(Box<Value>),
    /// The job template of the CronJob that the key names.
    CronJob,
}

#[derive(Debug)]
enum Stage {
    /// Look for the object of an earlier delivery of this command.
    Search,
    /// Read the CronJob.
    Source,
    Create,
    /// Read what is in the way.
    Inspect,
    /// Delete what is in the way.
    Clear {
        uid: Option<String>,
    },
}

impl Launch {
    /// `resource` is what is created, which for a CronJob is a Job.
    pub(in crate::engine) fn new(
        body: Body,
        resource: Arc<Resource>,
        identity: Identity,
        on_exists: OnExists,
    ) -> Self {
        let stage = if identity.redelivered {
            Stage::Search
        } else {
            first(&body)
        };
        Self {
            body,
            resource,
            identity,
            on_exists,
            stage,
            ambiguous: false,
        }
    }

    /// A template puts its object into the namespace of the binding, so there must be one.
    pub(super) fn refused(&self, cx: &Cx<'_>) -> Option<End> {
        let resource = &cx.kind.resource;
        let error = || {
            format!(
                "a {} has no namespace, and only objects in namespaces are launched",
                resource.kind
            )
        };
        (!resource.namespaced).then(|| End::bad(Outcome::Invalid, cx, error()))
    }

    pub(super) fn request(&self, cx: &Cx<'_>) -> Request {
        let about = |name: &str, verb| Request {
            resource: Arc::clone(&self.resource),
            namespace: cx.namespace(),
            name: name.to_owned(),
            verb,
        };
        match &self.stage {
            Stage::Source => cx.request(Verb::Get),
            Stage::Search => about(
                "",
                Verb::List {
                    label: format!("{LABEL}={}", self.identity.label()),
                },
            ),
            Stage::Create => about("", Verb::Create { body: self.object() }),
            Stage::Inspect => about(self.name(), Verb::Get),
            Stage::Clear { uid } => about(self.name(), Verb::Delete { uid: uid.clone() }),
        }
    }

    pub(super) fn answer(&mut self, answer: Answer, cx: &Cx<'_>) -> Next {
        match (&self.stage, answer) {
            (Stage::Search, Answer::Done(list)) => self.found(&list, cx),
            (Stage::Source, Answer::Done(cron_job)) => self.template(&cron_job, cx),
            (Stage::Create, Answer::Done(object)) => Next::End(End {
                created: metadata(&object, "uid").map(str::to_owned),
                ..self.good(Outcome::Applied, &object, cx)
            }),
            (Stage::Create, Answer::Clash(_)) => self.go(Stage::Inspect),
            (Stage::Create, Answer::Failed(failure)) => {
                self.ambiguous |= failure.ambiguous;
                Next::Pause(failure)
            }
            (Stage::Inspect, Answer::Done(object)) => self.inspect(&object, cx),
            (Stage::Inspect, Answer::Missing(_)) => self.go(Stage::Create),
            // Gone, replaced by another one, or on its way out: creating tells.
            (Stage::Clear { .. }, Answer::Done(_) | Answer::Missing(_) | Answer::Clash(_)) => {
                self.go(Stage::Create)
            }
            (_, other) => otherwise(other, cx),
        }
    }

    fn go(&mut self, stage: Stage) -> Next {
        self.stage = stage;
        Next::Call
    }

    fn found(&mut self, list: &Value, cx: &Cx<'_>) -> Next {
        let items = list.get("items").and_then(Value::as_array);
        let limit = cx.plan.settings().session_expiry.saturating_add(SKEW);
        let ours = items
            .into_iter()
            .flatten()
            .find(|object| launch::is_created_within(object, self.identity.at, limit));
        match ours {
            Some(object) => Next::End(self.good(Outcome::Applied, object, cx)),
            None => self.go(first(&self.body)),
        }
    }

    fn template(&mut self, cron_job: &Value, cx: &Cx<'_>) -> Next {
        match launch::job_of(cron_job, &self.identity) {
            Ok(job) => {
                self.body = Body::Object(Box::new(job));
                self.go(Stage::Create)
            }
            Err(error) => Next::End(End::bad(Outcome::Invalid, cx, error.to_string())),
        }
    }

    /// Something of that name is there already.
    fn inspect(&mut self, object: &Value, cx: &Cx<'_>) -> Next {
        if self.is_ours(object) {
            return Next::End(self.good(Outcome::Applied, object, cx));
        }
        if metadata(object, "deletionTimestamp").is_some() {
            self.stage = Stage::Create;
            return Next::Pause(Failure::waiting("the object of that name is still being deleted"));
        }
        match self.on_exists {
            OnExists::Ignore => Next::End(self.good(Outcome::Unchanged, object, cx)),
            OnExists::Error => Next::End(End {
                error: Some(format!("{} is already there", self.name())),
                ..self.good(Outcome::Exists, object, cx)
            }),
            OnExists::Replace => self.go(Stage::Clear {
                uid: metadata(object, "uid").map(str::to_owned),
            }),
        }
    }

    /// The same command created it: an earlier delivery, or an earlier request whose answer was lost.
    fn is_ours(&self, object: &Value) -> bool {
        let labelled = launch::command_of(object) == Some(&self.identity.label());
        let lost_answer = || self.ambiguous && launch::is_created_within(object, self.identity.at, SKEW);
        labelled && (self.identity.redelivered || self.identity.is_explicit() || lost_answer())
    }

    fn object(&self) -> Box<Value> {
        match &self.body {
            Body::Object(object) => object.clone(),
            Body::CronJob => Box::default(),
        }
    }

    fn name(&self) -> &str {
        match &self.body {
            Body::Object(object) => metadata(object, "name").unwrap_or_default(),
            Body::CronJob => "",
        }
    }

    fn good(&self, outcome: Outcome, object: &Value, cx: &Cx<'_>) -> End {
        let text = |name| metadata(object, name).map(str::to_owned);
        End {
            object: Some(ObjectRef {
                api_version: self.resource.api_version(),
                kind: self.resource.kind.clone(),
                namespace: cx.namespace(),
                name: text("name").unwrap_or_default(),
                resource_version: text("resourceVersion"),
            }),
            ..End::plain(outcome, None)
        }
    }
}

fn first(body: &Body) -> Stage {
    match body {
        Body::Object(_) => Stage::Create,
        Body::CronJob => Stage::Source,
    }
}
