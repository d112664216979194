//! Configuration files: those that load, those that say exactly why they do not, and what becomes of the former.
//!
//! `broken/NAME.yaml` is a file, `broken/NAME.expected` what a person reads. `MQTTKUBE_BLESS=1` writes the latter.

use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use mqttkube_bridge::credential::{CredentialError, UnixTime};
use mqttkube_bridge::endpoint::Profile;
use mqttkube_bridge::sidecar::{BridgeState, Template, TemplateText};
use mqttkube_bridge::spec::{self, Bridge, Mode, Outcome, Secrets};
use mqttkube_mapping::yaml::{Diagnostics, SecretLookup};
use mqttkube_mosquitto::{Code, Config, Severity, Version, Way};
use mqttkube_mqtt::{AvailabilitySpec, Credentials};

const NOW: UnixTime = UnixTime(1_795_000_000);
const CANARY: &str = "canary-swordfish";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/configs")
}

/// Loads a file under its bare name, so that messages are the same everywhere.
fn load(path: &Path) -> Result<Bridge, Diagnostics> {
    let text = fs::read_to_string(path).expect("the file can be read");
    let name = path.file_name().expect("a file has a name").to_string_lossy();
    let folder = path.parent().expect("a file lies in a folder").to_string_lossy();
    spec::parse(&text, &name, &folder, |_| ())
}

