//! Publishes on their way to the broker.

use std::time::Duration;

use tokio::time::Instant;

use super::{OUTPUT_BYTES, Online};
use crate::answers::{refuse, settle_as};
use crate::end::End;
use crate::error::PublishError;
use crate::message::{Publish, QoS};
use crate::outbox::Send;
use crate::receipt::Delivery;
use crate::session::Session;
use crate::wire::{EncodeError, Outgoing};

/// So many publishes or acknowledgements are enough for a write.
const COMPANY: usize = 32;
/// A broker with so many publishes to answer is busy.
const BUSY: usize = 8;
/// Nothing waits for company longer than that.
const PATIENCE: Duration = Duration::from_millis(1);

impl Online {
    pub(super) fn send_publishes(&mut self, session: &mut Session) -> Result<(), End> {
        let now = Instant::now();
        while self.link.backlog() < OUTPUT_BYTES {
            match session.outbox.next(now) {
                None => break,
                Some(Send::Expired { ticket }) => {
                    ticket.resolve(Ok(Delivery::Expired));
                    session.status.note(|status| status.expired += 1);
                }
                Some(Send::Release { packet_id }) => self.put(&Outgoing::PubRel(packet_id))?,
                Some(Send::Forget { publish, ticket }) => {
                    let written = self.write(&publish, 0, false);
                    ticket.resolve(written.map(|()| Delivery::Sent));
                }
                Some(Send::Publish {
                    publish,
                    packet_id,
                    dup,
                }) => {
                    let written = self.write(&publish, packet_id, dup);
                    if let Err(error) = written {
                        refuse(session, packet_id, error);
                    } else if self.welcome.max_qos == QoS::AtMostOnce {
                        settle_as(session, packet_id, Delivery::Sent);
                    }
                }
            }
        }
        Ok(())
    }

    /// Within what the broker offers: a lower level, and no retain, where it has no more.
    pub(super) fn write(&mut self, publish: &Publish, packet_id: u16, dup: bool) -> Result<(), PublishError> {
        let adapted;
        let publish = if publish.qos > self.welcome.max_qos || (publish.retain && !self.welcome.retain) {
            let mut copy = publish.clone();
            copy.qos = copy.qos.min(self.welcome.max_qos);
            copy.retain &= self.welcome.retain;
            adapted = copy;
            &adapted
        } else {
            publish
        };
        self.link
            .send(&Outgoing::Publish {
                publish,
                packet_id,
                dup,
            })
            .map_err(|error| match error {
                EncodeError::TooLarge { size } => PublishError::TooLarge {
                    size,
                    limit: self.welcome.max_packet,
                },
                EncodeError::Refused(reason) => PublishError::Refused { reason },
            })
    }

    /// Until when what waits to be written may wait for company: a write costs both sides as much as many messages. Nothing
    /// comes later for it than it would anyway: publishes wait while the broker has enough of them to work on, and
    /// acknowledgements while it has sent more that is about to be acknowledged.
    pub(crate) fn patience(&self, session: &Session) -> Option<Instant> {
        let load = self.link.load();
        let busy = session.outbox.in_flight().saturating_sub(load.publishes) >= BUSY;
        let publishes = load.publishes == 0 || (load.publishes < COMPANY && busy);
        let acks = load.acks < COMPANY.min(session.window.len().max(1));
        let patient = !load.urgent && publishes && acks;
        load.since.filter(|_| patient).map(|since| since + PATIENCE)
    }

    /// When something may be sent that has to wait now.
    pub(crate) fn wake(&self, session: &Session) -> Option<Instant> {
        let open = self.to_open.is_empty() && self.opening.is_empty();
        let sends = open && !self.resting && !self.gated && self.link.backlog() < OUTPUT_BYTES;
        session.outbox.wake().filter(|_| sends)
    }
}
