//! What a change of the model takes: nothing, a signal, or a new pod.
//!
//! Mosquitto reads passwords, rights and certificates again on SIGHUP, and nothing else. The password of a bridge is in the
//! configuration; the reload of bridges that 2.1 has loses their queues, so it is not used.

use std::fmt;

use super::pod;
use super::resolve::{Errors, resolve};
use super::spread;
use super::{
    Auth, AuthMethod, Broker, Certificate, DynamicSecurity, Issuer, IssuerKind, Listener, Metrics, Monitor,
    Persistence, Workload,
};
use crate::name::DnsSubdomain;

/// What a change does to the broker. The later ones are worse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Effect {
    /// The broker does not notice.
    Nothing,
    /// The broker reads its files again; no client is disconnected.
    Sighup,
    /// A new pod takes the place of the old one; clients connect again.
    Roll,
    /// The API server refuses the change: the workload or claim must be deleted first.
    Replace,
}

/// One change and what it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// The part of the model, as `auth.users`.
    pub path: String,
    /// What it takes.
    pub effect: Effect,
    /// Why, for people.
    pub reason: &'static str,
}

/// All changes between two models of one broker.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReloadPlan {
    changes: Vec<Change>,
}

impl Effect {
    /// What happens, in a word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Sighup => "SIGHUP",
            Self::Roll => "roll",
            Self::Replace => "replace",
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.path, self.effect, self.reason)
    }
}

impl ReloadPlan {
    /// Compares two models of one broker.
    ///
    /// ```
    /// use mqttkube_manifests::broker::{Auth, Broker, Effect, Listener, ReloadPlan, User};
    /// use mqttkube_manifests::name::Port;
    /// use mqttkube_mosquitto::Version;
    ///
    /// let user = |name: &str| User::with_password(name.parse()?, &"open sesame".into(), b"stays with us");
    /// let old = Broker::new(
    ///     "mosquitto".parse()?,
    ///     "mqtt".parse()?,
    ///     Version::V2_0,
    ///     "eclipse-mosquitto:2.0.22".parse()?,
    ///     vec![Listener::new("mqtt".parse()?, Port::literal(1883))],
    ///     Auth::users(vec![user("sensor")?]),
    /// );
    /// let mut new = old.clone();
    /// new.auth = Auth::users(vec![user("sensor")?, user("panel")?]);
    /// let plan = ReloadPlan::between(&old, &new).expect("both are brokers");
    /// assert_eq!(plan.effect(), Effect::Sighup);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with one of the models.
    pub fn between(old: &Broker, new: &Broker) -> Result<Self, Errors> {
        resolve(old)?;
        resolve(new)?;
        let mut plan = Self::default();
        plan.identity(old, new);
        plan.listeners(old, new);
        plan.auth(old, new);
        plan.storage(old, new);
        plan.configuration(old, new);
        plan.pod(old, new);
        plan.outside(old, new);
        plan.cluster(old, new);
        Ok(plan)
    }

    /// All changes, in the order of the model.
    #[must_use]
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// What all of them together take.
    #[must_use]
    pub fn effect(&self) -> Effect {
        self.changes
            .iter()
            .map(|change| change.effect)
            .max()
            .unwrap_or(Effect::Nothing)
    }

    fn add(&mut self, path: impl Into<String>, effect: Effect, reason: &'static str) {
        self.changes.push(Change {
            path: path.into(),
            effect,
            reason,
        });
    }

    fn when(&mut self, changed: bool, path: &str, effect: Effect, reason: &'static str) {
        if changed {
            self.add(path, effect, reason);
        }
    }

    fn identity(&mut self, old: &Broker, new: &Broker) {
        let another = "it is another broker, with objects of its own";
        self.when(old.name != new.name, "name", Effect::Replace, another);
        self.when(
            old.namespace != new.namespace,
            "namespace",
            Effect::Replace,
            another,
        );
        self.when(
            old.labels != new.labels,
            "labels",
            Effect::Roll,
            "the pods bear the labels too, and those of a pod are set when it is made",
        );
        self.when(
            old.annotations != new.annotations,
            "annotations",
            Effect::Nothing,
            "the pods do not bear them",
        );
    }

