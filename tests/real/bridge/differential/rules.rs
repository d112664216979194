//! Sets of rules by chance, and what the model says that they carry.

use std::collections::BTreeSet;

use mqttkube_mosquitto::{Direction, RuleSet, TopicRule, Version, Way};

/// Name of a message and the name it arrived under.
pub(super) type Names = BTreeSet<(String, String)>;

/// A source of numbers that is the same in every run.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % end as u64).expect("it is below a usize")
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const PATTERNS: &[&str] = &["#", "+", "a", "a/#", "+/b", "a/+", "+/#", ""];
const PREFIXES: &[&str] = &["", "", "a/", "b/", "c/d/", "a"];

/// The rules of one bridge. Several bridges share two brokers, so every rule names the space of its bridge somewhere.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) space: String,
    pub(super) rules: Vec<TopicRule>,
}

/// A rule of a bridge with brokers of its own.
fn free_rule(dice: &mut Dice) -> Option<TopicRule> {
    let direction = [Direction::Out, Direction::In, Direction::Both][dice.below(3)];
    let (local, remote) = (dice.pick(PREFIXES), dice.pick(PREFIXES));
    TopicRule::new(dice.pick(PATTERNS), direction, 1, local, remote).ok()
}

/// A rule that names a space: in its pattern, so that it can do without prefixes, or in both prefixes.
fn rule_in(space: &str, dice: &mut Dice) -> Option<TopicRule> {
    let direction = [Direction::Out, Direction::In, Direction::Both][dice.below(3)];
    let (local, remote) = (dice.pick(PREFIXES), dice.pick(PREFIXES));
    if dice.below(2) == 0 {
        let end = dice.pick(&["", "/#", "/+", "/a", "/a/#", "/+/b", "/a/+"]);
        TopicRule::new(format!("{space}{end}"), direction, 1, local, remote).ok()
    } else {
        let within = |prefix: &str| format!("{space}/{prefix}");
        TopicRule::new(dice.pick(PATTERNS), direction, 1, within(local), within(remote)).ok()
    }
}

fn is_nameless(model: &RuleSet, topic: &str, way: Way) -> bool {
    model
        .forward(topic, way)
        .is_some_and(|forward| forward.topic.is_empty())
}

impl Rules {
    pub(super) fn random(space: String, dice: &mut Dice) -> Self {
        let count = 1 + dice.below(5);
        let rule = |dice: &mut Dice| loop {
            let found = if space.is_empty() {
                free_rule(dice)
            } else {
                rule_in(&space, dice)
            };
            if let Some(rule) = found {
                return rule;
            }
        };
        let rules = (0..count).map(|_| rule(dice)).collect();
        Self { space, rules }
    }

    /// The rules and, behind them, one that takes markers.
    pub(super) fn with_marker(&self) -> Vec<TopicRule> {
        let marker = format!("zz{}/# both 1", self.space).parse().expect("a rule");
        self.rules.iter().cloned().chain([marker]).collect()
    }

    pub(super) fn marker(&self) -> String {
        format!("zz{}/m", self.space)
    }

    fn model(&self) -> RuleSet {
        RuleSet::new(self.with_marker(), Version::V2_0)
    }

    /// Topics near those that the rules name, but for those of which no topic would be left.
    pub(super) fn topics(&self, way: Way) -> Vec<String> {
        let model = self.model();
        let named = |topic: &String| !is_nameless(&model, topic, way);
        self.nearby().into_iter().filter(named).collect()
    }

    /// How many topics are kept out because no topic would be left of them.
    pub(super) fn nameless(&self, way: Way) -> usize {
        let model = self.model();
        let nearby = self.nearby();
        nearby
            .iter()
            .filter(|topic| is_nameless(&model, topic, way))
            .count()
    }

    fn nearby(&self) -> BTreeSet<String> {
        let space = &self.space;
        if space.is_empty() {
            let levels = ["a", "b", "c", "d", "aa"];
            let pairs = levels
                .iter()
                .flat_map(|a| levels.iter().map(move |b| format!("{a}/{b}")));
            let more = [
                "a", "b", "c", "aa", "a/a/b", "b/a/b", "c/d/a", "c/d/a/b", "x/y/z", "a/", "b/", "c/d/",
                "a//b", "/a",
            ];
            pairs.chain(more.map(str::to_owned)).collect()
        } else {
            let ends = [
                "", "/", "/a", "/b", "/a/b", "/b/a", "/x/y", "/a/a", "/aa", "/c/d/a",
            ];
            let heads = ["", "a/", "b/", "c/d/", "a"];
            heads
                .iter()
                .flat_map(|head| ends.map(|end| format!("{head}{space}{end}")))
                .collect()
        }
    }

    pub(super) fn sign(&self, way: Way) -> String {
        format!("{}|{way:?}|", self.space)
    }

    pub(super) fn expected(&self, way: Way) -> Names {
        let model = self.model();
        let names = self.topics(way).into_iter().filter_map(|topic| {
            let name = model.forward(&topic, way)?.topic;
            Some((topic, name))
        });
        names.collect()
    }

    pub(super) fn shown(&self) -> String {
        self.rules.iter().map(|rule| format!("topic {rule}\n")).collect()
    }
}
