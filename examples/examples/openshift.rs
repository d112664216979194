//! A broker for OpenShift: Deployment and passthrough Route under restricted-v2, as YAML.

use anyhow::Result;
use mqttkube_manifests::broker::{Auth, Credential, Issuer, IssuerKind, SecretKey, User};
use mqttkube_manifests::render::yaml;
use mqttkube_manifests::scenario::openshift::OpenShiftBroker;
use mqttkube_mosquitto::Version;

fn main() -> Result<()> {
    print!("{}", manifests()?);
    Ok(())
}

pub(crate) fn manifests() -> Result<String> {
    // The password is in a Secret that somebody else makes; it is hashed in the pod.
    let password = SecretKey {
        secret: "mosquitto-users".parse()?,
        key: "machine".parse()?,
    };
    let machine = User {
        name: "machine".parse()?,
        credential: Credential::Secret(password),
    };
    let inputs = OpenShiftBroker {
        name: "mosquitto".parse()?,
        namespace: "messaging".parse()?,
        version: Version::V2_1,
        image: "docker.io/library/eclipse-mosquitto:2.1.2".parse()?,
        host: "mosquitto.apps.example.com".parse()?,
        issuer: Issuer {
            name: "company-ca".parse()?,
            kind: IssuerKind::ClusterIssuer,
            public: Some(false),
        },
        auth: Auth::users(vec![machine]),
        storage: Some("1Gi".parse()?),
        deployment_config: false,
    };
    Ok(yaml::render(&inputs.bundle()?.verified()?))
}
