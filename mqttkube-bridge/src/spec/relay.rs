//! The section `relay`: where messages are safe.

use mqttkube_mapping::Topic;
use mqttkube_mapping::yaml::{Section, Size};

use super::words::path;
use crate::relay::{StoreOptions, Sync, WhenFull};

/// How the native relay keeps messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RelaySpec {
    /// Where a message is safe.
    pub mode: Mode,
    /// A topic at the local broker for messages that the cloud refuses for good.
    pub dead_letter: Option<Topic>,
}

/// Where a message is safe, so that its source may forget it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// At its destination; until then the source's session has it.
    #[default]
    Relay,
    /// On our own disk.
    Store(StoreOptions),
}

/// Reads the section, which may be absent.
pub(super) fn read(section: &mut Section<'_>) -> RelaySpec {
    let Some(mut relay) = section.section("relay", "the section relay") else {
        return RelaySpec::default();
    };
    let stores = relay.choice("mode", &[("relay", false), ("store", true)]) == Some(true);
    let dead_letter = relay.optional("dead-letter");
    let store = relay.section("store", "the section store");
    let mode = if let Some(store) = store {
        if !stores {
            store
                .cursor()
                .warning("store has no effect without \"mode: store\"");
        }
        let options = read_store(store);
        options.filter(|_| stores).map_or(Mode::Relay, Mode::Store)
    } else {
        if stores && !relay.has("store") {
            relay.missing::<()>("store");
        }
        Mode::Relay
    };
    relay.finish();
    RelaySpec { mode, dead_letter }
}

fn read_store(mut section: Section<'_>) -> Option<StoreOptions> {
    let place = path(&mut section, "path");
    if place.is_none() && !section.has("path") {
        section.missing::<()>("path");
    }
    let mut options = StoreOptions::new(place.clone().unwrap_or_default());
    options.max_bytes = section
        .or("max-bytes", Size::from_bytes(options.max_bytes))
        .bytes();
    options.max_messages = section.optional("max-messages");
    if let Some(value) = section.get("max-bytes").filter(|_| options.max_bytes == 0) {
        value.error("a store of 0 bytes would hold nothing");
    }
    if let Some(value) = section
        .get("max-messages")
        .filter(|_| options.max_messages == Some(0))
    {
        value.error("a store of 0 messages would hold nothing");
    }
    let syncs = [
        ("group", Sync::Group),
        ("every", Sync::Every),
        ("none", Sync::None),
    ];
    options.sync = section.choice("fsync", &syncs).unwrap_or_default();
    let drops = [
        ("refuse", WhenFull::Refuse),
        ("drop-oldest", WhenFull::DropOldest),
        ("drop-newest", WhenFull::DropNewest),
    ];
    options.when_full = section.choice("when-full", &drops).unwrap_or_default();
    section.finish();
    place.map(|_| options)
}
