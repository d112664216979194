//! The credential of a configuration, issued: keys, tokens and passwords are looked up each time.

use std::fmt;

use mqttkube_mapping::yaml::{Secret, SecretError, SecretText};
use zeroize::Zeroizing;

use super::CredentialKind;
use crate::credential::{
    Credential, CredentialError, Identity, JwtSource, SasSource, Shown, Source, TokenText, UnixTime,
};
use crate::spec::Secrets;

/// A source that looks its secrets up each time.
pub(super) struct SpecSource {
    pub(super) kind: CredentialKind,
    pub(super) shown: Shown,
    pub(super) username: Option<String>,
    pub(super) secrets: Secrets,
}

impl fmt::Debug for SpecSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SpecSource")
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

impl SpecSource {
    fn reveal(&self, secret: &Secret) -> Result<SecretText, CredentialError> {
        secret.reveal(&*self.secrets).map_err(|error| unavailable(&error))
    }

    /// The user name is the subject: Event Grid takes it for the name of the client.
    fn identity(&self, issuer: String) -> Identity {
        let subject = self.username.clone().unwrap_or_default();
        Identity { issuer, subject }
    }

    fn fixed(secret: Zeroizing<String>) -> Credential {
        Credential {
            username: None,
            secret,
            expires: None,
        }
    }
}

/// A token that stands for its device until somebody takes it back, and says nothing of its end.
fn access_token(text: &str, lifetime: Option<u64>, now: UnixTime) -> Result<Credential, CredentialError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(CredentialError::Token("is empty"));
    }
    Ok(Credential {
        username: None,
        secret: Zeroizing::new(text.to_owned()),
        expires: lifetime.map(|seconds| UnixTime(now.0.saturating_add(seconds))),
    })
}

/// The error with its causes; it names variables and files, never what is in them.
fn unavailable(error: &SecretError) -> CredentialError {
    CredentialError::Unavailable(match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    })
}

impl Source for SpecSource {
    fn issue(&mut self, now: UnixTime) -> Result<Credential, CredentialError> {
        let issued = match &self.kind {
            CredentialKind::None | CredentialKind::Certificate { .. } => Self::fixed(Zeroizing::default()),
            CredentialKind::Jwt {
                key,
                audience,
                issuer,
                lifetime,
            } => {
                let source = JwtSource::new(self.reveal(key)?.as_str().as_bytes(), audience, *lifetime)?;
                let mut source = match issuer.clone() {
                    Some(issuer) => source.with_identity(self.identity(issuer)),
                    None => source,
                };
                source.issue(now)?
            }
            CredentialKind::Sas {
                key,
                hub,
                device,
                policy,
                lifetime,
            } => SasSource::new(
                self.reveal(key)?.as_str(),
                hub,
                device,
                policy.as_deref(),
                *lifetime,
            )?
            .issue(now)?,
            CredentialKind::TokenFile { token, lifetime } if self.shown == Shown::Username => {
                access_token(self.reveal(token)?.as_str(), *lifetime, now)?
            }
            CredentialKind::TokenFile { token, lifetime } => {
                TokenText::new(None, self.reveal(token)?.as_str(), *lifetime, now)?.issue(now)?
            }
            CredentialKind::Basic { password, .. } => {
                Self::fixed(Zeroizing::new(self.reveal(password)?.as_str().to_owned()))
            }
        };
        Ok(Credential {
            username: self.username.clone(),
            ..issued
        })
    }

    fn replaced(&mut self, held: &Credential) -> bool {
        let (CredentialKind::TokenFile { token: given, .. } | CredentialKind::Basic { password: given, .. }) =
            &self.kind
        else {
            return false;
        };
        // What cannot be read is told by the attempt to issue it.
        self.reveal(given)
            .map_or(true, |found| found.as_str().trim() != held.secret.as_str().trim())
    }
}
