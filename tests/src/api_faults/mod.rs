//! The way to an API server, with everything that can go wrong on it.
//!
//! A [`Gate`] stands before the fake API or before a real API server ([`Gate::before`]). It is a tower
//! service for [`kube::Client`] and can be served over HTTP. It logs every request and asks its
//! [`Faults`] what goes wrong with it.

mod fault;
mod log;
mod server;
mod stream;

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use http_body_util::combinators::UnsyncBoxBody;
use serde_json::json;
use tower::{BoxError, Service};

pub use self::fault::{Fault, Faults};
pub use self::log::{Log, Logged};
pub use self::server::ApiServer;
use crate::fake_api::{Core, json_answer, respond};
use fault::Effect;

/// The body of an answer.
pub(crate) type Body = UnsyncBoxBody<Bytes, BoxError>;

/// The way to an API server; clones are the same way.
#[derive(Clone, Debug)]
pub struct Gate {
    server: Server,
    faults: Faults,
    log: Log,
}

#[derive(Clone)]
enum Server {
    Fake(Arc<Core>),
    Real(kube::Client),
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Fake(_) => "Fake",
            Self::Real(_) => "Real",
        })
    }
}

impl Gate {
    pub(crate) fn before_fake(core: Arc<Core>) -> Self {
        Self {
            server: Server::Fake(core),
            faults: Faults::default(),
            log: Log::default(),
        }
    }

    /// A gate before the server of `client`, whose credentials it uses. The client should not retry
    /// (`Config::default_retry` off), or faults of the server itself are hidden.
    pub fn before(client: kube::Client) -> Self {
        Self {
            server: Server::Real(client),
            faults: Faults::default(),
            log: Log::default(),
        }
    }

    /// What goes wrong on the way.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The requests so far.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// A client that goes through the gate. Must be called inside a tokio runtime.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(self.clone(), "default")
    }

    /// Serves the gate over HTTP on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn serve(&self) -> anyhow::Result<ApiServer> {
        ApiServer::start(self.clone(), 0).await
    }

    /// As [`serve`](Self::serve), on a given port.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub async fn serve_on(&self, port: u16) -> anyhow::Result<ApiServer> {
        ApiServer::start(self.clone(), port).await
    }

    pub(crate) async fn pass(&self, request: Request<Bytes>) -> Response<Body> {
        let number = self.log.begin(&request);
        let effects = self.faults.effects(&request);
        let response = self.suffer(request, effects).await;
        self.log.end(number, response.status());
        response
    }

    async fn suffer(&self, request: Request<Bytes>, effects: Vec<Effect>) -> Response<Body> {
        let mut instead = None;
        for effect in &effects {
            match effect {
                Effect::Delay(time) => tokio::time::sleep(*time).await,
                Effect::Hang => std::future::pending().await,
                Effect::Answer(answer) => return answer.response(),
                Effect::AnswerAfter(answer) => instead = Some(answer.response()),
                Effect::Stream(_) | Effect::Header(..) => {}
            }
        }
        let mut response = self.ask(request).await;
        if let Some(instead) = instead {
            // The effect must have happened before the caller hears the false answer.
            let _ = response.into_body().collect().await;
            return instead;
        }
        for effect in effects {
            match effect {
                Effect::Stream(fault) => response = stream::disturb(response, fault),
                Effect::Header(name, value) => {
                    response.headers_mut().append(name, value);
                }
                Effect::Delay(_) | Effect::Hang | Effect::Answer(_) | Effect::AnswerAfter(_) => {}
            }
        }
        response
    }

    async fn ask(&self, request: Request<Bytes>) -> Response<Body> {
        match &self.server {
            Server::Fake(core) => respond(core, request),
            Server::Real(client) => forward(client, request).await,
        }
    }
}

/// Asks a real server; a failed connection becomes 502, as a proxy would say.
async fn forward(client: &kube::Client, request: Request<Bytes>) -> Response<Body> {
    let (mut parts, body) = request.into_parts();
    // The client brings its own address and credentials.
    for name in [
        header::HOST,
        header::AUTHORIZATION,
        header::CONTENT_LENGTH,
        header::CONNECTION,
    ] {
        parts.headers.remove(name);
    }
    let path = parts.uri.path_and_query().cloned();
    parts.uri = path.map(http::Uri::from).unwrap_or_default();
    let request = Request::from_parts(parts, kube::client::Body::from(body.to_vec()));
    match client.send(request).await {
        Ok(response) => response.map(|body| body.map_err(BoxError::from).boxed_unsync()),
        Err(error) => {
            let status = json!({
                "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": format!("the API server cannot be reached: {error}"), "code": 502,
            });
            json_answer(StatusCode::BAD_GATEWAY, &status)
        }
    }
}

impl Service<Request<kube::client::Body>> for Gate {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<kube::client::Body>) -> Self::Future {
        let gate = self.clone();
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok(gate.pass(Request::from_parts(parts, body)).await)
        })
    }
}

impl Gate {
    /// The service that the HTTP server calls for each request.
    pub(crate) async fn http(
        self,
        request: Request<hyper::body::Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        let (parts, body) = request.into_parts();
        // A client that goes away in the middle of its request does not wait for an answer.
        let body = body
            .collect()
            .await
            .map(|body| body.to_bytes())
            .unwrap_or_default();
        Ok(self.pass(Request::from_parts(parts, body)).await)
    }
}
