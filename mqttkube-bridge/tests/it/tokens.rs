//! Tokens against published vectors: RFC 7515 appendix A, and a token signed deterministically by RFC 6979.

use std::os::unix::fs::symlink;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use mqttkube_bridge::credential::{
    Algorithm, CLOCK_FLOOR, Claims, CredentialError, Header, Jwt, JwtSource, SasKey, SasSource, Source,
    StaticSource, TokenText, UnixTime, sas_token, token_expiry,
};
use mqttkube_mapping::yaml::SecretLookup;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey as Deterministic};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};

const RFC7515_A3: &[u8] = include_bytes!("../keys/rfc7515-a3.pem");
const PUBLIC_X: &str = "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU";
const PUBLIC_Y: &str = "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0";
const PRIVATE_D: &str = "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI";
const DETERMINISTIC: &str = "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.eyJhdWQiOiJteS1wcm9qZWN0IiwiZXhwIjoxNTA5NjUwODAxLCJpYXQiOjE1MDk2NDcyMDF9.0agJyImD9nLXRgOh5kMssMLltqyruwJg7HFBZJ953UsYtWqLSRM2lN-Wbl41LTyaBd45QiR3YMPxUldZcgsy8g";

fn bytes(base64url: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(base64url).expect("base64url")
}

/// Verifies an ES256 token with the public half of the key of RFC 7515 A.3.
#[track_caller]
fn verify(token: &str) {
    let (input, signature) = token.rsplit_once('.').expect("a token has dots");
    let point = [vec![4], bytes(PUBLIC_X), bytes(PUBLIC_Y)].concat();
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
        .verify(input.as_bytes(), &bytes(signature))
        .expect("the signature is right");
}

#[test]
fn the_signature_of_rfc_7515_a3_verifies() {
    verify(
        "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    );
}

/// A signer whose nonce comes from key and message (RFC 6979), so that its signatures can be foretold.
fn deterministic(key: &[u8], message: &[u8]) -> Vec<u8> {
    let key = Deterministic::from_slice(key).expect("32 bytes below the order");
    let signature: Signature = key.sign(message);
    signature.to_bytes().to_vec()
}

/// RFC 6979 A.2.5, P-256 with SHA-256, message "sample": what another signer makes of a known key, and how ring sees it.
#[test]
fn the_signature_of_rfc_6979_is_reproduced_and_verifies() {
    let bytes = |hex: &str| -> Vec<u8> {
        let pairs = hex
            .as_bytes()
            .chunks(2)
            .map(|pair| std::str::from_utf8(pair).expect("ASCII"));
        pairs
            .map(|pair| u8::from_str_radix(pair, 16).expect("hexadecimal"))
            .collect()
    };
    let point = bytes(
        "0460FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6\
         7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299",
    );
    let signature = bytes(
        "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716\
         F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8",
    );
    let secret = bytes("C9AFA9D845BA75166B5C215767B1D6934E50C3DB36E89B127B8A622B120F6721");
    assert_eq!(deterministic(&secret, b"sample"), signature);
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    assert_eq!(key.verify(b"sample", &signature), Ok(()));
    assert!(key.verify(b"sampler", &signature).is_err());
}

#[test]
fn a_device_token_equals_the_vector_byte_for_byte_when_it_is_signed_deterministically_and_verifies() {
    let claims = Claims {
        audience: "my-project".to_owned(),
        issued_at: UnixTime(1_509_647_201),
        expires: UnixTime(1_509_650_801),
        identity: None,
    };
    let jwt = Jwt {
        header: Header {
            algorithm: Algorithm::Es256,
        },
        claims,
    };
    assert_eq!(
        Some(jwt.signing_input().as_str()),
        DETERMINISTIC.rsplit_once('.').map(|(input, _)| input)
    );
    let input = jwt.signing_input();
    let signature = deterministic(&bytes(PRIVATE_D), input.as_bytes());
    assert_eq!(
        format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature)),
        DETERMINISTIC
    );
    verify(DETERMINISTIC);
    let key = mqttkube_bridge::credential::SigningKey::from_pem(RFC7515_A3).expect("the vector is a key");
    verify(&jwt.sign(&key).expect("the system has randomness"));
}

