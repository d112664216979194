//! The configuration inside of bundles is real: taken out of the objects and laid out as a kubelet would, it starts
//! Mosquitto; the right users get in, the wrong ones do not, and rights hold.
//!
//! Here are brokers that stand alone. The relay and the binding service bring none; see their own tests.

mod certbot;
mod cloud_bridge;
mod together;

use std::path::PathBuf;
use std::process::Output;

use mqttkube_manifests::broker::{Auth, AuthMethod, Broker, DynamicSecurity, Listener, Persistence, User};
use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::name::{ImageRef, Port};
use mqttkube_manifests::scenario::{cedalo, cloud_bridge as bridges, hub_and_spoke, node_port, openshift};
use mqttkube_mosquitto::Version;
use mqttkube_mosquitto::dynsec::{Acl, AclType, Client, Credential, DynSec, Role, RoleRef};
use mqttkube_mosquitto::password::{DEFAULT_ITERATIONS, PasswordHash};
use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use mqttkube_tests::process::tls::Authority;
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait;

use super::clients::{SOON, enter, login, publish_over_tls};
use super::kubelet::{Node, Running};

/// The Secret of the samples with the passwords of users.
const USERS: &str = "mosquitto-users";

/// Passwords of tests.
fn word(user: &str) -> String {
    format!("{user}'s $word, with a blank")
}

/// Nobody comes in with a wrong password, as a user that is not known, or without a name.
async fn assert_closed(port: u16, user: &str) {
    for options in [
        login(user, "wrong"),
        login(user, ""),
        login("nobody", &word(user)),
        Options::default(),
    ] {
        let who = options.credentials.clone();
        let refused = enter(port, options).await.err();
        let refused = refused
            .unwrap_or_else(|| panic!("{who:?} was let in"))
            .to_string();
        assert!(refused.contains("refused: "), "{who:?}: {refused}");
    }
}

/// What `writer` writes arrives at `reader`, who may not write; nobody else gets in.
async fn assert_rights(port: u16, writer: &str, reader: &str) {
    let sender = enter(port, login(writer, &word(writer))).await.unwrap();
    let receiver = enter(port, login(reader, &word(reader))).await.unwrap();
    receiver.subscribe("#", 1).await.unwrap();
    let say = async |client: &Probe, topic: &str| client.publish(&Message::new(topic, "1")).await.unwrap();
    assert!(say(&sender, "sensors/door").await < 0x80);
    assert_eq!(say(&receiver, "sensors/door").await, 0x87, "{reader} may write");
    assert_eq!(say(&sender, "other").await, 0x87, "{writer} may write everywhere");
    assert!(say(&sender, "sensors/end").await < 0x80);
    let ended = |all: &[Message]| all.iter().any(|message| message.topic == "sensors/end");
    receiver.wait(SOON, ended).await;
    let topics: Vec<_> = receiver
        .messages()
        .into_iter()
        .map(|message| message.topic)
        .collect();
    assert_eq!(topics, ["sensors/door", "sensors/end"]);
    assert_closed(port, writer).await;
}

/// The passwords of users, as somebody puts them into a Secret.
fn with_users(node: Node, users: &[&str]) -> Node {
    users
        .iter()
        .fold(node, |node, user| node.secret(USERS, user, &word(user)))
}

/// One message over TLS, from a user.
fn over_tls(port: u16, authority: &Authority, user: &str) -> Result<(), Output> {
    let trusted = authority.certificate();
    publish_over_tls(port, &trusted, "sensors/tls", Some((user, &word(user))))
}

/// Certificates of a bundle, as cert-manager would make them, but for `localhost`.
fn issued(node: Node, bundle: &Bundle, authority: &Authority) -> Node {
    let identity = authority.server(&["localhost"]).unwrap();
    let wanted = bundle
        .objects()
        .iter()
        .filter(|object| object.kind() == "Certificate");
    wanted.fold(node, |node, object| {
        let secret = object.at("/spec/secretName").as_str().expect("a name");
        node.secret(secret, "tls.crt", &identity.certificate)
            .secret(secret, "tls.key", &identity.key)
    })
}

