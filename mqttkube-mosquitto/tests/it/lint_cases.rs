//! For each lint one text that fires it and one that does not, in the groups of `src/lint`.

mod bridge;
mod broker;
mod files;
mod listener;
mod rules;
mod text;

use mqttkube_mosquitto::Version;

pub(crate) use bridge::BRIDGES;
pub(crate) use broker::BROKER;
pub(crate) use files::{ACL, NAMED, SALT_64, dynsec_cases, password_cases};
pub(crate) use listener::{LISTENERS, WEBSOCKETS};
pub(crate) use rules::RULES;
pub(crate) use text::TEXT;

/// Code, version, a file that fires it with the line, and a file that does not.
pub(crate) type Case = (&'static str, Version, &'static str, usize, &'static str);
