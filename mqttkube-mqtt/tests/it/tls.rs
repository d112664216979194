//! TLS with certificates made on the spot: a TLS front before the embedded broker.

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use mqttkube_mqtt::{Event, OptionsError, Password, Tls, TlsVersion, Warning};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use tempfile::TempDir;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::support::embedded::Embedded;
use crate::support::{Watched, quick};

/// An authority with its files: `ca.pem`, and what it issues.
struct Authority {
    folder: TempDir,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).expect("no names");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("ca.pem"), issuer.pem()).expect("a file");
        Self { folder, issuer }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    /// Writes `NAME.pem` and `NAME.key` for these host names.
    fn issue(&self, name: &str, hosts: &[&str]) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
        let names: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(names).expect("host names");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        std::fs::write(self.path(&format!("{name}.pem")), certificate.pem()).expect("a file");
        std::fs::write(self.path(&format!("{name}.key")), key.serialize_pem()).expect("a file");
        (
            certificate.der().clone(),
            PrivateKeyDer::try_from(key.serialize_der()).expect("PKCS#8"),
        )
    }

    fn tls(&self) -> Tls {
        Tls {
            cafile: Some(self.path("ca.pem")),
            ..Tls::default()
        }
    }
}

/// Ends TLS and passes the bytes on; returns its port. It lives as long as the set.
async fn front(
    broker: u16,
    authority: &Authority,
    hosts: &[&str],
    client_auth: bool,
    tasks: &mut JoinSet<()>,
) -> u16 {
    let (certificate, key) = authority.issue("server", hosts);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .expect("known versions");
    let builder = if client_auth {
        let mut roots = RootCertStore::empty();
        roots.add(authority.issuer.der().clone()).expect("a certificate");
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
        builder.with_client_cert_verifier(verifier.expect("a verifier"))
    } else {
        builder.with_no_client_auth()
    };
    let mut config = builder.with_single_cert(vec![certificate], key).expect("a pair");
    config.alpn_protocols = vec![b"mqtt".to_vec()];
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    tasks.spawn(async move {
        let mut open = JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            open.spawn(async move {
                let Ok(mut near) = acceptor.accept(stream).await else {
                    return;
                };
                let Ok(mut far) = TcpStream::connect(("127.0.0.1", broker)).await else {
                    return;
                };
                // Either side may end it.
                let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
            });
        }
    });
    port
}

/// Connects with these settings; gives the reason when that fails.
async fn check(tls: Tls, hosts: &[&str], client_auth: bool, authority: &Authority) -> Result<(), String> {
    let broker = Embedded::start().await;
    let mut tasks = JoinSet::new();
    let port = front(broker.port, authority, hosts, client_auth, &mut tasks).await;
    let mut session = Watched::start(quick(port, "tls").tls(tls));
    let result = session
        .until("connection or its failure", |event| match event {
            Event::Online { .. } => Some(Ok(())),
            Event::Offline { reason, .. } => Some(Err(reason)),
            _ => None,
        })
        .await;
    session.client.close(Duration::ZERO).await;
    broker.stop().await;
    result
}

#[tokio::test]
async fn a_certificate_for_the_host_is_accepted_and_one_for_another_host_is_not() {
    let authority = Authority::new();
    assert_eq!(
        check(authority.tls(), &["127.0.0.1"], false, &authority).await,
        Ok(())
    );
    let refused = check(authority.tls(), &["other.example"], false, &authority)
        .await
        .expect_err("the name differs");
    assert!(refused.contains("not valid for name"), "{refused}");
}

#[tokio::test]
async fn an_unknown_authority_is_refused() {
    let (known, unknown) = (Authority::new(), Authority::new());
    let refused = check(known.tls(), &["127.0.0.1"], false, &unknown)
        .await
        .expect_err("unknown issuer");
    assert!(
        refused.contains("UnknownIssuer") || refused.contains("BadSignature"),
        "{refused}"
    );
}

#[tokio::test]
async fn the_server_name_can_differ_from_the_host_and_alpn_is_offered() {
    let authority = Authority::new();
    let tls = Tls {
        server_name: Some("broker.example".into()),
        alpn: vec!["mqtt".into()],
        min_version: TlsVersion::V13,
        ..authority.tls()
    };
    assert_eq!(
        check(tls.clone(), &["broker.example"], false, &authority).await,
        Ok(())
    );
    let refused = check(
        Tls {
            alpn: vec!["h2".into()],
            ..tls
        },
        &["broker.example"],
        false,
        &authority,
    )
    .await;
    assert!(
        refused
            .expect_err("no common protocol")
            .contains("NoApplicationProtocol")
    );
}

