//! One template per object.

use serde_json::Value;

use super::parameter::Parameter;
use crate::bundle::VerifiedBundle;
use crate::render::error::RenderError;
use crate::render::names::FileNames;
use crate::render::{objects, yaml};

/// File name and text of every template.
pub(super) fn all(
    bundle: &VerifiedBundle,
    parameters: &[Parameter],
) -> Result<Vec<(String, String)>, RenderError> {
    let mut names = FileNames::default();
    let mut out = Vec::new();
    for parameter in parameters {
        for target in &parameter.targets {
            if !bundle
                .objects()
                .iter()
                .any(|object| object.key() == &target.object)
            {
                return Err(parameter.refuse(format!("there is no {}", target.object)));
            }
        }
    }
    for (object, value) in bundle.objects().iter().zip(objects(bundle)) {
        let name = names.of(object.key());
        let places = places(parameters, object.key(), &value)?;
        out.push((name, template(value, &places)?));
    }
    Ok(out)
}

/// One scalar with look-ups in it.
struct Place<'a> {
    pointer: String,
    /// `None`: the whole scalar is one value.
    parts: Option<Vec<Part<'a>>>,
    whole: &'a Parameter,
}

/// A piece of a text.
enum Part<'a> {
    Text(String),
    Value(&'a Parameter),
}

fn places<'a>(
    parameters: &'a [Parameter],
    key: &crate::object::ObjectKey,
    value: &Value,
) -> Result<Vec<Place<'a>>, RenderError> {
    let mut found: Vec<(&str, usize, usize, bool, &Parameter)> = Vec::new();
    for parameter in parameters {
        for target in parameter.targets.iter().filter(|target| target.object == *key) {
            let range = target.range.clone().unwrap_or_default();
            found.push((
                &target.pointer,
                range.start,
                range.end,
                target.range.is_none(),
                parameter,
            ));
        }
    }
    found.sort_by_key(|(pointer, start, ..)| (*pointer, *start));
    let mut places: Vec<Place<'a>> = Vec::new();
    for group in found.chunk_by(|one, other| one.0 == other.0) {
        let (pointer, _, _, is_whole, first) = group[0];
        let scalar = value.pointer(pointer).unwrap_or(&Value::Null);
        let parts = if is_whole {
            if group.len() > 1 || *scalar != first.default {
                return Err(first.refuse(format!("{key} does not hold it, or not alone, at {pointer}")));
            }
            None
        } else {
            Some(
                parts(
                    scalar,
                    group
                        .iter()
                        .map(|(_, start, end, _, parameter)| (*start..*end, *parameter)),
                )
                .ok_or_else(|| first.refuse(format!("{key} does not hold it at {pointer}")))?,
            )
        };
        places.push(Place {
            pointer: pointer.to_owned(),
            parts,
            whole: first,
        });
    }
    Ok(places)
}

/// The text in pieces; `None` when a range does not hold the default, or two overlap.
fn parts<'a>(
    scalar: &Value,
    ranges: impl Iterator<Item = (std::ops::Range<usize>, &'a Parameter)>,
) -> Option<Vec<Part<'a>>> {
    let text = scalar.as_str()?;
    let mut parts = Vec::new();
    let mut at = 0;
    for (range, parameter) in ranges {
        if text.get(range.clone())? != Parameter::shown(&parameter.default) {
            return None;
        }
        parts.push(Part::Text(text.get(at..range.start)?.to_owned()));
        parts.push(Part::Value(parameter));
        at = range.end;
    }
    parts.push(Part::Text(text.get(at..)?.to_owned()));
    parts.retain(|part| !matches!(part, Part::Text(text) if text.is_empty()));
    Some(parts)
}

/// Writes the object with a mark for every look-up, and then the look-ups in place of the marks.
fn template(mut value: Value, places: &[Place<'_>]) -> Result<String, RenderError> {
    let mark = mark(&value);
    let mut actions = Vec::new();
    for place in places {
        let scalar = value.pointer_mut(&place.pointer);
        let scalar = scalar.ok_or_else(|| {
            place
                .whole
                .refuse(format!("there is nothing at {}", place.pointer))
        })?;
        let mut put = |action: String| {
            actions.push(action);
            format!("{mark}{}z", actions.len() - 1)
        };
        let text = match &place.parts {
            None => put(format!("{{{{ .Values.{} | toJson }}}}", place.whole.path)),
            Some(parts) if is_block(parts) => parts
                .iter()
                .map(|part| match part {
                    Part::Text(text) => text.clone(),
                    Part::Value(parameter) => put(format!("{{{{ {} }}}}", parameter.lookup())),
                })
                .collect(),
            Some(parts) => {
                let arguments: Vec<String> = parts
                    .iter()
                    .map(|part| match part {
                        Part::Text(text) => go_string(text),
                        Part::Value(parameter) => parameter.lookup(),
                    })
                    .collect();
                put(format!("{{{{ print {} | toJson }}}}", arguments.join(" ")))
            }
        };
        *scalar = text.into();
    }
    let mut text = escape_before(&yaml::document(&value), &mark);
    for (index, action) in actions.iter().enumerate() {
        text = text.replace(&format!("{mark}{index}z"), action);
    }
    Ok(text)
}

/// Text of several lines is a block, where values stand as they are; they have no line breaks. A block that begins with
/// a value could begin with a blank.
fn is_block(parts: &[Part<'_>]) -> bool {
    let whole: String = parts
        .iter()
        .map(|part| match part {
            Part::Text(text) => text.as_str(),
            Part::Value(_) => "v",
        })
        .collect();
    matches!(parts.first(), Some(Part::Text(_))) && yaml::is_block(&whole)
}

/// A word that is nowhere in the object, and is plain in YAML.
fn mark(value: &Value) -> String {
    let text = value.to_string();
    let candidates = (0..).map(|count| format!("mark{count}x"));
    let free = candidates.into_iter().find(|mark| !text.contains(mark.as_str()));
    free.expect("the numbers do not end")
}

/// What would begin a look-up stays text.
pub(super) fn escape(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}

/// As [`escape`]; also a single brace before a mark, which would make three.
fn escape_before(text: &str, mark: &str) -> String {
    escape(text).replace(&format!("{{{mark}"), &format!("{{{{ \"{{\" }}}}{mark}"))
}

/// A string of Go. JSON is one, but for a slash that nobody escapes here.
fn go_string(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    // Braces inside an action end nothing, but a reader of templates should not have to know that.
    quoted.replace("{{", "{\\u007b")
}
