//! The published tutorials under the check: every defect that they are known for is found, and what is found is all
//! there is to say.

use std::collections::BTreeSet;

use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::check::{Rule, rules};
use mqttkube_manifests::legacy::{binding_service, cloud_bridge, node_port, openshift};

/// What is said of every pod without a security context.
const NO_CONTEXT: [&Rule; 4] = [
    &rules::ESCALATION,
    &rules::NOT_DROPPED,
    &rules::MAY_BE_ROOT,
    &rules::NO_SECCOMP,
];

/// The findings are those of these rules, no more and no less, and each of the parts is said.
#[track_caller]
fn check(bundle: &Bundle, expected: &[&Rule], said: &[&str]) {
    let report = bundle.check();
    let found: BTreeSet<&str> = report.findings().iter().map(|finding| finding.code).collect();
    let expected = expected.iter().chain(&NO_CONTEXT).map(|rule| rule.code);
    assert_eq!(found, expected.collect(), "{report}");
    for part in said {
        assert!(
            report.to_string().contains(part),
            "nothing says {part:?}: {report}"
        );
    }
}

#[test]
fn defects_of_000_the_cloud_bridge() {
    let expected = [
        &rules::KEY_IN_CONFIG_MAP,
        &rules::CONFIG_REFUSED,
        &rules::CONFIG_RISK,
        &rules::LOST_WITH_POD,
        &rules::SERVICE_SELECTS_NOTHING,
        &rules::FLOATING_IMAGE,
        &rules::NO_PROBE,
        &rules::START_RACE,
        &rules::SECRET_ON_DISK,
        &rules::SHARED_PROCESSES,
        &rules::CAPABILITY,
    ];
    let said = [
        "adds the capability \"SYS_PTRACE\"",
        "[bridge-insecure]",
        "`ec_private.pem` holds a private key",
        "starts at the same time as the one that writes",
    ];
    check(&cloud_bridge::bundle(), &expected, &said);
}

/// Its files for kustomize have neither version nor kind, and no name: there is one in a folder.
#[test]
fn defects_of_000_the_files_for_kustomize() {
    let files = cloud_bridge::kustomize().into_iter();
    let found = files.filter(|(path, _)| path.ends_with("/kustomization.yaml"));
    let found: Vec<_> = found
        .flat_map(|(_, mut file)| {
            file["apiVersion"] = "kustomize.config.k8s.io/v1beta1".into();
            file["kind"] = "Kustomization".into();
            let mut bundle = Bundle::new();
            bundle.add_value(file).expect("it needs no name");
            let report = bundle.check();
            report
                .findings()
                .iter()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
        })
        .collect();
    let said = |field: &str, instead: &str| {
        format!(
            "Kustomization/kustomization.yaml: warning[MK705]: kustomize has deprecated `{field}`; it is `{instead}` now\n  \
             at {field}\n  help: {}",
            rules::DEPRECATED_FIELD.help
        )
    };
    assert_eq!(
        found,
        [
            said("bases", "resources"),
            said("patchesStrategicMerge", "patches")
        ]
    );
}

#[test]
fn defects_of_000_in_one_namespace_reach_the_listener() {
    let mut bundle = Bundle::new();
    for object in cloud_bridge::bundle().objects() {
        let mut value = object.value().clone();
        value["metadata"]["namespace"] = "default".into();
        bundle.add_value(value).expect("it is an object");
    }
    let report = bundle.check();
    let local = report
        .findings()
        .iter()
        .find(|finding| finding.code == rules::LOCAL_ONLY.code);
    assert_eq!(
        local.map(|finding| finding.object.as_str()),
        Some("Service/default/mqtt-bridge"),
        "{report}"
    );
}

#[test]
fn defects_of_001_the_node_port() {
    let expected = [
        &rules::REMOVED_API,
        &rules::CERTIFICATES_INSIDE,
        &rules::PASSWORDS_IN_CONFIG_MAP,
        &rules::SUB_PATH_NEVER_UPDATES,
        &rules::ROLLING_ON_ONE_VOLUME,
        &rules::FLOATING_IMAGE,
    ];
    check(
        &node_port::bundle(),
        &expected,
        &["extensions/v1beta1", "orders its certificates"],
    );
}

#[test]
fn defects_of_002_on_openshift() {
    let expected = [
        &rules::DEPRECATED_KIND,
        &rules::NO_TRIGGERS,
        &rules::FLOATING_IMAGE,
    ];
    check(&openshift::bundle(), &expected, &["since OpenShift 4.14"]);
    let with_users = [
        expected.as_slice(),
        &[
            &rules::PASSWORDS_IN_CONFIG_MAP,
            &rules::SUB_PATH_NEVER_UPDATES,
            &rules::USERS_RISK,
        ],
    ];
    check(
        &openshift::with_passwd(),
        &with_users.concat(),
        &["[password-old-hash]"],
    );
}

#[test]
fn defects_of_003_the_binding_service() {
    let expected = [&rules::CLUSTER_ADMIN, &rules::NO_SELECTOR, &rules::FLOATING_IMAGE];
    check(
        &binding_service::bundle(),
        &expected,
        &["it grants every right on everything"],
    );
}
