//! Where credentials come from.

use std::fmt;

use zeroize::Zeroizing;

use super::{
    Claims, Credential, CredentialError, Header, Identity, Jwt, SasKey, SigningKey, UnixTime, check_clock,
    sas_token, token_expiry,
};

/// Something that issues credentials. Implementations do no IO and keep no clock: what they need from outside is handed
/// to them, so that a caller with another store (a Kubernetes Secret, a TokenRequest) can implement it as well.
pub trait Source: fmt::Debug + Send {
    /// A credential that is good from `now` on.
    ///
    /// # Errors
    /// [`CredentialError`] says whether another try can help.
    fn issue(&mut self, now: UnixTime) -> Result<Credential, CredentialError>;

    /// Whether somebody has put another secret in the place of `held`, so that issuing is worth it before that is due.
    /// Asked every few seconds; sources that make their secrets themselves say no.
    fn replaced(&mut self, held: &Credential) -> bool {
        let _ = held;
        false
    }
}

/// Device tokens signed with a private key.
#[derive(Debug)]
pub struct JwtSource {
    key: SigningKey,
    audience: String,
    lifetime: u64,
    identity: Option<Identity>,
}

impl JwtSource {
    /// The longest lifetime that ClearBlade accepts; shorter than a minute leaves no time to use the token.
    const LIFETIME: std::ops::RangeInclusive<u64> = 1..=86_400;

    /// Tokens for `audience` that live for `lifetime` seconds, signed with the key in `pem`.
    ///
    /// # Errors
    /// When the key or the lifetime cannot be used.
    pub fn new(pem: &[u8], audience: &str, lifetime: u64) -> Result<Self, CredentialError> {
        if !Self::LIFETIME.contains(&lifetime) {
            let (min, max) = (*Self::LIFETIME.start(), *Self::LIFETIME.end());
            return Err(CredentialError::Lifetime {
                seconds: lifetime,
                min,
                max,
            });
        }
        Ok(Self {
            key: SigningKey::from_pem(pem)?,
            audience: audience.to_owned(),
            lifetime,
            identity: None,
        })
    }

    /// The same with an issuer and a subject in the tokens.
    #[must_use]
    pub fn with_identity(self, identity: Identity) -> Self {
        Self {
            identity: Some(identity),
            ..self
        }
    }

    /// The token that would be sent at `now`, without its signature.
    #[must_use]
    pub fn unsigned(&self, now: UnixTime) -> Jwt {
        let expires = UnixTime(now.0.saturating_add(self.lifetime));
        let claims = Claims {
            audience: self.audience.clone(),
            issued_at: now,
            expires,
            identity: self.identity.clone(),
        };
        Jwt {
            header: Header {
                algorithm: self.key.algorithm(),
            },
            claims,
        }
    }
}

impl Source for JwtSource {
    fn issue(&mut self, now: UnixTime) -> Result<Credential, CredentialError> {
        check_clock(now)?;
        let token = self.unsigned(now);
        // ClearBlade and Google ignore the user name but require one.
        let username = Some("unused".to_owned());
        Ok(Credential {
            username,
            secret: token.sign(&self.key)?,
            expires: Some(token.claims.expires),
        })
    }
}

/// Shared access signatures for one device of an Azure IoT Hub.
#[derive(Debug)]
pub struct SasSource {
    key: SasKey,
    resource: String,
    policy: Option<String>,
    username: String,
    lifetime: u64,
}

impl SasSource {
    /// Signatures for `device` on `hub` (`NAME` of `NAME.azure-devices.net`) that live for `lifetime` seconds.
    ///
    /// # Errors
    /// When the key is not base64.
    pub fn new(
        key: &str,
        hub: &str,
        device: &str,
        policy: Option<&str>,
        lifetime: u64,
    ) -> Result<Self, CredentialError> {
        let host = format!("{hub}.azure-devices.net");
        Ok(Self {
            key: SasKey::from_base64(key)?,
            resource: format!("{host}/devices/{device}"),
            policy: policy.map(str::to_owned),
            username: format!("{host}/{device}/?api-version=2021-04-12"),
            lifetime,
        })
    }
}

impl Source for SasSource {
    fn issue(&mut self, now: UnixTime) -> Result<Credential, CredentialError> {
        check_clock(now)?;
        let expires = UnixTime(now.0.saturating_add(self.lifetime));
        let secret = sas_token(&self.key, &self.resource, self.policy.as_deref(), expires);
        Ok(Credential {
            username: Some(self.username.clone()),
            secret,
            expires: Some(expires),
        })
    }
}

/// A user name and password that do not change.
#[derive(Debug)]
pub struct StaticSource(
    /// What is sent, for ever.
    pub Credential,
);

impl Source for StaticSource {
    fn issue(&mut self, _: UnixTime) -> Result<Credential, CredentialError> {
        Ok(self.0.clone())
    }
}

/// A token that somebody else writes into a file and replaces before it ends, such as the projected token of a
/// Kubernetes ServiceAccount. Whoever reads the file hands each new text to [`TokenText::replace`].
pub struct TokenText {
    username: Option<String>,
    token: Zeroizing<String>,
    expires: UnixTime,
}

impl fmt::Debug for TokenText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenText")
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl TokenText {
    /// A token whose expiry is its `exp` claim, or `lifetime` seconds from `now` where it is no JSON Web Token.
    ///
    /// # Errors
    /// When the text is empty, or has no expiry and no `lifetime` is given.
    pub fn new(
        username: Option<String>,
        text: &str,
        lifetime: Option<u64>,
        now: UnixTime,
    ) -> Result<Self, CredentialError> {
        let (token, expires) = read_token(text, lifetime, now)?;
        Ok(Self {
            username,
            token,
            expires,
        })
    }

    /// Takes over the file's new text. A text that cannot be used leaves the present token in place.
    ///
    /// # Errors
    /// As [`TokenText::new`].
    pub fn replace(
        &mut self,
        text: &str,
        lifetime: Option<u64>,
        now: UnixTime,
    ) -> Result<(), CredentialError> {
        (self.token, self.expires) = read_token(text, lifetime, now)?;
        Ok(())
    }
}

fn read_token(
    text: &str,
    lifetime: Option<u64>,
    now: UnixTime,
) -> Result<(Zeroizing<String>, UnixTime), CredentialError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(CredentialError::Token("is empty"));
    }
    let given = lifetime.map(|seconds| UnixTime(now.0.saturating_add(seconds)));
    let expires = token_expiry(text).or_else(|error| given.ok_or(error))?;
    Ok((Zeroizing::new(text.to_owned()), expires))
}

impl Source for TokenText {
    fn issue(&mut self, now: UnixTime) -> Result<Credential, CredentialError> {
        match now.0.checked_sub(self.expires.0) {
            Some(seconds) => Err(CredentialError::Stale { seconds }),
            None => Ok(Credential {
                username: self.username.clone(),
                secret: self.token.clone(),
                expires: Some(self.expires),
            }),
        }
    }
}
