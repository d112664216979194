//! Bridges that a script writes at start: charts join replicas in this way, because a replica learns its number only then.

use mqttkube_mosquitto::TopicRule;

use super::{Broker, items};
use crate::check::pod::{Container, Pod};

/// Bridges from every replica to every other one.
pub(super) struct Peers {
    pub(super) rules: Vec<TopicRule>,
    /// The script, as the path of a finding.
    pub(super) path: String,
}

/// The bridges of a script in the pod whose text names the brokers themselves.
pub(super) fn peers(pod: &Pod<'_>, names: &[&str]) -> Option<Peers> {
    pod.containers()
        .find_map(|container| of_container(pod, &container, names))
}

fn of_container(pod: &Pod<'_>, container: &Container<'_>, names: &[&str]) -> Option<Peers> {
    for member in ["command", "args"] {
        for (index, text) in items(&container.value[member]).enumerate() {
            let text = text.as_str().unwrap_or_default();
            let rules = rules(text);
            // Which of them it is only the shell knows: `name-$i`.
            let itself = |name: &&str| text.contains(&format!("{name}-$"));
            if !rules.is_empty() && names.iter().any(itself) {
                let path = container.path(pod, &format!("{member}[{index}]"));
                return Some(Peers { rules, path });
            }
        }
    }
    None
}

/// The `topic` lines behind a `connection` line, in a text that a shell prints: with line breaks, or with `\n` for them.
fn rules(text: &str) -> Vec<TopicRule> {
    let text = text.replace("\\n", "\n");
    let lines = text.lines().map(str::trim);
    let bridge = lines.skip_while(|line| !line.starts_with("connection "));
    let topics = bridge.filter_map(|line| line.strip_prefix("topic "));
    topics.filter_map(|rule| rule.parse().ok()).collect()
}

impl Broker<'_> {
    /// The bridges that a script adds to the configuration.
    pub(super) fn peers(&self) -> Option<Peers> {
        let configuration = self.config.as_ref().filter(|config| config.template)?;
        // What the text itself has is looked at as it stands.
        if !configuration.document.config.connections.is_empty() {
            return None;
        }
        let services = self.services.iter().map(|service| service.name());
        let names: Vec<&str> = std::iter::once(self.pod.object.name()).chain(services).collect();
        peers(self.pod, &names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_are_found_in_what_is_printed_and_in_what_is_written_out() {
        let texts = |text: &str| rules(text).iter().map(ToString::to_string).collect::<Vec<_>>();
        let printed = r"printf '\nconnection %s\naddress %s\ntopic # both 1\ntopic a in\n' x y >> f";
        assert_eq!(texts(printed), ["# both 1", "a in 0"]);
        let written = "cat >> f <<EOF\nconnection c\n  topic b/# out 1\nEOF\n";
        assert_eq!(texts(written), ["b/# out 1"]);
        assert_eq!(texts("topic # both 1\n"), Vec::<String>::new());
    }
}
