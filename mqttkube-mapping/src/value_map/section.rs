//! From a section as written to a compiled map, with everything that is wrong with it.

use serde_json::Value;

use super::{Direction, ValueMap};
use crate::error::{CompileError, ErrorKind, PathSeg};
use crate::expr::{Expr, Names};
use crate::format::{BareStyle, Name};
use crate::locus::Locus;
use crate::output::{Output, OutputCompiler};
use crate::rule::{Entry, Matcher, Rules};
use crate::spec::{MapKey, SpecNode};

/// The keys of a section.
const KEYS: &[&str] = &["transform", "jsonpath", "map", "default", "compat"];

/// Names that templates have besides groups.
const RESERVED: &[&str] = &["input", "value", "json"];

pub(super) struct Section<'s> {
    pub(super) direction: Direction,
    pub(super) allowed: Option<&'s [&'s str]>,
    pub(super) errors: Vec<CompileError>,
}

impl Section<'_> {
    pub(super) fn compile(&mut self, node: &SpecNode) -> ValueMap {
        let mut map = ValueMap::identity();
        let entries = match node {
            SpecNode::Map(entries) => entries,
            SpecNode::Scalar(Value::Null) => return map,
            _ => {
                self.wrong(&[], ErrorKind::Shape, "", "values is a map");
                return map;
            }
        };
        if !entries.iter().any(|(key, _)| is_section_key(key)) {
            self.near_misses(entries);
            map.rules = self.rules(entries, &[], false, BareStyle::Json);
            return map;
        }
        self.unknown_keys(entries);
        let member = |name| find(entries, name);
        map.transform = member("transform").and_then(|node| self.transform(node));
        map.path = member("jsonpath").and_then(|node| self.path(node));
        map.default = member("default").map(|node| self.default_output(node));
        let style = member("compat").map_or(BareStyle::Json, |node| self.style(node));
        // A path that is wrong still supplies the name, so that one mistake is one error.
        let has_path = member("jsonpath").is_some_and(|node| *node != SpecNode::Scalar(Value::Null));
        let at = [PathSeg::Key("map".to_owned())];
        match member("map") {
            None | Some(SpecNode::Scalar(Value::Null)) => {}
            Some(SpecNode::Map(entries)) => map.rules = self.rules(entries, &at, has_path, style),
            Some(_) => self.wrong(&at, ErrorKind::Shape, "", "map is a map of values to outputs"),
        }
        map
    }

    fn wrong(&mut self, path: &[PathSeg], kind: ErrorKind, text: &str, message: impl Into<String>) {
        self.errors
            .push(CompileError::new(kind, text, message).below(path));
    }

    /// Without any key of a section, the section is the map itself; but not by a slip of the finger.
    fn near_misses(&mut self, entries: &[(MapKey, SpecNode)]) {
        for (index, (key, _)) in entries.iter().enumerate() {
            if let Some((text, meant)) = near_miss(key) {
                let error = CompileError::new(
                    ErrorKind::UnknownKey,
                    text,
                    format!("unknown key {text:?} in values"),
                );
                let error = error.with_help(format!("did you mean {meant:?}?"));
                self.errors.push(error.below(&[PathSeg::EntryKey(index)]));
            }
        }
    }

    fn unknown_keys(&mut self, entries: &[(MapKey, SpecNode)]) {
        for (index, (key, _)) in entries.iter().enumerate() {
            let text = key.to_string();
            if matches!(key, MapKey::Text(text) if KEYS.contains(&text.as_str())) {
                continue;
            }
            let help = match near_miss(key) {
                _ if text == "format" => "a format is written as an output of the map".to_owned(),
                Some((_, meant)) => format!("did you mean {meant:?}?"),
                None => "entries stand under \"map\" when there are other keys".to_owned(),
            };
            let error = CompileError::new(
                ErrorKind::UnknownKey,
                &*text,
                format!("unknown key {text:?} in values"),
            );
            self.errors
                .push(error.with_help(help).below(&[PathSeg::EntryKey(index)]));
        }
    }

    fn transform(&mut self, node: &SpecNode) -> Option<(Expr, String)> {
        let at = [PathSeg::Key("transform".to_owned())];
        let source = match node {
            SpecNode::Scalar(Value::Null) => return None,
            SpecNode::Scalar(Value::String(source)) => source,
            _ => {
                self.wrong(
                    &at,
                    ErrorKind::Expression,
                    "",
                    "transform is the text of an expression",
                );
                return None;
            }
        };
        match Expr::compile(source, Names::Argument) {
            Ok(expr) => Some((expr, source.clone())),
            Err(error) => {
                self.errors.push(error.into_compile_error(source).below(&at));
                None
            }
        }
    }

    fn path(&mut self, node: &SpecNode) -> Option<Locus> {
        let at = [PathSeg::Key("jsonpath".to_owned())];
        let text = match node {
            SpecNode::Scalar(Value::Null) => return None,
            SpecNode::Scalar(Value::String(text)) => text,
            _ => {
                self.wrong(&at, ErrorKind::JsonPath, "", "jsonpath is the text of a path");
                return None;
            }
        };
        match Locus::parse_exact(text) {
            Ok(locus) => Some(locus),
            Err(error) => {
                self.errors.push(error.below(&at));
                None
            }
        }
    }

    fn style(&mut self, node: &SpecNode) -> BareStyle {
        match node {
            SpecNode::Scalar(Value::Null) => BareStyle::Json,
            SpecNode::Scalar(Value::String(text)) if text == "python" => BareStyle::Python,
            _ => {
                let at = [PathSeg::Key("compat".to_owned())];
                self.wrong(&at, ErrorKind::Shape, "", "compat can only be \"python\"");
                BareStyle::Json
            }
        }
    }

    /// The default is a value, not a template: what led to the miss may have no value to fill in.
    fn default_output(&mut self, node: &SpecNode) -> Value {
        let at = [PathSeg::Key("default".to_owned())];
        let value = self.plain(node, &mut at.to_vec());
        self.check_allowed(&value, &at);
        value
    }

    fn plain(&mut self, node: &SpecNode, path: &mut Vec<PathSeg>) -> Value {
        match node {
            SpecNode::Scalar(value) => value.clone(),
            SpecNode::List(items) => items.iter().map(|item| self.plain(item, path)).collect(),
            SpecNode::Map(entries) => {
                let mut members = serde_json::Map::new();
                for (index, (key, node)) in entries.iter().enumerate() {
                    if !matches!(key, MapKey::Text(_)) {
                        path.push(PathSeg::EntryKey(index));
                        let message = "the names of the members of an object are text";
                        self.wrong(path, ErrorKind::Shape, &key.to_string(), message);
                        path.pop();
                    }
                    members.insert(key.to_string(), self.plain(node, path));
                }
                Value::Object(members)
            }
        }
    }

    fn check_allowed(&mut self, value: &Value, path: &[PathSeg]) {
        let Some(allowed) = self.allowed else { return };
        if value.as_str().is_some_and(|text| allowed.contains(&text)) {
            return;
        }
        let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let message = format!("the output {value} is none of those that are allowed");
        let error = CompileError::new(ErrorKind::Output, text, message);
        self.errors.push(
            error
                .with_help(format!("allowed are {}", allowed.join(", ")))
                .below(path),
        );
    }

    fn rules(
        &mut self,
        entries: &[(MapKey, SpecNode)],
        at: &[PathSeg],
        has_path: bool,
        style: BareStyle,
    ) -> Option<Rules> {
        let mut rules = Rules::default();
        for (index, (key, output)) in entries.iter().enumerate() {
            let matcher = match Matcher::compile(key) {
                Ok(matcher) => matcher,
                Err(error) => {
                    self.errors
                        .push(error.below(&extended(at, PathSeg::EntryKey(index))));
                    continue;
                }
            };
            self.reserved_groups(key, &matcher, &extended(at, PathSeg::EntryKey(index)));
            let output = self.output(
                output,
                &matcher,
                extended(at, PathSeg::EntryValue(index)),
                has_path,
                style,
            );
            rules.push(Entry {
                key: key.clone(),
                matcher,
                output,
            });
        }
        (!rules.is_empty()).then_some(rules)
    }

    fn reserved_groups(&mut self, key: &MapKey, matcher: &Matcher, path: &[PathSeg]) {
        for name in matcher.group_names().filter(|name| RESERVED.contains(name)) {
            let text = key.to_string();
            let at = text
                .find(&format!("<{name}>"))
                .map_or(1, |byte| text[..byte].chars().count() + 2);
            let message = format!("a group cannot have the name {name:?}, which the mapping supplies");
            self.errors.push(
                CompileError::new(ErrorKind::ReservedName, text, message)
                    .at_column(at)
                    .below(path),
            );
        }
    }

    fn output(
        &mut self,
        node: &SpecNode,
        matcher: &Matcher,
        mut path: Vec<PathSeg>,
        has_path: bool,
        style: BareStyle,
    ) -> Output {
        let group = |name: &Name| match name {
            Name::Text(name) => matcher.group_number(name),
            Name::Number(index) => Some(*index).filter(|index| (1..=matcher.groups()).contains(index)),
            Name::Auto(_) => None,
        };
        let supplied = |name: &Name| match name {
            Name::Text(name) => match name.as_str() {
                "input" | "value" => true,
                "json" => has_path,
                "topic" => self.direction != Direction::Watch,
                _ => false,
            },
            Name::Auto(_) | Name::Number(_) => false,
        };
        let knows = |name: &Name| supplied(name) || group(name).is_some();
        let mut compiler = OutputCompiler {
            knows: &knows,
            group: &group,
            style,
            uses_groups: false,
            errors: Vec::new(),
        };
        let output = compiler.output(node, &mut path);
        let errors = compiler.errors;
        if let (Output::Fixed(value), true) = (&output, errors.is_empty()) {
            self.check_allowed(value, &path);
        }
        self.errors.extend(errors);
        output
    }
}

