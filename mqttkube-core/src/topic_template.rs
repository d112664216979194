//! Topics of watch items: a topic in which `{name}`, `{namespace}`, `{kind}` and `{uid}` stand for facts of the
//! object.

use std::fmt;
use std::ops::Range;

use mqttkube_mapping::{Topic, TopicError, TopicFilter, TopicPrefix};

/// A fact of an object that a topic may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Placeholder {
    /// `metadata.name`.
    Name,
    /// `metadata.namespace`; empty for a cluster-scoped object.
    Namespace,
    /// The kind, as in `Deployment`.
    Kind,
    /// `metadata.uid`.
    Uid,
}

impl Placeholder {
    const ALL: [Self; 4] = [Self::Name, Self::Namespace, Self::Kind, Self::Uid];

    /// The word between the braces.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Namespace => "namespace",
            Self::Kind => "kind",
            Self::Uid => "uid",
        }
    }
}

/// The facts that fill a topic.
#[derive(Clone, Copy, Debug, Default)]
pub struct Facts<'a> {
    /// `metadata.name`.
    pub name: &'a str,
    /// `metadata.namespace`; empty for a cluster-scoped object.
    pub namespace: &'a str,
    /// The kind, as in `Deployment`.
    pub kind: &'a str,
    /// `metadata.uid`.
    pub uid: &'a str,
}

impl<'a> Facts<'a> {
    fn get(&self, placeholder: Placeholder) -> &'a str {
        match placeholder {
            Placeholder::Name => self.name,
            Placeholder::Namespace => self.namespace,
            Placeholder::Kind => self.kind,
            Placeholder::Uid => self.uid,
        }
    }
}

/// A publish topic with its prefix, compiled.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicTemplate {
    source: String,
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Fact(Placeholder),
}

/// Why a text is no topic of a watch item.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TopicTemplateError {
    /// A placeholder that does not exist.
    #[error(
        "unknown placeholder {{{word}}} in a topic; there are {{name}}, {{namespace}}, {{kind}} and {{uid}}"
    )]
    Unknown {
        /// What stands between the braces.
        word: String,
        /// The bytes of the topic that it covers, braces included.
        range: Range<usize>,
    },
    /// A brace without its partner.
    #[error("a brace in a topic has no partner")]
    Brace {
        /// Where it stands, in bytes.
        at: usize,
    },
    /// No object could make a topic of it.
    #[error(transparent)]
    Topic(#[from] TopicError),
}

impl TopicTemplate {
    /// Reads a topic and puts `prefix` before it.
    ///
    /// # Errors
    /// For an unknown placeholder, a lonely brace, and a text that could not become a topic (empty, with a
    /// wildcard, too long).
    pub fn parse(text: &str, prefix: &TopicPrefix) -> Result<Self, TopicTemplateError> {
        refuse_wildcards(text, &parts(text)?)?;
        let source = prefix.join(text);
        // The prefix is plain text, so its braces are not looked at.
        let head = source.len() - text.trim_start_matches('/').len();
        let mut parts = parts(&source[head..])?;
        if head > 0 {
            parts.insert(0, Part::Text(source[..head].to_owned()));
        }
        let template = Self { source, parts };
        template.fill(SAMPLE).parse::<Topic>()?;
        Ok(template)
    }

    /// The topic of one object, or `None` when a fact of the object cannot stand in a topic (some cluster-scoped
    /// kinds allow `+` and `#` in names).
    pub fn render(&self, facts: Facts<'_>) -> Option<Topic> {
        let foul = |fact: &str| fact.contains(['+', '#', '/', '\0']);
        let used = self.parts.iter().filter_map(|part| match part {
            Part::Fact(placeholder) => Some(facts.get(*placeholder)),
            Part::Text(_) => None,
        });
        if used.into_iter().any(foul) {
            return None;
        }
        self.fill(facts).parse().ok()
    }

    fn fill(&self, facts: Facts<'_>) -> String {
        self.parts
            .iter()
            .fold(String::with_capacity(self.source.len() + 32), |mut text, part| {
                text.push_str(match part {
                    Part::Text(plain) => plain,
                    Part::Fact(placeholder) => facts.get(*placeholder),
                });
                text
            })
    }

    /// Whether the topic holds this placeholder.
    pub fn has(&self, placeholder: Placeholder) -> bool {
        self.parts.contains(&Part::Fact(placeholder))
    }

