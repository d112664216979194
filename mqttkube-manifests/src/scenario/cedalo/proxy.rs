//! HAProxy in front of the brokers.

use std::num::NonZeroU16;

use serde_json::json;

use super::{CedaloCluster, LEADER, ScenarioError, Sync};
use crate::broker::{Certificate, Platform};
use crate::build::{
    self, Allowed, App, ConfigMap, Container, Key, NetworkPolicy, Pod, Probe, Profile, Resources, Service,
    Source, workload,
};
use crate::bundle::Bundle;
use crate::haproxy::{Balance, Frontend, HealthCheck, Proxy, Servers, Tls};
use crate::name::{AbsolutePath, Budget, ConfigKey, DnsLabel, DnsSubdomain, HostName, Port, PortName};

const MQTTS: Port = Port::literal(8883);
const HEALTH: Port = Port::literal(8404);
const CONFIG: AbsolutePath = AbsolutePath::literal("/usr/local/etc/haproxy");
const TLS: AbsolutePath = AbsolutePath::literal("/tls");

impl CedaloCluster {
    /// The configuration of the proxy: TLS ends there. In full mode the leader gets all connections, as the only one who
    /// lets clients in; otherwise the broker with the fewest does.
    ///
    /// # Errors
    /// When names are too long.
    pub fn proxy(&self) -> Result<Proxy, ScenarioError> {
        let service: DnsSubdomain =
            format!("{}-headless.{}.svc.cluster.local", self.name, self.namespace).parse()?;
        // Room for brokers that an autoscaler adds.
        let most = self
            .scaling
            .as_ref()
            .map_or(self.replicas, |scaling| scaling.bounds.max);
        let count = NonZeroU16::new(most).unwrap_or(NonZeroU16::MIN);
        let (servers, balance) = match self.sync {
            Sync::Full => {
                let set = self.name.clone().into();
                let port = LEADER.1;
                let pods = Servers::Pods {
                    set,
                    service,
                    replicas: count,
                    port,
                };
                (pods, Balance::ActiveBackup)
            }
            Sync::DynSec => {
                let port_name = DnsLabel::literal("mqtt-leader");
                let records = Servers::Records {
                    port_name,
                    service,
                    most: count,
                };
                (records, Balance::LeastConnections)
            }
        };
        let mut frontend = Frontend::new(DnsLabel::literal("mqtts"), MQTTS, servers);
        frontend.balance = balance;
        // Two proxies ask at once, so the broker chooses the client id; a refusal shows that it is alive and leads.
        frontend.check = HealthCheck {
            client_id: String::new(),
            login: None,
            any_answer: true,
        };
        frontend.tls = Some(Tls {
            certificate: AbsolutePath::literal("/tls/tls.crt"),
            clients: None,
        });
        let mut proxy = Proxy::new(vec![frontend]);
        proxy.health = Some(HEALTH);
        // Each takes some 35 KiB for TLS, and the pod has 128 MiB.
        proxy.max_connections = 2_000;
        Ok(proxy)
    }
}

pub(super) fn add(inputs: &CedaloCluster, bundle: &mut Bundle) -> Result<(), ScenarioError> {
    let name = Budget::new("-proxy").service(&inputs.name)?;
    let app = App::new("haproxy", name.clone(), inputs.namespace.clone());
    let mut config = ConfigMap::new(&app, name.as_str());
    let text = inputs.proxy()?.write()?;
    let file = config.file(ConfigKey::literal("haproxy.cfg"), text);
    let profile = match inputs.platform {
        Platform::Kubernetes => Profile::Restricted { user: 99 },
        Platform::OpenShift => Profile::Assigned,
    };
    let mut pod = Pod::new(&app, &app.account(), profile);
    let mut container = Container::new(DnsLabel::literal("haproxy"), &inputs.proxy.image);
    // A master process, so that SIGHUP brings a new configuration without cutting connections.
    container.command(&["haproxy", "-W", "-db", "-f", "/usr/local/etc/haproxy/haproxy.cfg"]);
    let config_volume = pod.volume(DnsLabel::literal("config"), Source::Files(vec![file]));
    let secret = match &inputs.proxy.certificate {
        Certificate::Existing { secret } => secret.clone(),
        Certificate::Issued { issuer, hosts } => {
            let secret: DnsSubdomain = format!("{name}-tls").parse()?;
            let own: HostName = format!("{name}.{}.svc", inputs.namespace).parse()?;
            let hosts: Vec<HostName> = if issuer.is_public() {
                hosts.clone()
            } else {
                hosts.iter().cloned().chain([own]).collect()
            };
            bundle.add(build::certificate(&app, &secret, issuer, &hosts))?;
            secret
        }
    };
    let keys = ["tls.crt", "tls.key"].map(|key| Key::of_secret(&secret, ConfigKey::literal(key)));
    let tls = pod.volume(DnsLabel::literal("tls"), Source::Files(keys.into()));
    container.mount(&config_volume, &CONFIG).mount(&tls, &TLS);
    let mqtts = container.port(PortName::literal("mqtts"), MQTTS);
    let health = container.port(PortName::literal("health"), HEALTH);
    container
        .started(Probe::http(&health, "/livez").every(1).failures(30))
        .alive(Probe::http(&health, "/livez"))
        .ready(Probe::http(&health, "/readyz").every(5))
        .resources(Resources::literal("100m", "128Mi"));
    pod.container(container);
    let service = Service::node_port(&app, name.as_str()).port_on_nodes(&mqtts, inputs.proxy.node_port);
    let brokers = Allowed::Pods {
        namespace: None,
        labels: Some(
            json!({"app.kubernetes.io/name": "mosquitto", "app.kubernetes.io/instance": inputs.name}),
        ),
    };
    let policy = NetworkPolicy::new(&app, name.as_str())
        .allow(&[Allowed::Everybody], &[mqtts])
        .reach(&[brokers], &[LEADER.1])
        .look_up_names();
    for object in app.bundle().objects() {
        bundle.add(object.clone())?;
    }
    bundle.add(config.object())?;
    bundle.add(service.object())?;
    bundle.add(workload::deployment(&app, &pod, 2, workload::Update::Rolling))?;
    bundle.add(build::budget(&app))?;
    bundle.add(policy.object())?;
    Ok(())
}
