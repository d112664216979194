//! What topic rules can do, found without running them: rules that take the same message twice, rules that never act,
//! names that come out wrong, loops through several bridges, limits of a service.
//!
//! Every finding has a witness: a topic that shows it when it is run through [`RuleSet::forward`](crate::RuleSet::forward)
//! or [`Network::run`].

mod limits;
mod loops;
mod network;
mod pattern;
mod rules;
mod symbolic;

use std::fmt;

use serde::Serialize;

pub use limits::{ServiceLimits, check_limits};
pub(crate) use loops::echo;
pub use network::{Broker, Hop, Link, Network, Remote, Run};
pub use rules::check_rules;

use crate::Way;

/// How bad it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Likely not what was meant, or a risk.
    Warning,
    /// Broken: the broker does not start, or messages are lost or multiplied.
    Error,
}

macro_rules! codes {
    ($( $variant:ident = $text:literal, $about:literal; )*) => {
        /// What a finding is about. The text of a code never changes.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum FindingCode {
            $( #[doc = $about] $variant, )*
        }

        impl FindingCode {
            /// All codes.
            pub const ALL: &'static [Self] = &[$( Self::$variant, )*];

            /// The text of the code.
            pub fn as_str(self) -> &'static str {
                match self {
                    $( Self::$variant => $text, )*
                }
            }
        }
    };
}

codes! {
    Overlap = "rule-overlap", "Two rules take the same message.";
    Shadowed = "rule-shadowed", "Another rule decides the name of a message that a rule takes.";
    Dead = "rule-dead", "Without the rule nothing would change.";
    Dropped = "rule-dropped", "Mosquitto 2.1 leaves the rule out because it looks like an earlier one.";
    NoFilter = "rule-no-filter", "The pattern has a misplaced wildcard and matches nothing.";
    Join = "rule-join", "Prefix and pattern grow together into one level.";
    Parent = "rule-parent", "The parent of `prefix/#` is taken as well, and keeps its name behind the new prefix.";
    EmptyName = "rule-empty-name", "Nothing is left of a topic when its prefix is taken off.";
    Loop = "bridge-loop", "A message goes round for ever.";
    SeveralPaths = "bridge-several-paths", "A message reaches a broker more than once.";
    Echo = "bridge-echo", "What goes out comes back in.";
    Undecided = "bridge-undecided", "The network is too large to be decided.";
    Qos = "service-qos", "More QoS than the service has.";
    Retain = "service-retain", "The service keeps no retained messages.";
    Slashes = "service-slashes", "More slashes than the service takes.";
    PublishScope = "service-publish-scope", "A topic where the service does not let us publish.";
    SubscribeScope = "service-subscribe-scope", "A filter that the service does not let us subscribe to.";
    Subscriptions = "service-subscriptions", "More subscriptions than the service gives to one client.";
}

/// Something that rules do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// What sort of thing.
    pub code: FindingCode,
    /// How bad it is.
    pub severity: Severity,
    /// The broker whose bridge it is; empty when one set of rules was looked at alone.
    pub broker: String,
    /// The bridge; empty likewise.
    pub link: String,
    /// The rules, by their place in the bridge, the one to change last.
    pub rules: Vec<usize>,
    /// Which way the message goes, where that matters.
    pub way: Option<Way>,
    /// A topic that shows it.
    pub witness: String,
    /// Where the witness goes, for findings about several bridges.
    pub path: Vec<Hop>,
    /// What happens.
    pub message: String,
    /// What to do about it.
    pub help: String,
}

impl fmt::Display for FindingCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for FindingCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl Finding {
    pub(crate) fn new(
        code: FindingCode,
        severity: Severity,
        witness: impl Into<String>,
        message: String,
    ) -> Self {
        Self {
            code,
            severity,
            broker: String::new(),
            link: String::new(),
            rules: Vec::new(),
            way: None,
            witness: witness.into(),
            path: Vec::new(),
            message,
            help: String::new(),
        }
    }

    pub(crate) fn rules(mut self, rules: impl Into<Vec<usize>>) -> Self {
        self.rules = rules.into();
        self
    }

    pub(crate) fn way(mut self, way: Way) -> Self {
        self.way = Some(way);
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = help.into();
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.broker.is_empty() {
            write!(f, "{}, bridge {}: ", self.broker, self.link)?;
        }
        write!(
            f,
            "{} [{}] (topic `{}`); {}",
            self.message, self.code, self.witness, self.help
        )
    }
}
