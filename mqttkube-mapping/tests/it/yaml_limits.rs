//! YAML that is too large, too deep, or grows by its aliases.

use mqttkube_mapping::yaml::{self, Limits, Loader};

use super::yaml::check_errors;

#[test]
fn a_billion_laughs_end_at_the_budget() {
    let mut text = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n".to_owned();
    for level in 1..=10 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        text += &format!("a{level}: &a{level} [{aliases}]\n");
    }
    let errors = yaml::parse(&text, "f", "")
        .expect_err("it is too much")
        .to_string();
    assert!(
        errors.contains(": error: the file holds more than 1000000 values"),
        "{errors}"
    );
    let long = format!(
        "a: &a {}\nb: [{}]\n",
        "x".repeat(10_000),
        vec!["*a"; 9000].join(", ")
    );
    let errors = yaml::parse(&long, "f", "")
        .expect_err("it is too much")
        .to_string();
    assert!(errors.contains("longer than 16777216 bytes"), "{errors}");
    let many = format!("a: &a 1\nb: [{}]\n", vec!["*a"; 10_001].join(", "));
    let errors = yaml::parse(&many, "f", "")
        .expect_err("it is too much")
        .to_string();
    assert!(errors.contains("more than 10000 aliases"), "{errors}");
    check_errors(
        "a: &a [*a]\n",
        &["f:1:8: error: the alias stands inside of what it stands for"],
    );
}

#[test]
fn depth_is_limited_on_every_way_down() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    assert!(yaml::parse(&nested(32), "f", "").is_ok());
    check_errors(
        &nested(33),
        &["f:1:33: error: lists and mappings are nested deeper than 32"],
    );
    let by_alias = format!(
        "a: &a {}\nb: {}*a{}\n",
        nested(16),
        "[".repeat(16),
        "]".repeat(16)
    );
    let errors = yaml::parse(&by_alias, "f", "")
        .expect_err("it is too deep")
        .to_string();
    assert!(
        errors.starts_with("f:2:20: error: lists and mappings are nested deeper"),
        "{errors}"
    );
}

#[test]
fn no_nesting_overflows_a_small_stack() {
    let work = || {
        let block: String = (0..2000)
            .map(|depth| format!("{}a:\n", " ".repeat(depth)))
            .collect();
        for text in [
            "[".repeat(200_000),
            "{a: ".repeat(100_000),
            "- ".repeat(100_000),
            "? ".repeat(100_000),
            block,
        ] {
            assert!(yaml::parse(&text, "f", "").is_err());
        }
        let limits = || {
            let mut limits = Limits::default();
            limits.depth = usize::MAX;
            limits
        };
        let deep = format!("{}1{}", "[".repeat(128), "]".repeat(128));
        let tree = Loader::new("f", "")
            .limits(limits())
            .parse(&deep)
            .expect("128 are allowed");
        assert!(tree.root().to_json().is_ok());
        assert!(
            Loader::new("f", "")
                .limits(limits())
                .parse(&format!("[{deep}]"))
                .is_err()
        );
    };
    let thread = std::thread::Builder::new()
        .stack_size(512 * 1024)
        .spawn(work)
        .expect("a thread starts");
    thread.join().expect("no overflow");
}

#[test]
fn files_that_are_too_large_are_refused_unread() {
    let errors = yaml::parse(&" ".repeat((16 << 20) + 1), "f", "")
        .expect_err("it is too much")
        .to_string();
    assert_eq!(
        errors,
        "f:1:1: error: the file has 16777217 bytes, more than the 16777216 allowed"
    );
}
