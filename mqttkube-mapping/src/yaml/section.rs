//! A mapping with fixed keys.

use super::cursor::{Cursor, FromNode};
use super::node::Entry;
use super::suggest::suggest;

/// A mapping whose keys are known to the program. Every key that is asked for counts as known, there or not;
/// [`Section::finish`] refuses the others.
///
/// ```
/// use mqttkube_mapping::yaml::{self, Cursor, Duration};
/// use mqttkube_mapping::TopicFilter;
///
/// #[derive(Debug)]
/// struct Item {
///     topic: TopicFilter,
///     retain: bool,
///     pause: Option<Duration>,
/// }
///
/// fn item(cursor: Cursor<'_>) -> Option<Item> {
///     let mut section = cursor.section("an item")?;
///     let topic = section.required("topic");
///     let retain = section.or("retain", false);
///     let pause = section.optional("pause");
///     section.finish();
///     Some(Item { topic: topic?, retain, pause })
/// }
///
/// let good = yaml::parse("topic: a/#\npause: 5s\n", "item.yaml", "")?;
/// let (read, warnings) = good.read(item)?;
/// assert_eq!((read.topic.as_str(), read.retain, warnings.len()), ("a/#", false, 0));
/// assert_eq!(read.pause, Some(Duration::from_secs(5)));
///
/// let bad = yaml::parse("retian: true\npause: fast\n", "item.yaml", "")?;
/// let errors = bad.read(item).unwrap_err().to_string();
/// let lines: Vec<_> = errors.lines().collect();
/// assert_eq!(lines[0], r#"item.yaml:1:1: error: missing key "topic" in an item"#);
/// assert_eq!(lines[1], r#"item.yaml:1:1: error: unknown key "retian" in an item; did you mean "retain"?"#);
/// assert!(lines[2].starts_with("item.yaml:2:8: error: \"fast\" is no duration"));
/// # Ok::<(), yaml::Diagnostics>(())
/// ```
#[derive(Debug)]
#[must_use = "unknown keys are reported by `finish`"]
pub struct Section<'t> {
    cursor: Cursor<'t>,
    entries: &'t [Entry],
    what: &'static str,
    known: Vec<&'static str>,
}

impl<'t> Section<'t> {
    pub(super) fn new(cursor: Cursor<'t>, entries: &'t [Entry], what: &'static str) -> Self {
        Self {
            cursor,
            entries,
            what,
            known: Vec::new(),
        }
    }

    /// The mapping itself, to report something about it as a whole.
    pub fn cursor(&self) -> &Cursor<'t> {
        &self.cursor
    }

    /// The value of a key, even when it is null.
    pub fn get(&mut self, key: &'static str) -> Option<Cursor<'t>> {
        self.known.push(key);
        let entry = self
            .entries
            .iter()
            .find(|entry| entry.key.as_str() == Some(key))?;
        Some(self.cursor.child(key, &entry.value))
    }

    /// The value of a key that has a second name. Both at once are a mistake.
    pub fn get_either(&mut self, key: &'static str, alias: &'static str) -> Option<Cursor<'t>> {
        match (self.get(key), self.get(alias)) {
            (Some(value), Some(twice)) => {
                twice.error(format!(
                    "{alias:?} is another name for {key:?}, which is there as well"
                ));
                Some(value)
            }
            (value, other) => value.or(other),
        }
    }

    /// A value that must be there. `None` when it is missing or wrong, which is then reported.
    pub fn required<T: FromNode>(&mut self, key: &'static str) -> Option<T> {
        match self.get(key) {
            Some(value) => value.read(),
            None => self.missing(key),
        }
    }

    /// Reports that a key is missing. Gives `None`, so that it can end a function.
    pub fn missing<T>(&self, key: &str) -> Option<T> {
        self.cursor.error(format!("missing key {key:?} in {}", self.what));
        None
    }

    /// A value that may be missing or null; `None` as well when it is wrong, which is then reported.
    pub fn optional<T: FromNode>(&mut self, key: &'static str) -> Option<T> {
        self.get(key).filter(|value| !value.node().is_null())?.read()
    }

    /// A value with a default for when it is missing or null (or wrong, which is then reported).
    pub fn or<T: FromNode>(&mut self, key: &'static str, default: T) -> T {
        self.optional(key).unwrap_or(default)
    }

    /// One of several words, or the first of them when the key is missing or null.
    pub fn choice<T: Clone>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        match self.get(key).filter(|value| !value.node().is_null()) {
            Some(value) => value.choice(choices),
            None => choices.first().map(|(_, value)| value.clone()),
        }
    }

    /// A mapping below this one; `None` when it is missing, null or no mapping.
    pub fn section(&mut self, key: &'static str, what: &'static str) -> Option<Self> {
        self.get(key)
            .filter(|value| !value.node().is_null())?
            .section(what)
    }

    /// The elements of a list, or a single value as the only one; nothing when the key is missing or null.
    pub fn one_or_many(&mut self, key: &'static str) -> Vec<Cursor<'t>> {
        self.get(key).map_or_else(Vec::new, |value| value.one_or_many())
    }

    /// Whether the file has the key.
    pub fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|entry| entry.key.as_str() == Some(key))
    }

    /// Reports every key that was not asked for.
    pub fn finish(self) {
        for Entry { key, .. } in self.entries {
            let name = match key.as_str() {
                Some(name) if self.known.contains(&name) => continue,
                name => name.unwrap_or_default(),
            };
            let place = self.cursor.child(name, key);
            let message = format!("unknown key {} in {}", super::mapping::shown(key), self.what);
            match suggest(name, self.known.iter().copied()) {
                Some(word) => place.error_with_help(message, format!("did you mean {word:?}?")),
                None => place.error(message),
            }
        }
    }
}
