//! Health and status over HTTP.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use mqttkube_core::health::Health;
use mqttkube_core::runtime::Handle;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::settings::HttpSettings;

/// A client that needs longer to ask is not served.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);

/// The listener, bound and not serving yet.
#[derive(Debug)]
pub(crate) struct Server {
    listener: TcpListener,
    max_connections: usize,
}

impl Server {
    /// # Errors
    /// When the address cannot be bound; names it.
    pub(crate) async fn bind(settings: &HttpSettings) -> anyhow::Result<Self> {
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
    #[cfg(feature = "demo")]
    pub(crate) fn port(&self) -> Option<u16> {
        self.listener.local_addr().ok().map(|address| address.port())
    }

    /// Serves until it is dropped, and all connections with it.
    pub(crate) async fn serve(self, runtime: Handle) -> Infallible {
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
                        let runtime = runtime.clone();
                        connections.spawn(async move {
                            talk(stream, runtime).await;
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

async fn talk(stream: TcpStream, runtime: Handle) {
    let service = service_fn(|request| {
        let runtime = runtime.clone();
        async move { Ok::<_, Infallible>(answer(&request, &runtime).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = connection.await {
        tracing::debug!(%error, "HTTP connection ended");
    }
}

async fn answer(request: &Request<Incoming>, runtime: &Handle) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return document(StatusCode::METHOD_NOT_ALLOWED, &json!({ "error": "only GET" }));
    }
    match request.uri().path() {
        "/api/health" | "/livez" => {
            let health = runtime.health().await;
            document(ok(health.live), &report(&health, health.live))
        }
        "/readyz" => {
            let health = runtime.health().await;
            document(ok(health.ready), &report(&health, health.ready))
        }
        "/api/status" => match runtime.snapshot().await {
            // A snapshot is plain data; it has no map whose keys are not text.
            Some(snapshot) => document(
                StatusCode::OK,
                &serde_json::to_value(snapshot).unwrap_or_default(),
            ),
            None => document(StatusCode::SERVICE_UNAVAILABLE, &json!({ "live": false })),
        },
        path => document(
            StatusCode::NOT_FOUND,
            &json!({ "error": format!("nothing is served at {path}") }),
        ),
    }
}

/// `health: okay` is what monitors of the Python program mqtt-kube look for.
fn report(health: &Health, fine: bool) -> Value {
    json!({
        "health": if fine { "okay" } else { "failing" },
        "ready": health.ready,
        "reasons": health.reasons,
    })
}

fn ok(fine: bool) -> StatusCode {
    if fine {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    }
}

fn document(status: StatusCode, value: &Value) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(format!("{value}\n"))));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
