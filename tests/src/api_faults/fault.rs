//! What goes wrong, with which requests, and how often.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use serde_json::json;

use super::Body;
use super::stream::StreamFault;

/// One thing that goes wrong with some requests.
///
/// The default is all requests, every time:
///
/// ```
/// use mqttkube_tests::fake_api::{Fault, Faults};
///
/// let faults = Faults::default();
/// // The second and third PATCH of a scale are answered with 429 and Retry-After: 2.
/// faults.add(Fault::throttled(2).on("PATCH", "/scale").skip(1).times(2));
/// // A watch of Deployments is cut in the middle of its fourth event, once.
/// faults.add(Fault::cut_line(3).on("WATCH", "/deployments").times(1));
/// ```
#[derive(Clone, Debug)]
#[must_use = "a fault does nothing until it is added"]
pub struct Fault {
    method: String,
    path: String,
    skip: usize,
    times: usize,
    effect: Effect,
}

#[derive(Clone, Debug)]
pub(super) enum Effect {
    Delay(Duration),
    Hang,
    Answer(Answer),
    /// The request has its effect, but the answer is another one.
    AnswerAfter(Answer),
    Stream(StreamFault),
    Header(HeaderName, HeaderValue),
}

#[derive(Clone, Debug)]
pub(super) struct Answer {
    code: StatusCode,
    content_type: &'static str,
    body: String,
    retry_after: Option<u32>,
}

impl Answer {
    fn status(code: u16, reason: &str, message: &str) -> Self {
        let status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        });
        let code = StatusCode::from_u16(code).expect("tests name codes that exist");
        Self {
            code,
            content_type: "application/json",
            body: status.to_string(),
            retry_after: None,
        }
    }

    pub(super) fn response(&self) -> Response<Body> {
        let body = Full::new(Bytes::from(self.body.clone()));
        let mut response = Response::new(body.map_err(|never| match never {}).boxed_unsync());
        *response.status_mut() = self.code;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.content_type));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

impl Fault {
    fn new(effect: Effect) -> Self {
        Self {
            method: String::new(),
            path: String::new(),
            skip: 0,
            times: usize::MAX,
            effect,
        }
    }

    /// The answer is this code with this reason, and nothing happens on the server.
    pub fn refused(code: u16, reason: &str) -> Self {
        Self::new(Effect::Answer(Answer::status(
            code,
            reason,
            "injected by the test",
        )))
    }

    /// 429 with `Retry-After`, in seconds.
    pub fn throttled(seconds: u32) -> Self {
        let answer = Answer::status(
            429,
            "TooManyRequests",
            "too many requests, please try again later",
        );
        Self::new(Effect::Answer(Answer {
            retry_after: Some(seconds),
            ..answer
        }))
    }

    /// 410: the version is too old, as the answer to a list or to the start of a watch.
    pub fn expired() -> Self {
        Self::new(Effect::Answer(Answer::status(
            410,
            "Expired",
            "too old resource version",
        )))
    }

    /// The request takes effect, but the answer is this code.
    pub fn effect_then(code: u16, reason: &str) -> Self {
        Self::new(Effect::AnswerAfter(Answer::status(
            code,
            reason,
            "injected by the test after the effect",
        )))
    }

    /// Something that is no answer of an API server: any code, type and body.
    pub fn raw(code: u16, content_type: &'static str, body: impl Into<String>) -> Self {
        let code = StatusCode::from_u16(code).expect("tests name codes that exist");
        Self::new(Effect::Answer(Answer {
            code,
            content_type,
            body: body.into(),
            retry_after: None,
        }))
    }

    /// The answer comes this much later.
    pub fn delayed(time: Duration) -> Self {
        Self::new(Effect::Delay(time))
    }

    /// No answer ever comes.
    pub fn hanging() -> Self {
        Self::new(Effect::Hang)
    }

    /// The answer bears a `Warning` header.
    pub fn warning(text: &str) -> Self {
        let value = HeaderValue::from_str(&format!("299 - \"{text}\"")).expect("a warning is plain text");
        Self::new(Effect::Header(header::WARNING, value))
    }

    /// The stream ends in an orderly way after this many lines.
    pub fn ended(lines: usize) -> Self {
        Self::new(Effect::Stream(StreamFault::End { lines }))
    }

