//! From a request to its answer.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use http::{Method, Request, Response, StatusCode, header};
use http_body::Frame;
use http_body_util::{BodyExt as _, Full, StreamBody};
use serde_json::{Value, json};

use super::Core;
use super::delete;
use super::discovery;
use super::error::ApiError;
use super::json::meta;
use super::patch;
use super::read::{self, View};
use super::request::{Address, Call};
use super::scale;
use super::store::Store;
use super::watch;
use super::write::{self, Writer};
use crate::api_faults::Body;

/// Answers one request.
pub(crate) fn answer(core: &Arc<Core>, request: Request<Bytes>) -> Response<Body> {
    let call = Call::new(request);
    match call.path.as_str() {
        "/healthz" | "/livez" | "/readyz" => return text(StatusCode::OK, "ok"),
        _ => {}
    }
    let mut store = core.store();
    if call.method == Method::GET
        && let Some(document) = discovery::answer(&store, &call)
    {
        let mut answer = json_answer(StatusCode::OK, &document.body);
        if document.aggregated {
            let kind = header::HeaderValue::from_static(discovery::AGGREGATED);
            answer.headers_mut().insert(header::CONTENT_TYPE, kind);
        }
        return answer;
    }
    let Some(address) = Address::parse(&store, &call.path) else {
        return text(StatusCode::NOT_FOUND, "404 page not found\n");
    };
    if call.method == Method::GET && address.name.is_empty() && call.query.flag("watch") {
        drop(store);
        return match watch::start(core, &address, &call) {
            Ok(lines) => {
                let frames = StreamBody::new(lines.map(|line| Ok(Frame::data(line))));
                json_response(StatusCode::OK, frames.boxed_unsync())
            }
            Err(error) => refusal(&error),
        };
    }
    match act(&mut store, &address, &call) {
        Ok((code, body)) => json_answer(code, &body),
        Err(error) => refusal(&error),
    }
}

fn act(store: &mut Store, address: &Address, call: &Call) -> Result<(StatusCode, Value), ApiError> {
    let view = View::of(address, call);
    let show = |object: &Value| match address.subresource.as_str() {
        "scale" => scale::of(&address.kind, object),
        _ => view.show(object),
    };
    let collection = address.name.is_empty();
    // Over all namespaces one can read, but not write.
    let nowhere = collection && address.kind.namespaced && address.namespace.is_empty();
    match call.method {
        Method::GET if collection => Ok((StatusCode::OK, read::list(store, address, call)?)),
        Method::GET => {
            let object = store
                .get(&address.key())
                .ok_or_else(|| ApiError::not_found(&address.kind, &address.name))?;
            Ok((StatusCode::OK, show(object)))
        }
        Method::POST if collection && !nowhere => {
            let created = write::create(store, address, call.json()?, &Writer::of(call))?;
            Ok((StatusCode::CREATED, show(&created)))
        }
        Method::PUT if !collection => {
            let body = call.json()?;
            let writer = Writer::of(call);
            if address.kind.custom && meta(&body, "resourceVersion").is_empty() {
                let why = "Invalid value: 0: must be specified for an update";
                let field = "metadata.resourceVersion";
                return Err(ApiError::invalid(&address.kind, &address.name, field, why));
            }
            let stored = match address.subresource.as_str() {
                "scale" => scale::replace(store, address, &body, &writer)?,
                _ => write::update(store, address, body, &writer)?,
            };
            Ok((StatusCode::OK, show(&stored)))
        }
        Method::PATCH if !collection => {
            let (stored, created) = patch::patch(store, address, call)?;
            let code = if created {
                StatusCode::CREATED
            } else {
                StatusCode::OK
            };
            Ok((code, show(&stored)))
        }
        Method::DELETE if !collection && address.subresource.is_empty() => {
            let gone = delete::delete(store, address, &delete_options(call)?)?;
            let shown = if gone["kind"] == "Status" {
                gone
            } else {
                show(&gone)
            };
            Ok((StatusCode::OK, shown))
        }
        Method::DELETE if collection && !nowhere => delete_collection(store, address, call),
        _ => Err(ApiError::method_not_allowed()),
    }
}

fn delete_collection(
    store: &mut Store,
    address: &Address,
    call: &Call,
) -> Result<(StatusCode, Value), ApiError> {
    let chosen = read::list(store, address, call)?;
    let options = delete_options(call)?;
    for item in chosen["items"].as_array().into_iter().flatten() {
        let name = item["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        delete::delete(
            store,
            &Address {
                name,
                ..address.clone()
            },
            &options,
        )?;
    }
    Ok((StatusCode::OK, chosen))
}

/// The options are in the body or, some of them, in the query.
fn delete_options(call: &Call) -> Result<Value, ApiError> {
    let mut options = if call.body.is_empty() {
        json!({})
    } else {
        call.json()?
    };
    let policy = call.query.get("propagationPolicy");
    if !policy.is_empty() {
        options["propagationPolicy"] = json!(policy);
    }
    if call.dry_run() {
        options["dryRun"] = json!(["All"]);
    }
    Ok(options)
}

fn refusal(error: &ApiError) -> Response<Body> {
    let code = StatusCode::from_u16(error.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    json_answer(code, &error.to_value())
}

pub(crate) fn json_answer(code: StatusCode, body: &Value) -> Response<Body> {
    json_response(code, full(Bytes::from(body.to_string())))
}

fn json_response(code: StatusCode, body: Body) -> Response<Body> {
    let mut response = Response::new(body);
    *response.status_mut() = code;
    let kind = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn text(code: StatusCode, body: &'static str) -> Response<Body> {
    let mut response = Response::new(full(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = code;
    let kind = header::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}
