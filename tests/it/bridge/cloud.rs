//! The fake cloud against clients that are not ours: a double that lets everything pass would prove nothing.

use std::time::Duration;

use mqttkube_tests::fake_cloud::{CloudClock, CloudOptions, Door, FakeCloud, Key, Takes, Verdict};
use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use mqttkube_tests::process::tls::Authority;
use mqttkube_tests::process::{Spec, find};
use mqttkube_tests::skip::{Need, lacks};
use tempfile::TempDir;

use super::keys::{AUDIENCE, EC_KEY, ec_public, rsa_public, token};

const DEADLINE: Duration = Duration::from_secs(30);
const NOW: u64 = 1_800_000_000;
const BRIDGE: &str = "projects/p/locations/r/registries/g/devices/bridge";

async fn start(door: Door, takes: Takes) -> FakeCloud {
    let clock = CloudClock::from(Duration::from_secs(NOW));
    let options = CloudOptions {
        door,
        takes,
        clock,
        tls: None,
    };
    FakeCloud::start(options).await.unwrap()
}

fn door() -> Door {
    Door::new(AUDIENCE, Duration::from_secs(10)).client(BRIDGE, ec_public())
}

/// Options of a client with a persistent session that shows this password.
fn named(id: &str, password: &str) -> Options {
    Options {
        client_id: id.to_owned(),
        session_expiry: 3_600,
        credentials: Some(("unused".to_owned(), password.to_owned())),
        ..Options::default()
    }
}

fn bridge(lifetime: u64) -> Options {
    named(BRIDGE, &token(EC_KEY, NOW, lifetime))
}

async fn refused(cloud: &FakeCloud, options: Options) -> String {
    let error = Probe::connect(cloud.address(), options).await.unwrap_err();
    error.to_string()
}

#[tokio::test]
async fn only_a_good_token_opens_the_door() {
    let cloud = start(door(), Takes::default()).await;
    Probe::connect(cloud.address(), bridge(60)).await.unwrap();
    let expired = named(BRIDGE, &token(EC_KEY, NOW - 71, 60));
    assert_eq!(refused(&cloud, expired).await, "refused: NotAuthorized");
    let forged = named(BRIDGE, &token(EC_KEY, NOW, 60).replace('.', ".x"));
    assert_eq!(refused(&cloud, forged).await, "refused: BadUsernameOrPassword");
    let stranger = named("somebody", &token(EC_KEY, NOW, 60));
    assert_eq!(refused(&cloud, stranger).await, "refused: NotAuthorized");
    assert_eq!(
        refused(&cloud, Options::default()).await,
        "refused: NotAuthorized",
        "no guests"
    );
    let counts = cloud.counts();
    assert_eq!((counts.connections, counts.refused.len()), (1, 4));
}

#[tokio::test]
async fn a_connection_ends_when_the_token_and_the_skew_have() {
    let cloud = start(door(), Takes::default()).await;
    let probe = Probe::connect(cloud.address(), bridge(60)).await.unwrap();
    cloud.clock().step(65);
    cloud
        .wait(DEADLINE, "a look at the token", |counts, _| counts.outlived == 1)
        .await;
    probe
        .publish(&Message::new("within/the/skew", "0"))
        .await
        .unwrap();
    cloud.clock().step(10);
    assert_eq!(
        probe.ended(DEADLINE).await,
        "disconnected by the broker: NotAuthorized"
    );
    let counts = cloud.counts();
    assert_eq!((counts.cut, counts.outlived), (1, 1));
    assert!(counts.least_left.unwrap() <= -15_000, "{counts:?}");
}

#[tokio::test]
async fn the_newest_connection_of_a_client_id_wins_and_finds_its_session() {
    let cloud = start(door(), Takes::default()).await;
    let deaf = Options {
        no_acks: true,
        ..bridge(60)
    };
    let first = Probe::connect(cloud.address(), deaf).await.unwrap();
    first.subscribe("commands/#", 1).await.unwrap();
    cloud.publish(&Message::new("commands/x", "0"));
    first.wait(DEADLINE, |messages| messages.len() == 1).await;
    let second = Probe::connect(cloud.address(), bridge(60)).await.unwrap();
    assert_eq!(
        first.ended(DEADLINE).await,
        "disconnected by the broker: SessionTakenOver"
    );
    assert!(second.session_present());
    second.wait(DEADLINE, |messages| messages.len() == 1).await;
    let again = &second.messages()[0];
    assert_eq!((again.text(), again.dup), ("0".into(), true));
    cloud
        .wait(DEADLINE, "the acknowledgement", |counts, _| {
            counts.acknowledged == 1
        })
        .await;
    // While the client is away its session holds what comes.
    second.disconnect().await;
    cloud.publish(&Message::new("commands/x", "1"));
    assert_eq!(cloud.held(BRIDGE), 1);
    cloud.forget_sessions();
    let third = Probe::connect(cloud.address(), bridge(60)).await.unwrap();
    assert!(!third.session_present());
    assert_eq!(cloud.counts().takeovers, 1);
}

