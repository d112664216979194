//! Volumes: folders, and files behind links that are swapped.

use std::collections::BTreeMap;
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use k8s_openapi::ByteString;
use mqttkube_manifests::bundle::Bundle;
use rustix::process::geteuid;
use serde_json::Value;

use super::pod::Pod;
use super::{list, number};

impl Pod {
    pub(super) fn make_volumes(&self, bundle: &Bundle) {
        for mount in self.mounts() {
            assert!(mount.get("subPath").is_none(), "a file would never change");
            let folder = self.volume(mount["name"].as_str().expect("a name"));
            if !folder.exists() {
                std::fs::create_dir(&folder).unwrap();
                self.give(&folder);
                mode(&folder, 0o2775);
            }
        }
        for volume in list(&self.spec["volumes"]) {
            self.project(bundle, volume);
        }
    }

    /// All mounts of all containers.
    pub(super) fn mounts(&self) -> impl Iterator<Item = &Value> {
        let containers = list(&self.spec["initContainers"]).chain(list(&self.spec["containers"]));
        containers.flat_map(|container| list(&container["volumeMounts"]))
    }

    /// The folder of a volume.
    pub(super) fn volume(&self, name: &str) -> PathBuf {
        self.root.path().join(format!("volume-{name}"))
    }

    /// Files of ConfigMaps and Secrets in a folder of their own, a link that points to it, and links through that.
    pub(super) fn project(&self, bundle: &Bundle, volume: &Value) {
        let folder = self.volume(volume["name"].as_str().expect("a name"));
        let Some((sources, common)) = sources(volume) else {
            return;
        };
        let data = format!("..2026_{}", self.version);
        std::fs::create_dir(folder.join(&data)).unwrap();
        for (kind, source) in sources {
            let named = source.get("name").or_else(|| source.get("secretName"));
            let named = named.and_then(Value::as_str).expect("a name");
            for (key, path, own) in self.files(bundle, kind, named, source) {
                let file = folder.join(&data).join(&path);
                std::fs::write(&file, self.content(bundle, kind, named, &key)).unwrap();
                self.give(&file);
                mode(&file, own.unwrap_or(common) | 0o440);
                let link = folder.join(&path);
                if link.symlink_metadata().is_err() {
                    symlink(Path::new("..data").join(&path), link).unwrap();
                }
            }
        }
        self.give(&folder.join(&data));
        mode(&folder.join(&data), 0o2755);
        symlink(&data, folder.join("..data_tmp")).unwrap();
        std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    }

    /// Key, path and mode of what a source has.
    fn files(
        &self,
        bundle: &Bundle,
        kind: &str,
        named: &str,
        source: &Value,
    ) -> Vec<(String, String, Option<u32>)> {
        let text = |value: &Value| value.as_str().expect("text").to_owned();
        if source["items"].is_array() {
            let item = |item: &Value| (text(&item["key"]), text(&item["path"]), number(&item["mode"]));
            return list(&source["items"]).map(item).collect();
        }
        let found = bundle.find(kind, self.namespace.as_deref(), named);
        let found = found.unwrap_or_else(|| panic!("{kind} {named} is mounted as a whole, and is not there"));
        let keys = found.at("/data").as_object().into_iter().flatten();
        keys.map(|(key, _)| (key.clone(), key.clone(), None)).collect()
    }

    fn content(&self, bundle: &Bundle, kind: &str, named: &str, key: &str) -> String {
        let Some(found) = bundle.find(kind, self.namespace.as_deref(), named) else {
            assert_eq!(kind, "Secret", "nobody makes {named}");
            return self.secret(named, key);
        };
        let value = found.value()["data"][key].clone();
        let text = if kind == "Secret" {
            let bytes: ByteString = serde_json::from_value(value).unwrap();
            String::from_utf8(bytes.0).expect("text")
        } else {
            value.as_str().expect("text").to_owned()
        };
        self.here(&text)
    }

    /// Gives a file to root and the group of the pod.
    fn give(&self, path: &Path) {
        if geteuid().is_root() {
            chown(path, Some(0), Some(self.account().1)).unwrap();
        }
    }
}

/// Kind and reference of each source.
type Sources<'a> = Vec<(&'static str, &'a Value)>;

/// ConfigMaps and Secrets of a volume, and the mode of its files.
fn sources(volume: &Value) -> Option<(Sources<'_>, u32)> {
    let kind = |name: &str| match name {
        "configMap" => Some("ConfigMap"),
        "secret" => Some("Secret"),
        _ => None,
    };
    let (source, found) = if let Some(projected) = volume.get("projected") {
        let each = list(&projected["sources"]).filter_map(|source| source.as_object()?.iter().next());
        let found = each.map(|(name, source)| (kind(name).expect("a kind that is known here"), source));
        (projected, found.collect())
    } else {
        let mut members = volume.as_object()?.iter();
        let (kind, source) = members.find_map(|(name, source)| Some((kind(name)?, source)))?;
        (source, vec![(kind, source)])
    };
    Some((found, number(&source["defaultMode"]).unwrap_or(0o644)))
}

/// A text in which paths lead elsewhere: whole ones, and what is below them.
pub(super) fn moved(text: &str, places: &BTreeMap<&str, PathBuf>) -> String {
    let part = |char: char| char.is_alphanumeric() || "._-".contains(char);
    let (mut out, mut rest, mut before) = (String::new(), text, ' ');
    while let Some(first) = rest.chars().next() {
        // The longest comes last in the order.
        let place = places.iter().rev().find(|(path, _)| {
            let after = rest.strip_prefix(**path);
            !part(before) && after.is_some_and(|after| !after.starts_with(part))
        });
        let length = if let Some((path, folder)) = place {
            out.push_str(&folder.display().to_string());
            path.len()
        } else {
            out.push(first);
            first.len_utf8()
        };
        before = rest[..length].chars().next_back().unwrap_or(' ');
        rest = &rest[length..];
    }
    out
}

pub(super) fn mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}
