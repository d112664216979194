//! An API server under test, fake or real, and plain requests to it.

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};

/// How long an event may take to arrive.
pub(crate) const SOON: Duration = Duration::from_secs(10);

pub(crate) const MERGE: &str = "application/merge-patch+json";
pub(crate) const JSON_PATCH: &str = "application/json-patch+json";
pub(crate) const STRATEGIC: &str = "application/strategic-merge-patch+json";
pub(crate) const APPLY: &str = "application/apply-patch+yaml";

/// An API server, and a namespace that belongs to one test.
pub(crate) struct World {
    pub(crate) client: kube::Client,
    pub(crate) namespace: String,
}

/// An answer: its status code and its body, as text when it is no JSON.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) code: u16,
    pub(crate) body: Value,
}

impl Answer {
    /// The value at a JSON pointer, null when there is none.
    pub(crate) fn at(&self, pointer: &str) -> Value {
        self.body.pointer(pointer).cloned().unwrap_or_default()
    }

    pub(crate) fn version(&self) -> String {
        self.at("/metadata/resourceVersion")
            .as_str()
            .expect("objects have a version")
            .to_owned()
    }

    /// Expects a code and, when it is an error, a reason.
    #[track_caller]
    pub(crate) fn check(self, code: u16, reason: &str) -> Self {
        let found = (
            self.code,
            self.at("/reason").as_str().unwrap_or_default().to_owned(),
        );
        assert_eq!(found, (code, reason.to_owned()), "{}", self.body);
        self
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!(matches!(self.code, 200 | 201), "{} {}", self.code, self.body);
        self
    }
}

impl World {
    /// Makes a new namespace for the test of this name.
    pub(crate) async fn new(client: kube::Client, test: &str) -> Self {
        let namespace = test.replace('_', "-").chars().take(60).collect::<String>();
        let world = Self {
            client,
            namespace: namespace.trim_end_matches('-').to_owned(),
        };
        let body = json!({ "metadata": { "name": world.namespace } });
        world.post("/api/v1/namespaces", &body).await.ok();
        world
    }

    /// The path of a collection in the test's namespace: `v1`, `configmaps`.
    pub(crate) fn path(&self, api_version: &str, plural: &str) -> String {
        let root = if api_version.contains('/') { "apis" } else { "api" };
        format!("/{root}/{api_version}/namespaces/{}/{plural}", self.namespace)
    }

    pub(crate) fn config_maps(&self) -> String {
        self.path("v1", "configmaps")
    }

    pub(crate) fn deployments(&self) -> String {
        self.path("apps/v1", "deployments")
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "", Bytes::new()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, "application/json", body.to_string().into())
            .await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::PUT, path, "application/json", body.to_string().into())
            .await
    }

    pub(crate) async fn patch(&self, path: &str, kind: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, kind, body.to_string().into())
            .await
    }

    pub(crate) async fn delete(&self, path: &str, options: &Value) -> Answer {
        self.send(
            Method::DELETE,
            path,
            "application/json",
            options.to_string().into(),
        )
        .await
    }

    pub(crate) async fn send(&self, method: Method, path: &str, kind: &str, body: Bytes) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::USER_AGENT, "suite/1.0");
        let request = if kind.is_empty() {
            request
        } else {
            request.header(header::CONTENT_TYPE, kind)
        };
        self.ask(request.body(Body::from(body.to_vec())).unwrap()).await
    }

    pub(crate) async fn ask(&self, request: Request<Body>) -> Answer {
        let response = self.client.send(request).await.expect("the server answers");
        let code = response.status().as_u16();
        let bytes = response
            .into_body()
            .collect()
            .await
            .expect("the body is whole")
            .to_bytes();
        let text = || Value::String(String::from_utf8_lossy(&bytes).into_owned());
        Answer {
            code,
            body: serde_json::from_slice(&bytes).unwrap_or_else(|_| text()),
        }
    }

    /// Starts a watch of a collection with these query parameters.
    pub(crate) async fn watch(&self, path: &str, query: &str) -> Watch {
        let request = Request::get(format!("{path}?watch=true&{query}"))
            .body(Body::empty())
            .unwrap();
        let response = self.client.send(request).await.expect("the server answers");
        assert_eq!(response.status(), 200);
        Watch {
            body: response.into_body(),
            rest: Vec::new(),
        }
    }

    /// A deployment of one container, as it is created here by most tests.
    pub(crate) async fn deployment(&self, name: &str) -> Answer {
        self.post(&self.deployments(), &deployment(name)).await.ok()
    }

    pub(crate) async fn config_map(&self, name: &str, data: Value) -> Answer {
        self.post(
            &self.config_maps(),
            &json!({ "metadata": { "name": name }, "data": data }),
        )
        .await
        .ok()
    }
}

/// A deployment of one container.
pub(crate) fn deployment(name: &str) -> Value {
    json!({
        "metadata": { "name": name },
        "spec": {
            "replicas": 1,
            "selector": { "matchLabels": { "app": name } },
            "template": {
                "metadata": { "labels": { "app": name } },
                "spec": { "containers": [{ "name": "web", "image": "web:1" }] },
            },
        },
    })
}

/// The events of a watch, one after the other.
pub(crate) struct Watch {
    body: Body,
    rest: Vec<u8>,
}

impl Watch {
    /// The next event; `None` at the end of the stream.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<_> = self.rest.drain(..=end).collect();
                return Some(serde_json::from_slice(&line).expect("a line is an event"));
            }
            let frame = tokio::time::timeout(SOON, self.body.frame())
                .await
                .expect("an event or the end comes");
            let data = frame?
                .expect("the stream is whole")
                .into_data()
                .expect("the stream has no trailers");
            self.rest.extend_from_slice(&data);
        }
    }

    /// The next event that is no bookmark, as its type and the name of its object.
    pub(crate) async fn event(&mut self) -> (String, String) {
        loop {
            let event = self.next().await.expect("the stream goes on");
            if event["type"] != "BOOKMARK" {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                return (text(&event["type"]), text(&event["object"]["metadata"]["name"]));
            }
        }
    }

    /// Expects one event after the other, as `TYPE name`.
    pub(crate) async fn check(&mut self, expected: &[&str]) {
        for expected in expected {
            let (kind, name) = self.event().await;
            assert_eq!(format!("{kind} {name}"), *expected);
        }
    }
}
