//! The sections of the configuration that are about the process, not about bindings.

use std::net::IpAddr;

use mqttkube_mapping::yaml::{Cursor, Section};
use tracing::Level;

/// What the process needs to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// `None`: no listener.
    pub http: Option<HttpSettings>,
    /// What is logged, and how.
    pub logging: LoggingSettings,
}

/// The section `http`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpSettings {
    /// An address or a host name.
    pub bind: String,
    /// The TCP port; 0 lets the system choose.
    pub port: u16,
    /// Connections at once.
    pub max_connections: usize,
}

/// The section `logging`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoggingSettings {
    /// The least that is logged.
    pub level: Level,
    /// One JSON object per line.
    pub json: bool,
    /// Payloads are written out. Else only their length and a hash.
    pub payloads: bool,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            bind: "0.0.0.0".to_owned(),
            port: 8080,
            max_connections: 100,
        }
    }
}

impl Default for LoggingSettings {
    fn default() -> Self {
        Self {
            level: Level::INFO,
            json: false,
            payloads: false,
        }
    }
}

/// Reads both sections of a document. What is wrong is reported, and a default stands in for it.
pub fn read_settings(document: &mut Section<'_>) -> Settings {
    read(document, true)
}

/// The same for programs of the bridge, which never log what they carry and say so where that is asked of them.
pub fn read_bridge_settings(document: &mut Section<'_>) -> Settings {
    read(document, false)
}

fn read(document: &mut Section<'_>, shows_payloads: bool) -> Settings {
    Settings {
        http: document.section("http", "the section http").map(http),
        logging: document
            .section("logging", "the section logging")
            .map(|section| logging(section, shows_payloads))
            .unwrap_or_default(),
    }
}

fn http(mut section: Section<'_>) -> HttpSettings {
    let default = HttpSettings::default();
    let bind = section
        .get_either("bind", "host")
        .filter(|bind| !bind.node().is_null());
    let settings = HttpSettings {
        bind: bind.and_then(|bind| host(&bind)).unwrap_or(default.bind),
        port: section.or("port", default.port),
        max_connections: section.or("max-connections", default.max_connections),
    };
    section.finish();
    settings
}

fn host(cursor: &Cursor<'_>) -> Option<String> {
    let text = cursor.text()?;
    let name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
    if text.parse::<IpAddr>().is_ok() || (!text.is_empty() && text.chars().all(name)) {
        return Some(text.to_owned());
    }
    cursor.error_with_help(
        format!("{text:?} is not an address to listen on"),
        "write an address such as 0.0.0.0, and the port under `port`",
    );
    None
}

fn logging(mut section: Section<'_>, shows_payloads: bool) -> LoggingSettings {
    let default = LoggingSettings::default();
    let settings = LoggingSettings {
        level: section
            .get("level")
            .filter(|level| !level.node().is_null())
            .and_then(|level| log_level(&level))
            .unwrap_or(default.level),
        json: section
            .choice("format", &[("text", false), ("json", true)])
            .unwrap_or(default.json),
        payloads: section.or("payloads", default.payloads),
    };
    if settings.payloads
        && !shows_payloads
        && let Some(value) = section.get("payloads")
    {
        value.warning("payloads has no effect: a bridge never logs what it carries");
    }
    section.finish();
    settings
}

fn log_level(cursor: &Cursor<'_>) -> Option<Level> {
    let text = cursor.text()?;
    match text.to_ascii_uppercase().as_str() {
        "DEBUG" => Some(Level::DEBUG),
        "INFO" => Some(Level::INFO),
        "WARNING" | "WARN" => Some(Level::WARN),
        "ERROR" => Some(Level::ERROR),
        _ => {
            let help = "it is one of DEBUG, INFO, WARNING, WARN and ERROR";
            cursor.error_with_help(format!("unknown log level {text:?}"), help);
            None
        }
    }
}
