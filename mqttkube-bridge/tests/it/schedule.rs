//! The schedule of renewals under a simulated pair of clocks.

use std::time::{Duration, Instant};

use mqttkube_bridge::credential::{Clock, Next, Schedule, ScheduleOptions, UnixTime};
use proptest::prelude::*;

const START: u64 = 1_800_000_000;

/// Two clocks that can be moved together or apart.
struct World {
    origin: Instant,
    mono: Duration,
    wall: u64,
}

impl World {
    fn new() -> Self {
        Self {
            origin: Instant::now(),
            mono: Duration::ZERO,
            wall: START,
        }
    }

    fn clock(&self) -> Clock {
        Clock {
            wall: UnixTime(self.wall),
            mono: self.origin + self.mono,
        }
    }

    fn pass(&mut self, time: Duration) {
        self.mono += time;
        self.wall += time.as_secs();
    }
}

#[test]
fn the_first_credential_is_due_at_once_and_a_fixed_one_never_again() {
    let world = World::new();
    let mut schedule = Schedule::new(ScheduleOptions::default());
    assert_eq!(schedule.next(world.clock()), Next::Issue);
    schedule.issued(None, world.clock(), 0);
    assert_eq!(schedule.next(world.clock()), Next::Never);
}

#[test]
fn an_hour_is_renewed_after_48_minutes_less_jitter() {
    let schedule = Schedule::new(ScheduleOptions::default());
    let hour = Duration::from_secs(3_600);
    assert_eq!(schedule.refresh_after(hour, 0), Duration::from_secs(2_880));
    assert_eq!(schedule.refresh_after(hour, u32::MAX), Duration::from_secs(2_520));
    // 120 s before the end at the latest, whatever share is asked for.
    let late = Schedule::new(ScheduleOptions {
        share: 1.0,
        jitter: 0.0,
    });
    assert_eq!(late.refresh_after(hour, 0), Duration::from_secs(3_480));
    // A minute, or a tenth of a short life, at the earliest.
    let early = Schedule::new(ScheduleOptions {
        share: 0.0,
        jitter: 0.0,
    });
    assert_eq!(early.refresh_after(hour, 0), Duration::from_secs(60));
    assert_eq!(
        early.refresh_after(Duration::from_secs(5), 0),
        Duration::from_millis(500)
    );
}

#[test]
fn a_refusal_renews_at_once_then_backs_off_until_one_is_accepted() {
    let mut world = World::new();
    let mut schedule = Schedule::new(ScheduleOptions::default());
    schedule.issued(Some(UnixTime(START + 3_600)), world.clock(), 0);
    schedule.failed(world.clock(), u32::MAX);
    assert_eq!(schedule.next(world.clock()), Next::Issue, "the first refusal");
    for seconds in [1, 2, 4, 8, 16, 32, 60, 60] {
        schedule.failed(world.clock(), u32::MAX);
        let until = world.clock().mono + Duration::from_secs(seconds);
        assert_eq!(schedule.next(world.clock()), Next::Wait(until), "{seconds} s");
        world.pass(Duration::from_secs(seconds));
        assert_eq!(schedule.next(world.clock()), Next::Issue);
    }
    schedule.issued(Some(UnixTime(world.wall + 3_600)), world.clock(), 0);
    schedule.accepted();
    schedule.failed(world.clock(), u32::MAX);
    assert_eq!(schedule.next(world.clock()), Next::Issue, "a first refusal again");
}

#[test]
fn a_machine_that_slept_renews_when_it_wakes() {
    let mut world = World::new();
    let mut schedule = Schedule::new(ScheduleOptions::default());
    schedule.issued(Some(UnixTime(START + 3_600)), world.clock(), 0);
    world.wall += 3_000; // asleep: the monotonic clock stood still
    assert_eq!(schedule.next(world.clock()), Next::Issue);
}

#[test]
fn a_clock_set_back_does_not_keep_an_old_credential() {
    let mut world = World::new();
    let mut schedule = Schedule::new(ScheduleOptions::default());
    schedule.issued(Some(UnixTime(START + 3_600)), world.clock(), 0);
    world.mono += Duration::from_secs(2_880);
    world.wall -= 3_600;
    assert_eq!(schedule.next(world.clock()), Next::Issue);
}

proptest! {
    /// Whoever follows `next` never holds a credential past its end, looks at the clock at least twice a minute, and does
    /// not issue more often than the floor allows, whatever the lifetime, the options and the dice.
    #[test]
    fn the_credential_in_use_is_never_expired(
        life in 1u64..100_000, share in 0.0f64..=1.0, jitter in 0.0f64..=1.0, dice in any::<[u32; 8]>(),
    ) {
        let mut world = World::new();
        let mut schedule = Schedule::new(ScheduleOptions { share, jitter });
        for random in dice {
            prop_assert_eq!(schedule.next(world.clock()), Next::Issue);
            let (issued, end) = (world.mono, Duration::from_secs(life));
            schedule.issued(Some(UnixTime(world.wall + life)), world.clock(), random);
            while let Next::Wait(until) = schedule.next(world.clock()) {
                let step = until - world.clock().mono;
                prop_assert!(step > Duration::ZERO && step <= Schedule::LONGEST_WAIT);
                world.mono += step;
                world.wall = START + world.mono.as_secs();
                prop_assert!(world.mono - issued < end);
            }
            // The wall clock shows whole seconds, so it may call one second early.
            let floor = Duration::from_secs(60).min(end / 10).saturating_sub(Duration::from_secs(1));
            prop_assert!(world.mono - issued >= floor);
        }
    }

    #[test]
    fn no_expiry_is_too_large_to_be_scheduled(expires in any::<u64>(), random in any::<u32>()) {
        let world = World::new();
        let mut schedule = Schedule::new(ScheduleOptions::default());
        schedule.issued(Some(UnixTime(expires)), world.clock(), random);
        let due = schedule.next(world.clock());
        prop_assert_eq!(matches!(due, Next::Issue), expires <= START);
    }
}
