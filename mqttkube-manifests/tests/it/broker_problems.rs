//! What is wrong with a model, all of it at once, each with its path.

use serde_json::{Value, json};

use crate::broker::{HASH, with};

#[track_caller]
fn check(changes: Value, expected: &[&str]) {
    let errors = with(changes).bundle().err().unwrap_or_default();
    let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
    assert_eq!(texts, expected);
}

/// Users that need no Secret.
fn users() -> Value {
    json!({"users": [{"name": "panel", "hash": HASH}]})
}

fn issued() -> Value {
    json!({"name": "mqtts", "port": 8883, "tls": {"issuer": {"name": "own"}}})
}

#[test]
fn names_leave_room_for_what_is_put_behind_them() {
    check(
        json!({"name": "m".repeat(60)}),
        &[
            "name: `mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm` is too long for what is named after it: \
           `mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm` has 60 characters, 52 are allowed; shorten it to 52",
        ],
    );
    check(
        json!({"name": "m".repeat(51), "expose": [{"load-balancer": {}}]}),
        &[
            "name: `mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm` is too long for what is named after it: \
           `mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm-load-balancer` has 65 characters, 63 are allowed; \
           shorten it to 49",
        ],
    );
}

#[test]
fn a_label_that_selects_is_not_for_others() {
    check(
        json!({"labels": {"app.kubernetes.io/name": "x"}}),
        &[
            "labels: the label `app.kubernetes.io/name` is what the broker's pods are found by; use another label",
        ],
    );
}

#[test]
fn version_and_image_agree_and_2_1_0_is_refused() {
    check(
        json!({"version": "2.1"}),
        &["version: the image is Mosquitto 2.0, the version is 2.1; make them agree"],
    );
    check(
        json!({"version": "2.1", "image": "eclipse-mosquitto:2.1.0-alpine"}),
        &["image: Mosquitto 2.1.0 opens no password or ACL file of a mounted Secret; use 2.1.1 or later"],
    );
}

#[test]
fn what_only_openshift_has_is_for_openshift() {
    check(
        json!({"workload": "DeploymentConfig", "expose": [{"route": {"host": "mqtt.example.com"}}]}),
        &[
            "workload: only OpenShift has DeploymentConfigs; write `platform: openshift`, or another workload",
            "expose[0].route: only OpenShift has Routes; write `platform: openshift`, or a `tls-route`",
        ],
    );
}

#[test]
fn listeners_have_names_ports_and_protocols_of_their_version() {
    check(
        json!({"listeners": [], "expose": []}),
        &["listeners: there is no listener for clients; write for example `{name: mqtt, port: 1883}`"],
    );
    check(
        json!({"expose": [], "listeners": [
            {"name": "a", "port": 1883, "proxy-protocol": 1},
            {"name": "a", "port": 1883},
            {"name": "b", "port": 443, "max-connections": 3_000_000_000u32},
            {"name": "http", "port": 9883, "protocol": "http-api"}]}),
        &[
            "listeners[0].proxy-protocol: Mosquitto 2.0 does not read the PROXY header; remove it, or use 2.1",
            "listeners[1].name: the listener `a` is there twice; give each a name of its own",
            "listeners[1].port: port 1883 is taken by the listener `a`; choose another one",
            "listeners[2].port: port 443 is for root, which the broker is not; use one from 1024 upwards",
            "listeners[2].max-connections: more than 2147483647 connections; leave it out for no limit",
            "listeners[3].protocol: Mosquitto 2.0 has no HTTP interface; remove the listener, or use 2.1",
        ],
    );
    check(
        json!({"expose": [], "listeners": [{"name": "ws", "port": 8080, "protocol": "websockets"}]}),
        &[
            "listeners: Mosquitto 2.0 does not start when all listeners speak WebSocket; add one with `protocol: mqtt`",
        ],
    );
    check(
        json!({"version": "2.1", "image": "mosquitto:2.1.2", "expose": [], "listeners": [
            {"name": "mqtts", "port": 8883, "proxy-protocol": 2, "tls": {"secret": "certificate"}},
            {"name": "http", "port": 9883, "protocol": "http-api", "proxy-protocol": 1}]}),
        &[
            "listeners[0].tls: with version 2 of the PROXY header the proxy ends TLS; remove it, or use version 1",
            "listeners[1].proxy-protocol: probes send no PROXY header; remove it",
        ],
    );
}

#[test]
fn a_public_issuer_needs_a_public_name() {
    check(
        json!({"expose": [], "listeners": [
            {"name": "mqtts", "port": 8883, "tls": {"issuer": {"name": "letsencrypt"}}}]}),
        &[
            "listeners[0].tls.hosts: `letsencrypt` signs public names alone, and there is none; name the hosts that clients \
           use, or write `public: false` for the issuer",
        ],
    );
}

