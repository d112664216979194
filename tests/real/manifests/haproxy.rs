//! HAProxy with what we write: it takes the file, carries MQTT, fails over, comes back, and reads its files again.

mod failover;
mod proxy_header;
mod tls;

use std::num::NonZeroU16;
use std::process::Command;

use mqttkube_manifests::haproxy::{Balance, Frontend, HealthCheck, Proxy, Server, Servers, Tls};
use mqttkube_manifests::name::{DnsLabel, DnsSubdomain, Port};
use mqttkube_tests::process::tls::Authority;
use mqttkube_tests::process::{Process, Spec, find, free_port};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::clients::SOON;

const NEEDS: [Need; 2] = [Need::Mosquitto, Need::Program("haproxy")];

struct Running {
    process: Process,
    health: u16,
}

fn port(number: u16) -> Port {
    Port::literal(number)
}

fn frontend(name: &'static str, number: u16, servers: &[(&'static str, u16)]) -> Frontend {
    let servers = servers.iter().map(|(name, number)| Server {
        name: DnsLabel::literal(name),
        host: DnsSubdomain::literal("127.0.0.1"),
        port: port(*number),
    });
    Frontend::new(
        DnsLabel::literal(name),
        port(number),
        Servers::Fixed(servers.collect()),
    )
}

/// Has HAProxy look at a configuration.
fn assert_taken(folder: &TempDir, proxy: &Proxy) {
    let path = folder.path().join("haproxy.cfg");
    std::fs::write(&path, proxy.write().unwrap()).unwrap();
    let output = Command::new(find("haproxy").unwrap())
        .arg("-c")
        .arg("-f")
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}\n{}", proxy.write().unwrap());
    // Names of a cluster are known there alone.
    let warns = |line: &&str| line.contains("WARNING") && !line.contains(": could not resolve address ");
    assert_eq!(said.lines().find(warns), None, "{said}");
}

fn start(folder: &TempDir, frontends: Vec<Frontend>) -> Running {
    let health = free_port();
    let mut proxy = Proxy::new(frontends);
    proxy.health = Some(port(health));
    proxy.max_connections = 100;
    assert_taken(folder, &proxy);
    let spec = Spec::new(find("haproxy").unwrap(), folder.path().join("haproxy.log"))
        .args(["-W", "-db", "-f"])
        .arg(folder.path().join("haproxy.cfg"));
    Running {
        process: spec.start().unwrap(),
        health,
    }
}

impl Running {
    /// Waits until `/readyz` answers with a status.
    async fn answers(&self, status: &str) {
        wait::until_ok(SOON, &format!("{status} from /readyz"), async || {
            let mut stream = TcpStream::connect(("127.0.0.1", self.health)).await?;
            stream.write_all(b"GET /readyz HTTP/1.0\r\n\r\n").await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            anyhow::ensure!(
                answer.split(' ').nth(1) == Some(status),
                "{answer}\n{}",
                self.process.tail()
            );
            Ok(())
        })
        .await;
    }
}

#[tokio::test]
async fn every_shape_is_taken_by_haproxy_without_a_warning() {
    if lacks(&NEEDS) {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new("ours").unwrap();
    let (certificate, _) = authority
        .server(&["localhost"])
        .unwrap()
        .write(folder.path(), "tls")
        .unwrap();
    std::fs::write(folder.path().join("ca.crt"), authority.certificate()).unwrap();
    let three = NonZeroU16::new(3).expect("it is not zero");
    let service = DnsSubdomain::literal("mosquitto-headless.mqtt.svc.cluster.local");
    let pods = Servers::Pods {
        set: DnsLabel::literal("mosquitto"),
        service: service.clone(),
        replicas: three,
        port: port(1884),
    };
    let records = Servers::Records {
        port_name: DnsLabel::literal("mqtt"),
        service,
        most: three,
    };
    let fixed = || frontend("mqtt", 1883, &[("a", 2001), ("b", 2002)]);
    let shapes = [
        fixed(),
        Frontend {
            servers: pods.clone(),
            balance: Balance::ActiveBackup,
            ..fixed()
        },
        Frontend {
            servers: pods,
            ..fixed()
        },
        Frontend {
            servers: records,
            ..fixed()
        },
        Frontend {
            proxy_protocol: true,
            ..fixed()
        },
        Frontend {
            check: HealthCheck {
                any_answer: true,
                client_id: String::new(),
                login: None,
            },
            ..fixed()
        },
        Frontend {
            tls: Some(Tls {
                certificate: certificate.to_str().unwrap().parse().unwrap(),
                clients: Some(folder.path().join("ca.crt").to_str().unwrap().parse().unwrap()),
            }),
            ..fixed()
        },
    ];
    for shape in shapes {
        assert_taken(&folder, &Proxy::new(vec![shape]));
    }
}
