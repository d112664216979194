//! The configuration of HAProxy as text, and what it refuses.

use std::num::NonZeroU16;

use mqttkube_manifests::haproxy::{
    Balance, Frontend, HealthCheck, Login, Proxy, Reload, Server, Servers, Tls, reload,
};
use mqttkube_manifests::name::{AbsolutePath, DnsLabel, DnsSubdomain, Port};

const THREE: NonZeroU16 = NonZeroU16::new(3).expect("it is not zero");
const HEADLESS: DnsSubdomain = DnsSubdomain::literal("mosquitto-headless.mqtt.svc.cluster.local");

fn fixed() -> Servers {
    let server = |name: &'static str, port| Server {
        name: DnsLabel::literal(name),
        host: DnsSubdomain::literal("127.0.0.1"),
        port: Port::literal(port),
    };
    Servers::Fixed(vec![server("a", 2001), server("b", 2002)])
}

fn pods() -> Servers {
    Servers::Pods {
        set: DnsLabel::literal("mosquitto"),
        service: HEADLESS,
        replicas: THREE,
        port: Port::literal(1884),
    }
}

fn records() -> Servers {
    Servers::Records {
        port_name: DnsLabel::literal("mqtt"),
        service: HEADLESS,
        most: THREE,
    }
}

fn frontend(servers: Servers) -> Frontend {
    Frontend::new(DnsLabel::literal("mqtt"), Port::literal(1883), servers)
}

/// Checks that the text of a frontend has lines, and has not others.
fn check(frontend: Frontend, has: &[&str], has_not: &[&str]) {
    let text = Proxy::new(vec![frontend]).write().expect("it is right");
    let lines: Vec<_> = text.lines().map(str::trim).collect();
    for line in has {
        assert!(lines.contains(line), "`{line}` is not in\n{text}");
    }
    for part in has_not {
        assert!(!text.contains(part), "`{part}` is in\n{text}");
    }
}

#[test]
fn equal_brokers_are_checked_by_a_connect_and_cut_when_they_are_down() {
    check(
        frontend(fixed()),
        &[
            "mode tcp",
            "timeout client 120s",
            "timeout server 120s",
            "option tcp-check",
            "tcp-check send-binary 100e00044d5154540402000500026863",
            "tcp-check expect rbinary ^20020000",
            "tcp-check send-binary e000",
            "balance leastconn",
            "server a 127.0.0.1:2001",
            "server b 127.0.0.1:2002",
            "default-server check inter 2s fall 2 rise 2 on-marked-down shutdown-sessions init-addr last,libc,none",
        ],
        &["resolvers", "send-proxy", " ssl "],
    );
}

#[test]
fn the_pods_of_a_cluster_with_a_leader_are_one_active_and_backups() {
    check(
        Frontend {
            balance: Balance::ActiveBackup,
            ..frontend(pods())
        },
        &[
            "balance first",
            "resolvers cluster",
            "parse-resolv-conf",
            "server mosquitto-0 mosquitto-0.mosquitto-headless.mqtt.svc.cluster.local:1884 on-marked-up shutdown-backup-sessions",
            "server mosquitto-1 mosquitto-1.mosquitto-headless.mqtt.svc.cluster.local:1884 backup",
            "server mosquitto-2 mosquitto-2.mosquitto-headless.mqtt.svc.cluster.local:1884 backup",
        ],
        &["leastconn"],
    );
}

#[test]
fn records_of_a_headless_service_are_a_template() {
    let line = "server-template broker- 3 _mqtt._tcp.mosquitto-headless.mqtt.svc.cluster.local";
    check(frontend(records()), &[line], &["backup"]);
}

#[test]
fn the_proxy_header_is_sent_by_checks_too_and_only_in_version_1() {
    check(
        Frontend {
            proxy_protocol: true,
            ..frontend(fixed())
        },
        &["tcp-check connect send-proxy"],
        &["send-proxy-v2"],
    );
}

