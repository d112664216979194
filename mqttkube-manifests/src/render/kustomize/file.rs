//! `kustomization.yaml`, and the files beside it.

use serde::Serialize;
use serde_json::{Value, json};

use super::generator::{Generator, Generators};
use super::layer::{Change, Changes, State};
use crate::bundle::VerifiedBundle;
use crate::object::ObjectKey;
use crate::render::names::FileNames;
use crate::render::{File, comment, yaml};

/// The fields in use, none of those that print a warning.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Kustomization {
    api_version: &'static str,
    kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    resources: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    components: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    config_map_generator: Vec<Generator>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secret_generator: Vec<Generator>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    patches: Vec<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sort_options: Option<Value>,
    #[serde(skip)]
    beside: Vec<File>,
}

impl Kustomization {
    fn new(kind: &'static str) -> Self {
        let component = kind == "Component";
        let version = if component { "v1alpha1" } else { "v1beta1" };
        Self {
            api_version: match version {
                "v1alpha1" => "kustomize.config.k8s.io/v1alpha1",
                _ => "kustomize.config.k8s.io/v1beta1",
            },
            kind,
            resources: Vec::new(),
            components: Vec::new(),
            config_map_generator: Vec::new(),
            secret_generator: Vec::new(),
            patches: Vec::new(),
            // Objects are in the order in which they are applied. Components have no say in it.
            sort_options: (!component).then(|| json!({"order": "fifo"})),
            beside: Vec::new(),
        }
    }

    /// All objects of the lowest layer.
    pub(super) fn base(state: &State, generators: &Generators) -> Self {
        let mut out = Self::new("Kustomization");
        let added = state.objects.iter().map(|(key, value)| {
            let change = if generators.has(key) {
                Change::Generate(value.clone())
            } else {
                Change::Add(value.clone())
            };
            (key.clone(), change)
        });
        out.write(&added.collect());
        out
    }

    pub(super) fn component(changes: &Changes) -> Self {
        let mut out = Self::new("Component");
        out.write(changes);
        out
    }

    pub(super) fn overlay(changes: &Changes, components: &[String]) -> Self {
        let mut out = Self::new("Kustomization");
        out.resources.push("../../base".to_owned());
        let paths = components.iter().map(|name| format!("../../components/{name}"));
        out.components.extend(paths);
        out.write(changes);
        out
    }

    fn write(&mut self, changes: &Changes) {
        let mut names = FileNames::default();
        for (key, change) in changes {
            match change {
                Change::Add(value) => {
                    let name = names.of(key);
                    self.beside.push(File::new(name.clone(), yaml::document(value)));
                    self.resources.push(name);
                }
                Change::Delete(value) => {
                    let mut patch = json!({"apiVersion": value["apiVersion"], "kind": key.kind, "metadata": {"name": key.name}});
                    if let Some(namespace) = &key.namespace {
                        patch["metadata"]["namespace"] = namespace.as_str().into();
                    }
                    patch["$patch"] = "delete".into();
                    self.patch(&format!("delete-{}", names.of(key)), &patch, None);
                }
                Change::Patch(value, operations) => {
                    let target = target(key, value);
                    self.patch(
                        &format!("patch-{}", names.of(key)),
                        &json!(operations),
                        Some(target),
                    );
                }
                Change::MergeData(value, data) => {
                    let mut value = value.clone();
                    value["data"] = data.clone().into();
                    self.generate(key, &value, "merge");
                }
                Change::ReplaceData(value) => self.generate(key, value, "replace"),
                Change::Generate(value) => self.generate(key, value, "create"),
            }
        }
    }

    fn patch(&mut self, path: &str, patch: &Value, target: Option<Value>) {
        self.beside.push(File::new(path, yaml::document(patch)));
        let mut entry = json!({ "path": path });
        if let Some(target) = target {
            entry["target"] = target;
        }
        self.patches.push(entry);
    }

    fn generate(&mut self, key: &ObjectKey, value: &Value, behavior: &'static str) {
        let (generator, files) = Generator::of(key, value, behavior);
        self.beside.extend(files);
        if key.kind == "Secret" {
            self.secret_generator.push(generator);
        } else {
            self.config_map_generator.push(generator);
        }
    }

    /// The files of the layer, below `folder`.
    pub(super) fn files(self, folder: &str, bundle: &VerifiedBundle) -> Vec<File> {
        let heading = comment::heading(bundle);
        let own = serde_json::to_value(&self).expect("it has nothing but texts");
        let mut files = vec![File::new(
            format!("{folder}/kustomization.yaml"),
            format!("{heading}{}", yaml::document(&own)),
        )];
        for file in self.beside {
            // What a generator reads must stay what it is.
            let text = if file.path.starts_with("files/") {
                file.text
            } else {
                format!("{heading}{}", file.text)
            };
            files.push(File::new(format!("{folder}/{}", file.path), text));
        }
        files
    }
}

/// Names in targets are regular expressions.
fn target(key: &ObjectKey, value: &Value) -> Value {
    let api_version = value["apiVersion"].as_str().unwrap_or_default();
    let version = api_version.rsplit('/').next().unwrap_or_default();
    let mut target = json!({"version": version, "kind": key.kind, "name": key.name.replace('.', "\\.")});
    if !key.group.is_empty() {
        target["group"] = key.group.as_str().into();
    }
    if let Some(namespace) = &key.namespace {
        target["namespace"] = namespace.as_str().into();
    }
    target
}
