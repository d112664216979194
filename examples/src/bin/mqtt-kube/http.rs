//! Health and status over HTTP.

use std::convert::Infallible;

use mqttkube_core::health::Health;
use mqttkube_core::runtime::Handle;
use mqttkube_examples::http::Answer;
use serde_json::{Value, json};

pub(crate) use mqttkube_examples::http::Server;

/// Serves until it is dropped.
pub(crate) async fn serve(server: Server, runtime: Handle) -> Infallible {
    server
        .serve(move |path| {
            let runtime = runtime.clone();
            async move { answer(&path, &runtime).await }
        })
        .await
}

async fn answer(path: &str, runtime: &Handle) -> Option<Answer> {
    match path {
        "/api/health" | "/livez" => {
            let health = runtime.health().await;
            Some(Answer::json(health.live, &report(&health, health.live)))
        }
        "/readyz" => {
            let health = runtime.health().await;
            Some(Answer::json(health.ready, &report(&health, health.ready)))
        }
        "/api/status" => Some(match runtime.snapshot().await {
            // A snapshot is plain data; it has no map whose keys are not text.
            Some(snapshot) => Answer::json(true, &serde_json::to_value(snapshot).unwrap_or_default()),
            None => Answer::json(false, &json!({ "live": false })),
        }),
        _ => None,
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
