//! A small HTTP server for probes, metrics and status.

use std::convert::Infallible;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::settings::HttpSettings;

/// A client that needs longer to ask is not served.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// The listener, bound and not serving yet.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    max_connections: usize,
}

impl Server {
    /// # Errors
    /// When the address cannot be bound; names it.
    pub async fn bind(settings: &HttpSettings) -> anyhow::Result<Self> {
        let HttpSettings {
            bind,
            port,
            max_connections,
        } = settings;
        let listener = TcpListener::bind((bind.as_str(), *port))
            .await
            .map_err(|error| anyhow::anyhow!("cannot serve HTTP on {bind} port {port}: {error}"))?;
        Ok(Self {
            listener,
            max_connections: *max_connections,
        })
    }

    /// The port, where the system chose it.
    pub fn port(&self) -> Option<u16> {
        self.listener.local_addr().ok().map(|address| address.port())
    }

    /// Serves until it is dropped, and all connections with it. `answer` is asked with the path; `None` is for paths
    /// where nothing is.
    pub async fn serve<F, A>(self, answer: F) -> Infallible
    where
        F: Fn(String) -> A + Clone + Send + Sync + 'static,
        A: Future<Output = Option<Answer>> + Send,
    {
        let places = Arc::new(Semaphore::new(
            self.max_connections.clamp(1, Semaphore::MAX_PERMITS),
        ));
        let mut connections = JoinSet::new();
        loop {
            // The semaphore is never closed. Without a place, connections wait in the queue of the system.
            let place = Arc::clone(&places).acquire_owned().await;
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => {
                        let answer = answer.clone();
                        connections.spawn(async move {
                            talk(stream, &answer).await;
                            drop(place);
                        });
                    }
                    Err(error) => {
                        // Out of file descriptors, most likely: it passes when others close theirs.
                        tracing::warn!(%error, "cannot accept an HTTP connection");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                },
                Some(_) = connections.join_next() => {}
            }
        }
    }
}

async fn talk<F, A>(stream: TcpStream, answer: &F)
where
    F: Fn(String) -> A,
    A: Future<Output = Option<Answer>>,
{
    let service = service_fn(|request| async move { Ok::<_, Infallible>(respond(&request, answer).await) });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "HTTP connection ended");
    }
}

async fn respond<F, A>(request: &Request<Incoming>, answer: &F) -> Response<Full<Bytes>>
where
    F: Fn(String) -> A,
    A: Future<Output = Option<Answer>>,
{
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let only = Answer::json(false, &json!({ "error": "only GET" }));
        return only.response(StatusCode::METHOD_NOT_ALLOWED);
    }
    let path = request.uri().path();
    match answer(path.to_owned()).await {
        Some(answer) if answer.fine => answer.response(StatusCode::OK),
        Some(answer) => answer.response(StatusCode::SERVICE_UNAVAILABLE),
        None => {
            let nothing = json!({ "error": format!("nothing is served at {path}") });
            Answer::json(false, &nothing).response(StatusCode::NOT_FOUND)
        }
    }
}

/// What is found at a path.
#[derive(Clone, Debug)]
pub struct Answer {
    fine: bool,
    kind: &'static str,
    body: String,
}

impl Answer {
    /// A JSON document, with status 200 when all is fine and 503 when not.
    #[must_use]
    pub fn json(fine: bool, value: &Value) -> Self {
        Self {
            fine,
            kind: "application/json",
            body: format!("{value}\n"),
        }
    }

    /// Metrics in the text form of Prometheus.
    #[must_use]
    pub fn metrics(body: String) -> Self {
        Self {
            fine: true,
            kind: "text/plain; version=0.0.4",
            body,
        }
    }

    fn response(self, status: StatusCode) -> Response<Full<Bytes>> {
        let mut response = Response::new(Full::new(Bytes::from(self.body)));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(self.kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }
}
