//! Password, ACL and dynamic-security files.

use mqttkube_mosquitto::acl::AclFile;
use mqttkube_mosquitto::password::{PasswordFile, PasswordHash, UserName, derived_salt};
use proptest::prelude::*;

#[track_caller]
fn refuses_password(text: &str, message: &str) {
    assert_eq!(text.parse::<PasswordFile>().expect_err(text).to_string(), message);
}

#[test]
fn a_line_of_mosquitto_passwd_2_0_is_verified() {
    // Made by mosquitto_passwd 2.0.11 from the password "secret".
    let line = include_str!("passwd-2.0.11.txt");
    let file: PasswordFile = line.parse().expect("a password file");
    let hash = file.get("probe").expect("the user");
    assert_eq!(
        (hash.verify("secret"), hash.verify("Secret")),
        (Some(true), Some(false))
    );
    assert_eq!(file.to_string(), line);
}

#[test]
fn damaged_lines_are_named() {
    refuses_password("nobody", "a line must be a user, a colon and a hash");
    refuses_password(":$7$", "the user name \"\" is empty");
    refuses_password("u:plain", "the hash must begin with $7$, $6$ or $argon2id$");
    refuses_password(
        "u:$7$x$AQ==$AQ==",
        "the hash is damaged: the number of iterations",
    );
    refuses_password("u:$7$1$AQ==$AQ==", "the hash is damaged: the derived key");
    refuses_password("u:$7$1$AQ==", "the hash is damaged: the number of its parts");
}

#[test]
fn a_derived_salt_depends_on_key_user_and_password() {
    let user = |name: &str| name.parse::<UserName>().expect("a user name");
    let salt = derived_salt(b"key", &user("a"), "b");
    assert_eq!(salt, derived_salt(b"key", &user("a"), "b"));
    let others = [
        derived_salt(b"KEY", &user("a"), "b"),
        derived_salt(b"key", &user("b"), "b"),
        derived_salt(b"key", &user("a"), "c"),
        derived_salt(b"key", &user("ab"), ""),
    ];
    assert!(others.iter().all(|other| *other != salt));
}

#[test]
fn acl_lines_belong_to_the_user_above() {
    let text = "topic read public/#\n# rights\nuser a\ntopic a/#\ntopic deny a/secret\nuser b\ntopic write b\npattern read %u/#\n";
    let file: AclFile = text.parse().expect("an ACL file");
    let written = "pattern read %u/#\ntopic read public/#\nuser a\ntopic readwrite a/#\ntopic deny a/secret\nuser b\ntopic \
                   write b\n";
    assert_eq!(file.to_string(), written);
    let error = "user a\ntopic sometimes x\n"
        .parse::<AclFile>()
        .expect_err("no access");
    assert_eq!(
        error.to_string(),
        "line 2: \"sometimes\" is not one of read, write, readwrite, deny"
    );
}

proptest! {
    #[test]
    fn what_is_hashed_is_verified_and_survives_the_file(
        user in "[a-zA-Z0-9._@ -]{0,6}[a-z]", password in any::<String>(), salt in any::<[u8; 12]>(),
        iterations in 1_u32..50,
    ) {
        prop_assume!(user.trim() == user && !user.starts_with('#'));
        let hash = PasswordHash::new(&password, salt, iterations).expect("few iterations");
        prop_assert_eq!(hash.verify(&password), Some(true));
        prop_assert_eq!(hash.verify(&format!("{password}x")), Some(false));
        let mut file = PasswordFile::default();
        file.insert(user.parse().expect("a user name"), hash);
        prop_assert_eq!(file.to_string().parse::<PasswordFile>().expect("its own text"), file);
    }

    #[test]
    fn no_text_makes_a_reader_panic(text in "(user|topic|pattern|a|:|\\$7\\$|[ #%+/\\n\\t]|\\PC){0,40}") {
        let _ = text.parse::<AclFile>();
        let _ = text.parse::<PasswordFile>();
        let _ = mqttkube_mosquitto::lint(&text, mqttkube_mosquitto::Version::V2_1);
        let _ = mqttkube_mosquitto::lint_acl_file(&text);
        let _ = mqttkube_mosquitto::lint_dynsec(&text, mqttkube_mosquitto::Version::V2_0);
    }
}
