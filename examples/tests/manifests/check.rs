//! `check` and `explain`.

use std::fs;

use serde_json::{Value, json};

use crate::program::{run, text};

/// A broker as many have it: three things wrong with it, in two files.
const SERVICE: &str = "apiVersion: v1
kind: Service
metadata: {name: mqtt, namespace: iot}
spec:
  selector: {app: mosquito}
  ports:
    - {name: mqtt, port: 1883}
";
const REST: &str = "# two documents, the first one empty
---
apiVersion: v1
kind: List
items:
  - apiVersion: v1
    kind: ConfigMap
    metadata: {name: conf, namespace: iot}
    data:
      passwd: \"sensor:$7$101$BwcHBwcHBwcHBwcH$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==\"
  - apiVersion: v1
    kind: PersistentVolumeClaim
    metadata: {name: data, namespace: iot}
    spec: {resources: {requests: {storage: 1Gi}}}
";

#[track_caller]
fn check(args: &[&str], input: &str, status: i32, expected: &str) {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("service.yaml"), SERVICE).expect("a file");
    fs::write(folder.path().join("rest.yaml"), REST).expect("a file");
    let output = run(folder.path(), args, input);
    assert_eq!(text(&output.stdout), expected, "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(status));
}

/// The files of kustomize are known by their names, one per folder.
#[test]
fn files_of_kustomize_need_not_say_what_they_are() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in [
        ("base", "resources: [service.yaml]\ncommonLabels: {app: mqtt}\n"),
        ("overlay", "bases: [../base]\n"),
    ] {
        fs::create_dir(folder.path().join(name)).expect("a folder");
        fs::write(folder.path().join(name).join("kustomization.yaml"), text).expect("a file");
    }
    let args = ["check", "base/kustomization.yaml", "overlay/kustomization.yaml"];
    let output = run(folder.path(), &args, "");
    let expected = "\
base/kustomization.yaml:2:15: warning[MK705]: Kustomization/base/kustomization.yaml: kustomize has deprecated `commonLabels`; it is `labels` now
  at commonLabels
  help: write its successor, or let `kustomize edit fix` do it
overlay/kustomization.yaml:1:8: warning[MK705]: Kustomization/overlay/kustomization.yaml: kustomize has deprecated `bases`; it is `resources` now
  at bases
  help: write its successor, or let `kustomize edit fix` do it
fine, with 2 warnings: 2 objects
`mqttkube-manifests explain MK705` says more
";
    assert_eq!(text(&output.stdout), expected, "{}", text(&output.stderr));
}

#[test]
fn findings_stand_at_their_place_in_the_order_of_the_files() {
    let expected = "\
service.yaml:5:13: error[MK107]: Service/iot/mqtt: no pod of the bundle has the labels {\"app\":\"mosquito\"}
  at spec.selector
  help: make the selector equal to labels of the pod template
rest.yaml:10:15: error[MK402]: ConfigMap/iot/conf: `passwd` holds password hashes of Mosquitto
  at data[passwd]
  help: put it into a Secret
rest.yaml:14:11: error[MK606]: PersistentVolumeClaim/iot/data: the claim has no access mode
  at spec.accessModes
  help: write `accessModes: [ReadWriteOnce]`
3 errors: 3 objects
`mqttkube-manifests explain MK107` says more
";
    check(&["check", "service.yaml", "rest.yaml"], "", 2, expected);
}

#[test]
fn codes_are_allowed_and_warnings_denied() {
    let allow = ["check", "--allow", "mk107", "service.yaml"];
    check(&allow, "", 0, "fine: 1 object\n");
    let floating = "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  automountServiceAccountToken: no\n  \
                    securityContext: {runAsNonRoot: yes, runAsUser: 1883, seccompProfile: {type: RuntimeDefault}}\n  \
                    containers:\n    - name: a\n      image: eclipse-mosquitto\n      securityContext: \
                    {allowPrivilegeEscalation: off, capabilities: {drop: [ALL]}}\n";
    let finding = |severity: &str| {
        format!(
            "<stdin>:9:14: {severity}[MK702]: Pod/a: the image `eclipse-mosquitto` of container a names no version\n  at spec.containers[0].image\n  \
             help: write a version as tag, or a digest\n"
        )
    };
    let more = "`mqttkube-manifests explain MK702` says more\n";
    let warned = format!("{}fine, with 1 warning: 1 object\n{more}", finding("warning"));
    check(&["check", "-"], floating, 0, &warned);
    let denied = format!("{}1 error: 1 object\n{more}", finding("error"));
    check(&["check", "-", "--deny", "MK702"], floating, 2, &denied);
    check(&["check", "-", "--deny", "warnings"], floating, 2, &denied);
}

#[test]
fn what_is_no_object_has_its_place_too() {
    let input = "apiVersion: v1\nkind: Namespace\nmetadata: {name: a}\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: \
                 a}\n---\nkind: Deployment\nmetadata: {name: a}\n---\n- a list\n---\napiVersion: v1\nkind: Namespace\nmetadata: {}\n";
    let expected = "\
<stdin>:5:1: error: Namespace/a is in the bundle already
<stdin>:9:1: error: the object has no apiVersion
<stdin>:12:1: error: a Kubernetes object is a map
<stdin>:14:1: error: the object has no metadata.name
4 errors: 1 object
";
    check(&["check", "-"], input, 2, expected);
    let missing = "no-such.yaml:1:1: error: the file cannot be read: No such file or directory (os error 2)\n1 error: 0 objects\n";
    check(&["check", "no-such.yaml"], "", 2, missing);
    let broken =
        "<stdin>:1:1: error: duplicate key \"a\"; it is there at line 1 already\n1 error: 0 objects\n";
    let broken = broken.replace(":1:1:", ":2:1:");
    check(&["check", "-"], "a: 1\na: 2\n", 2, &broken);
}

#[test]
fn programs_read_the_result_as_json() {
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(folder.path(), &["check", "-", "--output", "json"], SERVICE);
    let report: Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    let expected = json!({"ok": false, "objects": 1, "problems": [{
        "file": "<stdin>", "line": 5, "column": 13, "severity": "error", "code": "MK107", "object": "Service/iot/mqtt",
        "path": "spec.selector", "message": "no pod of the bundle has the labels {\"app\":\"mosquito\"}",
        "help": "make the selector equal to labels of the pod template",
    }]});
    assert_eq!(report, expected);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_code_is_explained_and_an_unknown_one_is_wrong_usage() {
    let expected = "\
MK604 (error): a rolling update of a workload on a volume for one node

Why: The new pod waits for the volume, the old one waits for the new pod: neither goes on when they meet on two nodes.

Instead: write `strategy: {type: Recreate}`, or use a StatefulSet

Found:
  kind: Deployment
  spec: {strategy: {type: RollingUpdate}}   # on a claim that is ReadWriteOnce

Write:
  kind: Deployment
  spec: {strategy: {type: Recreate}}
";
    check(&["explain", "mk604"], "", 0, expected);
    let folder = tempfile::tempdir().expect("a folder");
    let unknown = run(folder.path(), &["explain", "MK640"], "");
    assert_eq!(unknown.status.code(), Some(2));
    assert!(
        text(&unknown.stderr).contains("did you mean \"MK604\"?"),
        "{}",
        text(&unknown.stderr)
    );
    let list = text(&run(folder.path(), &["explain", "--list"], "").stdout);
    assert!(
        list.starts_with("MK001 error   a name that breaks the rules"),
        "{list}"
    );
    assert_eq!(run(folder.path(), &[], "").status.code(), Some(2));
}
