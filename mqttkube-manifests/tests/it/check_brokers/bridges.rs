//! Bridges that run in circles, carry twice, or take in their own.

use mqttkube_manifests::check::rules;

use super::Edit::Text;
use super::{Case, DATA};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new(
            &rules::BRIDGE_LOOP,
            vec![Text(
                "ConfigMap/hub",
                DATA,
                "listener 1883\n",
                "listener 1883\nconnection back\naddress spoke:1883\nremote_clientid hub\ntopic # both 1\n",
            )],
            "(topic `",
        ),
        Case::new(
            &rules::SEVERAL_COPIES,
            vec![Text(
                "ConfigMap/spoke",
                DATA,
                "topic # both 1\n",
                "topic x out 1\nconnection second\naddress hub\nremote_clientid spoke2\nlocal_clientid local.spoke2\ntopic x out 1\n",
            )],
            "topic `x`",
        ),
        Case::new(
            &rules::BRIDGE_ECHO,
            vec![
                Text(
                    "ConfigMap/spoke",
                    DATA,
                    "hub.mqtt.svc:1883",
                    "elsewhere.example.org",
                ),
                Text(
                    "ConfigMap/spoke",
                    DATA,
                    "topic # both 1",
                    "try_private false\ntopic # both 1",
                ),
            ],
            "is taken in again",
        ),
        Case::new(
            &rules::TOPOLOGY_UNDECIDED,
            vec![
                Text("ConfigMap/hub", DATA, "listener 1883\n", tangle()),
                Text("ConfigMap/spoke", DATA, "topic # both 1\n", other_tangle()),
            ],
            "",
        ),
    ]
}

/// So many rules on both sides that not every pair of them can be followed.
fn tangle() -> &'static str {
    static TEXT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        let head = "listener 1883\nconnection back\naddress spoke:1883\nremote_clientid hub\n";
        (0..70).fold(head.to_owned(), |text, number| {
            text + &format!("topic +/x{number}/# both 1\n")
        })
    });
    &TEXT
}

fn other_tangle() -> &'static str {
    static TEXT: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
        (0..70).fold(String::new(), |text, number| {
            text + &format!("topic y{number}/# both 1\n")
        })
    });
    &TEXT
}