#[tokio::test]
async fn skipping_the_host_name_still_checks_the_issuer_and_is_told() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    let tls = Tls {
        skip_hostname_verification: true,
        ..authority.tls()
    };
    assert_eq!(
        check(tls.clone(), &["other.example"], false, &authority).await,
        Ok(())
    );
    assert!(
        check(tls.clone(), &["other.example"], false, &stranger)
            .await
            .is_err()
    );
    let mut session = Watched::start(quick(1, "told").tls(tls));
    assert_eq!(session.warning().await, Warning::HostnameNotVerified);
    assert!(session.client.status().hostname_not_verified);
    session.client.close(Duration::ZERO).await;
}

#[tokio::test]
async fn mutual_tls_takes_keys_of_every_form() {
    let authority = Authority::new();
    authority.issue("client", &["client"]);
    let (plain, sec1) = (authority.path("client.key"), authority.path("sec1.key"));
    let encrypted = authority.path("encrypted.key");
    openssl(&["pkey", "-in", text(&plain), "-traditional", "-out", text(&sec1)]);
    let opened = [
        "pkcs8",
        "-topk8",
        "-v2",
        "aes-256-cbc",
        "-passout",
        "pass:swordfish",
        "-in",
        text(&plain),
        "-out",
    ];
    openssl(&[&opened[..], &[text(&encrypted)]].concat());
    for (key, password) in [
        (&plain, None),
        (&sec1, None),
        (&encrypted, Some(Password::new("swordfish"))),
    ] {
        let tls = Tls {
            certfile: Some(authority.path("client.pem")),
            keyfile: Some(key.clone()),
            key_password: password,
            ..authority.tls()
        };
        assert_eq!(
            check(tls, &["127.0.0.1"], true, &authority).await,
            Ok(()),
            "{}",
            key.display()
        );
    }
    let without = check(authority.tls(), &["127.0.0.1"], true, &authority).await;
    assert!(
        without
            .expect_err("no certificate")
            .contains("CertificateRequired")
    );

    let wrong = |password| Tls {
        certfile: Some(authority.path("client.pem")),
        keyfile: Some(encrypted.clone()),
        key_password: password,
        ..authority.tls()
    };
    refuses(&wrong(Some(Password::new("catfish"))), "the password is wrong");
    refuses(&wrong(None), "is encrypted, and no password is given");
}

#[test]
fn files_that_cannot_be_used_are_refused_when_the_options_are_built() {
    let authority = Authority::new();
    authority.issue("client", &["client"]);
    let half = Tls {
        certfile: Some(authority.path("client.pem")),
        ..authority.tls()
    };
    refuses(&half, "a client certificate and its key must be given together");
    refuses(
        &Tls {
            cafile: Some("/does/not/exist.pem".into()),
            ..Tls::default()
        },
        "cannot read /does/not/exist.pem",
    );
    refuses(
        &Tls {
            cafile: Some(authority.path("client.key")),
            ..Tls::default()
        },
        "holds no certificate in PEM form",
    );
    let old = authority.path("old.key");
    std::fs::write(&old, "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n").expect("a file");
    let tls = Tls {
        certfile: Some(authority.path("client.pem")),
        keyfile: Some(old),
        ..authority.tls()
    };
    refuses(&tls, "convert it with: openssl pkcs8 -topk8");
}

#[tokio::test]
async fn rotated_files_are_used_at_the_next_connection_and_broken_ones_are_not() {
    let (first, second) = (Authority::new(), Authority::new());
    let broker = Embedded::start().await;
    let mut tasks = JoinSet::new();
    let port = front(broker.port, &second, &["127.0.0.1"], false, &mut tasks).await;
    let mut session = Watched::start(quick(port, "rotated").tls(first.tls()));
    session.offline().await;
    std::fs::write(first.path("ca.pem"), second.issuer.pem()).expect("a file");
    session.online().await;
    std::fs::write(first.path("ca.pem"), "half a fi").expect("a file");
    // Ending the front ends the connection; a new one on the same port cannot be had, so the warning is what counts.
    tasks.shutdown().await;
    assert!(matches!(session.warning().await, Warning::StaleTls { .. }));
    session.client.close(Duration::ZERO).await;
    broker.stop().await;
}

#[track_caller]
fn refuses(tls: &Tls, expected: &str) {
    match quick(1, "never").tls(tls.clone()).build() {
        Err(OptionsError::Tls(error)) => assert!(error.to_string().contains(expected), "{error}"),
        other => panic!("{other:?}"),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}

#[track_caller]
fn openssl(arguments: &[&str]) {
    let output = Command::new("openssl")
        .args(arguments)
        .output()
        .expect("openssl is installed");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