/// Plain and TLS listener of the broker `mosquitto`.
async fn assert_broker(bundle: &Bundle, [writer, reader]: [&str; 2]) {
    let authority = Authority::new("ours").unwrap();
    let node = with_users(issued(Node::default(), bundle, &authority), &[writer, reader]);
    let broker = node.start(bundle, "mosquitto").await;
    assert_rights(broker.port(1883), writer, reader).await;
    let encrypted = broker.port(8883);
    if let Err(failed) = over_tls(encrypted, &authority, writer) {
        panic!("{failed:?}\n{}", broker.log("mosquitto"));
    }
    let other = Authority::new("other").unwrap();
    assert!(
        over_tls(encrypted, &other, writer).is_err(),
        "any certificate will do"
    );
    assert!(over_tls(encrypted, &authority, "nobody").is_err());
    assert_quiet(&broker);
}

/// Mosquitto warns of nothing that a later version refuses, such as owners and modes of files.
fn assert_quiet(broker: &Running) {
    let log = broker.log("mosquitto");
    let lines = log.lines().filter(|line| line.contains("Warning"));
    assert_eq!(lines.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[tokio::test]
async fn the_node_port_broker_lets_its_users_in_and_nobody_else() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    assert_broker(&node_port::sample().unwrap(), ["camera", "home"]).await;
}

#[tokio::test]
async fn the_openshift_broker_in_both_kinds_lets_its_users_in_and_nobody_else() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    assert_broker(&openshift::sample().unwrap(), ["machine", "panel"]).await;
    assert_broker(
        &openshift::sample_deployment_config().unwrap(),
        ["machine", "panel"],
    )
    .await;
}

fn plugin() -> PathBuf {
    let folders = [
        "/usr/lib",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
    ];
    let paths = folders.map(|folder| PathBuf::from(folder).join("mosquitto_dynamic_security.so"));
    let found = paths.into_iter().find(|path| path.exists());
    found.expect("the package of Mosquitto has the plugin")
}

fn hash(user: &str) -> PasswordHash {
    PasswordHash::new(&word(user), *b"twelve bytes", DEFAULT_ITERATIONS).unwrap()
}

/// A user of dynamic security who may write below `doors/`, and one who may read it.
fn doors() -> DynSec {
    let user = |name: &str, role: &str| {
        let mut user = Client::new(name, Credential::from_hash(&hash(name)).unwrap());
        user.roles.push(RoleRef::new(role));
        user
    };
    let role = |name: &str, kinds: &[AclType]| {
        Role::new(
            name,
            kinds.iter().map(|kind| Acl::allow(*kind, "doors/#")).collect(),
        )
    };
    DynSec {
        clients: vec![user("ann", "writes"), user("ben", "reads")],
        roles: vec![
            role("writes", &[AclType::PublishClientSend]),
            role(
                "reads",
                &[AclType::SubscribePattern, AclType::PublishClientReceive],
            ),
        ],
        ..DynSec::default()
    }
}

/// What the users of [`doors`] may do.
async fn assert_doors(port: u16) {
    let ann = enter(port, login("ann", &word("ann"))).await.unwrap();
    let ben = enter(port, login("ben", &word("ben"))).await.unwrap();
    assert!(ben.subscribe("doors/#", 1).await.unwrap() < 0x80);
    assert!(ben.subscribe("windows/#", 1).await.unwrap() >= 0x80);
    let say = async |client: &Probe, topic: &str| client.publish(&Message::new(topic, "1")).await.unwrap();
    assert!(say(&ann, "doors/front").await < 0x80);
    assert!(say(&ann, "windows/1").await >= 0x80);
    assert!(say(&ben, "doors/front").await >= 0x80);
    ben.wait(SOON, |all| all.len() == 1).await;
    assert_closed(port, "ann").await;
}

fn plain_broker(auth: Auth) -> Broker {
    let listeners = vec![Listener::new("mqtt".parse().unwrap(), Port::literal(1883))];
    let (name, namespace) = ("mosquitto".parse().unwrap(), "mqtt".parse().unwrap());
    let image = "eclipse-mosquitto:2.0.22".parse().unwrap();
    let mut broker = Broker::new(name, namespace, Version::V2_0, image, listeners, auth);
    broker.persistence = Some(Persistence::new("1Gi".parse().unwrap()));
    broker
}

