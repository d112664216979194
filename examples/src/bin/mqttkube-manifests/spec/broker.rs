//! A Broker document.

use mqttkube_manifests::broker::{
    Bridge, Broker, Disruption, Exporter, Exposure, Level, Limits, Logging, Metrics, Monitor, Network,
    Persistence, Platform, Reload, Resources, Spread, Workload,
};
use mqttkube_manifests::name::{DnsLabel, DnsSubdomain, ServiceName};
use mqttkube_mapping::yaml::{Content, Section};

use super::listener::Certified;
use super::secret::Lookup;
use super::words::{map, names, optional, parse, port, quantity, required, secret_key, value};
use super::{auth, bridge, expose, listener};

/// The model, and the listener whose certificate certbot makes.
pub(super) type Read = (Broker, Option<Certified>);

pub(super) fn read(section: &mut Section<'_>, lookup: Lookup) -> Option<Read> {
    let name = required(section, "name");
    let namespace = required(section, "namespace");
    keys(section, name, namespace, lookup)
}

/// Everything but the names.
pub(super) fn keys(
    section: &mut Section<'_>,
    name: Option<ServiceName>,
    namespace: Option<DnsLabel>,
    lookup: Lookup,
) -> Option<Read> {
    let create_namespace = section.or("create-namespace", false);
    let labels = map(section, "labels", parse);
    let annotations = map(section, "annotations", |text| text.read());
    let version = required(section, "version");
    let image = required(section, "image");
    let (listeners, certified) = listener::read(section);
    let auth = auth::read(section, lookup);
    let broker = Settings {
        pull_secrets: names(section, "pull-secrets"),
        platform: platform(section),
        persistence: section
            .section("persistence", "the section persistence")
            .and_then(persistence),
        limits: section.section("limits", "the section limits").map(limits),
        bridges: bridge::read(section, lookup),
        logging: section.section("logging", "the section logging").map(logging),
        workload: workload(section),
        expose: expose::read(section),
        network: expose::network(section),
        disruption: disruption(section),
        spread: spread(section),
        metrics: metrics(section),
        resources: resources(section),
        reload: reload(section),
    };
    let new = Broker::new(name?, namespace?, version?, image?, listeners, auth?);
    let broker = Broker {
        create_namespace,
        labels,
        annotations,
        pull_secrets: broker.pull_secrets,
        platform: broker.platform?,
        persistence: broker.persistence,
        limits: broker.limits.unwrap_or_default(),
        bridges: broker.bridges,
        logging: broker.logging.unwrap_or_default(),
        workload: broker.workload?,
        expose: broker.expose,
        network: broker.network,
        disruption: broker.disruption?,
        spread: broker.spread?,
        metrics: broker.metrics?,
        resources: broker.resources,
        reload: broker.reload?,
        ..new
    };
    Some((broker, certified))
}

/// What a broker need not say, as far as it was understood: everything is read before anything fails.
struct Settings {
    pull_secrets: Vec<DnsSubdomain>,
    platform: Option<Platform>,
    persistence: Option<Persistence>,
    limits: Option<Limits>,
    bridges: Vec<Bridge>,
    logging: Option<Logging>,
    workload: Option<Workload>,
    expose: Vec<Exposure>,
    network: Option<Network>,
    disruption: Option<Disruption>,
    spread: Option<Spread>,
    metrics: Option<Metrics>,
    resources: Resources,
    reload: Option<Reload>,
}

pub(super) fn platform(section: &mut Section<'_>) -> Option<Platform> {
    let platforms = [
        ("kubernetes", Platform::Kubernetes),
        ("openshift", Platform::OpenShift),
    ];
    section.choice("platform", &platforms)
}

fn persistence(mut section: Section<'_>) -> Option<Persistence> {
    let size = match section.get("size") {
        Some(size) => quantity(&size),
        None => section.missing("size"),
    };
    let storage_class = optional(&mut section, "storage-class");
    section.finish();
    Some(Persistence {
        size: size?,
        storage_class,
    })
}

fn limits(mut section: Section<'_>) -> Limits {
    let default = Limits::default();
    let limits = Limits {
        max_queued: section.optional("max-queued"),
        max_inflight: section.or("max-inflight", default.max_inflight),
        max_packet: section.or("max-packet", default.max_packet),
    };
    section.finish();
    limits
}

fn logging(mut section: Section<'_>) -> Logging {
    let levels = [
        ("information", Level::Information),
        ("info", Level::Information),
        ("error", Level::Error),
        ("warning", Level::Warning),
        ("notice", Level::Notice),
        ("debug", Level::Debug),
    ];
    let logging = Logging {
        level: section.choice("level", &levels).unwrap_or_default(),
        connections: section.or("connections", true),
    };
    section.finish();
    logging
}

fn workload(section: &mut Section<'_>) -> Option<Workload> {
    let kinds = [
        ("StatefulSet", Workload::StatefulSet),
        ("Deployment", Workload::Deployment),
        ("DeploymentConfig", Workload::DeploymentConfig),
    ];
    section.choice("workload", &kinds)
}

fn disruption(section: &mut Section<'_>) -> Option<Disruption> {
    let words = [
        ("one-at-a-time", Disruption::OneAtATime),
        ("none", Disruption::None),
    ];
    section.choice("disruption", &words)
}

fn spread(section: &mut Section<'_>) -> Option<Spread> {
    let words = [
        ("preferred", Spread::Preferred),
        ("required", Spread::Required),
        ("none", Spread::None),
    ];
    section.choice("spread", &words)
}

fn reload(section: &mut Section<'_>) -> Option<Reload> {
    section.choice("reload", &[("watch", Reload::Watch), ("manual", Reload::Manual)])
}

fn metrics(section: &mut Section<'_>) -> Option<Metrics> {
    let Some(cursor) = value(section, "metrics") else {
        return Some(Metrics::None);
    };
    if let Content::Text(_) = cursor.node().content {
        return cursor.choice(&[("none", Metrics::None)]);
    }
    let mut section = cursor.section("the section metrics")?;
    let exporter = match section.section("exporter", "an exporter") {
        Some(section) => exporter(section),
        None => section.missing("exporter"),
    };
    section.finish();
    exporter.map(Metrics::Exporter)
}

fn exporter(mut section: Section<'_>) -> Option<Exporter> {
    let image = required(&mut section, "image");
    let username = value(&mut section, "username").and_then(|place| secret_key(&place));
    let password = value(&mut section, "password").and_then(|place| secret_key(&place));
    let number = value(&mut section, "port").and_then(|number| port(&number));
    let monitors = [
        ("pod", Monitor::Pod),
        ("service", Monitor::Service),
        ("none", Monitor::None),
    ];
    let monitor = section.choice("monitor", &monitors);
    section.finish();
    let new = Exporter::new(image?);
    Some(Exporter {
        username,
        password,
        port: number.unwrap_or(new.port),
        monitor: monitor?,
        ..new
    })
}

pub(super) fn resources(section: &mut Section<'_>) -> Resources {
    let default = Resources::default();
    let Some(mut section) = section.section("resources", "the section resources") else {
        return default;
    };
    let mut amount = |key| value(&mut section, key).and_then(|amount| quantity(&amount));
    let resources = Resources {
        cpu: amount("cpu").unwrap_or(default.cpu),
        memory: amount("memory").unwrap_or(default.memory),
    };
    section.finish();
    resources
}
