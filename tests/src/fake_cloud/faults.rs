//! What a cloud is told to do wrong.

use mqtt5::types::ReasonCode;
use mqttkube_mapping::TopicFilter;

/// What happens to a publish instead of its acknowledgement. Where MQTT 3.1.1 has no word for it, the connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// PUBACK with this reason code, and the message is gone.
    Refuse(u8),
    /// DISCONNECT with this reason code.
    Disconnect(u8),
    /// The message is taken, and nobody says so.
    Withhold,
    /// The message is taken, and the connection ends without a word.
    TakeAndCut,
    /// The connection ends without a word.
    Cut,
}

/// Publishes that are treated badly, and connections that are.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// For so many further CONNECTs, this answer.
    pub(super) refuse: Option<(u32, ReasonCode)>,
    /// So many further deliveries are sent twice.
    pub(super) repeat: u32,
    publishes: Vec<(TopicFilter, u32, Verdict)>,
}

impl Faults {
    pub(super) fn publish(&mut self, filter: TopicFilter, times: u32, verdict: Verdict) {
        self.publishes.push((filter, times, verdict));
    }

    /// The verdict about one publish.
    pub(super) fn judge(&mut self, topic: &str) -> Option<Verdict> {
        let found = self
            .publishes
            .iter_mut()
            .find(|(filter, left, _)| *left > 0 && filter.matches(topic));
        found.map(|(_, left, verdict)| {
            *left -= 1;
            *verdict
        })
    }

    /// The answer to one CONNECT.
    pub(super) fn connect(&mut self) -> Option<ReasonCode> {
        let (left, reason) = self.refuse.as_mut().filter(|(left, _)| *left > 0)?;
        *left -= 1;
        Some(*reason)
    }
}
