//! `passwd`.

use std::path::Path;

use mqttkube_mosquitto::password::PasswordFile;

use crate::program::{run, text};

#[test]
fn a_line_holds_the_password_that_was_given() {
    let output = run(Path::new("/"), &["passwd", "sensor"], "open sesame\r\nnot this\n");
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let line = text(&output.stdout);
    let file: PasswordFile = line.parse().expect("a password file");
    let hash = file.get("sensor").expect("the user");
    assert_eq!(hash.verify("open sesame"), Some(true), "{line}");
    assert!(
        line.starts_with("sensor:$7$1000$") && line.ends_with("==\n"),
        "{line}"
    );
    let again = run(Path::new("/"), &["passwd", "sensor"], "open sesame\n");
    assert_ne!(text(&again.stdout), line, "the salt is new every time");
}

#[test]
fn what_the_version_and_the_rounds_mean_is_said_beside_the_line() {
    let args = ["passwd", "panel", "--mosquitto", "2.1", "--iterations", "100000"];
    let output = run(Path::new("/"), &args, "open sesame");
    let notes = text(&output.stderr);
    assert!(text(&output.stdout).starts_with("panel:$7$100000$"));
    assert!(
        notes.contains("stands still for about 80ms") && notes.contains("symbolic link"),
        "{notes}"
    );
    assert!(!notes.contains("sesame"));
}

#[test]
fn a_password_is_never_an_argument_nor_empty_and_names_are_checked() {
    for (args, input, expected) in [
        (&["passwd", "sensor", "swordfish"][..], "", "unexpected argument"),
        (&["passwd", "a:b"], "x", "user name"),
        (&["passwd", "sensor"], "", "the password is empty"),
        (
            &["passwd", "sensor", "--iterations", "2000000"],
            "x",
            "would stall the broker",
        ),
    ] {
        let output = run(Path::new("/"), args, input);
        assert!(!output.status.success() && output.stdout.is_empty(), "{args:?}");
        assert!(
            text(&output.stderr).contains(expected),
            "{}",
            text(&output.stderr)
        );
    }
}
