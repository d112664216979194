//! Rights that nobody needs.

use serde_json::Value;

use super::pod::items;
use super::references::find;
use super::report::Findings;
use super::rules;
use crate::bundle::Bundle;
use crate::object::Object;

pub(super) fn check(bundle: &Bundle, findings: &mut Findings) {
    for object in bundle.objects() {
        match object.kind() {
            "ClusterRoleBinding" | "RoleBinding" => binding(bundle, object, findings),
            "ClusterRole" | "Role" => {
                for (index, rule) in items(object.at("/rules")).enumerate() {
                    rights(object, index, rule, findings);
                }
            }
            _ => {}
        }
    }
}

fn binding(bundle: &Bundle, object: &Object, findings: &mut Findings) {
    let reference = object.at("/roleRef");
    if reference["name"] == "cluster-admin" {
        findings.add(
            &rules::CLUSTER_ADMIN,
            object,
            "roleRef",
            "it grants every right on everything",
        );
        return;
    }
    let Some(name) = reference["name"].as_str().filter(|_| reference["kind"] == "Role") else {
        return;
    };
    if find(bundle, object, "Role", name).is_none() {
        findings.add(
            &rules::NO_ROLE,
            object,
            "roleRef",
            format!("Role `{name}` is not in the bundle"),
        );
    }
}

fn rights(object: &Object, index: usize, rule: &Value, findings: &mut Findings) {
    let path = |member: &str| format!("rules[{index}].{member}");
    for member in ["verbs", "apiGroups", "resources", "nonResourceURLs"] {
        if items(&rule[member]).any(|entry| entry == "*") {
            findings.add(
                &rules::WILDCARD_RIGHTS,
                object,
                path(member),
                format!("{member} holds `*`"),
            );
        }
    }
    for verb in
        items(&rule["verbs"]).filter(|verb| *verb == "escalate" || *verb == "bind" || *verb == "impersonate")
    {
        findings.add(
            &rules::DANGEROUS_VERB,
            object,
            path("verbs"),
            format!("it grants {verb}"),
        );
    }
    let reads = |entry: &Value| entry == "get" || entry == "list" || entry == "watch";
    let all = items(&rule["resourceNames"]).next().is_none();
    if all && items(&rule["resources"]).any(|entry| entry == "secrets") && items(&rule["verbs"]).any(reads) {
        findings.add(
            &rules::READS_ALL_SECRETS,
            object,
            path("resources"),
            "it reads every Secret",
        );
    }
}
