//! Three brokers of Cedalo with their management centre, behind HAProxy, as YAML.

use anyhow::Result;
use mqttkube_manifests::broker::{Certificate, Platform, SecretKey};
use mqttkube_manifests::name::NodePort;
use mqttkube_manifests::render::yaml;
use mqttkube_manifests::scenario::cedalo::{CedaloCluster, ManagementCenter, ProxyInputs, Sync};
use mqttkube_mosquitto::Version;

fn main() -> Result<()> {
    print!("{}", manifests()?);
    Ok(())
}

pub(crate) fn manifests() -> Result<String> {
    let key = |secret: &str, key: &str| -> Result<SecretKey> {
        Ok(SecretKey {
            secret: secret.parse()?,
            key: key.parse()?,
        })
    };
    let cluster = CedaloCluster {
        name: "mosquitto".parse()?,
        namespace: "messaging".parse()?,
        platform: Platform::OpenShift,
        image: "registry.cedalo.com/mosquitto/mosquitto:2.8".parse()?,
        version: Version::V2_0,
        replicas: 3,
        license: key("cedalo-license", "license.lic")?,
        users: key("mosquitto-dynamic-security", "dynamic-security.json")?,
        storage: "10Gi".parse()?,
        // One leader serves clients, the others take over: so HAProxy has one active server and backups.
        sync: Sync::Full,
        center: ManagementCenter {
            image: "registry.cedalo.com/cedalo/management-center:2.8".parse()?,
            node_port: Some(NodePort::literal(30_088)),
            secret: "management-center".parse()?,
        },
        proxy: ProxyInputs {
            image: "docker.io/library/haproxy:2.6-alpine".parse()?,
            certificate: Certificate::Existing {
                secret: "mqtt-example-com".parse()?,
            },
            node_port: NodePort::literal(30_883),
        },
        // An autoscaler alone is refused with Sync::Full: somebody must tell the cluster before a broker goes.
        scaling: None,
    };
    Ok(yaml::render(&cluster.bundle()?.verified()?))
}
