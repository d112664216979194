//! Kinds of Kubernetes objects: how people name them and what is known of them without asking a cluster.

mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use mqttkube_mapping::yaml::suggest;

use crate::event::Resource;

/// One kind of object and where the API serves it.
///
/// ```
/// use mqttkube_core::kinds::Kind;
///
/// let kind = Kind::parse("deploy")?;
/// assert_eq!(kind.to_string(), "apps/v1/Deployment");
/// assert_eq!(kind.resource().plural, "deployments");
/// assert!(kind.resource().namespaced && kind.has_scale() && kind.is_resolved());
/// # Ok::<(), mqttkube_core::kinds::KindError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    pub(crate) resource: Arc<Resource>,
    pub(crate) scale: bool,
    pub(crate) resolved: bool,
}

impl Kind {
    /// Finds the kind that a text names: a kind of Kubernetes 1.33 or 1.34 in any case (`Deployment`), its plural
    /// (`deployments`), its short name (`deploy`), or `group/version/Kind` (`v1/Pod` for the core group).
    ///
    /// A full name in a group that is not built in is taken as it is: [`Kind::is_resolved`] is then false, and
    /// plural, scope and scale are guesses until API discovery has answered.
    ///
    /// # Errors
    /// [`KindError`] when no kind or more than one kind is meant.
    pub fn parse(text: &str) -> Result<Self, KindError> {
        let parts: Vec<&str> = text.split('/').collect();
        match parts[..] {
            [word] => by_word(word),
            [version, kind] => by_full_name("", version, kind),
            [group, version, kind] => by_full_name(group, version, kind),
            _ => Err(KindError::Malformed {
                text: text.to_owned(),
            }),
        }
    }

    /// Group, version, kind, plural and scope.
    pub fn resource(&self) -> &Arc<Resource> {
        &self.resource
    }

    /// Whether the kind has the scale subresource.
    pub fn has_scale(&self) -> bool {
        self.scale
    }

    /// Whether plural, scope and scale are facts. They are for built-in kinds and after discovery.
    pub fn is_resolved(&self) -> bool {
        self.resolved
    }
}

/// `apps/v1/Deployment`, `v1/Pod`.
impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource.api_version(), self.resource.kind)
    }
}

/// Why a text names no kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KindError {
    /// Nothing of that name is built in.
    #[error("unknown kind \"{text}\"")]
    Unknown {
        /// What was written.
        text: String,
        /// Kinds of a similar name, in their full form.
        candidates: Vec<String>,
    },
    /// Several groups have a kind of that name.
    #[error("\"{text}\" is the name of several kinds")]
    Ambiguous {
        /// What was written.
        text: String,
        /// All of them, in their full form.
        candidates: Vec<String>,
    },
    /// The text has not the form of a kind.
    #[error("\"{text}\" is neither a kind nor group/version/Kind")]
    Malformed {
        /// What was written.
        text: String,
    },
}

impl KindError {
    /// What to write instead.
    pub fn help(&self) -> String {
        match self {
            Self::Unknown { candidates, .. } if candidates.is_empty() => {
                "write group/version/Kind for a kind that is not built in, such as example.com/v1/Heater"
                    .to_owned()
            }
            Self::Unknown { candidates, .. } => format!("did you mean {}?", either(candidates)),
            Self::Ambiguous { candidates, .. } => format!("write {}", either(candidates)),
            Self::Malformed { .. } => {
                "write it as in Deployment, apps/v1/StatefulSet or example.com/v1/Heater".to_owned()
            }
        }
    }
}

/// `"a"`, `"a" or "b"`, `"a", "b" or "c"`.
fn either(words: &[String]) -> String {
    let quoted: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} or {last}", rest.join(", ")),
        None => String::new(),
    }
}

/// A row of the embedded table.
struct BuiltIn {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    namespaced: bool,
    scale: bool,
}

impl BuiltIn {
    fn answers_to(&self, word: &str) -> bool {
        let mut names = [self.kind, self.plural]
            .into_iter()
            .chain(self.short.iter().copied());
        names.any(|name| name.eq_ignore_ascii_case(word))
    }

