//! The objects, put together.

use serde_json::json;

use super::pod::Built;
use super::resolve::{Errors, Resolved};
use super::{
    Broker, Certificate, Disruption, Exposure, Monitor, Network, Peer, Workload, conf, pod, resolve,
};
use crate::build::{self, Allowed, App, ContainerPort, NetworkPolicy, Service, workload};
use crate::bundle::Bundle;
use crate::name::{LabelKey, LabelValue, Port};
use crate::object::Object;

pub(super) fn bundle(broker: &Broker) -> Result<Bundle, Errors> {
    let resolved = resolve::resolve(broker)?;
    let conf = conf::text(broker)?;
    let app = app(broker);
    let built = pod::build(&app, &resolved, &conf);
    let mut bundle = app.bundle();
    let services = Services::new(&app, &resolved, &built);
    let workload = make(&app, broker, &built, &services);
    let mut objects = vec![built.config.object()];
    if broker.create_namespace {
        objects.push(app.namespace_object());
    }
    if !built.secret.is_empty() {
        objects.push(built.secret.object());
    }
    objects.extend(built.claim.iter().map(|claim| claim.object(&app)));
    objects.extend(certificates(&app, broker));
    objects.extend(services.all().map(Service::object));
    objects.extend(outside(&app, &resolved, &built, &services.main));
    objects.push(policy(&app, &resolved, &built).object());
    if broker.disruption == Disruption::OneAtATime {
        objects.push(build::budget(&app));
    }
    if let Some(scale) = broker.cluster.as_ref().and_then(|cluster| cluster.autoscaling) {
        objects.push(build::autoscaler(
            &app,
            &workload,
            (scale.min, scale.max),
            scale.cpu,
        ));
    }
    objects.extend(monitor(&app, &resolved, &built));
    objects.push(workload);
    for object in objects {
        bundle
            .add(object)
            .expect("names of one kind differ by their suffix");
    }
    Ok(bundle)
}

fn app(broker: &Broker) -> App {
    const COMPONENT: LabelKey = LabelKey::literal("app.kubernetes.io/component");
    let mut app = App::new("mosquitto", broker.name.clone(), broker.namespace.clone());
    app.label(&COMPONENT, &LabelValue::literal("broker"));
    for (key, value) in &broker.labels {
        app.label(key, value);
    }
    for (key, value) in &broker.annotations {
        app.annotation(key, value);
    }
    app
}

/// The Services.
struct Services<'a> {
    /// For clients in the cluster.
    main: Service<'a>,
    headless: Option<Service<'a>>,
    others: Vec<Service<'a>>,
}

impl<'a> Services<'a> {
    fn new(app: &'a App, resolved: &Resolved<'_>, built: &Built<'_>) -> Self {
        let (broker, names) = (resolved.broker, &resolved.names);
        let clients = || for_clients(broker, built);
        let main = clients().fold(Service::new(app, broker.name.as_str()), Service::port);
        let headless = (broker.workload == Workload::StatefulSet).then(|| {
            let service = clients()
                .chain(&built.peers)
                .fold(Service::headless(app, names.headless.as_str()), Service::port);
            // Replicas find each other before one of them is ready.
            if broker.cluster.is_some() {
                service.with_unready()
            } else {
                service
            }
        });
        let mut others = Vec::new();
        for (exposure, listeners) in broker.expose.iter().zip(&resolved.exposed) {
            let ports = listeners
                .iter()
                .map(|at| (&built.ports[*at], &broker.listeners[*at].name));
            match exposure {
                Exposure::NodePort(map) => {
                    let service = Service::node_port(app, names.node_port.as_str());
                    others.push(ports.fold(service, |service, (port, name)| {
                        service.port_on_nodes(port, map[name])
                    }));
                }
                Exposure::LoadBalancer(balancer) => {
                    let (name, class) = (names.load_balancer.as_str(), balancer.class.as_ref());
                    let service = Service::load_balancer(app, name, class, &balancer.source_ranges);
                    others.push(ports.fold(service, |service, (port, _)| service.port(port)));
                }
                _ => {}
            }
        }
        let by_service = |monitor| monitor == Monitor::Service;
        if resolved
            .exporter
            .is_some_and(|(exporter, _)| by_service(exporter.monitor))
        {
            let service = Service::new(app, names.metrics.as_str());
            others.push(built.metrics.iter().fold(service, Service::port));
        }
        Self {
            main,
            headless,
            others,
        }
    }

