//! What can go wrong, by who has to act.

use std::io;
use std::path::PathBuf;

/// A call on a [`Client`](crate::Client) was refused. Nothing was sent.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The session was closed, or is closing. Repeating the call does not help.
    #[error("the session is closed")]
    Closed,
    /// The topic cannot be published to. A mistake of the caller.
    #[error("cannot publish to {topic:?}: {fault}")]
    Topic {
        /// The topic as given.
        topic: String,
        /// What is wrong with it.
        fault: &'static str,
    },
    /// The payload is larger than the session's own limit. A mistake of the caller.
    #[error("cannot publish {size} bytes to {topic:?}: the limit is {limit} bytes")]
    TooLarge {
        /// The topic as given.
        topic: String,
        /// Bytes of the payload.
        size: usize,
        /// Bytes allowed.
        limit: usize,
    },
    /// The outbox has no room and the caller asked not to wait. Try again later.
    #[error("the outbox is full")]
    Full,
    /// Two different filters carry the same subscription identifier, so their messages could not be told apart.
    #[error("filters {first:?} and {second:?} share the subscription identifier {id}")]
    SharedId {
        /// The filter that has it.
        first: String,
        /// The filter that was to be added.
        second: String,
        /// The identifier.
        id: u32,
    },
}

/// A publish that was accepted did not reach the broker, or was refused by it.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PublishError {
    /// The session was closed before the broker answered. It may or may not have been delivered.
    #[error("the session was closed before the broker answered")]
    Closed,
    /// The broker answered with a negative reason (MQTT 5 only). Repeating it does not help before the reason is gone.
    #[error("the broker refused it: {reason}")]
    Refused {
        /// The broker's reason, in words.
        reason: String,
    },
    /// The packet is larger than this broker accepts. Repeating it does not help.
    #[error("the packet has {size} bytes, the broker accepts {limit}")]
    TooLarge {
        /// Bytes of the whole packet.
        size: usize,
        /// Bytes that the broker announced.
        limit: usize,
    },
}

/// Options that cannot make a session. A mistake of the caller.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OptionsError {
    /// No host to connect to.
    #[error("the broker's host is empty")]
    EmptyHost,
    /// A value lies outside of what is possible.
    #[error("{name} {value} is out of range: {range}")]
    OutOfRange {
        /// Name of the option.
        name: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        range: &'static str,
    },
    /// A session that is to survive needs a stable, non-empty client id.
    #[error("a session that is kept by the broker needs a client id")]
    EmptyClientId,
    /// The availability topic is not a topic name.
    #[error("the availability topic cannot be used")]
    Availability(#[source] Error),
    /// TLS cannot be set up.
    #[error("TLS cannot be set up")]
    Tls(#[from] TlsError),
    /// The password of the client's key cannot be found.
    #[error("the password of the client's key cannot be found")]
    Secret(#[source] mqttkube_mapping::yaml::SecretError),
    /// The program was built without this transport.
    #[error("the WebSocket transport needs the feature `websocket` of mqttkube-mqtt")]
    NoWebSocket,
}

/// TLS cannot be set up from the given files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// No cryptographic provider: the feature `ring` is off and the program installed none.
    #[error("no TLS provider: enable the feature `ring` of mqttkube-mqtt or install a rustls provider first")]
    NoProvider,
    /// A file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds no certificate in PEM form.
    #[error("{} holds no certificate in PEM form", path.display())]
    NoCertificate {
        /// The file.
        path: PathBuf,
    },
    /// A file holds no private key that can be used.
    #[error("{}: {fault}", path.display())]
    Key {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        fault: String,
    },
    /// The system has no trusted certificates and no CA file was given.
    #[error("no CA file given and no trusted certificates found on this system")]
    NoRoots,
    /// A client certificate without its key, or a key without its certificate.
    #[error("a client certificate and its key must be given together")]
    HalfIdentity,
    /// The name to verify the broker by is not a DNS name or IP address.
    #[error("{name:?} is not a DNS name or IP address")]
    ServerName {
        /// The name as given.
        name: String,
    },
    /// rustls refused the combination.
    #[error("rustls refused the settings")]
    Rustls(#[from] rustls::Error),
    /// rustls refused the way to verify certificates.
    #[error("the certificates cannot be used to verify the broker")]
    Verifier(#[from] rustls::client::VerifierBuilderError),
}

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
