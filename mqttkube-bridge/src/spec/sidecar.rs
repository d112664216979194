//! The section `sidecar`: the refresher beside a stock Mosquitto.

use std::path::PathBuf;

use mqttkube_mapping::yaml::{Content, Cursor, FromNode, Section};
use mqttkube_mosquitto::Version;
use mqttkube_mosquitto::setting::Text;

use super::words::path;
use super::{Bridge, RenderError};
use crate::sidecar::{Broker, Options, Reload, TemplateText, Values};

/// How the refresher and its broker work together.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SidecarSpec {
    /// A file with placeholders; without one the configuration is generated from the rules.
    pub template: Option<PathBuf>,
    /// Where the broker reads its configuration.
    pub output: PathBuf,
    /// The folder where the broker keeps its sessions, as the broker sees it.
    pub persistence: Text,
    /// How the broker is told.
    pub reload: Reload,
    /// Which Mosquitto a generated configuration is for.
    pub mosquitto: Version,
}

impl Default for SidecarSpec {
    fn default() -> Self {
        Self {
            template: None,
            output: "/mosquitto/config/mosquitto.conf".into(),
            persistence: Text::new("/mosquitto/data/").expect("it is one line"),
            reload: Reload::Terminate(Broker::Program("mosquitto".to_owned())),
            mosquitto: Version::V2_0,
        }
    }
}

/// The folder of a database: absolute, with the slash that Mosquitto does not add.
struct Folder(Text);

impl FromNode for Folder {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        let text = cursor.text()?;
        if !text.starts_with('/') {
            cursor.error_with_help(
                format!("{text:?} is no folder that a broker can find"),
                "write an absolute path, as the broker sees it",
            );
            return None;
        }
        let slash = if text.ends_with('/') { "" } else { "/" };
        match Text::new(format!("{text}{slash}")) {
            Ok(text) => Some(Self(text)),
            Err(error) => {
                cursor.error(error.to_string());
                None
            }
        }
    }
}

/// A version written as text or as the number that it looks like.
struct Line(Version);

impl FromNode for Line {
    fn from_node(cursor: &Cursor<'_>) -> Option<Self> {
        let version = match &cursor.node().content {
            Content::Float(number) => format!("{number:.1}").parse(),
            _ => cursor.text()?.parse(),
        };
        version
            .map(Self)
            .map_err(|error: mqttkube_mosquitto::UnknownVersion| cursor.error(error.to_string()))
            .ok()
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Method {
    Terminate,
    Command,
}

pub(super) fn read(mut section: Section<'_>) -> SidecarSpec {
    let default = SidecarSpec::default();
    let spec = SidecarSpec {
        template: path(&mut section, "template"),
        output: path(&mut section, "output").unwrap_or(default.output),
        persistence: section
            .optional("persistence")
            .map_or(default.persistence, |folder: Folder| folder.0),
        reload: reload(&mut section),
        mosquitto: section
            .optional("mosquitto")
            .map_or(default.mosquitto, |line: Line| line.0),
    };
    section.finish();
    spec
}

fn reload(section: &mut Section<'_>) -> Reload {
    let method = match section.get("reload") {
        Some(value)
            if value
                .node()
                .as_str()
                .is_some_and(|text| text.eq_ignore_ascii_case("sighup")) =>
        {
            value.error_with_help(
                "SIGHUP does not bring a new password to a bridge: Mosquitto 2.0 ignores it, 2.1 throws the queue away",
                "write sigterm, or command",
            );
            None
        }
        Some(value) => value.choice(&[("sigterm", Method::Terminate), ("command", Method::Command)]),
        None => Some(Method::Terminate),
    };
    let pid_file = path(section, "pid-file");
    let process: Option<String> = section.optional("process");
    let words = section.one_or_many("command");
    let words: Vec<String> = words.iter().filter_map(Cursor::read).collect();
    if pid_file.is_some() && process.is_some() {
        section
            .cursor()
            .error("pid-file and process both say how the broker is found; keep one of them");
    }
    match method {
        Some(Method::Command) if words.is_empty() => {
            section.missing::<()>("command");
        }
        Some(Method::Terminate) if !words.is_empty() => {
            section
                .cursor()
                .error("a command is there, but reload is sigterm");
        }
        Some(Method::Command) => return Reload::Command(words),
        _ => {}
    }
    Reload::Terminate(match (pid_file, process) {
        (Some(path), _) => Broker::PidFile(path),
        (None, process) => Broker::Program(process.unwrap_or_else(|| "mosquitto".to_owned())),
    })
}

impl<P> Bridge<P> {
    /// What the refresher works with, but for a session at the broker; the defaults where the file has no section
    /// `sidecar`.
    ///
    /// # Errors
    /// When there is no template and none can be generated.
    pub fn refresher(&self) -> Result<Options, RenderError> {
        let spec = self.sidecar.clone().unwrap_or_default();
        let generated = spec.template.is_none();
        let template = match spec.template {
            Some(path) => TemplateText::File(path),
            None => TemplateText::Text(self.mosquitto_conf(spec.mosquitto)?),
        };
        Ok(Options {
            values: if generated {
                Values::unchanged()
            } else {
                self.cloud.values.clone()
            },
            template,
            output: spec.output,
            reload: spec.reload,
            schedule: self.cloud.credential.schedule,
            broker: None,
        })
    }
}
