//! What would be sent as a credential, without the part that must not be seen.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde_json::Value;

use super::{Bridge, CredentialKind, Secrets};
use crate::credential::{CredentialError, Schedule, Shown, UnixTime};

/// A credential as people may see it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Preview {
    /// The type as the configuration file names it.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The method of enhanced authentication whose data it is; absent: none is used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub method: Option<&'static str>,
    /// The MQTT user name, where that is not the secret itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The header of a JSON Web Token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub header: Option<Value>,
    /// Its claims.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub claims: Option<Value>,
    /// What a shared access signature is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// When the service stops accepting it, in seconds since 1970; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// How many seconds after its issue it is replaced, at the earliest and at the latest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub renewed_after: Option<(u64, u64)>,
}

impl<P> Bridge<P> {
    /// Issues the credential that would be sent at `now`, and shows what may be seen of it.
    ///
    /// # Errors
    /// When none can be issued.
    pub fn preview(&self, secrets: &Secrets, now: UnixTime) -> Result<Preview, CredentialError> {
        let spec = &self.cloud.credential;
        let credential = self.source(secrets).issue(now)?;
        let is_token = matches!(
            spec.kind,
            CredentialKind::Jwt { .. } | CredentialKind::TokenFile { .. }
        );
        let mut parts = credential.secret.split('.').filter(|_| is_token);
        let (header, claims, signature) = (parts.next(), parts.next(), parts.next());
        // Only what is followed by a signature is a header or claims; anything else may be the secret itself.
        let whole = signature.is_some() && parts.next().is_none();
        let shown = |part: Option<&str>| part.filter(|_| whole).and_then(decode);
        let life = credential.expires.map(|end| end.0.saturating_sub(now.0));
        Ok(Preview {
            kind: name(&spec.kind),
            method: match spec.shown {
                Shown::Data(method) => Some(method),
                _ => None,
            },
            header: shown(header),
            claims: shown(claims),
            resource: match &spec.kind {
                CredentialKind::Sas { hub, device, .. } => {
                    Some(format!("{hub}.azure-devices.net/devices/{device}"))
                }
                _ => None,
            },
            username: credential.username.clone(),
            expires: credential.expires.map(|end| end.0),
            renewed_after: life.map(|life| {
                let schedule = Schedule::new(spec.schedule);
                let after = |random| {
                    schedule
                        .refresh_after(std::time::Duration::from_secs(life), random)
                        .as_secs()
                };
                (after(u32::MAX), after(0))
            }),
        })
    }
}

fn decode(part: &str) -> Option<Value> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

const fn name(kind: &CredentialKind) -> &'static str {
    match kind {
        CredentialKind::None => "none",
        CredentialKind::Jwt { .. } => "jwt",
        CredentialKind::Sas { .. } => "sas",
        CredentialKind::TokenFile { .. } => "token-file",
        CredentialKind::Basic { .. } => "basic",
        CredentialKind::Certificate { .. } => "mtls",
    }
}