    fn all(&self) -> impl Iterator<Item = &Service<'a>> {
        std::iter::once(&self.main)
            .chain(&self.headless)
            .chain(&self.others)
    }
}

fn for_clients<'a>(broker: &'a Broker, built: &'a Built<'_>) -> impl Iterator<Item = &'a ContainerPort> {
    let all = broker.listeners.iter().zip(&built.ports);
    all.filter(|(listener, _)| listener.is_for_clients())
        .map(|(_, port)| port)
}

fn make(app: &App, broker: &Broker, built: &Built<'_>, services: &Services<'_>) -> Object {
    let update = workload::Update::Recreate;
    match (&services.headless, broker.workload) {
        (Some(headless), _) => {
            let replicas = broker.cluster.as_ref().map_or(1, |cluster| cluster.replicas);
            workload::stateful_set(app, &built.pod, replicas, headless, broker.cluster.is_some())
        }
        (None, Workload::DeploymentConfig) => workload::deployment_config(app, &built.pod, 1, update),
        (None, Workload::Deployment | Workload::StatefulSet) => {
            workload::deployment(app, &built.pod, 1, update)
        }
    }
}

fn certificates(app: &App, broker: &Broker) -> Vec<Object> {
    let issued = broker.listeners.iter().filter_map(|listener| {
        let Certificate::Issued { issuer, .. } = &listener.tls.as_ref()?.certificate else {
            return None;
        };
        let secret = broker.certificate_secret(listener)?;
        Some(build::certificate(
            app,
            &secret,
            issuer,
            &broker.certificate_hosts(listener),
        ))
    });
    issued.collect()
}

/// Routes and Ingresses, named after the listener; a further one to the same listener has a number.
fn outside(app: &App, resolved: &Resolved<'_>, built: &Built<'_>, service: &Service<'_>) -> Vec<Object> {
    let broker = resolved.broker;
    let mut objects: Vec<Object> = Vec::new();
    for (exposure, listeners) in broker.expose.iter().zip(&resolved.exposed) {
        let Some(at) = listeners.first() else {
            continue;
        };
        let port = &built.ports[*at];
        let base = format!("{}-{}", broker.name, broker.listeners[*at].name);
        let make = |name: &str| match exposure {
            Exposure::Route(route) => Some(build::route(app, name, &route.host, service, port)),
            Exposure::TlsRoute(route) => Some(build::tls_route(
                app,
                name,
                (&route.parents, &route.hosts),
                service,
                port,
            )),
            Exposure::Ingress(ingress) => Some(build::ingress(app, name, ingress, service, port)),
            Exposure::ClusterIp {} | Exposure::NodePort(_) | Exposure::LoadBalancer(_) => None,
        };
        let Some(object) = make(&base) else {
            continue;
        };
        let same = |other: &&Object| other.kind() == object.kind() && other.name().starts_with(&base);
        let before = objects.iter().filter(same).count();
        let numbered = format!("{base}-{}", before + 1);
        let object = if before == 0 {
            Some(object)
        } else {
            make(&numbered)
        };
        objects.extend(object);
    }
    objects
}

fn monitor(app: &App, resolved: &Resolved<'_>, built: &Built<'_>) -> Option<Object> {
    let ((exporter, _), port) = (resolved.exporter?, built.metrics.as_ref()?);
    match exporter.monitor {
        Monitor::Pod => Some(build::pod_monitor(app, port)),
        Monitor::Service => Some(build::service_monitor(app, port)),
        Monitor::None => None,
    }
}

