//! Work in order per object: one call in flight for each, different objects side by side.
//!
//! The queue knows nothing of what its jobs are. A job stays at the front of its object until it is finished,
//! however many calls and pauses that takes; only then the next one of the same object may begin.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

use crate::ids::JobId;

/// Calls in flight at once, over all objects. The client opens a connection for each.
const MAX_IN_FLIGHT: usize = 128;

/// Jobs `J` in order for each key `K`.
#[derive(Debug)]
pub(super) struct Queues<K, J> {
    lanes: HashMap<K, Lane<J>>,
    /// Keys whose front job may call, in the order in which they became so.
    ready: VecDeque<K>,
    flights: BTreeMap<JobId, Flight<K>>,
    pauses: BTreeMap<Alarm, K>,
    next_job: u64,
    next_alarm: u64,
}

#[derive(Debug)]
struct Lane<J> {
    /// Never empty: a lane without work is removed.
    jobs: VecDeque<J>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    InFlight,
    Paused { alarm: Alarm, firm: bool },
}

/// A moment, and a number that tells equal moments apart.
type Alarm = (Instant, u64);

#[derive(Debug)]
struct Flight<K> {
    key: K,
    deadline: Instant,
}

impl<K, J> Default for Queues<K, J> {
    fn default() -> Self {
        Self {
            lanes: HashMap::new(),
            ready: VecDeque::new(),
            flights: BTreeMap::new(),
            pauses: BTreeMap::new(),
            next_job: 0,
            next_alarm: 0,
        }
    }
}

