//! Bridges between real brokers: what the check passes delivers one copy, and what it refuses storms.

use std::collections::BTreeMap;

use mqttkube_manifests::broker::{
    Auth, Bridge, BridgePassword, BridgeTls, Broker, Listener, ModelError, SecretKey, Tls, User,
};
use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::name::Port;
use mqttkube_manifests::topology::{Link, Login, Topology};
use mqttkube_mosquitto::Version;
use mqttkube_mosquitto::setting::Text;
use mqttkube_tests::mqtt_probe::{Message, Probe};
use mqttkube_tests::process::free_port;
use mqttkube_tests::process::tls::Authority;
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait;

use super::clients::{SOON, enter, login};
use super::kubelet::{Node, Running};

/// Echoes, and what could not be decided: warnings, because somebody may want the bridges all the same.
const DOUBTS: [&str; 2] = ["MK903", "MK904"];

fn broker(index: usize) -> Broker {
    let user = |name: &str| User::with_password(name.parse().unwrap(), &name.into(), b"ours").unwrap();
    let listener = |name: &str, port| Listener::new(name.parse().unwrap(), port);
    let tls = Tls::existing("tls".parse().unwrap());
    Broker::new(
        format!("b{index}").parse().unwrap(),
        "mqtt".parse().unwrap(),
        Version::V2_0,
        "eclipse-mosquitto:2.0.22".parse().unwrap(),
        vec![
            listener("mqtt", Port::literal(1883)),
            listener("mqtts", Port::literal(8883)).with_tls(tls),
        ],
        Auth::users(vec![user("bridge"), user("client")]),
    )
}

fn login_of_bridges() -> Login {
    let key = |secret: &str, key: &str| SecretKey {
        secret: secret.parse().unwrap(),
        key: key.parse().unwrap(),
    };
    let tls = BridgeTls {
        authority: Some(key("tls", "ca.crt")),
        ..BridgeTls::default()
    };
    Login {
        user: "bridge".parse().unwrap(),
        password: BridgePassword::Secret(key("bridge", "password")),
        tls: Some(tls),
    }
}

/// Brokers with a link of some rules for each pair.
fn topology(count: usize, links: &[(usize, usize, Vec<&str>)]) -> Topology {
    let link = |(from, to, rules): &(usize, usize, Vec<&str>)| Link {
        from: *from,
        to: *to,
        rules: rules.iter().map(|rule| rule.parse().unwrap()).collect(),
        login: login_of_bridges(),
    };
    Topology {
        brokers: (0..count).map(broker).collect(),
        links: links.iter().map(link).collect(),
    }
}

/// The parents of all brokers but the first, joined by the same rules.
fn tree(parents: &[usize], rules: &[&str]) -> Topology {
    let links = parents.iter().enumerate();
    let links: Vec<_> = links
        .map(|(at, parent)| (at + 1, *parent, rules.to_vec()))
        .collect();
    topology(parents.len() + 1, &links)
}

/// The objects, without the proof that a topology makes of itself: only the check of the bundle decides.
fn bundle(topology: &Topology) -> Bundle {
    try_bundle(topology).unwrap()
}

fn try_bundle(topology: &Topology) -> Result<Bundle, Vec<ModelError>> {
    let mut brokers = topology.brokers.clone();
    for link in &topology.links {
        let address = format!("b{}.mqtt.svc:8883", link.to).parse().unwrap();
        let mut bridge = Bridge::new(
            format!("to-b{}", link.to).parse().unwrap(),
            address,
            link.rules.clone(),
        );
        bridge.username = Some(Text::new(link.login.user.as_str()).unwrap());
        bridge.password = Some(link.login.password.clone());
        bridge.tls.clone_from(&link.login.tls);
        brokers[link.from].bridges.push(bridge);
    }
    let bundles: Result<Vec<_>, _> = brokers.iter().map(Broker::bundle).collect();
    Ok(Bundle::merged(bundles?).unwrap())
}

/// Why the check does not pass a bundle.
fn refusals(bundle: &Bundle) -> Vec<&'static str> {
    let report = bundle.check();
    let errors = report.errors().map(|finding| finding.code);
    let codes = report.findings().iter().map(|finding| finding.code);
    errors.chain(codes.filter(|code| DOUBTS.contains(code))).collect()
}

