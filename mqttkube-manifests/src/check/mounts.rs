//! What is mounted where.

use serde_json::Value;

use super::pod::{Pod, items};
use super::references::is_mounted;
use super::report::Findings;
use super::rules;

pub(super) fn check(pod: &Pod<'_>, findings: &mut Findings) {
    for container in pod.containers() {
        let mounts: Vec<(&Value, &str)> = items(&container.value["volumeMounts"])
            .filter_map(|mount| Some((mount, mount["mountPath"].as_str()?.trim_end_matches('/'))))
            .collect();
        for (index, (mount, path)) in mounts.iter().enumerate() {
            let at = |member: &str| container.path(pod, &format!("volumeMounts[{index}].{member}"));
            if mounts[..index].iter().any(|(_, other)| other == path) {
                let message = format!("`{path}` is mounted twice in container {}", container.name());
                findings.add(&rules::MOUNT_TWICE, pod.object, at("mountPath"), message);
            }
            let sub_path = !mount["subPath"].is_null() || !mount["subPathExpr"].is_null();
            if sub_path && is_configuration(pod, &mount["name"]) {
                let message = format!("`{path}` never follows a change of its source");
                findings.add(&rules::SUB_PATH_NEVER_UPDATES, pod.object, at("subPath"), message);
            }
            let outer = mounts
                .iter()
                .find(|(_, other)| path.strip_prefix(other).is_some_and(|rest| rest.starts_with('/')));
            // A file by subPath inside a mounted folder is the ordinary way to add one.
            if let Some((_, outer)) = outer.filter(|_| !sub_path) {
                let message = format!("`{path}` lies inside the mount `{outer}`");
                findings.add(&rules::MOUNT_HIDES, pod.object, at("mountPath"), message);
            }
        }
    }
    for (index, volume) in pod.volumes() {
        if !is_mounted(pod, &volume["name"]) {
            let message = format!("no container mounts the volume {}", volume["name"]);
            findings.add(
                &rules::UNUSED_VOLUME,
                pod.object,
                format!("{}.volumes[{index}]", pod.path),
                message,
            );
        }
    }
}

fn is_configuration(pod: &Pod<'_>, name: &Value) -> bool {
    pod.volumes().any(|(_, volume)| {
        let kinds = ["configMap", "secret", "projected"];
        volume["name"] == *name && kinds.iter().any(|kind| !volume[*kind].is_null())
    })
}
