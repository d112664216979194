//! Three stock Mosquitto joined by bridges, proven free of loops, as YAML.

use anyhow::Result;
use mqttkube_manifests::broker::{Auth, BridgePassword, BridgeTls, Credential, SecretKey, Tls, User};
use mqttkube_manifests::render::yaml;
use mqttkube_manifests::scenario::hub_and_spoke::HubAndSpoke;
use mqttkube_manifests::topology::Login;
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
    let user = |name: &str| -> Result<User> {
        Ok(User {
            name: name.parse()?,
            credential: Credential::Secret(key("mosquitto-users", name)?),
        })
    };
    let brokers = HubAndSpoke {
        hub: "hub".parse()?,
        spokes: vec!["east".parse()?, "west".parse()?],
        namespace: "mqtt".parse()?,
        version: Version::V2_0,
        image: "docker.io/library/eclipse-mosquitto:2.0.22".parse()?,
        // Only what both sides need: local/# stays where it is.
        topics: vec!["sensors/# both 1".parse()?, "commands/# both 1".parse()?],
        auth: Auth::users(vec![user("bridge")?, user("client")?]),
        // A certificate for hub.mqtt.svc, of an authority of the house: the passwords of bridges go over TLS alone.
        hub_tls: Tls::existing("hub-tls".parse()?),
        login: Login {
            user: "bridge".parse()?,
            password: BridgePassword::Secret(key("mosquitto-users", "bridge")?),
            tls: Some(BridgeTls {
                authority: Some(key("hub-tls", "ca.crt")?),
                ..BridgeTls::default()
            }),
        },
        storage: "1Gi".parse()?,
    };
    // A mesh in place of the star would be refused here, with a topic that goes round.
    brokers.topology().prove()?;
    Ok(yaml::render(&brokers.bundle()?.verified()?))
}
