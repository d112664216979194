//! The faults before an API server happen as they are told, to the requests that they are told.

use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams, PostParams};
use kube::runtime::watcher::{self, Event};
use mqttkube_tests::fake_api::{FakeApi, Fault};
use mqttkube_tests::process::free_port;
use serde_json::{Value, json};

use crate::suite::World;
use crate::suite::world::MERGE;

const SOON: Duration = Duration::from_secs(5);

async fn world() -> (FakeApi, World) {
    let api = FakeApi::new();
    let world = World::new(api.client(), "faults").await;
    world.config_map("map", json!({ "a": "0" })).await;
    (api, world)
}

fn map(name: &str) -> Value {
    json!({ "metadata": { "name": name } })
}

#[tokio::test]
async fn the_nth_request_is_throttled_and_told_when_to_come_back() {
    let (api, world) = world().await;
    api.faults().add(
        Fault::throttled(2)
            .on("PATCH", "/configmaps/map")
            .skip(1)
            .times(2),
    );
    let path = format!("{}/map", world.config_maps());
    let mut codes = Vec::new();
    for number in 0..4 {
        let answer = world
            .patch(&path, MERGE, &json!({ "data": { "a": number.to_string() } }))
            .await;
        codes.push(answer.code);
    }
    assert_eq!(codes, [200, 429, 429, 200]);
    assert_eq!(api.faults().hits(), 2);
    let server = api.serve().await.unwrap();
    api.faults().add(Fault::throttled(7).on("GET", "/version"));
    let reply = raw_get(&server, "/version").await;
    assert!(reply.to_lowercase().contains("retry-after: 7"), "{reply}");
}

/// One request without any client library.
async fn raw_get(server: &mqttkube_tests::fake_api::ApiServer, path: &str) -> String {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut reply = Vec::new();
    // A connection that is broken on purpose still delivers what came before.
    let _ = stream.read_to_end(&mut reply).await;
    String::from_utf8_lossy(&reply).into_owned()
}

#[tokio::test]
async fn a_false_answer_comes_after_the_effect() {
    let (api, world) = world().await;
    api.faults().add(
        Fault::effect_then(504, "Timeout")
            .on("POST", "/configmaps")
            .times(1),
    );
    world
        .post(&world.config_maps(), &map("new"))
        .await
        .check(504, "Timeout");
    world
        .post(&world.config_maps(), &map("new"))
        .await
        .check(409, "AlreadyExists");
}

#[tokio::test]
async fn a_refusal_has_no_effect() {
    let (api, world) = world().await;
    api.faults()
        .add(Fault::refused(500, "InternalError").on("DELETE", "").times(1));
    let path = format!("{}/map", world.config_maps());
    world.delete(&path, &json!({})).await.check(500, "InternalError");
    world.delete(&path, &json!({})).await.check(200, "");
}

#[tokio::test]
async fn answers_can_be_late_or_never_come() {
    let (api, world) = world().await;
    let path = format!("{}/map", world.config_maps());
    let late = Duration::from_millis(100);
    api.faults().add(Fault::delayed(late).on("GET", "/map").times(1));
    let began = Instant::now();
    world.get(&path).await.ok();
    assert!(began.elapsed() >= late);
    api.faults().add(Fault::hanging().on("GET", "/map").times(1));
    assert!(tokio::time::timeout(late, world.get(&path)).await.is_err());
    world.get(&path).await.ok();
}

#[tokio::test]
async fn an_answer_need_not_be_one_of_an_api_server() {
    let (api, world) = world().await;
    api.faults()
        .add(Fault::raw(200, "text/html", "<html>hello</html>").on("GET", "/map"));
    let answer = world.get(&format!("{}/map", world.config_maps())).await;
    assert_eq!((answer.code, answer.body), (200, json!("<html>hello</html>")));
}

#[tokio::test]
async fn an_answer_can_break_off() {
    let (api, world) = world().await;
    let server = api.serve().await.unwrap();
    let path = format!("{}/map", world.config_maps());
    let whole = raw_get(&server, &path).await;
    api.faults().add(Fault::cut_line(0).on("GET", "/map").times(1));
    let half = raw_get(&server, &path).await;
    assert!(
        whole.contains("\"data\"") && !half.trim_end().ends_with("}"),
        "{half}"
    );
    api.faults()
        .add(Fault::warning("old version").on("GET", "/map").times(1));
    assert!(raw_get(&server, &path).await.contains("299 - \"old version\""));
}

#[tokio::test]
async fn a_watch_ends_breaks_or_reports_an_error_after_so_many_events() {
    let (api, world) = world().await;
    let path = world.config_maps();
    world.config_map("other", json!({})).await;
    for fault in [Fault::ended(1), Fault::stream_expired(1)] {
        api.faults().clear();
        api.faults().add(fault.on("WATCH", "/configmaps"));
        let mut watch = world.watch(&path, "").await;
        assert_eq!(watch.next().await.unwrap()["type"], "ADDED");
        match watch.next().await {
            None => {}
            Some(event) => {
                assert_eq!(
                    (&event["type"], &event["object"]["code"]),
                    (&json!("ERROR"), &json!(410))
                );
                assert_eq!(watch.next().await, None);
            }
        }
    }
}

