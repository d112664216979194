//! Certificates by certbot in the pod, for clusters without cert-manager.
//!
//! Certbot is a native sidecar of its own: the credentials of the DNS zone are mounted there alone, and its account and
//! certificates are on a claim, so that a restart does not ask for new ones. It puts a certificate into memory in the way
//! of the kubelet, by a link that is swapped, so the broker sees a renewed one without a restart.

use serde_json::{Value, json};

use super::ScenarioError;
use crate::broker::{Broker, SecretKey, Tls};
use crate::build::{Allowed, App, Claim, ConfigMap, NetworkPolicy, Profile};
use crate::bundle::Bundle;
use crate::name::{Budget, ConfigKey, DnsSubdomain, HostName, ImageRef, Port, PortName};

/// Certificates by certbot, proven by a record in the DNS zone.
#[derive(Clone, Debug, PartialEq)]
pub struct Certbot {
    /// The image, with the plugin for the zone.
    pub image: ImageRef,
    /// Who is told before a certificate ends.
    pub email: SecretKey,
    /// The plugin, such as `dns-cloudflare`.
    pub plugin: ConfigKey,
    /// Its credentials, in the file that it wants.
    pub credentials: SecretKey,
}

const SCRIPT: &str = r#"#!/bin/sh
# Asks for a certificate, and twice a day whether it must be renewed. Ready is who has written one.
set -eu
umask 077
show() {
  new=$(mktemp -d /tls/..XXXXXX)
  cp -L "/state/config/live/broker/fullchain.pem" "$new/tls.crt"
  cp -L "/state/config/live/broker/privkey.pem" "$new/tls.key"
  old=$(readlink /tls/..data || true)
  ln -sfn "$(basename "$new")" /tls/..tmp
  mv -T /tls/..tmp /tls/..data
  ln -sf ..data/tls.crt /tls/tls.crt
  ln -sf ..data/tls.key /tls/tls.key
  [ -z "$old" ] || rm -r "/tls/$old"
}
seen=
while true; do
  certbot certonly --non-interactive --agree-tos --keep-until-expiring --cert-name broker \
    --email "$EMAIL" --authenticator "$PLUGIN" "--$PLUGIN-credentials" /dns/credentials $DOMAINS \
    --config-dir /state/config --work-dir /state/work --logs-dir /state/logs || true
  now=$(readlink -f /state/config/live/broker/fullchain.pem || true)
  if [ -n "$now" ] && [ "$now" != "$seen" ]; then
    show
    seen=$now
  fi
  if [ -n "$now" ]; then sleep 43200 & else sleep 600 & fi
  wait
done
"#;

impl Certbot {
    /// What a listener has in the place of a certificate; [`add_to`](Self::add_to) replaces its volume by one that certbot
    /// writes.
    #[must_use]
    pub fn tls() -> Tls {
        Tls::existing(DnsSubdomain::literal("written-by-certbot"))
    }

    /// Puts certbot into the pod of a broker, for one listener with these names. The broker is part of the bundle.
    ///
    /// # Errors
    /// When there is no name or no such broker, or a name is too long.
    pub fn add_to(
        &self,
        bundle: &mut Bundle,
        broker: &Broker,
        listener: &PortName,
        hosts: &[HostName],
    ) -> Result<(), ScenarioError> {
        if hosts.is_empty() {
            let found = format!("certbot is asked for no name of the listener `{listener}`");
            return Err(ScenarioError::wrong(found, "write its `hosts`"));
        }
        let app = App::new("mosquitto", broker.name.clone(), broker.namespace.clone());
        let name = Budget::new("-certbot").service(&broker.name)?;
        let mut config = ConfigMap::new(&app, name.as_str());
        config.file(ConfigKey::literal("certbot.sh"), SCRIPT);
        bundle.add(config.object())?;
        let claim = Claim::new(
            name.as_str(),
            "100Mi".parse().expect("the literal is a quantity"),
            None,
        );
        bundle.add(claim.object(&app))?;
        // To the authority and the zone; where they are is not known.
        let policy = NetworkPolicy::new(&app, name.as_str())
            .reach(&[Allowed::Everybody], &[Port::literal(443)])
            .look_up_names();
        bundle.add(policy.object())?;

        let workload = bundle.objects().iter().find(|object| {
            let kinds = ["StatefulSet", "Deployment", "DeploymentConfig"];
            object.name() == broker.name.as_str() && kinds.contains(&object.kind())
        });
        let workload = workload.ok_or_else(|| ScenarioError::wrong("there is no broker", "report this"))?;
        let key = workload.key().clone();
        let spec = workload.at("/spec/template/spec");
        let list = |member: &str| spec[member].as_array().cloned().unwrap_or_default();
        let tls = format!("tls-{listener}");
        let mut volumes = list("volumes");
        for volume in &mut volumes {
            if volume["name"] == tls.as_str() {
                *volume = json!({"name": tls, "emptyDir": {"medium": "Memory", "sizeLimit": "1Mi"}});
            }
        }
        volumes.extend(mounted(name.as_str(), self));
        let mut first = list("initContainers");
        first.insert(0, container(self, &tls, hosts));
        let patch = json!({"spec": {"template": {"spec": {"volumes": volumes, "initContainers": first}}}});
        bundle.merge(&key, &patch)?;
        Ok(())
    }
}

fn mounted(name: &str, certbot: &Certbot) -> [Value; 3] {
    let credentials = json!([{"key": certbot.credentials.key, "path": "credentials"}]);
    [
        json!({"name": "certbot", "configMap": {"name": name, "defaultMode": 0o440}}),
        json!({"name": "certbot-dns", "secret": {"secretName": certbot.credentials.secret, "defaultMode": 0o440,
            "items": credentials}}),
        json!({"name": "certbot-state", "persistentVolumeClaim": {"claimName": name}}),
    ]
}

fn container(certbot: &Certbot, tls: &str, hosts: &[HostName]) -> Value {
    let domains: Vec<String> = hosts.iter().map(|host| format!("-d {host}")).collect();
    let mount = |name: &str, path: &str, read_only: bool| {
        let mut mount = json!({"name": name, "mountPath": path});
        if read_only {
            mount["readOnly"] = json!(true);
        }
        mount
    };
    json!({
        "name": "certbot", "image": certbot.image, "restartPolicy": "Always",
        "command": ["/bin/sh", "/certbot/certbot.sh"],
        "env": [
            {"name": "EMAIL", "valueFrom": {"secretKeyRef": {"name": certbot.email.secret, "key": certbot.email.key}}},
            {"name": "PLUGIN", "value": certbot.plugin},
            {"name": "DOMAINS", "value": domains.join(" ")},
        ],
        "volumeMounts": [
            mount("certbot", "/certbot", true),
            mount("certbot-dns", "/dns", true),
            mount("certbot-state", "/state", false),
            mount(tls, "/tls", false),
        ],
        "resources": {"requests": {"cpu": "10m", "memory": "128Mi"}, "limits": {"memory": "128Mi"}},
        "securityContext": Profile::container(),
        // The first proof takes as long as the zone needs to show the record.
        "startupProbe": {"exec": {"command": ["test", "-e", "/tls/tls.crt"]}, "periodSeconds": 5, "failureThreshold": 180},
    })
}
