//! What must hold for a model, part by part.

use std::collections::{BTreeMap, BTreeSet};

use mqttkube_mosquitto::Version;
use mqttkube_mosquitto::dynsec;
use mqttkube_mosquitto::password::{PasswordHash, SALT_BYTES};

use super::resolve::{Errors, listener};
use super::{
    AclEntry, AuthMethod, Broker, Certificate, Credential, DynamicSecurity, Exposure, ModelError,
    ModelProblem, Platform, Protocol, ProxyProtocol, Subject, Workload,
};
use crate::build::App;
use crate::name::{NodePort, PortName};

/// The largest number that Mosquitto takes for a limit.
const MOST: u32 = 2_147_483_647;

fn twice(path: String, what: &'static str, name: &impl ToString) -> ModelError {
    ModelError::new(
        path,
        ModelProblem::Twice {
            what,
            name: name.to_string(),
        },
    )
}

pub(super) fn basics(broker: &Broker, errors: &mut Errors) {
    if let Some(key) = broker.labels.keys().find(|key| App::selects_by(key)) {
        let found = format!("the label `{key}` is what the broker's pods are found by");
        errors.push(ModelError::wrong("labels", found, "use another label"));
    }
    let ours = broker.image.repository().ends_with("mosquitto");
    let tag = broker.image.tag().filter(|_| ours);
    let tagged: Option<Version> = tag
        .and_then(|tag| tag.split('-').next())
        .and_then(|tag| tag.parse().ok());
    if let Some(tagged) = tagged.filter(|tagged| *tagged != broker.version) {
        let found = format!(
            "the image is Mosquitto {tagged}, the version is {}",
            broker.version
        );
        errors.push(ModelError::wrong("version", found, "make them agree"));
    }
    if tag.is_some_and(|tag| tag == "2.1.0" || tag.starts_with("2.1.0-")) {
        let found = "Mosquitto 2.1.0 opens no password or ACL file of a mounted Secret";
        errors.push(ModelError::wrong("image", found, "use 2.1.1 or later"));
    }
    if broker.platform == Platform::Kubernetes {
        if broker.workload == Workload::DeploymentConfig {
            let found = "only OpenShift has DeploymentConfigs";
            errors.push(ModelError::wrong(
                "workload",
                found,
                "write `platform: openshift`, or another workload",
            ));
        }
        for (index, _) in broker
            .expose
            .iter()
            .enumerate()
            .filter(|(_, way)| matches!(way, Exposure::Route(_)))
        {
            let path = format!("expose[{index}].route");
            let instead = "write `platform: openshift`, or a `tls-route`";
            errors.push(ModelError::wrong(path, "only OpenShift has Routes", instead));
        }
    }
}

pub(super) fn listeners(broker: &Broker, errors: &mut Errors) {
    let speaks = |protocol| {
        broker
            .listeners
            .iter()
            .any(|listener| listener.protocol == protocol)
    };
    if !broker.listeners.iter().any(super::Listener::is_for_clients) {
        let instead = "write for example `{name: mqtt, port: 1883}`";
        errors.push(ModelError::wrong(
            "listeners",
            "there is no listener for clients",
            instead,
        ));
    } else if broker.version == Version::V2_0 && !speaks(Protocol::Mqtt) {
        let found = "Mosquitto 2.0 does not start when all listeners speak WebSocket";
        errors.push(ModelError::wrong(
            "listeners",
            found,
            "add one with `protocol: mqtt`",
        ));
    }
    for (index, listener) in broker.listeners.iter().enumerate() {
        let path = |member: &str| format!("listeners[{index}]{member}");
        let before = &broker.listeners[..index];
        if before.iter().any(|other| other.name == listener.name) {
            errors.push(twice(path(".name"), "the listener", &listener.name));
        }
        if let Some(other) = before.iter().find(|other| other.port == listener.port) {
            let problem = ModelProblem::PortTaken {
                port: listener.port,
                by: other.name.clone(),
            };
            errors.push(ModelError::new(path(".port"), problem));
        }
        if listener.port.is_privileged() {
            let found = format!("port {} is for root, which the broker is not", listener.port);
            errors.push(ModelError::wrong(
                path(".port"),
                found,
                "use one from 1024 upwards",
            ));
        }
        if listener.max_connections.is_some_and(|most| most > MOST) {
            let found = format!("more than {MOST} connections");
            errors.push(ModelError::wrong(
                path(".max-connections"),
                found,
                "leave it out for no limit",
            ));
        }
        one_listener(broker, index, errors);
    }
}

