//! The tables on the disk.

use std::path::Path;

use bytes::Bytes;
use redb::{
    Database, Durability, ReadableDatabase as _, ReadableTable as _, StorageBackend, StorageError,
    TableDefinition,
};

use super::{Lane, Message, StoreError, Stored, Sync};
use crate::relay::{Properties, message};

/// Arrival, topic, QoS and retain, payload, properties as JSON.
type Row = (u64, &'static str, u8, &'static [u8], &'static [u8]);

const OUT: TableDefinition<'_, u64, Row> = TableDefinition::new("out");
const IN: TableDefinition<'_, u64, Row> = TableDefinition::new("in");

const fn definition(lane: Lane) -> TableDefinition<'static, u64, Row> {
    match lane {
        Lane::Out => OUT,
        Lane::In => IN,
    }
}

/// Bit of the flags; the rest is the QoS.
const RETAIN: u8 = 0x80;

/// What is read and cached of the file at a time. Small: the store is written and read in order.
const CACHE: usize = 2 * 1024 * 1024;

/// The database with its two tables.
#[derive(Debug)]
pub struct Table {
    database: Database,
    durability: Durability,
}

/// A table and what was found in it.
#[derive(Debug)]
pub struct Opened {
    /// The table.
    pub table: Table,
    /// For each lane: messages, bytes, and the number after the last one.
    pub found: [Found; 2],
}

/// What one lane holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Messages.
    pub messages: u64,
    /// Bytes of topics and payloads.
    pub bytes: u64,
    /// The number for the next message.
    pub next: u64,
    /// When the oldest message arrived, in milliseconds since 1970.
    pub oldest: Option<u64>,
}

/// A transaction in the making.
pub(super) struct Batch<'t> {
    tables: [redb::Table<'t, u64, Row>; 2],
}

impl Batch<'_> {
    /// Takes a message out; its weight, if it was there.
    pub(super) fn remove(&mut self, lane: Lane, sequence: u64) -> Result<Option<u64>, StorageError> {
        let row = self.tables[lane as usize].remove(sequence)?;
        Ok(row.map(|row| weight(row.value())))
    }

    /// When the oldest message of each lane arrived.
    pub(super) fn oldest(&self) -> Result<[Option<u64>; 2], StorageError> {
        let mut oldest = [None; 2];
        for (table, oldest) in self.tables.iter().zip(&mut oldest) {
            *oldest = table.first()?.map(|(_, row)| row.value().0);
        }
        Ok(oldest)
    }

    /// Takes the message out that arrived first; its lane and weight, if there is one.
    pub(super) fn remove_oldest(&mut self) -> Result<Option<(Lane, u64)>, StorageError> {
        let mut oldest: Option<(u64, Lane)> = None;
        for lane in Lane::ALL {
            if let Some((_, row)) = self.tables[lane as usize].first()? {
                let arrived = row.value().0;
                oldest = oldest
                    .filter(|(other, _)| *other <= arrived)
                    .or(Some((arrived, lane)));
            }
        }
        let Some((_, lane)) = oldest else { return Ok(None) };
        let row = self.tables[lane as usize].pop_first()?;
        Ok(row.map(|(_, row)| (lane, weight(row.value()))))
    }

    /// Puts a message in.
    pub(super) fn insert(
        &mut self,
        lane: Lane,
        sequence: u64,
        arrived: u64,
        message: &Message,
    ) -> Result<(), StorageError> {
        let flags = message.qos | if message.retain { RETAIN } else { 0 };
        // Properties are plain data of ours: they always have a JSON form.
        let properties = serde_json::to_vec(&message.properties).unwrap_or_default();
        let row = (
            arrived,
            message.topic.as_str(),
            flags,
            &*message.payload,
            properties.as_slice(),
        );
        self.tables[lane as usize].insert(sequence, row)?;
        Ok(())
    }
}

