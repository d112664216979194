//! Passwords and rights, as the broker applies them.

use std::fs;
use std::process::Command;
use std::time::Duration;

use mqttkube_mosquitto::acl::{Access, AclFile, Grant};
use mqttkube_mosquitto::dynsec::{Acl, AclType, Client as DynSecClient, Credential, DynSec, Role, RoleRef};
use mqttkube_mosquitto::password::{PasswordFile, PasswordHash, UserName};
use mqttkube_mosquitto::setting::{Name, Text};
use mqttkube_mosquitto::{Config, Listener, Plugin, PluginKind};
use tempfile::TempDir;

use crate::broker::{Broker, free_port, is_there, mosquitto_is_there};
use crate::client::Client;

const DYNSEC: &str = "/usr/lib/x86_64-linux-gnu/mosquitto_dynamic_security.so";
const PASSWD: &str = "/usr/bin/mosquitto_passwd";
/// CONNACK codes for a bad user name or password, and for a client that is not authorised.
const REFUSED: [u8; 2] = [4, 5];

fn write(folder: &TempDir, name: &str, content: &str) -> Text {
    let path = folder.path().join(name);
    fs::write(&path, content).expect("a file");
    Text::new(path.to_str().expect("a path is text")).expect("a path")
}

fn user(name: &str) -> UserName {
    name.parse().expect("a user name")
}

fn secured() -> Config {
    Config {
        listeners: Listener::tcp(free_port()).into_iter().collect(),
        ..Config::default()
    }
}

fn hash(password: &str, iterations: u32) -> PasswordHash {
    PasswordHash::new(password, [9; 12], iterations).expect("few iterations")
}

