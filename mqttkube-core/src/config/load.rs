//! Reading a configuration file.

use std::path::Path;
use std::time::Duration;

use mqttkube_mapping::yaml::{self, Diagnostic, Diagnostics, Position, Section};

use mqttkube_mqtt::{MqttSpec, Version};

use super::compile::{Compiled, SessionFacts};
use super::locate::diagnostic;
use super::problem::{At, Problem, SpecErrors};
use super::read::read_spec;
use super::spec::Spec;
use crate::plan::Plan;

/// A configuration file in which nothing is wrong.
#[derive(Debug)]
#[non_exhaustive]
pub struct Config<P = ()> {
    /// Name of the file.
    pub file: String,
    /// What the file says about bindings.
    pub spec: Spec,
    /// The same, compiled.
    pub plan: Plan,
    /// How the broker is reached.
    pub mqtt: MqttSpec,
    /// What bindings need to know of the MQTT session.
    pub session: SessionFacts,
    /// What the program read from sections of its own.
    pub program: P,
    /// Warnings and notes, in the order of the file.
    pub notes: Diagnostics,
}

/// Reads a file. See [`parse`].
///
/// # Errors
/// Everything that is wrong, all at once.
pub fn load<P>(path: &Path, program: impl FnOnce(&mut Section<'_>) -> P) -> Result<Config<P>, Diagnostics> {
    let name = path.display().to_string();
    let unreadable =
        |message: String| Diagnostic::error(name.as_str(), Position { line: 1, column: 1 }, message);
    let bytes =
        std::fs::read(path).map_err(|error| unreadable(format!("the file cannot be read: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("the file is not UTF-8 text".to_owned()))?;
    let folder = path.parent().unwrap_or(Path::new("")).display().to_string();
    parse(&text, &name, &folder, program)
}

/// Reads the text of a file called `name`, whose relative paths begin at `folder`.
///
/// `program` may read sections that are not about bindings, such as `http`; every key that it asks for is known.
/// What it reports through the cursor counts like anything else. Template files are read, and nothing else.
///
/// ```
/// use mqttkube_core::config;
///
/// let text = "
/// bindings:
///   - namespace: media
///     resource: Deployment
///     name: jellyfin
///     watch: {locus: status.availableReplicas, topic: jellyfin/replicas}
/// ";
/// let config = config::parse(text, "home.yaml", "", |_| ())?;
/// assert_eq!(config.plan.watches().len(), 1);
///
/// let errors = config::parse("bindigns: []", "home.yaml", "", |_| ()).unwrap_err();
/// assert!(errors.to_string().starts_with("home.yaml:1:1: error: unknown key \"bindigns\""));
/// # Ok::<(), mqttkube_mapping::yaml::Diagnostics>(())
/// ```
///
/// # Errors
/// Everything that is wrong, all at once, in the order of the file.
pub fn parse<P>(
    text: &str,
    name: &str,
    folder: &str,
    program: impl FnOnce(&mut Section<'_>) -> P,
) -> Result<Config<P>, Diagnostics> {
    let tree = yaml::parse(text, name, folder)?;
    let mut parts = None;
    let read = tree.read(|cursor| {
        let mut section = cursor.section("the configuration")?;
        let mqtt = read_mqtt(&mut section);
        let spec = read_spec(&mut section);
        let program = program(&mut section);
        section.finish();
        parts = Some((mqtt, spec, program));
        Some(())
    });
    let read = read.map_or_else(|errors| errors, |((), notes)| notes);
    let Some((mqtt, spec, program)) = parts else {
        return Err(read);
    };
    let session = SessionFacts::from(&mqtt);
    let (plan, compiled) = match spec.compile(&session) {
        Ok(Compiled { plan, warnings }) => (Some(plan), warnings),
        Err(SpecErrors(problems)) => (None, problems),
    };
    let compiled = advice(&mqtt)
        .into_iter()
        .chain(compiled)
        .map(|problem| diagnostic(problem, &tree));
    let notes: Diagnostics = read.into_iter().chain(compiled).collect();
    match plan {
        Some(plan) if !notes.has_errors() => Ok(Config {
            file: name.to_owned(),
            spec,
            plan,
            session,
            mqtt,
            program,
            notes,
        }),
        _ => Err(notes),
    }
}

fn read_mqtt(section: &mut Section<'_>) -> MqttSpec {
    let there = section.get("mqtt").filter(|mqtt| !mqtt.node().is_null());
    there.and_then(|mqtt| mqtt.read()).unwrap_or_default()
}

/// What works, but perhaps not as people think.
fn advice(mqtt: &MqttSpec) -> Vec<Problem> {
    let at = At::ROOT.key("mqtt");
    let mut advice = Vec::new();
    if mqtt
        .login
        .as_ref()
        .is_some_and(|(_, password)| password.is_literal())
    {
        let at = at.key("auth");
        let problem = at
            .key("password")
            .warning("the password stands in the file itself");
        advice.push(problem.with_help("write ${env:NAME} or ${file:PATH}"));
    }
    if mqtt.version == Version::V311 && mqtt.receive_maximum != MqttSpec::default().receive_maximum {
        let problem = at
            .key("receive-maximum")
            .warning("MQTT 3.1.1 has no receive-maximum: the broker decides");
        advice.push(problem.with_help("on Mosquitto, set max_inflight_messages"));
    }
    if mqtt.random_suffix || mqtt.session_expiry.get().is_zero() {
        let message = "the session is clean: commands that are sent while nobody is connected are lost";
        advice.push(at.warning(message));
    }
    advice
}

impl From<&MqttSpec> for SessionFacts {
    fn from(mqtt: &MqttSpec) -> Self {
        let expiry = if mqtt.random_suffix {
            Duration::ZERO
        } else {
            mqtt.session_expiry.get()
        };
        Self {
            prefix: mqtt.topic_prefix.clone(),
            response_prefix: mqtt.response_prefix.clone(),
            client_id: mqtt.client_id.clone(),
            session_expiry: expiry,
            max_payload: usize::try_from(mqtt.max_payload.bytes()).unwrap_or(usize::MAX),
            mqtt5: mqtt.version == Version::V5,
        }
    }
}
