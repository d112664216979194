//! Four outputs, one set of objects: flat YAML, what kubectl makes of the kustomize directory, and what Helm makes of the
//! chart. The fourth, server-side apply, sends the objects of the first.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use mqttkube_manifests::bundle::{Bundle, VerifiedBundle};
use mqttkube_manifests::legacy::cloud_bridge;
use mqttkube_manifests::render::helm::Chart;
use mqttkube_manifests::render::kustomize::Kustomize;
use mqttkube_manifests::render::{File, name_hash, objects, yaml};
use mqttkube_mapping::yaml::{Loader, Schema};
use mqttkube_tests::process::{find, programs};
use mqttkube_tests::skip::{Need, lacks};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::cases::{self, Case};

/// Writes the files below a new folder.
pub(super) fn folder(files: &[File]) -> TempDir {
    let folder = TempDir::with_prefix("render-").unwrap();
    for file in files {
        let path = folder.path().join(&file.path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &file.text).unwrap();
    }
    folder
}

/// What a program prints; it must succeed, and say nothing else.
pub(super) fn output(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        output.status.success() && errors.is_empty(),
        "{command:?}: {errors}{text}"
    );
    text
}

/// Objects by what tells them apart.
pub(super) fn by_key(objects: impl IntoIterator<Item = Value>) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    for mut object in objects {
        // Generators of kustomize break long base64 into lines, which nobody who decodes it sees.
        if object["kind"] == "Secret" {
            let texts = object["data"].as_object_mut().into_iter().flatten();
            for text in texts.map(|(_, text)| text) {
                *text = text.as_str().unwrap().replace('\n', "").into();
            }
        }
        let metadata = &object["metadata"];
        let key = format!(
            "{} {} {}",
            object["kind"], metadata["namespace"], metadata["name"]
        );
        found.insert(key, object);
    }
    found
}

/// The objects in a text, as kubectl types them.
pub(super) fn read(text: &str) -> BTreeMap<String, Value> {
    let trees = Loader::new("out.yaml", "")
        .schema(Schema::Kubectl)
        .parse_all(text)
        .unwrap();
    by_key(
        trees
            .iter()
            .map(|tree| tree.root().to_json().unwrap())
            .filter(|tree| !tree.is_null()),
    )
}

#[track_caller]
pub(super) fn assert_same(what: &str, found: &BTreeMap<String, Value>, expected: &BTreeMap<String, Value>) {
    let names = |set: &BTreeMap<String, Value>| set.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(found), names(expected), "{what}");
    for (key, object) in found {
        assert_eq!(object, &expected[key], "{what}: {key}");
    }
}

fn expected(bundle: &VerifiedBundle) -> BTreeMap<String, Value> {
    by_key(objects(bundle))
}

/// `kubectl kustomize`, which must not warn.
fn kustomize(folder: &Path) -> BTreeMap<String, Value> {
    read(&output(
        Command::new(find("kubectl").unwrap())
            .arg("kustomize")
            .arg(folder),
    ))
}

/// `helm template` with some values set.
pub(super) fn template(chart: &Path, values: &Value) -> BTreeMap<String, Value> {
    let file = chart.join("set.json");
    std::fs::write(&file, values.to_string()).unwrap();
    let mut command = Command::new(programs::kubernetes("helm").unwrap());
    command
        .args(["template", "release"])
        .arg(chart)
        .arg("--values")
        .arg(&file);
    read(&output(&mut command))
}

/// The changed values as Helm reads them.
fn values(case: &Case) -> Value {
    let mut values = json!({});
    for setting in &case.settings {
        let mut here = &mut values;
        for word in setting.path.split('.') {
            here = &mut here[word];
        }
        *here = setting.other.clone();
    }
    values
}

#[test]
fn flat_yaml_holds_the_objects_and_is_the_same_twice() {
    for case in cases::all() {
        let bundle = case.bundle();
        assert_same(case.name, &read(&yaml::render(&bundle)), &expected(&bundle));
        assert_eq!(
            yaml::render(&bundle),
            yaml::render(&case.bundle()),
            "{}",
            case.name
        );
    }
}

/// Base and an overlay in which every setting is another, with names after the content and without.
#[test]
fn kubectl_kustomize_gives_the_same_objects() {
    if lacks(&[Need::Kubectl]) {
        return;
    }
    for case in cases::all() {
        let (base, changed) = (case.bundle(), case.changed());
        for hashed in [false, true] {
            let mut directory = Kustomize::new(base.clone()).overlay("changed", changed.clone(), &[]);
            if hashed {
                directory = directory.generate(cases::with_content(&base));
            }
            let files = directory.render().unwrap();
            assert_eq!(
                files,
                directory.render().unwrap(),
                "{}: not the same twice",
                case.name
            );
            let folder = folder(&files);
            let what = format!("{}, hashed: {hashed}", case.name);
            let base = expected(&directory.expected(None).unwrap());
            assert_same(&what, &kustomize(&folder.path().join("base")), &base);
            let overlay = expected(&directory.expected(Some("changed")).unwrap());
            assert_same(
                &what,
                &kustomize(&folder.path().join("overlays/changed")),
                &overlay,
            );
        }
    }
}

