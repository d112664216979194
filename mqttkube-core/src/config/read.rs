//! From a YAML document to a [`Spec`]. Only shapes, words and units are checked here; what the texts mean is checked
//! when the specification is compiled, so that a binding built in Rust is checked just the same.

mod binding;
mod cases;
mod items;
mod words;

use mqttkube_mapping::yaml::{Cursor, Duration, FromNode, Section};

use super::spec::{BindingSpec, DefaultsSpec, KubernetesSpec, Origin, Spec, TopicSpec};

/// Reads the sections of the document that are about bindings. `section` is the document itself.
pub(super) fn read_spec(section: &mut Section<'_>) -> Spec {
    Spec {
        kubernetes: section
            .section("kubernetes", "the section kubernetes")
            .map(kubernetes)
            .unwrap_or_default(),
        defaults: section
            .section("defaults", "the section defaults")
            .map(defaults)
            .unwrap_or_default(),
        bindings: bindings(section),
        file: Some(section.cursor().file().to_owned()),
    }
}

fn bindings(section: &mut Section<'_>) -> Vec<BindingSpec> {
    let Some(list) = section.get("bindings").filter(|list| !list.node().is_null()) else {
        return Vec::new();
    };
    numbered(list.items().unwrap_or_default(), |cursor| {
        binding::read_binding(&cursor)
    })
}

/// Reads what can be read of a list, and lets every entry remember its place.
fn numbered<T: Placed>(cursors: Vec<Cursor<'_>>, mut read: impl FnMut(Cursor<'_>) -> Option<T>) -> Vec<T> {
    let placed = |(place, cursor): (usize, Cursor<'_>)| {
        let position = Some(cursor.position());
        let mut entry = read(cursor)?;
        *entry.origin() = Origin {
            place: Some(place),
            position,
            ..std::mem::take(entry.origin())
        };
        Some(entry)
    };
    cursors.into_iter().enumerate().filter_map(placed).collect()
}

/// Something that remembers where it was read.
trait Placed {
    fn origin(&mut self) -> &mut Origin;
}

/// A value that must be there. When it is not, that was reported, and `origin` remembers not to look at it.
fn required<T: FromNode + Default>(section: &mut Section<'_>, key: &'static str, origin: &mut Origin) -> T {
    section.required(key).unwrap_or_else(|| {
        origin.unread.push(key);
        T::default()
    })
}

/// A value that may be missing; a wrong one was reported, and `origin` remembers not to look at it.
fn optional<T: FromNode>(section: &mut Section<'_>, key: &'static str, origin: &mut Origin) -> Option<T> {
    let there = section.get(key).filter(|value| !value.node().is_null())?;
    let value = there.read();
    if value.is_none() {
        origin.unread.push(key);
    }
    value
}

fn kubernetes(mut section: Section<'_>) -> KubernetesSpec {
    let default = KubernetesSpec::default();
    let spec = KubernetesSpec {
        kubeconfig: section
            .get("kubeconfig")
            .filter(|path| !path.node().is_null())
            .and_then(|path| path.file_path()),
        context: section.optional("context"),
        field_manager: section.or("field-manager", default.field_manager),
        request_timeout: duration(&mut section, "request-timeout", default.request_timeout),
        watch_timeout: duration(&mut section, "watch-timeout", default.watch_timeout),
        retry_deadline: duration(&mut section, "retry-deadline", default.retry_deadline),
    };
    section.finish();
    spec
}

fn duration(
    section: &mut Section<'_>,
    key: &'static str,
    default: std::time::Duration,
) -> std::time::Duration {
    section.or(key, Duration::from(default)).get()
}

fn defaults(mut section: Section<'_>) -> DefaultsSpec {
    let spec = DefaultsSpec {
        qos: section.optional("qos").map(|qos: words::Qos| qos.0),
        retain: section.optional("retain"),
        retained: section.optional("retained"),
        result: section.optional("result"),
        dead_letter: section.optional("dead-letter"),
        on_miss: section.optional("on-miss"),
        on_delete: section.optional("on-delete"),
    };
    section.finish();
    spec
}

impl FromNode for TopicSpec {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        cursor.text().map(Self::from)
    }
}