fn one_listener(broker: &Broker, index: usize, errors: &mut Errors) {
    let listener = &broker.listeners[index];
    let path = |member: &str| format!("listeners[{index}].{member}");
    let old = broker.version == Version::V2_0;
    if old && listener.protocol == Protocol::HttpApi {
        let found = "Mosquitto 2.0 has no HTTP interface";
        errors.push(ModelError::wrong(
            path("protocol"),
            found,
            "remove the listener, or use 2.1",
        ));
    }
    if listener.proxy_protocol.is_some() {
        if old {
            let found = "Mosquitto 2.0 does not read the PROXY header";
            errors.push(ModelError::wrong(
                path("proxy-protocol"),
                found,
                "remove it, or use 2.1",
            ));
        }
        if listener.protocol == Protocol::HttpApi {
            let found = "probes send no PROXY header";
            errors.push(ModelError::wrong(path("proxy-protocol"), found, "remove it"));
        }
        if listener.proxy_protocol == Some(ProxyProtocol::V2) && listener.tls.is_some() {
            let found = "with version 2 of the PROXY header the proxy ends TLS";
            errors.push(ModelError::wrong(
                path("tls"),
                found,
                "remove it, or use version 1",
            ));
        }
    }
    let issued = listener.tls.as_ref().map(|tls| &tls.certificate);
    if let Some(Certificate::Issued { issuer, .. }) = issued
        && issuer.is_public()
        && broker.certificate_hosts(listener).is_empty()
    {
        let found = format!("`{}` signs public names alone, and there is none", issuer.name);
        let instead = "name the hosts that clients use, or write `public: false` for the issuer";
        errors.push(ModelError::wrong(path("tls.hosts"), found, instead));
    }
    let certificates = matches!(broker.auth.method, AuthMethod::ClientCertificates(_));
    if certificates && listener.is_for_clients() && listener.tls.is_none() && !listener.anonymous {
        let found = "clients show certificates, which needs encryption";
        errors.push(ModelError::wrong(path("tls"), found, "add `tls`"));
    }
}

pub(super) fn auth(broker: &Broker, errors: &mut Errors) {
    match &broker.auth.method {
        AuthMethod::Users(users) => {
            if users.is_empty() && !broker.listeners.iter().any(|listener| listener.anonymous) {
                errors.push(ModelError::wrong(
                    "auth.users",
                    "there is no user, so nobody may come in",
                    "add one",
                ));
            }
            let mut seen = BTreeSet::new();
            for (index, user) in users.iter().enumerate() {
                if !seen.insert(&user.name) {
                    errors.push(twice(format!("auth.users[{index}].name"), "the user", &user.name));
                }
                if let Credential::Hash(hash) = &user.credential {
                    old_hash(broker, hash, index, errors);
                }
            }
            for (index, entry) in broker.auth.acl.iter().enumerate() {
                if let Subject::User(name) = &entry.subject
                    && !seen.contains(name)
                {
                    let found = format!("there is no user `{name}`");
                    errors.push(ModelError::wrong(
                        format!("auth.acl[{index}].user"),
                        found,
                        "add it to `users`",
                    ));
                }
            }
        }
        AuthMethod::DynamicSecurity(seed) => dynamic(broker, seed, errors),
        AuthMethod::ClientCertificates(_) => {}
        AuthMethod::Anonymous { reason } => {
            if reason.trim().is_empty() {
                let found = "there is no reason for letting everybody in";
                errors.push(ModelError::wrong(
                    "auth.anonymous.reason",
                    found,
                    "say why that is right here",
                ));
            }
        }
    }
    for (index, entry) in broker.auth.acl.iter().enumerate() {
        rights(entry, &format!("auth.acl[{index}]"), errors);
    }
}