/// Everything that a layer can do: add, delete, patch, merge and replace data, in components and overlays.
#[test]
fn layers_of_kustomize_add_up_to_the_bundle() {
    if lacks(&[Need::Kubectl]) {
        return;
    }
    let config = |name: &str, data: Value| {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": "n", "labels": {"l": "v"}},
            "data": data})
    };
    let role = |name: &str, resources: &[&str]| {
        json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": name, "namespace": "n"},
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "resourceNames": resources, "verbs": ["get"]}]})
    };
    let bundle = |objects: &[Value]| {
        let mut bundle = Bundle::new();
        for object in objects {
            bundle.add_value(object.clone()).unwrap();
        }
        bundle.unverified("a test").unwrap()
    };
    let kept = config("kept", json!({"a": "1", "b": "two words\n"}));
    let base = bundle(&[
        kept,
        config("gone", json!({"a": "x"})),
        role("r.s", &["kept", "gone"]),
        role("r-s", &[]),
    ]);
    let with_component = bundle(&[
        config("kept", json!({"a": "1", "b": "two words\n", "c": "{{ three }}"})),
        config("gone", json!({"a": "x"})),
        role("r.s", &["kept", "gone"]),
        role("r-s", &[]),
        config("more", json!({"x": "y"})),
    ]);
    let site = bundle(&[
        config("kept", json!({"a": "2", "c": "{{ three }}"})),
        role("r.s", &["kept", "more"]),
        role("r-s", &["kept"]),
        config("more", json!({"x": "y"})),
    ]);
    let keys: Vec<_> = [&base, &with_component]
        .into_iter()
        .flat_map(cases::with_content)
        .collect();
    for hashed in [vec![], keys] {
        let directory = Kustomize::new(base.clone())
            .generate(hashed)
            .component("more", with_component.clone())
            .overlay("site", site.clone(), &["more"])
            .overlay("same", base.clone(), &[]);
        let folder = folder(&directory.render().unwrap());
        for name in ["site", "same"] {
            let overlay = expected(&directory.expected(Some(name)).unwrap());
            assert_same(
                name,
                &kustomize(&folder.path().join("overlays").join(name)),
                &overlay,
            );
        }
    }
}

/// With the defaults, and with every value another (ten and more).
#[test]
fn helm_template_gives_the_same_objects() {
    if lacks(&[Need::Built("helm")]) {
        return;
    }
    for case in cases::all() {
        let chart = Chart::new("broker", "1.0.0", case.parameters());
        let files = chart.render(&case.bundle()).unwrap();
        assert_eq!(
            files,
            chart.render(&case.bundle()).unwrap(),
            "{}: not the same twice",
            case.name
        );
        let folder = folder(&files);
        assert_same(
            case.name,
            &template(folder.path(), &json!({})),
            &expected(&case.bundle()),
        );
        assert_same(
            case.name,
            &template(folder.path(), &values(&case)),
            &expected(&case.changed()),
        );
    }
}

/// The files of the tutorial build the bundle that stands for it, but for the ConfigMap, which is named after its content.
/// kubectl warns of two fields in them, as it did not when they were written.
#[test]
fn kubectl_kustomize_of_the_tutorial_gives_its_bundle() {
    if lacks(&[Need::Kubectl]) {
        return;
    }
    let files = cloud_bridge::kustomize().into_iter().map(|(path, value)| File {
        path: path.to_owned(),
        text: value
            .as_str()
            .map_or_else(|| value.to_string(), ToOwned::to_owned),
    });
    let folder = folder(&files.collect::<Vec<_>>());
    let mut command = Command::new(find("kubectl").unwrap());
    let built = command
        .arg("kustomize")
        .arg(folder.path().join("bridge"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&built.stderr);
    assert!(built.status.success(), "{said}");
    for field in ["bases", "patchesStrategicMerge"] {
        assert!(said.contains(&format!("'{field}' is deprecated")), "{said}");
    }
    let bundle = cloud_bridge::bundle();
    let config = bundle.find("ConfigMap", None, "mqtt-conf").unwrap();
    let named = format!("mqtt-conf-{}", name_hash(config).unwrap());
    let text = String::from_utf8(built.stdout).unwrap();
    assert_eq!(text.matches(&named).count(), 2, "{named}: {text}");
    let expected = expected(&bundle.unverified("the tutorial as it stands").unwrap());
    assert_same("tutorial", &read(&text.replace(&named, "mqtt-conf")), &expected);
}
