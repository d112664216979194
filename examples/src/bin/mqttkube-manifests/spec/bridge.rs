//! Bridges of a broker to others.

use mqttkube_bridge::spec::Rule;
use mqttkube_manifests::broker::{Bridge, BridgePassword, BridgeTls};
use mqttkube_mapping::yaml::{Cursor, Section};
use mqttkube_mosquitto::TopicRule;
use mqttkube_mosquitto::setting::BridgeProtocol;

use super::secret::{Lookup, Place, place, redacted};
use super::words::{list, optional, required, secret_key, value};

pub(super) fn read(section: &mut Section<'_>, lookup: Lookup) -> Vec<Bridge> {
    list(section, "bridges", |bridge| self::bridge(bridge, lookup))
}

fn bridge(cursor: &Cursor<'_>, lookup: Lookup) -> Option<Bridge> {
    let mut section = cursor.section("a bridge")?;
    let name = required(&mut section, "name");
    let address = required(&mut section, "address");
    let rules = rules(&mut section, "rules");
    let protocols = [
        ("mqttv311", BridgeProtocol::V311),
        ("mqttv31", BridgeProtocol::V31),
        ("mqttv50", BridgeProtocol::V50),
    ];
    let protocol = value(&mut section, "protocol").and_then(|word| word.choice(&protocols));
    let client_id = optional(&mut section, "client-id");
    let username = optional(&mut section, "username");
    let password = value(&mut section, "password").and_then(|password| place(&password, lookup));
    let local_username = optional(&mut section, "local-username");
    let tls = section.section("tls", "the section tls").map(tls);
    let (try_private, notifications) = (section.or("try-private", true), section.or("notifications", true));
    section.finish();
    Some(Bridge {
        protocol,
        client_id,
        username,
        password: password.map(|password| match password {
            Place::InCluster(key) => BridgePassword::Secret(key),
            Place::Given(text) => BridgePassword::Given(redacted(&text)),
        }),
        local_username,
        tls,
        try_private,
        notifications,
        ..Bridge::new(name?, address?, rules)
    })
}

/// Rules as in the file of cloud-bridge: maps, or lines of a mosquitto.conf.
pub(super) fn rules(section: &mut Section<'_>, key: &'static str) -> Vec<TopicRule> {
    let Some(cursor) = section.get(key) else {
        return section.missing(key).unwrap_or_default();
    };
    let rules = cursor.items().unwrap_or_default();
    rules.iter().filter_map(rule).collect()
}

pub(super) fn rule(cursor: &Cursor<'_>) -> Option<TopicRule> {
    for key in ["retain", "order"] {
        if cursor.node().get(key).is_some() {
            cursor.error(format!(
                "`{key}` is for the native relay; a bridge of Mosquitto cannot do it"
            ));
        }
    }
    cursor.read::<Rule>().map(|rule| rule.rule)
}

pub(super) fn tls(mut section: Section<'_>) -> BridgeTls {
    let mut key = |key| value(&mut section, key).and_then(|place| secret_key(&place));
    let (authority, certificate, key) = (key("authority"), key("certificate"), key("key"));
    let tls = BridgeTls {
        authority,
        certificate,
        key,
        alpn: optional(&mut section, "alpn"),
    };
    section.finish();
    tls
}
