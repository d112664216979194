//! The API server's own schemas, in the forms that others read: whole, without references.

use std::path::Path;

use mqttkube_mapping::yaml::{Loader, Schema};
use serde_json::{Map, Value, json};

/// What the schema is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Reader {
    /// A definition of our own kind in the API server: it knows no references, and prunes by itself.
    Definition,
    /// kubeconform: whatever is not named is refused.
    Validator,
}

/// The schema with everything that it refers to in its place.
pub(super) fn inline(schema: &Value, components: &Value, reader: Reader) -> Value {
    let Some(map) = schema.as_object() else {
        return schema.clone();
    };
    if let Some(target) = reference(map) {
        return inline(&components[target], components, reader);
    }
    if let Some(either) = map.get("oneOf").filter(|_| !map.contains_key("type")) {
        return match reader {
            // Texts or whole numbers, and quantities: the API server reads both as this.
            Reader::Definition => json!({"x-kubernetes-int-or-string": true}),
            Reader::Validator => json!({ "oneOf": either }),
        };
    }
    let mut out = Map::new();
    for (key, value) in map {
        let new = match key.as_str() {
            "properties" => {
                let members = value.as_object().into_iter().flatten();
                members
                    .map(|(name, schema)| (name.clone(), inline(schema, components, reader)))
                    .collect::<Map<_, _>>()
                    .into()
            }
            "items" => inline(value, components, reader),
            "additionalProperties" if value.is_object() => inline(value, components, reader),
            "type" | "required" | "enum" | "pattern" | "minimum" | "maximum" | "additionalProperties" => {
                value.clone()
            }
            "x-kubernetes-int-or-string" if reader == Reader::Validator => {
                return json!({"oneOf": [{"type": "integer"}, {"type": "string"}]});
            }
            "x-kubernetes-int-or-string" => value.clone(),
            _ => continue,
        };
        out.insert(key.clone(), new);
    }
    if reader == Reader::Validator
        && out.contains_key("properties")
        && !out.contains_key("additionalProperties")
    {
        out.insert("additionalProperties".to_owned(), false.into());
    }
    out.into()
}

/// The name that a schema refers to, itself or with a default beside it.
fn reference(schema: &Map<String, Value>) -> Option<&str> {
    let direct = schema
        .get("$ref")
        .or_else(|| schema.get("allOf")?.get(0)?.get("$ref"));
    direct?.as_str()?.strip_prefix("#/components/schemas/")
}

/// What the API server says of a group and version, as `api/v1` or `apis/apps/v1`.
pub(super) async fn components(client: &kube::Client, place: &str) -> Value {
    let request = http::Request::get(format!("/openapi/v3/{place}"))
        .body(Vec::new())
        .unwrap();
    let answer: Value = client.request(request).await.unwrap();
    answer["components"]["schemas"].clone()
}

/// The definitions of kinds that are not the API server's own.
pub(super) async fn definitions(client: &kube::Client) -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("manifests-crds");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = std::fs::read_to_string(&path).unwrap();
        let trees = Loader::new(&path.display().to_string(), "")
            .schema(Schema::Kubectl)
            .parse_all(&text)
            .unwrap();
        found.extend(trees.iter().map(|tree| tree.root().to_json().unwrap()));
    }
    let apps = components(client, "apis/apps/v1").await;
    let template = inline(
        &apps["io.k8s.api.core.v1.PodTemplateSpec"],
        &apps,
        Reader::Definition,
    );
    for definition in &mut found {
        if definition["spec"]["names"]["kind"] == "DeploymentConfig" {
            let spec = "/spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/template";
            *definition.pointer_mut(spec).unwrap() = template.clone();
        }
    }
    found
}
