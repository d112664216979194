//! Rows of the fault matrix in process: each breaks the way to the cloud and the way to the local broker, under traffic
//! both ways, in relay mode over MQTT 3.1.1 and in store mode over MQTT 5.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mqttkube_bridge::relay::{Opened, StoreError, Sync, Table};
use mqttkube_tests::fake_cloud::Verdict;
use mqttkube_tests::proxy::{Fault, Side, TcpProxy};
use redb::{StorageBackend, backends::FileBackend};

use super::scene::{BRIDGE, Scene, Setup, variants};

impl Scene {
    fn sides(&self) -> [&TcpProxy; 2] {
        [&self.to_cloud, &self.to_local]
    }

    /// Traffic, then everything arrives.
    async fn carries_on(&mut self) {
        self.ready().await;
        self.send_many(5).await;
        self.settle().await;
    }
}

/// A link that swallows everything is noticed by the silence, and what was under way is sent again.
#[tokio::test]
async fn fault_4_half_open_links() {
    let [relay, store] = variants().map(|setup| Setup {
        more: |options| options.keep_alive(Duration::from_secs(5)),
        ..setup
    });
    let play = async |setup| {
        let mut scene = Scene::start(setup).await;
        for side in [0, 1] {
            let before = [scene.to_cloud.accepted(), scene.to_local.accepted()];
            scene.sides()[side].set(Fault::Blackhole);
            scene.send_many(30).await;
            let began = Instant::now();
            let noticed = || [scene.to_cloud.accepted(), scene.to_local.accepted()][side] > before[side];
            scene.until("another attempt", noticed).await;
            let found = began.elapsed();
            assert!(found <= Duration::from_secs(10 + 5), "{found:?}");
            scene.sides()[side].heal();
            scene.carries_on().await;
        }
        assert_eq!(scene.cloud.counts().violations, [] as [&str; 0]);
        scene.end().await;
    };
    tokio::join!(play(relay), play(store));
}

#[tokio::test]
async fn fault_5_bytes_one_by_one_and_resets_in_mid_packet() {
    for setup in variants() {
        let mut scene = Scene::start(setup).await;
        for side in [0, 1] {
            scene.sides()[side].set(Fault::Slice(1));
            scene.send_many(20).await;
            scene.settle().await;
            for bytes in [1, 2, 3, 17, 40, 101, 333] {
                for direction in [Side::ToServer, Side::ToClient] {
                    scene.sides()[side].set(Fault::ResetAfter(direction, bytes));
                    scene.send_many(5).await;
                    let fault = scene.sides()[side].accepted();
                    scene.sides()[side].heal();
                    assert!(fault > 0);
                    scene.ready().await;
                }
            }
            scene.carries_on().await;
        }
        let status = scene.handle.status();
        assert!(
            status.cloud.connections > 5 && status.local.connections > 5,
            "links were reset: {status:?}"
        );
        scene.end().await;
    }
}

#[tokio::test]
async fn fault_7_repeated_deliveries_and_lost_acknowledgements() {
    for setup in variants() {
        let mut scene = Scene::start(setup).await;
        scene.cloud.repeat_deliveries(20);
        scene.send_many(10).await;
        let [up, down] = scene.settle().await;
        assert_eq!(up.duplicates, 0);
        assert!(
            (1..=20).contains(&down.duplicates),
            "what was sent twice was carried twice: {down:?}"
        );
        for round in 0..10 {
            let before = scene.cloud.counts().connections;
            if round % 2 == 0 {
                // Taken, and the acknowledgement never comes.
                scene.cloud.when_publishing("cloud/up/#", 4, Verdict::Withhold);
                scene.send_many(3).await;
                scene.cloud.cut(BRIDGE);
            } else {
                scene.cloud.when_publishing("cloud/up/#", 1, Verdict::TakeAndCut);
                scene.send_many(3).await;
            }
            scene
                .until("another connection", || scene.cloud.counts().connections > before)
                .await;
        }
        for _ in 0..5 {
            let before = scene.handle.status().local.connections;
            // What comes from the cloud reaches home, and nobody hears of it.
            scene.to_local.set(Fault::BlackholeOne(Side::ToClient));
            scene.send_many(3).await;
            scene.to_local.cut();
            scene.to_local.heal();
            scene
                .until("another connection", || {
                    scene.handle.status().local.connections > before
                })
                .await;
        }
        let [up, down] = scene.settle().await;
        assert!((1..=200).contains(&up.duplicates), "{up:?}");
        assert!((1..=200).contains(&down.duplicates), "{down:?}");
        scene.end().await;
    }
}

