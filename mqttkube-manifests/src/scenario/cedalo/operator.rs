//! The operator that tells the cluster about brokers that come and go.

use serde_json::json;

use super::{CONTROL, CedaloCluster, ScenarioError};
use crate::broker::Platform;
use crate::build::{Allowed, App, Container, Key, NetworkPolicy, Pod, Profile, Resources, workload};
use crate::bundle::Bundle;
use crate::name::{Budget, ConfigKey, DnsLabel, ImageRef, Port};

pub(super) fn add(
    inputs: &CedaloCluster,
    image: &ImageRef,
    bundle: &mut Bundle,
) -> Result<(), ScenarioError> {
    let name = Budget::new("-operator").service(&inputs.name)?;
    let app = App::new("cluster-operator", name.clone(), inputs.namespace.clone());
    let account = app.account_with_token();
    let profile = match inputs.platform {
        Platform::Kubernetes => Profile::Restricted { user: 1000 },
        Platform::OpenShift => Profile::Assigned,
    };
    let mut pod = Pod::new(&app, &account, profile);
    let mut container = Container::new(DnsLabel::literal("operator"), image);
    container
        .env("STATEFUL_SET", inputs.name.as_str())
        .env("BROKER_URL", format!("mqtt://{}:{}", inputs.host(0), CONTROL.1))
        .env_field("NAMESPACE", "metadata.namespace");
    for (variable, key) in [
        ("BROKER_USERNAME", "broker-username"),
        ("BROKER_PASSWORD", "broker-password"),
    ] {
        let key = Key::of_secret(&inputs.center.secret, ConfigKey::literal(key));
        container.env_from(variable, &key);
    }
    container.resources(Resources::literal("20m", "64Mi"));
    pod.container(container);
    let rules = json!([
        {"apiGroups": ["apps"], "resources": ["statefulsets"], "resourceNames": [inputs.name], "verbs": ["get", "list", "watch"]},
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]},
    ]);
    let group = "rbac.authorization.k8s.io";
    let api = format!("{group}/v1");
    let brokers = Allowed::Pods {
        namespace: None,
        labels: Some(
            json!({"app.kubernetes.io/name": "mosquitto", "app.kubernetes.io/instance": inputs.name}),
        ),
    };
    let policy = NetworkPolicy::new(&app, name.as_str())
        .reach(&[brokers], &[CONTROL.1])
        .reach(&[Allowed::Everybody], &[Port::literal(443), Port::literal(6443)])
        .look_up_names();
    let mut objects = app.bundle().objects().to_vec();
    objects.push(app.object(&api, "Role", name.as_str(), [("rules", json!(rules))]));
    let subject = json!({"kind": "ServiceAccount", "name": account.name(), "namespace": inputs.namespace});
    let binding = [
        (
            "roleRef",
            json!({"apiGroup": group, "kind": "Role", "name": name}),
        ),
        ("subjects", json!([subject])),
    ];
    objects.push(app.object(&api, "RoleBinding", name.as_str(), binding));
    objects.push(workload::deployment(&app, &pod, 1, workload::Update::Recreate));
    objects.push(policy.object());
    for object in objects {
        bundle.add(object)?;
    }
    Ok(())
}
