//! Reading the section `mqtt`, all mistakes at once.

use std::fmt;
use std::net::IpAddr;

use mqttkube_mapping::yaml::{Content, Cursor, Duration, FromNode, Section, Size};

use super::{AvailabilitySpec, MqttSpec};
use crate::event::Version;
use crate::options::Transport;
use crate::tls::{Tls, TlsVersion};

impl FromNode for MqttSpec {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        let mut section = cursor.section("the section mqtt")?;
        let spec = Self::read_keys(&mut section);
        section.finish();
        spec
    }
}

impl MqttSpec {
    /// Reads the keys of the section out of one that may have others too; whoever calls ends it with
    /// [`Section::finish`].
    pub fn read_keys(section: &mut Section<'_>) -> Option<Self> {
        let default = Self::default();
        let mut spec = Self {
            host: section.or("host", default.host),
            port: section.optional("port"),
            client_id: section.or("client-id", default.client_id),
            random_suffix: section.choice("client-id-suffix", &[("none", false), ("random", true)])?,
            topic_prefix: section.or("topic-prefix", default.topic_prefix),
            response_prefix: section.optional("response-prefix"),
            version: version(section),
            keepalive: keepalive(section).unwrap_or(default.keepalive),
            session_expiry: section.or("session-expiry", default.session_expiry),
            receive_maximum: receive_maximum(section).unwrap_or(default.receive_maximum),
            max_payload: max_payload(section).unwrap_or(default.max_payload),
            transport: transport(section),
            availability: section
                .get("availability")
                .and_then(|value| availability(&value))
                .unwrap_or_default(),
            bind: bind(section),
            ..Self::default()
        };
        auth(section, &mut spec);
        if let Some(value) = section.get("tls") {
            tls(&value, &mut spec);
        }
        if let Some(value) = section.get("properties").filter(|value| !value.node().is_null()) {
            value.warning("properties has no effect: no connect property can be set by it");
        }
        if spec.host.is_empty() {
            section.cursor().error("the host is empty");
        }
        if spec.client_id.is_empty() {
            section.cursor().error("the client-id is empty");
        }
        Some(spec)
    }
}

fn version(section: &mut Section<'_>) -> Version {
    let Some(value) = section.get("version") else {
        return Version::V5;
    };
    match &value.node().content {
        Content::Null | Content::Int(5) => Version::V5,
        Content::Text(text) if &**text == "5" => Version::V5,
        Content::Text(text) if &**text == "3.1.1" => Version::V311,
        _ => {
            value.error_with_help("unknown version of MQTT", "it is 5 or 3.1.1");
            Version::V5
        }
    }
}

fn keepalive(section: &mut Section<'_>) -> Option<Duration> {
    let value = section.get("keepalive").filter(|value| !value.node().is_null())?;
    let duration = Duration::from_node_or_seconds(&value)?;
    if !(5..=64_800).contains(&duration.get().as_secs()) {
        value.error(format!("keepalive {duration} is out of range: 5s to 18h"));
    }
    Some(duration)
}

fn receive_maximum(section: &mut Section<'_>) -> Option<u16> {
    let value = section
        .get("receive-maximum")
        .filter(|value| !value.node().is_null())?;
    let maximum = value.read()?;
    if maximum == 0 {
        value.error("receive-maximum 0 would let nothing in: 1 to 65535");
    }
    Some(maximum)
}

fn max_payload(section: &mut Section<'_>) -> Option<Size> {
    let value = section
        .get("max-payload")
        .filter(|value| !value.node().is_null())?;
    let size: Size = value.read()?;
    if size.bytes() > 255 << 20 {
        value.error(format!(
            "max-payload {size} is above what MQTT can carry: up to 255MiB"
        ));
    }
    Some(size)
}

fn transport(section: &mut Section<'_>) -> Transport {
    let websocket = section
        .choice("transport", &[("tcp", false), ("websocket", true)])
        .unwrap_or_default();
    let path = section.get("path");
    match path.filter(|path| !path.node().is_null()) {
        Some(path) if !websocket => {
            path.error_with_help(
                "path is for websocket only",
                "write \"transport: websocket\" beside it",
            );
            Transport::Tcp
        }
        Some(path) => Transport::WebSocket {
            path: path.read().unwrap_or_default(),
        },
        None if websocket => Transport::WebSocket {
            path: "/mqtt".to_owned(),
        },
        None => Transport::Tcp,
    }
}

fn availability(value: &Cursor<'_>) -> Option<AvailabilitySpec> {
    match value.node().content {
        Content::Null | Content::Bool(true) => None,
        Content::Bool(false) => Some(AvailabilitySpec::Off),
        _ => {
            let mut section = value.section("availability")?;
            let topic = section.optional("topic");
            let online = section.or("online", "online".to_owned());
            let offline = section.or("offline", "offline".to_owned());
            section.finish();
            Some(AvailabilitySpec::On {
                topic,
                online,
                offline,
            })
        }
    }
}

