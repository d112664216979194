//! The broker's words on publishes, brought to the outbox and to whoever waits for them.

use tokio::time::Instant;

use crate::error::PublishError;
use crate::outbox::Verdict;
use crate::receipt::Delivery;
use crate::session::Session;
use crate::wire::Answer;

/// The broker's word on a publish that comes first.
pub(crate) fn opened(session: &Session, topic: &str, answer: Answer) {
    let Some(opening) = &session.options.opening else {
        return;
    };
    match answer {
        Ok(()) => opening.answered(topic, Ok(())),
        Err((_, reason)) => opening.answered(topic, Err(&reason)),
    }
}

/// The broker's word on a publish.
pub(crate) fn settle(session: &mut Session, packet_id: u16, answer: Answer) {
    match answer {
        Ok(()) => settle_as(session, packet_id, Delivery::Acknowledged),
        Err((why, reason)) => match session.outbox.refused(packet_id, why, Instant::now()) {
            Verdict::Again => tracing::debug!(reason, "a publish is refused and tried again"),
            Verdict::GivenUp(ticket) => {
                ticket.resolve(Err(PublishError::Refused { reason }));
                session.status.note(|status| status.refused += 1);
            }
            Verdict::Superseded(ticket) => {
                ticket.resolve(Ok(Delivery::Superseded));
                session.status.note(|status| status.superseded += 1);
            }
            Verdict::Unknown => session.status.note(|status| status.unknown_answers += 1),
        },
    }
}

pub(crate) fn settle_as(session: &mut Session, packet_id: u16, outcome: Delivery) {
    match session.outbox.answered(packet_id) {
        Some(ticket) => {
            ticket.resolve(Ok(outcome));
            session.status.note(|status| status.published += 1);
        }
        None => session.status.note(|status| status.unknown_answers += 1),
    }
}

pub(crate) fn refuse(session: &mut Session, packet_id: u16, error: PublishError) {
    match session.outbox.answered(packet_id) {
        Some(ticket) => {
            ticket.resolve(Err(error));
            session.status.note(|status| status.refused += 1);
        }
        None => session.status.note(|status| status.unknown_answers += 1),
    }
}
