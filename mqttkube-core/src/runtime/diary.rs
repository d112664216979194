//! What people read in the log while everything runs: at most a few lines per second, however much happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tracing::Level;

use super::Payloads;
use crate::health::Health;
use crate::report::{BindingStatus, Outcome};

/// How long to wait after something happened before it is looked at.
pub(super) const PAUSE: Duration = Duration::from_secs(1);

/// Bindings, and reasons, that are told one by one at one look.
const TOLD: usize = 10;

/// What was told already.
#[derive(Debug)]
pub(super) struct Diary {
    /// The texts of errors about what publishers sent may be told, too. They may quote it.
    quotes: bool,
    ready: bool,
    reasons: BTreeSet<String>,
    bindings: Vec<BindingStatus>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    level: Level,
    text: String,
}

impl Diary {
    pub(super) fn new(payloads: Payloads) -> Self {
        Self {
            quotes: payloads == Payloads::Shown,
            ready: false,
            reasons: BTreeSet::new(),
            bindings: Vec::new(),
        }
    }

    /// Writes what is new since the last look.
    pub(super) fn write(&mut self, health: &Health, bindings: &[BindingStatus]) {
        for Entry { level, text } in self.look(health, bindings) {
            if level == Level::WARN {
                tracing::warn!("{text}");
            } else {
                tracing::info!("{text}");
            }
        }
    }

    fn look(&mut self, health: &Health, bindings: &[BindingStatus]) -> Vec<Entry> {
        let mut entries = self.readiness(health);
        let unknown = BindingStatus::default();
        let mut commands: Vec<Entry> = bindings
            .iter()
            .enumerate()
            .filter_map(|(index, now)| {
                let before = self.bindings.get(index).unwrap_or(&unknown);
                commands(before, now, self.quotes)
            })
            .collect();
        // What went wrong comes first, so that it is what stays.
        commands.sort_by_key(|entry| entry.level != Level::WARN);
        shorten(&mut commands, "bindings");
        entries.extend(commands);
        self.bindings = bindings.to_vec();
        entries
    }

    fn readiness(&mut self, health: &Health) -> Vec<Entry> {
        let reasons: BTreeSet<String> = health.reasons.iter().cloned().collect();
        let new = reasons.difference(&self.reasons);
        let mut entries: Vec<Entry> = new.map(|reason| warn(format!("not ready: {reason}"))).collect();
        shorten(&mut entries, "reasons");
        if health.ready && !self.ready {
            entries.push(info("ready: every link, subscription and watch is up".to_owned()));
        }
        self.ready = health.ready;
        self.reasons = reasons;
        entries
    }
}

/// What became of the commands of one binding, and of its values, since the last look.
fn commands(before: &BindingStatus, now: &BindingStatus, quotes: bool) -> Option<Entry> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for (outcome, count) in &now.outcomes {
        counts.insert(
            outcome,
            count - before.outcomes.get(outcome).copied().unwrap_or_default(),
        );
    }
    counts.insert("ignored", now.ignored - before.ignored);
    counts.insert("failed", now.failed - before.failed);
    counts.retain(|_, count| *count > 0);
    if counts.is_empty() {
        return None;
    }
    let words: Vec<String> = counts
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    let text = format!("{}: {}", now.id, words.join(", "));
    let harmless = [Outcome::Applied, Outcome::Unchanged, Outcome::NoMatch].map(Outcome::as_str);
    let fine = counts
        .keys()
        .all(|word| harmless.contains(word) || *word == "ignored");
    let may_quote = ["failed", Outcome::Invalid.as_str()]
        .iter()
        .any(|word| counts.contains_key(word));
    Some(match &now.last_error {
        _ if fine => info(text),
        _ if may_quote && !quotes => warn(format!("{text}; the status says why")),
        Some(error) => warn(format!("{text}; {error}")),
        None => warn(text),
    })
}

