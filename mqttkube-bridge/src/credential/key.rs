//! Private keys in the PEM forms that people have: SEC1 (`EC PRIVATE KEY`, RFC 5915), PKCS#8 (`PRIVATE KEY`, RFC 5958)
//! and PKCS#1 (`RSA PRIVATE KEY`, RFC 8017).

use std::fmt;

use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, RsaKeyPair};
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use thiserror::Error;
use zeroize::Zeroizing;

/// Why a file is no usable signing key. The texts name what was found and what to do.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum KeyError {
    /// Nothing at all.
    #[error("the key file is empty")]
    Empty,
    /// No PEM section.
    #[error("no PEM section was found: a key begins with `-----BEGIN PRIVATE KEY-----`")]
    NotPem,
    /// A PEM section of another kind, such as a certificate.
    #[error("found `{0}` where a private key was expected")]
    OtherSection(String),
    /// The text between the markers is not base64, or the end marker is missing.
    #[error("the PEM section is damaged: {0}")]
    Damaged(String),
    /// An encrypted key; no password is known here.
    #[error(
        "the key is encrypted; write it without a password: openssl pkcs8 -in KEY -out PLAIN -nocrypt -topk8"
    )]
    Encrypted,
    /// Another elliptic curve than P-256.
    #[error(
        "the key is on curve {0}; ES256 needs prime256v1 (P-256): openssl ecparam -genkey -name prime256v1"
    )]
    WrongCurve(&'static str),
    /// A key type that neither ES256 nor RS256 can use.
    #[error(
        "a key of type {0} cannot sign tokens; use EC prime256v1 (ES256) or RSA of 2048 bits or more (RS256)"
    )]
    WrongType(&'static str),
    /// An EC key without its public half.
    #[error("the EC key lacks its public half; write it with: openssl ec -in KEY -out WHOLE")]
    NoPublicKey,
    /// An RSA key that is too short.
    #[error("the RSA key is too short; RS256 needs 2048 bits or more")]
    RsaTooShort,
    /// An RSA key that is too long for the library in use.
    #[error("the RSA key is too long; at most 4096 bits are supported")]
    RsaTooLong,
    /// The bytes between the markers are no key of the announced form.
    #[error("the {form} section holds no valid key ({reason})")]
    Invalid {
        /// SEC1, PKCS#8 or PKCS#1.
        form: &'static str,
        /// The library's word for it.
        reason: String,
    },
    /// Signing failed; the random source of the system did not answer.
    #[error("the system's random source failed while signing")]
    Sign,
}

/// The JWS algorithm (RFC 7518 section 3.1) that goes with a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256; signatures are 64 bytes, R and S.
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

impl Algorithm {
    /// The name in a token header.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
        }
    }
}

/// A private key that signs tokens. Its `Debug` form shows the algorithm only.
pub struct SigningKey(Pair);

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey")
            .field(&self.algorithm())
            .finish_non_exhaustive()
    }
}

impl SigningKey {
    /// Reads the first private key of a PEM file; other sections (`EC PARAMETERS`), text around them and line endings do
    /// not matter.
    ///
    /// # Errors
    /// [`KeyError`] names what was found instead.
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        if pem.iter().all(u8::is_ascii_whitespace) {
            return Err(KeyError::Empty);
        }
        match PrivateKeyDer::from_pem_slice(pem) {
            Ok(PrivateKeyDer::Sec1(key)) => ec(&pkcs8_of_sec1(key.secret_sec1_der()), "SEC1"),
            Ok(PrivateKeyDer::Pkcs8(key)) => pkcs8(key.secret_pkcs8_der()),
            Ok(PrivateKeyDer::Pkcs1(key)) => rsa(RsaKeyPair::from_der(key.secret_pkcs1_der()), "PKCS#1"),
            Ok(_) => Err(KeyError::WrongType("unknown")),
            Err(error) => Err(explain_pem(pem, &error)),
        }
    }

    /// The algorithm that this key signs with.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        match self.0 {
            Pair::Ec(_) => Algorithm::Es256,
            Pair::Rsa(_) => Algorithm::Rs256,
        }
    }

    /// Signs `message`; the form of the signature is that of RFC 7518.
    ///
    /// # Errors
    /// [`KeyError::Sign`] when the system has no randomness to give.
    pub fn sign(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let random = SystemRandom::new();
        match &self.0 {
            Pair::Ec(key) => {
                let signature = key.sign(&random, message).map_err(|_| KeyError::Sign)?;
                Ok(signature.as_ref().to_vec())
            }
            Pair::Rsa(key) => {
                let mut out = vec![0; key.public().modulus_len()];
                key.sign(&signature::RSA_PKCS1_SHA256, &random, message, &mut out)
                    .map_err(|_| KeyError::Sign)?;
                Ok(out)
            }
        }
    }
}

/// DER of the object identifiers that tell keys apart; the first that occurs names the key.
const CURVES: &[(&[u8], &str)] = &[
    (&[0x2b, 0x81, 0x04, 0x00, 0x22], "secp384r1 (P-384)"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], "secp521r1 (P-521)"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x0a], "secp256k1"),
    (
        &[0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07],
        "brainpoolP256r1",
    ),
];
const EC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const RSA_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const OTHER_TYPES: &[(&[u8], &str)] = &[
    (&[0x06, 0x03, 0x2b, 0x65, 0x70], "Ed25519"),
    (&[0x06, 0x03, 0x2b, 0x65, 0x71], "Ed448"),
    (&[0x06, 0x03, 0x2b, 0x65, 0x6e], "X25519"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a], "RSA-PSS"),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01], "DSA"),
];

