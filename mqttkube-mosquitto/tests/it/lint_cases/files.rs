//! The files about users and rights: passwords, ACL, dynamic security.

use mqttkube_mosquitto::Version::{V2_0, V2_1};

use super::Case;

pub(crate) const SALT_64: &str = "u:$7$101$AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ==$\
AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ==\n";
const GOOD: &str = "u:$7$101$AQEBAQEBAQEBAQEB$\
AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ==\n";
const SLOW: &str = "u:$7$100000$AQEBAQEBAQEBAQEB$\
AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ==\n";
const SHA512: &str = "u:$6$AQEBAQEBAQEBAQEB$\
AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ==\n";

pub(crate) fn password_cases() -> Vec<Case> {
    let twice = GOOD.repeat(2).leak();
    vec![
        ("password-line", V2_1, "# users\nu:open-text\n", 2, GOOD),
        ("password-twice", V2_1, twice, 2, GOOD),
        ("password-salt", V2_0, SALT_64, 1, GOOD),
        (
            "password-argon2",
            V2_0,
            "u:$argon2id$v=19$m=47104,t=1,p=1$c2FsdA$a2V5\n",
            1,
            GOOD,
        ),
        ("password-old-hash", V2_0, SHA512, 1, GOOD),
        ("password-cost", V2_0, SLOW, 1, GOOD),
    ]
}

/// Of the files that are named only `/there` is there.
pub(crate) const NAMED: &[Case] = &[
    (
        "missing-file",
        V2_0,
        "connection c\nbridge_cafile /away\nbridge_certfile /there\n",
        2,
        "connection c\nbridge_cafile /there\nbridge_alpn /away\n",
    ),
    (
        "missing-file",
        V2_1,
        "listener 1883\npassword_file  /away \n",
        2,
        "listener 1883\npassword_file  /there \n",
    ),
];

pub(crate) const ACL: &[Case] = &[
    ("acl-line", V2_0, "user u\nallow a/#\n", 2, "user u\ntopic a/#\n"),
    (
        "acl-pattern-under-user",
        V2_0,
        "user u\npattern read c/%c\n",
        2,
        "pattern read c/%c\nuser u\n",
    ),
    (
        "acl-partial-level",
        V2_0,
        "pattern read c/x%c\n",
        1,
        "pattern read c/%c\n",
    ),
    (
        "acl-plain-pattern",
        V2_0,
        "pattern read #\n",
        1,
        "pattern read %u/#\n",
    ),
    (
        "acl-literal-name",
        V2_0,
        "topic read c/%c\n",
        1,
        "pattern read c/%c\n",
    ),
];

pub(crate) fn dynsec_cases() -> Vec<Case> {
    let good =
        r#"{"clients":[{"username":"u","password":"KEY","salt":"AQEBAQEBAQEBAQEB","iterations":101}]}"#;
    let key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQ==";
    let good: &str = good.replace("KEY", key).leak();
    vec![
        ("dynsec-shape", V2_0, "{", 1, good),
        (
            "dynsec-reference",
            V2_0,
            r#"{"anonymousGroup":"nobody"}"#,
            1,
            good,
        ),
        (
            "dynsec-hash",
            V2_0,
            "{\"clients\":[\n{\"username\":\"u\"}]}",
            2,
            good,
        ),
        (
            "dynsec-encoded",
            V2_0,
            r#"{"clients":[{"username":"u","encoded_password":"$7$"}]}"#,
            1,
            good,
        ),
        (
            "dynsec-literal-name",
            V2_0,
            r#"{"roles":[{"rolename":"r","acls":[{"acltype":"subscribeLiteral","topic":"%c","allow":true}]}]}"#,
            1,
            r#"{"roles":[{"rolename":"r","acls":[{"acltype":"subscribePattern","topic":"%c","allow":true}]}]}"#,
        ),
    ]
}