/// RFC 7515 A.2: RS256 is deterministic, so the whole signature must match.
#[test]
fn rs256_signs_as_rfc_7515_a2() {
    let key = mqttkube_bridge::credential::SigningKey::from_pem(include_bytes!("../keys/rfc7515-a2.pem"))
        .expect("the vector is a key");
    let input = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = key.sign(input.as_bytes()).expect("the system has randomness");
    assert_eq!(
        URL_SAFE_NO_PAD.encode(signature),
        "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
    );
}

#[test]
fn shared_access_signatures_equal_the_vectors() {
    let key = SasKey::from_base64(&STANDARD.encode((0..32).collect::<Vec<u8>>())).expect("it is base64");
    let end = UnixTime(1_509_650_801);
    assert_eq!(
        *sas_token(&key, "myhub.azure-devices.net/devices/dev1", None, end),
        "SharedAccessSignature sr=myhub.azure-devices.net%2Fdevices%2Fdev1&sig=6IKN5jCMpNYXsHaB33v9W6hqzzl%2B7pdTqT02YfI22Pk%3D&se=1509650801"
    );
    assert_eq!(
        *sas_token(&key, "myhub.azure-devices.net", Some("iothubowner"), end),
        "SharedAccessSignature sr=myhub.azure-devices.net&sig=o7GSiMkwVp3ilAZHxeVI3x7ZJIks6GntuDTVC32fmgA%3D&se=1509650801&skn=iothubowner"
    );
}

#[test]
fn a_clock_before_the_release_makes_no_token() {
    let mut jwt = JwtSource::new(RFC7515_A3, "p", 3_600).expect("the vector is a key");
    let mut sas = SasSource::new("AAEC", "hub", "d", None, 3_600).expect("it is base64");
    let early = UnixTime(CLOCK_FLOOR.0 - 1);
    for source in [&mut jwt as &mut dyn Source, &mut sas] {
        assert_eq!(
            source.issue(early).map(|_| ()),
            Err(CredentialError::ClockTooEarly(early))
        );
        assert!(source.issue(CLOCK_FLOOR).is_ok(), "{source:?}");
    }
}

#[test]
fn lifetimes_beyond_a_day_are_refused() {
    let error = JwtSource::new(RFC7515_A3, "p", 86_401).expect_err("too long");
    assert_eq!(
        error.to_string(),
        "a token lifetime of 86401 s is outside 1 s to 86400 s"
    );
}

#[test]
fn no_debug_form_shows_a_secret() {
    let canary = "canary-7f3a";
    let basic = mqttkube_bridge::credential::Credential {
        username: Some("u".to_owned()),
        secret: canary.to_owned().into(),
        expires: None,
    };
    let token = TokenText::new(None, canary, Some(60), CLOCK_FLOOR).expect("a lifetime is given");
    let key = SasKey::from_base64("Y2FuYXJ5LTdmM2E=").expect("it is base64");
    let shown = format!("{:?} {token:?} {key:?}", StaticSource(basic));
    assert!(!shown.contains(canary) && !shown.contains("Y2FuYXJ5"), "{shown}");
}

#[test]
fn the_expiry_of_a_foreign_token_is_read_without_its_key() {
    assert_eq!(token_expiry(DETERMINISTIC), Ok(UnixTime(1_509_650_801)));
    // The sample on ClearBlade's own page ends before it begins; it is read as it stands and is stale at once.
    assert_eq!(token_expiry("e30.eyJleHAiOjEuOX0.x"), Ok(UnixTime(1)));
    assert_eq!(
        token_expiry("a.b"),
        Err(CredentialError::Token("is not three parts joined by dots"))
    );
    assert_eq!(
        token_expiry("a.*.c"),
        Err(CredentialError::Token("is not base64url"))
    );
    assert_eq!(
        token_expiry("a.e30.c"),
        Err(CredentialError::Token("has no `exp` claim"))
    );
}

