//! The bridge's configuration file: what it says, checked and typed.
//!
//! [`load`] reads a file; everything that is wrong with it is found at once, as `file:line:column`. Rules are checked
//! against what the cloud's profile takes and against each other before anything connects, and every finding names a
//! topic that shows it. A [`Bridge`] gives the options of both MQTT sessions, the source of credentials, the same bridge
//! as a `mosquitto.conf`, and an account of what would become of a topic. Reading looks up no secret.

mod check;
mod cloud;
mod credential;
mod explain;
mod gateway;
mod mosquitto;
mod mqtt;
mod preview;
mod relay;
mod rules;
mod sidecar;
mod words;

use std::path::Path;
use std::sync::Arc;

use mqttkube_mapping::yaml::{
    self, Cursor, Diagnostic, Diagnostics, Duration, Position, SecretLookup, Section,
};
use mqttkube_mosquitto::TopicRule;
use mqttkube_mqtt::{AvailabilitySpec, Credentials, MqttSpec, Options, OptionsBuilder, OptionsError};

use crate::credential::Source;
use crate::relay::{Gateway, RelayRule, Rollover, Routes};

pub use cloud::Cloud;
pub use credential::{CredentialKind, CredentialSpec};
pub use explain::{Explanation, Outcome};
pub use gateway::Device;
pub use mosquitto::RenderError;
pub use preview::Preview;
pub use relay::{Mode, RelaySpec};
pub use rules::{Order, Retain, Rule};
pub use sidecar::SidecarSpec;

/// Where secrets are looked up; shared with what connects later.
pub type Secrets = Arc<dyn SecretLookup + Send + Sync>;

/// A configuration file in which nothing is wrong. `P` is what the program read from sections of its own.
///
/// ```
/// use mqttkube_bridge::spec;
/// use mqttkube_mosquitto::Way;
///
/// let text = "
/// cloud:
///   profile: clearblade
///   project: my-project
///   region: us-central1
///   registry: gadgets
///   device: bridge
///   credential: {key: ec_private.pem}
/// rules:
///   - {topic: events/#, direction: out, qos: 1, local-prefix: gcp/, remote-prefix: /devices/bridge/}
/// ";
/// let bridge = spec::parse(text, "bridge.yaml", "/etc/bridge", |_| ())?;
/// assert_eq!(bridge.cloud.endpoint.host, "us-central1-mqtt.clearblade.com");
/// let explanation = bridge.explain("gcp/events/door", Way::Out);
/// assert!(explanation.to_string().contains("/devices/bridge/events/door"));
///
/// let wrong = text.replace("direction: out", "direction: outwards");
/// let errors = spec::parse(&wrong, "bridge.yaml", "", |_| ()).unwrap_err().to_string();
/// assert!(errors.starts_with("bridge.yaml:10:34: error: unknown value \"outwards\""));
/// # Ok::<(), mqttkube_mapping::yaml::Diagnostics>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Bridge<P = ()> {
    /// Name of the file.
    pub file: String,
    /// The broker beside us, with what the bridge needs of its session.
    pub local: MqttSpec,
    /// The other one.
    pub cloud: Cloud,
    /// What is carried, in the order that decides names; at least one.
    pub rules: Vec<Rule>,
    /// How the native relay keeps messages.
    pub relay: RelaySpec,
    /// Devices that are attached through this one.
    pub gateway: Vec<Device>,
    /// The refresher beside a stock Mosquitto.
    pub sidecar: Option<SidecarSpec>,
    /// What the program read.
    pub program: P,
    /// Warnings and notes, in the order of the file.
    pub notes: Diagnostics,
}

