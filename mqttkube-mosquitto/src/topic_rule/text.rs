//! A rule as a line of text.

use std::fmt;
use std::str::FromStr;

use super::{Direction, RuleError, TopicRule};
use crate::setting::{Setting, ValueError};

fn take_word<'a>(rest: &mut &'a str) -> Option<&'a str> {
    let text = rest.trim_start_matches(' ');
    if text.is_empty() {
        return None;
    }
    let end = text.find(' ').unwrap_or(text.len());
    *rest = &text[end..];
    Some(&text[..end])
}

fn take_pattern(rest: &mut &str) -> Result<String, RuleError> {
    let text = rest.trim_start_matches(' ');
    if let Some(quoted) = text.strip_prefix('"').filter(|quoted| !quoted.starts_with('"')) {
        let (pattern, after) = quoted.split_once('"').ok_or(RuleError::Quote)?;
        if !pattern.contains(' ') {
            return Err(RuleError::Quote);
        }
        *rest = after;
        return Ok(pattern.to_owned());
    }
    match take_word(rest) {
        None => Err(RuleError::NoPattern),
        Some("\"\"") => Ok(String::new()),
        Some(word) => Ok(word.to_owned()),
    }
}

fn read_direction(word: &str) -> Result<Direction, RuleError> {
    match word.to_ascii_lowercase().as_str() {
        "out" => Ok(Direction::Out),
        "in" => Ok(Direction::In),
        "both" => Ok(Direction::Both),
        _ => Err(RuleError::Direction {
            text: word.to_owned(),
        }),
    }
}

fn read_qos(word: &str) -> Result<u8, RuleError> {
    match word {
        "0" => Ok(0),
        "1" => Ok(1),
        "2" => Ok(2),
        _ => Err(RuleError::Qos {
            text: word.to_owned(),
        }),
    }
}

impl TopicRule {
    /// Reads what follows the word `topic`, and gives back what Mosquitto would not look at.
    ///
    /// # Errors
    /// As [`TopicRule::new`].
    pub(crate) fn read_line(line: &str) -> Result<(Self, &str), RuleError> {
        let mut rest = line;
        let pattern = take_pattern(&mut rest)?;
        let direction = match take_word(&mut rest) {
            None => Direction::Out,
            Some(word) => read_direction(word)?,
        };
        let (mut qos, mut prefixes) = (0, [String::new(), String::new()]);
        let before = rest;
        match take_word(&mut rest) {
            None => {}
            Some(word) if word.starts_with('#') => rest = before,
            Some(word) => {
                qos = read_qos(word)?;
                for prefix in &mut prefixes {
                    let before = rest;
                    match take_word(&mut rest) {
                        Some(word) if word.starts_with('#') => {
                            rest = before;
                            break;
                        }
                        Some("\"\"") | None => {}
                        Some(word) => word.clone_into(prefix),
                    }
                }
            }
        }
        let [local, remote] = prefixes;
        Ok((
            Self::new(pattern, direction, qos, local, remote)?,
            rest.trim_start_matches(' '),
        ))
    }
}

impl FromStr for TopicRule {
    type Err = RuleError;

    /// Takes a line with or without the word `topic` before it.
    fn from_str(text: &str) -> Result<Self, RuleError> {
        let text = text.trim_matches(' ');
        let (rule, rest) = Self::read_line(text.strip_prefix("topic ").unwrap_or(text))?;
        if rest.is_empty() || rest.starts_with('#') {
            Ok(rule)
        } else {
            Err(RuleError::Extra {
                text: rest.to_owned(),
            })
        }
    }
}

impl fmt::Display for TopicRule {
    /// The line without the word `topic`. Parts at the end that are defaults are left out.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let or_quotes = |text: &str| {
            if text.is_empty() {
                "\"\"".to_owned()
            } else {
                text.to_owned()
            }
        };
        if self.pattern.contains(' ') {
            write!(f, "\"{}\"", self.pattern)?;
        } else {
            f.write_str(&or_quotes(&self.pattern))?;
        }
        write!(f, " {} {}", self.direction, self.qos)?;
        if self.has_prefix() {
            write!(f, " {} {}", or_quotes(&self.local), or_quotes(&self.remote))?;
        }
        Ok(())
    }
}

impl fmt::Debug for TopicRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{self}`")
    }
}

impl Setting for TopicRule {
    fn read(raw: &str) -> Result<Self, ValueError> {
        let (rule, _) = Self::read_line(raw).map_err(|error| ValueError::Other {
            reason: error.to_string(),
        })?;
        Ok(rule)
    }

    fn write(&self) -> String {
        self.to_string()
    }

    fn ignored(raw: &str) -> &str {
        Self::read_line(raw).map_or("", |(_, rest)| rest)
    }
}
