//! Mosquitto's own files, for 2.0 and 2.1, as types: `mosquitto.conf`, password file, ACL file and dynamic-security
//! JSON; and the algebra of the topic rules of bridges. Pure: text in, text out.
//!
//! - [`Config`] is a `mosquitto.conf`: read from text that exists, or built and written for a [`Version`].
//! - [`lint()`] says what is wrong or risky in a file, with the line, the reason and what to write instead.
//! - [`RuleSet`] says what a bridge does with one topic; [`analysis`] what whole networks of bridges can do:
//!   overlaps, rules that never act, loops. Every finding has a topic that shows it.
//! - [`password`], [`acl`] and [`dynsec`] are the files about users and rights.
//!
//! ```
//! use mqttkube_mosquitto::{Version, lint};
//!
//! let text = "listener 1883\nconnection cloud\naddress cloud.example.org\ntopic # both 1 gcp/ up/\n\
//!             bridge_protocol_version mqttv50\n";
//! let findings = lint(text, Version::V2_0);
//! let session = findings.iter().find(|finding| finding.code.as_str() == "bridge-v5-session").expect("a trap");
//! assert_eq!(session.line, 5);
//! ```

mod version;

pub mod setting;

mod topic_rule;

mod remap;

pub mod analysis;

mod listener;

mod connection;

mod config;

mod directive;

pub mod password;

pub mod acl;

pub mod dynsec;

mod read;

mod write;

mod lint;

pub use analysis::Severity;
pub use config::{Config, Global};
pub use connection::{BridgeOptions, Connection};
pub use directive::{directives, is_directive};
pub use lint::{Code, Lint, lint, lint_acl_file, lint_dynsec, lint_named_files, lint_password_file};
pub use listener::{
    DefaultListener, Listener, ListenerAddress, ListenerOptions, Plugin, PluginKind, Port, Security,
};
/// The filters of [`acl::Grant`].
pub use mqttkube_mapping::TopicFilter;
pub use read::{Document, Entry, Problem, ProblemKind, Section};
pub use remap::{Forward, RuleSet};
pub use topic_rule::{Direction, RuleError, TopicRule, Way};
pub use version::{UnknownVersion, Version};
pub use write::{Unwritable, WriteError};
