//! The rules themselves, as `const` functions over bytes so that literals can be checked by the compiler. Each returns
//! the first problem.

use std::fmt;

/// What is wrong with a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// Nothing there.
    Empty,
    /// More characters than allowed.
    TooLong {
        /// How many bytes it has.
        length: usize,
        /// How many are allowed.
        most: usize,
    },
    /// A character that is not allowed.
    Character {
        /// Its position in bytes.
        at: usize,
        /// What is allowed, as people read it.
        allowed: &'static str,
    },
    /// The first or last character is not a letter or digit.
    Edge {
        /// Its position in bytes.
        at: usize,
    },
    /// The first character is not a letter.
    NotALetterFirst,
    /// No letter at all.
    NoLetter,
    /// Two hyphens together.
    DoubleHyphen {
        /// The position of the first one in bytes.
        at: usize,
    },
    /// `.` and `..` mean folders.
    Dots,
    /// An absolute path begins with `/`.
    NotAbsolute,
    /// A path with `..` in it.
    Parent,
    /// A label key with more than one `/`.
    Slashes,
    /// An image without a tag or digest, or in a form that registries do not know.
    Image(&'static str),
}

impl Problem {
    pub(super) fn describe(&self, text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Positions are of whole characters: every rule stops at the first byte that is not ASCII.
        let character = |at: usize| {
            text.get(at..)
                .and_then(|rest| rest.chars().next())
                .unwrap_or('\u{fffd}')
        };
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::TooLong { length, most } => write!(f, "it has {length} characters, {most} are allowed"),
            Self::Character { at, allowed } => {
                write!(
                    f,
                    "character `{}` at {at}; {allowed} are allowed",
                    character(*at).escape_debug()
                )
            }
            Self::Edge { at } => {
                write!(
                    f,
                    "`{}` at {at}: it must begin and end with a letter or digit",
                    character(*at).escape_debug()
                )
            }
            Self::NotALetterFirst => f.write_str("it must begin with a letter"),
            Self::NoLetter => f.write_str("it needs at least one letter"),
            Self::DoubleHyphen { at } => write!(f, "`--` at {at}"),
            Self::Dots => f.write_str("`.` and `..` are not allowed"),
            Self::NotAbsolute => f.write_str("it must begin with `/`"),
            Self::Parent => f.write_str("`..` is not allowed"),
            Self::Slashes => f.write_str("one `/` at most, between the prefix and the name"),
            Self::Image(problem) => f.write_str(problem),
        }
    }
}

pub(super) const LOWER: &str = "lower-case letters, digits and `-`";

const fn lower_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit()
}

/// A label of `text[from..to]`, RFC 1123.
const fn label(text: &[u8], from: usize, to: usize) -> Option<Problem> {
    if from == to {
        return Some(if text.is_empty() {
            Problem::Empty
        } else {
            Problem::Edge { at: from }
        });
    }
    let mut at = from;
    while at < to {
        if !lower_alphanumeric(text[at]) && text[at] != b'-' {
            return Some(Problem::Character { at, allowed: LOWER });
        }
        at += 1;
    }
    if text[from] == b'-' {
        return Some(Problem::Edge { at: from });
    }
    if text[to - 1] == b'-' {
        return Some(Problem::Edge { at: to - 1 });
    }
    None
}

const fn longer_than(text: &[u8], most: usize) -> Option<Problem> {
    if text.len() > most {
        Some(Problem::TooLong {
            length: text.len(),
            most,
        })
    } else {
        None
    }
}

pub(super) const fn dns_label(text: &[u8]) -> Option<Problem> {
    match label(text, 0, text.len()) {
        None => longer_than(text, 63),
        problem => problem,
    }
}

pub(super) const fn stateful_set(text: &[u8]) -> Option<Problem> {
    match label(text, 0, text.len()) {
        None => longer_than(text, 52),
        problem => problem,
    }
}

pub(super) const fn rfc1035_label(text: &[u8]) -> Option<Problem> {
    match dns_label(text) {
        None if text[0].is_ascii_digit() => Some(Problem::NotALetterFirst),
        problem => problem,
    }
}

pub(super) const fn dns_subdomain(text: &[u8]) -> Option<Problem> {
    subdomain(text, 0)
}