impl<K: Hash + Eq + Clone, J> Queues<K, J> {
    /// Adds a job behind those of the same object.
    pub(super) fn push(&mut self, key: K, job: J) {
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.jobs.push_back(job);
            return;
        }
        let lane = Lane {
            jobs: VecDeque::from([job]),
            state: State::Ready,
        };
        self.ready.push_back(key.clone());
        self.lanes.insert(key, lane);
    }

    /// The next object whose front job may call, if one more call may be in flight. The caller answers with
    /// [`Queues::depart`], [`Queues::pause`] or [`Queues::finish`].
    pub(super) fn next_ready(&mut self) -> Option<K> {
        if self.flights.len() >= MAX_IN_FLIGHT {
            return None;
        }
        self.ready.pop_front()
    }

    /// The job at the front.
    pub(super) fn front(&mut self, key: &K) -> Option<&mut J> {
        self.lanes.get_mut(key).and_then(|lane| lane.jobs.front_mut())
    }

    /// The front job of an object calls.
    pub(super) fn depart(&mut self, key: K, deadline: Instant) -> JobId {
        let job = JobId(self.next_job);
        self.next_job += 1;
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.state = State::InFlight;
        }
        self.flights.insert(job, Flight { key, deadline });
        job
    }

    /// A call ended. `None` when it is not in flight: a late or repeated answer.
    pub(super) fn land(&mut self, job: JobId) -> Option<K> {
        self.flights.remove(&job).map(|flight| flight.key)
    }

    /// The front job of an object waits until `until`. A firm pause is not cut short by [`Queues::wake`].
    pub(super) fn pause(&mut self, key: K, until: Instant, firm: bool) {
        let alarm = (until, self.next_alarm);
        self.next_alarm += 1;
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.state = State::Paused { alarm, firm };
            self.pauses.insert(alarm, key);
        }
    }

    /// The front job of an object has ended; the next one may begin.
    pub(super) fn finish(&mut self, key: &K) -> Option<J> {
        let lane = self.lanes.get_mut(key)?;
        let job = lane.jobs.pop_front();
        if lane.jobs.is_empty() {
            self.lanes.remove(key);
        } else {
            lane.state = State::Ready;
            self.ready.push_back(key.clone());
        }
        job
    }

    /// Ends the pauses that are over, and reports one call whose answer is overdue.
    pub(super) fn expire(&mut self, now: Instant) -> Option<JobId> {
        while let Some(pause) = self.pauses.first_entry().filter(|pause| pause.key().0 <= now) {
            let key = pause.remove();
            self.make_ready(key);
        }
        // All calls have the same time, so the oldest one is due first.
        let (job, flight) = self.flights.first_key_value()?;
        (flight.deadline <= now).then_some(*job)
    }

    /// Cuts pauses short: each one that is not firm, whose key `select` accepts, ends after what `spread` says.
    pub(super) fn wake(
        &mut self,
        now: Instant,
        select: impl Fn(&K) -> bool,
        mut spread: impl FnMut() -> Duration,
    ) {
        let lanes = &self.lanes;
        let soft = |key: &K| {
            lanes
                .get(key)
                .is_some_and(|lane| matches!(lane.state, State::Paused { firm: false, .. }))
        };
        let woken: Vec<Alarm> = self
            .pauses
            .iter()
            .filter(|(_, key)| soft(key) && select(key))
            .map(|(alarm, _)| *alarm)
            .collect();
        for alarm in woken {
            let until = now + spread();
            if until < alarm.0
                && let Some(key) = self.pauses.remove(&alarm)
            {
                self.pause(key, until, false);
            }
        }
    }

    fn make_ready(&mut self, key: K) {
        if let Some(lane) = self.lanes.get_mut(&key) {
            lane.state = State::Ready;
            self.ready.push_back(key);
        }
    }

    /// Drops every job but those with a call in flight.
    pub(super) fn keep_only_flights(&mut self) {
        self.ready.clear();
        self.pauses.clear();
        self.lanes.retain(|_, lane| lane.state == State::InFlight);
        for lane in self.lanes.values_mut() {
            lane.jobs.truncate(1);
        }
    }

    /// When [`Queues::expire`] has something to do.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let pause = self.pauses.first_key_value().map(|(alarm, _)| alarm.0);
        let answer = self.flights.first_key_value().map(|(_, flight)| flight.deadline);
        pause.into_iter().chain(answer).min()
    }

    /// Calls in flight.
    pub(super) fn in_flight(&self) -> usize {
        self.flights.len()
    }

    /// Objects with work.
    pub(super) fn objects(&self) -> usize {
        self.lanes.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Strings = Queues<&'static str, u32>;

    fn pump(queues: &mut Strings, deadline: Instant) -> Vec<(JobId, &'static str)> {
        std::iter::from_fn(|| queues.next_ready().map(|key| (queues.depart(key, deadline), key))).collect()
    }

    fn filled(jobs: &[(&'static str, u32)]) -> Strings {
        let mut queues = Strings::default();
        for (key, job) in jobs {
            queues.push(key, *job);
        }
        queues
    }

    #[test]
    fn one_object_has_one_call_in_flight_and_keeps_its_order() {
        let end = Instant::now();
        let mut queues = filled(&[("a", 1), ("a", 2), ("b", 3)]);
        let flights = pump(&mut queues, end);
        assert_eq!(flights, [(JobId(0), "a"), (JobId(1), "b")]);
        assert_eq!(queues.land(JobId(0)), Some("a"));
        assert_eq!(queues.front(&"a"), Some(&mut 1));
        assert_eq!(queues.finish(&"a"), Some(1));
        assert_eq!(pump(&mut queues, end), [(JobId(2), "a")]);
        assert_eq!(queues.front(&"a"), Some(&mut 2));
    }

    #[test]
    fn a_late_or_repeated_answer_is_nobodys() {
        let mut queues = filled(&[("a", 1)]);
        pump(&mut queues, Instant::now());
        assert_eq!(queues.land(JobId(0)), Some("a"));
        assert_eq!(queues.land(JobId(0)), None);
        assert_eq!(queues.land(JobId(9)), None);
    }

    #[test]
    fn a_pause_ends_at_its_time_or_when_it_is_cut_short_unless_it_is_firm() {
        let start = Instant::now();
        let after = |ms| start + Duration::from_millis(ms);
        let mut queues = filled(&[("a", 1), ("b", 2), ("c", 3)]);
        for (key, firm) in [("a", false), ("b", true), ("c", false)] {
            assert_eq!(queues.next_ready(), Some(key));
            queues.pause(key, after(1000), firm);
        }
        assert_eq!(queues.next_deadline(), Some(after(1000)));
        queues.wake(start, |key| *key != "c", || Duration::from_millis(10));
        assert_eq!(queues.next_deadline(), Some(after(10)));
        assert_eq!(queues.expire(after(10)), None);
        assert_eq!(pump(&mut queues, after(5000)), [(JobId(0), "a")]);
        queues.expire(after(1000));
        assert_eq!(pump(&mut queues, after(5000)), [(JobId(1), "b"), (JobId(2), "c")]);
    }

    #[test]
    fn an_answer_that_never_comes_is_reported_at_its_deadline() {
        let start = Instant::now();
        let mut queues = filled(&[("a", 1)]);
        pump(&mut queues, start + Duration::from_secs(1));
        assert_eq!(queues.expire(start), None);
        assert_eq!(queues.expire(start + Duration::from_secs(1)), Some(JobId(0)));
        assert_eq!(queues.land(JobId(0)), Some("a"));
        assert_eq!(queues.expire(start + Duration::from_secs(2)), None);
    }

    #[test]
    fn calls_in_flight_are_limited_over_all_objects() {
        let mut queues = Queues::default();
        for key in 0..=MAX_IN_FLIGHT {
            queues.push(key, ());
        }
        for _ in 0..MAX_IN_FLIGHT {
            let key = queues.next_ready().expect("one more");
            queues.depart(key, Instant::now());
        }
        assert_eq!(queues.next_ready(), None);
        queues.land(JobId(0));
        assert_eq!(queues.next_ready(), Some(MAX_IN_FLIGHT));
    }

    #[test]
    fn at_the_end_only_calls_in_flight_stay() {
        let mut queues = filled(&[("a", 1), ("b", 2)]);
        let key = queues.next_ready().expect("a is ready");
        queues.depart(key, Instant::now());
        queues.push("a", 3);
        queues.keep_only_flights();
        assert_eq!((queues.objects(), queues.in_flight()), (1, 1));
        assert_eq!(queues.finish(&"a"), Some(1));
        assert_eq!((queues.objects(), queues.next_ready()), (0, None));
    }
}
