//! The management centre.

use serde_json::json;

use super::{CONTROL, CedaloCluster, ScenarioError};
use crate::broker::Platform;
use crate::build::{
    Allowed, App, Claim, ConfigMap, Container, ContainerPort, Key, NetworkPolicy, Pod, Probe, Profile,
    Resources, Service, Source, workload,
};
use crate::bundle::Bundle;
use crate::name::{AbsolutePath, Budget, ConfigKey, DnsLabel, Port, PortName};

const FOLDER: &str = "/management-center/data";

pub(super) fn add(inputs: &CedaloCluster, bundle: &mut Bundle) -> Result<(), ScenarioError> {
    let center = &inputs.center;
    let name = Budget::new("-management-center").service(&inputs.name)?;
    let app = App::new("management-center", name.clone(), inputs.namespace.clone());
    let mut config = ConfigMap::new(&app, name.as_str());
    let file = config.file(ConfigKey::literal("config.json"), connections(inputs));
    let profile = match inputs.platform {
        Platform::Kubernetes => Profile::Restricted { user: 1000 },
        Platform::OpenShift => Profile::Assigned,
    };
    let mut pod = Pod::new(&app, &app.account(), profile);
    let claim = Claim::new(
        name.as_str(),
        "1Gi".parse().expect("the literal is a quantity"),
        None,
    );
    bundle.add(claim.object(&app))?;
    let mut container = container(inputs);
    let license = Key::external(&inputs.license).named(ConfigKey::literal("license.lic"));
    for (volume, source, path) in [
        ("config", Source::Files(vec![file]), "/config"),
        ("license", Source::Files(vec![license]), "/license"),
        ("data", Source::Claim(claim), FOLDER),
    ] {
        let volume = pod.volume(DnsLabel::literal(volume), source);
        container.mount(&volume, &AbsolutePath::literal(path));
    }
    let http = container.port(PortName::literal("http"), Port::literal(8088));
    // It has no address that answers without a login.
    container
        .started(Probe::tcp(&http).every(5).failures(30))
        .alive(Probe::tcp(&http))
        .ready(Probe::tcp(&http))
        .resources(Resources::literal("100m", "512Mi"));
    pod.container(container);
    let service = match center.node_port {
        Some(port) => Service::node_port(&app, name.as_str()).port_on_nodes(&http, port),
        None => Service::new(&app, name.as_str()).port(&http),
    };
    for object in app.bundle().objects() {
        bundle.add(object.clone())?;
    }
    bundle.add(config.object())?;
    bundle.add(service.object())?;
    bundle.add(workload::deployment(&app, &pod, 1, workload::Update::Recreate))?;
    bundle.add(policy(inputs, &app, http).object())?;
    Ok(())
}

/// The container with its settings; mounts and ports come later.
fn container(inputs: &CedaloCluster) -> Container {
    let center = &inputs.center;
    let mut container = Container::new(DnsLabel::literal("management-center"), &center.image);
    let url = format!("mqtt://{}:{}", inputs.host(0), CONTROL.1);
    container
        .env("CEDALO_MC_BROKER_ID", format!("{}-0", inputs.name))
        .env("CEDALO_MC_BROKER_NAME", format!("{}-0", inputs.name))
        .env("CEDALO_MC_BROKER_URL", url)
        .env("CEDALO_MC_PROXY_CONFIG_DIR", "/config/config.json")
        .env("CEDALO_MC_PROXY_HOST", "0.0.0.0")
        .env("CEDALO_MC_PROXY_PORT", "8088")
        .env("CEDALO_MC_DATA_DIRECTORY_PATH", FOLDER)
        .env("CEDALO_MC_MODE", "offline")
        .env("CEDALO_MC_LICENSE_PATH", "/license/license.lic");
    for (variable, key) in [
        ("CEDALO_MC_BROKER_USERNAME", "broker-username"),
        ("CEDALO_MC_BROKER_PASSWORD", "broker-password"),
        ("CEDALO_MC_USERNAME", "username"),
        ("CEDALO_MC_PASSWORD", "password"),
        ("CEDALO_MC_SESSION_SECRET", "session-secret"),
    ] {
        let key = Key::of_secret(&center.secret, ConfigKey::literal(key));
        container.env_from(variable, &key);
    }
    container
}

/// Who gets to it, and that it gets to the brokers.
fn policy<'a>(inputs: &CedaloCluster, app: &'a App, http: ContainerPort) -> NetworkPolicy<'a> {
    let from = if inputs.center.node_port.is_some() {
        Allowed::Everybody
    } else {
        Allowed::OwnNamespace
    };
    let brokers = Allowed::Pods {
        namespace: None,
        labels: Some(
            json!({"app.kubernetes.io/name": "mosquitto", "app.kubernetes.io/instance": inputs.name}),
        ),
    };
    NetworkPolicy::new(app, app.name().as_str())
        .allow(&[from], &[http])
        .reach(&[brokers], &[CONTROL.1])
        .look_up_names()
}

/// One connection to each broker; user and password come from the environment.
fn connections(inputs: &CedaloCluster) -> String {
    let connection = |index: u16| {
        let name = format!("{}-{index}", inputs.name);
        json!({"id": name, "name": name, "url": format!("mqtt://{}:{}", inputs.host(index), CONTROL.1)})
    };
    let connections: Vec<_> = (0..inputs.replicas).map(connection).collect();
    let config =
        json!({"connections": connections, "tools": {}, "plugins": [{"name": "cluster-management"}]});
    format!("{config:#}\n")
}
