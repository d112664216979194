//! The hash in the pod's annotation, which replaces the pod when it changes.

use mqttkube_mosquitto::password::{DEFAULT_ITERATIONS, PasswordHash, derived_salt};

/// FNV-1a over 64 bits: the same on every machine, and only there to differ when the text does.
pub(super) fn digest(text: &str) -> String {
    let fold = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    format!("{:016x}", text.bytes().fold(0xcbf2_9ce4_8422_2325, fold))
}

/// What stands for a password in what is hashed. The hash of the pod's annotation can be read by more people than the
/// Secret, so trying passwords out against it must cost as much as against a password file, and only few bits of it go in.
pub(super) fn slow_digest(password: &str) -> String {
    let user = "bridge".parse().expect("the literal is a user name");
    let salt = derived_salt(b"mqttkube", &user, password);
    let hash =
        PasswordHash::new(password, salt, DEFAULT_ITERATIONS).expect("the number of rounds is allowed");
    digest(&hash.to_string())[..4].to_owned()
}
