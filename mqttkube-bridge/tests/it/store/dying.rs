//! A medium that dies at a chosen operation, and what is left of the store on it.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use mqttkube_bridge::relay::{Appended, Lane, Opened, Store, StoreOptions, Sync, Table};
use redb::StorageBackend;

use super::{keep, message, topics};

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

/// A store on a medium that is opened again after an error.
fn on(medium: &Dying, opened: Opened) -> Store {
    let medium = medium.clone();
    Store::start(
        opened,
        move || Table::on(medium.clone(), Sync::Group),
        &StoreOptions::new("unused"),
    )
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
