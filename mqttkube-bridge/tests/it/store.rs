//! The durable outbox: nothing that was kept is lost, whatever happens to the program or the disk.

use std::fs;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use mqttkube_bridge::relay::{
    Appended, Lane, Message, Opened, Store, StoreError, StoreOptions, Sync, Table, WhenFull,
};
use mqttkube_mqtt::{Publish, QoS};
use proptest::prelude::*;
use redb::StorageBackend;
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

/// A medium that dies at the n-th operation that changes it: that one is torn, all later ones fail. What had been
/// written stays, as on a disk behind a program that was killed.
#[derive(Debug, Clone)]
struct Dying {
    bytes: Arc<Mutex<Vec<u8>>>,
    left: Arc<AtomicU64>,
    /// How many operations change the medium are seen, for choosing where to die.
    seen: Arc<AtomicU64>,
}

impl Dying {
    fn new(bytes: Vec<u8>, left: u64) -> Self {
        let left = Arc::new(AtomicU64::new(left));
        Self {
            bytes: Arc::new(Mutex::new(bytes)),
            left,
            seen: Arc::default(),
        }
    }

    /// Whether this operation is done: wholly, torn, or not at all.
    fn step(&self) -> Option<bool> {
        self.seen.fetch_add(1, Ordering::Relaxed);
        let left = self
            .left
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                Some(left.saturating_sub(1))
            });
        match left.unwrap_or(0) {
            0 => None,
            1 => Some(false),
            _ => Some(true),
        }
    }

    fn content(&self) -> Vec<u8> {
        self.bytes.lock().expect("no test panics with it").clone()
    }
}

fn dead() -> io::Error {
    io::Error::from(io::ErrorKind::StorageFull)
}

