//! A broker, an API server, and a namespace for one story.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use k8s_openapi::api::core::v1::Namespace;
use kube::api::{Api, DynamicObject, ObjectMeta, Patch, PatchParams, PostParams};
use kube::core::{ApiResource, GroupVersionKind};
use mqttkube_core::config;
use mqttkube_core::runtime::{Handle, Runtime, RuntimeError};
use mqttkube_mqtt::{Availability, Options};
use mqttkube_tests::any_broker::Broker;
use mqttkube_tests::api_faults::{Faults, Gate, Logged};
use mqttkube_tests::mqtt_probe::{self, Message, Probe};
use mqttkube_tests::wait;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// How long a step of a story may take.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Where a story is told.
pub(crate) struct Scene {
    pub(crate) broker: Broker,
    /// For the runtime; it logs and fails as told.
    gate: Gate,
    /// For the story itself: nothing goes wrong here.
    client: kube::Client,
    /// A namespace of its own.
    pub(crate) namespace: String,
}

impl Scene {
    pub(crate) async fn new(broker: Broker, gate: Gate, client: kube::Client, story: &str) -> Self {
        let mut namespace = story.replace('_', "-");
        namespace.truncate(50);
        let namespace = namespace.trim_end_matches('-').to_owned();
        let api: Api<Namespace> = Api::all(client.clone());
        let metadata = ObjectMeta {
            name: Some(namespace.clone()),
            ..ObjectMeta::default()
        };
        api.create(
            &PostParams::default(),
            &Namespace {
                metadata,
                ..Namespace::default()
            },
        )
        .await
        .unwrap();
        Self {
            broker,
            gate,
            client,
            namespace,
        }
    }

    /// Runs the bindings of a YAML text, in which `NAMESPACE` stands for the namespace of the scene.
    pub(crate) fn run(&self, bindings: &str) -> Running {
        self.run_with(bindings, |options| options)
    }

    pub(crate) fn run_with(
        &self,
        bindings: &str,
        adjust: impl FnOnce(mqttkube_mqtt::OptionsBuilder) -> mqttkube_mqtt::OptionsBuilder,
    ) -> Running {
        let folder = format!("{}/bindings", env!("CARGO_MANIFEST_DIR"));
        let text = bindings.replace("NAMESPACE", &self.namespace);
        let config = config::parse(&text, "story.yaml", &folder, |_| ());
        let plan = config.unwrap_or_else(|problems| panic!("{problems}")).plan;
        let options = Options::builder("127.0.0.1", "story").port(self.broker.address().port());
        let options = adjust(options.availability(Availability::new("story/status")));
        let (stop, stopped) = oneshot::channel::<()>();
        let runtime = Runtime::builder(plan, self.gate.client(), options.build().unwrap())
            .stop_when(async { drop(stopped.await) })
            .build();
        let handle = runtime.handle();
        Running {
            handle,
            stop,
            task: tokio::spawn(runtime.run()),
        }
    }

    /// Somebody with a broker connection who sees everything.
    pub(crate) async fn probe(&self) -> Probe {
        let probe = Probe::connect(self.broker.address(), mqtt_probe::Options::default())
            .await
            .unwrap();
        probe.subscribe("#", 1).await.unwrap();
        probe
    }

    pub(crate) async fn retained(&self, filter: &str) -> BTreeMap<String, Bytes> {
        Probe::retained(self.broker.address(), filter).await.unwrap()
    }

    pub(crate) fn faults(&self) -> &Faults {
        self.gate.faults()
    }

    /// The writes of the runtime so far.
    pub(crate) fn writes(&self) -> Vec<Logged> {
        self.gate.log().filter(|request| request.method != "GET")
    }

    pub(crate) fn requests(&self) -> usize {
        self.gate.log().all().len()
    }

    /// The objects of a kind, in the namespace of the scene.
    pub(crate) fn objects(&self, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind));
        Api::namespaced_with(self.client.clone(), &self.namespace, &resource)
    }

    /// Cluster-scoped objects of a kind.
    pub(crate) fn cluster_objects(&self, group: &str, version: &str, kind: &str) -> Api<DynamicObject> {
        Api::all_with(
            self.client.clone(),
            &ApiResource::from_gvk(&GroupVersionKind::gvk(group, version, kind)),
        )
    }

    pub(crate) async fn deployment(&self, name: &str, labels: Value) {
        let spec = serde_json::json!({
            "replicas": 0,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [
                    { "name": "side", "image": "example.com/side:1" },
                    { "name": "web", "image": "example.com/web:1" },
                ] },
            },
        });
        create(
            &self.objects("apps", "v1", "Deployment"),
            serde_json::json!({
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": { "name": name, "labels": labels },
                "spec": spec,
            }),
        )
        .await;
    }
}

pub(crate) async fn create(objects: &Api<DynamicObject>, object: Value) {
    let object: DynamicObject = serde_json::from_value(object).unwrap();
    objects.create(&PostParams::default(), &object).await.unwrap();
}

/// Sets a status as the controller of the object would.
pub(crate) async fn set_status(objects: &Api<DynamicObject>, name: &str, status: Value) {
    let patch = Patch::Merge(serde_json::json!({ "status": status }));
    objects
        .patch_status(name, &PatchParams::default(), &patch)
        .await
        .unwrap();
}

/// Waits until a field of an object has a value.
pub(crate) async fn becomes(objects: &Api<DynamicObject>, name: &str, pointer: &str, value: Value) {
    let what = format!("{pointer} of {name} = {value}");
    let question = async || {
        let object = objects.get(name).await.map_err(|error| error.to_string())?;
        let object = serde_json::to_value(object).map_err(|error| error.to_string())?;
        let found = object.pointer(pointer).cloned().unwrap_or_default();
        if found == value {
            Ok(())
        } else {
            Err(found.to_string())
        }
    };
    wait::until_ok(SOON, &what, question).await;
}

/// Waits until the last message of a topic has a payload.
pub(crate) async fn says(probe: &Probe, topic: &str, payload: &str) {
    let last = |messages: &[Message]| {
        let found = messages
            .iter()
            .rfind(|message| message.topic == topic)
            .map(Message::text);
        found.as_deref() == Some(payload)
    };
    probe.wait(SOON, last).await;
}

/// Bindings that run.
pub(crate) struct Running {
    pub(crate) handle: Handle,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), RuntimeError>>,
}

impl Running {
    /// Waits until every link, subscription and watch is up.
    pub(crate) async fn ready(&self) -> &Self {
        let question = async || {
            let health = self.handle.health().await;
            if health.ready { Ok(()) } else { Err(health.reasons) }
        };
        wait::until_ok(SOON, "readiness", question).await;
        self
    }

    /// Waits until it says that it is not ready, for a reason that contains `word`.
    pub(crate) async fn complains(&self, word: &str) {
        let question = async || {
            let health = self.handle.health().await;
            let found = health.reasons.iter().any(|reason| reason.contains(word));
            if found { Ok(()) } else { Err(health.reasons) }
        };
        wait::until_ok(SOON, word, question).await;
    }

    /// Gives the stop signal and waits for the end.
    pub(crate) async fn stop(self) {
        // An error means that it has ended already, which the next line shows.
        let _ = self.stop.send(());
        tokio::time::timeout(SOON, self.task)
            .await
            .expect("it stops in time")
            .unwrap()
            .unwrap();
    }

    /// Ends it as SIGKILL would: nothing is finished, nobody is told.
    pub(crate) async fn kill(self) {
        self.task.abort();
        assert!(self.task.await.is_err(), "it was running");
    }
}
