//! What lies at a path inside a container, as far as the bundle tells.

use std::borrow::Cow;

use k8s_openapi::ByteString;
use serde_json::Value;

use crate::bundle::Bundle;
use crate::check::pod::{Container, Pod, items};
use crate::check::references::find;
use crate::object::Object;

/// A text of a ConfigMap or Secret.
#[derive(Clone)]
pub(super) struct File<'a> {
    pub(super) object: &'a Object,
    /// Its key in the data.
    pub(super) key: String,
    pub(super) text: Cow<'a, str>,
    /// The container sees a symbolic link: so the kubelet lays out whole folders, but not single files by subPath.
    pub(super) linked: bool,
}

impl File<'_> {
    /// Where a line stands, as the path of a finding.
    pub(super) fn line(&self, line: usize) -> String {
        format!("data[{}], line {line}", self.key)
    }
}

/// What a path leads to.
pub(super) enum Place<'a> {
    /// A text of the bundle.
    File(File<'a>),
    /// A ConfigMap or Secret of the bundle is mounted there and has no such key.
    Missing(&'a Object),
    /// A volume that containers write to; `true` when it outlives the pod.
    Writable(bool),
    /// A volume whose content is not in the bundle.
    Elsewhere,
    /// Nothing is mounted there: what the image brings along.
    Image,
}

/// What the container finds at an absolute path.
pub(super) fn locate<'a>(
    bundle: &'a Bundle,
    pod: &Pod<'a>,
    container: &Container<'a>,
    path: &str,
) -> Place<'a> {
    let mounts = items(&container.value["volumeMounts"]).filter_map(|mount| {
        let at = mount["mountPath"].as_str()?.trim_end_matches('/');
        let rest = path.strip_prefix(at)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((at.len(), mount, rest.trim_start_matches('/')))
    });
    let Some((_, mount, rest)) = mounts.max_by_key(|(length, ..)| *length) else {
        return Place::Image;
    };
    let sub_path = mount["subPath"].as_str();
    let inside = match (sub_path, rest) {
        (None, rest) => rest.to_owned(),
        (Some(sub), "") => sub.to_owned(),
        (Some(sub), rest) => format!("{sub}/{rest}"),
    };
    let name = &mount["name"];
    let volume = pod.volumes().find(|(_, volume)| volume["name"] == *name);
    let Some((_, volume)) = volume else {
        let claims = items(pod.object.at("/spec/volumeClaimTemplates"));
        let claimed = claims.into_iter().any(|claim| claim["metadata"]["name"] == *name);
        return if claimed {
            Place::Writable(true)
        } else {
            Place::Elsewhere
        };
    };
    in_volume(bundle, pod, volume, &inside, sub_path.is_none())
}

fn in_volume<'a>(
    bundle: &'a Bundle,
    pod: &Pod<'a>,
    volume: &'a Value,
    path: &str,
    linked: bool,
) -> Place<'a> {
    if !volume["emptyDir"].is_null() {
        return Place::Writable(false);
    }
    if !volume["persistentVolumeClaim"].is_null()
        || !volume["hostPath"].is_null()
        || !volume["ephemeral"].is_null()
    {
        return Place::Writable(volume["ephemeral"].is_null());
    }
    let mut missing = None;
    for part in std::iter::once(volume).chain(items(&volume["projected"]["sources"])) {
        for (member, kind) in [("configMap", "ConfigMap"), ("secret", "Secret")] {
            let source = &part[member];
            let name = source["name"].as_str().or_else(|| source["secretName"].as_str());
            let Some(object) = name.and_then(|name| find(bundle, pod.object, kind, name)) else {
                continue;
            };
            match key_at(source, path).and_then(|key| text(object, key)) {
                Some((key, text)) => {
                    return Place::File(File {
                        object,
                        key,
                        text,
                        linked,
                    });
                }
                None => missing = Some(object),
            }
        }
    }
    missing.map_or(Place::Elsewhere, Place::Missing)
}

/// The key that a source shows under a path: its own name, or what `items` say.
fn key_at<'a>(source: &'a Value, path: &'a str) -> Option<&'a str> {
    match source["items"].as_array() {
        None => Some(path),
        Some(list) => list
            .iter()
            .find(|item| item["path"] == path)
            .and_then(|item| item["key"].as_str()),
    }
}

/// The text under a key of a ConfigMap or Secret; none when it is absent or no text.
pub(super) fn text<'a>(object: &'a Object, key: &str) -> Option<(String, Cow<'a, str>)> {
    let plain = |member: &str| object.value()[member][key].as_str();
    let text = if object.kind() == "Secret" {
        if let Some(text) = plain("stringData") {
            Cow::Borrowed(text)
        } else {
            let coded = object.value()["data"].get(key)?.clone();
            let ByteString(bytes) = serde_json::from_value(coded).ok()?;
            Cow::Owned(String::from_utf8(bytes).ok()?)
        }
    } else {
        Cow::Borrowed(plain("data")?)
    };
    Some((key.to_owned(), text))
}

/// All texts of ConfigMaps and Secrets that any container of the pod mounts.
pub(super) fn mounted<'a>(bundle: &'a Bundle, pod: &Pod<'a>) -> Vec<File<'a>> {
    let mut files = Vec::new();
    for (_, volume) in pod.volumes() {
        for part in std::iter::once(volume).chain(items(&volume["projected"]["sources"])) {
            for (member, kind) in [("configMap", "ConfigMap"), ("secret", "Secret")] {
                let source = &part[member];
                let name = source["name"].as_str().or_else(|| source["secretName"].as_str());
                let Some(object) = name.and_then(|name| find(bundle, pod.object, kind, name)) else {
                    continue;
                };
                files.extend(texts(object));
            }
        }
    }
    files
}

/// All texts of a ConfigMap or Secret; none of other kinds.
pub(super) fn texts(object: &Object) -> Vec<File<'_>> {
    let members: &[&str] = match object.kind() {
        "ConfigMap" => &["data"],
        "Secret" => &["data", "stringData"],
        _ => &[],
    };
    let keys = members
        .iter()
        .flat_map(|member| object.value()[*member].as_object().into_iter().flatten());
    let texts = keys.filter_map(|(key, _)| text(object, key));
    texts
        .map(|(key, text)| File {
            object,
            key,
            text,
            linked: false,
        })
        .collect()
}
