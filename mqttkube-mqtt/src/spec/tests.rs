use std::io;

use mqttkube_mapping::yaml;

use super::*;

struct World;

impl SecretLookup for World {
    fn env(&self, name: &str) -> Option<String> {
        (name == "SWORDFISH").then(|| "swordfish".to_owned())
    }

    fn file(&self, path: &str) -> io::Result<String> {
        Err(io::Error::new(io::ErrorKind::NotFound, path.to_owned()))
    }
}

fn read(text: &str) -> Result<(MqttSpec, String), String> {
    let tree = yaml::parse(text, "c.yaml", "/etc/home").map_err(|errors| errors.to_string())?;
    let (spec, notes) = tree
        .read(|cursor| cursor.read::<MqttSpec>())
        .map_err(|errors| errors.to_string())?;
    Ok((spec, notes.to_string()))
}

#[track_caller]
fn check(text: &str, expected: &[&str]) {
    let errors = read(text).expect_err("there is a mistake");
    let found: Vec<&str> = errors
        .lines()
        .filter_map(|line| line.strip_prefix("c.yaml:"))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_file_of_the_reference_is_read_as_it_is() {
    let text = "
host: broker.home
port: 8883
client-id: mqtt-kube
topic-prefix: home
keepalive: 30
auth:
  type: mtls
  cafile: ca.pem
  certfile: client.pem
  keyfile: /run/client.key
  keyfile_password: ${env:SWORDFISH}
  protocols: [mqtt]
";
    let (spec, notes) = read(text).expect("it is sound");
    assert_eq!(notes, "");
    assert_eq!(
        (spec.host.as_str(), spec.port, spec.keepalive),
        ("broker.home", Some(8883), Duration::from_secs(30))
    );
    let tls = spec.tls.expect("mtls is TLS");
    assert_eq!(tls.cafile.as_deref(), Some("/etc/home/ca.pem".as_ref()));
    assert_eq!(tls.keyfile.as_deref(), Some("/run/client.key".as_ref()));
    assert_eq!(tls.alpn, ["mqtt"]);
}

#[test]
fn nothing_at_all_gives_the_documented_defaults() {
    let options = MqttSpec::default()
        .options(Arc::new(World))
        .expect("they are sound");
    assert_eq!(options.address(), ("127.0.0.1", 1883));
    assert_eq!(options.client_id(), "mqtt-kube");
    assert_eq!(options.max_payload(), 262_144);
    assert_eq!(options.session_expiry(), std::time::Duration::from_secs(3600));
    assert_eq!(
        options.availability(),
        Some(&Availability::new("mqtt-kube/status"))
    );
}

#[test]
fn the_prefix_comes_before_the_availability_topic() {
    let (spec, _) =
        read("topic-prefix: home\navailability: {topic: up, online: '1'}\n").expect("it is sound");
    let options = spec.options(Arc::new(World)).expect("it is sound");
    let availability = options.availability().expect("it is on");
    assert_eq!(
        (availability.topic.as_str(), &availability.online[..]),
        ("home/up", &b"1"[..])
    );
    let (spec, _) = read("availability: false\n").expect("it is sound");
    assert_eq!(spec.availability, AvailabilitySpec::Off);
}

#[test]
fn a_random_suffix_makes_the_session_clean() {
    let (spec, _) = read("client-id: abc\nclient-id-suffix: random\n").expect("it is sound");
    let options = spec.options(Arc::new(World)).expect("it is sound");
    assert_eq!(options.client_id().len(), 28);
    assert!(options.client_id().starts_with("abc-"));
    assert!(options.session_expiry().is_zero());
}

#[test]
fn a_password_is_never_shown() {
    let (spec, _) = read("auth: {type: basic, username: u, password: hunter2}\n").expect("it is sound");
    let options = spec.options(Arc::new(World)).expect("it is sound");
    for shown in [format!("{spec:?}"), format!("{options:?}")] {
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}

#[tokio::test]
async fn a_secret_is_looked_up_at_every_connection() {
    let (spec, _) =
        read("auth: {type: basic, username: u, password: '${env:SWORDFISH}'}\n").expect("it is sound");
    let options = spec.options(Arc::new(World)).expect("it is sound");
    assert_eq!(
        options.inner.credentials.ask().await.expect("it is there"),
        Login::new("u", "swordfish")
    );
    let (spec, _) =
        read("auth: {type: basic, username: u, password: '${file:gone}'}\n").expect("it is sound");
    let options = spec.options(Arc::new(World)).expect("secrets may come later");
    let error = options
        .inner
        .credentials
        .ask()
        .await
        .expect_err("the file is not there");
    assert_eq!(error.to_string(), "the secret file /etc/home/gone cannot be read");
}

#[test]
fn every_mistake_is_found_at_its_place() {
    check(
        "hots: x\nport: 70000\nversion: 4\nkeepalive: 2\nreceive-maximum: 0\nmax-payload: 1GiB\n",
        &[
            "1:1: error: unknown key \"hots\" in the section mqtt; did you mean \"host\"?",
            "2:7: error: 70000 is not between 0 and 65535",
            "3:10: error: unknown version of MQTT; it is 5 or 3.1.1",
            "4:12: error: keepalive 2s is out of range: 5s to 18h",
            "5:18: error: receive-maximum 0 would let nothing in: 1 to 65535",
            "6:14: error: max-payload 1GiB is above what MQTT can carry: up to 255MiB",
        ],
    );
    check(
        "auth: {type: basic, username: u, certfile: c}\ntls: {min-version: 1.1, cafiel: x}\npath: /mqtt\n",
        &[
            "1:7: error: missing key \"password\" in the section auth",
            "1:44: error: certfile has no place in auth of type basic",
            "2:20: error: unknown version of TLS; it is 1.2 or 1.3",
            "2:25: error: unknown key \"cafiel\" in the section tls; did you mean \"cafile\"?",
            "3:7: error: path is for websocket only; write \"transport: websocket\" beside it",
        ],
    );
}