#[tokio::test]
async fn dynamic_security_starts_from_its_seed_once_and_keeps_what_was_changed() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let auth = Auth::new(AuthMethod::DynamicSecurity(DynamicSecurity::File(doors())));
    let bundle = plain_broker(auth).bundle().unwrap();
    let node = Node::default().replace(
        "/usr/lib/mosquitto_dynamic_security.so",
        plugin().to_str().unwrap(),
    );
    let broker = node.start(&bundle, "mosquitto").await;
    assert_doors(broker.port(1883)).await;
}

#[tokio::test]
async fn a_changed_secret_admits_the_new_user_and_bars_the_old_one_without_a_restart() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let user = |name: &str| {
        User::with_password(name.parse().unwrap(), &word(name).as_str().into(), b"ours").unwrap()
    };
    let of = |users: &[&str]| {
        let users = users.iter().map(|name| user(name)).collect();
        plain_broker(Auth::users(users)).bundle().unwrap()
    };
    let mut broker = Node::default().start(&of(&["ann", "old"]), "mosquitto").await;
    let port = broker.port(1883);
    let stays = enter(port, login("ann", &word("ann"))).await.unwrap();
    stays.subscribe("t", 1).await.unwrap();
    enter(port, login("old", &word("old"))).await.unwrap();
    assert_closed(port, "ben").await;
    assert!(enter(port, login("ben", &word("ben"))).await.is_err());
    // Nobody sends a signal but the script in the pod, which sees the link that the kubelet has swapped.
    broker.update(&of(&["ann", "ben"]));
    let ben = wait::until_ok(SOON, "new user", async || {
        enter(port, login("ben", &word("ben"))).await
    })
    .await;
    assert!(enter(port, login("old", &word("old"))).await.is_err());
    ben.publish(&Message::new("t", "1")).await.unwrap();
    stays.wait(SOON, |all| all.len() == 1).await;
}

/// The forms for 2.1 cannot be started here: this machine has 2.0. It says for each which line it does not know; in the form
/// with a refresher no line differs.
#[tokio::test]
async fn the_forms_for_2_1_are_refused_by_2_0_for_a_line_that_only_2_1_knows() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let image = || {
        "docker.io/library/eclipse-mosquitto:2.1.2"
            .parse::<ImageRef>()
            .unwrap()
    };
    let version = Version::V2_1;
    let node_port = node_port::NodePortBroker {
        version,
        image: image(),
        ..node_port::sample_inputs()
    };
    let openshift = openshift::OpenShiftBroker {
        version,
        image: image(),
        ..openshift::sample_inputs()
    };
    let hub = hub_and_spoke::HubAndSpoke {
        version,
        image: image(),
        ..hub_and_spoke::sample_inputs()
    };
    let cedalo = cedalo::CedaloCluster {
        version,
        ..cedalo::sample_inputs()
    };
    for (bundle, workload) in [
        (node_port.bundle().unwrap(), "mosquitto"),
        (openshift.bundle().unwrap(), "mosquitto"),
        (hub.bundle().unwrap(), "hub"),
        (cedalo.bundle().unwrap(), "mosquitto"),
    ] {
        let authority = Authority::new("ours").unwrap();
        let node = issued(Node::default(), &bundle, &authority)
            .secret("hub-tls", "tls.crt", &authority.certificate())
            .secret("hub-tls", "tls.key", "not read")
            .secret(
                "mosquitto-dynamic-security",
                "dynamic-security.json",
                &doors().write(),
            )
            .secret("cedalo-license", "license.lic", "a licence");
        let users = ["camera", "home", "machine", "panel", "bridge", "client"];
        let said = with_users(node, &users).fails(&bundle, workload).await;
        let line = "Unknown configuration variable \"listener_allow_anonymous\"";
        assert!(said.contains(line), "{workload}: {said}");
    }
    let mut sidecar = bridges::sample_sidecar_inputs();
    let conf = |inputs: &bridges::CloudBridge| {
        let bundle = inputs.bundle().unwrap();
        let config = bundle.find("ConfigMap", Some("iot"), "cloud-bridge").cloned();
        config.unwrap().at("/data/mosquitto.conf").clone()
    };
    let old = conf(&sidecar);
    let bridges::Form::Sidecar(form) = &mut sidecar.form else {
        panic!("it has a refresher");
    };
    form.version = version;
    form.broker = image();
    assert_eq!(conf(&sidecar), old);
}
