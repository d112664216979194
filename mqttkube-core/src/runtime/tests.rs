//! Watches and discovery against a scripted API server, in virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt as _, stream};
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tower::BoxError;

use super::watch::{Shared, Watch};
use super::{resolve, seed};
use crate::event::Event;
use crate::ids::{KindId, WatchId};
use crate::kinds::Kind;
use crate::plan::{WatchScope, WatchSpec};

mod calls;

type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// A client whose requests are answered by `script`; `None` is never answered.
fn client(script: impl Fn(&str, bool) -> Option<Answer> + Clone + Send + 'static) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let script = script.clone();
        async move {
            let watch = request
                .uri()
                .query()
                .is_some_and(|query| query.contains("watch=true"));
            match script(request.uri().path(), watch) {
                Some(answer) => Ok::<_, BoxError>(answer),
                None => std::future::pending().await,
            }
        }
    });
    Client::new(service, "default")
}

fn answer(code: u16, body: &Value) -> Answer {
    let mut answer = Response::new(
        Full::new(Bytes::from(body.to_string()))
            .map_err(|never| match never {})
            .boxed_unsync(),
    );
    *answer.status_mut() = StatusCode::from_u16(code).expect("a status code");
    answer
}

/// A watch that sends `lines` and then ends, or stays open.
fn lines(lines: Vec<Value>, stays_open: bool) -> Answer {
    let sent = stream::iter(lines).map(|line| Ok(Frame::data(Bytes::from(format!("{line}\n")))));
    let rest = if stays_open {
        stream::pending().left_stream()
    } else {
        stream::empty().right_stream()
    };
    Response::new(StreamBody::new(sent.chain(rest)).boxed_unsync())
}

fn object(name: &str, version: u32) -> Value {
    json!({ "metadata": { "name": name, "namespace": "media", "resourceVersion": version.to_string() } })
}

fn list(items: &[Value]) -> Answer {
    answer(
        200,
        &json!({ "metadata": { "resourceVersion": "5" }, "items": items }),
    )
}

fn change(kind: &str, object: Value) -> Value {
    let mut object = object;
    object["kind"] = "Deployment".into();
    object["apiVersion"] = "apps/v1".into();
    json!({ "type": kind, "object": object })
}

fn shared(client: Client) -> (Shared, mpsc::Receiver<Event>) {
    let (events, received) = mpsc::channel(64);
    let shared = Shared {
        client,
        events,
        answered: Arc::new(Notify::new()),
        back: Arc::new(Notify::new()),
        request_timeout: Duration::from_secs(10),
        watch_timeout: Duration::from_secs(30),
    };
    (shared, received)
}

/// Starts a watch on all Deployments of `media`.
fn watch(client: Client, tasks: &mut JoinSet<()>) -> (mpsc::Receiver<Event>, Arc<Notify>) {
    let (shared, received) = shared(client);
    (received, watch_with(shared, tasks))
}

fn watch_with(shared: Shared, tasks: &mut JoinSet<()>) -> Arc<Notify> {
    let kinds = [Kind::parse("Deployment").expect("a built-in kind")];
    let place = resolve::start(&kinds, &shared, tasks).remove(0);
    let spec = WatchSpec {
        kind: KindId(0),
        namespace: Some("media".to_owned()),
        scope: WatchScope::All,
        bindings: Vec::new(),
    };
    let relist = Arc::new(Notify::new());
    let bell = Arc::clone(&relist);
    tasks.spawn(
        Watch {
            id: WatchId(0),
            spec,
            place,
            relist: bell,
            shared,
        }
        .run(),
    );
    relist
}

