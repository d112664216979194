//! JSON Web Tokens as clouds take them for a password: JWS compact form (RFC 7515), ES256 or RS256 (RFC 7518).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use zeroize::Zeroizing;

use super::{CredentialError, SigningKey, UnixTime};

/// The protected header; nothing but the algorithm varies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// `ES256` or `RS256`.
    pub algorithm: super::Algorithm,
}

/// The claims of a device token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claims {
    /// The audience: for ClearBlade and Google the project id.
    pub audience: String,
    /// When the token was made.
    pub issued_at: UnixTime,
    /// When it ends.
    pub expires: UnixTime,
    /// Who made it and whom it is about (`iss` and `sub`), for services that look at more than the key. Such a token also
    /// says that it is not good before it was made (`nbf`).
    pub identity: Option<Identity>,
}

/// The names in a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// `iss`
    pub issuer: String,
    /// `sub`
    pub subject: String,
}

/// A token before it is signed: what `cloud-bridge token` shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwt {
    /// The header.
    pub header: Header,
    /// The claims.
    pub claims: Claims,
}

impl Jwt {
    /// The header as the JSON text that is signed.
    #[must_use]
    pub fn header_json(&self) -> String {
        format!(r#"{{"alg":"{}","typ":"JWT"}}"#, self.header.algorithm.name())
    }

    /// The claims as the JSON text that is signed: members sorted, no blanks.
    #[must_use]
    pub fn claims_json(&self) -> String {
        let text = |text: &str| serde_json::Value::from(text);
        let (made, end) = (self.claims.issued_at.0, self.claims.expires.0);
        let names = self.claims.identity.as_ref().map(|names| {
            let (issuer, subject) = (text(&names.issuer), text(&names.subject));
            format!(r#","iss":{issuer},"nbf":{made},"sub":{subject}"#)
        });
        let audience = text(&self.claims.audience);
        let names = names.unwrap_or_default();
        format!(r#"{{"aud":{audience},"exp":{end},"iat":{made}{names}}}"#)
    }

    /// The text that is signed: header and claims in base64url without padding, joined by a dot.
    #[must_use]
    pub fn signing_input(&self) -> String {
        let header = URL_SAFE_NO_PAD.encode(self.header_json());
        format!("{header}.{}", URL_SAFE_NO_PAD.encode(self.claims_json()))
    }

    /// The whole token.
    ///
    /// # Errors
    /// When the key cannot sign.
    pub fn sign(&self, key: &SigningKey) -> Result<Zeroizing<String>, CredentialError> {
        let input = self.signing_input();
        let signature = key.sign(input.as_bytes())?;
        Ok(Zeroizing::new(format!(
            "{input}.{}",
            URL_SAFE_NO_PAD.encode(signature)
        )))
    }
}
