//! Credentials that end: when they are renewed, and what the relay does meanwhile (reliability.md 3, rows 27 and 28).

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use mqttkube_bridge::credential::{Clock, Credential, CredentialError, ScheduleOptions, Source, UnixTime};
use mqttkube_bridge::relay::Rollover;
use mqttkube_mqtt::Renew as _;
use tokio::time::Instant;

use super::scripted::{CONNECT, PINGREQ, PUBACK, PUBLISH, WELCOME_BACK, publish};
use super::{Bench, Setup, seen, take};

const START: u64 = 1_795_000_000;
const LIFE: u64 = 3_600;

/// Tokens `token-1` and so on. While it is broken it issues none.
#[derive(Debug, Default)]
struct Mint {
    issued: AtomicU64,
    broken: AtomicU64,
}

#[derive(Debug)]
struct MintSource(Arc<Mint>);

impl Source for MintSource {
    fn issue(&mut self, now: UnixTime) -> Result<Credential, CredentialError> {
        if self.0.broken.load(Ordering::SeqCst) > 0 {
            return Err(CredentialError::Unavailable("no key".to_owned()));
        }
        let number = self.0.issued.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Credential {
            username: None,
            secret: format!("token-{number}").into(),
            expires: Some(UnixTime(now.0 + LIFE)),
        })
    }
}

/// A rollover in virtual time, whose wall clock can be stepped.
struct Watch {
    rollover: Rollover,
    mint: Arc<Mint>,
    start: Instant,
    step: Arc<AtomicI64>,
}

impl Watch {
    fn new() -> Self {
        let (start, step, mint) = (
            Instant::now(),
            Arc::new(AtomicI64::new(0)),
            Arc::new(Mint::default()),
        );
        let offset = step.clone();
        let clock = move || {
            let mono = Instant::now();
            let passed = START + mono.duration_since(start).as_secs();
            Clock {
                wall: UnixTime(passed.saturating_add_signed(offset.load(Ordering::SeqCst))),
                mono: mono.into_std(),
            }
        };
        let source = Box::new(MintSource(mint.clone()));
        Self {
            rollover: Rollover::with_clock(source, ScheduleOptions::default(), Box::new(clock)),
            mint,
            start,
            step,
        }
    }

    async fn connect(&self) -> String {
        let login = self.rollover.login().await.expect("there is one");
        self.rollover.answered(true);
        login.password.reveal().to_owned()
    }

    /// Seconds until another login is due.
    async fn due(&self) -> u64 {
        let before = Instant::now();
        self.rollover.due().await;
        before.elapsed().as_secs()
    }

    fn wall(&self) -> u64 {
        (START + self.start.elapsed().as_secs()).saturating_add_signed(self.step.load(Ordering::SeqCst))
    }
}

#[tokio::test(start_paused = true)]
async fn a_thousand_rollovers_and_the_token_in_use_has_never_expired() {
    let watch = Watch::new();
    for round in 1..=1_000 {
        assert_eq!(watch.connect().await, format!("token-{round}"));
        let expires = watch.rollover.status().expires.expect("it has an end");
        let waited = watch.due().await;
        assert!((LIFE * 7 / 10..=LIFE * 8 / 10).contains(&waited), "{waited}");
        assert!(watch.wall() + 120 <= expires, "renewed with a margin");
    }
    assert_eq!(watch.rollover.status().accepted, 1_000);
}

