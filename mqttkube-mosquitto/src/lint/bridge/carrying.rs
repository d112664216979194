//! What the rules of one bridge carry: subscriptions that it takes back, QoS 2, and how much is under way. Rules
//! against each other are the business of [`crate::analysis`].

use crate::lint::{Check, Code};
use crate::read::Section;
use crate::setting::Ranged;
use crate::{Connection, TopicRule, Way};

impl Check<'_> {
    pub(super) fn carrying(&mut self, section: Section, bridge: &Connection) {
        let Section::Connection(index) = section else {
            return;
        };
        let lines = self.document.rule_lines(index);
        self.quoted(bridge, &lines);
        self.takes_back(bridge, &lines);
        let twice = bridge.rules.iter().position(|rule| rule.qos() == 2);
        if let Some(line) = twice.and_then(|rule| lines.get(rule).copied()) {
            let message = "messages of QoS 2 have stuck after a reconnection, or come for ever (issues 2165, 3275 of Mosquitto)";
            self.say(
                Code::BridgeQos2,
                line,
                message,
                "write QoS 1, and let receivers take a message twice",
            );
        }
        let inflight = self.config.global.max_inflight_messages.map_or(20, Ranged::get);
        let acknowledged = bridge
            .rules
            .iter()
            .any(|rule| rule.qos() > 0 && rule.goes(Way::Out));
        if acknowledged && (1..20).contains(&inflight) {
            let line = self.line(Section::Broker, "max_inflight_messages");
            let message = format!(
                "one acknowledgement that never comes holds up a {inflight}th of the bridge until it reconnects"
            );
            self.say(
                Code::BridgeInflight,
                line,
                message,
                "write `max_inflight_messages 20` or more",
            );
        }
    }

    /// A pattern with a blank can only have been quoted.
    fn quoted(&mut self, bridge: &Connection, lines: &[usize]) {
        let quoted = |rule: &TopicRule| !self.version.quotes_patterns() && rule.pattern().contains(' ');
        let found = bridge.rules.iter().zip(lines).filter(|(rule, _)| quoted(rule));
        for (rule, line) in found.collect::<Vec<_>>() {
            let message = format!(
                "2.0 takes the quotes for a part of the pattern `{}`, and what follows the blank for the direction",
                rule.pattern()
            );
            let help = "write `+` for the level with the blank, or use Mosquitto 2.1";
            self.say(Code::BridgeQuotedPattern, *line, message, help);
        }
    }

    /// At every connection a bridge goes through its rules in order, and sends SUBSCRIBE for those that bring messages in
    /// and UNSUBSCRIBE for the others.
    fn takes_back(&mut self, bridge: &Connection, lines: &[usize]) {
        if bridge.options.attempt_unsubscribe == Some(false) {
            return;
        }
        for (place, rule) in bridge.rules.iter().enumerate() {
            let filter = rule.filter_text(Way::In);
            let same = |other: &TopicRule| other.goes(Way::In) && other.filter_text(Way::In) == filter;
            if rule.goes(Way::In) || !bridge.rules[..place].iter().any(same) {
                continue;
            }
            let message = format!(
                "the bridge sends UNSUBSCRIBE for `{filter}` of this rule after an earlier rule has subscribed to it: nothing comes in"
            );
            self.say(
                Code::BridgeUnsubscribesIn,
                lines.get(place).copied().unwrap_or_default(),
                message,
                "write `bridge_attempt_unsubscribe false`, or put this rule before the other",
            );
        }
    }
}