    /// Whether the topic is the same for every object.
    pub fn is_constant(&self) -> bool {
        self.parts.iter().all(|part| matches!(part, Part::Text(_)))
    }

    /// The narrowest filter that matches every topic of this template: levels with a placeholder become `+`.
    pub fn filter(&self) -> TopicFilter {
        let marked = self.fill(Facts {
            name: "\0",
            namespace: "\0",
            kind: "\0",
            uid: "\0",
        });
        let levels: Vec<&str> = marked
            .split('/')
            .map(|level| if level.contains('\0') { "+" } else { level })
            .collect();
        levels
            .join("/")
            .parse()
            .expect("the topic was valid and a whole level may be a wildcard")
    }
}

impl fmt::Display for TopicTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

/// Stands for any object when a template is checked.
const SAMPLE: Facts<'static> = Facts {
    name: "x",
    namespace: "x",
    kind: "x",
    uid: "x",
};

/// Checks the text as it was written, so that an error speaks of that text and not of the prefix.
fn refuse_wildcards(text: &str, parts: &[Part]) -> Result<(), TopicError> {
    let constant = parts.iter().all(|part| matches!(part, Part::Text(_)));
    if constant || text.contains(['+', '#', '\0']) {
        Topic::new(text).map(drop)
    } else {
        Ok(())
    }
}

fn parts(text: &str) -> Result<Vec<Part>, TopicTemplateError> {
    let mut parts = Vec::new();
    let mut plain = 0;
    let mut from = 0;
    while let Some(at) = text[from..].find(['{', '}']).map(|offset| from + offset) {
        let Some(end) = text[at..].strip_prefix('{').and_then(|rest| rest.find('}')) else {
            return Err(TopicTemplateError::Brace { at });
        };
        let end = at + end + 2;
        let word = &text[at + 1..end - 1];
        let fact = Placeholder::ALL
            .into_iter()
            .find(|placeholder| placeholder.as_str() == word)
            .ok_or_else(|| TopicTemplateError::Unknown {
                word: word.to_owned(),
                range: at..end,
            })?;
        if plain < at {
            parts.push(Part::Text(text[plain..at].to_owned()));
        }
        parts.push(Part::Fact(fact));
        (plain, from) = (end, end);
    }
    if plain < text.len() {
        parts.push(Part::Text(text[plain..].to_owned()));
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, prefix: &str, topic: &str, filter: &str) {
        let template = TopicTemplate::parse(text, &prefix.parse().expect("a prefix")).expect(text);
        let facts = Facts {
            name: "web-0",
            namespace: "media",
            kind: "Pod",
            uid: "42",
        };
        assert_eq!(template.render(facts).expect("a topic").as_str(), topic);
        assert_eq!(template.filter().as_str(), filter);
    }

    #[test]
    fn placeholders_are_filled_and_become_wildcards_in_the_filter() {
        check("jellyfin/state", "", "jellyfin/state", "jellyfin/state");
        check(
            "{namespace}/{name}/ready",
            "home",
            "home/media/web-0/ready",
            "home/+/+/ready",
        );
        check("k-{kind}-{uid}/x", "", "k-Pod-42/x", "+/x");
        check("/a/{name}", "", "/a/web-0", "/a/+");
        check("/a/{name}", "pre/", "pre/a/web-0", "pre/a/+");
        check("a/{name}", "site {x}", "site {x}/a/web-0", "site {x}/a/+");
    }

    #[test]
    fn a_name_that_would_change_the_levels_makes_no_topic() {
        let template = TopicTemplate::parse("a/{name}", &TopicPrefix::default()).expect("a template");
        for name in ["b/c", "b+", "#", "\0"] {
            assert_eq!(
                template.render(Facts {
                    name,
                    ..Facts::default()
                }),
                None,
                "{name:?}"
            );
        }
    }

    #[test]
    fn a_topic_with_a_wildcard_a_lonely_brace_or_an_unknown_word_is_refused() {
        for text in ["", "a/+", "{name}/#", "a/{name", "a}", "{}", "{pod}", "a\0{name}"] {
            assert!(
                TopicTemplate::parse(text, &TopicPrefix::default()).is_err(),
                "{text:?}"
            );
        }
    }
}
