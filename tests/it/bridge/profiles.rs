//! The bridge's file against a cloud that looks at CONNECT as the service of the profile does.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mqttkube_bridge::credential::{JwtSource, Source as _, UnixTime};
use mqttkube_bridge::spec::{self, Secrets};
use mqttkube_mapping::yaml::SecretLookup;
use mqttkube_mqtt::connect;
use mqttkube_tests::fake_cloud::{CloudClock, CloudOptions, Door, FakeCloud};
use mqttkube_tests::process::tls::Authority;
use tempfile::TempDir;

use super::keys::{EC_KEY, ec_public};

const DEADLINE: Duration = Duration::from_secs(60);
const AUDIENCE: &str = "https://eventgrid.azure.net/";

/// The files of this machine.
struct Files;

impl SecretLookup for Files {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, path: &str) -> io::Result<String> {
        std::fs::read_to_string(path)
    }
}

/// Connects with this credential to an Event Grid that wants tokens by `method`, and renews it if it is let in.
async fn check(credential: &str, method: &str, refused: Option<&str>) {
    let (authority, folder) = (Authority::new("grid").unwrap(), TempDir::new().unwrap());
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    let cloud = FakeCloud::start(CloudOptions {
        door: Door::new(AUDIENCE, Duration::ZERO).client_by("line-7", method, ec_public()),
        tls: Some(authority.server(&["127.0.0.1"]).unwrap()),
        ..CloudOptions::default()
    });
    let cloud = cloud.await.unwrap();
    let mut entra = JwtSource::new(EC_KEY, AUDIENCE, 3_600).unwrap();
    let token = entra.issue(UnixTime(CloudClock::now().seconds())).unwrap();
    write("ca.pem", authority.certificate().as_bytes());
    write("key.pem", EC_KEY);
    write("token", token.secret.as_bytes());
    let text = format!(
        "cloud: {{profile: azure-event-grid, namespace: n, region: r, client: line-7, host: 127.0.0.1, \
         port: {}, cafile: ca.pem, credential: {{{credential}}}}}\nrules: [\"a out 1\"]\n",
        cloud.address().port()
    );
    let bridge = spec::parse(&text, "bridge.yaml", &folder.path().to_string_lossy(), |_| ()).unwrap();
    let secrets: Secrets = Arc::new(Files);
    let rollover = bridge.rollover(&secrets);
    let options = bridge.cloud_options(rollover.credentials(), &secrets).unwrap();
    let (client, events) = connect(options);
    if let Some(why) = refused {
        let refusal = |counts: &[String]| counts.first().is_some_and(|first| first.ends_with(why));
        cloud
            .wait(DEADLINE, "a refusal", |counts, _| refusal(&counts.refused))
            .await;
        return;
    }
    cloud
        .wait(DEADLINE, "a connection", |counts, _| counts.connections == 1)
        .await;
    while rollover.status().accepted < 1 {
        tokio::task::yield_now().await;
    }
    rollover.renew();
    cloud
        .wait(DEADLINE, "another connection", |counts, _| {
            counts.connections == 2
        })
        .await;
    assert_eq!(cloud.counts().refused, [""; 0]);
    drop((client, events));
}

/// bridge.md section 3, Azure Event Grid.
#[tokio::test]
async fn event_grid_is_shown_tokens_by_their_method_at_every_connection() {
    check("type: jwt, key: key.pem, issuer: plant", "CUSTOM-JWT", None).await;
    check("type: token-file, path: token", "OAUTH2-JWT", None).await;
    let custom = "type: token-file, path: token, method: CUSTOM-JWT";
    check(custom, "CUSTOM-JWT", None).await;
    check(custom, "OAUTH2-JWT", Some("wrong method")).await;
}