#[test]
fn users_and_rights_belong_together() {
    check(
        json!({"auth": {"users": []}}),
        &["auth.users: there is no user, so nobody may come in; add one"],
    );
    check(
        json!({"auth": {
            "users": [{"name": "a", "hash": HASH}, {"name": "a", "hash": HASH}, {"name": "b", "hash": "$argon2id$v=19$x"}],
            "acl": [{"user": "c", "read": ["#"]}, {"user": "a"}, {"everybody": true, "write": ["d/x%u/#", "d/%u/#"]}]}}),
        &[
            "auth.users[1].name: the user `a` is there twice; give each a name of its own",
            "auth.users[2].hash: Mosquitto 2.0 does not know Argon2; make the hash with `mqttkube-manifests passwd`",
            "auth.acl[0].user: there is no user `c`; add it to `users`",
            "auth.acl[1]: the entry says nothing about any topic; add `read`, `write`, `readwrite` or `deny`",
            "auth.acl[2].write[0]: in `d/x%u/#` a name fills only part of a level; give `%c` and `%u` a level of their own",
        ],
    );
}

#[test]
fn letting_everybody_in_needs_a_reason() {
    check(
        json!({"auth": {"anonymous": {"reason": " "}}}),
        &["auth.anonymous.reason: there is no reason for letting everybody in; say why that is right here"],
    );
}

#[test]
fn clients_with_certificates_need_encryption() {
    let certificates = json!({"client-certificates": {"authority": {"secret": "clients", "key": "ca"}}});
    check(
        json!({"auth": certificates, "expose": [], "listeners": [{"name": "mqtt", "port": 1883}, issued()]}),
        &["listeners[0].tls: clients show certificates, which needs encryption; add `tls`"],
    );
}

#[test]
fn dynamic_security_writes_to_a_volume_and_has_its_own_rights() {
    let file =
        json!({"clients": [{"username": "a", "encoded_password": "$7$x", "roles": [{"rolename": "none"}]}]});
    check(
        json!({"persistence": null, "auth": {
            "dynamic-security": {"file": file}, "acl": [{"user": "a", "read": ["#"]}]}}),
        &[
            "auth.dynamic-security: the plugin writes its file, and there is no volume; add `persistence`",
            "auth.acl: dynamic security has rights of its own; put them into its roles",
            "auth.dynamic-security.file: the role \"none\" is named but not there; correct the entry",
            "auth.dynamic-security.file: Mosquitto 2.0 does not know `encoded_password`, which `a` has; \
             write `password`, `salt` and `iterations`",
        ],
    );
    let mixed = json!([{"name": "mqtt", "port": 1883}, {"name": "open", "port": 1884, "anonymous": true}]);
    check(
        json!({"listeners": mixed, "expose": [], "auth": {"dynamic-security": {"file": {}}}}),
        &[
            "auth.dynamic-security: in Mosquitto 2.0 the plugin is the same for all listeners, and some let everybody in; \
           treat all listeners alike, or use 2.1",
        ],
    );
}

#[test]
fn amounts_and_limits_are_more_than_nothing() {
    check(
        json!({"persistence": {"size": "0"}, "resources": {"memory": "-1Mi"}, "limits": {
            "max-queued": 3_000_000_000u32, "max-packet": 19}}),
        &[
            "persistence.size: `0` is nothing; write more than 0",
            "resources.memory: `-1Mi` is nothing; write more than 0",
            "limits.max-queued: more than 2147483647 messages; write 0 for no limit",
            "limits.max-packet: 19 bytes are no size of a packet; write 20 to 2147483647",
        ],
    );
}

#[test]
fn bridges_carry_something_under_names_of_their_own() {
    let bridge = |more: Value| {
        let mut bridge = json!({"name": "hub", "address": "hub:1883", "rules": ["topic a/# out 1"]});
        bridge
            .as_object_mut()
            .expect("a map")
            .extend(more.as_object().expect("a map").clone());
        bridge
    };
    check(
        json!({"bridges": [
            bridge(json!({"rules": []})),
            bridge(json!({"password": {"secret": "s", "key": "k"}, "tls": {"key": {"secret": "s", "key": "k"}}})),
            bridge(json!({"name": "other", "rules": [{"topic": "a b/#"}]}))]}),
        &[
            "bridges[0].rules: the bridge carries nothing; write for example `topic events/# out 1`",
            "bridges[1].name: the bridge `hub` is there twice; give each a name of its own",
            "bridges[1].password: without a user name the password is not sent; add `username`",
            "bridges[1].tls: a certificate and its key go together; give both `certificate` and `key`, or none",
            "bridges[2].rules[0]: a pattern with a blank needs Mosquitto 2.1; use another topic",
        ],
    );
}

