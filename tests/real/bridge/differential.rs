//! A real bridge of Mosquitto and the native relay, with the same rules between brokers of the same kind: what is
//! published arrives on the other side under the same names. The model of both is asked too, so that a disagreement says
//! who is alone with its opinion.
//!
//! Known faults of Mosquitto that are kept out:
//! - `rule-empty-name`: a message of which no topic is left ends the connection of the bridge. Such topics are not
//!   published, and counted instead.
//! - UNSUBSCRIBE for `out` rules: a bridge takes back the subscription of an `in` rule when an `out` rule behind it has the
//!   same filter at the remote broker. Configurations of ours have `bridge_attempt_unsubscribe false`.
//! - `rule-dropped`: 2.1 takes rules for duplicates that are none. The Mosquitto here is 2.0, which does not; sets that 2.1
//!   would treat so are counted.

mod rules;
mod sides;

use mqttkube_mosquitto::{RuleSet, Version, Way};
use mqttkube_tests::process::Mosquitto;
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait::scale;

use rules::{Dice, Names, Rules};
use sides::{Relays, World, mosquitto, plain};

/// The brokers that stay over all rounds.
struct Stage {
    remote: Mosquitto,
    relay_local: Mosquitto,
    relay_remote: Mosquitto,
}

/// What both sides made of one set of rules.
#[derive(Debug)]
#[expect(dead_code, reason = "what its debug form shows is all that is wanted of it")]
struct Difference {
    way: Way,
    mosquitto: Names,
    relay: Names,
    model: Names,
}

impl Stage {
    async fn build() -> Self {
        Self {
            remote: plain().start().await.unwrap(),
            relay_local: plain().start().await.unwrap(),
            relay_remote: plain().start().await.unwrap(),
        }
    }

    /// Runs all sets at once, and gives the differences of each.
    async fn compare(&self, all: &[Rules]) -> Vec<Vec<Difference>> {
        let local = mosquitto(all, self.remote.port()).await;
        let (near, far) = (self.relay_local.address(), self.relay_remote.address());
        let relays = Relays::start(all, near, far);
        let stock = World::new(local.address(), self.remote.address()).await;
        let native = World::new(near, far).await;
        tokio::join!(stock.is_up(all), native.is_up(all));
        let mut differences: Vec<Vec<Difference>> = all.iter().map(|_| Vec::new()).collect();
        for way in [Way::Out, Way::In] {
            let (mosquitto, relay) = tokio::join!(stock.carry(all, way), native.carry(all, way));
            for (index, (mosquitto, relay)) in mosquitto.into_iter().zip(relay).enumerate() {
                let model = all[index].expected(way);
                if mosquitto != relay || relay != model {
                    differences[index].push(Difference {
                        way,
                        mosquitto,
                        relay,
                        model,
                    });
                }
            }
        }
        relays.end().await;
        differences
    }

    /// Takes rules away as long as there is a difference, and tells of what is left.
    async fn explain(&self, mut rules: Rules) -> String {
        let mut difference = Vec::new();
        let mut index = 0;
        while index < rules.rules.len() {
            let mut fewer = rules.clone();
            fewer.rules.remove(index);
            match self.compare(std::slice::from_ref(&fewer)).await.remove(0) {
                same if same.is_empty() => index += 1,
                found => (rules, difference) = (fewer, found),
            }
        }
        if difference.is_empty() {
            difference = self.compare(std::slice::from_ref(&rules)).await.remove(0);
        }
        format!("{}{difference:#?}", rules.shown())
    }
}

/// Bridges in one broker, and brokers that are started. Never more than 200 starts, whatever the scale.
fn plan() -> (usize, usize, usize) {
    let scale = scale() as usize;
    let together = if scale >= 10 { 70 } else { 25 };
    (together, (5 * scale).min(150), (8 * scale).min(40))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mosquitto_and_the_relay_carry_the_same_topics_under_the_same_names() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let (together, shared, alone) = plan();
    let stage = Stage::build().await;
    let mut dice = Dice(1);
    let (mut sets, mut comparisons, mut dropped, mut nameless) = (0, 0, 0, 0);
    for round in 0..shared + alone {
        let spaces = if round < shared {
            (0..together).map(|index| format!("n{index}")).collect()
        } else {
            vec![String::new()]
        };
        let all: Vec<_> = spaces
            .into_iter()
            .map(|space| Rules::random(space, &mut dice))
            .collect();
        for (rules, differences) in all.iter().zip(stage.compare(&all).await) {
            if !differences.is_empty() {
                panic!(
                    "round {round}, the smallest that differs:\n{}",
                    stage.explain(rules.clone()).await
                );
            }
            sets += 1;
            comparisons += rules.topics(Way::Out).len() + rules.topics(Way::In).len();
            nameless += rules.nameless(Way::Out) + rules.nameless(Way::In);
            let later = RuleSet::new(rules.rules.clone(), Version::V2_1);
            dropped += usize::from(later.dropped().next().is_some());
        }
    }
    println!(
        "{sets} sets of rules, {comparisons} topics, {} brokers started; {nameless} topics left out of which nothing \
         would be left (rule-empty-name); in {dropped} sets 2.1 would leave out a rule (rule-dropped)",
        shared + alone + 3
    );
    assert!(comparisons >= 10_000, "{comparisons}");
    assert!(nameless > 0 && dropped > 0, "the faults would be met");
}
