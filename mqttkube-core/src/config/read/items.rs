//! Entries of `watch`, `patch` and `action`.

use std::time::Duration;

use mqttkube_mapping::yaml::{Content, Cursor, Section};
use mqttkube_mapping::{TemplateMode, ValuesSpec};

use super::binding::words_tree;
use super::words::{CASTS, ENCODINGS, Limit, MODES, Qos};
use super::{Placed, duration, optional, required};
use crate::config::spec::{
    ActionItemSpec, CommandSpec, LaunchSource, Origin, PatchItemSpec, TopicSpec, WatchItemSpec,
};

macro_rules! placed {
    ($($type:ty),+) => {$(
        impl Placed for $type {
            fn origin(&mut self) -> &mut Origin {
                &mut self.origin
            }
        }
    )+};
}

placed!(WatchItemSpec, PatchItemSpec, ActionItemSpec);

pub(super) fn read_watch(cursor: &Cursor<'_>) -> Option<WatchItemSpec> {
    let mut section = cursor.section("a watch item")?;
    let mut origin = Origin::default();
    let item = WatchItemSpec {
        locus: required(&mut section, "locus", &mut origin),
        topic: topic(&mut section, &mut origin),
        qos: qos(&mut section),
        retain: section.optional("retain"),
        values: values(&mut section, &mut origin),
        on_miss: section.optional("on-miss"),
        on_absent: section.optional("on-absent").unwrap_or_default(),
        on_delete: section.optional("on-delete"),
        min_interval: duration(&mut section, "min-interval", Duration::ZERO),
        encoding: section.choice("encoding", ENCODINGS).unwrap_or(ENCODINGS[0].1),
        origin,
    };
    section.finish();
    Some(item)
}

pub(super) fn read_patch(cursor: &Cursor<'_>) -> Option<PatchItemSpec> {
    let mut section = cursor.section("a patch item")?;
    let mut origin = Origin::default();
    let item = PatchItemSpec {
        command: command(&mut section, &mut origin),
        locus: required(&mut section, "locus", &mut origin),
        cast: section.choice("type", CASTS).unwrap_or(CASTS[0].1),
        strategy: section.optional("strategy").unwrap_or_default(),
        min: section.optional("min").map(|limit: Limit| limit.0),
        max: section.optional("max").map(|limit: Limit| limit.0),
        origin,
    };
    section.finish();
    Some(item)
}

pub(super) fn read_action(cursor: &Cursor<'_>) -> Option<ActionItemSpec> {
    let mut section = cursor.section("an action item")?;
    let mut origin = Origin::default();
    let item = ActionItemSpec {
        command: command(&mut section, &mut origin),
        launch: launch(&mut section, &mut origin),
        on_exists: section.optional("on-exists").unwrap_or_default(),
        allow: optional(&mut section, "allow", &mut origin),
        mode: section
            .section("template", "the template options")
            .map(mode)
            .unwrap_or_default(),
        tree: words_tree(cursor),
        origin,
    };
    section.finish();
    Some(item)
}

fn mode(mut section: Section<'_>) -> TemplateMode {
    let mode = section.choice("mode", MODES).unwrap_or_default();
    section.finish();
    mode
}

fn command(section: &mut Section<'_>, origin: &mut Origin) -> CommandSpec {
    CommandSpec {
        topic: topic(section, origin),
        qos: qos(section),
        retained: section.optional("retained"),
        values: values(section, origin),
        id: optional(section, "id", origin),
        result: optional(section, "result", origin),
        dead_letter: optional(section, "dead-letter", origin),
    }
}

fn topic(section: &mut Section<'_>, origin: &mut Origin) -> TopicSpec {
    let absolute = section.or("absolute", false);
    TopicSpec {
        absolute,
        ..required(section, "topic", origin)
    }
}

fn qos(section: &mut Section<'_>) -> Option<u8> {
    section.optional("qos").map(|qos: Qos| qos.0)
}

fn values(section: &mut Section<'_>, origin: &mut Origin) -> ValuesSpec {
    let Some(cursor) = section.get("values") else {
        return ValuesSpec::default();
    };
    cursor.deserialize().unwrap_or_else(|| {
        origin.unread.push("values");
        ValuesSpec::default()
    })
}

/// The path of a template, or the object itself.
fn launch(section: &mut Section<'_>, origin: &mut Origin) -> Option<LaunchSource> {
    let cursor = section.get("launch").filter(|launch| !launch.node().is_null())?;
    let source = match &cursor.node().content {
        Content::Mapping(_) => Some(LaunchSource::Inline(Box::new(cursor.node().clone()))),
        Content::Text(_) => cursor.file_path().and_then(|path| read_template(&cursor, &path)),
        _ => cursor.expected("the path of a template, or an object"),
    };
    if source.is_none() {
        origin.unread.push("launch");
    }
    source
}

fn read_template(cursor: &Cursor<'_>, path: &str) -> Option<LaunchSource> {
    match std::fs::read_to_string(path) {
        Ok(text) => Some(LaunchSource::Text {
            name: path.to_owned(),
            text,
        }),
        Err(error) => {
            let help = "a relative path begins at the folder of this file";
            cursor.error_with_help(format!("the template {path} cannot be read: {error}"), help);
            None
        }
    }
}
