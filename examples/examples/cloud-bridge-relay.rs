//! A relay between a broker and a cloud, for two environments, as YAML. The argument is `staging` or `production`.

use anyhow::{Result, bail};
use mqttkube_manifests::broker::SecretKey;
use mqttkube_manifests::name::Port;
use mqttkube_manifests::render::yaml;
use mqttkube_manifests::scenario::cloud_bridge::{CloudBridge, Device, Form, Relay};

fn main() -> Result<()> {
    let environment = std::env::args().nth(1);
    print!("{}", manifests(environment.as_deref().unwrap_or("staging"))?);
    Ok(())
}

pub(crate) fn manifests(environment: &str) -> Result<String> {
    let key = |secret: &str, key: &str| -> Result<SecretKey> {
        Ok(SecretKey {
            secret: secret.parse()?,
            key: key.parse()?,
        })
    };
    let device = |project: &str| -> Result<Device> {
        Ok(Device {
            project: project.parse()?,
            region: "us-central1".parse()?,
            registry: "gadgets".parse()?,
            id: "bridge".parse()?,
        })
    };
    let staging = CloudBridge {
        name: "cloud-bridge".parse()?,
        namespace: "iot".parse()?,
        device: device("my-project-staging")?,
        key: key("cloud-bridge-key", "ec_private.pem")?,
        rules: vec![
            "events/# out 1 gcp/ /devices/bridge/".parse()?,
            "commands/# in 1 gcp/ /devices/bridge/".parse()?,
        ],
        form: Form::Relay(Relay {
            image: "localhost/cloud-bridge:0.1.0".parse()?,
            broker: "mosquitto".parse()?,
            port: Port::literal(1883),
            login: Some(("cloud-bridge".parse()?, key("mosquitto-users", "cloud-bridge")?)),
            outbox: Some("1Gi".parse()?),
        }),
    };
    let bridge = match environment {
        "staging" => staging,
        "production" => staging.with_device(
            device("my-project")?,
            key("cloud-bridge-production", "ec_private.pem")?,
        ),
        other => bail!("there is no environment {other}; there are staging and production"),
    };
    Ok(yaml::render(&bridge.bundle()?.verified()?))
}
