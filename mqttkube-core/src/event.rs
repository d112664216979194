//! What the engine is told, and what it wants done.
//!
//! Two closed enums are the whole contract between the pure [engine](crate::engine) and the world: everything
//! that happens is an [`Event`], everything that should happen is an [`Effect`]. The engine neither reads a clock
//! nor waits for anything; whoever drives it performs the effects and reports their answers as further events.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::ids::{JobId, KindId, MessageId, WatchId};

/// Something that happened outside the engine.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The broker accepted a connection (CONNACK).
    Online {
        /// Number of this connection. Each one is larger than all before it.
        epoch: u64,
        /// The broker still had our session (session present).
        resumed: bool,
    },
    /// The connection to the broker is gone.
    Offline,
    /// A message arrived on one of our subscriptions.
    Message(Message),
    /// API discovery answered for a kind. Sent again when the answer changes.
    Kind {
        /// Which kind of the plan.
        kind: KindId,
        /// Where its objects are served.
        resource: Resource,
        /// Whether it has the `scale` subresource.
        scale: bool,
    },
    /// API discovery answered, and the API server does not know the kind.
    KindMissing {
        /// Which kind of the plan.
        kind: KindId,
    },
    /// A list starts: what is not seen between here and [`Event::Listed`] does not exist.
    Listing {
        /// Which watch.
        watch: WatchId,
    },
    /// An object as it is now: from a list, added, or changed.
    Object {
        /// Which watch.
        watch: WatchId,
        /// The whole object as served.
        object: Box<Value>,
    },
    /// An object was deleted.
    Deleted {
        /// Which watch.
        watch: WatchId,
        /// `None` for a cluster-scoped object.
        namespace: Option<String>,
        /// `metadata.name`
        name: String,
    },
    /// The list that began with [`Event::Listing`] is complete.
    Listed {
        /// Which watch.
        watch: WatchId,
    },
    /// The API server accepted a watch: it works, until [`Event::WatchFailed`] says otherwise. After a failure this
    /// is the only sign of recovery when the watch goes on from where it was and no object has changed.
    Watching {
        /// Which watch.
        watch: WatchId,
    },
    /// A watch ended with an error; it is being started again by the caller.
    WatchFailed {
        /// Which watch.
        watch: WatchId,
        /// What people should read.
        error: String,
    },
    /// The API server answered something that no other event shows: a bookmark, a watch that started, discovery.
    Reachable,
    /// The answer to [`Effect::Call`].
    Done {
        /// The number of the call.
        job: JobId,
        /// What came back.
        outcome: ApiOutcome,
    },
    /// The broker holds a retained message on a topic that one of our selector watches may have published.
    RetainedSeen {
        /// The whole topic, with the prefix.
        topic: String,
    },
    /// Time passed: the moment named by [`Engine::next_deadline`](crate::engine::Engine::next_deadline) came.
    Tick,
    /// The process is about to stop: take nothing new, finish the calls in flight.
    Drain,
}

/// A message as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The number of this delivery, chosen by the caller and never used twice.
    pub id: MessageId,
    /// The connection that it arrived on.
    pub epoch: u64,
    /// The whole topic, with the prefix.
    pub topic: String,
    /// The bytes of the publisher.
    pub payload: Bytes,
    /// The broker kept it and sent it because we subscribed.
    pub retain: bool,
    /// The broker sent it before, perhaps to an earlier process of ours.
    pub dup: bool,
    /// `None` at QoS 0: there is nothing to acknowledge then.
    pub packet_id: Option<u16>,
    /// Which of our subscriptions it matched. Empty when the broker does not say (MQTT 3.1.1).
    pub subscription_ids: Vec<u32>,
    /// Where the publisher wants an answer (MQTT 5).
    pub response_topic: Option<String>,
    /// What the publisher wants back in the answer (MQTT 5).
    pub correlation_data: Option<Bytes>,
    /// Wall time of the arrival, in milliseconds since 1970.
    pub at: u64,
}

