//! The pod: the broker's container, its probes, and the exporter beside it.

mod digest;
mod mounts;
mod prepare;

use serde_json::json;

use super::resolve::Resolved;
use super::spread::{affinity, constraints};
use super::{AuthMethod, Broker, Platform, Protocol, Reload, Workload};
use super::{files, place};
use crate::build::{
    App, Claim, ConfigMap, Container, ContainerPort, Key, Pod, Probe, Profile, Resources, Secret, Source,
};
use crate::name::{AbsolutePath, ConfigKey, DnsLabel, DnsSubdomain, PortName};
use digest::digest;

/// The user of the official image.
const USER: u32 = 1883;
/// What of the configuration the pod was started with. What the broker reads again while it runs is not part of it.
const CONFIG_HASH: &str = "mqttkube/config-hash";
const CONF_KEY: ConfigKey = ConfigKey::literal("mosquitto.conf");
const PASSWD_KEY: ConfigKey = ConfigKey::literal("passwd");
const START_KEY: ConfigKey = ConfigKey::literal("start.sh");

/// The pod, what it reads, and the ports that others refer to.
pub(super) struct Built<'a> {
    pub(super) pod: Pod,
    pub(super) config: ConfigMap<'a>,
    pub(super) secret: Secret<'a>,
    /// One for each listener.
    pub(super) ports: Vec<ContainerPort>,
    /// Those of the cluster.
    pub(super) peers: Vec<ContainerPort>,
    pub(super) metrics: Option<ContainerPort>,
    /// The claim, for a workload that does not make its own.
    pub(super) claim: Option<Claim>,
}

/// The parts while they are put together.
struct Making<'a> {
    resolved: &'a Resolved<'a>,
    broker: &'a Broker,
    config: ConfigMap<'a>,
    secret: Secret<'a>,
    pod: Pod,
    main: Container,
    /// What a new pod is needed for.
    hashed: String,
    /// Folders that the broker reads again.
    hot: Vec<AbsolutePath>,
}

pub(super) fn build<'a>(app: &'a App, resolved: &'a Resolved<'a>, conf: &str) -> Built<'a> {
    let broker = resolved.broker;
    let profile = match broker.platform {
        Platform::Kubernetes => Profile::Restricted { user: USER },
        Platform::OpenShift => Profile::Assigned,
    };
    let mut making = Making {
        resolved,
        broker,
        config: ConfigMap::new(app, resolved.names.config.as_str()),
        secret: Secret::new(app, resolved.names.auth.as_str()),
        pod: Pod::new(app, &app.account(), profile),
        main: Container::new(DnsLabel::literal("mosquitto"), &broker.image),
        hashed: conf.to_owned(),
        hot: Vec::new(),
    };
    let mut config_files = vec![making.config.file(CONF_KEY, conf)];
    making.auth();
    making.certificates();
    let data = making.data();
    let prepared = making.prepare(&mut config_files, data.as_ref());
    making.start(&mut config_files, prepared);
    let config = making
        .pod
        .volume(DnsLabel::literal("config"), Source::Files(config_files));
    making.main.mount(&config, &place::CONFIG);
    if let Some(mut container) = making.preparing(prepared, data.as_ref()) {
        container.mount(&config, &place::CONFIG);
        making.pod.init(container);
    }
    making.finish(app)
}

impl<'a> Making<'a> {
    fn claim(&self) -> Option<Claim> {
        let persistence = self.broker.persistence.as_ref()?;
        let name = self.resolved.names.data.as_str();
        Some(Claim::new(
            name,
            persistence.size.clone(),
            persistence.storage_class.clone(),
        ))
    }

    /// How the broker is started.
    fn start(&mut self, config_files: &mut Vec<Key>, prepared: bool) {
        let filled = prepared && files::passworded(self.broker).next().is_some();
        let folder = if filled { &place::RUN } else { &place::CONFIG };
        let conf = format!("{folder}/{CONF_KEY}");
        if !is_watched(self.broker) {
            self.main.command(&[place::MOSQUITTO, "-c", &conf]);
            return;
        }
        let script = files::start(&self.hot, &conf);
        self.hashed.push_str(&script);
        config_files.push(self.config.file(START_KEY, script));
        self.main
            .command(&["/bin/sh", &format!("{}/{START_KEY}", place::CONFIG)]);
    }

