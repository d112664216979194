//! An object as the API server serves it, for kube's watch machinery.

use std::borrow::Cow;

use kube::Resource;
use kube::api::ObjectMeta;
use kube::core::{ApiResource, DynamicResourceScope};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// An object of any kind, kept as it came. `managedFields` are left out: they are about half of many objects and say
/// nothing about the state of any.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    /// Name, namespace and resource version only.
    metadata: ObjectMeta,
    object: Value,
}

impl Watched {
    /// The object; members that lists leave out are filled in.
    pub(super) fn into_object(self, resource: &ApiResource) -> Value {
        let mut object = self.object;
        if let Value::Object(members) = &mut object {
            members
                .entry("apiVersion")
                .or_insert_with(|| resource.api_version.as_str().into());
            members
                .entry("kind")
                .or_insert_with(|| resource.kind.as_str().into());
        }
        object
    }

    /// Namespace and name.
    pub(super) fn into_key(self) -> (Option<String>, String) {
        (self.metadata.namespace, self.metadata.name.unwrap_or_default())
    }
}

impl<'de> Deserialize<'de> for Watched {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut object = Value::deserialize(deserializer)?;
        if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
            metadata.remove("managedFields");
        }
        let text = |key: &str| object["metadata"][key].as_str().map(str::to_owned);
        let metadata = ObjectMeta {
            name: text("name"),
            namespace: text("namespace"),
            resource_version: text("resourceVersion"),
            ..ObjectMeta::default()
        };
        Ok(Self { metadata, object })
    }
}

impl Resource for Watched {
    type DynamicType = ApiResource;
    type Scope = DynamicResourceScope;

    fn kind(resource: &ApiResource) -> Cow<'_, str> {
        resource.kind.as_str().into()
    }

    fn group(resource: &ApiResource) -> Cow<'_, str> {
        resource.group.as_str().into()
    }

    fn version(resource: &ApiResource) -> Cow<'_, str> {
        resource.version.as_str().into()
    }

    fn api_version(resource: &ApiResource) -> Cow<'_, str> {
        resource.api_version.as_str().into()
    }

    fn plural(resource: &ApiResource) -> Cow<'_, str> {
        resource.plural.as_str().into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_object_stays_as_served_but_for_its_managed_fields() {
        let served = json!({
            "metadata": {"name": "web", "namespace": "media", "resourceVersion": "7", "managedFields": [{}], "new": 1},
            "spec": {"zeta": 1, "alpha": 1.0},
        });
        let watched: Watched = serde_json::from_value(served).expect("an object");
        assert_eq!(watched.meta().resource_version.as_deref(), Some("7"));
        assert_eq!(
            watched.clone().into_key(),
            (Some("media".to_owned()), "web".to_owned())
        );
        let resource = ApiResource {
            group: "apps".to_owned(),
            version: "v1".to_owned(),
            api_version: "apps/v1".to_owned(),
            kind: "Deployment".to_owned(),
            plural: "deployments".to_owned(),
        };
        let expected = json!({
            "metadata": {"name": "web", "namespace": "media", "resourceVersion": "7", "new": 1},
            "spec": {"zeta": 1, "alpha": 1.0},
            "apiVersion": "apps/v1",
            "kind": "Deployment",
        });
        assert_eq!(watched.into_object(&resource), expected);
    }

    #[test]
    fn what_is_no_object_does_no_harm() {
        for text in ["null", "[]", r#"{"metadata":[]}"#, r#"{"metadata":{"name":1}}"#] {
            let watched: Watched = serde_json::from_str(text).expect("any JSON is taken");
            assert_eq!(watched.into_key(), (None, String::new()), "{text}");
        }
    }
}
