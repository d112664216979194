//! Calls against a scripted API server, in virtual time.

use std::sync::Arc;
use std::time::Duration;

use http::Request;
use kube::Client;
use kube::client::Body;
use tokio::time::Instant;
use tower::BoxError;

use super::{Answer, client};
use crate::event::{self, ApiOutcome, Resource, Verb};
use crate::ids::JobId;
use crate::runtime::calls::Calls;

fn get() -> event::Request {
    let resource = Resource {
        group: String::new(),
        version: "v1".to_owned(),
        kind: "Pod".to_owned(),
        plural: "pods".to_owned(),
        namespaced: true,
    };
    event::Request {
        resource: Arc::new(resource),
        namespace: Some("media".to_owned()),
        name: "a".to_owned(),
        verb: Verb::Get,
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_has_a_deadline_and_waits_for_its_turn() {
    let mut calls = Calls::new(client(|_, _| None), "mqtt-kube", 2);
    let began = Instant::now();
    for job in 0..4 {
        calls.start(JobId(job), get(), Duration::from_secs(10));
    }
    let mut ended = Vec::new();
    for _ in 0..4 {
        let (job, outcome) = calls.next().await;
        assert_eq!(
            outcome,
            ApiOutcome::Unreachable {
                error: "no answer within 10s".to_owned()
            }
        );
        ended.push((job.0, began.elapsed().as_secs()));
    }
    ended.sort_unstable();
    assert_eq!(ended, [(0, 10), (1, 10), (2, 20), (3, 20)], "two at a time");
    calls.start(JobId(5), get(), Duration::from_secs(10));
    calls.stop().await;
}

#[tokio::test]
async fn a_call_that_cannot_be_sent_says_why() {
    let service = tower::service_fn(|_: Request<Body>| async {
        Err::<Answer, BoxError>(std::io::Error::from(std::io::ErrorKind::ConnectionRefused).into())
    });
    let mut calls = Calls::new(Client::new(service, "default"), "mqtt-kube", 1);
    calls.start(JobId(1), get(), Duration::from_secs(10));
    let (_, outcome) = calls.next().await;
    let ApiOutcome::Unreachable { error } = outcome else {
        panic!("{outcome:?}")
    };
    assert!(error.contains("connection refused"), "{error}");
}