/// 2.0 drops the users of hashes that it does not know.
fn old_hash(broker: &Broker, hash: &PasswordHash, index: usize, errors: &mut Errors) {
    if broker.version != Version::V2_0 {
        return;
    }
    let found = match hash {
        PasswordHash::Argon2 { .. } => "Mosquitto 2.0 does not know Argon2",
        PasswordHash::Pbkdf2 { salt, .. } if salt.len() != SALT_BYTES => {
            "Mosquitto 2.0 takes salts of 12 bytes alone"
        }
        _ => return,
    };
    let instead = "make the hash with `mqttkube-manifests passwd`";
    errors.push(ModelError::wrong(
        format!("auth.users[{index}].hash"),
        found,
        instead,
    ));
}

fn dynamic(broker: &Broker, seed: &DynamicSecurity, errors: &mut Errors) {
    let path = "auth.dynamic-security";
    if broker.persistence.is_none() {
        let found = "the plugin writes its file, and there is no volume";
        errors.push(ModelError::wrong(path, found, "add `persistence`"));
    }
    if !broker.auth.acl.is_empty() {
        let found = "dynamic security has rights of its own";
        errors.push(ModelError::wrong("auth.acl", found, "put them into its roles"));
    }
    if broker.differs_by_listener() {
        let found = "in Mosquitto 2.0 the plugin is the same for all listeners, and some let everybody in";
        errors.push(ModelError::wrong(
            path,
            found,
            "treat all listeners alike, or use 2.1",
        ));
    }
    let DynamicSecurity::File(file) = seed else {
        return;
    };
    let path = format!("{path}.file");
    for error in file.check() {
        errors.push(ModelError::wrong(&*path, error.to_string(), "correct the entry"));
    }
    let encoded = |client: &&dynsec::Client| matches!(client.credential, dynsec::Credential::Encoded { .. });
    if let Some(client) = file
        .clients
        .iter()
        .find(encoded)
        .filter(|_| broker.version == Version::V2_0)
    {
        let found = format!(
            "Mosquitto 2.0 does not know `encoded_password`, which `{}` has",
            client.username
        );
        errors.push(ModelError::wrong(
            path,
            found,
            "write `password`, `salt` and `iterations`",
        ));
    }
}

fn rights(entry: &AclEntry, path: &str, errors: &mut Errors) {
    let lists = [
        ("read", &entry.read),
        ("write", &entry.write),
        ("readwrite", &entry.readwrite),
        ("deny", &entry.deny),
    ];
    if lists.iter().all(|(_, list)| list.is_empty()) {
        let instead = "add `read`, `write`, `readwrite` or `deny`";
        errors.push(ModelError::wrong(
            path,
            "the entry says nothing about any topic",
            instead,
        ));
    }
    for (member, list) in lists.iter().filter(|_| entry.subject == Subject::Everybody) {
        for (index, filter) in list.iter().enumerate() {
            let partial = |level: &str| {
                (level.contains("%c") || level.contains("%u")) && level != "%c" && level != "%u"
            };
            if filter.as_str().split('/').any(partial) {
                let found = format!("in `{filter}` a name fills only part of a level");
                let instead = "give `%c` and `%u` a level of their own";
                errors.push(ModelError::wrong(
                    format!("{path}.{member}[{index}]"),
                    found,
                    instead,
                ));
            }
        }
    }
}

pub(super) fn settings(broker: &Broker, errors: &mut Errors) {
    let mut positive = |path: &str, quantity: &crate::quantity::Quantity| {
        if quantity.billionths() <= 0 {
            errors.push(ModelError::wrong(
                path,
                format!("`{quantity}` is nothing"),
                "write more than 0",
            ));
        }
    };
    if let Some(persistence) = &broker.persistence {
        positive("persistence.size", &persistence.size);
    }
    positive("resources.cpu", &broker.resources.cpu);
    positive("resources.memory", &broker.resources.memory);
    let limits = broker.limits;
    if limits.max_queued.is_some_and(|most| most > MOST) {
        let found = format!("more than {MOST} messages");
        errors.push(ModelError::wrong(
            "limits.max-queued",
            found,
            "write 0 for no limit",
        ));
    }
    if !(20..=MOST).contains(&limits.max_packet) {
        let found = format!("{} bytes are no size of a packet", limits.max_packet);
        errors.push(ModelError::wrong(
            "limits.max-packet",
            found,
            format!("write 20 to {MOST}"),
        ));
    }
}

