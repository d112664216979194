//! Keys and tokens for tests.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mqttkube_bridge::credential::{JwtSource, Source as _, UnixTime};
use mqttkube_tests::fake_cloud::Key;
use ring::signature::{KeyPair as _, RsaKeyPair};
use rustls::pki_types::PrivatePkcs1KeyDer;
use rustls::pki_types::pem::PemObject as _;

/// RFC 7515 A.3: a private key on P-256.
pub(super) const EC_KEY: &[u8] = include_bytes!("../../../mqttkube-bridge/tests/keys/rfc7515-a3.pem");
/// RFC 7515 A.2: an RSA private key.
pub(super) const RSA_KEY: &[u8] = include_bytes!("../../../mqttkube-bridge/tests/keys/rfc7515-a2.pem");

pub(super) const AUDIENCE: &str = "my-project";

/// The public half of [`EC_KEY`], from the text of the RFC.
pub(super) fn ec_public() -> Key {
    let coordinate = |text| URL_SAFE_NO_PAD.decode(text).unwrap();
    let x = coordinate("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
    let y = coordinate("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
    Key::Es256([vec![4], x, y].concat())
}

/// The public half of [`RSA_KEY`].
pub(super) fn rsa_public() -> Key {
    let der = PrivatePkcs1KeyDer::from_pem_slice(RSA_KEY).unwrap();
    let pair = RsaKeyPair::from_der(der.secret_pkcs1_der()).unwrap();
    Key::Rs256(pair.public_key().as_ref().to_vec())
}

/// A token by `pem` for [`AUDIENCE`], made at `now` for `lifetime` seconds.
pub(super) fn token(pem: &[u8], now: u64, lifetime: u64) -> String {
    let mut source = JwtSource::new(pem, AUDIENCE, lifetime).unwrap();
    source.issue(UnixTime(now)).unwrap().secret.to_string()
}