fn extended(path: &[PathSeg], step: PathSeg) -> Vec<PathSeg> {
    path.iter().cloned().chain([step]).collect()
}

fn find<'n>(entries: &'n [(MapKey, SpecNode)], name: &str) -> Option<&'n SpecNode> {
    let found = entries
        .iter()
        .find(|(key, _)| matches!(key, MapKey::Text(text) if text == name));
    found.map(|(_, node)| node)
}

fn is_section_key(key: &MapKey) -> bool {
    matches!(key, MapKey::Text(text) if KEYS.contains(&text.as_str()) || text == "format")
}

/// A text that is almost a key of a section, and that key.
fn near_miss(key: &MapKey) -> Option<(&str, &'static str)> {
    let MapKey::Text(text) = key else { return None };
    let meant = KEYS
        .iter()
        .find(|known| known.len() > 3 && (1..=2).contains(&distance(text, known)))?;
    Some((text, meant))
}

/// Edits between two texts; texts that differ much in length count as far apart.
fn distance(left: &str, right: &str) -> usize {
    if left.len().abs_diff(right.len()) > 2 {
        return usize::MAX;
    }
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, char) in left.chars().enumerate() {
        let mut diagonal = index;
        row[0] = index + 1;
        for (at, other) in right.iter().enumerate() {
            let replaced = diagonal + usize::from(char != *other);
            diagonal = row[at + 1];
            row[at + 1] = replaced.min(diagonal + 1).min(row[at] + 1);
        }
    }
    row[right.len()]
}