pub(super) fn bridges(broker: &Broker, errors: &mut Errors) {
    for (index, bridge) in broker.bridges.iter().enumerate() {
        let path = |member: &str| format!("bridges[{index}].{member}");
        if broker.bridges[..index]
            .iter()
            .any(|other| other.name == bridge.name)
        {
            errors.push(twice(path("name"), "the bridge", &bridge.name));
        }
        if bridge.rules.is_empty() {
            let instead = "write for example `topic events/# out 1`";
            errors.push(ModelError::wrong(
                path("rules"),
                "the bridge carries nothing",
                instead,
            ));
        }
        if bridge.password.is_some() && bridge.username.is_none() {
            let found = "without a user name the password is not sent";
            errors.push(ModelError::wrong(path("password"), found, "add `username`"));
        }
        let pair = bridge
            .tls
            .as_ref()
            .map(|tls| (tls.certificate.is_some(), tls.key.is_some()));
        if pair.is_some_and(|(certificate, key)| certificate != key) {
            let found = "a certificate and its key go together";
            errors.push(ModelError::wrong(
                path("tls"),
                found,
                "give both `certificate` and `key`, or none",
            ));
        }
        for (at, rule) in bridge.rules.iter().enumerate() {
            if !broker.version.quotes_patterns() && rule.pattern().contains(' ') {
                let found = "a pattern with a blank needs Mosquitto 2.1";
                errors.push(ModelError::wrong(
                    path(&format!("rules[{at}]")),
                    found,
                    "use another topic",
                ));
            }
        }
    }
}

pub(super) fn node_ports(map: &BTreeMap<PortName, NodePort>, path: &str, errors: &mut Errors) {
    if map.is_empty() {
        errors.push(ModelError::wrong(
            path,
            "no listener is named",
            "write for example `{mqtts: 30883}`",
        ));
    }
    let mut seen = BTreeMap::new();
    for (name, port) in map {
        if let Some(other) = seen.insert(port, name) {
            let found = format!("the node port {port} is that of `{other}` already");
            errors.push(ModelError::wrong(
                format!("{path}.{name}"),
                found,
                "choose another one",
            ));
        }
    }
}

pub(super) fn network(broker: &Broker, errors: &mut Errors) {
    let peers = broker
        .network
        .iter()
        .flat_map(|network| &network.from)
        .enumerate();
    for (index, peer) in peers {
        let path = format!("network.from[{index}]");
        if peer.cidr.is_some() && (peer.namespace.is_some() || !peer.labels.is_empty()) {
            let found = "addresses are outside of the cluster, pods are inside";
            errors.push(ModelError::wrong(
                format!("{path}.cidr"),
                found,
                "make two entries",
            ));
        }
        for (at, name) in peer.listeners.iter().enumerate() {
            listener(broker, name, &format!("{path}.listeners[{at}]"), errors);
        }
    }
}

pub(super) fn cluster(broker: &Broker, errors: &mut Errors) {
    let Some(cluster) = &broker.cluster else {
        return;
    };
    if broker.workload != Workload::StatefulSet {
        let found = "replicas of a cluster need names of their own";
        errors.push(ModelError::wrong("workload", found, "write `StatefulSet`"));
    }
    if cluster.replicas < 3 {
        let found = format!(
            "{} replicas have no majority without one of them",
            cluster.replicas
        );
        errors.push(ModelError::wrong("cluster.replicas", found, "use 3 or more"));
    }
    for (index, (name, port)) in cluster.ports.iter().enumerate() {
        let clash = broker
            .listeners
            .iter()
            .find(|listener| listener.name == *name || listener.port == *port);
        if let Some(other) = clash {
            let problem = ModelProblem::PortTaken {
                port: *port,
                by: other.name.clone(),
            };
            errors.push(ModelError::new(format!("cluster.ports[{index}]"), problem));
        }
    }
    if let Some(scale) = cluster.autoscaling
        && (scale.min < 3 || scale.max < scale.min || scale.cpu == 0)
    {
        let found = format!(
            "{} to {} replicas at {} % are no bounds",
            scale.min, scale.max, scale.cpu
        );
        errors.push(ModelError::wrong(
            "cluster.autoscaling",
            found,
            "write at least 3, and no fewer at most",
        ));
    }
}
