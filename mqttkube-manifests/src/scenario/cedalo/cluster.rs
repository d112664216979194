//! The brokers.

use serde_json::{Value, json};

use super::{CONTROL, CedaloCluster, LEADER, RAFT, ScenarioError, Sync};
use crate::broker::{Auth, AuthMethod, Broker, Cluster, DynamicSecurity, Listener, Persistence};
use crate::build::{Allowed, App, Container, NetworkPolicy};
use crate::bundle::Bundle;
use crate::name::{Budget, DnsLabel, Port, PortName};

const LICENSE: &str = "/mosquitto/license";

pub(super) fn bundle(inputs: &CedaloCluster) -> Result<Bundle, ScenarioError> {
    let mut bundle = broker(inputs).bundle()?;
    let key = bundle
        .objects()
        .iter()
        .find(|object| object.kind() == "StatefulSet")
        .map(|object| object.key().clone());
    let key = key.ok_or_else(|| ScenarioError::wrong("there are no brokers", "report this"))?;
    let spec = bundle
        .get(&key)
        .map(|object| object.at("/spec/template/spec").clone());
    let mut spec = spec.unwrap_or_default();
    licensed(&mut spec, inputs);
    if inputs.sync == Sync::Full {
        // Only the leader opens the listeners for clients, and the others are well too.
        probe_control(&mut spec);
    }
    let patch = json!({"spec": {"template": {"spec":
        {"containers": spec["containers"], "volumes": spec["volumes"]}}}});
    bundle.merge(&key, &patch)?;
    bundle.add(policy(inputs)?)?;
    Ok(bundle)
}

fn broker(inputs: &CedaloCluster) -> Broker {
    let listeners = vec![
        Listener::new(PortName::literal("mqtt"), Port::literal(1883)),
        Listener::new(LEADER.0, LEADER.1),
    ];
    let auth = Auth::new(AuthMethod::DynamicSecurity(DynamicSecurity::Secret(
        inputs.users.clone(),
    )));
    let (name, namespace) = (inputs.name.clone(), inputs.namespace.clone());
    let mut broker = Broker::new(
        name,
        namespace,
        inputs.version,
        inputs.image.clone(),
        listeners,
        auth,
    );
    broker.platform = inputs.platform;
    broker.persistence = Some(Persistence::new(inputs.storage.clone()));
    broker.cluster = Some(Cluster {
        replicas: inputs.replicas,
        ports: vec![CONTROL, RAFT],
        autoscaling: inputs.scaling.as_ref().map(|scaling| scaling.bounds),
    });
    broker
}

/// Mounts the licence, and says where it is.
fn licensed(spec: &mut Value, inputs: &CedaloCluster) {
    let item = json!({"key": inputs.license.key, "path": "license.lic"});
    let source = json!({"secret": {"name": inputs.license.secret, "items": [item]}});
    push(
        spec,
        "/volumes",
        json!({"name": "license", "projected": {"defaultMode": 0o440, "sources": [source]}}),
    );
    let mount = json!({"name": "license", "mountPath": LICENSE, "readOnly": true});
    push(spec, "/containers/0/volumeMounts", mount);
    let variable = json!({"name": "CEDALO_LICENSE_FILE", "value": format!("{LICENSE}/license.lic")});
    push(spec, "/containers/0/env", variable);
}

fn push(spec: &mut Value, list: &str, item: Value) {
    if let Some(list) = spec.pointer_mut(list).and_then(Value::as_array_mut) {
        list.push(item);
        return;
    }
    let (parent, member) = list.rsplit_once('/').unwrap_or_default();
    if let Some(map) = spec.pointer_mut(parent).and_then(Value::as_object_mut) {
        map.insert(member.to_owned(), json!([item]));
    }
}

fn probe_control(spec: &mut Value) {
    for probe in ["startupProbe", "livenessProbe", "readinessProbe"] {
        if let Some(port) = spec.pointer_mut(&format!("/containers/0/{probe}/tcpSocket/port")) {
            *port = json!(CONTROL.0);
        }
    }
}

/// The management centre and the operator may use the control interface; what the brokers do among themselves is in the
/// policy of the brokers.
fn policy(inputs: &CedaloCluster) -> Result<crate::object::Object, ScenarioError> {
    let app = App::new("mosquitto", inputs.name.clone(), inputs.namespace.clone());
    // Only to have the port as a handle.
    let mut container = Container::new(DnsLabel::literal("mosquitto"), &inputs.image);
    let control = container.port(CONTROL.0, CONTROL.1);
    let allowed = |name: &str| Allowed::Pods {
        namespace: None,
        labels: Some(json!({"app.kubernetes.io/name": name})),
    };
    let name = Budget::new("-control").service(&inputs.name)?;
    let from = [allowed("management-center"), allowed("cluster-operator")];
    Ok(NetworkPolicy::new(&app, name.as_str())
        .allow(&from, &[control])
        .object())
}