/// Leaves so many entries as people can read.
fn shorten(entries: &mut Vec<Entry>, what: &str) {
    let more = entries.len().saturating_sub(TOLD);
    if more > 0 {
        entries.truncate(TOLD);
        entries.push(info(format!("and {more} more {what}")));
    }
}

fn info(text: String) -> Entry {
    let level = Level::INFO;
    Entry { level, text }
}

fn warn(text: String) -> Entry {
    let level = Level::WARN;
    Entry { level, text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(reasons: &[&str]) -> Health {
        Health::from_reasons(reasons.iter().map(ToString::to_string).collect())
    }

    fn binding(id: &str) -> BindingStatus {
        BindingStatus {
            id: id.to_owned(),
            ..BindingStatus::default()
        }
    }

    #[track_caller]
    fn check(diary: &mut Diary, health: &Health, bindings: &[BindingStatus], expected: &[&str]) {
        let found: Vec<String> = diary
            .look(health, bindings)
            .into_iter()
            .map(|entry| format!("{} {}", entry.level, entry.text))
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn every_reason_is_told_once_and_so_is_its_end() {
        let mut diary = Diary::new(Payloads::Hidden);
        let ready = "INFO ready: every link, subscription and watch is up";
        check(
            &mut diary,
            &health(&["a", "b"]),
            &[],
            &["WARN not ready: a", "WARN not ready: b"],
        );
        check(&mut diary, &health(&["b"]), &[], &[]);
        check(&mut diary, &health(&["b", "c"]), &[], &["WARN not ready: c"]);
        check(&mut diary, &health(&[]), &[], &[ready]);
        check(&mut diary, &health(&[]), &[], &[]);
        check(&mut diary, &health(&["a"]), &[], &["WARN not ready: a"]);
    }

    #[test]
    fn commands_are_counted_and_what_went_wrong_is_said() {
        let mut diary = Diary::new(Payloads::Hidden);
        let ready = health(&["x"]);
        let mut lamp = binding("lamp");
        diary.look(&ready, &[lamp.clone()]);
        lamp.count(Outcome::Applied, None);
        lamp.count(Outcome::Applied, None);
        lamp.count(Outcome::NoMatch, None);
        lamp.ignored = 1;
        let line = "INFO lamp: 2 applied, 1 ignored, 1 no_match";
        check(&mut diary, &ready, &[lamp.clone()], &[line]);
        check(&mut diary, &ready, &[lamp.clone()], &[]);
        lamp.count(Outcome::Applied, None);
        lamp.count(Outcome::Forbidden, Some("may not patch"));
        let line = "WARN lamp: 1 applied, 1 forbidden; may not patch";
        check(&mut diary, &ready, &[lamp.clone()], &[line]);
        lamp.fail("\"secret\" is no number".to_owned());
        let line = "WARN lamp: 1 failed; the status says why";
        check(&mut diary, &ready, &[lamp.clone()], &[line]);
        diary.quotes = true;
        lamp.fail("\"open\" is no number".to_owned());
        check(
            &mut diary,
            &ready,
            &[lamp],
            &["WARN lamp: 1 failed; \"open\" is no number"],
        );
    }

    #[test]
    fn of_ten_thousand_bindings_a_few_are_told_and_the_worst_first() {
        let mut diary = Diary::new(Payloads::Hidden);
        let mut bindings: Vec<_> = (0..10_000).map(|index| binding(&format!("b{index}"))).collect();
        bindings
            .iter_mut()
            .for_each(|one| one.count(Outcome::Applied, None));
        bindings[7777].count(Outcome::Invalid, Some("no"));
        let entries = diary.look(&health(&["x"]), &bindings);
        assert_eq!(entries.len(), 12, "a reason, ten bindings, and how many more");
        assert_eq!(
            entries[1],
            warn("b7777: 1 applied, 1 invalid; the status says why".to_owned())
        );
        assert_eq!(entries[11], info("and 9990 more bindings".to_owned()));
    }
}