/// The algorithm identifier stands at the front of a PKCS#8 key; further in, random key bytes might look like one.
const HEAD: usize = 40;

fn has(der: &[u8], identifier: &[u8]) -> bool {
    der.windows(identifier.len()).any(|window| window == identifier)
}

fn named(der: &[u8], table: &[(&[u8], &'static str)]) -> Option<&'static str> {
    table
        .iter()
        .find(|(identifier, _)| has(der, identifier))
        .map(|(_, name)| *name)
}

fn pkcs8(der: &[u8]) -> Result<SigningKey, KeyError> {
    let head = &der[..der.len().min(HEAD)];
    if has(head, RSA_KEY) {
        return rsa(RsaKeyPair::from_pkcs8(der), "PKCS#8");
    }
    if has(head, EC_KEY) {
        return ec(der, "PKCS#8");
    }
    match named(head, OTHER_TYPES) {
        Some(name) => Err(KeyError::WrongType(name)),
        None => Err(KeyError::Invalid {
            form: "PKCS#8",
            reason: "unknown algorithm".to_owned(),
        }),
    }
}

fn ec(pkcs8: &[u8], form: &'static str) -> Result<SigningKey, KeyError> {
    let curve = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
    EcdsaKeyPair::from_pkcs8(curve, pkcs8, &SystemRandom::new())
        .map(Pair::Ec)
        .map(SigningKey)
        .map_err(|error| {
            if let Some(name) = named(pkcs8, CURVES) {
                KeyError::WrongCurve(name)
            } else if error.to_string() == "PublicKeyIsMissing" || lacks_public_key(pkcs8) {
                KeyError::NoPublicKey
            } else {
                KeyError::Invalid {
                    form,
                    reason: error.to_string(),
                }
            }
        })
}

/// A P-256 key with its public half holds an uncompressed point: context tag 1 around a bit string of 66 bytes.
fn lacks_public_key(pkcs8: &[u8]) -> bool {
    !has(pkcs8, &[0xa1, 0x44, 0x03, 0x42, 0x00, 0x04])
}

fn rsa(
    pair: Result<RsaKeyPair, ring::error::KeyRejected>,
    form: &'static str,
) -> Result<SigningKey, KeyError> {
    pair.map(Pair::Rsa)
        .map(SigningKey)
        .map_err(|error| match error.to_string().as_str() {
            "TooSmall" => KeyError::RsaTooShort,
            "TooLarge" => KeyError::RsaTooLong,
            reason => KeyError::Invalid {
                form,
                reason: reason.to_owned(),
            },
        })
}

/// Wraps an `ECPrivateKey` (RFC 5915) as PKCS#8 with the identifiers of P-256. A key on another curve names its own
/// curve inside and is refused by that.
fn pkcs8_of_sec1(sec1: &[u8]) -> Zeroizing<Vec<u8>> {
    const VERSION_AND_ALGORITHM: &[u8] = &[
        0x02, 0x01, 0x00, // version 0
        0x30, 0x13, // algorithm: id-ecPublicKey, prime256v1
        0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, //
        0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07,
    ];
    let octets = der_element(0x04, sec1);
    let mut content = Zeroizing::new(Vec::with_capacity(VERSION_AND_ALGORITHM.len() + octets.len()));
    content.extend_from_slice(VERSION_AND_ALGORITHM);
    content.extend_from_slice(&octets);
    der_element(0x30, &content)
}

/// One DER element: tag, definite length, content.
fn der_element(tag: u8, content: &[u8]) -> Zeroizing<Vec<u8>> {
    let length = content.len().to_be_bytes();
    let significant = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut out = Zeroizing::new(Vec::with_capacity(content.len() + 10));
    out.push(tag);
    match significant {
        [] => out.push(0),
        [short] if *short < 0x80 => out.push(*short),
        long => {
            out.push(0x80 | u8::try_from(long.len()).expect("a length has at most 8 bytes"));
            out.extend_from_slice(long);
        }
    }
    out.extend_from_slice(content);
    out
}

/// Says what is in a file in which no plain private key was found.
fn explain_pem(pem: &[u8], error: &rustls_pki_types::pem::Error) -> KeyError {
    use rustls_pki_types::pem::Error;
    let text = String::from_utf8_lossy(pem);
    let labels: Vec<&str> = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .filter(|label| *label != "EC PARAMETERS")
        .collect();
    if labels.contains(&"ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        return KeyError::Encrypted;
    }
    match (labels.first(), error) {
        (None, _) => KeyError::NotPem,
        (Some(_), Error::MissingSectionEnd { .. }) => {
            KeyError::Damaged("its end marker is missing".to_owned())
        }
        (Some(_), Error::IllegalSectionStart { .. }) => {
            KeyError::Damaged("its begin marker is not closed".to_owned())
        }
        (Some(_), Error::Base64Decode(_)) => KeyError::Damaged("its content is not base64".to_owned()),
        (Some(label), _) => KeyError::OtherSection((*label).to_owned()),
    }
}
