//! The section `cloud.credential`.

use std::path::PathBuf;
use std::sync::Arc;

use mqttkube_mapping::yaml::{Secret, Section};
use mqttkube_mqtt::MqttSpec;

use self::source::SpecSource;
use super::Secrets;
use super::cloud::Service;
use super::words::{Name, SecretFile, Share, lifetime, path, secret};
use crate::credential::{ScheduleOptions, Shown, Source};
use crate::endpoint::{Endpoint, Profile};

mod source;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

/// How Azure Event Grid is told whose token it is: Entra's, or of an issuer that the namespace was told of.
const METHODS: [(&str, &str); 2] = [("OAUTH2-JWT", "OAUTH2-JWT"), (CUSTOM, CUSTOM)];
const CUSTOM: &str = "CUSTOM-JWT";

/// What is shown to the service, and when it is renewed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CredentialSpec {
    /// What it is.
    pub kind: CredentialKind,
    /// Where in CONNECT it is sent.
    pub shown: Shown,
    /// When a new one is made.
    pub schedule: ScheduleOptions,
}

/// One kind of credential. Secrets are looked up when they are used, and `Debug` shows where, not what.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CredentialKind {
    /// Nothing is shown but, perhaps, a client certificate.
    None,
    /// A JSON Web Token made by us.
    Jwt {
        /// The private key as PEM.
        key: Secret,
        /// Its `aud` claim.
        audience: String,
        /// Its `iss` claim, where the service wants one; the user name is the `sub` then.
        issuer: Option<String>,
        /// Seconds.
        lifetime: u64,
    },
    /// A shared access signature of Azure IoT Hub.
    Sas {
        /// The shared key in base64.
        key: Secret,
        /// `NAME` of `NAME.azure-devices.net`.
        hub: String,
        /// The device.
        device: String,
        /// The policy whose key it is; none for a device's own.
        policy: Option<String>,
        /// Seconds.
        lifetime: u64,
    },
    /// A token that somebody else renews in a file.
    TokenFile {
        /// The file.
        token: Secret,
        /// Seconds after each look, for tokens that do not tell.
        lifetime: Option<u64>,
    },
    /// A user name and a password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// A client certificate.
    Certificate {
        /// The chain, PEM.
        certfile: PathBuf,
        /// Its key, PEM.
        keyfile: PathBuf,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    Jwt,
    Sas,
    TokenFile,
    Basic,
    Mtls,
    Authorizer,
}

const TYPES: [(&str, Type); 6] = [
    ("jwt", Type::Jwt),
    ("sas", Type::Sas),
    ("token-file", Type::TokenFile),
    ("basic", Type::Basic),
    ("mtls", Type::Mtls),
    ("authorizer", Type::Authorizer),
];

/// What a service takes, the usual one first.
const fn accepted(profile: Profile) -> &'static [Type] {
    match profile {
        Profile::ClearBlade | Profile::GoogleIotCore => &[Type::Jwt, Type::TokenFile],
        Profile::AzureIotHub => &[Type::Sas, Type::Mtls],
        Profile::AzureEventGrid => &[Type::Mtls, Type::Jwt, Type::TokenFile],
        Profile::AwsIotCore => &[Type::Mtls, Type::Authorizer],
        Profile::ThingsBoard => &[Type::Basic, Type::TokenFile, Type::Mtls],
        Profile::Emqx | Profile::HivemqCloud | Profile::Plain => {
            &[Type::Basic, Type::Jwt, Type::TokenFile, Type::Mtls]
        }
    }
}

/// Reads the key `credential` of the section `cloud`; without it, the login of the session counts.
pub(super) fn read(
    cloud: &mut Section<'_>,
    profile: Profile,
    service: Option<&Service>,
) -> Option<CredentialSpec> {
    let login = service.and_then(|service| service.mqtt.login.clone());
    let (shown, schedule) = (Shown::Password, ScheduleOptions::default());
    let Some(value) = cloud.get("credential") else {
        let kind = match login {
            Some((username, password)) => CredentialKind::Basic { username, password },
            // Brokers of one's own may let anybody in, or look at a certificate in `auth` or `tls`.
            None if profile == Profile::Plain => CredentialKind::None,
            None if service.is_some_and(|service| has_certificate(&service.mqtt)) => CredentialKind::None,
            None => return cloud.missing("credential"),
        };
        return Some(CredentialSpec {
            kind,
            shown,
            schedule,
        });
    };
    if login.is_some() {
        value.error("the session has a login in \"auth\" and a credential; keep one of them");
    }
    let mut section = value.section("the section credential")?;
    let authorizer = service.is_some_and(|service| {
        service.endpoint.profile == Profile::AwsIotCore && service.endpoint.username.is_some()
    });
    let usual = authorizer.then_some(Type::Authorizer);
    let found = read_type(&mut section, profile, usual);
    let shown = found.map_or(shown, |kind| read_shown(&mut section, kind, profile));
    let kind = found.and_then(|kind| read_kind(&mut section, kind, profile, service));
    let share = section.or("refresh", Share(schedule.share)).0;
    let jitter = section.or("jitter", Share(schedule.jitter)).0;
    if found.is_some() {
        section.finish();
    }
    Some(CredentialSpec {
        kind: kind?,
        shown,
        schedule: ScheduleOptions { share, jitter },
    })
}

fn has_certificate(mqtt: &MqttSpec) -> bool {
    mqtt.tls.as_ref().is_some_and(|tls| tls.certfile.is_some())
}