#[test]
fn tls_ends_at_the_proxy_with_the_files_of_a_secret() {
    let tls = Tls {
        certificate: AbsolutePath::literal("/tls/tls.crt"),
        clients: Some(AbsolutePath::literal("/tls/ca.crt")),
    };
    check(
        Frontend {
            tls: Some(tls),
            ..frontend(fixed())
        },
        &[
            "bind :1883 ssl crt /tls/tls.crt ca-file /tls/ca.crt verify required",
            "ssl-load-extra-del-ext",
            "ssl-default-bind-options ssl-min-ver TLSv1.2 no-tls-tickets",
        ],
        &["insecure", "verify none"],
    );
}

#[test]
fn a_login_for_checks_makes_the_configuration_a_secret_and_debug_hides_it() {
    let login = Login {
        user: "probe".to_owned(),
        password: "s3cret".into(),
    };
    let mut front = frontend(fixed());
    front.check.login = Some(login);
    let proxy = Proxy::new(vec![front]);
    assert!(proxy.holds_secrets());
    assert!(!format!("{proxy:?}").contains("s3cret"));
    let text = proxy.write().expect("it is right");
    assert!(
        text.contains("04c2000500026863000570726f62650006733363726574"),
        "{text}"
    );
}

#[test]
fn a_refusal_may_count_as_alive() {
    let check_only = HealthCheck {
        any_answer: true,
        ..HealthCheck::default()
    };
    let front = Frontend {
        check: check_only,
        ..frontend(fixed())
    };
    check(front, &["tcp-check expect rbinary ^2002"], &["^20020000"]);
}

#[test]
fn readiness_needs_a_living_broker_for_every_frontend() {
    let line = "http-request return status 503 if { path /readyz } { nbsrv(mqtt-brokers) eq 0 }";
    check(
        frontend(fixed()),
        &[line, "http-request return status 200 if { path /livez }"],
        &[],
    );
}

#[test]
fn the_timeout_is_above_one_and_a_half_keepalives() {
    for seconds in [1, 60, 300, u16::MAX] {
        let mut proxy = Proxy::new(vec![frontend(fixed())]);
        proxy.keepalive = NonZeroU16::new(seconds).expect("it is not zero");
        assert!(f64::from(proxy.timeout()) > f64::from(seconds) * 1.5, "{seconds}");
    }
}

#[test]
fn what_haproxy_would_not_take_is_refused() {
    let refused = |frontends: Vec<Frontend>| {
        let error = Proxy::new(frontends).write().expect_err("it is wrong");
        error.to_string()
    };
    assert_eq!(refused(Vec::new()), "the proxy has no frontend");
    let front = || frontend(fixed());
    assert_eq!(
        refused(vec![front(), front()]),
        "the frontend `mqtt` is there twice"
    );
    let other = Frontend {
        name: DnsLabel::literal("other"),
        ..front()
    };
    assert_eq!(refused(vec![front(), other]), "the port 1883 of `other` is taken");
    assert_eq!(
        refused(vec![frontend(Servers::Fixed(Vec::new()))]),
        "the frontend `mqtt` has no servers"
    );
    let unordered = Frontend {
        balance: Balance::ActiveBackup,
        ..frontend(records())
    };
    assert_eq!(
        refused(vec![unordered]),
        "the frontend `mqtt` needs an active server, and SRV records have no order; name the pods"
    );
    let low = Frontend {
        port: Port::literal(443),
        ..front()
    };
    assert_eq!(
        refused(vec![low]),
        "the port 443 of `mqtt` is below 1024, where only root may listen; use the Service to map it"
    );
}

#[test]
fn a_change_needs_a_signal_or_new_pods() {
    let old = Proxy::new(vec![frontend(fixed())]);
    assert_eq!(reload(&old, &old), Reload::Nothing);
    let mut keepalive = old.clone();
    keepalive.keepalive = THREE;
    assert_eq!(reload(&old, &keepalive), Reload::Signal);
    let mut servers = old.clone();
    servers.frontends[0].servers = pods();
    assert_eq!(reload(&old, &servers), Reload::Signal);
    let mut health = old.clone();
    health.health = None;
    assert!(matches!(reload(&old, &health), Reload::Roll(_)));
    let mut tls = old.clone();
    let certificate = AbsolutePath::literal("/tls/tls.crt");
    tls.frontends[0].tls = Some(Tls {
        certificate,
        clients: None,
    });
    assert!(matches!(reload(&old, &tls), Reload::Roll(_)));
    assert_eq!(reload(&tls, &old), Reload::Signal);
}