#[tokio::test]
async fn what_a_service_does_not_take_ends_the_connection() {
    let takes = Takes {
        max_packet: Some(1_000),
        ..Takes::clearblade(&[])
    };
    let cloud = start(door(), takes).await;
    let large = Message::new("/devices/bridge/events", "x".repeat(1_000));
    let exactly_once = Message {
        qos: 2,
        ..Message::new("/devices/bridge/events", "0")
    };
    let retained = Message {
        retain: true,
        ..Message::new("/devices/bridge/state", "0")
    };
    for (message, reason) in [
        (large, "PacketTooLarge"),
        (exactly_once, "QoSNotSupported"),
        (retained, "RetainNotSupported"),
    ] {
        let probe = Probe::connect(cloud.address(), bridge(60)).await.unwrap();
        let published = probe.publish(&message).await;
        assert!(published.is_err(), "{reason}: {published:?}");
        assert_eq!(
            probe.ended(DEADLINE).await,
            format!("disconnected by the broker: {reason}")
        );
    }
    let probe = Probe::connect(cloud.address(), bridge(60)).await.unwrap();
    let foreign = Message::new("/devices/other/events", "0");
    assert_eq!(probe.publish(&foreign).await.unwrap(), 0x87);
    assert_eq!(probe.subscribe("/devices/other/config", 1).await.unwrap(), 0x87);
    assert_eq!(probe.subscribe("/devices/bridge/commands/#", 1).await.unwrap(), 1);
    assert_eq!(
        cloud.counts().violations.len(),
        5,
        "{:?}",
        cloud.counts().violations
    );
    assert_eq!(cloud.ledger().total().received, 0);
}

#[tokio::test]
async fn publishes_are_refused_on_command() {
    let cloud = start(door(), Takes::default()).await;
    let probe = Probe::connect(cloud.address(), bridge(60)).await.unwrap();
    for code in [0x97, 0x87, 0x90, 0x99, 0x80, 0x83] {
        cloud.when_publishing("t/#", 1, Verdict::Refuse(code));
        assert_eq!(probe.publish(&Message::new("t/x", "0")).await.unwrap(), code);
    }
    assert_eq!(cloud.ledger().topic("t/x").received, 0);
    assert_eq!(probe.publish(&Message::new("t/x", "0")).await.unwrap(), 0);
    assert_eq!(cloud.ledger().topic("t/x").received, 1);
    for (code, reason) in [(0x95, "PacketTooLarge"), (0x93, "ReceiveMaximumExceeded")] {
        let probe = Probe::connect(cloud.address(), bridge(60)).await.unwrap();
        cloud.when_publishing("t/x", 1, Verdict::Disconnect(code));
        assert!(probe.publish(&Message::new("t/x", "1")).await.is_err());
        assert_eq!(
            probe.ended(DEADLINE).await,
            format!("disconnected by the broker: {reason}")
        );
    }
    let probe = Probe::connect(cloud.address(), bridge(60)).await.unwrap();
    cloud.when_publishing("t/x", 1, Verdict::TakeAndCut);
    assert!(probe.publish(&Message::new("t/x", "1")).await.is_err());
    assert_eq!(
        cloud.ledger().topic("t/x").distinct,
        2,
        "taken, and nobody said so"
    );
    cloud.refuse_connections(1, 0x88);
    assert_eq!(refused(&cloud, bridge(60)).await, "refused: ServerUnavailable");
    Probe::connect(cloud.address(), bridge(60)).await.unwrap();
}

