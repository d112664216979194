//! The thread that owns the database.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};

use super::table::{Batch, Found, Table};
use super::{Appended, Opened, Request, StoreError, StoreOptions, StoreStatus, Stored, Sync, WhenFull};
use crate::relay::{Lane, Message};

/// The most requests that share a transaction.
const GROUP: usize = 512;

/// The pause before a write that failed is tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// A message that waits for the transaction, or for room.
struct Waiting {
    lane: Lane,
    arrived: u64,
    message: Message,
    answer: oneshot::Sender<Appended>,
}

/// Somebody who waits for messages.
struct Reader {
    lane: Lane,
    after: Option<u64>,
    most: usize,
    answer: oneshot::Sender<Result<Vec<Stored>, StoreError>>,
}

/// Opens the database once more.
pub(super) type Reopen = Box<dyn FnMut() -> Result<Opened, StoreError> + Send>;

pub(super) struct Writer {
    /// None after an error, until it is opened again.
    table: Option<Table>,
    reopen: Reopen,
    /// Removals that an error has undone.
    arrived: Vec<(Lane, u64)>,
    held: Held,
    limits: Limits,
    group: usize,
    /// Messages that are not in the store yet, in the order in which they came.
    waiting: VecDeque<Waiting>,
    status: StoreStatus,
    report: watch::Sender<StoreStatus>,
}

/// What the store holds, both lanes.
#[derive(Clone, Copy)]
struct Held([Found; 2]);

#[derive(Clone, Copy)]
struct Limits {
    bytes: u64,
    messages: u64,
    when_full: WhenFull,
}

/// What a transaction decided: the answers for the first of those that wait, and what is held afterwards.
struct Decided {
    answers: Vec<Appended>,
    held: Held,
    dropped: u64,
}

impl Writer {
    pub(super) fn new(
        opened: Opened,
        reopen: Reopen,
        options: &StoreOptions,
        report: watch::Sender<StoreStatus>,
    ) -> Self {
        let limits = Limits {
            bytes: options.max_bytes,
            messages: options.max_messages.unwrap_or(u64::MAX),
            when_full: options.when_full,
        };
        let writer = Self {
            table: Some(opened.table),
            reopen,
            arrived: Vec::new(),
            held: Held(opened.found),
            limits,
            group: if options.sync == Sync::Every { 1 } else { GROUP },
            waiting: VecDeque::new(),
            status: StoreStatus::default(),
            report,
        };
        writer.tell();
        writer
    }

    /// Serves requests until all handles are gone. Those that wait then are not in the store: their sources hold them.
    pub(super) fn run(mut self, mut inbox: mpsc::Receiver<Request>) {
        while let Some(batch) = self.next(&mut inbox) {
            self.serve(batch);
        }
    }

    /// The requests that share the next transaction; `None` at the end. While writes fail, there is a pause before they
    /// are tried again, with or without new requests.
    fn next(&self, inbox: &mut mpsc::Receiver<Request>) -> Option<Vec<Request>> {
        let mut batch = Vec::new();
        if self.status.failing {
            std::thread::sleep(AGAIN);
        } else {
            batch.push(inbox.blocking_recv()?);
        }
        while batch.len() < self.group {
            match inbox.try_recv() {
                Ok(request) => batch.push(request),
                Err(mpsc::error::TryRecvError::Disconnected) if batch.is_empty() => return None,
                Err(_) => break,
            }
        }
        Some(batch)
    }

    fn serve(&mut self, batch: Vec<Request>) {
        let mut removals = Vec::new();
        let mut readers = Vec::new();
        let before = if self.status.failing {
            0
        } else {
            self.waiting.len()
        };
        for request in batch {
            match request {
                Request::Append {
                    lane,
                    arrived,
                    message,
                    answer,
                } => {
                    self.waiting.push_back(Waiting {
                        lane,
                        arrived,
                        message,
                        answer,
                    });
                }
                Request::Remove { lane, sequence } => removals.push((lane, sequence)),
                Request::Read {
                    lane,
                    after,
                    most,
                    answer,
                } => readers.push(Reader {
                    lane,
                    after,
                    most,
                    answer,
                }),
            }
        }
        if self.waiting.len() > before || !removals.is_empty() {
            self.write(&removals);
        }
        // Reads come after the writes that were asked for before them.
        for Reader {
            lane,
            after,
            most,
            answer,
        } in readers
        {
            let read = self.table().and_then(|table| table.read(lane, after, most));
            // Nobody waiting any more is fine.
            let _ = answer.send(read);
        }
    }