fn read_type(section: &mut Section<'_>, profile: Profile, usual: Option<Type>) -> Option<Type> {
    let accepted = accepted(profile);
    let Some(value) = section.get("type") else {
        return usual.or(accepted.first().copied());
    };
    let found = value.choice(&TYPES)?;
    if accepted.contains(&found) {
        return Some(found);
    }
    let words = TYPES.iter().filter(|(_, kind)| accepted.contains(kind));
    let words: Vec<&str> = words.map(|(word, _)| *word).collect();
    value.error_with_help(
        format!("{} does not take this credential", profile.name()),
        format!("it takes {}", words.join(", ")),
    );
    None
}

fn read_shown(section: &mut Section<'_>, kind: Type, profile: Profile) -> Shown {
    match (profile, kind) {
        (Profile::ThingsBoard, Type::TokenFile) => Shown::Username,
        (Profile::AzureEventGrid, Type::Jwt) => Shown::Data(CUSTOM),
        (Profile::AzureEventGrid, Type::TokenFile) => section
            .choice("method", &METHODS)
            .map_or(Shown::Password, Shown::Data),
        _ => Shown::Password,
    }
}

fn read_kind(
    section: &mut Section<'_>,
    kind: Type,
    profile: Profile,
    service: Option<&Service>,
) -> Option<CredentialKind> {
    match kind {
        Type::Jwt => {
            let key = section.required("key").map(|key: SecretFile| key.0);
            let audience = section.optional("audience").map(|name: Claim| name.0);
            let lifetime = lifetime(section, HOUR, DAY);
            // Event Grid asks for one; elsewhere the key alone says who it is.
            let asked = profile == Profile::AzureEventGrid;
            let issuer = asked.then(|| section.required("issuer").map(|name: Claim| name.0));
            let fixed = service.and_then(|service| service.endpoint.audience.clone());
            let audience = match audience.or(fixed) {
                None if service.is_some() => section.missing("audience"),
                audience => audience,
            };
            Some(CredentialKind::Jwt {
                key: key?,
                audience: audience?,
                issuer: issuer.map_or(Some(None), |issuer| issuer.map(Some))?,
                lifetime,
            })
        }
        Type::Sas => {
            let key = secret(section, "key");
            let policy = section.optional("policy").map(|name: Name| name.0);
            let lifetime = lifetime(section, HOUR, 365 * DAY);
            let service = service?;
            Some(CredentialKind::Sas {
                key: key?,
                hub: service.hub.clone(),
                device: service.endpoint.client_id.clone(),
                policy,
                lifetime,
            })
        }
        Type::TokenFile => {
            let token = section.required("path").map(|path: SecretFile| path.0);
            let fallback = section
                .has("lifetime")
                .then(|| lifetime(section, HOUR, 365 * DAY));
            // Asked for either way, so that the key is known.
            section.get("lifetime");
            Some(CredentialKind::TokenFile {
                token: token?,
                lifetime: fallback,
            })
        }
        Type::Basic => {
            let (username, password) = (section.required("username"), secret(section, "password"));
            Some(CredentialKind::Basic {
                username: username?,
                password: password?,
            })
        }
        Type::Authorizer => {
            let name: Option<Name> = section.optional("name");
            let password = secret(section, "token");
            let username = match service.map(|service| service.endpoint.username.clone()) {
                Some(None) if name.is_none() => section.missing("name"),
                username => username.flatten(),
            };
            Some(CredentialKind::Basic {
                username: username?,
                password: password?,
            })
        }
        Type::Mtls => {
            let files = ["certfile", "keyfile"].map(|key| match section.has(key) {
                true => path(section, key),
                false => section.missing(key),
            });
            let [certfile, keyfile] = files;
            Some(CredentialKind::Certificate {
                certfile: certfile?,
                keyfile: keyfile?,
            })
        }
    }
}

/// The audience or the issuer of a token: any text that is not empty.
struct Claim(String);

impl mqttkube_mapping::yaml::FromNode for Claim {
    fn from_node(cursor: &mqttkube_mapping::yaml::Cursor<'_>) -> Option<Self> {
        let text = cursor.text()?;
        if text.is_empty() {
            cursor.error("the claim is empty");
            return None;
        }
        Some(Self(text.to_owned()))
    }
}

impl CredentialSpec {
    /// What the session must know of the credential.
    pub(super) fn apply_to(&self, mqtt: &mut MqttSpec) {
        mqtt.login = None;
        if let CredentialKind::Certificate { certfile, keyfile } = &self.kind {
            let tls = mqtt.tls.get_or_insert_default();
            tls.certfile = Some(certfile.clone());
            tls.keyfile = Some(keyfile.clone());
        }
    }

    /// Whether a password or token goes over the connection.
    #[must_use]
    pub const fn shows_secret(&self) -> bool {
        !matches!(
            self.kind,
            CredentialKind::None | CredentialKind::Certificate { .. }
        )
    }

    /// Where credentials come from; keys and tokens are looked up at every issue.
    pub(super) fn source(&self, endpoint: &Endpoint, secrets: &Secrets) -> Box<dyn Source> {
        Box::new(SpecSource {
            kind: self.kind.clone(),
            shown: self.shown,
            username: self.username(endpoint),
            secrets: Arc::clone(secrets),
        })
    }

    /// The user name that is sent; none where it is the secret.
    #[must_use]
    pub fn username(&self, endpoint: &Endpoint) -> Option<String> {
        match &self.kind {
            _ if self.shown == Shown::Username => None,
            CredentialKind::Basic { username, .. } => Some(username.clone()),
            CredentialKind::None | CredentialKind::Certificate { .. } => endpoint.username.clone(),
            // MQTT 3.1.1 section 3.1.2.9 allows no password without a user name.
            _ => Some(endpoint.username.clone().unwrap_or_else(|| "unused".to_owned())),
        }
    }
}
