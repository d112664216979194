//! certbot in the pod: a stand-in for the program puts certificates where it does, everything else is what is rendered.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use mqttkube_manifests::scenario::node_port;
use mqttkube_tests::mqtt_probe::Message;
use mqttkube_tests::process::tls::Authority;
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait;

use super::{Node, SOON, assert_rights, enter, login, over_tls, with_users, word};

/// Keeps its arguments and its credentials, and certificates as certbot does: numbered, with a link
/// to the last one.
const CERTBOT: &str = r#"#!/bin/sh
set -eu
asked="$*"
while [ $# -gt 0 ]; do
  case $1 in
    --config-dir) state=$2 ;;
    --dns-cloudflare-credentials) credentials=$2 ;;
  esac
  shift
done
mkdir -p "$state"
cat "$credentials" > "$state/credentials"
echo "$asked" > "$state/asked"
number=$(cat ISSUED/number)
mkdir -p "$state/archive/broker" "$state/live/broker"
for name in fullchain privkey; do
  cp ISSUED/$name.pem "$state/archive/broker/$name$number.pem"
  ln -sf "../../archive/broker/$name$number.pem" "$state/live/broker/$name.pem"
done
"#;

fn write(folder: &Path, name: &str, text: &str, mode: u32) {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// What the authority gives out from now on; the number comes last, because certbot asks for it first.
fn issue(folder: &Path, number: u32, authority: &Authority) {
    let identity = authority.server(&["localhost"]).unwrap();
    write(folder, "fullchain.pem", &identity.certificate, 0o644);
    write(folder, "privkey.pem", &identity.key, 0o644);
    write(folder, "number", &number.to_string(), 0o644);
}

#[tokio::test]
async fn certbot_in_the_pod_gives_the_broker_its_certificate_and_renews_it_without_a_restart() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path();
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)).unwrap();
    write(
        folder,
        "certbot",
        &CERTBOT.replace("ISSUED", folder.to_str().unwrap()),
        0o755,
    );
    let (old, new) = (Authority::new("old").unwrap(), Authority::new("new").unwrap());
    issue(folder, 1, &old);
    let node = Node::default()
        .path(folder)
        .replace("sleep 43200", "sleep 0.3")
        .secret("mqtt-credentials", "letsencrypt-email", "ann@example.com")
        .secret(
            "mqtt-credentials",
            "cloudflare.ini",
            "dns_cloudflare_api_token = t",
        );
    let bundle = node_port::sample_certbot().unwrap();
    let broker = with_users(node, &["camera", "home"])
        .start(&bundle, "mosquitto")
        .await;
    let (plain, encrypted) = (broker.port(1883), broker.port(8883));
    assert_rights(plain, "camera", "home").await;
    if let Err(failed) = over_tls(encrypted, &old, "camera") {
        panic!("{failed:?}\n{}", broker.log("mosquitto"));
    }

    let stays = enter(plain, login("home", &word("home"))).await.unwrap();
    stays.subscribe("sensors/#", 1).await.unwrap();
    issue(folder, 2, &new);
    wait::until_ok(SOON, "renewed certificate", async || {
        let sent = over_tls(encrypted, &new, "camera");
        sent.map_err(|failed| (failed, broker.log("certbot"), broker.log("mosquitto")))
    })
    .await;
    assert!(over_tls(encrypted, &old, "camera").is_err());
    let came = |all: &[Message]| all.iter().any(|message| message.topic == "sensors/tls");
    stays.wait(SOON, came).await;
    let state = broker.volume("certbot-state").join("config");
    let read = |name: &str| std::fs::read_to_string(state.join(name)).unwrap();
    assert_eq!(read("credentials"), "dns_cloudflare_api_token = t");
    let asked = read("asked");
    for part in [
        "certonly --non-interactive",
        "--email ann@example.com",
        "--authenticator dns-cloudflare",
        "-d mqtt.example.com",
        "--keep-until-expiring",
    ] {
        assert!(asked.contains(part), "{part} is not in {asked}");
    }
}
