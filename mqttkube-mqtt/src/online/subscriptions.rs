//! What is asked of the broker before publishes go out.

use tokio::time::Instant;

use super::{OUTPUT_BYTES, Online};
use crate::end::End;
use crate::event::Event;
use crate::message::QoS;
use crate::outbox::FIRST_FOREIGN_ID;
use crate::session::Session;
use crate::wire::Outgoing;

/// Subscriptions that wait for their answer at once.
const UNANSWERED_SUBSCRIPTIONS: usize = 64;

impl Online {
    pub(crate) fn subscribe(&mut self, filters: impl Iterator<Item = String>) {
        for filter in filters {
            self.granted.remove(&filter);
            self.to_subscribe.push_back(filter);
        }
    }

    pub(crate) fn unsubscribe(&mut self, filters: &[String]) {
        self.to_subscribe.retain(|waiting| !filters.contains(waiting));
        self.granted.retain(|granted| !filters.contains(granted));
        self.to_unsubscribe.extend_from_slice(filters);
    }

    /// True once the broker has answered all that comes first.
    pub(super) fn open(&mut self) -> Result<bool, End> {
        while self.opening.len() < usize::from(self.welcome.receive_maximum)
            && let Some(publish) = self.to_open.pop_front()
        {
            let packet_id = self.next_id();
            let topic = publish.topic.clone();
            let publish = publish.qos(QoS::AtLeastOnce);
            self.write(&publish, packet_id, false)
                .map_err(|error| End::silent(format!("{topic} cannot be published: {error}")))?;
            self.opening.insert(packet_id, (topic, Instant::now()));
        }
        Ok(self.to_open.is_empty() && self.opening.is_empty())
    }

    pub(super) fn send_unsubscriptions(&mut self) -> Result<(), End> {
        for filter in std::mem::take(&mut self.to_unsubscribe) {
            let packet_id = self.next_id();
            self.put(&Outgoing::Unsubscribe {
                filter: &filter,
                packet_id,
            })?;
        }
        Ok(())
    }

    pub(super) fn send_subscriptions(&mut self, session: &mut Session) -> Result<(), End> {
        while self.subscribing.len() < UNANSWERED_SUBSCRIPTIONS && self.link.backlog() < OUTPUT_BYTES {
            let Some(filter) = self.to_subscribe.pop_front() else {
                break;
            };
            let Some(wanted) = session.subscriptions.get_mut(&filter) else {
                continue;
            };
            let packet_id = self.next_id();
            self.put(&Outgoing::Subscribe {
                subscription: &wanted.subscription,
                packet_id,
                with_id: self.welcome.subscription_ids,
                again: wanted.asked,
            })?;
            wanted.asked = true;
            self.subscribing.insert(packet_id, (filter, Instant::now()));
        }
        Ok(())
    }

    /// Identifiers above those of publishes, so that the two never meet.
    fn next_id(&mut self) -> u16 {
        loop {
            let id = self.last_id;
            self.last_id = self.last_id.checked_add(1).unwrap_or(FIRST_FOREIGN_ID);
            if !self.subscribing.contains_key(&id) && !self.opening.contains_key(&id) {
                return id;
            }
        }
    }

    pub(super) fn subscribed(
        &mut self,
        session: &mut Session,
        packet_id: u16,
        results: Vec<Result<QoS, String>>,
    ) {
        let Some((filter, _)) = self.subscribing.remove(&packet_id) else {
            session.status.note(|status| status.unknown_answers += 1);
            return;
        };
        let result = results
            .into_iter()
            .next()
            .unwrap_or_else(|| Err("the broker's answer is empty".to_owned()));
        match &result {
            Ok(_) => {
                self.granted.insert(filter.clone());
                let count = self.granted.len();
                session.status.note(|status| status.granted = count);
            }
            Err(reason) => tracing::warn!(filter, reason, "subscription refused"),
        }
        session.reports.send(Event::Subscribed { filter, result });
    }
}
