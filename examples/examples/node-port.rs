//! A broker at home: TLS with a certificate of cert-manager behind port 30883 of every node, as YAML.

use anyhow::Result;
use mqttkube_manifests::broker::{AclEntry, Auth, Issuer, IssuerKind, Subject, User};
use mqttkube_manifests::name::NodePort;
use mqttkube_manifests::render::yaml;
use mqttkube_manifests::scenario::node_port::{Certificates, NodePortBroker};
use mqttkube_mosquitto::Version;

fn main() -> Result<()> {
    print!("{}", manifests()?);
    Ok(())
}

pub(crate) fn manifests() -> Result<String> {
    // In life the passwords come from a vault; what is rendered holds their hashes alone.
    let user =
        |name: &str, password: &str| User::with_password(name.parse()?, &password.into(), b"our salt key");
    let users = vec![
        user("camera", "a long random word")?,
        user("home", "another long random word")?,
    ];
    let mut auth = Auth::users(users);
    let mut camera = AclEntry::new(Subject::User("camera".parse()?));
    camera.write = vec!["cameras/#".parse()?];
    let mut home = AclEntry::new(Subject::User("home".parse()?));
    home.readwrite = vec!["#".parse()?];
    auth.acl = vec![camera, home];

    let inputs = NodePortBroker {
        name: "mosquitto".parse()?,
        namespace: "mqtt".parse()?,
        version: Version::V2_0,
        image: "docker.io/library/eclipse-mosquitto:2.0.22".parse()?,
        hosts: vec!["mqtt.example.com".parse()?],
        certificates: Certificates::CertManager(Issuer {
            name: "letsencrypt".parse()?,
            kind: IssuerKind::ClusterIssuer,
            public: None,
        }),
        node_port: NodePort::literal(30_883),
        auth,
        storage: "1Gi".parse()?,
    };
    Ok(yaml::render(&inputs.bundle()?.verified()?))
}
