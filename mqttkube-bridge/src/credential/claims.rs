//! Reading the expiry of a token that somebody else signed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

use super::{CredentialError, UnixTime};

/// The `exp` claim of a JSON Web Token. The signature is not looked at: the token is ours to send, not to trust.
///
/// # Errors
/// [`CredentialError::Token`] says what is wrong with the text.
pub fn token_expiry(token: &str) -> Result<UnixTime, CredentialError> {
    let mut parts = token.trim().split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(CredentialError::Token("is not three parts joined by dots"));
    };
    let bytes = URL_SAFE_NO_PAD
        .decode(claims)
        .map_err(|_| CredentialError::Token("is not base64url"))?;
    let claims: Value =
        serde_json::from_slice(&bytes).map_err(|_| CredentialError::Token("holds no JSON"))?;
    let whole = claims["exp"].as_u64();
    // RFC 7519 allows fractions of a second; the whole seconds before them are safe.
    let expires = whole.or_else(|| {
        claims["exp"]
            .as_f64()
            .filter(|exp| *exp >= 0.0)
            .map(|exp| exp as u64)
    });
    expires
        .map(UnixTime)
        .ok_or(CredentialError::Token("has no `exp` claim"))
}
