//! Names: tables of good and bad ones with the exact message, and laws over random text.

use std::fmt::{Debug, Display};
use std::str::FromStr;

use mqttkube_manifests::name::{
    AbsolutePath, Budget, ConfigKey, DnsLabel, DnsSubdomain, ImageRef, LabelKey, LabelValue, NodePort, Port,
    PortName, ServiceName, StatefulSetName,
};
use proptest::prelude::*;

#[track_caller]
fn good<T: FromStr<Err: Debug> + Display>(texts: &[&str]) {
    for text in texts {
        assert_eq!(
            text.parse::<T>()
                .unwrap_or_else(|error| panic!("{text}: {error:?}"))
                .to_string(),
            *text
        );
    }
}

#[track_caller]
fn bad<T: FromStr<Err: Display> + Debug>(text: &str, expected: &str) {
    assert_eq!(
        text.parse::<T>().expect_err("it is refused").to_string(),
        expected
    );
}

#[test]
fn labels_and_subdomains() {
    let longest = "a".repeat(63);
    good::<DnsLabel>(&["a", "0", "a-b", "mosquitto-0", &longest]);
    bad::<DnsLabel>("", "`` is no DNS label: it is empty");
    bad::<DnsLabel>(
        "Mqtt",
        "`Mqtt` is no DNS label: character `M` at 0; lower-case letters, digits and `-` are allowed",
    );
    bad::<DnsLabel>(
        "a.b",
        "`a.b` is no DNS label: character `.` at 1; lower-case letters, digits and `-` are allowed",
    );
    bad::<DnsLabel>(
        "zä",
        "`zä` is no DNS label: character `ä` at 1; lower-case letters, digits and `-` are allowed",
    );
    bad::<DnsLabel>(
        "a-",
        "`a-` is no DNS label: `-` at 1: it must begin and end with a letter or digit",
    );
    let long = "a".repeat(64);
    bad::<DnsLabel>(
        &long,
        &format!("`{long}` is no DNS label: it has 64 characters, 63 are allowed"),
    );
    let four = [longest.as_str(); 3].join(".") + ".a";
    good::<DnsSubdomain>(&["a.b.c", "example.com", &four]);
    bad::<DnsSubdomain>(
        "a..b",
        "`a..b` is no DNS subdomain: `.` at 2: it must begin and end with a letter or digit",
    );
    bad::<DnsSubdomain>(
        "a.\n",
        "`a.\\n` is no DNS subdomain: character `\\n` at 2; lower-case letters, digits and `-` are allowed",
    );
    bad::<ServiceName>("1a", "`1a` is no Service name: it must begin with a letter");
    bad::<StatefulSetName>(
        &"a".repeat(53),
        &format!(
            "`{}` is no StatefulSet name: it has 53 characters, 52 are allowed",
            "a".repeat(53)
        ),
    );
}

#[test]
fn ports_and_their_names() {
    good::<PortName>(&["mqtt", "a", "8883-tls", "websocket-secu"]);
    bad::<PortName>("1883", "`1883` is no port name: it needs at least one letter");
    bad::<PortName>("a--b", "`a--b` is no port name: `--` at 1");
    bad::<PortName>(
        "websocket-secure",
        "`websocket-secure` is no port name: it has 16 characters, 15 are allowed",
    );
    good::<Port>(&["1", "65535"]);
    bad::<Port>("0", "`0` is no port; write 1 to 65535");
    bad::<Port>("65536", "`65536` is no port; write 1 to 65535");
    bad::<Port>("http", "`http` is no port; write 1 to 65535");
    good::<NodePort>(&["30000", "32767"]);
    bad::<NodePort>("1883", "`1883` is no node port; write 30000 to 32767");
}

#[test]
fn keys_labels_and_paths() {
    good::<ConfigKey>(&["mosquitto.conf", "tls.crt", "A_b-c.D", ".hidden", "a..b"]);
    bad::<ConfigKey>("..", "`..` is no data key: `.` and `..` are not allowed");
    bad::<ConfigKey>("..data", "`..data` is no data key: `.` and `..` are not allowed");
    bad::<ConfigKey>(
        "a/b",
        "`a/b` is no data key: character `/` at 1; letters, digits, `-`, `_` and `.` are allowed",
    );
    good::<LabelKey>(&["app", "app.kubernetes.io/name", "A_b.c"]);
    bad::<LabelKey>(
        "a/b/c",
        "`a/b/c` is no label key: one `/` at most, between the prefix and the name",
    );
    bad::<LabelKey>("example.com/", "`example.com/` is no label key: it is empty");
    bad::<LabelKey>("/name", "`/name` is no label key: it is empty");
    good::<LabelValue>(&["", "a", "2.0.22", "A_b"]);
    bad::<LabelValue>(
        "-a",
        "`-a` is no label value: `-` at 0: it must begin and end with a letter or digit",
    );
    good::<AbsolutePath>(&["/", "/mosquitto/config", "/a b"]);
    bad::<AbsolutePath>("etc", "`etc` is no absolute path: it must begin with `/`");
    bad::<AbsolutePath>("/a/../b", "`/a/../b` is no absolute path: `..` is not allowed");
    bad::<AbsolutePath>("/a/..", "`/a/..` is no absolute path: `..` is not allowed");
    let folder: AbsolutePath = "/mosquitto/config/".parse().expect("it is absolute");
    assert_eq!(
        folder.join(&ConfigKey::literal("passwd")).as_str(),
        "/mosquitto/config/passwd"
    );
}

