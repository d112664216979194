//! Keys as the openssl command writes them, good and bad.

use std::path::Path;
use std::process::Command;

use mqttkube_bridge::credential::{Algorithm, SigningKey};
use tempfile::TempDir;

/// Runs `openssl ARGUMENTS` in `folder`; openssl is part of every system these tests run on.
#[track_caller]
pub(crate) fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl")
        .args(arguments.split(' '))
        .current_dir(folder)
        .output()
        .expect("openssl starts");
    assert!(
        output.status.success(),
        "openssl {arguments}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

fn read(folder: &TempDir, name: &str) -> Vec<u8> {
    std::fs::read(folder.path().join(name)).expect("openssl wrote the file")
}

/// A key signs, and openssl verifies the signature with the public half.
#[track_caller]
fn check_good(folder: &TempDir, name: &str, pem: &[u8], algorithm: Algorithm) {
    let key = SigningKey::from_pem(pem).unwrap_or_else(|error| panic!("{name}: {error}"));
    assert_eq!(key.algorithm(), algorithm, "{name}");
    let signature = key.sign(b"a.b").expect("the system has randomness");
    let path = folder.path();
    std::fs::write(path.join("message"), b"a.b").expect("a scratch folder can be written");
    let signature = match algorithm {
        Algorithm::Es256 => der_signature(&signature),
        Algorithm::Rs256 => signature,
    };
    std::fs::write(path.join("signature"), signature).expect("a scratch folder can be written");
    std::fs::write(path.join("key.pem"), pem).expect("a scratch folder can be written");
    openssl(path, "pkey -in key.pem -pubout -out public.pem");
    openssl(
        path,
        "dgst -sha256 -verify public.pem -signature signature message",
    );
}

/// R and S of 32 bytes each as the DER sequence that openssl reads.
fn der_signature(raw: &[u8]) -> Vec<u8> {
    assert_eq!(raw.len(), 64, "an ES256 signature is 64 bytes");
    let integer = |bytes: &[u8]| {
        let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(31);
        let mut content = bytes[start..].to_vec();
        if content[0] >= 0x80 {
            content.insert(0, 0);
        }
        [vec![2, u8::try_from(content.len()).expect("short")], content].concat()
    };
    let content = [integer(&raw[..32]), integer(&raw[32..])].concat();
    [vec![0x30, u8::try_from(content.len()).expect("short")], content].concat()
}

#[test]
fn keys_of_every_form_sign_and_openssl_verifies() {
    let folder = TempDir::new().expect("a scratch folder");
    let path = folder.path();
    openssl(
        path,
        "ecparam -genkey -name prime256v1 -out ec-with-parameters.pem",
    );
    openssl(path, "ecparam -genkey -noout -name prime256v1 -out ec.pem");
    openssl(path, "pkcs8 -topk8 -nocrypt -in ec.pem -out ec8.pem");
    openssl(path, "genrsa -traditional -out rsa1.pem 2048");
    openssl(path, "pkcs8 -topk8 -nocrypt -in rsa1.pem -out rsa8.pem");
    let ec = ["ec-with-parameters.pem", "ec.pem", "ec8.pem"].map(|name| (name, Algorithm::Es256));
    let rsa = ["rsa1.pem", "rsa8.pem"].map(|name| (name, Algorithm::Rs256));
    for (name, algorithm) in ec.into_iter().chain(rsa) {
        let text = String::from_utf8(read(&folder, name)).expect("PEM is text");
        let windows = text.replace('\n', "\r\n");
        let talkative = format!("my key\n{text}\nkeep it secret\n");
        for text in [text, windows, talkative] {
            check_good(&folder, name, text.as_bytes(), algorithm);
        }
    }
}

#[track_caller]
fn check_bad(pem: &[u8], expected: &str) {
    let error = SigningKey::from_pem(pem).expect_err("a bad key is refused");
    assert_eq!(error.to_string(), expected);
}

#[test]
fn bad_keys_are_refused_by_name() {
    let folder = TempDir::new().expect("a scratch folder");
    let path = folder.path();
    openssl(path, "ecparam -genkey -noout -name secp384r1 -out p384.pem");
    openssl(path, "pkcs8 -topk8 -nocrypt -in p384.pem -out p384-8.pem");
    openssl(path, "ecparam -genkey -noout -name secp521r1 -out p521.pem");
    openssl(path, "ecparam -genkey -noout -name secp256k1 -out k1.pem");
    openssl(path, "genpkey -algorithm ed25519 -out ed.pem");
    openssl(path, "genpkey -algorithm x25519 -out x.pem");
    openssl(path, "genrsa -traditional -out rsa1024.pem 1024");
    openssl(path, "ecparam -genkey -noout -name prime256v1 -out ec.pem");
    openssl(path, "ec -in ec.pem -no_public -out ec-private-only.pem");
    openssl(path, "ec -in ec.pem -pubout -out public.pem");
    openssl(
        path,
        "pkcs8 -topk8 -in ec.pem -passout pass:secret -out encrypted.pem",
    );
    openssl(
        path,
        "ec -in ec.pem -aes128 -passout pass:secret -out old-encrypted.pem",
    );
    let good = String::from_utf8(read(&folder, "ec.pem")).expect("PEM is text");

    let curve = |name| {
        format!(
            "the key is on curve {name}; ES256 needs prime256v1 (P-256): openssl ecparam -genkey -name prime256v1"
        )
    };
    check_bad(&read(&folder, "p384.pem"), &curve("secp384r1 (P-384)"));
    check_bad(&read(&folder, "p384-8.pem"), &curve("secp384r1 (P-384)"));
    check_bad(&read(&folder, "p521.pem"), &curve("secp521r1 (P-521)"));
    check_bad(&read(&folder, "k1.pem"), &curve("secp256k1"));
    let kind = |name| {
        format!(
            "a key of type {name} cannot sign tokens; use EC prime256v1 (ES256) or RSA of 2048 bits or more (RS256)"
        )
    };
    check_bad(&read(&folder, "ed.pem"), &kind("Ed25519"));
    check_bad(&read(&folder, "x.pem"), &kind("X25519"));
    check_bad(
        &read(&folder, "rsa1024.pem"),
        "the RSA key is too short; RS256 needs 2048 bits or more",
    );
    check_bad(
        &read(&folder, "ec-private-only.pem"),
        "the EC key lacks its public half; write it with: openssl ec -in KEY -out WHOLE",
    );
    check_bad(
        &read(&folder, "public.pem"),
        "found `PUBLIC KEY` where a private key was expected",
    );
    for encrypted in ["encrypted.pem", "old-encrypted.pem"] {
        check_bad(
            &read(&folder, encrypted),
            "the key is encrypted; write it without a password: openssl pkcs8 -in KEY -out PLAIN -nocrypt -topk8",
        );
    }
    check_bad(b" \n", "the key file is empty");
    check_bad(
        b"hello",
        "no PEM section was found: a key begins with `-----BEGIN PRIVATE KEY-----`",
    );
    let cut = &good[..good.find("-----END").expect("it has an end")];
    check_bad(
        cut.as_bytes(),
        "the PEM section is damaged: its end marker is missing",
    );
    check_bad(
        good.replacen("MHc", "M*c", 1).as_bytes(),
        "the PEM section is damaged: its content is not base64",
    );
    check_bad(
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        "the PKCS#8 section holds no valid key (unknown algorithm)",
    );
}

#[test]
fn nothing_of_a_key_is_shown() {
    let key = SigningKey::from_pem(include_bytes!("../keys/rfc7515-a3.pem")).expect("the vector is a key");
    assert_eq!(format!("{key:?}"), "SigningKey(Es256, ..)");
}