impl Table {
    /// Opens or makes the file.
    ///
    /// # Errors
    /// [`StoreError::Open`].
    pub fn open(path: &Path, sync: Sync) -> Result<Opened, StoreError> {
        let database = redb::Builder::new().set_cache_size(CACHE).create(path);
        let failed = |reason: String| StoreError::Open {
            path: path.display().to_string(),
            reason,
        };
        Self::with(database.map_err(|error| failed(error.to_string()))?, sync)
            .map_err(|error| failed(error.to_string()))
    }

    /// Opens or makes the tables on something that behaves like a file: another medium, or a faulty one in a test.
    ///
    /// # Errors
    /// [`StoreError::Open`].
    pub fn on(backend: impl StorageBackend, sync: Sync) -> Result<Opened, StoreError> {
        let database = redb::Builder::new()
            .set_cache_size(CACHE)
            .create_with_backend(backend);
        let failed = |reason: String| StoreError::Open {
            path: "(a storage backend)".to_owned(),
            reason,
        };
        Self::with(database.map_err(|error| failed(error.to_string()))?, sync)
            .map_err(|error| failed(error.to_string()))
    }

    fn with(database: Database, sync: Sync) -> Result<Opened, redb::Error> {
        let durability = if sync == Sync::None {
            Durability::None
        } else {
            Durability::Immediate
        };
        let begin = database.begin_write()?;
        let mut found = [Found::default(); 2];
        for (lane, found) in Lane::ALL.into_iter().zip(&mut found) {
            let table = begin.open_table(definition(lane))?;
            for row in table.iter()? {
                let (sequence, row) = row?;
                found.messages += 1;
                found.bytes += weight(row.value());
                found.next = sequence.value() + 1;
                found.oldest.get_or_insert(row.value().0);
            }
        }
        begin.commit()?;
        Ok(Opened {
            table: Self { database, durability },
            found,
        })
    }

    /// Does all that `work` does, or nothing.
    pub(super) fn transact<T>(
        &self,
        work: impl FnOnce(&mut Batch<'_>) -> Result<T, StorageError>,
    ) -> Result<T, StoreError> {
        self.try_transact(work)
            .map_err(|error| StoreError::Write(error.to_string()))
    }

    fn try_transact<T>(
        &self,
        work: impl FnOnce(&mut Batch<'_>) -> Result<T, StorageError>,
    ) -> Result<T, redb::Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(self.durability)?;
        let done = {
            let tables = [transaction.open_table(OUT)?, transaction.open_table(IN)?];
            work(&mut Batch { tables })?
        };
        transaction.commit()?;
        Ok(done)
    }

    /// The next messages, oldest first.
    pub(super) fn read(
        &self,
        lane: Lane,
        after: Option<u64>,
        most: usize,
    ) -> Result<Vec<Stored>, StoreError> {
        self.try_read(lane, after, most)
            .map_err(|error| StoreError::Read(error.to_string()))
    }

    fn try_read(&self, lane: Lane, after: Option<u64>, most: usize) -> Result<Vec<Stored>, redb::Error> {
        let transaction = self.database.begin_read()?;
        let table = transaction.open_table(definition(lane))?;
        let first = after.map_or(0, |after| after.saturating_add(1));
        let mut found = Vec::new();
        for row in table.range(first..)?.take(most) {
            let (sequence, row) = row?;
            let row = row.value();
            found.push(Stored {
                sequence: sequence.value(),
                arrived: row.0,
                message: message(row),
            });
        }
        Ok(found)
    }
}

/// Properties that cannot be read (a later release may know more) are left out rather than the message with them.
fn properties(json: &[u8]) -> Properties {
    serde_json::from_slice(json).unwrap_or_default()
}

/// What the message of a row weighs.
fn weight((_, topic, _, payload, json): (u64, &str, u8, &[u8], &[u8])) -> u64 {
    message::weight(topic, payload, &properties(json))
}

/// A row as a message.
fn message((_, topic, flags, payload, json): (u64, &str, u8, &[u8], &[u8])) -> Message {
    let (qos, retain) = (flags & !RETAIN, flags & RETAIN != 0);
    Message {
        topic: topic.to_owned(),
        payload: Bytes::copy_from_slice(payload),
        qos,
        retain,
        properties: properties(json),
    }
}