/// A subdomain that begins at `from`.
const fn subdomain(text: &[u8], mut from: usize) -> Option<Problem> {
    let mut at = from;
    while at <= text.len() {
        if at == text.len() || text[at] == b'.' {
            let problem = label(text, from, at);
            if problem.is_some() {
                return problem;
            }
            from = at + 1;
        }
        at += 1;
    }
    longer_than(text, 253)
}

pub(super) const fn host_name(text: &[u8]) -> Option<Problem> {
    let wildcard = text.len() > 2 && text[0] == b'*' && text[1] == b'.';
    subdomain(text, if wildcard { 2 } else { 0 })
}

pub(super) const fn port_name(text: &[u8]) -> Option<Problem> {
    let problem = label(text, 0, text.len());
    if problem.is_some() {
        return problem;
    }
    let mut letters = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at].is_ascii_lowercase() {
            letters += 1;
        }
        if text[at] == b'-' && text[at + 1] == b'-' {
            return Some(Problem::DoubleHyphen { at });
        }
        at += 1;
    }
    if letters == 0 {
        return Some(Problem::NoLetter);
    }
    longer_than(text, 15)
}

pub(super) const fn config_key(text: &[u8]) -> Option<Problem> {
    if text.is_empty() {
        return Some(Problem::Empty);
    }
    let mut dots = 0;
    let mut at = 0;
    while at < text.len() {
        let byte = text[at];
        if !byte.is_ascii_alphanumeric() && byte != b'-' && byte != b'_' && byte != b'.' {
            return Some(Problem::Character {
                at,
                allowed: "letters, digits, `-`, `_` and `.`",
            });
        }
        if byte == b'.' && dots == at {
            dots += 1;
        }
        at += 1;
    }
    // `.`, `..` and whatever begins with `..`: the kubelet keeps its own links under such names.
    if dots >= 2 || dots == text.len() {
        return Some(Problem::Dots);
    }
    longer_than(text, 253)
}

/// The part of a label key after its prefix, or a label value: letters and digits at both ends, `-`, `_` and `.` between.
pub(super) const fn label_text(text: &[u8], from: usize) -> Option<Problem> {
    let mut at = from;
    while at < text.len() {
        let byte = text[at];
        if !byte.is_ascii_alphanumeric() && byte != b'-' && byte != b'_' && byte != b'.' {
            return Some(Problem::Character {
                at,
                allowed: "letters, digits, `-`, `_` and `.`",
            });
        }
        if !byte.is_ascii_alphanumeric() && (at == from || at + 1 == text.len()) {
            return Some(Problem::Edge { at });
        }
        at += 1;
    }
    let length = text.len() - from;
    if length > 63 {
        Some(Problem::TooLong { length, most: 63 })
    } else {
        None
    }
}

pub(super) const fn label_value(text: &[u8]) -> Option<Problem> {
    label_text(text, 0)
}

pub(super) const fn label_key(text: &[u8]) -> Option<Problem> {
    let mut slash = None;
    let mut at = 0;
    while at < text.len() {
        if text[at] == b'/' {
            if slash.is_some() {
                return Some(Problem::Slashes);
            }
            slash = Some(at);
        }
        at += 1;
    }
    let from = match slash {
        None => 0,
        Some(slash) => {
            let (prefix, _) = text.split_at(slash);
            let problem = dns_subdomain(prefix);
            if problem.is_some() {
                return problem;
            }
            slash + 1
        }
    };
    if from == text.len() {
        return Some(Problem::Empty);
    }
    label_text(text, from)
}

pub(super) const fn absolute_path(text: &[u8]) -> Option<Problem> {
    if text.is_empty() {
        return Some(Problem::Empty);
    }
    if text[0] != b'/' {
        return Some(Problem::NotAbsolute);
    }
    let mut at = 0;
    while at < text.len() {
        if text[at] < 0x20 || text[at] == 0x7f || text[at] == b':' {
            return Some(Problem::Character {
                at,
                allowed: "printable characters other than `:`",
            });
        }
        let dots = at + 2 < text.len() && text[at] == b'/' && text[at + 1] == b'.' && text[at + 2] == b'.';
        if dots && (at + 3 == text.len() || text[at + 3] == b'/') {
            return Some(Problem::Parent);
        }
        at += 1;
    }
    longer_than(text, 4_096)
}