fn bind(section: &mut Section<'_>) -> Option<(IpAddr, u16)> {
    let address = section
        .get("bind_address")
        .filter(|value| !value.node().is_null());
    let port = section.or("bind_port", 0);
    let address = address.filter(|value| value.node().as_str() != Some(""))?;
    address.parse().map(|address| (address, port))
}

fn auth(section: &mut Section<'_>, spec: &mut MqttSpec) {
    let Some(mut auth) = section.section("auth", "the section auth") else {
        return;
    };
    let kind = auth.choice(
        "type",
        &[("none", Auth::None), ("basic", Auth::Basic), ("mtls", Auth::Mtls)],
    );
    let kind = kind.unwrap_or(Auth::None);
    let keys: &[&'static str] = match kind {
        Auth::None => &[
            "username",
            "password",
            "cafile",
            "certfile",
            "keyfile",
            "keyfile_password",
            "protocols",
        ],
        Auth::Basic => &["certfile", "keyfile", "keyfile_password", "protocols"],
        Auth::Mtls => &[],
    };
    for key in keys {
        if let Some(value) = auth.get(key) {
            value.error(format!("{key} has no place in auth of type {kind}"));
        }
    }
    if kind == Auth::Basic || (kind == Auth::Mtls && (auth.has("username") || auth.has("password"))) {
        spec.login = auth.required("username").zip(auth.required("password"));
    }
    if kind == Auth::Mtls {
        let tls = spec.tls.get_or_insert_default();
        tls.certfile = path(&mut auth, "certfile");
        tls.keyfile = path(&mut auth, "keyfile");
        tls.alpn = texts(&auth.one_or_many("protocols"));
        spec.keyfile_password = auth.optional("keyfile_password");
        check_identity(tls, auth.cursor());
    }
    if let Some(cafile) = path(&mut auth, "cafile").filter(|_| kind != Auth::None) {
        spec.tls.get_or_insert_default().cafile = Some(cafile);
    }
    auth.finish();
}

/// The key `auth.type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Auth {
    None,
    Basic,
    Mtls,
}

impl fmt::Display for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Basic => "basic",
            Self::Mtls => "mtls",
        })
    }
}

fn check_identity(tls: &Tls, cursor: &Cursor<'_>) {
    if tls.certfile.is_some() != tls.keyfile.is_some() {
        cursor.error("certfile and keyfile must be given together");
    }
}

fn tls(value: &Cursor<'_>, spec: &mut MqttSpec) {
    match value.node().content {
        Content::Null => {}
        Content::Bool(false) => {
            if spec.tls.is_some() {
                value.error("tls is off, but auth has files for it");
            }
        }
        Content::Bool(true) => {
            spec.tls.get_or_insert_default();
        }
        _ => {
            if let Some(section) = value.section("the section tls") {
                tls_section(section, spec.tls.get_or_insert_default());
            }
        }
    }
}

fn tls_section(mut section: Section<'_>, tls: &mut Tls) {
    tls.cafile = path(&mut section, "cafile").or(tls.cafile.take());
    tls.certfile = path(&mut section, "certfile").or(tls.certfile.take());
    tls.keyfile = path(&mut section, "keyfile").or(tls.keyfile.take());
    tls.server_name = section.optional("server-name");
    let alpn = texts(&section.one_or_many("alpn"));
    if !alpn.is_empty() {
        tls.alpn = alpn;
    }
    if let Some(value) = section.get("min-version").filter(|value| !value.node().is_null()) {
        tls.min_version = min_version(&value);
    }
    if let Some(value) = section.get("insecure-skip-hostname-verification") {
        tls.skip_hostname_verification = value.read().unwrap_or_default();
        if tls.skip_hostname_verification {
            value.warning("the broker's certificate is accepted for any host name");
        }
    }
    check_identity(tls, section.cursor());
    section.finish();
}

fn min_version(value: &Cursor<'_>) -> TlsVersion {
    match &value.node().content {
        Content::Float(1.2) => TlsVersion::V12,
        Content::Float(1.3) => TlsVersion::V13,
        Content::Text(text) if &**text == "1.2" => TlsVersion::V12,
        Content::Text(text) if &**text == "1.3" => TlsVersion::V13,
        _ => {
            value.error_with_help("unknown version of TLS", "it is 1.2 or 1.3");
            TlsVersion::V12
        }
    }
}

fn path(section: &mut Section<'_>, key: &'static str) -> Option<std::path::PathBuf> {
    section
        .get(key)
        .filter(|value| !value.node().is_null())?
        .file_path()
        .map(Into::into)
}

fn texts(values: &[Cursor<'_>]) -> Vec<String> {
    values.iter().filter_map(Cursor::read).collect()
}
