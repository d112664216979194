//! Events on their way from the session to whoever uses it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::mpsc;

use crate::event::Event;

/// The two ends.
pub(crate) fn reports() -> (Reports, Events) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let backlog = Arc::new(AtomicUsize::new(0));
    let reports = Reports {
        events: sender,
        backlog: backlog.clone(),
    };
    let events = Events {
        events: receiver,
        backlog,
    };
    (reports, events)
}

/// What the session reports, in order.
#[derive(Debug)]
pub struct Events {
    events: mpsc::UnboundedReceiver<Event>,
    backlog: Arc<AtomicUsize>,
}

impl Events {
    /// The next event; none after the session has ended. Cancelling the future loses nothing.
    pub async fn next(&mut self) -> Option<Event> {
        let event = self.events.recv().await?;
        self.taken(&event);
        Some(event)
    }

    /// The next event, if one waits.
    pub fn try_next(&mut self) -> Option<Event> {
        let event = self.events.try_recv().ok()?;
        self.taken(&event);
        Some(event)
    }

    fn taken(&self, event: &Event) {
        if let Event::Message(message) = event
            && message.token.sequence.is_none()
        {
            self.backlog.fetch_sub(message.weight(), Ordering::Relaxed);
        }
    }
}

/// Where the session reports to. What waits here is bounded: messages at QoS 1 by what the broker may send without an
/// acknowledgement, messages at QoS 0 by their bytes, all else by the pace of connections.
#[derive(Debug)]
pub(crate) struct Reports {
    events: mpsc::UnboundedSender<Event>,
    backlog: Arc<AtomicUsize>,
}

impl Reports {
    pub(crate) fn send(&self, event: Event) {
        let weight = match &event {
            Event::Message(message) if message.token.sequence.is_none() => message.weight(),
            _ => 0,
        };
        self.backlog.fetch_add(weight, Ordering::Relaxed);
        // An owner who only publishes may have dropped the other end.
        if self.events.send(event).is_err() {
            self.backlog.fetch_sub(weight, Ordering::Relaxed);
        }
    }

    /// Bytes of QoS 0 messages that nobody took yet.
    pub(crate) fn backlog(&self) -> usize {
        self.backlog.load(Ordering::Relaxed)
    }
}
