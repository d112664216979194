//! One control plane for all tests of manifests: controllers, scheduler, pretended pods, and the definitions of the kinds
//! that belong to others.

use std::time::Duration;

use kube::api::{Api, DynamicObject, Patch, PatchParams, PostParams};
use kube::core::ApiResource;
use mqttkube_manifests::bundle::VerifiedBundle;
use mqttkube_manifests::render::objects;
use mqttkube_tests::process::{ControlPlane, ControlPlaneOptions};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait;
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::schemas;

/// How long anything may take on a machine that does other things, too.
pub(super) const LONG: Duration = Duration::from_secs(300);

/// The control plane; `None` when the test has to be skipped.
pub(super) async fn site() -> Option<&'static ControlPlane> {
    static SITE: OnceCell<ControlPlane> = OnceCell::const_new();
    let needs = [
        Need::ApiServer,
        Need::ControllerManager,
        Need::Scheduler,
        Need::Kwok,
    ];
    if lacks(&needs) {
        return None;
    }
    let site = SITE.get_or_init(async || {
        let plane = ControlPlaneOptions::default().pods().start().await.unwrap();
        let client = plane.client().await.unwrap();
        install(&client).await;
        plane
    });
    Some(site.await)
}

async fn install(client: &kube::Client) {
    let resource = resource(
        "apiextensions.k8s.io",
        "v1",
        "CustomResourceDefinition",
        "customresourcedefinitions",
    );
    let api: Api<DynamicObject> = Api::all_with(client.clone(), &resource);
    let params = PatchParams::apply("tests").force();
    let params = PatchParams {
        field_validation: Some(kube::api::ValidationDirective::Strict),
        ..params
    };
    let definitions = schemas::definitions(client).await;
    for definition in &definitions {
        let name = definition["metadata"]["name"].as_str().unwrap();
        api.patch(name, &params, &Patch::Apply(definition)).await.unwrap();
    }
    for definition in &definitions {
        let name = definition["metadata"]["name"].as_str().unwrap();
        wait::until_ok(LONG, &format!("established {name}"), async || {
            let found = json!(api.get(name).await.map_err(|error| error.to_string())?);
            let conditions = found["status"]["conditions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let holds =
                |condition: &Value| condition["type"] == "Established" && condition["status"] == "True";
            conditions
                .iter()
                .any(holds)
                .then_some(())
                .ok_or_else(|| found["status"].to_string())
        })
        .await;
    }
}

pub(super) fn resource(group: &str, version: &str, kind: &str, plural: &str) -> ApiResource {
    ApiResource {
        group: group.to_owned(),
        version: version.to_owned(),
        api_version: if group.is_empty() {
            version.to_owned()
        } else {
            format!("{group}/{version}")
        },
        kind: kind.to_owned(),
        plural: plural.to_owned(),
    }
}

/// Makes the namespaces that a bundle does not bring, under the restricted level.
pub(super) async fn namespaces(client: &kube::Client, bundle: &VerifiedBundle) {
    let api: Api<DynamicObject> =
        Api::all_with(client.clone(), &resource("", "v1", "Namespace", "namespaces"));
    let brought: Vec<_> = bundle
        .objects()
        .iter()
        .filter(|object| object.kind() == "Namespace")
        .map(|object| object.name())
        .collect();
    for object in bundle.objects() {
        let Some(name) = object.namespace().filter(|name| !brought.contains(name)) else {
            continue;
        };
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name,
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}});
        api.patch(
            name,
            &PatchParams::apply("tests").force(),
            &Patch::Apply(&namespace),
        )
        .await
        .unwrap();
    }
}

/// Makes a volume for every claim in the bundle: nothing here provides them.
pub(super) async fn volumes(client: &kube::Client, bundle: &VerifiedBundle) {
    let api: Api<DynamicObject> = Api::all_with(
        client.clone(),
        &resource("", "v1", "PersistentVolume", "persistentvolumes"),
    );
    for object in objects(bundle) {
        let replicas = object["spec"]["replicas"].as_u64().unwrap_or(3);
        let claims = match object["kind"].as_str() {
            Some("PersistentVolumeClaim") => vec![object.clone()],
            Some("StatefulSet") => object["spec"]["volumeClaimTemplates"]
                .as_array()
                .cloned()
                .unwrap_or_default(),
            _ => continue,
        };
        let count = if object["kind"] == "StatefulSet" {
            replicas
        } else {
            1
        };
        for (claim, index) in claims
            .iter()
            .flat_map(|claim| (0..count).map(move |index| (claim, index)))
        {
            let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default");
            let claimed = claim["metadata"]["name"].as_str().unwrap();
            let owner = object["metadata"]["name"].as_str().unwrap();
            let claimed = match object["kind"].as_str() {
                Some("StatefulSet") => format!("{claimed}-{owner}-{index}"),
                _ => claimed.to_owned(),
            };
            // Each volume is for one claim, or that of another test would take it.
            let mut volume = json!({"apiVersion": "v1", "kind": "PersistentVolume",
                "metadata": {"name": format!("{namespace}-{claimed}")},
                "spec": {"capacity": {"storage": "1Ti"}, "accessModes": claim["spec"]["accessModes"],
                    "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", "namespace": namespace, "name": claimed},
                    "persistentVolumeReclaimPolicy": "Retain", "hostPath": {"path": "/nowhere"}}});
            if let Some(class) = claim["spec"]["storageClassName"].as_str() {
                volume["spec"]["storageClassName"] = class.into();
            }
            let volume: DynamicObject = serde_json::from_value(volume).unwrap();
            match api.create(&PostParams::default(), &volume).await {
                Err(kube::Error::Api(status)) if status.code == 409 => {}
                other => drop(other.unwrap()),
            }
        }
    }
}
