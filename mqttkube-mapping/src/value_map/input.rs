//! What a lookup is given.

use serde_json::Value;

/// What a lookup is given.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Input<'a> {
    /// The payload, or the value read from an object.
    pub value: InputValue<'a>,
    /// The topic of the message less the configured prefix; none in a watch.
    pub topic: Option<&'a str>,
}

/// The value of an [`Input`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum InputValue<'a> {
    /// A payload.
    Text(&'a str),
    /// Something read from an object.
    Json(&'a Value),
}

impl<'a> Input<'a> {
    /// A payload, without its topic.
    pub fn text(text: &'a str) -> Self {
        Self {
            value: InputValue::Text(text),
            topic: None,
        }
    }

    /// A value read from an object.
    pub fn json(value: &'a Value) -> Self {
        Self {
            value: InputValue::Json(value),
            topic: None,
        }
    }

    /// The same input with the topic it came from.
    #[must_use]
    pub fn with_topic(self, topic: &'a str) -> Self {
        Self {
            topic: Some(topic),
            ..self
        }
    }
}

impl<'a> InputValue<'a> {
    /// The text, when the value is one.
    pub fn as_text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Json(value) => value.as_str(),
        }
    }

    /// A copy of the value.
    pub fn to_json(self) -> Value {
        match self {
            Self::Text(text) => Value::from(text),
            Self::Json(value) => value.clone(),
        }
    }
}