/// All brokers on the files of their pods.
async fn start(bundle: &Bundle, topology: &Topology) -> Vec<Running> {
    let authority = Authority::new("ours").unwrap();
    let identity = authority.server(&["localhost"]).unwrap();
    let ports: Vec<u16> = topology.brokers.iter().map(|_| free_port()).collect();
    let mut node = Node::default()
        .secret("bridge", "password", "bridge")
        .secret("tls", "tls.crt", &identity.certificate)
        .secret("tls", "tls.key", &identity.key)
        .secret("tls", "ca.crt", &authority.certificate())
        // Bridges to brokers that start later come up soon.
        .replace("cleansession false\n", "cleansession false\nrestart_timeout 1\n");
    for (index, port) in ports.iter().enumerate() {
        node = node.replace(&format!("b{index}.mqtt.svc:8883"), &format!("localhost:{port}"));
    }
    let mut running = Vec::new();
    for (index, port) in ports.iter().enumerate() {
        running.push(
            node.clone()
                .port(8883, *port)
                .start(bundle, &format!("b{index}"))
                .await,
        );
    }
    running
}

/// Broker and topic of every copy of one message, with how many there are.
type Copies = BTreeMap<(usize, String), usize>;

/// What must become of a message: the one at its broker, and one for every step.
fn expected(topology: &Topology, from: usize, topic: &str) -> Copies {
    let run = topology.network().run(from, topic);
    let steps = run.hops.into_iter().map(|hop| {
        let at = topology
            .brokers
            .iter()
            .position(|broker| broker.name.as_str() == hop.broker);
        ((at.expect("a broker"), hop.topic), 1)
    });
    std::iter::once(((from, topic.to_owned()), 1))
        .chain(steps)
        .collect()
}

fn copies(probes: &[Probe], payload: &str) -> Copies {
    let mut copies = Copies::new();
    for (at, probe) in probes.iter().enumerate() {
        for message in probe.messages() {
            if message.text() == payload {
                *copies.entry((at, message.topic)).or_default() += 1;
            }
        }
    }
    copies
}

/// Publishes each topic at each broker: exactly the copies that the analysis of the same rules foretells.
async fn assert_one_copy(topology: &Topology, topics: &[&str]) {
    let bundle = bundle(topology);
    let what = format!(
        "{:?}",
        topology
            .links
            .iter()
            .map(|link| (link.from, link.to, &link.rules))
            .collect::<Vec<_>>()
    );
    let running = start(&bundle, topology).await;
    let mut probes = Vec::new();
    for broker in &running {
        let probe = enter(broker.port(1883), login("client", "client")).await.unwrap();
        probe.subscribe("#", 1).await.unwrap();
        probes.push(probe);
    }
    let say = async |from: usize, topic: &str, payload: &str| {
        probes[from]
            .publish(&Message::new(topic, payload.to_owned()))
            .await
            .unwrap();
    };
    for from in 0..probes.len() {
        for topic in topics {
            let places = expected(topology, from, topic);
            let (attempt, once) = (format!("try {from} {topic}"), format!("once {from} {topic}"));
            // Bridges come up on their own; the ways stand when a message has gone over them.
            wait::until_ok(SOON, &format!("ways in {what}"), async || {
                say(from, topic, &attempt).await;
                let came = copies(&probes, &attempt);
                places
                    .keys()
                    .all(|place| came.contains_key(place))
                    .then_some(())
                    .ok_or(came)
            })
            .await;
            say(from, topic, &once).await;
            // What goes round longer than any way is long has come twice when as many others have gone all ways.
            for round in 0..probes.len() {
                let end = format!("end {round} {from} {topic}");
                say(from, topic, &end).await;
                wait::until(SOON, "end", || {
                    let came = copies(&probes, &end);
                    places.keys().all(|place| came.contains_key(place))
                })
                .await;
            }
            assert_eq!(copies(&probes, &once), places, "{what}: `{topic}` from b{from}");
        }
    }
}

