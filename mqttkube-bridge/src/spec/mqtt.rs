//! The keys of an MQTT session, with what a bridge needs instead of their defaults: a session that outlives every pause,
//! because what waits in it would be lost with it.

use mqttkube_mapping::yaml::{Duration, Section, Size};
use mqttkube_mqtt::{AvailabilitySpec, MqttSpec};

/// The client id where none is written.
const CLIENT_ID: &str = "cloud-bridge";
/// MQTT 5.0 section 3.1.2.11.2: a session that does not expire.
const FOR_EVER: Duration = Duration::from_secs(0xFFFF_FFFF);
/// What comes in where nothing is written. Larger than what clouds take, so that the relay sees what is too large.
const MAX_PAYLOAD: Size = Size::from_bytes(16 << 20);

/// Reads the section `local`, which may be absent.
pub(super) fn read_local(section: &mut Section<'_>) -> Option<MqttSpec> {
    let Some(mut local) = section.section("local", "the section local") else {
        let wrong = section.get("local").is_some_and(|local| !local.node().is_null());
        return (!wrong).then(defaults);
    };
    let spec = read_keys(&mut local);
    local.finish();
    spec
}

/// Reads the keys of a session out of a section that may have others.
pub(super) fn read_keys(section: &mut Section<'_>) -> Option<MqttSpec> {
    let mut spec = MqttSpec::read_keys(section)?;
    if !section.has("client-id") {
        CLIENT_ID.clone_into(&mut spec.client_id);
    }
    if !section.has("max-payload") {
        spec.max_payload = MAX_PAYLOAD;
    }
    if let Some(value) = section.get("client-id-suffix").filter(|_| spec.random_suffix) {
        value.error("a random client id would leave its session behind, and the messages in it");
    }
    if let Some(value) = section.get("session-expiry") {
        value.warning(
            "session-expiry has no effect: the session of a bridge is kept as long as the broker can",
        );
    }
    for key in ["topic-prefix", "response-prefix"] {
        if let Some(value) = section.get(key) {
            value.error_with_help(
                format!("{key} has no place in a bridge"),
                "each rule has its own local-prefix and remote-prefix",
            );
        }
    }
    let literal = |spec: &MqttSpec| {
        spec.login
            .as_ref()
            .is_some_and(|(_, password)| password.is_literal())
    };
    if let Some(value) = section.get("auth").filter(|_| literal(&spec)) {
        value.warning("the password stands in the file itself; write ${env:NAME} or ${file:PATH}");
    }
    spec.session_expiry = FOR_EVER;
    Some(spec)
}

/// A session with nothing written about it.
pub(super) fn defaults() -> MqttSpec {
    let mut spec = MqttSpec::default();
    CLIENT_ID.clone_into(&mut spec.client_id);
    spec.session_expiry = FOR_EVER;
    spec.max_payload = MAX_PAYLOAD;
    spec
}

/// A session at a service that everything but host, port and certificates is known of.
pub(super) fn silent() -> MqttSpec {
    let mut spec = defaults();
    spec.availability = AvailabilitySpec::Off;
    spec
}
