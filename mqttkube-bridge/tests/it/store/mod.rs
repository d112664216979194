//! The durable outbox: nothing that was kept is lost, whatever happens to the program or the disk.

mod dying;
mod laws;

use std::fs;

use bytes::Bytes;
use mqttkube_bridge::relay::{Appended, Lane, Message, Store, StoreError, StoreOptions, WhenFull};
use tempfile::TempDir;

fn message(topic: &str, payload: impl Into<Bytes>) -> Message {
    Message::new(topic, payload)
}

fn options(folder: &TempDir) -> StoreOptions {
    StoreOptions::new(folder.path().join("outbox"))
}

async fn keep(store: &Store, number: u64) -> Result<Appended, StoreError> {
    let sent = store
        .append(
            Lane::Out,
            number,
            message(&format!("t/{number}"), vec![b'x'; 100]),
        )
        .await?;
    sent.await
}

async fn topics(store: &Store) -> Vec<String> {
    let read = store
        .read(Lane::Out, None, usize::MAX)
        .await
        .expect("it can be read");
    read.into_iter().map(|stored| stored.message.topic).collect()
}

#[tokio::test]
async fn what_was_kept_is_there_after_a_restart_in_order_and_whole() {
    let folder = TempDir::new().expect("a scratch folder");
    let mut full = message("a/ä", vec![0, 255, 10]);
    (full.qos, full.retain) = (1, true);
    full.properties.user = vec![("k".to_owned(), "v".to_owned()), ("k".to_owned(), "w".to_owned())];
    full.properties.correlation_data = Some(vec![0, 1, 2]);
    full.properties.expiry = Some(60);
    let store = Store::open(&options(&folder)).expect("a new store");
    for number in 0..5 {
        assert_eq!(keep(&store, number).await, Ok(Appended::Kept));
    }
    let sent = store.append(Lane::In, 7, full.clone()).await.expect("it is open");
    assert_eq!(sent.await, Ok(Appended::Kept));
    store.remove(Lane::Out, 0).await.expect("it is open");
    store.close().await;

    let store = Store::open(&options(&folder)).expect("the same store");
    assert_eq!(topics(&store).await, ["t/1", "t/2", "t/3", "t/4"]);
    assert_eq!(store.status().messages, [4, 1]);
    let incoming = store.read(Lane::In, None, 10).await.expect("it can be read");
    assert_eq!((incoming[0].arrived, &incoming[0].message), (7, &full));
    store.close().await;
}

#[tokio::test]
async fn one_program_at_a_time_has_the_store() {
    let folder = TempDir::new().expect("a scratch folder");
    let store = Store::open(&options(&folder)).expect("a new store");
    let error = Store::open(&options(&folder))
        .expect_err("it is open already")
        .to_string();
    assert!(
        error.starts_with("cannot open the store ") && error.contains("outbox"),
        "{error}"
    );
    store.close().await;
}

#[tokio::test]
async fn a_file_of_somebody_else_is_left_as_it_is() {
    let folder = TempDir::new().expect("a scratch folder");
    let options = options(&folder);
    fs::write(&options.path, b"my diary").expect("a scratch folder can be written");
    assert!(matches!(Store::open(&options), Err(StoreError::Open { .. })));
    assert_eq!(fs::read(&options.path).expect("it is there"), b"my diary");
}

/// The weight of one message of [`keep`].
const WEIGHT: u64 = 64 + 3 + 100;

#[tokio::test]
async fn a_full_store_refuses_until_there_is_room() {
    let folder = TempDir::new().expect("a scratch folder");
    let store = Store::open(&StoreOptions {
        max_bytes: 2 * WEIGHT,
        ..options(&folder)
    })
    .expect("a new store");
    keep(&store, 0).await.expect("there is room");
    keep(&store, 1).await.expect("there is room");
    let mut third = store
        .append(Lane::Out, 2, message("t/2", vec![b'x'; 100]))
        .await
        .expect("it is open");
    // A read is served after the append before it, so the append was looked at by then.
    assert_eq!(topics(&store).await, ["t/0", "t/1"]);
    assert!(futures_poll(&mut third).is_none(), "it waits");
    store.remove(Lane::Out, 0).await.expect("it is open");
    assert_eq!(third.await, Ok(Appended::Kept));
    assert_eq!(topics(&store).await, ["t/1", "t/2"]);
    store.close().await;
}

/// One look at a future that nothing wakes.
fn futures_poll<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::Pin::new(future).poll(&mut context) {
        std::task::Poll::Ready(output) => Some(output),
        std::task::Poll::Pending => None,
    }
}

#[tokio::test]
async fn the_other_policies_drop_the_oldest_or_the_newest_and_count() {
    for (policy, left) in [
        (WhenFull::DropOldest, ["t/2", "t/3"]),
        (WhenFull::DropNewest, ["t/0", "t/1"]),
    ] {
        let folder = TempDir::new().expect("a scratch folder");
        let limits = StoreOptions {
            max_messages: Some(2),
            when_full: policy,
            ..options(&folder)
        };
        let store = Store::open(&limits).expect("a new store");
        let mut answers = Vec::new();
        for number in 0..4 {
            answers.push(keep(&store, number).await.expect("it is open"));
        }
        assert_eq!(topics(&store).await, left, "{policy:?}");
        assert_eq!(
            answers
                .iter()
                .filter(|answer| **answer == Appended::Dropped)
                .count() as u64,
            if policy == WhenFull::DropNewest { 2 } else { 0 }
        );
        assert_eq!((store.status().dropped, store.status().bytes), (2, 2 * WEIGHT));
        store.close().await;
    }
}