/// The next events, shortened.
async fn next(received: &mut mpsc::Receiver<Event>, count: usize) -> Vec<String> {
    let mut shown = Vec::new();
    while shown.len() < count {
        let event = timeout(Duration::from_secs(600), received.recv())
            .await
            .expect("an event comes");
        shown.push(match event.expect("the watch runs") {
            Event::Listing { .. } => "listing".to_owned(),
            Event::Listed { .. } => "listed".to_owned(),
            Event::Watching { .. } => "watching".to_owned(),
            Event::Object { object, .. } => {
                format!("{} {}", object["kind"], object["metadata"]["name"]).replace('"', "")
            }
            Event::Deleted { namespace, name, .. } => {
                format!("gone {}/{name}", namespace.unwrap_or_default())
            }
            Event::WatchFailed { error, .. } => format!("failed: {error}"),
            Event::Kind { resource, scale, .. } => format!("found {} {scale}", resource.plural),
            Event::KindMissing { .. } => "missing".to_owned(),
            other => format!("{other:?}"),
        });
    }
    shown
}

#[tokio::test(start_paused = true)]
async fn a_watch_reports_the_list_and_then_every_change() {
    let mut tasks = JoinSet::new();
    let changes = vec![
        change("MODIFIED", object("a", 6)),
        change("DELETED", object("b", 7)),
    ];
    let client = client(move |path, watch| {
        assert_eq!(path, "/apis/apps/v1/namespaces/media/deployments");
        Some(if watch {
            lines(changes.clone(), true)
        } else {
            list(&[object("a", 3), object("b", 4)])
        })
    });
    let (mut received, relist) = watch(client, &mut tasks);
    assert_eq!(
        next(&mut received, 7).await,
        [
            "listing",
            "Deployment a",
            "Deployment b",
            "listed",
            "watching",
            "Deployment a",
            "gone media/b"
        ],
        "items of a list have no kind of their own and get one"
    );
    relist.notify_one();
    assert_eq!(
        next(&mut received, 1).await,
        ["listing"],
        "a new list is made when it is wanted"
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_never_answered_fails_and_is_tried_again() {
    let mut tasks = JoinSet::new();
    let (mut received, _) = watch(client(|_, _| None), &mut tasks);
    let began = Instant::now();
    let shown = next(&mut received, 3).await;
    assert_eq!([&shown[0], &shown[2]], ["listing", "listing"]);
    assert!(
        shown[1].starts_with("failed: ") && shown[1].contains("no answer within 10s"),
        "{}",
        shown[1]
    );
    assert!(
        (10..11).contains(&began.elapsed().as_secs()),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn w_half_open_a_watch_that_falls_silent_is_opened_again_within_the_timeout_and_5_s() {
    let mut tasks = JoinSet::new();
    let (mut received, _) = watch(
        client(|_, watch| Some(if watch { lines(Vec::new(), true) } else { list(&[]) })),
        &mut tasks,
    );
    assert_eq!(next(&mut received, 3).await, ["listing", "listed", "watching"]);
    let began = Instant::now();
    assert_eq!(next(&mut received, 1).await, ["watching"]);
    assert!(
        (30..=36).contains(&began.elapsed().as_secs()),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_got_no_answer_goes_on_as_soon_as_somebody_gets_one() {
    let mut tasks = JoinSet::new();
    let answers = Arc::new(AtomicBool::new(false));
    let there = Arc::clone(&answers);
    let client = client(move |_, watch| {
        let answer = there.load(Ordering::Relaxed);
        answer.then(|| if watch { lines(Vec::new(), true) } else { list(&[]) })
    });
    let (shared, mut received) = shared(client);
    let back = Arc::clone(&shared.back);
    watch_with(shared, &mut tasks);
    for _ in 0..8 {
        assert_eq!(next(&mut received, 1).await, ["listing"]);
        assert!(next(&mut received, 1).await[0].starts_with("failed: "));
    }
    // It waits for 2.5 to 5 s now.
    answers.store(true, Ordering::Relaxed);
    let began = Instant::now();
    back.notify_waiters();
    assert_eq!(next(&mut received, 2).await, ["listing", "listed"]);
    assert!(
        began.elapsed() < Duration::from_millis(200),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn watches_that_end_at_once_are_not_opened_in_a_tight_loop() {
    let mut tasks = JoinSet::new();
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let client = client(move |_, watch| {
        count.fetch_add(usize::from(watch), Ordering::Relaxed);
        Some(if watch {
            lines(Vec::new(), false)
        } else {
            list(&[])
        })
    });
    let (mut received, _) = watch(client, &mut tasks);
    let reader = async { while received.recv().await.is_some() {} };
    let _ = timeout(Duration::from_secs(10), reader).await;
    let opened = opened.load(Ordering::Relaxed);
    assert!((40..=51).contains(&opened), "{opened} watches in 10 s");
}

#[tokio::test(start_paused = true)]
async fn w410_an_expired_watch_lists_again_without_being_a_failure() {
    let mut tasks = JoinSet::new();
    let expired =
        json!({ "type": "ERROR", "object": { "kind": "Status", "code": 410, "reason": "Expired" } });
    let client = client(move |_, watch| {
        Some(if watch {
            lines(vec![expired.clone()], false)
        } else {
            list(&[])
        })
    });
    let (mut received, _) = watch(client, &mut tasks);
    assert_eq!(
        next(&mut received, 5).await,
        ["listing", "listed", "watching", "listing", "listed"]
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_without_an_end_is_cut_off() {
    let mut tasks = JoinSet::new();
    let client = client(move |_, watch| {
        if !watch {
            return Some(list(&[]));
        }
        let endless = stream::repeat_with(|| Ok(Frame::data(Bytes::from(vec![b'x'; 1 << 20]))));
        Some(Response::new(StreamBody::new(endless).boxed_unsync()))
    });
    let (mut received, _) = watch(client, &mut tasks);
    let shown = next(&mut received, 4).await;
    assert!(
        shown[2] == "watching" && shown[3].contains("larger than 16 MiB"),
        "{shown:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_missing_kind_is_looked_for_until_it_is_there_and_again_when_it_is_gone() {
    let mut tasks = JoinSet::new();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let client = client(move |path, _| {
        if path != "/apis/example.com/v1" {
            return Some(answer(404, &json!("404 page not found")));
        }
        let served = json!({ "groupVersion": "example.com/v1", "resources": [
            { "name": "heaters", "kind": "Heater", "singularName": "heater", "namespaced": true, "verbs": [] },
            { "name": "heaters/scale", "kind": "Scale", "singularName": "", "namespaced": true, "verbs": [] },
        ]});
        Some(match count.fetch_add(1, Ordering::Relaxed) {
            2 => answer(200, &served),
            1 => answer(503, &json!({})),
            _ => answer(404, &json!("404 page not found")),
        })
    });
    let (shared, mut received) = shared(client);
    let kinds = [Kind::parse("example.com/v1/Heater").expect("a full name")];
    let place = resolve::start(&kinds, &shared, &mut tasks).remove(0);
    assert_eq!(next(&mut received, 2).await, ["missing", "found heaters true"]);
    assert_eq!(
        asked.load(Ordering::Relaxed),
        3,
        "no answer is not the answer that there is none"
    );
    sleep(Duration::from_secs(3600)).await;
    assert_eq!(asked.load(Ordering::Relaxed), 3, "nobody doubts it");
    let spec = WatchSpec {
        kind: KindId(0),
        namespace: None,
        scope: WatchScope::All,
        bindings: Vec::new(),
    };
    tasks.spawn(
        Watch {
            id: WatchId(0),
            spec,
            place,
            relist: Arc::default(),
            shared,
        }
        .run(),
    );
    let shown = next(&mut received, 3).await;
    assert_eq!([&shown[0], &shown[2]], ["listing", "missing"], "{shown:?}");
}

#[test]
fn seeds_differ() {
    assert_ne!(seed(), seed());
}