/// What a broker queued while the bridge was away, or dropped from a full queue, MQTT does not tell; that there was such a
/// time is counted. A session that the broker has not kept is counted as what it is.
#[tokio::test]
async fn fault_12_what_cannot_be_known_of_a_queue_is_counted() {
    for setup in variants() {
        let mut scene = Scene::start(setup).await;
        let seen = |scene: &Scene| {
            let side = scene.handle.status().cloud;
            (side.connections, side.resumed, side.sessions_lost)
        };
        assert_eq!(seen(&scene), (1, 0, 0));
        for (lost, expected) in [(false, (2, 1, 0)), (true, (3, 1, 1))] {
            scene.to_cloud.set(Fault::Refuse);
            scene.to_cloud.cut();
            scene
                .until("the end of the connection", || {
                    !scene.handle.status().cloud.online
                })
                .await;
            if lost {
                scene.cloud.forget_sessions();
            }
            scene.to_cloud.heal();
            scene
                .until("another connection", || seen(&scene).0 == expected.0)
                .await;
            scene.carries_on().await;
            assert_eq!(seen(&scene), expected);
        }
        scene.end().await;
    }
}

/// CONNACK 4 and 5 on MQTT 3.1.1, 0x86 and 0x87 on MQTT 5: a fresh token at once, and nothing that waits is lost.
#[tokio::test]
async fn fault_27_tokens_that_are_refused_or_have_ended() {
    for setup in variants() {
        let version = setup.version;
        let mut scene = Scene::start(setup).await;
        for code in [0x86, 0x87] {
            let before = scene.cloud.counts();
            let issued = scene.rollover.status().issues;
            scene.cloud.refuse_connections(1, code);
            scene.cloud.cut(BRIDGE);
            let began = Instant::now();
            scene.send_many(5).await;
            scene
                .until("another connection", || {
                    scene.cloud.counts().connections > before.connections
                })
                .await;
            let took = began.elapsed();
            assert!(took <= Duration::from_secs(2), "{took:?} over {version}");
            assert_eq!(scene.cloud.counts().refused.len(), before.refused.len() + 1);
            assert!(
                scene.rollover.status().issues > issued,
                "the refused token was not shown again: {:?}",
                scene.rollover.status()
            );
            scene.carries_on().await;
        }
        // The cloud's clock runs ahead: it hangs up, and a token by our clock is refused until ours is right.
        scene.cloud.clock().step(7_200);
        scene
            .until("the end of the token", || scene.cloud.counts().cut == 1)
            .await;
        scene.send_many(5).await;
        scene
            .until("a refusal", || scene.cloud.counts().refused.len() > 2)
            .await;
        scene.clock.step(7_200);
        scene.carries_on().await;
        assert_eq!(scene.cloud.counts().violations, [] as [&str; 0]);
        scene.end().await;
    }
}

/// The clock of the machine is set while the bridge runs: an hour on, an hour back. The cloud knows the right time.
#[tokio::test]
async fn fault_28_the_clock_steps() {
    for setup in variants() {
        let mut scene = Scene::start(setup).await;
        for step in [3_600, -3_600, -3_600, 3_600] {
            scene.clock.step(step);
            scene.cloud.clock().step(step);
            scene.send_many(5).await;
            // Everybody connects again now and then; a token by the new time must do.
            scene.cloud.cut(BRIDGE);
            scene.carries_on().await;
        }
        // Only the bridge is wrong, and right again.
        for step in [3_600, -3_600] {
            scene.clock.step(step);
            scene.cloud.cut(BRIDGE);
            scene.send_many(5).await;
            scene
                .until("a refusal", || !scene.cloud.counts().refused.is_empty())
                .await;
            scene.clock.step(-step);
            scene.carries_on().await;
        }
        scene.end().await;
    }
}

