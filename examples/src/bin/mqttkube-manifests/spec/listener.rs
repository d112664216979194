//! Where clients connect.

use mqttkube_manifests::broker::{Certificate, Issuer, IssuerKind, Listener, Protocol, ProxyProtocol, Tls};
use mqttkube_manifests::name::{HostName, PortName};
use mqttkube_manifests::scenario::node_port::Certbot;
use mqttkube_mapping::yaml::{Cursor, Section};

use super::words::{names, optional, place, port, required, value};

/// A listener whose certificate certbot makes in the pod, for these names.
#[derive(Debug)]
pub(super) struct Certified {
    pub(super) listener: PortName,
    pub(super) hosts: Vec<HostName>,
    pub(super) certbot: Certbot,
}

/// The listeners, and which one has its certificate from certbot.
pub(super) fn read(section: &mut Section<'_>) -> (Vec<Listener>, Option<Certified>) {
    let Some(cursor) = section.get("listeners") else {
        section.missing::<()>("listeners");
        return (Vec::new(), None);
    };
    let (mut listeners, mut certified) = (Vec::new(), None);
    for item in cursor.items().unwrap_or_default() {
        let Some((listener, certbot)) = self::listener(&item) else {
            continue;
        };
        if certbot.is_some() && certified.is_some() {
            item.error_with_help(
                "there is one certbot in a pod already",
                "let cert-manager make the certificates, or name a `secret`",
            );
        }
        certified = certified.or(certbot.map(|(hosts, certbot)| Certified {
            listener: listener.name.clone(),
            hosts,
            certbot,
        }));
        listeners.push(listener);
    }
    (listeners, certified)
}

/// Certbot, and the names that it asks a certificate for.
type ByCertbot = (Vec<HostName>, Certbot);

fn listener(cursor: &Cursor<'_>) -> Option<(Listener, Option<ByCertbot>)> {
    let mut section = cursor.section("a listener")?;
    let name = required(&mut section, "name");
    let number = match section.get("port") {
        Some(value) => port(&value),
        None => section.missing("port"),
    };
    let protocols = [
        ("mqtt", Protocol::Mqtt),
        ("websockets", Protocol::WebSockets),
        ("http-api", Protocol::HttpApi),
    ];
    let protocol = section.choice("protocol", &protocols);
    let tls = value(&mut section, "tls").and_then(|tls| self::tls(&tls));
    let proxy_protocol = value(&mut section, "proxy-protocol").and_then(|version| proxy(&version));
    let anonymous = section.or("anonymous", false);
    let max_connections = section.optional("max-connections");
    section.finish();
    let (tls, certbot) = tls.unzip();
    let listener = Listener {
        name: name?,
        port: number?,
        protocol: protocol?,
        tls,
        proxy_protocol,
        anonymous,
        max_connections,
    };
    Some((listener, certbot.flatten()))
}

fn proxy(cursor: &Cursor<'_>) -> Option<ProxyProtocol> {
    let number: u8 = cursor.read()?;
    ProxyProtocol::try_from(number)
        .map_err(|error| {
            cursor.error_with_help(error, "write 1: health checks of HAProxy do not work with 2");
        })
        .ok()
}

/// The certificate of something that is no broker.
pub(super) fn certificate(cursor: &Cursor<'_>) -> Option<Certificate> {
    let (tls, certbot) = tls(cursor)?;
    if certbot.is_some() {
        cursor.error("certbot is for the listeners of a Broker; write `issuer` or `secret`");
    }
    if tls.only_1_3 {
        cursor.error("`only-1.3` is for the listeners of a Broker");
    }
    Some(tls.certificate)
}

/// `{issuer, hosts}`, `{certbot, hosts}` or `{secret}`.
fn tls(cursor: &Cursor<'_>) -> Option<(Tls, Option<ByCertbot>)> {
    let mut section = cursor.section("the section tls")?;
    let issuer = value(&mut section, "issuer").map(|issuer| self::issuer(&issuer));
    let certbot = value(&mut section, "certbot").map(|certbot| self::certbot(&certbot));
    let hosts = names(&mut section, "hosts");
    let secret = section.has("secret").then(|| optional(&mut section, "secret"));
    let _known = section.get("secret");
    let only_1_3 = section.or("only-1.3", false);
    let with_hosts = section.has("hosts");
    section.finish();
    let help = "write `issuer: {name: ..., kind: ClusterIssuer}` for a certificate of cert-manager, or `secret: NAME`";
    let (certificate, certbot) = match (issuer, certbot, secret) {
        (Some(issuer), None, None) => {
            let issuer = issuer?;
            (Certificate::Issued { issuer, hosts }, None)
        }
        (None, Some(certbot), None) => {
            if !with_hosts {
                cursor.error_with_help("certbot asks for no name", "write `hosts` beside it");
            }
            (Certbot::tls().certificate, Some((hosts, certbot?)))
        }
        (None, None, Some(_)) if with_hosts => {
            cursor
                .error("`hosts` are for a certificate that is made; one in a `secret` has its names already");
            return None;
        }
        (None, None, Some(secret)) => (Certificate::Existing { secret: secret? }, None),
        (None, None, None) => {
            cursor.error_with_help("tls does not say whose certificate is shown", help);
            return None;
        }
        _ => {
            cursor.error("tls has exactly one of `issuer`, `certbot` and `secret`");
            return None;
        }
    };
    let tls = Tls {
        certificate,
        only_1_3,
    };
    Some((tls, certbot))
}

/// `{image, email, plugin, credentials}`.
fn certbot(cursor: &Cursor<'_>) -> Option<Certbot> {
    let mut section = cursor.section("the section certbot")?;
    let (image, plugin) = (required(&mut section, "image"), required(&mut section, "plugin"));
    let email = place(&mut section, "email");
    let credentials = place(&mut section, "credentials");
    section.finish();
    Some(Certbot {
        image: image?,
        email: email?,
        plugin: plugin?,
        credentials: credentials?,
    })
}

fn issuer(cursor: &Cursor<'_>) -> Option<Issuer> {
    let mut section = cursor.section("an issuer")?;
    let name = required(&mut section, "name");
    let kinds = [
        ("Issuer", IssuerKind::Issuer),
        ("ClusterIssuer", IssuerKind::ClusterIssuer),
    ];
    let kind = section.choice("kind", &kinds);
    let public = section.optional("public");
    section.finish();
    Some(Issuer {
        name: name?,
        kind: kind?,
        public,
    })
}