#[test]
fn images_need_a_tag_or_a_digest() {
    let digest = format!("sha256:{}", "0a".repeat(32));
    let with = |name: &str| format!("{name}@{digest}");
    good::<ImageRef>(&[
        "eclipse-mosquitto:2.0.22",
        "docker.io/library/eclipse-mosquitto:2.0.22",
        "localhost:5000/a/b:1",
        "registry.example.com:443/x:_v1",
        &with("eclipse-mosquitto"),
        &with("eclipse-mosquitto:2.0"),
    ]);
    let missing = "it has neither a tag nor a digest; write for example `name:2.0.22`";
    bad::<ImageRef>(
        "eclipse-mosquitto",
        &format!("`eclipse-mosquitto` is no image: {missing}"),
    );
    bad::<ImageRef>(
        "localhost:5000/a",
        &format!("`localhost:5000/a` is no image: {missing}"),
    );
    bad::<ImageRef>(
        "A:1",
        "`A:1` is no image: a repository is lower-case letters and digits, joined by `-`, `_`, `.` and `/`",
    );
    bad::<ImageRef>(
        "a:",
        "`a:` is no image: a tag is up to 128 letters, digits, `-`, `_` and `.`",
    );
    bad::<ImageRef>(
        "a@sha256:1",
        "`a@sha256:1` is no image: a digest is `sha256:` and 64 lower-case hexadecimal digits",
    );
    let latest: ImageRef = "a:latest".parse().expect("it has a tag");
    assert!(
        latest.is_floating()
            && !with("a:latest")
                .parse::<ImageRef>()
                .expect("it has a digest")
                .is_floating()
    );
}

#[test]
fn a_derived_name_says_how_long_the_given_one_may_be() {
    const HEADLESS: Budget = Budget::new("-headless");
    let base: ServiceName = "a".repeat(55).parse().expect("55 characters fit");
    let error = HEADLESS.service(&base).expect_err("64 characters do not");
    assert!(
        error
            .to_string()
            .ends_with("has 64 characters, 63 are allowed; shorten it to 54"),
        "{error}"
    );
    let fits: ServiceName = "a".repeat(54).parse().expect("54 characters fit");
    assert_eq!(HEADLESS.service(&fits).map(|name| name.as_str().len()), Ok(63));
}

/// The rule of RFC 1123 in other words than the code's, without its length.
fn is_dns_label(text: &str) -> bool {
    let inside = text.chars().all(|c| matches!(c, 'a'..='z' | '0'..='9' | '-'));
    !text.is_empty() && inside && !text.starts_with('-') && !text.ends_with('-')
}

proptest! {
    #[test]
    fn a_label_is_accepted_exactly_by_the_rule(text in "[a-z0-9.A-]{0,5}|[a-z-]{60,66}|.{0,4}") {
        prop_assert_eq!(text.parse::<DnsLabel>().is_ok(), text.len() <= 63 && is_dns_label(&text));
        // Kubernetes limits a subdomain as a whole, not its labels.
        let subdomain = text.len() <= 253 && text.split('.').all(is_dns_label);
        prop_assert_eq!(text.parse::<DnsSubdomain>().is_ok(), subdomain);
    }

    #[test]
    fn no_text_makes_a_parser_panic_and_every_message_names_it(text in ".{0,80}") {
        let errors = [
            text.parse::<LabelKey>().err().map(|error| error.to_string()),
            text.parse::<ConfigKey>().err().map(|error| error.to_string()),
            text.parse::<AbsolutePath>().err().map(|error| error.to_string()),
            text.parse::<PortName>().err().map(|error| error.to_string()),
            text.parse::<ImageRef>().err().map(|error| error.to_string()),
        ];
        for error in errors.into_iter().flatten() {
            let shown = text.escape_debug().to_string();
            prop_assert!(error.contains(&shown), "{}", error);
        }
    }

    #[test]
    fn an_image_reads_back_as_it_was_written(text in "([a-z]{1,5}(\\.io)?(:5000)?/)?[a-z]{1,6}(/[a-z0-9]{1,4})?:[a-z0-9.]{1,5}") {
        if let Ok(image) = text.parse::<ImageRef>() {
            prop_assert_eq!(image.to_string(), text);
        }
    }
}
