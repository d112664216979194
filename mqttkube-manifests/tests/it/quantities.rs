//! Quantities: exact amounts, order, and the forms that Kubernetes refuses.

use mqttkube_manifests::quantity::Quantity;
use proptest::prelude::*;

#[track_caller]
fn amount(text: &str) -> i128 {
    text.parse::<Quantity>()
        .unwrap_or_else(|error| panic!("{error}"))
        .billionths()
}

#[test]
fn amounts_are_exact() {
    const ONE: i128 = 1_000_000_000;
    for (text, expected) in [
        ("0", 0),
        ("1", ONE),
        ("100m", ONE / 10),
        ("0.1", ONE / 10),
        (".5", ONE / 2),
        ("5.", 5 * ONE),
        ("+1k", 1_000 * ONE),
        ("-1", -ONE),
        ("64Mi", 64 * 1024 * 1024 * ONE),
        ("1.5Gi", 3 * 512 * 1024 * 1024 * ONE),
        ("1e3", 1_000 * ONE),
        ("1E3", 1_000 * ONE),
        ("12E", 12_000_000_000_000_000_000 * ONE),
        ("1500e-3", 3 * ONE / 2),
        ("1n", 1),
    ] {
        assert_eq!(amount(text), expected, "{text}");
    }
}

#[test]
fn what_is_no_quantity_is_refused_with_a_reason() {
    for text in [
        "", "Mi", "12Qi", "1 Gi", "1,5", "1.2.3", "0x10", "1e", "--1", "∞", "1mi",
    ] {
        let error = text.parse::<Quantity>().expect_err(text).to_string();
        assert!(
            error.starts_with(&format!("`{text}` is no quantity; write a number with")),
            "{error}"
        );
    }
    let error = "64K".parse::<Quantity>().expect_err("K").to_string();
    assert_eq!(error, "`64K`: there is no suffix K; write k (1000) or Ki (1024)");
    for text in [
        "1e40",
        "0.1n",
        "1e-10",
        "1e999999999999",
        "99999999999999999999999999999999999999999",
    ] {
        assert!(text.parse::<Quantity>().is_err(), "{text}");
    }
}

#[test]
fn the_canonical_form_keeps_the_family() {
    for (text, expected) in [
        ("1024Mi", "1Gi"),
        ("1000m", "1"),
        ("1000M", "1G"),
        ("1.5Gi", "1536Mi"),
        ("0.0005", "500u"),
        ("0Mi", "0"),
    ] {
        let canonical = text.parse::<Quantity>().expect("it is a quantity").canonical();
        assert_eq!(canonical, expected, "{text}");
    }
}

#[test]
fn plain_numbers_of_yaml_are_quantities() {
    let read = |json: &str| {
        serde_json::from_str::<Quantity>(json)
            .map(|quantity| quantity.to_string())
            .ok()
    };
    assert_eq!(read("2").as_deref(), Some("2"));
    assert_eq!(read("0.5").as_deref(), Some("0.5"));
    assert_eq!(read("\"1Gi\"").as_deref(), Some("1Gi"));
    assert_eq!(read("true"), None);
}

proptest! {
    #[test]
    fn the_canonical_form_is_the_same_amount_and_a_fixed_point(number in -100_000i64..100_000, suffix in "(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti)?") {
        let quantity: Quantity = format!("{number}{suffix}").parse()?;
        let canonical: Quantity = quantity.canonical().parse()?;
        prop_assert_eq!(&canonical, &quantity);
        prop_assert_eq!(canonical.canonical(), quantity.canonical());
    }

    #[test]
    fn quantities_are_ordered_as_their_amounts(a in 0u32..5_000, b in 0u32..5_000) {
        let milli: Quantity = format!("{a}m").parse()?;
        let micro: Quantity = format!("{b}000u").parse()?;
        prop_assert_eq!(milli.cmp(&micro), a.cmp(&b));
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "[-+0-9.eEkKMmiGn]{0,50}|.{0,20}") {
        if let Ok(quantity) = text.parse::<Quantity>() {
            prop_assert_eq!(quantity.to_string(), text);
        }
    }
}
