//! HAProxy with what we write: it takes the file, carries MQTT, fails over, comes back, and reads its files again.
//!
//! Mosquitto 2.0 does not know the PROXY header, so that it arrives is shown at a listener of the test; a real 2.0 behind
//! it counts as dead.

use std::num::NonZeroU16;
use std::process::Command;
use std::time::Duration;

use mqttkube_manifests::haproxy::{Balance, Frontend, HealthCheck, Login, Proxy, Server, Servers, Tls};
use mqttkube_manifests::name::{DnsLabel, DnsSubdomain, Port};
use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use mqttkube_tests::process::tls::Authority;
use mqttkube_tests::process::{Mosquitto, MosquittoOptions, Process, Spec, find, free_port};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const SOON: Duration = Duration::from_secs(30);
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

fn login(user: &str, password: &str) -> Options {
    Options {
        credentials: Some((user.to_owned(), password.to_owned())),
        ..Options::default()
    }
}

async fn enter(number: u16, options: Options) -> anyhow::Result<Probe> {
    Probe::connect(([127, 0, 0, 1], number).into(), options).await
}

async fn broker() -> Mosquitto {
    let options = MosquittoOptions::default()
        .user("probe", "p")
        .user("ann", "secret");
    options.start().await.unwrap()
}

/// Connects as a client until it is at a broker, and sends itself a message there.
async fn arrive(number: u16, id: &str, at: &Mosquitto) -> Probe {
    wait::until_ok(SOON, "connection to the right broker", async || {
        let options = Options {
            client_id: id.to_owned(),
            ..login("ann", "secret")
        };
        let client = enter(number, options).await?;
        anyhow::ensure!(
            at.log().contains(&format!("as {id} ")),
            "{id} is at another broker"
        );
        client.subscribe("t", 1).await?;
        client.publish(&Message::new("t", "1")).await?;
        client.wait(SOON, |messages| messages.len() == 1).await;
        Ok::<_, anyhow::Error>(client)
    })
    .await
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

#[tokio::test]
async fn a_broker_that_dies_is_failed_over_and_taken_back() {
    if lacks(&NEEDS) {
        return;
    }
    let (mut first, mut second) = (broker().await, broker().await);
    let number = free_port();
    let mut front = frontend("mqtt", number, &[("a", first.port()), ("b", second.port())]);
    front.balance = Balance::ActiveBackup;
    front.check.login = Some(Login {
        user: "probe".to_owned(),
        password: "p".into(),
    });
    let folder = tempfile::tempdir().unwrap();
    let proxy = start(&folder, vec![front]);
    proxy.answers("200").await;
    assert!(
        enter(number, login("ann", "wrong")).await.is_err(),
        "a wrong password"
    );
    assert!(enter(number, Options::default()).await.is_err(), "no password");

    let client = arrive(number, "one", &first).await;
    first.kill();
    client.ended(SOON).await;
    let client = arrive(number, "two", &second).await;
    first.start().await.unwrap();
    // The active broker is back, so the sessions at the backup are ended.
    client.ended(SOON).await;
    let client = arrive(number, "three", &first).await;

    // A broker that hangs answers no check: its connections are cut.
    first.pause();
    client.ended(SOON).await;
    let _client = arrive(number, "four", &second).await;
    second.kill();
    proxy.answers("503").await;
    first.resume();
    proxy.answers("200").await;
}

#[tokio::test]
async fn three_brokers_share_the_connections_and_those_of_a_dead_one_go_to_the_others() {
    if lacks(&NEEDS) {
        return;
    }
    let mut brokers = [broker().await, broker().await, broker().await];
    let number = free_port();
    let [a, b, c] = [&brokers[0], &brokers[1], &brokers[2]].map(Mosquitto::port);
    let mut front = frontend("mqtt", number, &[("a", a), ("b", b), ("c", c)]);
    // A refusal counts as alive, so the check needs no password.
    front.check = HealthCheck {
        any_answer: true,
        client_id: String::new(),
        login: None,
    };
    let folder = tempfile::tempdir().unwrap();
    let proxy = start(&folder, vec![front]);
    proxy.answers("200").await;
    let come = async |id: &str| {
        let options = Options {
            client_id: id.to_owned(),
            ..login("ann", "secret")
        };
        enter(number, options).await.unwrap()
    };
    let who = |broker: &Mosquitto, ids: &[&str]| {
        let log = broker.log();
        ids.iter()
            .filter(|id| log.contains(&format!(" as {id} ")))
            .count()
    };
    let ids = ["c1", "c2", "c3", "c4", "c5", "c6"];
    let mut clients = Vec::new();
    for id in ids {
        clients.push(come(id).await);
    }
    assert_eq!(brokers.each_ref().map(|broker| who(broker, &ids)), [2, 2, 2]);
    let at_a: Vec<usize> = (0..6)
        .filter(|at| brokers[0].log().contains(&format!(" as {} ", ids[*at])))
        .collect();
    brokers[0].kill();
    for at in at_a {
        clients[at].ended(SOON).await;
        clients[at] = come(&format!("again-{at}")).await;
        clients[at].subscribe("t", 1).await.unwrap();
    }
    brokers[0].start().await.unwrap();
    // It is empty, so the next ones go there as soon as it counts as alive.
    let _back = arrive(number, "back", &brokers[0]).await;
}

#[tokio::test]
async fn tls_ends_at_the_proxy_and_a_signal_brings_a_new_certificate_without_cutting_anybody() {
    if lacks(&NEEDS) {
        return;
    }
    let broker = MosquittoOptions::default().start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (Authority::new("old").unwrap(), Authority::new("new").unwrap());
    for (name, authority) in [("old.crt", &old), ("new.crt", &new)] {
        std::fs::write(folder.path().join(name), authority.certificate()).unwrap();
    }
    let show = |authority: &Authority| {
        authority
            .server(&["localhost"])
            .unwrap()
            .write(folder.path(), "tls")
            .unwrap()
            .0
    };
    let certificate = show(&old);
    let (encrypted, plain) = (free_port(), free_port());
    let mut front = frontend("mqtts", encrypted, &[("a", broker.port())]);
    front.tls = Some(Tls {
        certificate: certificate.to_str().unwrap().parse().unwrap(),
        clients: None,
    });
    let proxy = start(
        &folder,
        vec![front, frontend("mqtt", plain, &[("a", broker.port())])],
    );
    proxy.answers("200").await;
    let publish = |authority: &str| {
        let port = encrypted.to_string();
        let mut command = Command::new(find("mosquitto_pub").unwrap());
        command.args([
            "-h",
            "localhost",
            "-p",
            &port,
            "-t",
            "t",
            "-m",
            "1",
            "-q",
            "1",
            "--cafile",
        ]);
        let output = command.arg(folder.path().join(authority)).output().unwrap();
        if output.status.success() {
            Ok(())
        } else {
            Err(output)
        }
    };
    publish("old.crt").unwrap();
    assert!(
        publish("new.crt").is_err(),
        "an authority that did not sign is trusted"
    );

    let stays = enter(plain, Options::default()).await.unwrap();
    stays.subscribe("t", 1).await.unwrap();
    show(&new);
    proxy.process.hang_up();
    wait::until_ok(SOON, "new certificate", async || publish("new.crt")).await;
    // It came over the new process; the connection over the old one is still there.
    stays.wait(SOON, |messages| !messages.is_empty()).await;
    stays.publish(&Message::new("t", "mine")).await.unwrap();
    stays
        .wait(SOON, |messages| {
            messages.iter().any(|message| message.text() == "mine")
        })
        .await;
}

#[tokio::test]
async fn connections_and_checks_begin_with_the_proxy_header() {
    if lacks(&NEEDS) {
        return;
    }
    // It looks at the header and answers the CONNECT.
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let broker = listener.local_addr().unwrap().port();
    let (sent, mut seen) = tokio::sync::mpsc::unbounded_channel();
    let task = tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let sent = sent.clone();
            tokio::spawn(async move {
                let mut bytes = vec![0; 512];
                let mut length = 0;
                // Header and CONNECT may come apart.
                while !bytes[..length].windows(4).any(|four| four == b"MQTT") {
                    match stream.read(&mut bytes[length..]).await {
                        Ok(count) if count > 0 => length += count,
                        _ => return,
                    }
                }
                let header = bytes[..length]
                    .split(|byte| *byte == b'\r')
                    .next()
                    .unwrap_or_default();
                let by_check = bytes[..length].ends_with(b"hc");
                let _ = sent.send((by_check, String::from_utf8_lossy(header).into_owned()));
                let _ = stream.write_all(&[0x20, 2, 0, 0]).await;
                let _ = stream.read(&mut bytes).await;
            });
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let number = free_port();
    let mut front = frontend("mqtt", number, &[("a", broker)]);
    front.proxy_protocol = true;
    let proxy = start(&folder, vec![front]);
    proxy.answers("200").await;
    let old = MosquittoOptions::default().start().await.unwrap();
    let mut before_2_1 = frontend("mqtt", free_port(), &[("a", old.port())]);
    before_2_1.proxy_protocol = true;
    let other = tempfile::tempdir().unwrap();
    start(&other, vec![before_2_1]).answers("503").await;
    let mut client = TcpStream::connect(("127.0.0.1", number)).await.unwrap();
    let from = client.local_addr().unwrap().port();
    client
        .write_all(b"\x10\x0e\x00\x04MQTT\x04\x02\x00\x3c\x00\x02me")
        .await
        .unwrap();
    let (mut check, mut ours) = (None, None);
    while check.is_none() || ours.is_none() {
        let (by_check, header) = tokio::time::timeout(SOON, seen.recv()).await.unwrap().unwrap();
        *(if by_check { &mut check } else { &mut ours }) = Some(header);
    }
    assert!(
        check
            .as_deref()
            .is_some_and(|header| header.starts_with("PROXY ")),
        "{check:?}"
    );
    let expected = format!("PROXY TCP4 127.0.0.1 127.0.0.1 {from} {number}");
    assert_eq!(ours, Some(expected));
    task.abort();
}
