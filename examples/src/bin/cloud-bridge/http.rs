//! Health, metrics and status over HTTP.

use std::convert::Infallible;

use mqttkube_bridge::credential::Clock;
use mqttkube_bridge::relay::{Gateway, Handle, Rollover, Side, Status, Store};
use mqttkube_examples::http::{Answer, Server};
use serde_json::{Value, json};

use crate::metrics;

/// What there is to see of a bridge that runs.
#[derive(Clone, Debug)]
pub(crate) struct View {
    pub(crate) handle: Handle,
    pub(crate) rollover: Rollover,
    pub(crate) store: Option<Store>,
    pub(crate) gateway: Option<Gateway>,
}

/// Serves until it is dropped.
pub(crate) async fn serve(server: Server, view: View) -> Infallible {
    server
        .serve(move |path| std::future::ready(answer(&path, &view)))
        .await
}

fn answer(path: &str, view: &View) -> Option<Answer> {
    let status = view.handle.status();
    let report = |fine: bool| {
        let reasons = reasons(&status);
        let health = if fine { "okay" } else { "failing" };
        Answer::json(
            fine,
            &json!({ "health": health, "ready": status.ready(), "reasons": reasons }),
        )
    };
    match path {
        // A cloud that is away is no reason to be restarted.
        "/livez" | "/api/health" => Some(report(true)),
        "/readyz" => Some(report(status.ready())),
        "/api/status" => Some(Answer::json(true, &document(view, &status))),
        "/metrics" => {
            let store = view.store.as_ref().map(Store::status);
            let gateway = view.gateway.as_ref().map(Gateway::status);
            let text = metrics::text(
                &status,
                &view.rollover.status(),
                store.as_ref(),
                gateway.as_ref(),
                Clock::now().wall,
            );
            Some(Answer::metrics(text))
        }
        _ => None,
    }
}

fn document(view: &View, status: &Status) -> Value {
    // Plain data without maps whose keys are not text always has a JSON form.
    let mut document = serde_json::to_value(status).unwrap_or_default();
    document["ready"] = status.ready().into();
    document["credential"] = serde_json::to_value(view.rollover.status()).unwrap_or_default();
    if let Some(store) = &view.store {
        document["store"] = serde_json::to_value(store.status()).unwrap_or_default();
    }
    if let Some(gateway) = &view.gateway {
        document["gateway"] = serde_json::to_value(gateway.status()).unwrap_or_default();
    }
    document
}

/// Why the bridge is not ready, for people.
fn reasons(status: &Status) -> Vec<String> {
    let sides = [("local", &status.local), ("cloud", &status.cloud)];
    sides
        .into_iter()
        .flat_map(|(name, side)| {
            why(side)
                .into_iter()
                .map(move |reason| format!("{name}: {reason}"))
        })
        .collect()
}

fn why(side: &Side) -> Vec<String> {
    if side.taken_over {
        return vec!["another client with the same id took the session over".to_owned()];
    }
    if !side.online {
        return vec![
            side.last_offline
                .clone()
                .unwrap_or_else(|| "not connected yet".to_owned()),
        ];
    }
    let missing = side.missing.iter().map(|(filter, reason)| match reason {
        Some(reason) => format!("the subscription {filter} is refused: {reason}"),
        None => format!("the subscription {filter} is not answered yet"),
    });
    missing.collect()
}