fn good(name: &str) -> Bridge {
    load(&folder().join(format!("{name}.yaml"))).expect("nothing is wrong")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry can be read").path())
        .collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

#[test]
fn every_broken_file_says_exactly_what_is_wrong_with_it() {
    let bless = std::env::var_os("MQTTKUBE_BLESS").is_some();
    let mut wrong = Vec::new();
    for path in files(&folder().join("broken")) {
        let found = match load(&path) {
            Ok(bridge) => format!("loads\n{}\n", bridge.notes),
            Err(errors) => format!("{errors}\n"),
        };
        assert!(!found.contains("canary"), "{found}");
        let expected = path.with_extension("expected");
        if bless {
            fs::write(&expected, &found).expect("the expectation can be written");
        }
        let expected = fs::read_to_string(expected).unwrap_or_default();
        if found != expected {
            wrong.push(format!(
                "{}\n--- expected\n{expected}--- found\n{found}",
                path.display()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} files differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn there_is_a_good_file_for_every_profile() {
    for profile in Profile::ALL {
        let bridge = good(profile.name());
        assert_eq!(bridge.cloud.endpoint.profile, profile);
        assert!(!bridge.notes.has_errors(), "{}", bridge.notes);
    }
}

/// Variables and files of a test.
#[derive(Default)]
struct World(HashMap<String, String>);

impl SecretLookup for World {
    fn env(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn file(&self, path: &str) -> io::Result<String> {
        let known = self.0.get(path).cloned();
        known.map_or_else(|| fs::read_to_string(path), Ok)
    }
}

fn secrets(entries: &[(&str, &str)]) -> Secrets {
    let entries = entries
        .iter()
        .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Arc::new(World(entries.collect()))
}

/// Issues a credential from the file of a profile: user name, and when it ends.
#[track_caller]
fn check_issue(profile: &str, entries: &[(&str, &str)], username: Option<&str>, life: Option<u64>) {
    let mut source = good(profile).source(&secrets(entries));
    let credential = source.issue(NOW).expect("the secret is there");
    assert_eq!(credential.username.as_deref(), username);
    assert_eq!(credential.expires, life.map(|life| UnixTime(NOW.0 + life)));
    assert!(!format!("{source:?}").contains(CANARY));
}

#[test]
fn credentials_come_from_where_the_file_says() {
    let hub = "myhub.azure-devices.net/dev1/?api-version=2021-04-12";
    check_issue("clearblade", &[], Some("unused"), Some(3_600));
    check_issue(
        "azure-iot-hub",
        &[("IOTHUB_KEY", "AAECAwQ=")],
        Some(hub),
        Some(7_200),
    );
    let authorizer = Some("?x-amz-customauthorizer-name=tokens");
    check_issue(
        "aws-iot-core",
        &[("/run/secrets/token", CANARY)],
        authorizer,
        None,
    );
    check_issue(
        "hivemq-cloud",
        &[("HIVEMQ_PASSWORD", CANARY)],
        Some("site7"),
        None,
    );
    check_issue("plain", &[("/run/token", CANARY)], Some("unused"), Some(600));
}

#[test]
fn a_secret_that_is_not_there_is_named_and_looked_for_again() {
    let mut source = good("hivemq-cloud").source(&secrets(&[]));
    let missing = "the environment variable HIVEMQ_PASSWORD is not set";
    let error = source.issue(NOW).map(|_| ()).unwrap_err();
    assert_eq!(error, CredentialError::Unavailable(missing.to_owned()));
}

#[test]
fn the_sessions_keep_what_waits_in_them() {
    let secrets = secrets(&[("LOCAL_PASSWORD", CANARY)]);
    for profile in Profile::ALL {
        let bridge = good(profile.name());
        let local = bridge.local_options(&secrets).expect("it can work");
        assert_eq!(local.session_expiry(), Duration::from_secs(0xFFFF_FFFF));
        assert!(!bridge.cloud.mqtt.session_expiry.get().is_zero());
        assert_eq!(bridge.cloud.mqtt.client_id, bridge.cloud.endpoint.client_id);
        assert_eq!(bridge.cloud.mqtt.availability, AvailabilitySpec::Off);
        assert!(!format!("{local:?}{bridge:?}").contains(CANARY));
    }
    let cloud = good("plain").cloud_options(Credentials::none(), &secrets);
    let cloud = cloud.expect("it can work");
    assert_eq!(
        (cloud.address(), cloud.availability()),
        (("192.0.2.7", 1883), None)
    );
    let expiry = good("azure-event-grid").cloud.mqtt.session_expiry;
    assert_eq!(expiry.get(), Duration::from_secs(8 * 3_600));
}

#[test]
fn the_store_is_beside_the_file() {
    let Mode::Store(store) = good("clearblade").relay.mode else {
        panic!("the file says store")
    };
    assert_eq!(store.path, folder().join("outbox"));
    assert_eq!(store.max_bytes, 256 << 20);
}

#[track_caller]
fn check_explain(profile: &str, topic: &str, way: Way, expected: Option<(&str, &str)>) {
    let explanation = good(profile).explain(topic, way);
    let found = match &explanation.outcome {
        Outcome::Carried { name, .. } => Some((name.as_str(), "")),
        Outcome::Refused { name, reason } => Some((name.as_str(), reason.as_str())),
        _ => None,
    };
    assert_eq!(found, expected);
}

#[test]
fn topics_are_explained_both_ways() {
    let events = Some(("/devices/bridge/events/door", ""));
    check_explain("clearblade", "gcp/events/door", Way::Out, events);
    let commands = Some(("gcp/commands/open", ""));
    check_explain("clearblade", "/devices/bridge/commands/open", Way::In, commands);
    check_explain("clearblade", "gcp/commands/open", Way::Out, None);
    check_explain(
        "azure-event-grid",
        "line/a",
        Way::Out,
        Some(("factory/line7/a", "")),
    );
    check_explain(
        "aws-iot-core",
        "home/a/state",
        Way::Out,
        Some(("site7/a/state", "")),
    );
    check_explain(
        "thingsboard",
        "v1/devices/me/rpc/request/1",
        Way::In,
        Some(("tb/rpc/request/1", "")),
    );
    let deep = "home/a/state";
    assert!(
        good("aws-iot-core")
            .explain(deep, Way::Out)
            .to_string()
            .contains("the retain flag taken off")
    );
}

/// What the refresher writes by itself has the bridge tell its state, and only at home.
#[test]
fn the_state_of_a_generated_bridge_can_be_looked_at() {
    let options = good("clearblade").refresher().expect("it can be generated");
    let TemplateText::Text(text) = options.template else {
        panic!("no template is named");
    };
    assert!(text.contains("notifications_local_only true\n"), "{text}");
    let template = Template::new(&text).expect("it has a place for the token");
    let state = BridgeState::of(&template, &options.values).expect("it is published");
    let id = good("clearblade").cloud.endpoint.client_id;
    assert_eq!(state.topic, format!("$SYS/broker/connection/{id}/state"));
    assert_eq!(state.patience, Duration::from_secs(65));
}

#[test]
fn every_good_file_becomes_a_configuration_of_both_versions_without_errors_or_secrets() {
    for path in files(&folder()) {
        let bridge = load(&path).expect("nothing is wrong");
        for version in [Version::V2_0, Version::V2_1] {
            let text = bridge.mosquitto_conf(version).expect("Mosquitto can do it");
            assert!(!text.contains(CANARY));
            // Either kind of reload loses the queue, and 2.0 does not start with it.
            assert!(!text.contains("bridge_reload_type"), "{text}");
            let read = Config::read(&text).config;
            assert_eq!(read, bridge.mosquitto(version).expect("it was written"));
            let errors: Vec<_> = read
                .lint(version)
                .into_iter()
                .filter(|lint| lint.severity == Severity::Error)
                // The file of the plain broker has no TLS, and `check` warns of it.
                .filter(|lint| lint.code != Code::BridgePlainPassword)
                .collect();
            assert!(errors.is_empty(), "{}: {errors:?}\n{text}", path.display());
        }
    }
}
