//! Entries of `tests`.

use serde_json::Value;

/// One case: what happens, and what should come of it.
#[derive(Clone, Debug, PartialEq)]
pub struct CaseSpec {
    /// What happens.
    pub input: CaseInput,
    /// What should come of it.
    pub expect: Expectation,
    /// Line of the file where it stands.
    pub line: Option<u32>,
}

/// What happens in a case.
#[derive(Clone, Debug, PartialEq)]
pub enum CaseInput {
    /// A message arrives.
    Message {
        /// Its topic, without the prefix.
        topic: String,
        /// Its payload.
        payload: String,
        /// Whether the broker had kept it.
        retained: bool,
        /// The object at that moment, for what can only be decided by reading it; `None`: it exists, and nothing
        /// more is known of it.
        object: Option<Value>,
    },
    /// The object is in this state; null: it is gone.
    Object(Value),
}

/// What should come of a case.
#[derive(Clone, Debug, PartialEq)]
pub enum Expectation {
    /// A patch of exactly this body.
    Patch(Value),
    /// A launch of an object that holds at least this.
    Launch(Value),
    /// A verb other than launch.
    Verb(crate::binding::Verb),
    /// Exactly these payloads on these topics, without the prefix.
    Publish(Vec<(String, String)>),
    /// Nothing at all.
    Ignored,
    /// A failure whose text holds this.
    Error(String),
}
