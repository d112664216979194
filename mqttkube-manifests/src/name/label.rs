//! Labels and annotations.

use super::macros::name_type;
use super::rules;

name_type! {
    /// The key of a label or annotation: a name of up to 63 characters, with or without a DNS subdomain and `/` before.
    LabelKey, "label key", rules::label_key
}

name_type! {
    /// The value of a label: up to 63 letters, digits, `-`, `_` and `.`; may be empty.
    LabelValue, "label value", rules::label_value
}
