//! Names after the content, against kustomize itself.

use std::collections::BTreeMap;
use std::process::Command;

use mqttkube_manifests::object::Object;
use mqttkube_manifests::render::{File, name_hash, yaml};
use mqttkube_tests::process::find;
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait::scale;
use serde_json::json;

use super::outputs::{folder, output};

/// A generator of numbers (xorshift), so that a failure comes again.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    fn text(&mut self) -> String {
        const PIECES: &[&str] = &[
            "a",
            "\n",
            " ",
            "<",
            ">",
            "&",
            "\u{2028}",
            "\u{2029}",
            "ä",
            "😀",
            "\"",
            "\\",
            "'",
            "=",
            "{{",
            "key: value of some length that fills the line\n",
            "# c\n",
            "\r\n",
            "0",
            "\u{fffd}",
            "/",
        ];
        (0..self.below(8))
            .map(|_| PIECES[self.below(PIECES.len())])
            .collect()
    }
}

/// Two hundred ConfigMaps and Secrets with content that JSON, YAML and HTML disagree about.
#[test]
fn hashes_equal_those_of_kustomize_on_random_content() {
    if lacks(&[Need::Kubectl]) {
        return;
    }
    for seed in 1..=u64::from(scale()) {
        let mut numbers = Numbers(seed * 0x9e37_79b9_7f4a_7c15);
        let mut files = Vec::new();
        let mut lists = BTreeMap::from([("ConfigMap", vec![]), ("Secret", vec![])]);
        let mut expected = BTreeMap::new();
        for index in 0..200 {
            let kind = ["ConfigMap", "Secret"][index % 2];
            let member = ["data", "stringData"][index % 2];
            let data: BTreeMap<String, String> = (0..numbers.below(4))
                .map(|_| {
                    (
                        format!("{}k.{}", ["", "Z", "_", "-"][numbers.below(4)], numbers.below(30)),
                        numbers.text(),
                    )
                })
                .collect();
            let name = format!("n{index}");
            let paths: Vec<String> = data.keys().map(|key| format!("{key}={name}/{key}")).collect();
            files.extend(data.iter().map(|(key, text)| File {
                path: format!("{name}/{key}"),
                text: text.clone(),
            }));
            let mut generator = json!({ "name": name, "files": paths });
            let mut object =
                json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, member: data});
            if kind == "Secret" {
                let secret_type = ["Opaque", "kubernetes.io/x"][numbers.below(2)];
                generator["type"] = secret_type.into();
                object["type"] = secret_type.into();
            }
            lists.get_mut(kind).unwrap().push(generator);
            let hash = name_hash(&Object::new(object).unwrap()).unwrap();
            expected.insert(name.clone(), format!("{name}-{hash}"));
        }
        let kustomization =
            json!({"configMapGenerator": lists["ConfigMap"], "secretGenerator": lists["Secret"]});
        files.push(File {
            path: "kustomization.yaml".to_owned(),
            text: yaml::document(&kustomization),
        });
        let folder = folder(&files);
        let text = output(
            Command::new(find("kubectl").unwrap())
                .arg("kustomize")
                .arg(folder.path()),
        );
        // Not every reader takes what kustomize writes for content that begins with blanks; names are words.
        let names = text.lines().filter_map(|line| line.strip_prefix("  name: n"));
        let found: BTreeMap<String, String> = names
            .map(|rest| {
                (
                    format!("n{}", rest.split('-').next().unwrap()),
                    format!("n{rest}"),
                )
            })
            .collect();
        assert_eq!(found, expected, "seed {seed}");
        assert_eq!(found.len(), 200);
    }
}