#[tokio::test]
async fn a_silent_watch_stays_open() {
    let (api, world) = world().await;
    api.faults().add(Fault::silent(1).on("WATCH", "").times(1));
    let mut watch = world.watch(&world.config_maps(), "").await;
    watch.next().await.unwrap();
    world.config_map("other", json!({})).await;
    assert!(
        tokio::time::timeout(Duration::from_millis(100), watch.next())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn a_slow_body_is_whole() {
    let (api, world) = world().await;
    api.faults()
        .add(Fault::slow(50, Duration::from_millis(1)).on("GET", "/map"));
    let answer = world.get(&format!("{}/map", world.config_maps())).await.ok();
    assert_eq!(answer.at("/data/a"), "0");
}

#[tokio::test]
async fn the_watcher_of_kube_survives_every_kind_of_broken_stream() {
    let (api, world) = world().await;
    let client = api.client();
    let maps: Api<ConfigMap> = Api::namespaced(client, &world.namespace);
    let faults = [
        Fault::ended(0),
        Fault::dropped(1),
        Fault::cut_line(1),
        Fault::stream_expired(0),
        Fault::stream_error(0, 500, "InternalError"),
        Fault::expired(),
    ];
    for fault in faults {
        api.faults().add(fault.on("WATCH", "/configmaps").times(1));
    }
    let mut events = std::pin::pin!(watcher::watcher(maps.clone(), watcher::Config::default()));
    let params = PatchParams::default();
    for number in 1..20 {
        let value = number.to_string();
        maps.patch("map", &params, &Patch::Merge(json!({ "data": { "a": value } })))
            .await
            .unwrap();
        let seen = async {
            loop {
                // Errors are the faults; the watcher starts again by itself.
                if let Ok(Some(Event::Apply(map) | Event::InitApply(map))) = events.try_next().await
                    && map.data.is_some_and(|data| data["a"] == value)
                {
                    break;
                }
            }
        };
        tokio::time::timeout(SOON, seen)
            .await
            .unwrap_or_else(|_| panic!("change {number} was not seen"));
    }
}

#[tokio::test]
async fn a_compacted_history_is_too_old_for_watches_and_pages() {
    let (api, world) = world().await;
    let path = world.config_maps();
    world.config_map("more", json!({})).await;
    let page = world.get(&format!("{path}?limit=1")).await.ok();
    let version = page.version();
    let token = page.at("/metadata/continue").as_str().unwrap().to_owned();
    world.config_map("other", json!({})).await;
    api.compact();
    world
        .get(&format!("{path}?limit=1&continue={token}"))
        .await
        .check(410, "Expired");
    let mut watch = world.watch(&path, &format!("resourceVersion={version}")).await;
    let event = watch.next().await.unwrap();
    assert_eq!(
        (&event["type"], &event["object"]["reason"]),
        (&json!("ERROR"), &json!("Expired"))
    );
    assert_eq!(watch.next().await, None);
}

#[tokio::test]
async fn bookmarks_come_in_time() {
    let (api, world) = world().await;
    api.bookmark_every(Duration::from_millis(20));
    let mut watch = world
        .watch(&world.config_maps(), "resourceVersion=2&allowWatchBookmarks=true")
        .await;
    loop {
        let event = watch.next().await.unwrap();
        if event["type"] == "BOOKMARK" {
            assert!(event["object"]["metadata"]["resourceVersion"].is_string());
            return;
        }
    }
}

#[tokio::test]
async fn the_log_tells_every_request() {
    let (api, world) = world().await;
    let gate = api.gate();
    gate.log().clear();
    world.get(&world.config_maps()).await;
    world
        .patch(
            &format!("{}/none", world.config_maps()),
            MERGE,
            &json!({ "data": null }),
        )
        .await;
    let log = gate.log().all();
    let methods: Vec<_> = log
        .iter()
        .map(|logged| (logged.method.as_str(), logged.status))
        .collect();
    assert_eq!(methods, [("GET", Some(200)), ("PATCH", Some(404))]);
    assert_eq!(
        (log[1].content_type.as_str(), log[1].json()),
        (MERGE, json!({ "data": null }))
    );
    assert_eq!(gate.log().count(|logged| logged.is_watch()), 0);
}

#[tokio::test]
async fn a_server_can_go_away_and_come_back_on_its_port() {
    let api = FakeApi::new();
    let port = free_port();
    let server = api.gate().serve_on(port).await.unwrap();
    let mut config = kube::Config::new(server.url().parse().unwrap());
    // Even without TLS the client wants to know which library would do it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    config.default_retry = false;
    let client = kube::Client::try_from(config).unwrap();
    let maps: Api<ConfigMap> = Api::namespaced(client, "default");
    let one: ConfigMap = serde_json::from_value(map("one")).unwrap();
    maps.create(&PostParams::default(), &one).await.unwrap();
    drop(server);
    mqttkube_tests::wait::until_ok(SOON, "closed port", async || match maps.get("one").await {
        Ok(_) => Err("it still answers"),
        Err(_) => Ok(()),
    })
    .await;
    let _server = api.gate().serve_on(port).await.unwrap();
    assert!(maps.get("one").await.is_ok());
}