/// Reads a file. See [`parse`].
///
/// # Errors
/// Everything that is wrong, all at once.
pub fn load<P>(path: &Path, program: impl FnOnce(&mut Section<'_>) -> P) -> Result<Bridge<P>, Diagnostics> {
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
/// `program` may read sections that are not about the bridge, such as `http`; every key that it asks for is known.
///
/// # Errors
/// Everything that is wrong, all at once, in the order of the file.
pub fn parse<P>(
    text: &str,
    name: &str,
    folder: &str,
    program: impl FnOnce(&mut Section<'_>) -> P,
) -> Result<Bridge<P>, Diagnostics> {
    let tree = yaml::parse(text, name, folder)?;
    let (mut bridge, notes) = tree.read(|cursor| read(&cursor, program))?;
    bridge.notes = notes;
    Ok(bridge)
}

fn read<P>(cursor: &Cursor<'_>, program: impl FnOnce(&mut Section<'_>) -> P) -> Option<Bridge<P>> {
    let mut section = cursor.section("the configuration")?;
    let local = mqtt::read_local(&mut section);
    let cloud = match section.get("cloud") {
        Some(value) => value.section("the section cloud").and_then(cloud::read),
        None => section.missing("cloud"),
    };
    let gateway = gateway::read(&mut section, cloud.as_ref());
    let cloud = cloud.map(|cloud| cloud.with_devices(&gateway));
    let rules = rules::read(&mut section);
    let relay = relay::read(&mut section);
    let sidecar = section
        .section("sidecar", "the section sidecar")
        .map(sidecar::read);
    let program = program(&mut section);
    section.finish();
    let (local, cloud, rules) = (local?, cloud?, rules?);
    check::check(&rules, &cloud, &relay);
    Some(Bridge {
        file: cursor.file().to_owned(),
        local,
        cloud,
        rules: rules.list.into_iter().map(|(_, rule)| rule).collect(),
        relay,
        gateway,
        sidecar,
        program,
        notes: Diagnostics::default(),
    })
}

impl<P> Bridge<P> {
    /// The rules as Mosquitto knows them, at the QoS that is carried (2 as 1).
    #[must_use]
    pub fn topic_rules(&self) -> Vec<TopicRule> {
        self.rules.iter().map(Rule::carried).collect()
    }

    /// The session at the local broker.
    ///
    /// # Errors
    /// What cannot work, and a key password that cannot be found.
    pub fn local_options(&self, secrets: &Secrets) -> Result<Options, OptionsError> {
        self.local.options(Arc::clone(secrets))
    }

    /// A session at the local broker for the refresher, which only looks: beside that of the bridge, and without a trace.
    ///
    /// # Errors
    /// As [`Bridge::local_options`].
    pub fn watcher_options(&self, secrets: &Secrets) -> Result<Options, OptionsError> {
        let mut local = self.local.clone();
        local.client_id += "-refresher";
        local.session_expiry = Duration::from_secs(0);
        local.availability = AvailabilitySpec::Off;
        local.options(Arc::clone(secrets))
    }

    /// The session at the cloud. `credentials` are asked at every connection; see [`Bridge::source`].
    ///
    /// # Errors
    /// What cannot work, and a key password that cannot be found.
    pub fn cloud_options(
        &self,
        credentials: Credentials,
        secrets: &Secrets,
    ) -> Result<Options, OptionsError> {
        self.cloud_builder(credentials, secrets)?.build()
    }

    /// The same before it is checked, for a gateway's [`Gateway::opening`].
    ///
    /// # Errors
    /// A key password that cannot be found.
    pub fn cloud_builder(
        &self,
        credentials: Credentials,
        secrets: &Secrets,
    ) -> Result<OptionsBuilder, OptionsError> {
        let mut builder = self
            .cloud
            .mqtt
            .builder(Arc::clone(secrets))?
            .credentials(credentials);
        if let Some(most) = self.cloud.endpoint.limits.max_packet {
            builder = builder.max_publish(usize::try_from(most).unwrap_or(usize::MAX));
        }
        Ok(builder)
    }

    /// The rules with what the cloud's service takes.
    #[must_use]
    pub fn routes(&self) -> Routes {
        let rules = self.rules.iter().map(|rule| RelayRule {
            rule: rule.carried(),
            keeps_retain: rule.retain == Retain::Keep,
            strict: rule.order == Order::Strict,
        });
        Routes::with(rules.collect(), self.cloud.endpoint.limits.clone())
    }

    /// The devices behind this one, if it is a gateway.
    #[must_use]
    pub fn attached(&self, secrets: &Secrets) -> Option<Gateway> {
        if self.gateway.is_empty() {
            return None;
        }
        let lifetime = match self.cloud.credential.kind {
            CredentialKind::Jwt { lifetime, .. } => lifetime,
            _ => 3_600,
        };
        let endpoint = &self.cloud.endpoint;
        let devices = self
            .gateway
            .iter()
            .map(|device| (device.id.clone(), device.source(endpoint, lifetime, secrets)));
        Some(Gateway::new(
            &self.cloud.values.device,
            devices.collect(),
            self.cloud.credential.schedule,
        ))
    }

    /// The cloud's credentials, renewed as the file says; for [`Bridge::cloud_options`].
    #[must_use]
    pub fn rollover(&self, secrets: &Secrets) -> Rollover {
        let credential = &self.cloud.credential;
        Rollover::new(self.source(secrets), credential.schedule).showing(credential.shown)
    }

    /// What issues the cloud's credentials. Keys and tokens are looked up at every issue, so that new ones are found.
    #[must_use]
    pub fn source(&self, secrets: &Secrets) -> Box<dyn Source> {
        self.cloud.credential.source(&self.cloud.endpoint, secrets)
    }
}