#[tokio::test]
async fn stars_chains_and_trees_deliver_one_copy_everywhere() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let cases: [(&[usize], &[&str], &[&str]); 6] = [
        (&[0], &["# both 1"], &["a", "a/b/c"]),
        (&[0, 0], &["# both 1"], &["a"]),
        (
            &[0, 1],
            &["a/# both 1", "b/+ both 0", "up out 1"],
            &["a/1", "b/2", "up", "stays"],
        ),
        (
            &[0, 0, 0],
            &["# out 1 up/ from/", "# in 1 down/ to/"],
            &["up/1", "to/1", "stays"],
        ),
        (&[0, 1, 2, 3], &["# both 1"], &["a"]),
        (&[0, 0, 1, 1], &["a/# both 1", "b/# in 1"], &["a/x", "b/y"]),
    ];
    for (parents, rules, topics) in cases {
        let topology = tree(parents, rules);
        assert_eq!(
            refusals(&bundle(&topology)),
            Vec::<&str>::new(),
            "{parents:?} {rules:?}"
        );
        assert_one_copy(&topology, topics).await;
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}

/// Any links between 2 to 5 brokers, loops and double ones among them.
fn any(random: &mut Random) -> Topology {
    const RULES: [&str; 8] = [
        "# both 1",
        "a/# both 1",
        "a/# out 1",
        "b/# in 1",
        "b/# out 1",
        "+/x both 0",
        "# out 1 a/ b/",
        "# in 1 b/ c/",
    ];
    let count = 2 + random.below(4);
    let links: Vec<_> = (0..count - 1 + random.below(2))
        .map(|_| {
            let from = random.below(count);
            let to = (from + 1 + random.below(count - 1)) % count;
            let rules = (0..=random.below(2)).map(|_| RULES[random.below(RULES.len())]);
            (from, to, rules.collect::<Vec<_>>())
        })
        .collect();
    let mut pairs: Vec<_> = links.iter().map(|(from, to, _)| (*from, *to)).collect();
    pairs.sort_unstable();
    pairs.dedup();
    // Two bridges of one broker to another have one name, which is another mistake.
    if pairs.len() < links.len() {
        any(random)
    } else {
        topology(count, &links)
    }
}

#[tokio::test]
async fn whatever_the_check_passes_delivers_one_copy() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let (mut passed, mut refused) = (0, 0);
    for seed in 0.. {
        let topology = any(&mut Random(seed));
        let passes = try_bundle(&topology).is_ok_and(|bundle| refusals(&bundle).is_empty());
        if !passes {
            refused += 1;
            continue;
        }
        assert_one_copy(&topology, &["a/x", "b/y", "c"]).await;
        passed += 1;
        if passed == 6 * wait::scale() {
            break;
        }
    }
    assert!(refused > 0, "nothing was refused");
}

/// The mesh of a well-known chart, for a moment: what the refusal prevents.
#[tokio::test]
async fn the_mesh_that_is_refused_storms() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    for (count, rule) in [(3, "# both 1"), (2, "# out 1")] {
        let pairs =
            (0..count).flat_map(|from| (0..count).filter(move |to| *to != from).map(move |to| (from, to)));
        let links: Vec<_> = pairs.map(|(from, to)| (from, to, vec![rule])).collect();
        let mesh = topology(count, &links);
        let refused = bundle(&mesh).check();
        let finding = refused.errors().find(|finding| finding.code == "MK901");
        let message = &finding
            .unwrap_or_else(|| panic!("not refused: {refused}"))
            .message;
        let witness = message
            .split("(topic `")
            .nth(1)
            .and_then(|rest| rest.split('`').next());
        let witness = witness.unwrap_or_else(|| panic!("no witness: {message}"));
        assert!(bundle(&mesh).verified().is_err(), "it can be rendered");

        let running = start(&bundle(&mesh), &mesh).await;
        let sender = enter(running[0].port(1883), login("client", "client"))
            .await
            .unwrap();
        let receiver = enter(running[1].port(1883), login("client", "client"))
            .await
            .unwrap();
        receiver.subscribe("#", 0).await.unwrap();
        // One message is enough; bridges that are not there yet find it in their queue.
        sender.publish(&Message::new(witness, "1")).await.unwrap();
        // Bounded: the brokers are killed with the pods, here.
        wait::until(SOON, "storm", || receiver.messages().len() > 500).await;
    }
}
