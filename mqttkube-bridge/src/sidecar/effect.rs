//! Whether a bridge came up with what its broker was told: Mosquitto publishes, retained, whether each of its bridges is
//! connected.

use std::time::{Duration, Instant};

use mqttkube_mosquitto::setting::{Ranged, RestartTimeout};
use mqttkube_mosquitto::{Config, Connection};
use mqttkube_mqtt::{Event, Options, Subscription, connect};
use tokio::sync::{Notify, watch};

use super::{Status, TOKEN, Template, Values};

/// The state of one bridge: where it is published, and how long it may be down before its token is doubted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BridgeState {
    /// The topic at the broker beside us.
    pub topic: String,
    /// Twice the longest pause between two attempts of the bridge, and 5 s.
    pub patience: Duration,
}

impl BridgeState {
    /// The state of the bridge in a template that gets the token. `None` where none is published (`notifications false`)
    /// or its topic depends on the name of a host.
    #[must_use]
    pub fn of(template: &Template, values: &Values) -> Option<Self> {
        // The placeholder stands for itself.
        let text = template.render(values, TOKEN).ok()?;
        let config = Config::read(&text).config;
        let bridge = config.connections.iter().find(|bridge| {
            let password = bridge.options.remote_password.as_ref();
            password.is_some_and(|password| password.reveal() == TOKEN)
        })?;
        Self::of_bridge(bridge)
    }

    fn of_bridge(bridge: &Connection) -> Option<Self> {
        let options = &bridge.options;
        if options.notifications == Some(false) {
            return None;
        }
        let topic = match (&options.notification_topic, &options.remote_clientid) {
            (Some(topic), _) => topic.as_str().to_owned(),
            (None, Some(id)) => format!("$SYS/broker/connection/{}/state", id.as_str()),
            (None, None) => return None,
        };
        let pause = options.restart_timeout.map_or(DEFAULT_PAUSE, longest);
        Some(Self {
            topic,
            patience: Duration::from_secs(2 * pause + 5),
        })
    }
}

/// Mosquitto's own: 5 to 30 s.
const DEFAULT_PAUSE: u64 = 30;

/// The longest pause between two attempts, in seconds.
fn longest(timeout: RestartTimeout) -> u64 {
    let seconds = timeout.cap.map_or(timeout.base.get(), Ranged::get);
    u64::try_from(seconds).unwrap_or(DEFAULT_PAUSE)
}

/// When a token is doubted. Pure: once while the bridge is down without a break, and not before it was given time. A
/// second new token would not help where one did not, and each costs the connections of all local clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Doubt {
    down: Option<Instant>,
    spent: bool,
}

impl Doubt {
    /// The broker says that the bridge is up or down, or cannot be asked.
    pub(super) fn hear(&mut self, up: Option<bool>, now: Instant) {
        match up {
            Some(true) => *self = Self::default(),
            Some(false) => self.down = self.down.or(Some(now)),
            None => self.down = None,
        }
    }

    /// When it is time for another token, unless something is heard before.
    pub(super) fn due(&self, patience: Duration) -> Option<Instant> {
        self.down.filter(|_| !self.spent).map(|since| since + patience)
    }

    /// Another token is tried.
    pub(super) const fn spend(&mut self) {
        self.spent = true;
    }
}

/// Listens to the state of a bridge as long as it is polled, and notifies `doubted` when another token is worth a try.
pub(super) async fn listen(
    broker: Options,
    state: BridgeState,
    doubted: &Notify,
    status: &watch::Sender<Status>,
) {
    let (client, mut events) = connect(broker);
    // An error means that the session is closed; then there are no events either.
    let _ = client.subscribe(vec![Subscription::new(&state.topic)]);
    let mut doubt = Doubt::default();
    loop {
        let due = doubt.due(state.patience);
        let patience = async {
            match due {
                Some(due) => tokio::time::sleep_until(due.into()).await,
                None => std::future::pending().await,
            }
        };
        let heard = tokio::select! {
            event = events.next() => match event {
                None => return,
                Some(Event::Message(message)) => {
                    let up = message.payload.as_ref() == b"1";
                    // A closed session has no use for it.
                    let _ = client.ack(message.token);
                    Some(up)
                }
                Some(Event::Offline { reason, .. }) => {
                    tracing::debug!(reason, "the broker cannot be asked for the state of its bridge");
                    None
                }
                Some(Event::Subscribed { result: Err(reason), .. }) => {
                    tracing::warn!(reason, topic = state.topic, "the broker does not tell the state of its bridge");
                    None
                }
                Some(_) => continue,
            },
            () = patience => {
                tracing::warn!(
                    seconds = state.patience.as_secs(),
                    "the bridge is down with its token; trying another one, once"
                );
                doubt.spend();
                status.send_modify(|status| status.doubts += 1);
                doubted.notify_one();
                continue;
            }
        };
        doubt.hear(heard, tokio::time::Instant::now().into_std());
        status.send_modify(|status| status.bridge_up = heard);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(lines: &str, expected: Option<(&str, u64)>) {
        let text = format!(
            "connection other\nremote_password x\nremote_clientid no\nconnection c\nremote_password {TOKEN}\n{lines}"
        );
        let template = Template::new(&text).expect("it has a place for the token");
        let found = BridgeState::of(&template, &Values::default());
        let expected = expected.map(|(topic, seconds)| BridgeState {
            topic: topic.to_owned(),
            patience: Duration::from_secs(seconds),
        });
        assert_eq!(found, expected, "{lines}");
    }

    #[test]
    fn the_state_is_that_of_the_bridge_with_the_token() {
        check(
            "remote_clientid d\n",
            Some(("$SYS/broker/connection/d/state", 65)),
        );
        check(
            "remote_clientid d\nnotification_topic state/d\nrestart_timeout 10\n",
            Some(("state/d", 25)),
        );
        check(
            "remote_clientid d\nrestart_timeout 1 20\nnotifications_local_only true\n",
            Some(("$SYS/broker/connection/d/state", 45)),
        );
        check("remote_clientid d\nnotifications false\n", None);
        // The host's name decides, and the broker is on another one.
        check("", None);
    }

    #[test]
    fn a_token_is_doubted_once_and_again_only_after_the_bridge_was_up() {
        let patience = Duration::from_secs(10);
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut doubt = Doubt::default();
        assert_eq!(doubt.due(patience), None, "nothing was heard");
        doubt.hear(Some(false), at(0));
        doubt.hear(Some(false), at(5));
        assert_eq!(doubt.due(patience), Some(at(10)), "the first time counts");
        doubt.hear(None, at(6));
        assert_eq!(doubt.due(patience), None, "the broker is away as well");
        doubt.hear(Some(false), at(8));
        assert_eq!(doubt.due(patience), Some(at(18)));
        doubt.spend();
        for heard in [None, Some(false)] {
            doubt.hear(heard, at(20));
            assert_eq!(doubt.due(patience), None, "one more did not help");
        }
        doubt.hear(Some(true), at(30));
        doubt.hear(Some(false), at(40));
        assert_eq!(doubt.due(patience), Some(at(50)));
    }
}
