//! Shared access signatures of Azure IoT Hub.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use zeroize::Zeroizing;

use super::{CredentialError, UnixTime};

/// A shared access key. Its `Debug` form shows nothing of it.
pub struct SasKey(hmac::Key);

impl fmt::Debug for SasKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SasKey(redacted)")
    }
}

impl SasKey {
    /// Reads the base64 text that the portal shows.
    ///
    /// # Errors
    /// [`CredentialError::SasKey`] when it is not base64 or empty.
    pub fn from_base64(text: &str) -> Result<Self, CredentialError> {
        let bytes = Zeroizing::new(
            STANDARD
                .decode(text.trim())
                .map_err(|_| CredentialError::SasKey)?,
        );
        if bytes.is_empty() {
            return Err(CredentialError::SasKey);
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, &bytes)))
    }
}

/// `SharedAccessSignature sr=…&sig=…&se=…[&skn=…]` for a resource such as `myhub.azure-devices.net/devices/dev1`.
///
/// The resource is lower-cased and percent-encoded with upper-case digits, and exactly those bytes are signed.
#[must_use]
pub fn sas_token(key: &SasKey, resource: &str, policy: Option<&str>, expires: UnixTime) -> Zeroizing<String> {
    let resource = percent_encode(&resource.to_lowercase());
    let signed = format!("{resource}\n{}", expires.0);
    let signature = STANDARD.encode(hmac::sign(&key.0, signed.as_bytes()));
    let mut token = format!(
        "SharedAccessSignature sr={resource}&sig={}&se={}",
        percent_encode(&signature),
        expires.0
    );
    if let Some(policy) = policy {
        token.push_str("&skn=");
        token.push_str(&percent_encode(policy));
    }
    Zeroizing::new(token)
}

/// Everything but the unreserved characters of RFC 3986 section 2.3.
fn percent_encode(text: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(DIGITS[usize::from(byte >> 4)]));
            out.push(char::from(DIGITS[usize::from(byte & 15)]));
        }
    }
    out
}
