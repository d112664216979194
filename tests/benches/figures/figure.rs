//! A figure, and the limit that it has to keep.

use std::fmt;
use std::time::Duration;

/// One line of the result.
pub(crate) struct Figure {
    name: &'static str,
    value: f64,
    unit: &'static str,
    limit: Limit,
    /// What it was computed from.
    parts: String,
}

/// What a value may be.
#[derive(Clone, Copy)]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
}

impl Figure {
    pub(crate) fn new(
        name: &'static str,
        value: f64,
        unit: &'static str,
        limit: Limit,
        parts: String,
    ) -> Self {
        Self {
            name,
            value,
            unit,
            limit,
            parts,
        }
    }

    pub(crate) fn is_kept(&self) -> bool {
        match self.limit {
            Limit::AtMost(limit) => self.value <= limit,
            Limit::AtLeast(limit) => self.value >= limit,
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            value,
            unit,
            limit,
            parts,
        } = self;
        let limit = match limit {
            Limit::AtMost(limit) => format!("<= {limit}"),
            Limit::AtLeast(limit) => format!(">= {limit}"),
        };
        let verdict = if self.is_kept() { "ok" } else { "MISSED" };
        write!(f, "{name}: {value:.2} {unit} (limit {limit}) {verdict}; {parts}")
    }
}

/// The middle one of some values; of an even number the upper middle.
pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<_> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}

pub(crate) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
