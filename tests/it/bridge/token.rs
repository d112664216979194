//! The fake cloud's own judgement of tokens.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mqttkube_bridge::credential::{SasSource, Source as _, UnixTime};
use mqttkube_tests::fake_cloud::{Key, Refusal};

use super::keys::{AUDIENCE, EC_KEY, RSA_KEY, ec_public, rsa_public, token};

const NOW: u64 = 1_800_000_000;
const SKEW: Duration = Duration::from_secs(600);

#[track_caller]
fn check(key: &Key, token: &str, now: u64, expected: Result<u64, Refusal>) {
    assert_eq!(key.check(AUDIENCE, SKEW, token, now), expected.map(Some));
}

/// bridge.md 7.3: made by a deterministic signer that is not ours.
const VECTOR: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJteS1wcm9qZWN0IiwiZXhwIjoxNTA5NjUwODAxLCJpYXQiOjE1MDk2NDcyMDF9.0agJyImD9nLXRgOh5kMssMLltqyruwJg7HFBZJ953UsYtWqLSRM2lN-Wbl41LTyaBd45QiR3YMPxUldZcgsy8g";

#[test]
fn good_tokens_are_accepted() {
    check(&ec_public(), VECTOR, 1_509_647_201, Ok(1_509_650_801));
    check(&ec_public(), &token(EC_KEY, NOW, 60), NOW, Ok(NOW + 60));
    check(&rsa_public(), &token(RSA_KEY, NOW, 60), NOW, Ok(NOW + 60));
}

#[test]
fn a_token_is_good_until_the_skew_after_its_end_is_over() {
    let token = token(EC_KEY, NOW, 60);
    check(&ec_public(), &token, NOW + 660, Ok(NOW + 60));
    check(&ec_public(), &token, NOW + 661, Err(Refusal::Expired(601)));
}

#[test]
fn a_token_from_the_future_is_refused_beyond_the_skew() {
    let token = token(EC_KEY, NOW, 60);
    check(&ec_public(), &token, NOW - 600, Ok(NOW + 60));
    check(&ec_public(), &token, NOW - 601, Err(Refusal::NotYet));
}

#[test]
fn a_token_for_somebody_else_is_refused() {
    let token = token(EC_KEY, NOW, 60);
    assert_eq!(
        ec_public().check("your-project", SKEW, &token, NOW),
        Err(Refusal::Audience("\"my-project\"".to_owned()))
    );
}

#[test]
fn a_signature_by_another_key_or_over_another_text_is_refused() {
    let pair = rcgen::KeyPair::generate().unwrap();
    let other = token(pair.serialize_pem().as_bytes(), NOW, 60);
    check(&ec_public(), &other, NOW, Err(Refusal::Signature));
    // The claims of a longer life under the signature of a shorter one.
    let (short, long) = (token(EC_KEY, NOW, 60), token(EC_KEY, NOW, 600));
    let parts = |token: &str| token.split('.').map(str::to_owned).collect::<Vec<_>>();
    let (short, long) = (parts(&short), parts(&long));
    let forged = [&long[0], &long[1], &short[2]].map(String::as_str).join(".");
    check(&ec_public(), &forged, NOW, Err(Refusal::Signature));
}

#[test]
fn what_is_no_token_is_refused() {
    let good = token(EC_KEY, NOW, 60);
    let wrong_header = Err(Refusal::Malformed("wrong header"));
    check(&rsa_public(), &good, NOW, wrong_header.clone());
    let none = good.replacen(
        good.split('.').next().unwrap(),
        &URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#),
        1,
    );
    check(&ec_public(), &none, NOW, wrong_header);
    let padded = format!("{good}==");
    check(
        &ec_public(),
        &padded,
        NOW,
        Err(Refusal::Malformed("not base64url")),
    );
    check(
        &ec_public(),
        "secret",
        NOW,
        Err(Refusal::Malformed("not three parts")),
    );
    check(&ec_public(), "", NOW, Err(Refusal::Malformed("not three parts")));
}

/// bridge.md 7.3: the signatures of both vectors, made with Python's `hmac`.
#[test]
fn shared_access_signatures_are_checked_over_the_bytes_that_were_sent() {
    let key = Key::Sas {
        resource: "myhub.azure-devices.net/devices/dev1".to_owned(),
        key: (0..32).collect(),
    };
    let made_in_time = |token: &str| key.check("", SKEW, token, 1_509_650_801);
    let vector = "SharedAccessSignature sr=myhub.azure-devices.net%2Fdevices%2Fdev1&sig=6IKN5jCMpNYXsHaB33v9W6hqzzl%2B7pdTqT02YfI22Pk%3D&se=1509650801";
    assert_eq!(made_in_time(vector), Ok(Some(1_509_650_801)));
    // The other spelling of the same resource was not signed.
    assert_eq!(
        made_in_time(&vector.replace("%2F", "%2f")),
        Err(Refusal::Signature)
    );
    assert_eq!(
        made_in_time(&vector.replace("se=15", "se=16")),
        Err(Refusal::Signature)
    );
    assert_eq!(
        key.check("", SKEW, vector, 1_509_651_402),
        Err(Refusal::Expired(601))
    );
    let other = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
    let mut source = SasSource::new(other, "myhub", "dev2", None, 60).unwrap();
    let token = source.issue(UnixTime(NOW)).unwrap().secret;
    assert_eq!(
        key.check("", SKEW, &token, NOW),
        Err(Refusal::Audience(
            "myhub.azure-devices.net/devices/dev2".to_owned()
        ))
    );
}
