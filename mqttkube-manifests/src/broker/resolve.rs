//! The check of a model, and what its parts mean for each other.

use mqttkube_mosquitto::Version;

use super::check;
use super::exposed::exposures;
use super::{
    AuthMethod, Broker, Certificate, Credential, Exporter, Exposure, Listener, Metrics, ModelError,
    ModelProblem, Protocol, Workload,
};
use crate::name::{Budget, DnsLabel, DnsSubdomain, HostName, PortName, ServiceName, TooLong};

const HEADLESS: Budget = Budget::new("-headless");
const CONFIG: Budget = Budget::new("-config");
const AUTH: Budget = Budget::new("-auth");
const DATA: Budget = Budget::new("-data");
const METRICS: Budget = Budget::new("-metrics");
const NODE_PORT: Budget = Budget::new("-node-port");
const LOAD_BALANCER: Budget = Budget::new("-load-balancer");

/// A StatefulSet's pods bear a label with its name and a hash.
const STATEFUL_SET_MOST: usize = 52;

/// A model without errors, with its references found.
pub(super) struct Resolved<'a> {
    pub(super) broker: &'a Broker,
    pub(super) names: Names,
    /// For each exposure the listeners that it is for, by index.
    pub(super) exposed: Vec<Vec<usize>>,
    /// The listener that is probed.
    pub(super) probed: usize,
    /// The exporter, and the listener that it connects to.
    pub(super) exporter: Option<(&'a Exporter, usize)>,
}

/// Names made from the broker's.
pub(super) struct Names {
    pub(super) headless: ServiceName,
    pub(super) config: DnsLabel,
    pub(super) auth: DnsLabel,
    pub(super) data: DnsLabel,
    pub(super) metrics: ServiceName,
    pub(super) node_port: ServiceName,
    pub(super) load_balancer: ServiceName,
}

/// Errors as they are found.
pub(super) type Errors = Vec<ModelError>;

pub(super) fn resolve(broker: &Broker) -> Result<Resolved<'_>, Errors> {
    let mut errors = Errors::new();
    let names = names(broker, &mut errors);
    check::basics(broker, &mut errors);
    check::listeners(broker, &mut errors);
    check::auth(broker, &mut errors);
    check::settings(broker, &mut errors);
    check::bridges(broker, &mut errors);
    let exposed = exposures(broker, &mut errors);
    check::network(broker, &mut errors);
    let exporter = exporter(broker, &mut errors);
    check::cluster(broker, &mut errors);
    match (names, probed(broker)) {
        (Some(names), Some(probed)) if errors.is_empty() => Ok(Resolved {
            broker,
            names,
            exposed,
            probed,
            exporter,
        }),
        _ => Err(errors),
    }
}

/// All names, or the one error that leaves the least room.
fn names(broker: &Broker, errors: &mut Errors) -> Option<Names> {
    let base = &broker.name;
    let label = DnsLabel::from(base.clone());
    let mut too_long: Vec<TooLong> = Vec::new();
    let uses = |wanted: fn(&Exposure) -> bool| broker.expose.iter().any(wanted);
    let needed = [
        (HEADLESS, broker.workload == Workload::StatefulSet),
        (CONFIG, true),
        (AUTH, true),
        (DATA, broker.workload != Workload::StatefulSet),
        (METRICS, broker.metrics != Metrics::None),
        (
            NODE_PORT,
            uses(|exposure| matches!(exposure, Exposure::NodePort(_))),
        ),
        (
            LOAD_BALANCER,
            uses(|exposure| matches!(exposure, Exposure::LoadBalancer(_))),
        ),
    ];
    for (budget, _) in needed.into_iter().filter(|(_, needed)| *needed) {
        too_long.extend(budget.service(base).err());
    }
    let length = base.as_str().len();
    if broker.workload == Workload::StatefulSet && length > STATEFUL_SET_MOST {
        let (base, most) = (base.to_string(), STATEFUL_SET_MOST);
        too_long.push(TooLong {
            derived: base.clone(),
            base,
            length,
            most,
            budget: most,
        });
    }
    if let Some(tightest) = too_long.into_iter().min_by_key(|error| error.budget) {
        errors.push(ModelError::new("name", tightest));
        return None;
    }
    // What is not needed may be too long; it is not used then.
    let service = |budget: Budget| budget.service(base).unwrap_or_else(|_| base.clone());
    let derived = |budget: Budget| budget.label(&label).unwrap_or_else(|_| label.clone());
    Some(Names {
        headless: service(HEADLESS),
        config: derived(CONFIG),
        auth: derived(AUTH),
        data: derived(DATA),
        metrics: service(METRICS),
        node_port: service(NODE_PORT),
        load_balancer: service(LOAD_BALANCER),
    })
}

/// The listener to probe: the HTTP interface, which answers without a log line; else one without encryption; else any.
/// The HTTP interface asks the dynamic-security plugin, which has no rights for clients without a name.
fn probed(broker: &Broker) -> Option<usize> {
    let http = |listener: &Listener| {
        listener.protocol == Protocol::HttpApi
            && !matches!(broker.auth.method, AuthMethod::DynamicSecurity(_))
    };
    let plain = |listener: &Listener| listener.is_for_clients() && listener.tls.is_none();
    let any = |listener: &Listener| listener.is_for_clients();
    let first = |wanted: &dyn Fn(&Listener) -> bool| broker.listeners.iter().position(wanted);
    first(&http).or_else(|| first(&plain)).or_else(|| first(&any))
}