#[tokio::test]
async fn a_gateway_speaks_for_devices_that_it_has_attached() {
    let door = door().device("sensor", rsa_public());
    let cloud = start(door, Takes::clearblade(&["bridge"])).await;
    let probe = Probe::connect(cloud.address(), bridge(60)).await.unwrap();
    probe.subscribe("/devices/bridge/errors", 1).await.unwrap();
    let reading = Message::new("/devices/sensor/events", "0");
    assert_eq!(probe.publish(&reading).await.unwrap(), 0x87, "not attached yet");
    let attach = |payload: String| Message::new("/devices/sensor/attach", payload);
    probe.publish(&attach(String::new())).await.unwrap();
    probe.wait(DEADLINE, |messages| messages.len() == 1).await;
    assert_eq!(probe.messages()[0].text(), "sensor has to show a token");
    let stolen = token(EC_KEY, NOW, 60);
    let payload = format!(r#"{{"authorization":"{stolen}"}}"#);
    probe.publish(&attach(payload)).await.unwrap();
    assert_eq!(
        probe.publish(&reading).await.unwrap(),
        0x87,
        "another device's key"
    );
    let own = token(super::keys::RSA_KEY, NOW, 60);
    let payload = format!(r#"{{"authorization":"{own}"}}"#);
    probe.publish(&attach(payload)).await.unwrap();
    assert_eq!(probe.publish(&reading).await.unwrap(), 0);
    probe
        .publish(&Message::new("/devices/sensor/detach", ""))
        .await
        .unwrap();
    assert_eq!(probe.publish(&reading).await.unwrap(), 0x87, "detached");
    let counts = cloud.counts();
    assert_eq!(
        (counts.attached, counts.detached),
        (vec!["sensor".to_owned()], vec!["sensor".to_owned()])
    );
    assert_eq!(cloud.ledger().topic("/devices/sensor/events").received, 1);
}

/// Runs `mosquitto_pub` once; its status and what it printed.
async fn mosquitto_pub(cloud: &FakeCloud, folder: &TempDir, args: &[&str]) -> (Option<i32>, String) {
    let log = folder.path().join("pub.log");
    let _ = std::fs::remove_file(&log);
    let port = cloud.port().to_string();
    let spec = Spec::new(find("mosquitto_pub").unwrap(), log)
        .args(["-h", "127.0.0.1", "-p", &port, "-q", "1", "-i", BRIDGE])
        .args(args);
    let mut process = spec.start().unwrap();
    let status = process.ended(DEADLINE).await.unwrap();
    (status.code(), process.output())
}

#[tokio::test]
async fn clients_of_both_protocols_and_over_tls_understand_it() {
    if lacks(&[Need::Program("mosquitto_pub"), Need::Program("mosquitto_sub")]) {
        return;
    }
    let folder = TempDir::new().unwrap();
    let authority = Authority::new("test").unwrap();
    let ca = folder.path().join("ca.crt");
    std::fs::write(&ca, authority.certificate()).unwrap();
    let ca = ca.to_str().unwrap();
    for (tls, version) in [
        (false, "mqttv311"),
        (false, "mqttv5"),
        (true, "mqttv311"),
        (true, "mqttv5"),
    ] {
        let options = CloudOptions {
            door: door().guests(),
            clock: CloudClock::from(Duration::from_secs(NOW)),
            tls: tls.then(|| authority.server(&["127.0.0.1"]).unwrap()),
            ..CloudOptions::default()
        };
        let cloud = FakeCloud::start(options).await.unwrap();
        let secure: &[&str] = if tls { &["--cafile", ca] } else { &[] };
        let log = folder.path().join(format!("sub-{tls}-{version}.log"));
        let port = cloud.port().to_string();
        let listener = Spec::new(find("mosquitto_sub").unwrap(), log)
            .args(["-h", "127.0.0.1", "-p", &port, "-V", version, "-q", "1"])
            .args(["-v", "-t", "#"])
            .args(secure)
            .start()
            .unwrap();
        cloud
            .wait(DEADLINE, "the subscription", |counts, _| counts.subscribed == 1)
            .await;
        let good = token(EC_KEY, NOW, 60);
        let send = |password: String| {
            let mut args = vec!["-V".to_owned(), version.to_owned()];
            args.extend(["-u", "unused", "-P", &password, "-t", "a/b", "-m", "7"].map(str::to_owned));
            args.extend(secure.iter().map(|text| (*text).to_owned()));
            args
        };
        let args = send(good);
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let (status, output) = mosquitto_pub(&cloud, &folder, &args).await;
        assert_eq!(status, Some(0), "{version}: {output}");
        listener.prints("a/b 7", DEADLINE).await;
        let args = send(token(EC_KEY, NOW - 71, 60));
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        let (status, output) = mosquitto_pub(&cloud, &folder, &args).await;
        assert_ne!(status, Some(0), "an expired token");
        assert!(
            output.to_lowercase().contains("not authori"),
            "{version}: {output}"
        );
        assert_eq!(cloud.ledger().topic("a/b").received, 1);
    }
}

#[tokio::test]
async fn a_password_stays_good() {
    let door = Door::new(AUDIENCE, Duration::ZERO).client_named(
        "plain",
        "unused",
        Key::Password("swordfish".to_owned()),
    );
    let cloud = start(door, Takes::default()).await;
    let probe = Probe::connect(cloud.address(), named("plain", "swordfish"))
        .await
        .unwrap();
    cloud.clock().step(1_000_000);
    assert_eq!(probe.publish(&Message::new("t", "0")).await.unwrap(), 0);
    assert_eq!(
        refused(&cloud, named("plain", "marlin")).await,
        "refused: BadUsernameOrPassword"
    );
}
