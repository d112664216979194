//! The durable outbox under a program that dies, and on disks that do not take more. The programs are this test binary
//! once more: a test that does nothing unless a variable tells it to.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mqttkube_bridge::relay::{
    Appended, Keeping, Lane, Message, Store, StoreError, StoreOptions, Sync, Table,
};
use mqttkube_tests::process::find;
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait::scale;
use redb::{StorageBackend, backends::FileBackend};
use tempfile::TempDir;

/// Names the file for [`a_program_that_is_killed`].
const KILLED: &str = "MQTTKUBE_TEST_KILLED_STORE";
/// The operation that changes the file after which it dies.
const DIES_AT: &str = "MQTTKUBE_TEST_KILLED_AT";
/// Names the folder for [`a_program_on_a_small_disk`].
const SMALL: &str = "MQTTKUBE_TEST_SMALL_DISK";

/// Messages that it holds at once; then it forgets the oldest.
const HELD: u64 = 20;

fn message(number: u64) -> Message {
    Message::new(format!("t/{number}"), number.to_le_bytes().repeat(40))
}

/// This binary, told to run one test only.
fn this_binary(test: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", test, "--nocapture", "--test-threads", "1"]);
    command
}

/// A file whose n-th change is torn in the middle, and is the last thing that its program does.
#[derive(Debug)]
struct Deadly {
    file: FileBackend,
    raw: File,
    left: AtomicU64,
}

impl Deadly {
    fn open(path: &Path, dies_at: u64) -> Self {
        let open = || {
            File::options()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(path)
                .unwrap()
        };
        Self {
            file: FileBackend::new(open()).unwrap(),
            raw: open(),
            left: AtomicU64::new(dies_at),
        }
    }

    fn step(&self) -> bool {
        self.left.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

/// SIGKILL to this process: nothing is flushed, nobody is asked.
fn die() -> ! {
    let own = rustix::process::getpid();
    let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    loop {
        std::thread::park();
    }
}

impl StorageBackend for Deadly {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        if self.step() {
            die();
        }
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.step() {
            die();
        }
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        if self.step() {
            self.raw.write_all_at(&data[..data.len() / 2], offset)?;
            die();
        }
        self.file.write(offset, data)
    }
}

/// Keeps numbered messages and forgets the oldest, and says so, until it dies.
#[tokio::test]
async fn a_program_that_is_killed() {
    let Some(path) = std::env::var_os(KILLED).map(PathBuf::from) else {
        return;
    };
    let dies_at = std::env::var(DIES_AT).unwrap().parse().unwrap();
    let open = move |path: &Path| Table::on(Deadly::open(path, dies_at), Sync::Group);
    let options = StoreOptions::new(path.clone());
    let store = Store::start(open(&path).unwrap(), move || open(&path), &options);
    let mut held = store.read(Lane::Out, None, usize::MAX).await.unwrap();
    let mut next = held.last().map_or(0, |last| number(&last.message) + 1);
    loop {
        let several: Vec<Keeping> = several(&store, next).await;
        for keeping in several {
            assert_eq!(keeping.await, Ok(Appended::Kept));
            say(&format!("kept {next}"));
            next += 1;
        }
        held = store.read(Lane::Out, None, usize::MAX).await.unwrap();
        let old = held.len().saturating_sub(usize::try_from(HELD).unwrap());
        for old in &held[..old] {
            say(&format!("forgets {}", number(&old.message)));
            store.remove(Lane::Out, old.sequence).await.unwrap();
        }
    }
}

/// Hands over a few messages at once, so that they share transactions.
async fn several(store: &Store, first: u64) -> Vec<Keeping> {
    let mut several = Vec::new();
    for number in first..first + 1 + first % 4 {
        several.push(store.append(Lane::Out, 0, message(number)).await.unwrap());
    }
    several
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "\nchild: {line}").unwrap();
    out.flush().unwrap();
}

/// The number of a message whose content is right.
#[track_caller]
fn number(found: &Message) -> u64 {
    let number = found.topic.strip_prefix("t/").unwrap().parse().unwrap();
    assert_eq!(found, &message(number));
    number
}