/// A listener by name, for clients.
pub(super) fn listener(broker: &Broker, name: &PortName, path: &str, errors: &mut Errors) -> Option<usize> {
    let found = broker
        .listeners
        .iter()
        .position(|listener| listener.name == *name);
    match found {
        Some(at) if broker.listeners[at].is_for_clients() => return found,
        Some(_) => errors.push(ModelError::wrong(
            path,
            format!("`{name}` is the HTTP interface, which is for probes alone"),
            "name a listener for clients",
        )),
        None => {
            let known: Vec<String> = broker
                .listeners
                .iter()
                .map(|listener| format!("`{}`", listener.name))
                .collect();
            let problem = ModelProblem::NoListener {
                name: name.clone(),
                known: known.join(", "),
            };
            errors.push(ModelError::new(path, problem));
        }
    }
    None
}

fn exporter<'a>(broker: &'a Broker, errors: &mut Errors) -> Option<(&'a Exporter, usize)> {
    let Metrics::Exporter(exporter) = &broker.metrics else {
        return None;
    };
    let path = "metrics.exporter";
    if exporter.password.is_some() && exporter.username.is_none() {
        let found = "there is a password without a user name";
        errors.push(ModelError::wrong(
            format!("{path}.password"),
            found,
            "add `username`",
        ));
    }
    if let Some(other) = broker
        .listeners
        .iter()
        .find(|listener| listener.port == exporter.port)
    {
        let problem = ModelProblem::PortTaken {
            port: exporter.port,
            by: other.name.clone(),
        };
        errors.push(ModelError::new(format!("{path}.port"), problem));
    }
    let fits = |listener: &Listener| {
        listener.protocol == Protocol::Mqtt && listener.tls.is_none() && listener.proxy_protocol.is_none()
    };
    let Some(at) = broker.listeners.iter().position(fits) else {
        let found = "the exporter connects from the same pod, without encryption, and no listener takes that";
        let instead = "add a listener such as `{name: mqtt, port: 1883}`";
        errors.push(ModelError::wrong(path, found, instead));
        return None;
    };
    Some((exporter, at))
}

impl Broker {
    /// The Secret with the certificate of a listener.
    pub(super) fn certificate_secret(&self, listener: &Listener) -> Option<DnsSubdomain> {
        match &listener.tls.as_ref()?.certificate {
            Certificate::Existing { secret } => Some(secret.clone()),
            Certificate::Issued { .. } => {
                let name = format!("{}-{}-tls", self.name, listener.name);
                Some(name.parse().expect("two labels and a suffix make a subdomain"))
            }
        }
    }

    /// The names in the certificate of a listener; none when it is not made here.
    pub(super) fn certificate_hosts(&self, listener: &Listener) -> Vec<HostName> {
        let Some(Certificate::Issued { issuer, hosts }) = listener.tls.as_ref().map(|tls| &tls.certificate)
        else {
            return Vec::new();
        };
        let mut all = hosts.clone();
        for exposure in &self.expose {
            let is_for = |name: &Option<PortName>| name.as_ref().is_none_or(|name| *name == listener.name);
            match exposure {
                Exposure::Route(route) if is_for(&route.listener) => all.push(route.host.clone().into()),
                Exposure::TlsRoute(route) if is_for(&route.listener) => {
                    all.extend(route.hosts.iter().cloned());
                }
                _ => {}
            }
        }
        if !issuer.is_public() {
            all.extend(self.service_hosts());
        }
        let mut seen = std::collections::BTreeSet::new();
        all.retain(|host| seen.insert(host.clone()));
        all
    }

    /// The names by which pods find the broker.
    fn service_hosts(&self) -> Vec<HostName> {
        let (name, namespace) = (&self.name, &self.namespace);
        let mut hosts = vec![
            name.to_string(),
            format!("{name}.{namespace}"),
            format!("{name}.{namespace}.svc"),
            format!("{name}.{namespace}.svc.cluster.local"),
        ];
        if self.cluster.is_some() {
            hosts.push(format!("*.{name}-headless.{namespace}.svc"));
            hosts.push(format!("*.{name}-headless.{namespace}.svc.cluster.local"));
        }
        hosts
            .into_iter()
            .map(|host| host.parse().expect("labels joined by dots are a host name"))
            .collect()
    }

    /// Whether passwords are hashed in the pod before the broker starts.
    pub(super) fn hashes_in_pod(&self) -> bool {
        let AuthMethod::Users(users) = &self.auth.method else {
            return false;
        };
        users
            .iter()
            .any(|user| matches!(user.credential, Credential::Secret(_)))
    }

    /// Whether listeners of 2.0 need settings of their own: some let clients without a name in, some do not.
    pub(super) fn differs_by_listener(&self) -> bool {
        let mut clients = self.listeners.iter().filter(|listener| listener.is_for_clients());
        let first = clients.next().map(|listener| self.lets_anonymous_in(listener));
        self.version == Version::V2_0
            && clients.any(|listener| Some(self.lets_anonymous_in(listener)) != first)
    }

    pub(super) fn lets_anonymous_in(&self, listener: &Listener) -> bool {
        let all = matches!(self.auth.method, AuthMethod::Anonymous { .. });
        all || listener.anonymous || listener.protocol == Protocol::HttpApi
    }
}