#[test]
fn exposures_name_listeners_that_are_there_and_fit() {
    check(
        json!({"expose": [
            {"node-port": {"mqtt": 30883, "mqtts": 30883, "nothing": 30884}},
            {"node-port": {}},
            {"tls-route": {"parents": [], "hosts": [], "listener": "mqtt"}},
            {"ingress": {"host": "ws.example.com", "tls-secret": "web"}}]}),
        &[
            "expose[0].node-port.mqtts: the node port 30883 is that of `mqtt` already; choose another one",
            "expose[0].node-port.nothing: there is no listener `nothing`; there are `mqtt`, `mqtts`",
            "expose[1]: there are two exposures of the kind `node-port`; name all listeners in one",
            "expose[1].node-port: no listener is named; write for example `{mqtts: 30883}`",
            "expose[2].tls-route.parents: there is no Gateway; name one",
            "expose[2].tls-route.hosts: there is no host; name one",
            "expose[2].tls-route.listener: the listener `mqtt` is not encrypted, and is found by the name in TLS; give it `tls`",
            "expose[3].ingress: there is no listener for WebSockets without encryption; add one to `listeners`",
        ],
    );
    check(
        json!({"listeners": [{"name": "mqtt", "port": 1883}], "expose": [{"load-balancer": {}}]}),
        &[
            "expose[0].load-balancer: there is no encrypted listener; add one, or name others with `listeners`",
        ],
    );
}

#[test]
fn peers_are_inside_or_outside_and_reach_listeners_for_clients() {
    check(
        json!({"version": "2.1", "image": "mosquitto:2.1.2", "listeners": [
                {"name": "mqtt", "port": 1883}, {"name": "http", "port": 9883, "protocol": "http-api"}],
            "expose": [],
            "network": {"from": [{"cidr": "10.0.0.0/8", "namespace": "apps"}, {"listeners": ["http"]}]}}),
        &[
            "network.from[0].cidr: addresses are outside of the cluster, pods are inside; make two entries",
            "network.from[1].listeners[0]: `http` is the HTTP interface, which is for probes alone; name a listener for \
             clients",
        ],
    );
}

#[test]
fn an_exporter_needs_a_plain_listener_and_a_port_of_its_own() {
    check(
        json!({"listeners": [issued()], "auth": users(), "metrics": {"exporter": {
            "image": "exporter:1", "port": 8883, "password": {"secret": "s", "key": "k"}}}}),
        &[
            "metrics.exporter.password: there is a password without a user name; add `username`",
            "metrics.exporter.port: port 8883 is taken by the listener `mqtts`; choose another one",
            "metrics.exporter: the exporter connects from the same pod, without encryption, and no listener takes that; \
             add a listener such as `{name: mqtt, port: 1883}`",
        ],
    );
}

#[test]
fn a_file_with_two_ways_or_none_says_so() {
    let read = |changes: Value| {
        let mut spec = crate::broker::example();
        spec.as_object_mut()
            .expect("a map")
            .extend(changes.as_object().expect("a map").clone());
        serde_json::from_value::<mqttkube_manifests::broker::Broker>(spec)
            .expect_err("it is wrong")
            .to_string()
    };
    let cases = [
        (
            json!({"auth": {"users": [], "anonymous": {"reason": "x"}}}),
            "auth needs exactly one of `users`, `dynamic-security`, `client-certificates` and `anonymous`",
        ),
        (
            json!({"auth": {"users": [{"name": "a"}]}}),
            "a user needs `password` with a Secret, or `hash`",
        ),
        (
            json!({"auth": {"users": [{"name": "a", "password": "open sesame"}]}}),
            "invalid type: string \"open sesame\", expected struct SecretKey",
        ),
        (
            json!({"listeners": [{"name": "a", "port": 1, "tls": {}}]}),
            "tls needs `issuer` or `secret`",
        ),
        (
            json!({"listeners": [{"name": "a", "port": 0}]}),
            "`0` is no port; write 1 to 65535",
        ),
        (
            json!({"auth": {"users": [], "acl": [{"user": "a", "everybody": true}]}}),
            "rights need exactly one of `user`, `everybody: true` and `anonymous: true`",
        ),
    ];
    for (changes, expected) in cases {
        assert_eq!(read(changes), expected);
    }
}
