//! The numbers of a bridge in the text form of Prometheus.

use std::fmt::{Display, Write as _};

use mqttkube_bridge::credential::UnixTime;
use mqttkube_bridge::relay::{CredentialStatus, GatewayStatus, LaneStatus, Side, Status, StoreStatus};

/// The whole document.
pub(crate) fn text(
    status: &Status,
    credential: &CredentialStatus,
    store: Option<&StoreStatus>,
    gateway: Option<&GatewayStatus>,
    now: UnixTime,
) -> String {
    let mut page = Page::default();
    sides(&mut page, [("local", &status.local), ("cloud", &status.cloud)]);
    lanes(&mut page, [("out", &status.out), ("in", &status.incoming)], now);
    token(&mut page, credential, now);
    if let Some(store) = store {
        outbox(&mut page, store, now);
    }
    if let Some(gateway) = gateway {
        devices(&mut page, gateway);
    }
    page.0
}

/// A metric of one side: its name, its kind, what it says, and its value.
type SideMetric = (&'static str, &'static str, &'static str, fn(&Side) -> u64);

const SIDE_METRICS: [SideMetric; 9] = [
    (
        "connected",
        "gauge",
        "The broker has accepted the connection.",
        |side| side.online.into(),
    ),
    ("ready", "gauge", "Connected, and every filter granted.", |side| {
        side.ready().into()
    }),
    (
        "taken_over",
        "gauge",
        "Another client with the same id holds the session.",
        |side| side.taken_over.into(),
    ),
    (
        "takeovers_total",
        "counter",
        "How often another client took the session.",
        |side| side.takeovers,
    ),
    (
        "rollovers_total",
        "counter",
        "Connections replaced for new credentials, without being offline.",
        |side| side.rollovers,
    ),
    (
        "stale_files_total",
        "counter",
        "Connections made with TLS files or a password of before, because those of now cannot be read.",
        |side| side.stale_files,
    ),
    (
        "resumed_total",
        "counter",
        "Sessions taken up again: what their broker queued meanwhile, or dropped from a full queue, is unknown.",
        |side| side.resumed,
    ),
    (
        "sessions_lost_total",
        "counter",
        "Sessions that the broker had not kept, with all that was queued for them.",
        |side| side.sessions_lost,
    ),
    (
        "connections_total",
        "counter",
        "Connections since the start.",
        |side| side.connections,
    ),
];

fn sides(page: &mut Page, sides: [(&str, &Side); 2]) {
    for (metric, kind, help, value) in SIDE_METRICS {
        page.head(metric, kind, help);
        for (name, side) in sides {
            page.line(metric, &[("side", name)], value(side));
        }
    }
}

type Lanes<'a> = [(&'a str, &'a LaneStatus); 2];

/// A counter with nothing but the lane to tell it by.
fn count(page: &mut Page, lanes: Lanes<'_>, metric: &str, help: &str, value: fn(&LaneStatus) -> u64) {
    page.head(metric, "counter", help);
    for (name, lane) in lanes {
        page.line(metric, &[("lane", name)], value(lane));
    }
}

fn lanes(page: &mut Page, lanes: Lanes<'_>, now: UnixTime) {
    let help = "Messages that came from the source.";
    count(page, lanes, "received_total", help, |lane| lane.received);
    page.head(
        "forwarded_total",
        "counter",
        "Messages that the destination has acknowledged, by rule.",
    );
    for (name, lane) in lanes {
        for rule in &lane.rules {
            let labels = [("lane", name), ("rule", rule.rule.as_str())];
            page.line("forwarded_total", &labels, rule.forwarded);
        }
    }
    page.head(
        "dropped_total",
        "counter",
        "Messages that were not carried, by rule and reason; the rule is empty where none took it.",
    );
    for (name, lane) in lanes {
        for (rule, reason, count) in dropped(lane) {
            let labels = [("lane", name), ("rule", rule), ("reason", reason)];
            page.line("dropped_total", &labels, count);
        }
    }
    let help = "Response topics left out because no rule brings an answer back.";
    count(page, lanes, "answers_lost_total", help, |lane| lane.answers_lost);
    let help = "Dead letters that could not be handed to the local broker.";
    count(page, lanes, "dead_letters_lost_total", help, |lane| {
        lane.letters_lost
    });
    waiting(page, lanes, now);
}

fn waiting(page: &mut Page, lanes: Lanes<'_>, now: UnixTime) {
    page.head(
        "waiting_messages",
        "gauge",
        "Messages held that are not safe yet.",
    );
    for (name, lane) in lanes {
        page.line("waiting_messages", &[("lane", name)], lane.waiting);
    }
    page.head("waiting_bytes", "gauge", "Bytes of their topics and payloads.");
    for (name, lane) in lanes {
        page.line("waiting_bytes", &[("lane", name)], lane.waiting_bytes);
    }
    page.head("waiting_oldest_seconds", "gauge", "Age of the oldest of them.");
    for (name, lane) in lanes {
        page.line("waiting_oldest_seconds", &[("lane", name)], age(lane.oldest, now));
    }
}

/// Every drop once: by rule, and those that no rule had taken.
fn dropped(lane: &LaneStatus) -> Vec<(&str, &'static str, u64)> {
    let mut all = Vec::new();
    for (reason, total) in &lane.dropped {
        let mut rest = *total;
        for rule in &lane.rules {
            let own = rule.dropped.iter().filter(|(name, _)| name == reason);
            for (_, count) in own {
                rest = rest.saturating_sub(*count);
                all.push((rule.rule.as_str(), *reason, *count));
            }
        }
        if rest > 0 {
            all.push(("", *reason, rest));
        }
    }
    all
}

/// Seconds since a time in milliseconds.
fn age(since: Option<u64>, now: UnixTime) -> u64 {
    since.map_or(0, |since| now.0.saturating_sub(since / 1_000))
}

fn token(page: &mut Page, credential: &CredentialStatus, now: UnixTime) {
    if let Some(issued) = credential.issued {
        page.head(
            "token_age_seconds",
            "gauge",
            "Since the newest credential was issued.",
        );
        page.line("token_age_seconds", &[], now.0.saturating_sub(issued));
    }
    if let Some(expires) = credential.expires {
        page.head(
            "token_expiry_timestamp_seconds",
            "gauge",
            "When the newest credential ends.",
        );
        page.line("token_expiry_timestamp_seconds", &[], expires);
    }
    page.head("token_refreshes_total", "counter", "Credentials issued, or not.");
    for (result, count) in [("issued", credential.issues), ("failed", credential.failures)] {
        page.line("token_refreshes_total", &[("result", result)], count);
    }
    page.head(
        "token_answers_total",
        "counter",
        "What the cloud said to credentials.",
    );
    for (result, count) in [("accepted", credential.accepted), ("refused", credential.refused)] {
        page.line("token_answers_total", &[("result", result)], count);
    }
    page.head(
        "token_refresh_ok",
        "gauge",
        "The last attempt to issue one succeeded.",
    );
    page.line(
        "token_refresh_ok",
        &[],
        u8::from(credential.last_failure.is_none()),
    );
}

fn devices(page: &mut Page, gateway: &GatewayStatus) {
    page.head("attached", "gauge", "The device is attached through the gateway.");
    for device in &gateway.devices {
        page.line("attached", &[("device", &device.id)], u8::from(device.attached));
    }
    page.head(
        "gateway_errors_total",
        "counter",
        "Errors that the cloud has reported.",
    );
    page.line("gateway_errors_total", &[], gateway.errors);
}

fn outbox(page: &mut Page, store: &StoreStatus, now: UnixTime) {
    page.head(
        "outbox_messages",
        "gauge",
        "Messages that are stored and have not arrived.",
    );
    for (lane, messages) in ["out", "in"].into_iter().zip(store.messages) {
        page.line("outbox_messages", &[("lane", lane)], messages);
    }
    page.head("outbox_bytes", "gauge", "Bytes of their topics and payloads.");
    page.line("outbox_bytes", &[], store.bytes);
    page.head("outbox_oldest_seconds", "gauge", "Age of the oldest of them.");
    for (lane, oldest) in ["out", "in"].into_iter().zip(store.oldest) {
        page.line("outbox_oldest_seconds", &[("lane", lane)], age(oldest, now));
    }
    page.head(
        "outbox_failing",
        "gauge",
        "The store cannot be written at the moment.",
    );
    page.line("outbox_failing", &[], u8::from(store.failing));
    page.head(
        "outbox_dropped_total",
        "counter",
        "Messages dropped for want of room.",
    );
    page.line("outbox_dropped_total", &[], store.dropped);
}

/// Text in the making. A library for this form would bring a registry of its own beside the numbers that are there.
#[derive(Default)]
struct Page(String);

impl Page {
    const PREFIX: &str = "cloud_bridge_";

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let prefix = Self::PREFIX;
        // Writing into a String cannot fail.
        let _ = writeln!(
            self.0,
            "# HELP {prefix}{name} {help}\n# TYPE {prefix}{name} {kind}"
        );
    }

    fn line(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<String> = labels
            .iter()
            .map(|(label, text)| format!("{label}=\"{}\"", escaped(text)))
            .collect();
        let labels = if labels.is_empty() {
            String::new()
        } else {
            format!("{{{}}}", labels.join(","))
        };
        let _ = writeln!(self.0, "{}{name}{labels} {value}", Self::PREFIX);
    }
}

/// A label's value as the form wants it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_cannot_break_out_of_its_line() {
        let mut page = Page::default();
        page.line("x", &[("rule", "a\"b\\c\nd")], 1);
        assert_eq!(page.0, "cloud_bridge_x{rule=\"a\\\"b\\\\c\\nd\"} 1\n");
    }
}
