//! The session while it is connected.

use std::pin::{Pin, pin};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until, timeout_at};

use super::{Session, until};
use crate::end::End;
use crate::error::PublishError;
use crate::event::Warning;
use crate::handover::{Handover, Step};
use crate::inbox::Command;
use crate::link::{Link, Moves};
use crate::online::Online;
use crate::retry::Ending;
use crate::wire::Welcome;

/// Time left for DISCONNECT when the grace is used up.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// How long the broker gets to hang up after our DISCONNECT.
const HANG_UP: Duration = Duration::from_millis(500);
/// The most requests that are taken before the network has its turn again.
const AT_ONCE: usize = 256;

impl Session {
    /// Lives through one connection. Returns why it ended.
    pub(super) async fn serve(&mut self, link: Link, welcome: &Welcome) -> (String, Ending) {
        let since = Instant::now();
        let mut online = Online::start(self, link, welcome);
        let mut handover = Handover::wait(&self.options);
        let mut alarm = pin!(sleep_until(online.next_beat(self)));
        let mut nudge = pin!(sleep_until(since));
        let end = loop {
            self.take_waiting(&mut online);
            if let Err(end) = online.work(self) {
                break end;
            }
            if self.closing.is_some() && !handover.is_greeting() {
                handover = Handover::Never;
                online.go_on(self);
                if self.outbox.is_empty() && online.link.is_flushed() {
                    break End::silent("closed");
                }
            }
            if handover.is_resting() && online.is_at_rest(self) {
                handover.greet(self.options.connect_timeout);
            }
            let (deadline, alone) = (self.closing, !handover.is_greeting());
            put_off(alarm.as_mut(), online.next_beat(self));
            let now = Instant::now();
            let patience = online
                .patience(self)
                .filter(|end| deadline.is_none() && *end > now);
            let deaf = online.deaf(self).filter(|end| *end > now);
            let moves = Moves {
                inwards: deaf.is_none(),
                outwards: patience.is_none(),
            };
            let soon = [online.wake(self), patience, deaf].into_iter().flatten().min();
            if let Some(soon) = soon {
                put_off(nudge.as_mut(), soon);
            }
            self.status.show();
            tokio::select! {
                // Rare things first: the network may be ready all the time.
                biased;
                () = until(deadline) => break End::silent("closed"),
                step = handover.next() => {
                    if let Err(end) = self.replace(step, &mut handover, &mut online) {
                        break end;
                    }
                }
                () = &mut alarm, if alone => {
                    if let Err(end) = online.beat(self) {
                        break end;
                    }
                }
                moved = online.link.transfer(moves), if alone => {
                    if let Err(error) = moved {
                        break End::lost(&error);
                    }
                }
                command = self.inbox.next(), if deadline.is_none() => self.take_online(&mut online, command),
                () = &mut nudge, if soon.is_some() => {}
            }
        };
        if let Some(deadline) = self.closing {
            self.part(online, deadline).await;
        }
        self.after(end, since.elapsed())
    }

    /// Says DISCONNECT and waits until the broker hangs up.
    async fn part(&mut self, online: Online, deadline: Instant) {
        let limit = deadline
            .max(Instant::now() + LAST_WORDS)
            .min(Instant::now() + HANG_UP);
        // Whether the broker hangs up in time does not matter any more.
        let _ = timeout_at(limit, online.link.part()).await;
        self.closing = Some(Instant::now());
    }

    /// Takes note of how a connection ended.
    fn after(&mut self, end: End, stood: Duration) -> (String, Ending) {
        self.window.start(self.epoch);
        // With publishes unanswered it may well be one of these that the broker does not like.
        let idle = self.outbox.in_flight() == 0;
        if let Some(ticket) = self.outbox.cut(end.cut()) {
            let reason = match end.complaint {
                Some(_) => end.reason.clone(),
                None => {
                    "the broker hung up again and again while it was the only publish on its way".to_owned()
                }
            };
            ticket.resolve(Err(PublishError::Refused { reason }));
            self.status.note(|status| status.refused += 1);
        }
        let ending = Ending {
            stood: Some(stood),
            taken_over: end.taken_over(),
            silently_closed: end.silently_closed(self.version).filter(|_| idle),
        };
        (end.reason, ending)
    }

    /// Goes one step towards a connection with new credentials.
    fn replace(&mut self, step: Step, handover: &mut Handover, online: &mut Online) -> Result<(), End> {
        let failed = match step {
            Step::Due => {
                *handover = Handover::prepare(&self.options, self.version, self.remembered.clone());
                return Ok(());
            }
            Step::Impatient => {
                handover.greet(self.options.connect_timeout);
                return Ok(());
            }
            Step::Prepared(tried) => {
                let (result, remembered, warnings) = *tried;
                self.remembered = remembered;
                warnings.into_iter().for_each(|warning| self.warn(warning));
                match result {
                    Ok(prepared) => {
                        *handover = Handover::rest(prepared);
                        return online.come_to_rest(self);
                    }
                    Err(error) => error,
                }
            }
            Step::Greeted(result) => {
                self.answered(&result);
                match *result {
                    Ok((link, welcome)) => {
                        online.succeed(self, link, &welcome);
                        *handover = Handover::wait(&self.options);
                        return Ok(());
                    }
                    Err(error) => error,
                }
            }
        };
        self.warn(Warning::NotRenewed {
            reason: failed.to_string(),
        });
        *handover = if failed.refuses_login() {
            Handover::wait(&self.options)
        } else {
            Handover::wait_again(&self.options)
        };
        online.go_on(self);
        Ok(())
    }

    /// Takes what waits, so that all of it goes out with one write.
    fn take_waiting(&mut self, online: &mut Online) {
        for _ in 0..AT_ONCE {
            if self.closing.is_some() {
                return;
            }
            let Some(command) = self.inbox.try_next() else {
                return;
            };
            self.take_online(online, Some(command));
        }
    }

    fn take_online(&mut self, online: &mut Online, command: Option<Command>) {
        match command {
            Some(Command::Ack(token)) => online.acknowledge(self, token),
            Some(Command::Subscribe(subscriptions)) => {
                online.subscribe(
                    subscriptions
                        .iter()
                        .map(|subscription| subscription.filter.clone()),
                );
                self.take(Some(Command::Subscribe(subscriptions)));
            }
            Some(Command::Unsubscribe(filters)) => {
                online.unsubscribe(&filters);
                self.take(Some(Command::Unsubscribe(filters)));
            }
            other => self.take(other),
        }
    }
}

/// Makes a timer go off in time. It may go off too early, once: time is put off with every message, and setting a timer
/// costs more than to look at the time when it has gone off.
fn put_off(timer: Pin<&mut Sleep>, end: Instant) {
    if end < timer.deadline() || timer.is_elapsed() {
        timer.reset(end);
    }
}
