//! The relay: no process namespace is shared, nobody is signalled.

use serde_json::json;

use super::{CloudBridge, Relay, ScenarioError};
use crate::build::{
    Allowed, App, Claim, ConfigMap, Container, Key, NetworkPolicy, Pod, Probe, Profile, Resources, Source,
    workload,
};
use crate::bundle::Bundle;
use crate::name::{AbsolutePath, Budget, ConfigKey, DnsLabel, Port, PortName};

/// Where services listen.
const CLOUD: [Port; 2] = [Port::literal(443), Port::literal(8883)];

pub(super) fn bundle(bridge: &CloudBridge, form: &Relay) -> Result<Bundle, ScenarioError> {
    let app = App::new("cloud-bridge", bridge.name.clone(), bridge.namespace.clone());
    let mut config = ConfigMap::new(&app, bridge.name.as_str());
    let file = config.file(ConfigKey::literal("bridge.yaml"), bridge.config());
    let mut pod = Pod::new(&app, &app.account(), Profile::Restricted { user: 65_532 });
    let mut container = Container::new(DnsLabel::literal("cloud-bridge"), &form.image);
    container.args(&["run", "/config/bridge.yaml"]);
    let mut files = |name: &'static str, key: Key, path: &'static str| {
        let volume = pod.volume(DnsLabel::literal(name), Source::Files(vec![key]));
        container.mount(&volume, &AbsolutePath::literal(path));
    };
    files("config", file, "/config");
    let key = Key::external(&bridge.key).named(ConfigKey::literal("private.pem"));
    files("key", key, "/key");
    if let Some((_, password)) = &form.login {
        let password = Key::external(password).named(ConfigKey::literal("password"));
        files("secrets", password, "/secrets");
    }
    let mut bundle = app.bundle();
    if let Some(size) = form.outbox.clone() {
        let name = Budget::new("-outbox").service(&bridge.name)?;
        let claim = Claim::new(name.as_str(), size, None);
        bundle.add(claim.object(&app))?;
        let volume = pod.volume(DnsLabel::literal("outbox"), Source::Claim(claim));
        container.mount(&volume, &AbsolutePath::literal("/outbox"));
    }
    let http = container.port(PortName::literal("http"), Port::literal(8080));
    container
        .started(Probe::http(&http, "/livez").every(2).failures(30))
        .alive(Probe::http(&http, "/livez"))
        .ready(Probe::http(&http, "/readyz").every(5))
        .resources(Resources::literal("20m", "96Mi"));
    pod.container(container);
    let anywhere = Allowed::Pods {
        namespace: Some(json!({})),
        labels: None,
    };
    let ports = [&CLOUD[..], &[form.port]].concat();
    let policy = NetworkPolicy::new(&app, bridge.name.as_str())
        .allow(&[anywhere], std::slice::from_ref(&http))
        .reach(&[Allowed::Everybody], &ports)
        .look_up_names();
    bundle.add(config.object())?;
    // One session at each side: the old one goes before the new one comes.
    bundle.add(workload::deployment(&app, &pod, 1, workload::Update::Recreate))?;
    bundle.add(policy.object())?;
    Ok(bundle)
}
