//! The pod.

use mqttkube_mosquitto::Version;
use mqttkube_mosquitto::password::{DEFAULT_ITERATIONS, PasswordHash, derived_salt};
use serde_json::json;

use super::files;
use super::place;
use super::resolve::Resolved;
use super::spread::{affinity, constraints};
use super::{
    AuthMethod, BridgePassword, Broker, Credential, DynamicSecurity, Platform, Protocol, Reload, Workload,
};
use crate::build::{
    App, Claim, ConfigMap, Container, ContainerPort, Key, Pod, Probe, Profile, Resources, Secret, Source,
    Volume,
};
use crate::name::{AbsolutePath, ConfigKey, DnsLabel, DnsSubdomain, PortName};

/// The user of the official image.
const USER: u32 = 1883;
/// What of the configuration the pod was started with. What the broker reads again while it runs is not part of it.
const CONFIG_HASH: &str = "mqttkube/config-hash";
const CONF_KEY: ConfigKey = ConfigKey::literal("mosquitto.conf");
const PASSWD_KEY: ConfigKey = ConfigKey::literal("passwd");
const ACL_KEY: ConfigKey = ConfigKey::literal("acl");
const PREPARE_KEY: ConfigKey = ConfigKey::literal("prepare.sh");
const START_KEY: ConfigKey = ConfigKey::literal("start.sh");
const SEED_KEY: ConfigKey = ConfigKey::literal("dynamic-security.json");
const CERTIFICATE_KEY: ConfigKey = ConfigKey::literal("tls.crt");
const KEY_KEY: ConfigKey = ConfigKey::literal("tls.key");
const AUTHORITY_KEY: ConfigKey = ConfigKey::literal("ca.crt");

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
    /// Passwords and rights that the broker reads from the mounted Secret.
    fn auth(&mut self) {
        let mut keys = Vec::new();
        let users = matches!(self.broker.auth.method, AuthMethod::Users(_));
        if users && !self.broker.hashes_in_pod() {
            keys.push(
                self.secret
                    .file(PASSWD_KEY, files::passwords(self.broker).to_string()),
            );
        }
        if let Some(acl) = files::acl(self.broker) {
            keys.push(self.secret.file(ACL_KEY, acl.to_string()));
        }
        if keys.is_empty() {
            return;
        }
        let volume = self.pod.volume(DnsLabel::literal("auth"), Source::Files(keys));
        self.main.mount(&volume, &place::AUTH);
        self.hot.push(place::AUTH);
        if self.broker.version == Version::V2_1 {
            // 2.1 refuses links, and all files of a mounted Secret are links. Nobody but the kubelet can write there, so
            // following them is safe; a copy would not follow changes of the Secret.
            self.main.env("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS", "1");
        }
    }

    fn certificates(&mut self) {
        for listener in &self.broker.listeners {
            let Some(secret) = self.broker.certificate_secret(listener) else {
                continue;
            };
            let name = format!("tls-{}", listener.name)
                .parse()
                .expect("a port name is part of a label");
            let keys = [CERTIFICATE_KEY, KEY_KEY].map(|key| Key::of_secret(&secret, key));
            let volume = self.pod.volume(name, Source::Files(keys.into()));
            let folder = place::tls(listener);
            self.main.mount(&volume, &folder);
            self.hot.push(folder);
        }
        if let AuthMethod::ClientCertificates(clients) = &self.broker.auth.method {
            let key = Key::external(&clients.authority).named(AUTHORITY_KEY);
            let volume = self
                .pod
                .volume(DnsLabel::literal("clients"), Source::Files(vec![key]));
            self.main.mount(&volume, &place::CLIENTS);
            self.hot.push(place::CLIENTS);
        }
        for (index, bridge) in self.broker.bridges.iter().enumerate() {
            let Some(tls) = &bridge.tls else {
                continue;
            };
            let files = [
                (&tls.authority, AUTHORITY_KEY),
                (&tls.certificate, CERTIFICATE_KEY),
                (&tls.key, KEY_KEY),
            ];
            let keys: Vec<Key> = files
                .into_iter()
                .filter_map(|(key, name)| Some(Key::external(key.as_ref()?).named(name)))
                .collect();
            if !keys.is_empty() {
                let volume = self
                    .pod
                    .volume(numbered("bridge-tls", index), Source::Files(keys));
                self.main.mount(&volume, &place::bridge(index));
            }
        }
    }

    /// The volume of the database.
    fn data(&mut self) -> Option<Volume> {
        let persistence = self.broker.persistence.as_ref()?;
        let name = self.resolved.names.data.as_str();
        let claim = Claim::new(name, persistence.size.clone(), persistence.storage_class.clone());
        let volume = self.pod.volume(DnsLabel::literal("data"), Source::Claim(claim));
        self.main.mount(&volume, &place::DATA);
        self.pod.grace(60);
        Some(volume)
    }

    /// The script that puts files together. Gives whether there is one.
    fn prepare(&mut self, config_files: &mut Vec<Key>, data: Option<&Volume>) -> bool {
        let Some(script) = files::prepare(self.broker) else {
            return false;
        };
        debug_assert!(
            files::own_seed(self.broker).is_none() || data.is_some(),
            "the check asks for a volume"
        );
        self.hashed.push_str(&script);
        config_files.push(self.config.file(PREPARE_KEY, script));
        true
    }

    /// What the script reads.
    fn seed(&mut self) -> Vec<Key> {
        let mut keys = Vec::new();
        if self.broker.hashes_in_pod() {
            let known = files::passwords(self.broker).to_string();
            if !known.is_empty() {
                self.hashed.push_str(&known);
                keys.push(self.secret.file(PASSWD_KEY, known));
            }
        }
        for (index, user) in files::plain_users(self.broker) {
            if let Credential::Secret(key) = &user.credential {
                keys.push(Key::external(key).named(numbered_key("user", index)));
            }
        }
        for index in files::passworded(self.broker) {
            let file = numbered_key("bridge", index);
            match &self.broker.bridges[index].password {
                Some(BridgePassword::Secret(key)) => keys.push(Key::external(key).named(file)),
                Some(BridgePassword::Given(password)) => {
                    self.hashed.push_str(&slow_digest(password.reveal()));
                    keys.push(self.secret.file(file, password.reveal()));
                }
                None => {}
            }
        }
        match &self.broker.auth.method {
            AuthMethod::DynamicSecurity(DynamicSecurity::Secret(key)) => {
                keys.push(Key::external(key).named(SEED_KEY));
            }
            AuthMethod::DynamicSecurity(DynamicSecurity::File(file)) => {
                keys.push(self.secret.file(SEED_KEY, file.write()));
            }
            _ => {}
        }
        keys
    }

    /// The container that runs the script before the broker.
    fn preparing(&mut self, prepared: bool, data: Option<&Volume>) -> Option<Container> {
        if !prepared {
            return None;
        }
        let size = || "1Mi".parse().expect("the literal is a quantity");
        let seed = self.seed();
        let seed = self.pod.volume(DnsLabel::literal("seed"), Source::Files(seed));
        let run = self
            .pod
            .volume(DnsLabel::literal("run"), Source::Memory { size: size() });
        let mut container = Container::new(DnsLabel::literal("prepare"), &self.broker.image);
        container.command(&["/bin/sh", &format!("{}/{PREPARE_KEY}", place::CONFIG)]);
        container.resources(Resources::literal("10m", "16Mi"));
        container.mount(&seed, &place::SEED).mount(&run, &place::RUN);
        if self.broker.hashes_in_pod() {
            let tmp = self
                .pod
                .volume(DnsLabel::literal("tmp"), Source::Memory { size: size() });
            container.mount(&tmp, &place::TMP);
        }
        if let Some(data) = data.filter(|_| matches!(self.broker.auth.method, AuthMethod::DynamicSecurity(_)))
        {
            container.mount(data, &place::DATA);
        }
        if self.broker.hashes_in_pod() || files::passworded(self.broker).next().is_some() {
            self.main.mount(&run, &place::RUN);
        }
        Some(container)
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
        let claim = broker
            .persistence
            .as_ref()
            .filter(|_| broker.workload != Workload::StatefulSet);
        let claim = claim.map(|persistence| {
            let name = resolved.names.data.as_str();
            Claim::new(name, persistence.size.clone(), persistence.storage_class.clone())
        });
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

fn numbered_key(name: &str, index: usize) -> ConfigKey {
    format!("{name}-{index}")
        .parse()
        .expect("a word and a number make a key")
}

/// FNV-1a over 64 bits: the same on every machine, and only there to differ when the text does.
fn digest(text: &str) -> String {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// What stands for a password in what is hashed. The hash of the pod's annotation can be read by more people than the
/// Secret, so trying passwords out against it must cost as much as against a password file, and only few bits of it go in.
fn slow_digest(password: &str) -> String {
    let user = "bridge".parse().expect("the literal is a user name");
    let salt = derived_salt(b"mqttkube", &user, password);
    let hash =
        PasswordHash::new(password, salt, DEFAULT_ITERATIONS).expect("the number of rounds is allowed");
    digest(&hash.to_string())[..4].to_owned()
}