    fn listeners(&mut self, old: &Broker, new: &Broker) {
        let bare = |listener: &Listener| {
            let mut listener = listener.clone();
            if let Some(tls) = &mut listener.tls
                && let Certificate::Issued { issuer, hosts } = &mut tls.certificate
            {
                *issuer = Issuer::new(DnsSubdomain::literal("any"), IssuerKind::default());
                hosts.clear();
            }
            listener
        };
        let same = |(old, new): (&Listener, &Listener)| bare(old) == bare(new);
        if old.listeners.len() != new.listeners.len() || !old.listeners.iter().zip(&new.listeners).all(same) {
            self.add(
                "listeners",
                Effect::Roll,
                "Mosquitto opens its listeners when it starts, and never again",
            );
            return;
        }
        for (index, (before, after)) in old.listeners.iter().zip(&new.listeners).enumerate() {
            let issuer = |listener: &Listener| match listener.tls.as_ref().map(|tls| &tls.certificate) {
                Some(Certificate::Issued { issuer, .. }) => Some((issuer.name.clone(), issuer.kind)),
                _ => None,
            };
            if issuer(before) != issuer(after)
                || old.certificate_hosts(before) != new.certificate_hosts(after)
            {
                let reason = "cert-manager makes another certificate in the same Secret, and SIGHUP reads certificates again";
                self.add(format!("listeners[{index}].tls"), Effect::Sighup, reason);
            }
        }
    }

    fn auth(&mut self, old: &Broker, new: &Broker) {
        if old.auth.acl.is_empty() != new.auth.acl.is_empty() {
            self.add(
                "auth.acl",
                Effect::Roll,
                "whether there is an ACL file stands in the configuration",
            );
        } else if old.auth.acl != new.auth.acl {
            self.add("auth.acl", Effect::Sighup, "SIGHUP reads the ACL file again");
        }
        let Auth { method: before, .. } = &old.auth;
        let Auth { method: after, .. } = &new.auth;
        if before == after {
            return;
        }
        match (before, after) {
            (AuthMethod::Users(_), AuthMethod::Users(_)) => {
                if old.hashes_in_pod() || new.hashes_in_pod() {
                    let reason = "a password from a Secret is hashed in the pod before the broker starts";
                    self.add("auth.users", Effect::Roll, reason);
                } else {
                    self.add(
                        "auth.users",
                        Effect::Sighup,
                        "SIGHUP reads the password file again",
                    );
                }
            }
            (AuthMethod::DynamicSecurity(before), AuthMethod::DynamicSecurity(after)) => {
                let files = [before, after]
                    .iter()
                    .all(|seed| matches!(seed, DynamicSecurity::File(_)));
                let effect = if files { Effect::Nothing } else { Effect::Roll };
                let reason = "the plugin keeps what it has; a seed counts only where there is no file yet";
                self.add("auth.dynamic-security", effect, reason);
            }
            _ => self.add(
                "auth",
                Effect::Roll,
                "how clients show who they are stands in the configuration",
            ),
        }
    }

    fn storage(&mut self, old: &Broker, new: &Broker) {
        self.when(
            old.workload != new.workload,
            "workload",
            Effect::Replace,
            "another kind of object makes the pod; the old one must go first, for there is one volume",
        );
        if old.persistence == new.persistence {
            return;
        }
        let class =
            |persistence: &Option<Persistence>| persistence.as_ref().map(|kept| kept.storage_class.clone());
        let (effect, reason) = if new.workload == Workload::StatefulSet {
            (
                Effect::Replace,
                "the volumes of a StatefulSet cannot be changed; delete it with --cascade=orphan, and apply again",
            )
        } else if old.persistence.is_some() != new.persistence.is_some() {
            (Effect::Roll, "the pod gets or loses its volume")
        } else if class(&old.persistence) != class(&new.persistence) {
            (
                Effect::Replace,
                "the class of a claim cannot be changed; what is on the old volume must be copied",
            )
        } else {
            (
                Effect::Nothing,
                "the claim grows in place where its class allows that, and never shrinks",
            )
        };
        self.add("persistence", effect, reason);
    }