fn policy<'a>(app: &'a App, resolved: &Resolved<'_>, built: &Built<'_>) -> NetworkPolicy<'a> {
    let broker = resolved.broker;
    let mut groups: Vec<(Vec<Allowed>, Vec<ContainerPort>)> = Vec::new();
    for (index, (listener, port)) in broker.listeners.iter().zip(&built.ports).enumerate() {
        if !listener.is_for_clients() {
            continue;
        }
        let allowed = match &broker.network {
            Some(network) => named(broker, network, index),
            None => implied(resolved, index),
        };
        match groups.iter_mut().find(|(others, _)| *others == allowed) {
            Some((_, ports)) => ports.push(port.clone()),
            None => groups.push((allowed, vec![port.clone()])),
        }
    }
    let mut policy = NetworkPolicy::new(app, broker.name.as_str());
    for (allowed, ports) in &groups {
        policy = policy.allow(allowed, ports);
    }
    policy = policy.allow(&[Allowed::Itself], &built.peers);
    if let Some(metrics) = &built.metrics {
        let anywhere = Allowed::Pods {
            namespace: Some(json!({})),
            labels: None,
        };
        policy = policy.allow(&[anywhere], std::slice::from_ref(metrics));
    }
    let mut remote: Vec<Port> = broker
        .bridges
        .iter()
        .filter_map(|bridge| u32::from(bridge.address.port()).try_into().ok())
        .collect();
    remote.sort_unstable();
    remote.dedup();
    let peers: Vec<Port> = built.peers.iter().map(ContainerPort::number).collect();
    policy = policy
        .reach(&[Allowed::Everybody], &remote)
        .reach(&[Allowed::Itself], &peers);
    if remote.is_empty() && peers.is_empty() {
        policy
    } else {
        policy.look_up_names()
    }
}

/// Those whom the model names for a listener.
fn named(broker: &Broker, network: &Network, index: usize) -> Vec<Allowed> {
    let name = &broker.listeners[index].name;
    let peers = network
        .from
        .iter()
        .filter(|peer| peer.listeners.is_empty() || peer.listeners.contains(name));
    let allowed = |peer: &Peer| match (&peer.cidr, &peer.namespace) {
        (Some(range), _) => Allowed::Addresses(*range),
        (None, None) if peer.labels.is_empty() => Allowed::Everybody,
        (None, namespace) => Allowed::Pods {
            namespace: namespace
                .as_ref()
                .map(|name| json!({"kubernetes.io/metadata.name": name})),
            labels: (!peer.labels.is_empty()).then(|| json!(peer.labels)),
        },
    };
    peers.map(allowed).collect()
}

/// Pods of the namespace, and whoever an exposure of the listener is made for.
fn implied(resolved: &Resolved<'_>, index: usize) -> Vec<Allowed> {
    let broker = resolved.broker;
    let mut allowed = vec![Allowed::OwnNamespace];
    for (exposure, _) in broker
        .expose
        .iter()
        .zip(&resolved.exposed)
        .filter(|(_, exposed)| exposed.contains(&index))
    {
        match exposure {
            Exposure::ClusterIp {} => {}
            Exposure::LoadBalancer(balancer) if !balancer.source_ranges.is_empty() => {
                allowed.extend(
                    balancer
                        .source_ranges
                        .iter()
                        .map(|range| Allowed::Addresses(*range)),
                );
            }
            // The addresses of clients are hidden behind those of nodes, and the controller may run anywhere.
            Exposure::NodePort(_) | Exposure::LoadBalancer(_) | Exposure::Ingress(_) => {
                allowed.push(Allowed::Everybody);
            }
            Exposure::Route(_) => {
                let routers = json!({"policy-group.network.openshift.io/ingress": ""});
                allowed.push(Allowed::Pods {
                    namespace: Some(routers),
                    labels: None,
                });
            }
            Exposure::TlsRoute(route) => {
                let namespaces = route.parents.iter().map(|parent| parent.namespace.as_ref());
                allowed.extend(
                    namespaces.map(|name| Allowed::namespace(name.unwrap_or(&broker.namespace).as_str())),
                );
            }
        }
    }
    let mut seen: Vec<Allowed> = Vec::new();
    for one in allowed {
        if !seen.contains(&one) {
            seen.push(one);
        }
    }
    if seen.contains(&Allowed::Everybody) {
        vec![Allowed::Everybody]
    } else {
        seen
    }
}