/// Something that the engine wants done.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Send a request to the API server, once, and report its end as [`Event::Done`].
    Call {
        /// Number of the call, to be handed back.
        job: JobId,
        /// What to ask.
        request: Request,
        /// Give up after this time and report [`ApiOutcome::Unreachable`].
        deadline: Duration,
    },
    /// Publish a message.
    Publish(Publish),
    /// Acknowledge a delivery. Comes once for each delivery with a packet id, in the order of arrival, and only
    /// while its connection lasts.
    Ack(MessageId),
    /// List a watch from the beginning: its objects must be published again and are too large to be kept here.
    Relist(WatchId),
}

/// A message to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// The whole topic, with the prefix.
    pub topic: String,
    /// The bytes. Empty with `retain` makes the broker forget the topic.
    pub payload: Bytes,
    /// 0, 1 or 2
    pub qos: u8,
    /// The broker keeps it for later subscribers.
    pub retain: bool,
    /// Why it is sent.
    pub purpose: Purpose,
    /// To be echoed to the publisher of a request (MQTT 5).
    pub correlation_data: Option<Bytes>,
}

/// Why a message is published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The present value of a watch. A newer one on the same topic makes it pointless.
    State,
    /// The object of a watch is gone.
    Clear,
    /// The outcome of a command.
    Result,
    /// A command that was given up, as it arrived.
    DeadLetter,
}

/// Where the objects of a kind are served.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Resource {
    /// API group; empty for the core group.
    pub group: String,
    /// API version, such as `v1`.
    pub version: String,
    /// `Deployment`
    pub kind: String,
    /// `deployments`
    pub plural: String,
    /// Objects live in namespaces.
    pub namespaced: bool,
}

impl Resource {
    /// `apps/v1`, or `v1` for the core group.
    #[must_use]
    pub fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.clone()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }
}

/// One request to the API server.
///
/// Names and namespaces were checked when the request was made: they contain nothing that could change the URL.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// The kind of object.
    pub resource: Arc<Resource>,
    /// `None` for cluster-scoped kinds.
    pub namespace: Option<String>,
    /// The object; empty for [`Verb::Create`] and [`Verb::List`], which address the collection.
    pub name: String,
    /// What to do with it.
    pub verb: Verb,
}

/// What a [`Request`] does.
#[derive(Debug, Clone, PartialEq)]
pub enum Verb {
    /// Read one object.
    Get,
    /// Read the objects that carry a label.
    List {
        /// A label selector, such as `mqttkube/command=1f`.
        label: String,
    },
    /// Change one object.
    Patch {
        /// Through the `scale` subresource.
        scale: bool,
        /// How the body is meant.
        form: PatchForm,
        /// The patch.
        body: Value,
    },
    /// Create one object.
    Create {
        /// The object; it names itself.
        body: Box<Value>,
    },
    /// Delete one object in the foreground: it is gone only when all that it owns is gone.
    Delete {
        /// Only if it still is this very object.
        uid: Option<String>,
    },
}

/// How the body of a patch is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PatchForm {
    /// `application/merge-patch+json` (RFC 7386)
    Merge,
    /// `application/json-patch+json` (RFC 6902)
    Json,
    /// `application/apply-patch+yaml`: server-side apply, never forced.
    Apply {
        /// The field manager.
        manager: String,
    },
}

impl PatchForm {
    /// The content type to send.
    #[must_use]
    pub const fn content_type(&self) -> &'static str {
        match self {
            Self::Merge => "application/merge-patch+json",
            Self::Json => "application/json-patch+json",
            Self::Apply { .. } => "application/apply-patch+yaml",
        }
    }
}

/// How a call to the API server ended.
#[derive(Debug, Clone, PartialEq)]
pub enum ApiOutcome {
    /// A success (2xx) with its body: the object, or the list.
    Ok(Box<Value>),
    /// The API server answered with a failure.
    Refused(Refusal),
    /// No answer: connect, TLS, timeout, a body that is cut off or is not JSON.
    Unreachable {
        /// What people should read.
        error: String,
    },
}

/// An answer of the API server that is not a success.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refusal {
    /// HTTP status.
    pub code: u16,
    /// The machine-readable reason, such as `AlreadyExists`; may be empty.
    pub reason: String,
    /// What the API server says to people.
    pub message: String,
    /// When it wants to be asked again.
    pub retry_after: Option<Duration>,
}