/// How long the disk of [`Slow`] takes to bring anything to safety, in milliseconds.
static PAUSE: AtomicU64 = AtomicU64::new(0);
/// How often it has begun to take that time.
static PAUSES: AtomicU64 = AtomicU64::new(0);

/// A disk that answers late.
#[derive(Debug)]
struct Slow(FileBackend);

impl Slow {
    fn open(path: &Path) -> Result<Opened, StoreError> {
        let mut options = File::options();
        let file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        Table::on(Self(FileBackend::new(file.unwrap()).unwrap()), Sync::Group)
    }
}

impl StorageBackend for Slow {
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        let pause = PAUSE.load(Ordering::Relaxed);
        PAUSES.fetch_add(1, Ordering::Relaxed);
        // This is the model: nothing is waited for but the time that such a disk takes.
        std::thread::sleep(Duration::from_millis(pause));
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.0.write(offset, data)
    }
}

/// Every write takes 50 ms, and then one takes longer than brokers wait for a client that says nothing: the links stay,
/// nothing is lost, and nothing comes twice.
#[tokio::test]
async fn fault_30_a_slow_disk_only_delays() {
    let setup = Setup {
        store: true,
        disk: Slow::open,
        more: |options| options.keep_alive(Duration::from_secs(5)),
        ..Setup::default()
    };
    let mut scene = Scene::start(setup).await;
    PAUSE.store(50, Ordering::Relaxed);
    scene.send_many(40).await;
    scene.settle().await;
    PAUSE.store(9_000, Ordering::Relaxed);
    let (began, before) = (Instant::now(), PAUSES.load(Ordering::Relaxed));
    scene.send_many(20).await;
    let stuck = || PAUSES.load(Ordering::Relaxed) > before;
    scene.until("a write that takes its time", stuck).await;
    PAUSE.store(0, Ordering::Relaxed);
    let [up, down] = scene.settle().await;
    assert!(began.elapsed() >= Duration::from_secs(9), "{:?}", began.elapsed());
    assert_eq!((up.duplicates, down.duplicates), (0, 0));
    let status = scene.handle.status();
    assert_eq!((status.local.connections, status.cloud.connections), (1, 1));
    scene.end().await;
}

#[tokio::test]
async fn fault_11_a_storm_on_one_topic() {
    for setup in variants() {
        let mut scene = Scene::start(setup).await;
        let began = Instant::now();
        scene.send_many(300).await;
        let [up, down] = scene.settle().await;
        println!("900 each way in {:?}", began.elapsed());
        assert_eq!((up.duplicates, down.duplicates), (0, 0));
        let status = scene.handle.status();
        assert_eq!((status.local.connections, status.cloud.connections), (1, 1));
        scene.end().await;
    }
}

/// bridge.md 7.4: what the cloud refuses for now (0x97) is tried again; what it refuses for good is counted. Neither
/// holds up the rest.
#[tokio::test]
async fn publishes_that_are_refused_stall_nothing() {
    let [_, store] = variants();
    for setup in [Setup::default(), store] {
        let mut scene = Scene::start(setup).await;
        scene
            .cloud
            .when_publishing("cloud/up/0", 3, Verdict::Refuse(0x97));
        scene.send_many(5).await;
        scene.arrive().await;
        for code in [0x87, 0x90, 0x99] {
            scene
                .cloud
                .when_publishing("cloud/up/x", 1, Verdict::Refuse(code));
            scene.send_up(1).await;
        }
        scene.send_many(5).await;
        scene.arrive().await;
        let poison = || scene.handle.status().out.dropped_for("poison");
        scene.until("three dead letters", || poison() == 3).await;
        assert_eq!(scene.cloud.ledger().topic("cloud/up/x").received, 0);
        scene.stop().await;
    }
}