#[tokio::test(start_paused = true)]
async fn a_connection_in_between_uses_the_token_that_is_there() {
    let watch = Watch::new();
    watch.connect().await;
    tokio::time::advance(Duration::from_secs(1_000)).await;
    assert_eq!(watch.connect().await, "token-1");
    tokio::time::advance(Duration::from_secs(3_000)).await;
    assert_eq!(watch.connect().await, "token-2", "the first one has expired");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_followed_by_another_token_at_once_and_then_by_growing_pauses() {
    let watch = Watch::new();
    watch.connect().await;
    let mut pauses = Vec::new();
    for _ in 0..8 {
        drop(watch.rollover.login().await.expect("there is one"));
        watch.rollover.answered(false);
        pauses.push(watch.due().await);
    }
    assert_eq!(pauses[0], 0, "another one at once");
    assert!(pauses.is_sorted_by(|a, b| *a <= b + 30), "{pauses:?}");
    assert!((25..=60).contains(&pauses[7]), "{pauses:?}");
    let status = watch.rollover.status();
    assert_eq!((status.refused, status.last_refused), (8, true));
    drop(watch.rollover.login().await.expect("there is one"));
    watch.rollover.answered(true);
    assert!(watch.due().await > 2_000, "all is well again");
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_slept_looks_at_the_calendar_within_half_a_minute() {
    let watch = Watch::new();
    watch.connect().await;
    // The stopwatch stood still, the wall clock went on.
    watch.step.store(3_000, Ordering::SeqCst);
    assert!(watch.due().await <= 30);
    let login = watch.connect().await;
    assert_eq!(login, "token-2");
    // A step back changes nothing: the stopwatch says when.
    watch.step.store(-3_600, Ordering::SeqCst);
    assert!((LIFE * 7 / 10..=LIFE * 8 / 10).contains(&watch.due().await));
}

#[tokio::test(start_paused = true)]
async fn a_key_that_is_away_for_a_while_is_tried_again_and_the_old_token_serves_to_its_end() {
    let watch = Watch::new();
    watch.connect().await;
    watch.mint.broken.store(1, Ordering::SeqCst);
    let waiting = tokio::time::timeout(Duration::from_secs(3_000), watch.due()).await;
    assert!(waiting.is_err(), "there is nothing to go over to");
    let status = watch.rollover.status();
    assert!(status.failures > 2 && status.last_failure.is_some_and(|why| why.contains("no key")));
    assert_eq!(
        watch.connect().await,
        "token-1",
        "a lost connection is made with what is good"
    );
    watch.mint.broken.store(0, Ordering::SeqCst);
    assert!(watch.due().await <= 60);
    assert_eq!(watch.connect().await, "token-2");
    watch.mint.broken.store(1, Ordering::SeqCst);
    tokio::time::advance(Duration::from_secs(LIFE)).await;
    let refused = watch
        .rollover
        .login()
        .await
        .expect_err("an expired token is not shown to anybody");
    assert!(refused.to_string().contains("no key"), "{refused}");
}

#[tokio::test(start_paused = true)]
async fn a_token_that_could_not_be_shown_is_not_forgotten() {
    let watch = Watch::new();
    watch.connect().await;
    watch.due().await;
    drop(watch.rollover.login().await.expect("there is one"));
    // The broker could not be reached: nothing is answered.
    assert_eq!(watch.due().await, 0, "the old connection still has the old token");
    assert_eq!(watch.connect().await, "token-2");
}

#[tokio::test]
async fn the_relay_goes_over_to_a_new_token_without_being_offline() {
    let mint = Arc::new(Mint::default());
    let rollover = Rollover::new(Box::new(MintSource(mint)), ScheduleOptions::default());
    let credentials = rollover.credentials();
    let setup = Setup {
        cloud: Box::new(move |options| options.credentials(credentials)),
        ..Setup::default()
    };
    let mut bench = Bench::start(&["# out 1 l/ r/", "# in 1 i/ j/"], setup).await;
    bench.here.send(&publish("l/t", 1, b"before", false)).await;
    let before = seen(&bench.there.expect(PUBLISH).await);
    bench.there.send(&publish("j/t", 7, b"in", false)).await;
    let incoming = seen(&bench.here.expect(PUBLISH).await);
    rollover.renew();
    let mut new = bench.cloud.accept().await;
    bench.there.expect(PINGREQ).await;
    bench.here.send(&publish("l/t", 2, b"meanwhile", false)).await;
    bench.there.puback(before.id).await;
    assert_eq!(bench.here.expect(PUBACK).await.id(), 1);
    bench.there.send(&[0xd0, 0]).await;
    let connect = new.expect(CONNECT).await;
    assert!(connect.body.ends_with(b"token-2"));
    new.send(WELCOME_BACK).await;
    assert_eq!(take(&mut new).await.payload, b"meanwhile");
    assert_eq!(bench.here.expect(PUBACK).await.id(), 2);
    // The message that was on its way inwards comes again; its owner has it.
    new.send(&publish("j/t", 7, b"in", true)).await;
    bench.here.puback(incoming.id).await;
    assert_eq!(new.expect(PUBACK).await.id(), 7);
    let status = bench.handle.status();
    assert!(status.ready(), "{status:?}");
    assert_eq!((status.cloud.rollovers, status.local.rollovers), (1, 0));
    assert_eq!(status.cloud.last_offline, None);
    assert_eq!((status.out.forwarded, status.incoming.received), (2, 1));
}
