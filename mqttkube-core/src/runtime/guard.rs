//! Limits for what the watch machinery of kube asks: it has none of its own for lists and for the start of a watch.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, Limited};
use kube::Client;
use kube::client::Body;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};
use tower::BoxError;

use super::watch::Shared;

/// The largest page of a list, in bytes. A page has 500 objects of at most some 1.5 MiB; one that is larger than this
/// is refused before it fills the memory.
const MAX_PAGE: usize = 64 << 20;

/// The largest event of a watch, in bytes: one object in one line.
const MAX_LINE: usize = 16 << 20;

/// Watches that the server ends at once are started again no more often than this.
const PACE: Duration = Duration::from_millis(200);

/// A client for one watch, made from the caller's client.
///
/// - Lists must be complete within `deadline`, and a watch must have begun within it. What follows is guarded by the
///   idle timeout of kube.
/// - Pages and events have a largest size.
/// - Two watches do not begin within 200 ms of each other.
/// - Every answer rings `answered`, every success `back`, and every watch that begins `began`.
pub(super) fn guarded(shared: &Shared, began: &Arc<Notify>) -> Client {
    let deadline = shared.request_timeout;
    let namespace = shared.client.default_namespace().to_owned();
    let (client, began) = (shared.client.clone(), Arc::clone(began));
    let (answered, back) = (Arc::clone(&shared.answered), Arc::clone(&shared.back));
    let pace = Arc::new(Mutex::new(Instant::now()));
    let service = tower::service_fn(move |request: Request<Body>| {
        let (client, pace) = (client.clone(), Arc::clone(&pace));
        let (answered, back, began) = (Arc::clone(&answered), Arc::clone(&back), Arc::clone(&began));
        async move {
            let watch = is_watch(&request);
            if watch {
                let turn = next_turn(&pace);
                sleep_until(turn).await;
            }
            let answer = timeout(deadline, ask(&client, request, watch)).await;
            let answer = answer.map_err(|_| format!("no answer within {deadline:?}"))??;
            answered.notify_one();
            if answer.status().is_success() {
                back.notify_waiters();
                if watch {
                    began.notify_one();
                }
            }
            Ok::<_, BoxError>(answer)
        }
    });
    Client::new(service, namespace)
}

/// When the next watch may begin; books that moment.
fn next_turn(pace: &Mutex<Instant>) -> Instant {
    let mut next = pace.lock().unwrap_or_else(PoisonError::into_inner);
    let turn = Instant::now().max(*next);
    *next = turn + PACE;
    turn
}

fn is_watch(request: &Request<Body>) -> bool {
    let query = request.uri().query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).any(|(key, value)| key == "watch" && value == "true")
}

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

async fn ask(client: &Client, request: Request<Body>, watch: bool) -> Result<Answer, BoxError> {
    let (head, body) = client.send(request).await?.into_parts();
    let body = if watch && head.status.is_success() {
        LineLimited {
            inner: body,
            since_newline: 0,
        }
        .boxed_unsync()
    } else {
        let page = Limited::new(body, MAX_PAGE).collect().await?.to_bytes();
        Full::new(page).map_err(|never| match never {}).boxed_unsync()
    };
    Ok(Response::from_parts(head, body))
}

/// A stream of lines, none of which is longer than [`MAX_LINE`].
struct LineLimited {
    inner: Body,
    since_newline: usize,
}

impl http_body::Body for LineLimited {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let Some(data) = frame.as_ref().and_then(|frame| frame.as_ref().ok()?.data_ref()) else {
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        };
        let length = self.since_newline.saturating_add(data.len());
        self.since_newline = data
            .iter()
            .rev()
            .position(|byte| *byte == b'\n')
            .unwrap_or(length);
        if self.since_newline > MAX_LINE {
            return Poll::Ready(Some(Err("an event of the watch is larger than 16 MiB".into())));
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