    fn finish(mut self, app: &App) -> Built<'a> {
        let broker = self.broker;
        let ports: Vec<ContainerPort> = broker
            .listeners
            .iter()
            .map(|listener| self.main.port(listener.name.clone(), listener.port))
            .collect();
        let cluster = broker.cluster.iter().flat_map(|cluster| &cluster.ports);
        let peers = cluster
            .map(|(name, port)| self.main.port(name.clone(), *port))
            .collect();
        self.probes(&ports[self.resolved.probed]);
        self.main.resources(Resources {
            cpu: broker.resources.cpu.clone(),
            memory: broker.resources.memory.clone(),
        });
        let claim = self.claim().filter(|_| broker.workload != Workload::StatefulSet);
        let Self {
            resolved,
            config,
            secret,
            mut pod,
            main,
            hashed,
            ..
        } = self;
        pod.annotation(CONFIG_HASH, digest(&hashed));
        pod.container(main);
        let metrics = exporter(resolved, &ports, &mut pod);
        if let Some(affinity) = affinity(app, broker) {
            pod.set("affinity", affinity);
        }
        if let Some(constraints) = constraints(app, broker) {
            pod.set("topologySpreadConstraints", constraints);
        }
        if !broker.pull_secrets.is_empty() {
            let names = |name: &DnsSubdomain| json!({"name": name});
            pod.set(
                "imagePullSecrets",
                broker.pull_secrets.iter().map(names).collect(),
            );
        }
        Built {
            pod,
            config,
            secret,
            ports,
            peers,
            metrics,
            claim,
        }
    }

    /// A broker that reads a large database listens late, so it has two minutes. The HTTP interface answers without a
    /// line in the log; a connection that is closed at once is one, and with TLS two, so those are rarer.
    fn probes(&mut self, port: &ContainerPort) {
        let listener = &self.broker.listeners[self.resolved.probed];
        let probe = || match listener.protocol {
            Protocol::HttpApi => Probe::http(port, "/api/v1/version"),
            Protocol::Mqtt | Protocol::WebSockets => Probe::tcp(port),
        };
        let slow = if listener.tls.is_some() { 3 } else { 1 };
        self.main.started(probe().every(2).failures(60));
        self.main.alive(probe().every(20 * slow));
        self.main.ready(probe().every(10 * slow));
    }
}

fn exporter(resolved: &Resolved<'_>, ports: &[ContainerPort], pod: &mut Pod) -> Option<ContainerPort> {
    let (exporter, listener) = resolved.exporter?;
    let mut container = Container::new(DnsLabel::literal("exporter"), &exporter.image);
    container.env(
        "BROKER_ENDPOINT",
        format!("tcp://127.0.0.1:{}", ports[listener].number()),
    );
    container.env("BIND_ADDRESS", format!("0.0.0.0:{}", exporter.port));
    for (variable, key) in [
        ("MQTT_USER", &exporter.username),
        ("MQTT_PASS", &exporter.password),
    ] {
        if let Some(key) = key {
            container.env_from(variable, &Key::external(key));
        }
    }
    let port = container.port(PortName::literal("metrics"), exporter.port);
    container.ready(Probe::tcp(&port));
    pod.container(container);
    Some(port)
}

/// Whether a loop looks at the folders of Secrets: there must be some, and somebody who wants it.
pub(super) fn is_watched(broker: &Broker) -> bool {
    let users = matches!(broker.auth.method, AuthMethod::Users(_)) && !broker.hashes_in_pod();
    let clients = matches!(broker.auth.method, AuthMethod::ClientCertificates(_));
    let encrypted = broker.listeners.iter().any(|listener| listener.tls.is_some());
    broker.reload == Reload::Watch && (users || clients || encrypted || !broker.auth.acl.is_empty())
}

fn numbered(name: &str, index: usize) -> DnsLabel {
    format!("{name}-{index}")
        .parse()
        .expect("a word and a number make a label")
}
