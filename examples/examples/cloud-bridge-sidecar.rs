//! Mosquitto with a bridge to a cloud and a refresher that renews its token, as YAML.

use anyhow::Result;
use mqttkube_manifests::broker::{SecretKey, User};
use mqttkube_manifests::render::yaml;
use mqttkube_manifests::scenario::cloud_bridge::{CloudBridge, Device, Form, Sidecar};
use mqttkube_mosquitto::Version;

fn main() -> Result<()> {
    print!("{}", manifests()?);
    Ok(())
}

pub(crate) fn manifests() -> Result<String> {
    let sensor = User::with_password("sensor".parse()?, &"a long random word".into(), b"our salt key")?;
    let bridge = CloudBridge {
        name: "cloud-bridge".parse()?,
        namespace: "iot".parse()?,
        device: Device {
            project: "my-project".parse()?,
            region: "us-central1".parse()?,
            registry: "gadgets".parse()?,
            id: "bridge".parse()?,
        },
        // kubectl create secret generic cloud-bridge-key --from-file ec_private.pem
        key: SecretKey {
            secret: "cloud-bridge-key".parse()?,
            key: "ec_private.pem".parse()?,
        },
        rules: vec![
            "events/# out 1 gcp/ /devices/bridge/".parse()?,
            "commands/# in 1 gcp/ /devices/bridge/".parse()?,
        ],
        form: Form::Sidecar(Sidecar {
            refresher: "localhost/jwt-refresher:0.1.0".parse()?,
            broker: "docker.io/library/eclipse-mosquitto:2.0.22".parse()?,
            version: Version::V2_0,
            users: vec![sensor],
            storage: "1Gi".parse()?,
        }),
    };
    Ok(yaml::render(&bridge.bundle()?.verified()?))
}
