//! States: published when they change, not too often, and never an older one after a newer one.

use std::time::{Duration, Instant};

use mqttkube_core::event::{Publish, Purpose};

use super::{Broken, Ledger, Process, number_in};

/// The least time between two states on `web/slow`, by the plan.
const SLOW: Duration = Duration::from_secs(2);

impl Process {
    /// A connection began.
    pub(in crate::simulation) fn online(&mut self) {
        self.again = true;
        self.fresh.clear();
    }

    /// A state is published.
    pub(in crate::simulation) fn state(
        &mut self,
        publish: &Publish,
        ledger: &mut Ledger,
        now: Instant,
    ) -> Result<(), Broken> {
        let topic = publish.topic.as_str();
        let repeated = self.again && self.fresh.insert(topic.to_owned());
        if let Some((payload, at)) = self.published.get(topic) {
            // A deletion is news even when the value in between was held back.
            let news = repeated || publish.purpose == Purpose::Clear;
            if *payload == publish.payload && !news {
                return Err(format!(
                    "{topic} is published again without a change: {payload:?}"
                ));
            }
            let early = topic == "web/slow" && publish.purpose == Purpose::State && now - *at < SLOW;
            if early && !repeated && !payload.is_empty() && !self.draining {
                return Err(format!(
                    "{topic} is published {:?} after the last time",
                    now - *at
                ));
            }
        }
        self.published
            .insert(topic.to_owned(), (publish.payload.to_vec(), now));
        let Some(number) = number_in(&publish.payload) else {
            return Ok(());
        };
        let newest = ledger.newest.entry(topic.to_owned()).or_insert(number);
        if number < *newest {
            return Err(format!("{topic}: {number} is published after {newest}"));
        }
        *newest = number;
        Ok(())
    }

    /// What was published last on a topic.
    pub(in crate::simulation) fn last_on(&self, topic: &str) -> Option<&[u8]> {
        self.published.get(topic).map(|(payload, _)| payload.as_slice())
    }
}
