//! Whether a token lets its bearer in. Written from RFC 7515, 7518 and Azure's description alone, so that it shares no
//! mistake with the code that makes tokens.

use std::fmt;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::{hmac, signature};
use serde_json::Value;

/// What a client proves its name with.
#[derive(Clone)]
pub enum Key {
    /// JSON Web Tokens by ES256; the public point on P-256, 65 bytes.
    Es256(Vec<u8>),
    /// JSON Web Tokens by RS256; the public key as PKCS#1 DER.
    Rs256(Vec<u8>),
    /// Shared access signatures for a resource such as `myhub.azure-devices.net/devices/dev1`.
    Sas {
        /// The resource, in lower case.
        resource: String,
        /// The shared key.
        key: Vec<u8>,
    },
    /// A password that stays as it is.
    Password(String),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Es256(_) => "Es256",
            Self::Rs256(_) => "Rs256",
            Self::Sas { .. } => "Sas(..)",
            Self::Password(_) => "Password(..)",
        })
    }
}

/// Why a token is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no token of the expected kind; says what is wrong.
    Malformed(&'static str),
    /// The signature is not by the key.
    Signature,
    /// It is for somebody else.
    Audience(String),
    /// Its life was over this many seconds ago, and the skew with it.
    Expired(u64),
    /// It was made in the future, beyond the skew.
    NotYet,
    /// It lives longer than a day.
    TooLong,
}

impl Refusal {
    /// It would be accepted if its times were right.
    pub fn is_about_time(&self) -> bool {
        matches!(self, Self::Expired(_) | Self::NotYet | Self::TooLong)
    }
}

impl Key {
    /// The expiry, in seconds since 1970, of a token for `audience` that is good at `now` on a clock that may be wrong
    /// by `skew`; none for what does not expire.
    ///
    /// # Errors
    /// Why it is not good.
    pub fn check(
        &self,
        audience: &str,
        skew: Duration,
        token: &str,
        now: u64,
    ) -> Result<Option<u64>, Refusal> {
        let audience = audience.to_owned();
        Policy { audience, skew }.check(self, token, now)
    }
}

/// What a service asks of tokens.
#[derive(Clone, Debug)]
pub(super) struct Policy {
    pub(super) audience: String,
    /// How far clocks may differ.
    pub(super) skew: Duration,
}

/// ClearBlade: no token may live longer.
const LONGEST: u64 = 86_400;

impl Policy {
    /// The expiry in seconds since 1970 of a token that is good at `now`; none for what does not expire.
    pub(super) fn check(&self, key: &Key, token: &str, now: u64) -> Result<Option<u64>, Refusal> {
        match key {
            Key::Password(expected) if expected == token => Ok(None),
            Key::Password(_) => Err(Refusal::Signature),
            Key::Sas { resource, key } => self.sas(resource, key, token, now).map(Some),
            Key::Es256(_) | Key::Rs256(_) => self.jwt(key, token, now).map(Some),
        }
    }

    fn jwt(&self, key: &Key, token: &str, now: u64) -> Result<u64, Refusal> {
        let (signed, signature) = token
            .rsplit_once('.')
            .ok_or(Refusal::Malformed("not three parts"))?;
        let (header, claims) = signed
            .split_once('.')
            .ok_or(Refusal::Malformed("not three parts"))?;
        let (header, claims) = (json(header)?, json(claims)?);
        let signature = decode(signature)?;
        let (name, algorithm, public): (_, &dyn signature::VerificationAlgorithm, _) = match key {
            Key::Rs256(public) => ("RS256", &signature::RSA_PKCS1_2048_8192_SHA256, public),
            Key::Es256(public) => ("ES256", &signature::ECDSA_P256_SHA256_FIXED, public),
            Key::Sas { .. } | Key::Password(_) => return Err(Refusal::Malformed("not a key for this")),
        };
        if header["alg"] != name || header["typ"] != "JWT" {
            return Err(Refusal::Malformed("wrong header"));
        }
        signature::UnparsedPublicKey::new(algorithm, public)
            .verify(signed.as_bytes(), &signature)
            .map_err(|_| Refusal::Signature)?;
        if claims["aud"].as_str() != Some(&self.audience) {
            return Err(Refusal::Audience(claims["aud"].to_string()));
        }
        let number = |name: &str| claims[name].as_u64();
        let (Some(made), Some(expires)) = (number("iat"), number("exp")) else {
            return Err(Refusal::Malformed("iat and exp must be numbers"));
        };
        if made > now + self.skew.as_secs() {
            return Err(Refusal::NotYet);
        }
        if expires.saturating_sub(made) > LONGEST {
            return Err(Refusal::TooLong);
        }
        self.in_time(expires, now)
    }

    fn sas(&self, resource: &str, key: &[u8], token: &str, now: u64) -> Result<u64, Refusal> {
        let fields = token
            .strip_prefix("SharedAccessSignature ")
            .ok_or(Refusal::Malformed("not a shared access signature"))?;
        let field = |name: &str| {
            fields
                .split('&')
                .find_map(|field| field.strip_prefix(name)?.strip_prefix('='))
                .ok_or(Refusal::Malformed("a field is missing"))
        };
        let (sr, sig, se) = (field("sr")?, field("sig")?, field("se")?);
        let sig = STANDARD
            .decode(percent_decode(sig))
            .map_err(|_| Refusal::Malformed("not base64"))?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        // Exactly the bytes that were sent are signed.
        hmac::verify(&key, format!("{sr}\n{se}").as_bytes(), &sig).map_err(|_| Refusal::Signature)?;
        let named = percent_decode(sr);
        if named != resource {
            return Err(Refusal::Audience(named));
        }
        let expires = se.parse().map_err(|_| Refusal::Malformed("se is no number"))?;
        self.in_time(expires, now)
    }

    fn in_time(&self, expires: u64, now: u64) -> Result<u64, Refusal> {
        let late = now.saturating_sub(expires);
        if late > self.skew.as_secs() {
            Err(Refusal::Expired(late))
        } else {
            Ok(expires)
        }
    }
}

fn decode(part: &str) -> Result<Vec<u8>, Refusal> {
    // Strict: no padding, no other alphabet.
    URL_SAFE_NO_PAD
        .decode(part)
        .map_err(|_| Refusal::Malformed("not base64url"))
}

fn json(part: &str) -> Result<Value, Refusal> {
    serde_json::from_slice(&decode(part)?).map_err(|_| Refusal::Malformed("not JSON"))
}

/// `form_urlencoded` would read a `+` as a blank, which base64 uses.
fn percent_decode(text: &str) -> String {
    let text = format!("x={}", text.replace('+', "%2B"));
    form_urlencoded::parse(text.as_bytes())
        .map(|(_, value)| value.into_owned())
        .collect()
}

/// A new key on P-256: the private half as PKCS#8 PEM for the device, and the public half for the door.
///
/// # Errors
/// When no key can be made.
pub fn device_key() -> anyhow::Result<(String, Key)> {
    let pair = rcgen::KeyPair::generate()?;
    let point = rcgen::PublicKeyData::der_bytes(&pair).to_vec();
    Ok((pair.serialize_pem(), Key::Es256(point)))
}