    /// The database; opened anew after an error, because redb refuses everything after a failed write.
    fn table(&mut self) -> Result<&Table, StoreError> {
        if self.table.is_none() {
            let Opened { table, found } = (self.reopen)()?;
            // Numbers go on: somebody may still answer for the old ones.
            let next = self.held.0.map(|lane| lane.next);
            self.held = Held(found);
            self.held
                .0
                .iter_mut()
                .zip(next)
                .for_each(|(lane, next)| lane.next = lane.next.max(next));
            self.table = Some(table);
        }
        self.table.as_ref().ok_or(StoreError::Closed)
    }

    /// One transaction: out with what has arrived, in with what there is room for.
    fn write(&mut self, removals: &[(Lane, u64)]) {
        match self.table().map(|_| ()).and_then(|()| self.transact(removals)) {
            Ok(Decided {
                answers,
                held,
                dropped,
            }) => {
                self.held = held;
                self.status.dropped += dropped;
                self.status.failing = false;
                self.tell();
                for (answer, waiting) in answers.iter().zip(self.waiting.drain(..answers.len())) {
                    let _ = waiting.answer.send(*answer);
                }
            }
            Err(error) => {
                if !self.status.failing {
                    tracing::error!(%error, "the outbox cannot be written; what arrives waits");
                }
                self.table = None;
                // What has arrived is asked to go again with the next transaction; what waits keeps its order.
                self.arrived.extend_from_slice(removals);
                self.status.failures += 1;
                self.status.failing = true;
                self.tell();
            }
        }
    }

    fn transact(&mut self, removals: &[(Lane, u64)]) -> Result<Decided, StoreError> {
        let all = [self.arrived.as_slice(), removals].concat();
        let (held, limits, waiting) = (self.held, self.limits, &self.waiting);
        let table = self.table.as_ref().ok_or(StoreError::Closed)?;
        let decided = table.transact(|batch| decide(batch, held, limits, &all, waiting))?;
        self.arrived.clear();
        Ok(decided)
    }

    fn tell(&self) {
        let Held(found) = self.held;
        self.report.send_replace(StoreStatus {
            messages: found.map(|lane| lane.messages),
            bytes: found.iter().map(|lane| lane.bytes).sum(),
            oldest: found.map(|lane| lane.oldest),
            ..self.status
        });
    }
}

impl Held {
    fn fits(&self, limits: Limits, weight: u64) -> bool {
        let (bytes, messages) = self
            .0
            .iter()
            .fold((0, 0), |sum, lane| (sum.0 + lane.bytes, sum.1 + lane.messages));
        // A message that is larger than the whole store would wait for ever: it has the store for itself.
        messages == 0 || (bytes + weight <= limits.bytes && messages < limits.messages)
    }

    const fn took(&mut self, lane: Lane, weight: u64) -> u64 {
        let lane = &mut self.0[lane as usize];
        lane.messages += 1;
        lane.bytes += weight;
        lane.next += 1;
        lane.next - 1
    }

    const fn gave(&mut self, lane: Lane, weight: u64) {
        let lane = &mut self.0[lane as usize];
        lane.messages = lane.messages.saturating_sub(1);
        lane.bytes = lane.bytes.saturating_sub(weight);
    }
}

fn decide(
    batch: &mut Batch<'_>,
    mut held: Held,
    limits: Limits,
    removals: &[(Lane, u64)],
    waiting: &VecDeque<Waiting>,
) -> Result<Decided, redb::StorageError> {
    let (mut answers, mut dropped) = (Vec::new(), 0);
    for (lane, sequence) in removals {
        // It may be gone already, dropped for want of room.
        if let Some(weight) = batch.remove(*lane, *sequence)? {
            held.gave(*lane, weight);
        }
    }
    for next in waiting {
        let weight = next.message.weight();
        while limits.when_full == WhenFull::DropOldest && !held.fits(limits, weight) {
            let Some((lane, weight)) = batch.remove_oldest()? else {
                break;
            };
            held.gave(lane, weight);
            dropped += 1;
        }
        if held.fits(limits, weight) {
            let sequence = held.took(next.lane, weight);
            batch.insert(next.lane, sequence, next.arrived, &next.message)?;
            answers.push(Appended::Kept);
        } else if limits.when_full == WhenFull::Refuse {
            break; // those behind it wait as well, or they would overtake it
        } else {
            answers.push(Appended::Dropped);
            dropped += 1;
        }
    }
    for (lane, oldest) in held.0.iter_mut().zip(batch.oldest()?) {
        lane.oldest = oldest;
    }
    Ok(Decided {
        answers,
        held,
        dropped,
    })
}