    fn configuration(&mut self, old: &Broker, new: &Broker) {
        let at_start = "SIGHUP does not reach it, so it is read when the broker starts";
        let limits = |broker: &Broker| {
            (
                broker.max_queued(),
                broker.limits.max_inflight,
                broker.limits.max_packet,
            )
        };
        self.when(limits(old) != limits(new), "limits", Effect::Roll, at_start);
        self.when(old.logging != new.logging, "logging", Effect::Roll, at_start);
        self.when(
            old.bridges != new.bridges,
            "bridges",
            Effect::Roll,
            "a bridge is made when the broker starts; the reload of 2.1 loses what waits in it",
        );
    }

    fn pod(&mut self, old: &Broker, new: &Broker) {
        let made = "it belongs to the pod, which is made anew";
        self.when(old.version != new.version, "version", Effect::Roll, made);
        self.when(old.image != new.image, "image", Effect::Roll, made);
        self.when(
            old.pull_secrets != new.pull_secrets,
            "pull-secrets",
            Effect::Roll,
            made,
        );
        self.when(old.platform != new.platform, "platform", Effect::Roll, made);
        self.when(old.resources != new.resources, "resources", Effect::Roll, made);
        self.when(
            pod::is_watched(old) != pod::is_watched(new),
            "reload",
            Effect::Roll,
            made,
        );
        let container = |metrics: &Metrics| match metrics {
            Metrics::None => None,
            Metrics::Exporter(exporter) => Some(super::Exporter {
                monitor: Monitor::None,
                ..exporter.clone()
            }),
        };
        if container(&old.metrics) != container(&new.metrics) {
            self.add("metrics", Effect::Roll, made);
        } else if old.metrics != new.metrics {
            self.add(
                "metrics.exporter.monitor",
                Effect::Nothing,
                "only Prometheus looks at it",
            );
        }
        if old.spread != new.spread {
            let spread = old.cluster.is_some()
                || new.cluster.is_some()
                || spread::is_part(old)
                || spread::is_part(new);
            let effect = if spread { Effect::Roll } else { Effect::Nothing };
            self.add("spread", effect, "where a pod runs is decided when it is made");
        }
    }

    fn outside(&mut self, old: &Broker, new: &Broker) {
        let beside = "it is an object beside the pod";
        self.when(
            old.create_namespace != new.create_namespace,
            "create-namespace",
            Effect::Nothing,
            beside,
        );
        self.when(old.expose != new.expose, "expose", Effect::Nothing, beside);
        self.when(old.network != new.network, "network", Effect::Nothing, beside);
        self.when(
            old.disruption != new.disruption,
            "disruption",
            Effect::Nothing,
            beside,
        );
    }

    fn cluster(&mut self, old: &Broker, new: &Broker) {
        match (&old.cluster, &new.cluster) {
            (Some(before), Some(after)) => {
                self.when(
                    before.ports != after.ports,
                    "cluster.ports",
                    Effect::Roll,
                    "a port belongs to the pod",
                );
                let rest = before.replicas != after.replicas || before.autoscaling != after.autoscaling;
                self.when(
                    rest,
                    "cluster",
                    Effect::Nothing,
                    "the pods that stay are not touched",
                );
            }
            (None, None) => {}
            _ => self.add(
                "cluster",
                Effect::Replace,
                "how a StatefulSet starts its pods cannot be changed",
            ),
        }
    }
}
