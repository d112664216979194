//! What a broker shares with the containers beside it.

use serde_json::Value;

use super::{Broker, items};
use crate::check::matching::Matching;
use crate::check::pod::{Container, Pod};
use crate::check::report::Findings;
use crate::check::rules;

/// A configuration that another container writes: is it there in time, and where does its secret lie?
pub(super) fn check(broker: &Broker<'_>, findings: &mut Findings) {
    let Some(configuration) = broker.config.as_ref().filter(|config| config.template) else {
        return;
    };
    let Some((index, volume)) = volume_of(broker) else {
        return;
    };
    let object = broker.pod.object;
    let path = format!("{}.volumes[{index}]", broker.pod.path);
    let early = broker
        .pod
        .containers()
        .any(|container| !is_ordinary(&container) && mounts(&container, &volume["name"]));
    if !early {
        let message = format!(
            "container {} starts at the same time as the one that writes {}",
            broker.name(),
            broker.path
        );
        findings.add(&rules::START_RACE, object, path.clone(), message);
    }
    let secret = configuration
        .file
        .text
        .lines()
        .any(|line| line.starts_with("remote_password "));
    if secret && volume["emptyDir"]["medium"] != "Memory" {
        let message = format!(
            "{} with its password is written to the disk of the node",
            broker.path
        );
        findings.add(&rules::SECRET_ON_DISK, object, path, message);
    }
}

fn is_ordinary(container: &Container<'_>) -> bool {
    container.is_long_lived() && container.value["restartPolicy"] != "Always"
}

fn mounts(container: &Container<'_>, volume: &Value) -> bool {
    items(&container.value["volumeMounts"]).any(|mount| mount["name"] == *volume)
}

/// The volume in which the broker's configuration lies.
fn volume_of<'a>(broker: &Broker<'a>) -> Option<(usize, &'a Value)> {
    let holds = |mount: &&Value| {
        let at = mount["mountPath"].as_str().unwrap_or("/").trim_end_matches('/');
        broker
            .path
            .strip_prefix(at)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let container = broker.container.value;
    let mount = items(&container["volumeMounts"]).find(holds)?;
    broker
        .pod
        .volumes()
        .find(|(_, volume)| volume["name"] == mount["name"])
}

/// Certificates that a serving container gets for itself, with an account at the authority or at a DNS provider.
pub(super) fn certificates<'a>(matching: &Matching<'_, 'a>, pod: &Pod<'a>, findings: &mut Findings) {
    let serves = !matching.services(pod).is_empty();
    for container in pod.containers() {
        for (index, mount) in items(&container.value["volumeMounts"]).enumerate() {
            let folder = mount["mountPath"].as_str().unwrap_or_default();
            let writes = mount["readOnly"] != true && mount["subPath"].is_null();
            if serves && writes && folder.trim_end_matches('/') == "/etc/letsencrypt" {
                let message = format!(
                    "container {} serves clients and holds the account that orders its certificates",
                    container.name()
                );
                let path = container.path(pod, &format!("volumeMounts[{index}]"));
                findings.add(&rules::CERTIFICATES_INSIDE, pod.object, path, message);
            }
        }
    }
}