/// The RS256 sample on ClearBlade's page: its `exp` is before its `iat`.
#[test]
fn a_token_that_ends_before_it_begins_is_never_shown() {
    let claims = URL_SAFE_NO_PAD.encode(r#"{"aud":"my-project","exp":1509650801,"iat":1509654401}"#);
    let now = UnixTime(1_509_654_401);
    let mut source = TokenText::new(None, &format!("e30.{claims}.x"), None, now).expect("it has an expiry");
    let stale = CredentialError::Stale { seconds: 3_600 };
    assert_eq!(source.issue(now).map(|_| ()), Err(stale));
}

/// The files of this machine.
struct Files;

impl SecretLookup for Files {
    fn env(&self, _: &str) -> Option<String> {
        None
    }

    fn file(&self, path: &str) -> std::io::Result<String> {
        std::fs::read_to_string(path)
    }
}

/// A projected ServiceAccount token: the name leads through `..data`, a symbolic link that kubelet replaces.
#[test]
fn a_projected_token_is_found_anew_when_its_link_is_replaced() {
    let folder = tempfile::TempDir::new().expect("a scratch folder");
    let place = |name: &str| folder.path().join(name);
    let token = |end: u64| {
        let claims = URL_SAFE_NO_PAD.encode(format!(r#"{{"exp":{end}}}"#));
        format!("e30.{claims}.signature-{end}")
    };
    let project = |end: u64| {
        let version = format!("..{end}");
        std::fs::create_dir(place(&version)).expect("a folder");
        std::fs::write(place(&version).join("token"), token(end)).expect("a file");
        symlink(&version, place("..data_tmp")).expect("a link");
        std::fs::rename(place("..data_tmp"), place("..data")).expect("a link that is replaced");
    };
    project(CLOCK_FLOOR.0 + 600);
    symlink("..data/token", place("token")).expect("a link");
    let text = format!(
        "cloud: {{profile: plain, host: h, credential: {{type: token-file, path: {}}}}}\nrules: [\"a out 1\"]\n",
        place("token").display()
    );
    let bridge = mqttkube_bridge::spec::parse(&text, "bridge.yaml", "", |_| ()).expect("it is right");
    let mut source = bridge.source(&(Arc::new(Files) as mqttkube_bridge::spec::Secrets));
    for end in [600, 1_200, 1_800].map(|seconds| CLOCK_FLOOR.0 + seconds) {
        if !place(&format!("..{end}")).exists() {
            project(end);
        }
        let credential = source.issue(UnixTime(end - 300)).expect("it is fresh");
        assert_eq!(
            (&*credential.secret, credential.expires),
            (&token(end), Some(UnixTime(end)))
        );
    }
    // Nobody replaces it any more.
    let late = source.issue(UnixTime(CLOCK_FLOOR.0 + 1_810));
    assert_eq!(late.map(|_| ()), Err(CredentialError::Stale { seconds: 10 }));
}

#[test]
fn a_token_file_that_ends_and_is_not_replaced_is_stale_and_a_bad_one_changes_nothing() {
    let now = UnixTime(1_509_650_000);
    let mut source = TokenText::new(None, DETERMINISTIC, None, now).expect("it has an expiry");
    assert_eq!(
        source.replace("", None, now),
        Err(CredentialError::Token("is empty"))
    );
    assert_eq!(*source.issue(now).expect("still good").secret, DETERMINISTIC);
    let late = UnixTime(1_509_650_811);
    assert_eq!(
        source.issue(late).map(|_| ()),
        Err(CredentialError::Stale { seconds: 10 })
    );
}