    /// The stream ends in an orderly way after this time.
    pub fn ended_after(time: Duration) -> Self {
        Self::new(Effect::Stream(StreamFault::EndAfter { time }))
    }

    /// The connection breaks after this many lines.
    pub fn dropped(lines: usize) -> Self {
        Self::new(Effect::Stream(StreamFault::Drop { lines }))
    }

    /// The body ends in the middle of the line after this many lines. With 0 it cuts an ordinary answer, too.
    pub fn cut_line(lines: usize) -> Self {
        Self::new(Effect::Stream(StreamFault::Cut { lines }))
    }

    /// Nothing more comes after this many lines, but the connection stays.
    pub fn silent(lines: usize) -> Self {
        Self::new(Effect::Stream(StreamFault::Silent { lines }))
    }

    /// An ERROR event with this code and reason comes after this many lines, and then the end.
    pub fn stream_error(lines: usize, code: u16, reason: &str) -> Self {
        let status = Answer::status(code, reason, "injected by the test").body;
        let event = format!("{{\"type\":\"ERROR\",\"object\":{status}}}\n");
        Self::new(Effect::Stream(StreamFault::Error {
            lines,
            event: Bytes::from(event),
        }))
    }

    /// The 410 that a watch gets in its stream, after this many lines.
    pub fn stream_expired(lines: usize) -> Self {
        Self::stream_error(lines, 410, "Expired")
    }

    /// The body comes slowly: in pieces of `bytes`, one every `pause`.
    pub fn slow(bytes: usize, pause: Duration) -> Self {
        Self::new(Effect::Stream(StreamFault::Slow {
            bytes: bytes.max(1),
            pause,
        }))
    }

    /// Only requests with this method, whose path with query contains this text. The method `WATCH`
    /// stands for a GET that watches, `LIST` and `GET` for one that does not; an empty method for all.
    pub fn on(self, method: &str, path: &str) -> Self {
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            ..self
        }
    }

    /// Not the first `count` of them.
    pub fn skip(self, count: usize) -> Self {
        Self { skip: count, ..self }
    }

    /// Only `count` of them.
    pub fn times(self, count: usize) -> Self {
        Self { times: count, ..self }
    }

    fn concerns(&self, request: &Request<Bytes>) -> bool {
        let query = request.uri().query().unwrap_or_default();
        let watch = form_urlencoded::parse(query.as_bytes())
            .any(|(name, value)| name == "watch" && matches!(&*value, "true" | "1"));
        let method = match self.method.as_str() {
            "" => true,
            "WATCH" => watch,
            "LIST" | "GET" => request.method() == "GET" && !watch,
            method => request.method() == method,
        };
        method && request.uri().to_string().contains(&self.path)
    }
}

/// Everything that goes wrong; clones are the same list.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    list: Arc<Mutex<Vec<(usize, Fault)>>>,
}

impl Faults {
    /// Adds a fault. All faults that concern a request take part, in the order of their adding; an
    /// answer in place of the server's ends the row.
    pub fn add(&self, fault: Fault) {
        self.with(|list| list.push((0, fault)));
    }

    /// Nothing goes wrong any more. Streams that are disturbed already stay so.
    pub fn clear(&self) {
        self.with(Vec::clear);
    }

    /// How many requests have met a fault since the last [`clear`](Self::clear).
    pub fn hits(&self) -> usize {
        self.with(|list| {
            list.iter()
                .map(|(seen, fault)| seen.saturating_sub(fault.skip).min(fault.times))
                .sum()
        })
    }

    pub(super) fn effects(&self, request: &Request<Bytes>) -> Vec<Effect> {
        self.with(|list| {
            let mut effects = Vec::new();
            for (seen, fault) in list.iter_mut().filter(|(_, fault)| fault.concerns(request)) {
                let active = *seen >= fault.skip && *seen - fault.skip < fault.times;
                *seen += 1;
                if active {
                    effects.push(fault.effect.clone());
                }
            }
            effects
        })
    }

    fn with<T>(&self, act: impl FnOnce(&mut Vec<(usize, Fault)>) -> T) -> T {
        act(&mut self.list.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
