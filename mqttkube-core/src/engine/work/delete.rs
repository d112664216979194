//! Deleting an object.

use super::{Answer, Cx, End, Next, metadata, otherwise};
use crate::event::{Request, Verb};
use crate::report::Outcome;

/// The uid of no object, for a deletion that found nothing: its redelivery must not find anything either.
const NOBODY: &str = "none";

/// Deletes in the foreground. An object that is not there is a success.
///
/// When the uid of the object that is meant is known, the request carries it, so that a repetition cannot delete
/// a newer object of the same name.
#[derive(Debug)]
pub(in crate::engine) struct Delete {
    uid: Option<String>,
    /// The command was carried out before: what it meant is the object of that uid and no other.
    pinned: bool,
    sent: bool,
}

impl Delete {
    /// `pinned` is the uid that an earlier delivery of the same command deleted.
    pub(in crate::engine) const fn new(pinned: Option<String>) -> Self {
        Self {
            pinned: pinned.is_some(),
            uid: pinned,
            sent: false,
        }
    }

    /// Before the first request: the uid of the object that a launch of ours created, now that all commands
    /// before this one have ended.
    pub(in crate::engine) fn aim(&mut self, launched: Option<&String>) {
        if !self.sent && !self.pinned {
            self.uid = launched.cloned();
        }
        self.sent = true;
    }

    pub(super) fn request(&self, cx: &Cx<'_>) -> Request {
        cx.request(Verb::Delete {
            uid: self.uid.clone(),
        })
    }

    pub(super) fn answer(&mut self, answer: Answer, cx: &Cx<'_>) -> Next {
        match answer {
            Answer::Done(body) => Next::End(End {
                deleted: uid_of(&body).or_else(|| self.uid.take()),
                ..End::good(Outcome::Applied, cx, &body)
            }),
            Answer::Missing(_) => Next::End(self.nothing_to_do(cx)),
            Answer::Clash(_) if self.uid.is_some() && self.pinned => Next::End(self.nothing_to_do(cx)),
            // Somebody else replaced the object that we launched; the sender wants the present one gone.
            Answer::Clash(_) if self.uid.take().is_some() => Next::Call,
            other => otherwise(other, cx),
        }
    }
}

impl Delete {
    /// The object that was meant is gone, perhaps by an earlier request of this command whose answer was lost.
    fn nothing_to_do(&mut self, cx: &Cx<'_>) -> End {
        End {
            object: Some(cx.object_ref(None)),
            deleted: Some(self.uid.take().unwrap_or_else(|| NOBODY.to_owned())),
            ..End::plain(Outcome::Unchanged, None)
        }
    }
}

/// The answer to a deletion is the object, or a status with the uid among its details.
fn uid_of(body: &serde_json::Value) -> Option<String> {
    let details = || body.get("details")?.get("uid")?.as_str();
    metadata(body, "uid").or_else(details).map(str::to_owned)
}