#[test]
fn our_password_lines_let_the_right_users_in() {
    if !mosquitto_is_there("our_password_lines_let_the_right_users_in") {
        return;
    }
    let users = [
        ("probe", "plain", 101),
        ("dé vice", "pä$$: word ", 1000),
        ("x@y", "$7$", 1),
    ];
    let mut file = PasswordFile::default();
    for (name, password, iterations) in users {
        file.insert(user(name), hash(password, iterations));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = secured();
    config.security.password_file = Some(write(&folder, "passwd", &file.to_string()));
    let broker = Broker::start(config);
    for (name, password, _) in users {
        assert!(
            Client::connect(broker.port, "right", Some((name, password))).is_ok(),
            "{name}\n{}",
            broker.log()
        );
        let wrong = Client::connect(broker.port, "wrong", Some((name, "no"))).err();
        assert!(
            wrong.is_some_and(|code| REFUSED.contains(&code)),
            "{name}: {wrong:?}"
        );
    }
    let anonymous = Client::connect(broker.port, "nobody", None).err();
    assert!(
        anonymous.is_some_and(|code| REFUSED.contains(&code)),
        "{anonymous:?}"
    );
}

#[test]
fn lines_of_mosquitto_passwd_are_verified() {
    if !is_there(PASSWD, "lines_of_mosquitto_passwd_are_verified") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("passwd");
    fs::write(&path, "").expect("a file");
    for (name, password) in [("a", "secret"), ("b", "pä$$ word")] {
        let status = Command::new(PASSWD)
            .arg("-b")
            .arg(&path)
            .args([name, password])
            .status()
            .expect("it runs");
        assert!(status.success());
    }
    let file: PasswordFile = fs::read_to_string(&path)
        .expect("a file")
        .parse()
        .expect("a password file");
    assert_eq!(file.get("a").and_then(|hash| hash.verify("secret")), Some(true));
    assert_eq!(
        file.get("b").and_then(|hash| hash.verify("pä$$ word")),
        Some(true)
    );
    assert_eq!(
        file.get("b").and_then(|hash| hash.verify("pass word")),
        Some(false)
    );
}

/// Publishes as one user and tells whether the topic came to another who may read everything.
fn arrives(watcher: &mut Client, publisher: &mut Client, topic: &str) -> bool {
    publisher.publish(topic, topic);
    watcher.receives(topic, Duration::from_millis(300))
}

#[test]
fn our_acl_file_allows_what_it_says() {
    if !mosquitto_is_there("our_acl_file_allows_what_it_says") {
        return;
    }
    let grant = |access, filter: &str| Grant {
        access,
        filter: filter.parse().expect("a filter"),
    };
    let mut acl = AclFile::default();
    acl.patterns.push(grant(Access::Write, "own/%u/#"));
    acl.grant(Some(&user("admin")), grant(Access::ReadWrite, "#"));
    acl.grant(Some(&user("a")), grant(Access::ReadWrite, "a/#"));
    acl.grant(Some(&user("a")), grant(Access::Deny, "a/secret"));
    acl.grant(None, grant(Access::Read, "public/#"));
    let mut file = PasswordFile::default();
    file.insert(user("admin"), hash("admin", 1));
    file.insert(user("a"), hash("a", 1));
    let folder = tempfile::tempdir().expect("a folder");
    let mut config = secured();
    config.security.allow_anonymous = Some(true);
    config.security.password_file = Some(write(&folder, "passwd", &file.to_string()));
    config.security.acl_file = Some(write(&folder, "acl", &acl.to_string()));
    let broker = Broker::start(config);
    let mut watcher =
        Client::connect(broker.port, "watcher", Some(("admin", "admin"))).expect("the admin may come in");
    assert!(watcher.subscribe("#") < 3);
    let mut a = Client::connect(broker.port, "a", Some(("a", "a"))).expect("a may come in");
    for (topic, expected) in [
        ("a/x", true),
        ("a/secret", false),
        ("b/x", false),
        ("own/a/x", true),
        ("own/b/x", false),
    ] {
        assert_eq!(
            arrives(&mut watcher, &mut a, topic),
            expected,
            "a publishes on {topic}"
        );
    }
    let mut nobody = Client::connect(broker.port, "nobody", None).expect("anonymous clients may come in");
    assert!(
        !arrives(&mut watcher, &mut nobody, "public/x"),
        "anonymous clients may only read"
    );
    assert!(nobody.subscribe("public/#") < 3);
    watcher.publish("public/news", "news");
    assert!(nobody.receives("news", Duration::from_secs(5)));
}

#[test]
fn our_dynamic_security_file_allows_what_it_says() {
    let test = "our_dynamic_security_file_allows_what_it_says";
    if !mosquitto_is_there(test) || !is_there(DYNSEC, test) {
        return;
    }
    let client = |name: &str, role: &str| DynSecClient {
        roles: vec![RoleRef::new(role)],
        ..DynSecClient::new(name, Credential::from_hash(&hash(name, 101)).expect("a $7$ hash"))
    };
    let sender = vec![Acl::allow(AclType::PublishClientSend, "a/#")];
    let reader = vec![Acl::allow(AclType::SubscribePattern, "#")];
    let file = DynSec {
        clients: vec![client("sender", "sender"), client("reader", "reader")],
        roles: vec![Role::new("sender", sender), Role::new("reader", reader)],
        ..DynSec::default()
    };
    assert_eq!(file.check(), []);
    let folder = tempfile::tempdir().expect("a folder");
    let path = write(&folder, "dynamic-security.json", &file.write());
    let mut config = secured();
    config.security.plugins.push(Plugin {
        kind: PluginKind::Plugin,
        path: Text::new(DYNSEC).expect("a path"),
        options: vec![(Name::new("config_file").expect("a name"), path)],
        deny_special_chars: None,
    });
    let broker = Broker::start(config);
    let mut reader =
        Client::connect(broker.port, "r", Some(("reader", "reader"))).expect("the reader may come in");
    assert!(reader.subscribe("#") < 3);
    let mut sender =
        Client::connect(broker.port, "s", Some(("sender", "sender"))).expect("the sender may come in");
    assert!(arrives(&mut reader, &mut sender, "a/x"));
    assert!(!arrives(&mut reader, &mut sender, "b/x"));
    assert_eq!(sender.subscribe("a/#"), 0x80, "the sender may not subscribe");
    assert!(Client::connect(broker.port, "w", Some(("reader", "wrong"))).is_err());
}
