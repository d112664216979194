//! The section `mqtt` of a configuration file.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::Arc;

use mqttkube_mapping::yaml::{Duration, Secret, SecretLookup, Size};
use mqttkube_mapping::{Topic, TopicPrefix};

use crate::credentials::{Credentials, Login, Password};
use crate::error::OptionsError;
use crate::event::Version;
use crate::options::{Availability, Options, OptionsBuilder, Transport};
use crate::tls::Tls;

mod read;

/// The section `mqtt` as a person writes it, read with all its mistakes reported at their place. Everything has a
/// default, so an absent section is `MqttSpec::default()`.
///
/// ```
/// use mqttkube_mapping::yaml;
/// use mqttkube_mqtt::MqttSpec;
///
/// let tree = yaml::parse("host: broker.home\nkeepalive: 20\n", "home.yaml", "")?;
/// let (spec, _) = tree.read(|cursor| cursor.read::<MqttSpec>())?;
/// assert_eq!((spec.host.as_str(), spec.client_id.as_str()), ("broker.home", "mqtt-kube"));
///
/// let wrong = yaml::parse("hots: broker.home\n", "home.yaml", "")?;
/// let errors = wrong.read(|cursor| cursor.read::<MqttSpec>()).map(|_| ()).unwrap_err();
/// assert_eq!(
///     errors.to_string(),
///     "home.yaml:1:1: error: unknown key \"hots\" in the section mqtt; did you mean \"host\"?"
/// );
/// # Ok::<(), yaml::Diagnostics>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MqttSpec {
    /// Broker; default 127.0.0.1.
    pub host: String,
    /// Default: 1883, with TLS 8883.
    pub port: Option<u16>,
    /// Default: `mqtt-kube`.
    pub client_id: String,
    /// Append 24 random hexadecimal digits to the client id; the session is clean then.
    pub random_suffix: bool,
    /// Joined before every topic; default empty.
    pub topic_prefix: TopicPrefix,
    /// Where response topics may lie; default: under the topic prefix.
    pub response_prefix: Option<TopicPrefix>,
    /// Default: 5.
    pub version: Version,
    /// Default: 60 s.
    pub keepalive: Duration,
    /// Default: 1 h; 0 is a clean session.
    pub session_expiry: Duration,
    /// Default: 100.
    pub receive_maximum: u16,
    /// Default: 256 KiB.
    pub max_payload: Size,
    /// Default: TCP.
    pub transport: Transport,
    /// User name and password, where `auth.type` is `basic`.
    pub login: Option<(String, Secret)>,
    /// TLS settings but for the key's password.
    pub tls: Option<Tls>,
    /// Opens the client's key.
    pub keyfile_password: Option<Secret>,
    /// Default: on.
    pub availability: AvailabilitySpec,
    /// Local address and port to connect from.
    pub bind: Option<(IpAddr, u16)>,
}

/// The key `availability`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AvailabilitySpec {
    /// `false`: none.
    Off,
    /// On, with what was written.
    On {
        /// Default: the client id and `/status`. The topic prefix comes before it.
        topic: Option<Topic>,
        /// Default: `online`.
        online: String,
        /// Default: `offline`.
        offline: String,
    },
}

impl Default for AvailabilitySpec {
    fn default() -> Self {
        Self::On {
            topic: None,
            online: "online".to_owned(),
            offline: "offline".to_owned(),
        }
    }
}

impl Default for MqttSpec {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".to_owned(),
            port: None,
            client_id: "mqtt-kube".to_owned(),
            random_suffix: false,
            topic_prefix: TopicPrefix::default(),
            response_prefix: None,
            version: Version::V5,
            keepalive: Duration::from_secs(60),
            session_expiry: Duration::from_secs(3600),
            receive_maximum: 100,
            max_payload: Size::from_bytes(256 * 1024),
            transport: Transport::Tcp,
            login: None,
            tls: None,
            keyfile_password: None,
            availability: AvailabilitySpec::default(),
            bind: None,
        }
    }
}

impl MqttSpec {
    /// The options that this section asks for. Secrets are looked up at every connection, the key's password now.
    ///
    /// # Errors
    /// What [`OptionsBuilder::build`](crate::OptionsBuilder::build) refuses, and a key password that cannot be found.
    pub fn options(&self, secrets: Arc<dyn SecretLookup + Send + Sync>) -> Result<Options, OptionsError> {
        self.builder(secrets)?.build()
    }

    /// The same before it is checked, for programs that set more than this section can.
    ///
    /// # Errors
    /// A key password that cannot be found.
    pub fn builder(
        &self,
        secrets: Arc<dyn SecretLookup + Send + Sync>,
    ) -> Result<OptionsBuilder, OptionsError> {
        let client_id = if self.random_suffix {
            format!("{}-{}", self.client_id, random_hex())
        } else {
            self.client_id.clone()
        };
        let expiry = if self.random_suffix {
            std::time::Duration::ZERO
        } else {
            self.session_expiry.get()
        };
        let mut builder = Options::builder(&self.host, client_id)
            .version(self.version)
            .keep_alive(self.keepalive.get())
            .session_expiry(expiry)
            .receive_maximum(self.receive_maximum)
            .max_payload(usize::try_from(self.max_payload.bytes()).unwrap_or(usize::MAX))
            .transport(self.transport.clone());
        builder.port = self.port;
        if let Some(availability) = self.availability() {
            builder = builder.availability(availability);
        }
        if let Some((address, port)) = self.bind {
            builder = builder.bind(address, port);
        }
        if let Some(mut tls) = self.tls.clone() {
            if let Some(password) = &self.keyfile_password {
                let text = password.reveal(&*secrets).map_err(OptionsError::Secret)?;
                tls.key_password = Some(Password::new(text.as_str()));
            }
            builder = builder.tls(tls);
        }
        if let Some((username, password)) = self.login.clone() {
            builder = builder.credentials(Credentials::from_fn(move || {
                let login = password
                    .reveal(&*secrets)
                    .map(|text| Login::new(username.clone(), text.as_str()));
                std::future::ready(login.map_err(Into::into))
            }));
        }
        Ok(builder)
    }

    fn availability(&self) -> Option<Availability> {
        let AvailabilitySpec::On {
            topic,
            online,
            offline,
        } = &self.availability
        else {
            return None;
        };
        let topic = topic
            .as_ref()
            .map_or_else(|| format!("{}/status", self.client_id), ToString::to_string);
        Some(Availability {
            topic: self.topic_prefix.join(&topic),
            online: online.clone().into(),
            offline: offline.clone().into(),
        })
    }
}

/// 96 random bits as the reference writes them. They only have to differ between processes.
fn random_hex() -> String {
    let [first, second] = [0, 1].map(|salt| RandomState::new().hash_one(salt));
    format!("{first:016x}{:08x}", second >> 32)
}

#[cfg(test)]
mod tests;
