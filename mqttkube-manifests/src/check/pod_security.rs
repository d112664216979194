//! Pod Security, rule by rule: the baseline and restricted levels of the Pod Security Standards.

use serde_json::Value;

use super::pod::{Container, Pod, items};
use super::report::Findings;
use super::{Rule, rules};
use crate::bundle::Bundle;

pub(super) fn check(bundle: &Bundle, pod: &Pod<'_>, findings: &mut Findings) {
    if level(bundle, pod) == Some("privileged") {
        return; // said openly, by a label of the namespace
    }
    for member in ["hostNetwork", "hostPID", "hostIPC"] {
        if pod.spec[member] == true {
            let message = format!("the pod has `{member}: true`");
            findings.add(
                &rules::HOST_NAMESPACE,
                pod.object,
                format!("{}.{member}", pod.path),
                message,
            );
        }
    }
    if pod.spec["shareProcessNamespace"] == true {
        let message = "the containers of the pod see each other's processes";
        let path = format!("{}.shareProcessNamespace", pod.path);
        findings.add(&rules::SHARED_PROCESSES, pod.object, path, message);
    }
    volumes(pod, findings);
    sysctls(pod, findings);
    for container in pod.containers() {
        Checked {
            pod,
            container,
            findings,
        }
        .all();
    }
}

/// The level that the namespace enforces, where the bundle has the namespace.
fn level<'a>(bundle: &'a Bundle, pod: &Pod<'_>) -> Option<&'a str> {
    let own = |name: &str| pod.namespace() == Some(name);
    let namespace = bundle
        .objects()
        .iter()
        .find(|object| object.kind() == "Namespace" && own(object.name()))?;
    namespace.value()["metadata"]["labels"]["pod-security.kubernetes.io/enforce"].as_str()
}

fn volumes(pod: &Pod<'_>, findings: &mut Findings) {
    const KNOWN: &[&str] = &[
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "persistentVolumeClaim",
        "projected",
        "secret",
    ];
    for (index, volume) in pod.volumes() {
        let path = format!("{}.volumes[{index}]", pod.path);
        let kinds = volume
            .as_object()
            .into_iter()
            .flatten()
            .map(|(key, _)| key.as_str());
        for kind in kinds.filter(|kind| *kind != "name" && !KNOWN.contains(kind)) {
            let (rule, message) = match kind {
                "hostPath" => (
                    &rules::HOST_PATH,
                    format!("volume {} is a folder of the node", volume["name"]),
                ),
                _ => (
                    &rules::VOLUME_KIND,
                    format!("volume {} is a {kind}", volume["name"]),
                ),
            };
            findings.add(rule, pod.object, format!("{path}.{kind}"), message);
        }
    }
}

fn sysctls(pod: &Pod<'_>, findings: &mut Findings) {
    const SAFE: &[&str] = &[
        "kernel.shm_rmid_forced",
        "net.ipv4.ip_local_port_range",
        "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.ping_group_range",
        "net.ipv4.tcp_fin_timeout",
        "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes",
        "net.ipv4.tcp_keepalive_time",
        "net.ipv4.tcp_rmem",
        "net.ipv4.tcp_syncookies",
        "net.ipv4.tcp_wmem",
    ];
    for (index, setting) in items(&pod.spec["securityContext"]["sysctls"]).enumerate() {
        if !setting["name"].as_str().is_some_and(|name| SAFE.contains(&name)) {
            let path = format!("{}.securityContext.sysctls[{index}]", pod.path);
            findings.add(
                &rules::SYSCTL,
                pod.object,
                path,
                format!("{} is not in the safe set", setting["name"]),
            );
        }
    }
}

/// One container under check.
struct Checked<'a, 'f> {
    pod: &'a Pod<'a>,
    container: Container<'a>,
    findings: &'f mut Findings,
}

impl Checked<'_, '_> {
    fn all(&mut self) {
        self.container_only();
        self.capabilities();
        self.user();
        self.profiles();
        self.owners();
        for (index, port) in items(&self.container.value["ports"]).enumerate() {
            if port["hostPort"].as_u64().is_some_and(|number| number != 0) {
                self.add(
                    &rules::HOST_PORT,
                    &format!("ports[{index}].hostPort"),
                    "takes a port of the node",
                );
            }
        }
    }

    fn own(&self, member: &str) -> &Value {
        &self.container.value["securityContext"][member]
    }

    /// A member of the container's context, or of the pod's where the container says nothing.
    fn effective(&self, member: &str) -> &Value {
        match self.own(member) {
            Value::Null => &self.pod.spec["securityContext"][member],
            own => own,
        }
    }

    fn add(&mut self, rule: &Rule, member: &str, message: &str) {
        let path = self.container.path(self.pod, member);
        let message = format!("container {} {message}", self.container.name());
        self.findings.add(rule, self.pod.object, path, message);
    }

    fn container_only(&mut self) {
        if self.own("privileged") == true {
            self.add(&rules::PRIVILEGED, "securityContext.privileged", "is privileged");
        }
        if self.own("allowPrivilegeEscalation") != false {
            let member = "securityContext.allowPrivilegeEscalation";
            self.add(&rules::ESCALATION, member, "may gain privileges");
        }
        if self
            .own("procMount")
            .as_str()
            .is_some_and(|mount| mount != "Default")
        {
            self.add(
                &rules::PROC_MOUNT,
                "securityContext.procMount",
                "sees all of /proc",
            );
        }
    }

    fn capabilities(&mut self) {
        let capabilities = self.own("capabilities").clone();
        for (index, name) in items(&capabilities["add"]).enumerate() {
            if name != "NET_BIND_SERVICE" {
                let member = format!("securityContext.capabilities.add[{index}]");
                self.add(
                    &rules::CAPABILITY,
                    &member,
                    &format!("adds the capability {name}"),
                );
            }
        }
        if !items(&capabilities["drop"]).any(|name| name == "ALL") {
            self.add(
                &rules::NOT_DROPPED,
                "securityContext.capabilities.drop",
                "keeps its default capabilities",
            );
        }
    }

    fn user(&mut self) {
        if *self.effective("runAsUser") == 0 {
            self.add(&rules::MAY_BE_ROOT, "securityContext.runAsUser", "runs as root");
        } else if *self.effective("runAsNonRoot") != true {
            self.add(
                &rules::MAY_BE_ROOT,
                "securityContext.runAsNonRoot",
                "may run as root",
            );
        }
    }

    fn owners(&mut self) {
        for member in ["command", "args"] {
            let value = self.container.value;
            let words = items(&value[member]).filter_map(Value::as_str);
            if words.flat_map(str::split_whitespace).any(|word| word == "chown") {
                self.add(&rules::NEEDS_ROOT, member, "calls chown");
            }
        }
    }

    fn profiles(&mut self) {
        let profile = self.effective("seccompProfile")["type"].clone();
        if profile != "RuntimeDefault" && profile != "Localhost" {
            self.add(
                &rules::NO_SECCOMP,
                "securityContext.seccompProfile",
                "has no seccomp profile",
            );
        }
        let options = self.effective("seLinuxOptions").clone();
        let kind = options["type"].as_str().unwrap_or_default();
        let known = [
            "",
            "container_t",
            "container_init_t",
            "container_kvm_t",
            "container_engine_t",
        ]
        .contains(&kind);
        let own = |member: &str| options[member].as_str().is_some_and(|text| !text.is_empty());
        if !known || own("user") || own("role") {
            self.add(
                &rules::SELINUX,
                "securityContext.seLinuxOptions",
                "has an SELinux context of its own",
            );
        }
    }
}