/// reliability.md row 31 for the outbox, bridge.md 1.3 no. 5: whatever the program had said it keeps is there, whole
/// and in order, wherever it dies.
#[tokio::test]
async fn kill_9_at_any_write_with_that_write_torn_loses_nothing() {
    let folder = TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap();
    let path = folder.path().join("outbox");
    let rounds = u64::from(20 * scale()).min(200);
    let (mut kept, mut maybe_gone) = (BTreeSet::new(), BTreeSet::new());
    // A few hundred writes are what a child does before it has gone through all kinds of them.
    let mut place = u64::from(std::process::id());
    for round in 0..rounds {
        place = place
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let dies_at = 1 + (place >> 33) % 400;
        let mut child = this_binary("bridge::store::a_program_that_is_killed")
            .env(KILLED, &path)
            .env(DIES_AT, dies_at.to_string())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            let mut words = line.strip_prefix("child: ").unwrap_or_default().split(' ');
            match (
                words.next(),
                words.next().and_then(|number| number.parse::<u64>().ok()),
            ) {
                (Some("kept"), Some(number)) => drop(kept.insert(number)),
                (Some("forgets"), Some(number)) => drop(maybe_gone.insert(number)),
                _ => {}
            }
        }
        let status = child.wait().unwrap();
        assert_eq!(
            std::os::unix::process::ExitStatusExt::signal(&status),
            Some(9),
            "round {round}, write {dies_at}: {status}"
        );
        let store = Store::open(&StoreOptions::new(path.clone())).unwrap();
        let found = store.read(Lane::Out, None, usize::MAX).await.unwrap();
        let found: Vec<u64> = found.iter().map(|stored| number(&stored.message)).collect();
        assert!(found.is_sorted(), "round {round}, write {dies_at}: {found:?}");
        let found: BTreeSet<u64> = found.into_iter().collect();
        let lost: Vec<_> = kept
            .difference(&found)
            .filter(|number| !maybe_gone.contains(number))
            .collect();
        assert!(lost.is_empty(), "round {round}, write {dies_at}: lost {lost:?}");
        store.close().await;
    }
    assert!(!kept.is_empty(), "the children did something");
    println!("{rounds} deaths, {} messages kept, none lost", kept.len());
}

/// Row 30: the disk is full, then larger, then read-only.
#[tokio::test]
async fn a_program_on_a_small_disk() {
    let Some(folder) = std::env::var_os(SMALL).map(PathBuf::from) else {
        return;
    };
    let mount = |options: &str| {
        let args = ["-t", "tmpfs", "-o", options, "tmpfs"];
        let done = Command::new("mount").args(args).arg(&folder).status();
        assert!(done.unwrap().success(), "mount -o {options}");
    };
    mount("size=1M");
    let options = StoreOptions::new(folder.join("outbox"));
    let store = Store::open(&options).expect("a new store fits");
    let mut keeping = Vec::new();
    for number in 0..3_000 {
        let handed = store.append(Lane::Out, 0, message(number)).await.unwrap();
        keeping.push(handed);
        if store.status().failing {
            break;
        }
    }
    wait(|| store.status().failing, "a full disk is noticed").await;
    let taken = keeping.len();
    say(&format!("full after {} of {taken}", store.status().messages[0]));
    // What was kept can still be read and carried; what waits is not lost and not acknowledged.
    let before = store.read(Lane::Out, None, usize::MAX).await;
    let waiting = keeping.len() as u64 - store.status().messages[0];
    assert!(waiting > 0, "something waits");
    if let Ok(before) = before {
        let read = before.iter().map(|stored| number(&stored.message));
        assert!(read.is_sorted());
    }
    mount("remount,size=64M");
    for keeping in keeping {
        assert_eq!(keeping.await, Ok(Appended::Kept), "there is room again");
    }
    let found = store.read(Lane::Out, None, usize::MAX).await.unwrap();
    let found: Vec<_> = found.iter().map(|stored| number(&stored.message)).collect();
    assert_eq!(found, (0..taken as u64).collect::<Vec<_>>());
    assert!(!store.status().failing);
    store.close().await;
    mount("remount,ro");
    let error = Store::open(&options).expect_err("nothing can be written");
    assert!(
        matches!(&error, StoreError::Open { path, .. } if path.ends_with("outbox")),
        "{error}"
    );
    mount("remount,rw");
    let store = Store::open(&options).expect("the store is as it was");
    assert_eq!(store.status().messages[0], taken as u64);
    store.close().await;
    say("done");
}

async fn wait(condition: impl FnMut() -> bool, what: &str) {
    mqttkube_tests::wait::until(Duration::from_secs(30), what, condition).await;
}

#[tokio::test]
async fn fault_30_a_full_disk_and_a_read_only_one() {
    if lacks(&[Need::Root, Need::Program("unshare"), Need::Program("mount")]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let binary = this_binary("bridge::store::a_program_on_a_small_disk");
    // Mounts of its own, which go when it ends.
    let output = Command::new(find("unshare").unwrap())
        .arg("--mount")
        .arg(binary.get_program())
        .args(binary.get_args())
        .env(SMALL, folder.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && printed.contains("child: done"),
        "{printed}\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        fs::read_dir(folder.path()).unwrap().next().is_none(),
        "nothing is left"
    );
}
