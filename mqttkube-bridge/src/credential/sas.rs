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

#[cfg(test)]
mod tests {
    use super::*;

    /// A case of RFC 4231 for HMAC-SHA-256; case 5 has the first 16 bytes only.
    #[track_caller]
    fn check(key: &[u8], data: &[u8], expected: &str) {
        let key = SasKey::from_base64(&STANDARD.encode(key)).expect("it is base64");
        let tag = hmac::sign(&key.0, data);
        let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(&hex[..expected.len()], expected);
    }

    #[test]
    fn keys_sign_as_rfc_4231() {
        check(
            &[0x0b; 20],
            b"Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
        );
        check(
            b"Jefe",
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        );
        check(
            &[0xaa; 20],
            &[0xdd; 50],
            "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
        );
        let counted: Vec<u8> = (1..=25).collect();
        check(
            &counted,
            &[0xcd; 50],
            "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
        );
        check(
            &[0x0c; 20],
            b"Test With Truncation",
            "a3b6167473100ee06e0c796c2955552b",
        );
        check(
            &[0xaa; 131],
            b"Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
        );
        check(
            &[0xaa; 131],
            b"This is a test using a larger than block-size key and a larger than block-size data. \
              The key needs to be hashed before being used by the HMAC algorithm.",
            "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
        );
    }
}
