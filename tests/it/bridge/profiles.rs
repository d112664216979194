//! The bridge's file against a cloud that looks at CONNECT as the service of the profile does.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mqttkube_bridge::credential::{JwtSource, Source as _, UnixTime};
use mqttkube_bridge::spec::{self, Bridge, Secrets};
use mqttkube_mapping::yaml::SecretLookup;
use mqttkube_mqtt::connect;
use mqttkube_tests::fake_cloud::{CloudClock, CloudOptions, Door, FakeCloud};
use mqttkube_tests::process::tls::Authority;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tempfile::TempDir;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

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

/// A bridge to a service on this machine.
fn bridge(folder: &TempDir, port: u16, service: &str) -> Bridge {
    let text = format!(
        "cloud: {{host: 127.0.0.1, port: {port}, cafile: ca.pem, {service}}}\n\
         rules: [\"devices/d/messages/events/ out 1\"]\n"
    );
    spec::parse(&text, "bridge.yaml", &folder.path().to_string_lossy(), |_| ()).unwrap()
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
    let service = "profile: azure-event-grid, namespace: n, region: r, client: line-7";
    let bridge = bridge(
        &folder,
        cloud.address().port(),
        &format!("{service}, credential: {{{credential}}}"),
    );
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

/// The first bytes that a service on this machine is sent inside TLS.
async fn first_bytes(service: &str, most: usize) -> Vec<u8> {
    let (authority, folder) = (Authority::new("cloud").unwrap(), TempDir::new().unwrap());
    let identity = authority.server(&["127.0.0.1"]).unwrap();
    std::fs::write(folder.path().join("ca.pem"), authority.certificate()).unwrap();
    std::fs::write(folder.path().join("key.pem"), EC_KEY).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            vec![CertificateDer::from_pem_slice(identity.certificate.as_bytes()).unwrap()],
            PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap(),
        );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let bridge = bridge(&folder, listener.local_addr().unwrap().port(), service);
    let secrets: Secrets = Arc::new(Files);
    let rollover = bridge.rollover(&secrets);
    let session = connect(bridge.cloud_options(rollover.credentials(), &secrets).unwrap());
    let acceptor = TlsAcceptor::from(Arc::new(config.unwrap()));
    let read = async {
        let mut stream = acceptor.accept(listener.accept().await.unwrap().0).await.unwrap();
        let mut bytes = Vec::new();
        while bytes.len() < most && stream.read_buf(&mut bytes).await.unwrap() > 0 {}
        bytes
    };
    let bytes = tokio::time::timeout(DEADLINE, read).await.unwrap();
    drop(session);
    bytes
}

/// bridge.md section 3: the paths under which the services of Azure take MQTT.
#[tokio::test]
async fn the_services_of_azure_are_asked_for_a_websocket_at_their_paths() {
    let sas = "profile: azure-iot-hub, hub: h, device: d, credential: {key: AAECAwQ=}";
    let grid = "profile: azure-event-grid, namespace: n, region: r, client: c, \
                credential: {type: jwt, key: key.pem, issuer: i}";
    for (service, path) in [(sas, "/$iothub/websocket"), (grid, "/mqtt")] {
        let request = first_bytes(&format!("{service}, transport: websocket"), 32).await;
        let line = format!("GET {path} HTTP/1.1\r\n");
        assert!(
            request.starts_with(line.as_bytes()),
            "{}",
            String::from_utf8_lossy(&request)
        );
    }
}
