//! Who reaches a broker, and whom it reaches.

use mqttkube_manifests::broker::Broker;
use serde_json::{Value, json};

use super::{bundle, newer, with};
use crate::objects::find;

#[test]
fn the_policy_opens_what_is_for_clients_and_keeps_the_http_interface_closed() {
    let rules = |changes: Value| {
        let mut broker = newer();
        let changes: Broker = with(changes);
        (broker.expose, broker.network) = (changes.expose, changes.network);
        find(&bundle(&broker), "NetworkPolicy", "mosquitto")
            .at("/spec/ingress")
            .clone()
    };
    let ports = |names: &[&str]| {
        names
            .iter()
            .map(|name| json!({"port": name, "protocol": "TCP"}))
            .collect::<Vec<Value>>()
    };
    let own = json!([{"podSelector": {}}]);
    assert_eq!(
        rules(json!({"expose": []})),
        json!([{"from": own, "ports": ports(&["mqtt", "mqtts", "ws"])}])
    );
    assert_eq!(
        rules(json!({"expose": [{"node-port": {"mqtts": 30883}}]})),
        json!([{"from": own, "ports": ports(&["mqtt", "ws"])}, {"ports": ports(&["mqtts"])}]),
    );
    let named = json!({"from": [{"namespace": "apps"}, {"cidr": "10.0.0.0/8", "listeners": ["mqtts"]}]});
    let apps = json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "apps"}}});
    assert_eq!(
        rules(json!({"network": named})),
        json!([
            {"from": [apps], "ports": ports(&["mqtt", "ws"])},
            {"from": [apps, {"ipBlock": {"cidr": "10.0.0.0/8"}}], "ports": ports(&["mqtts"])},
        ]),
    );
    assert_eq!(rules(json!({"network": {"from": []}})), json!([]));
}

#[test]
fn a_broker_reaches_nobody_but_the_other_end_of_its_bridges() {
    let egress = |bridges: Value| {
        find(
            &bundle(&with(json!({"bridges": bridges}))),
            "NetworkPolicy",
            "mosquitto",
        )
        .at("/spec/egress")
        .clone()
    };
    assert_eq!(egress(json!([])), json!([]));
    let bridge =
        json!({"name": "hub", "address": "hub.example.com:8883", "rules": ["topic a/# out 1"], "tls": {}});
    let names = json!({"ports": [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]});
    assert_eq!(
        egress(json!([bridge])),
        json!([{"ports": [{"port": 8883, "protocol": "TCP"}]}, names])
    );
}