impl StorageBackend for Dying {
    fn len(&self) -> io::Result<u64> {
        Ok(self.bytes.lock().expect("no test panics with it").len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.bytes.lock().expect("no test panics with it");
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let part = bytes
            .get(from..from + out.len())
            .ok_or_else(|| io::Error::from(io::ErrorKind::UnexpectedEof))?;
        out.copy_from_slice(part);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        match self.step() {
            Some(true) => {
                let len = usize::try_from(len).map_err(io::Error::other)?;
                self.bytes.lock().expect("no test panics with it").resize(len, 0);
                Ok(())
            }
            _ => Err(dead()),
        }
    }

    fn sync_data(&self) -> io::Result<()> {
        self.step().filter(|done| *done).map(|_| ()).ok_or_else(dead)
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let done = self.step().ok_or_else(dead)?;
        let data = if done { data } else { &data[..data.len() / 2] };
        let from = usize::try_from(offset).map_err(io::Error::other)?;
        let mut bytes = self.bytes.lock().expect("no test panics with it");
        bytes
            .get_mut(from..from + data.len())
            .ok_or_else(dead)?
            .copy_from_slice(data);
        if done { Ok(()) } else { Err(dead()) }
    }
}

async fn failing(store: &mut Store) {
    while !store.status().failing {
        store.changed().await.expect("it is open");
    }
}

/// Writes and removes until the medium dies; returns what must and what may be there afterwards.
async fn work(medium: &Dying) -> (Vec<String>, Vec<String>) {
    let (mut kept, mut doubtful) = (Vec::new(), Vec::new());
    let Ok(opened) = Table::on(medium.clone(), Sync::Group) else {
        return (kept, doubtful);
    };
    let store = on(medium, opened);
    let mut watching = store.clone();
    for number in 0..12 {
        // A write that fails is tried for ever, so a dead medium is seen by the status.
        tokio::select! {
            biased;
            answer = keep(&store, number) => {
                answer.expect("it is open");
                kept.push(format!("t/{number}"));
            }
            () = failing(&mut watching) => {
                doubtful.push(format!("t/{number}"));
                break;
            }
        }
        if number % 3 == 2 {
            store.remove(Lane::Out, number - 2).await.expect("it is open");
            // The removal shares a transaction with what follows: it may happen or not.
            let gone = format!("t/{}", number - 2);
            kept.retain(|topic| *topic != gone);
            doubtful.push(gone);
        }
    }
    drop(watching);
    store.close().await;
    (kept, doubtful)
}

#[tokio::test]
async fn f5_killed_at_any_point_of_the_write_path_with_a_torn_last_record_nothing_kept_is_lost() {
    let whole = Dying::new(Vec::new(), u64::MAX);
    work(&whole).await;
    let steps = whole.seen.load(Ordering::Relaxed);
    assert!(steps >= 100, "{steps} operations are too few to choose from");
    for round in 0..200 {
        let medium = Dying::new(Vec::new(), 1 + round * steps / 200);
        let (kept, doubtful) = work(&medium).await;
        let after = Dying::new(medium.content(), u64::MAX);
        let opened = match Table::on(after.clone(), Sync::Group) {
            Ok(opened) => opened,
            // A store that died while it was made has held nothing; it can be made again.
            Err(error) => {
                assert!(kept.is_empty(), "point {round}: {error}, and {kept:?} are lost");
                continue;
            }
        };
        let store = on(&after, opened);
        let found = topics(&store).await;
        let missing: Vec<_> = kept.iter().filter(|topic| !found.contains(topic)).collect();
        let strange: Vec<_> = found
            .iter()
            .filter(|topic| !kept.contains(topic) && !doubtful.contains(topic))
            .collect();
        assert!(
            missing.is_empty() && strange.is_empty(),
            "point {round}: missing {missing:?}, strange {strange:?}"
        );
        store.close().await;
    }
}

/// A store on a medium that is opened again after an error.
fn on(medium: &Dying, opened: Opened) -> Store {
    let medium = medium.clone();
    Store::start(
        opened,
        move || Table::on(medium.clone(), Sync::Group),
        &StoreOptions::new("unused"),
    )
}

#[tokio::test]
async fn f30_a_full_disk_is_an_answer_not_an_end_and_is_got_over() {
    let medium = Dying::new(Vec::new(), u64::MAX);
    let store = on(
        &medium,
        Table::on(medium.clone(), Sync::Group).expect("a new store"),
    );
    keep(&store, 0).await.expect("there is room");
    keep(&store, 1).await.expect("there is room");
    medium.left.store(0, Ordering::Relaxed);
    let mut watching = store.clone();
    let third = store
        .append(Lane::Out, 2, message("t/2", vec![b'x'; 100]))
        .await
        .expect("it is open");
    failing(&mut watching).await;
    store.remove(Lane::Out, 0).await.expect("it is open");
    let fourth = store
        .append(Lane::Out, 3, message("t/3", vec![b'x'; 100]))
        .await
        .expect("it is open");
    medium.left.store(u64::MAX, Ordering::Relaxed);
    assert_eq!(
        (third.await, fourth.await),
        (Ok(Appended::Kept), Ok(Appended::Kept))
    );
    assert!(!store.status().failing && store.status().failures > 0);
    assert_eq!(
        topics(&store).await,
        ["t/1", "t/2", "t/3"],
        "in order, and a removal that failed is done later"
    );
    drop(watching);
    store.close().await;
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// A queue in memory is the model.
    #[test]
    fn the_store_is_a_queue(steps in prop::collection::vec((0u8..3, 0usize..20), 0..60)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build()?;
        runtime.block_on(async {
            let folder = TempDir::new()?;
            let mut store = Store::open(&options(&folder))?;
            let mut model: Vec<(u64, String)> = Vec::new();
            let mut next = 0;
            for (step, choice) in steps {
                match step {
                    0 => {
                        keep(&store, next).await?;
                        let sequence = store.read(Lane::Out, None, usize::MAX).await?.last().map(|stored| stored.sequence);
                        model.push((sequence.expect("it was just kept"), format!("t/{next}")));
                        next += 1;
                    }
                    1 if !model.is_empty() => {
                        let (sequence, _) = model.remove(choice % model.len());
                        store.remove(Lane::Out, sequence).await?;
                    }
                    _ => {
                        store.close().await;
                        store = Store::open(&options(&folder))?;
                    }
                }
                let expected: Vec<String> = model.iter().map(|(_, topic)| topic.clone()).collect();
                prop_assert_eq!(topics(&store).await, expected);
                prop_assert_eq!(store.status().messages[0], model.len() as u64);
            }
            store.close().await;
            Ok(())
        })?;
    }

    /// What MQTT 5 carries end to end reaches the other side; hops are counted and a life that is over ends the message.
    #[test]
    fn properties_are_carried_aged_and_counted(
        user in prop::collection::vec(("[a-z]{1,5}", ".{0,5}"), 0..4), expiry in prop::option::of(1u32..100), waited in 0u64..150,
        qos in 0u8..2, retain: bool,
    ) {
        let mut sent = message("t", "p");
        (sent.qos, sent.retain) = (qos, retain);
        sent.properties.user = user.clone();
        sent.properties.expiry = expiry;
        let alive = expiry.is_none_or(|expiry| u64::from(expiry) > waited);
        let aged = sent.clone().aged(waited);
        prop_assert_eq!(aged.is_some(), alive);
        if let Some(publish) = aged.and_then(Message::hop).map(Message::into_publish) {
            let Publish { user_properties, message_expiry, .. } = &publish;
            let expected = user.into_iter().chain([("mqttkube-hops".to_owned(), "1".to_owned())]).collect::<Vec<_>>();
            prop_assert_eq!(user_properties, &expected);
            prop_assert_eq!(*message_expiry, expiry.map(|expiry| expiry - u32::try_from(waited).expect("it was alive")));
            prop_assert_eq!((publish.qos == QoS::AtLeastOnce, publish.retain), (qos == 1, retain));
        }
        let circled = (0..5).try_fold(sent, |message, _| message.hop());
        prop_assert!(circled.is_none(), "the fifth bridge refuses it");
    }
}
