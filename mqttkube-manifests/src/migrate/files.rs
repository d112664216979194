//! Where a file that a container sees comes from.

use serde_json::Value;

use super::{Work, items};

/// A file from a ConfigMap or Secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct File {
    /// `ConfigMap` or `Secret`.
    pub(super) kind: &'static str,
    /// The name of the object.
    pub(super) name: String,
    /// The key in its data.
    pub(super) key: String,
    /// It lies in a mounted folder, where the kubelet puts symbolic links.
    pub(super) link: bool,
}

/// The file at a path inside of a container, when it is a key of a ConfigMap or Secret.
pub(super) fn find(spec: &Value, container: &Value, path: &str) -> Option<File> {
    let mounts = items(&container["volumeMounts"]).filter_map(|mount| {
        let rest = path.strip_prefix(mount["mountPath"].as_str()?)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((mount, rest.trim_start_matches('/')))
    });
    // The deepest mount is the one that is seen.
    let (mount, rest) = mounts.min_by_key(|(_, rest)| rest.len())?;
    let volume = items(&spec["volumes"]).find(|volume| volume["name"] == mount["name"])?;
    let (inside, link) = match mount["subPath"].as_str() {
        Some(sub) if rest.is_empty() => (sub.to_owned(), false),
        Some(sub) => (format!("{sub}/{rest}"), true),
        None => (rest.to_owned(), true),
    };
    let projected = items(&volume["projected"]["sources"]);
    std::iter::once(volume).chain(projected).find_map(|source| {
        let (kind, source, name) = match (source.get("configMap"), source.get("secret")) {
            (Some(map), _) => ("ConfigMap", map, &map["name"]),
            (_, Some(secret)) => (
                "Secret",
                secret,
                secret.get("secretName").unwrap_or(&secret["name"]),
            ),
            _ => return None,
        };
        let key = match source.get("items") {
            None => inside.clone(),
            Some(list) => items(list).find(|item| item["path"] == inside.as_str())?["key"]
                .as_str()?
                .to_owned(),
        };
        Some(File {
            kind,
            name: name.as_str()?.to_owned(),
            key,
            link,
        })
    })
}

impl File {
    /// Its text, when the bundle has it.
    pub(super) fn text(&self, work: &Work, namespace: &Value) -> Option<String> {
        let object = &work.objects[work.find(self.kind, namespace, &self.name)?];
        if self.kind == "ConfigMap" || object["stringData"][&self.key].is_string() {
            let member = if self.kind == "ConfigMap" {
                "data"
            } else {
                "stringData"
            };
            return object[member][&self.key].as_str().map(str::to_owned);
        }
        let bytes: k8s_openapi::ByteString =
            serde_json::from_value(object["data"].get(&self.key)?.clone()).ok()?;
        String::from_utf8(bytes.0).ok()
    }
}