    fn to_kind(&self) -> Kind {
        let resource = Resource {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            kind: self.kind.to_owned(),
            plural: self.plural.to_owned(),
            namespaced: self.namespaced,
        };
        Kind {
            resource: Arc::new(resource),
            scale: self.scale,
            resolved: true,
        }
    }
}

fn by_word(word: &str) -> Result<Kind, KindError> {
    let mut found: Vec<&BuiltIn> = Vec::new();
    for row in table::BUILT_IN.iter().filter(|row| row.answers_to(word)) {
        // The table lists the preferred version of a group first.
        if !found.iter().any(|known| known.group == row.group) {
            found.push(row);
        }
    }
    match found[..] {
        [row] => Ok(row.to_kind()),
        [] => Err(unknown(word, word, |_| true)),
        _ => {
            let candidates = found.iter().map(|row| row.to_kind().to_string()).collect();
            Err(KindError::Ambiguous {
                text: word.to_owned(),
                candidates,
            })
        }
    }
}

fn by_full_name(group: &str, version: &str, kind: &str) -> Result<Kind, KindError> {
    let text = if group.is_empty() {
        format!("{version}/{kind}")
    } else {
        format!("{group}/{version}/{kind}")
    };
    if !is_kind_name(kind)
        || !is_label(version)
        || !group.split('.').all(|label| group.is_empty() || is_label(label))
    {
        return Err(KindError::Malformed { text });
    }
    let in_group = || table::BUILT_IN.iter().filter(|row| row.group == group);
    let same_kind = || in_group().filter(|row| row.kind == kind);
    if let Some(row) = same_kind().find(|row| row.version == version) {
        return Ok(row.to_kind());
    }
    let preview = version.contains("alpha") || version.contains("beta");
    // Groups without a dot are reserved for Kubernetes itself, so the table knows all of them.
    let closed = in_group().next().is_some() || !group.contains('.');
    if closed && !preview {
        let candidates = same_kind()
            .map(|row| row.to_kind().to_string())
            .collect::<Vec<_>>();
        return Err(if candidates.is_empty() {
            unknown(&text, kind, |row| {
                in_group().next().is_none() || row.group == group
            })
        } else {
            KindError::Unknown { text, candidates }
        });
    }
    let sibling = same_kind().next();
    let resource = Resource {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        plural: sibling.map_or_else(|| guess_plural(kind), |row| row.plural.to_owned()),
        namespaced: sibling.is_none_or(|row| row.namespaced),
    };
    Ok(Kind {
        resource: Arc::new(resource),
        scale: sibling.is_some_and(|row| row.scale),
        resolved: false,
    })
}

fn unknown(text: &str, kind: &str, among: impl Fn(&BuiltIn) -> bool) -> KindError {
    let rows = || table::BUILT_IN.iter().filter(|row| among(row));
    let names = rows().flat_map(|row| {
        [row.kind, row.plural]
            .into_iter()
            .chain(row.short.iter().copied())
    });
    let near = suggest(kind, names);
    let mut candidates: Vec<String> = Vec::new();
    for row in rows().filter(|row| near.is_some_and(|near| row.answers_to(near))) {
        let name = row.to_kind().to_string();
        if !candidates.contains(&name) {
            candidates.push(name);
        }
    }
    KindError::Unknown {
        text: text.to_owned(),
        candidates,
    }
}

fn is_kind_name(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_uppercase())
        && text.chars().all(|c| c.is_ascii_alphanumeric())
}

/// A label by RFC 1123.
fn is_label(text: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=63).contains(&text.len())
        && text.chars().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// The plural that most kinds have; discovery corrects it.
fn guess_plural(kind: &str) -> String {
    let word = kind.to_ascii_lowercase();
    match word.as_bytes() {
        [.., b's' | b'x' | b'z'] | [.., b'c' | b's', b'h'] => format!("{word}es"),
        [.., before, b'y'] if !b"aeiou".contains(before) => format!("{}ies", &word[..word.len() - 1]),
        _ => format!("{word}s"),
    }
}
