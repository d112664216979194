//! Where clients connect.

use mqttkube_manifests::broker::{Certificate, Issuer, IssuerKind, Listener, Protocol, ProxyProtocol, Tls};
use mqttkube_mapping::yaml::{Cursor, Section};

use super::words::{names, optional, port, required, value};

pub(super) fn read(section: &mut Section<'_>) -> Vec<Listener> {
    match section.get("listeners") {
        Some(cursor) => cursor
            .items()
            .unwrap_or_default()
            .iter()
            .filter_map(listener)
            .collect(),
        None => section.missing("listeners").unwrap_or_default(),
    }
}

fn listener(cursor: &Cursor<'_>) -> Option<Listener> {
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
    Some(Listener {
        name: name?,
        port: number?,
        protocol: protocol?,
        tls,
        proxy_protocol,
        anonymous,
        max_connections,
    })
}

fn proxy(cursor: &Cursor<'_>) -> Option<ProxyProtocol> {
    let number: u8 = cursor.read()?;
    ProxyProtocol::try_from(number)
        .map_err(|error| {
            cursor.error_with_help(error, "write 1: health checks of HAProxy do not work with 2");
        })
        .ok()
}

/// `{issuer, hosts}` or `{secret}`.
pub(super) fn tls(cursor: &Cursor<'_>) -> Option<Tls> {
    let mut section = cursor.section("the section tls")?;
    let issuer = value(&mut section, "issuer").map(|issuer| self::issuer(&issuer));
    let hosts = names(&mut section, "hosts");
    let secret = section.has("secret").then(|| optional(&mut section, "secret"));
    let _known = section.get("secret");
    let only_1_3 = section.or("only-1.3", false);
    let with_hosts = section.has("hosts");
    section.finish();
    let help = "write `issuer: {name: ..., kind: ClusterIssuer}` for a certificate of cert-manager, or `secret: NAME`";
    let certificate = match (issuer, secret) {
        (Some(issuer), None) => Certificate::Issued {
            issuer: issuer?,
            hosts,
        },
        (None, Some(_)) if with_hosts => {
            cursor
                .error("`hosts` are for a certificate that is made; one in a `secret` has its names already");
            return None;
        }
        (None, Some(secret)) => Certificate::Existing { secret: secret? },
        (None, None) => {
            cursor.error_with_help("tls does not say whose certificate is shown", help);
            return None;
        }
        (Some(_), Some(_)) => {
            cursor.error("tls has either `issuer` or `secret`");
            return None;
        }
    };
    Some(Tls {
        certificate,
        only_1_3,
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
