//! Topologies: what is proven, and what is refused with a topic that shows why.

use mqttkube_manifests::broker::{
    AclEntry, Auth, Bridge, BridgePassword, Broker, Listener, SecretKey, Subject, Tls, User,
};
use mqttkube_manifests::bundle::Bundle;
use mqttkube_manifests::name::Port;
use mqttkube_manifests::topology::{Link, Login, Topology, TopologyError};
use mqttkube_mosquitto::{TopicRule, Version};

fn broker(name: &str) -> Broker {
    let user = User::with_password("bridge".parse().expect("a name"), &"open sesame".into(), b"ours");
    Broker::new(
        name.parse().expect("a name"),
        "mqtt".parse().expect("a name"),
        Version::V2_0,
        "eclipse-mosquitto:2.0.22".parse().expect("an image"),
        vec![Listener::new(
            "mqtt".parse().expect("a name"),
            Port::literal(1883),
        )],
        Auth::users(vec![user.expect("the rounds are allowed")]),
    )
}

fn brokers(count: usize) -> Vec<Broker> {
    (0..count).map(|index| broker(&format!("b{index}"))).collect()
}

fn login() -> Login {
    Login {
        user: "bridge".parse().expect("a name"),
        password: BridgePassword::Secret(SecretKey {
            secret: "bridge".parse().expect("a name"),
            key: "password".parse().expect("a key"),
        }),
        tls: None,
    }
}

fn rules(texts: &[&str]) -> Vec<TopicRule> {
    texts.iter().map(|text| text.parse().expect("a rule")).collect()
}

fn tree(parents: &[usize], texts: &[&str]) -> Topology {
    Topology::tree(
        brokers(parents.len() + 1),
        parents.to_vec(),
        &rules(texts),
        &login(),
    )
}

/// Every pair joined, as the well-known federated chart does it.
fn mesh(count: usize, rule: &str) -> Topology {
    let pairs =
        (0..count).flat_map(|from| (0..count).filter(move |to| *to != from).map(move |to| (from, to)));
    let link = |(from, to)| Link {
        from,
        to,
        rules: rules(&[rule]),
        login: login(),
    };
    Topology {
        brokers: brokers(count),
        links: pairs.map(link).collect(),
    }
}

#[test]
fn stars_chains_and_trees_are_proven() {
    for parents in [&[0][..], &[0, 0, 0], &[0, 1, 2, 3], &[0, 0, 1, 1, 2]] {
        assert_eq!(tree(parents, &["# both 1"]).prove(), Ok(()), "{parents:?}");
        assert_eq!(
            tree(parents, &["a/# both 1", "b/+ both 0"]).prove(),
            Ok(()),
            "{parents:?}"
        );
    }
}

#[test]
fn a_mesh_is_refused_with_a_topic_that_goes_round() {
    for count in [2, 3, 5] {
        for rule in ["# both 1", "# out 1"] {
            let topology = mesh(count, rule);
            let Err(TopologyError::NotOnce(findings)) = topology.prove() else {
                panic!("a mesh of {count} with `{rule}` is proven");
            };
            let storm = findings
                .iter()
                .find(|finding| finding.code.as_str() == "bridge-loop");
            let witness = &storm.unwrap_or_else(|| panic!("no loop in {findings:?}")).witness;
            assert!(
                topology.network().run(0, witness).cycle.is_some(),
                "{witness} does not go round"
            );
        }
    }
}

#[test]
fn a_ring_is_refused_and_two_parents_too() {
    let link = |from, to| Link {
        from,
        to,
        rules: rules(&["# both 1"]),
        login: login(),
    };
    for links in [
        vec![link(0, 1), link(1, 2), link(2, 0)],
        vec![link(1, 0), link(2, 0), link(3, 1), link(3, 2)],
    ] {
        let brokers = brokers(4);
        let refused = Topology { brokers, links }.prove();
        assert!(matches!(refused, Err(TopologyError::NotOnce(_))), "{refused:?}");
    }
}

#[test]
fn a_broker_that_is_not_reached_is_named() {
    let mut topology = tree(&[0, 0], &["# both 1"]);
    topology.links.pop();
    let error = topology.prove().expect_err("b2 is alone").to_string();
    assert_eq!(error, "`x` published at b0 does not reach b2");
}

#[test]
fn a_link_from_nowhere_a_user_that_is_missing_and_a_listener_that_is_missing_are_named() {
    let error = |change: fn(&mut Topology)| {
        let mut topology = tree(&[0], &["# both 1"]);
        change(&mut topology);
        topology.brokers().expect_err("it is wrong").to_string()
    };
    assert_eq!(
        error(|topology| topology.links[0].to = 7),
        "a link leads from 1 to 7, and there are 2 brokers, counted from 0"
    );
    assert_eq!(
        error(|topology| topology.links[0].login.user = "other".parse().expect("a name")),
        "the broker b0 has no user `other`, as which a bridge logs in"
    );
    assert_eq!(
        error(|topology| topology.links[0].login.tls = Some(Default::default())),
        "the broker b0 has no listener with TLS for a bridge"
    );
}

#[test]
fn a_spoke_connects_to_the_service_of_the_hub() {
    let brokers = tree(&[0], &["# both 1"]).brokers().expect("it is right");
    assert!(brokers[0].bridges.is_empty());
    let bridge = &brokers[1].bridges[0];
    assert_eq!(bridge.address.to_string(), "b0.mqtt.svc:1883");
    assert_eq!(
        bridge.username.as_ref().map(ToString::to_string).as_deref(),
        Some("bridge")
    );
}

#[test]
fn where_there_are_rights_the_bridge_gets_those_of_its_rules() {
    let mut topology = tree(&[0], &["sensors/# out 1 \"\" east/", "orders/# in 1"]);
    topology.brokers[0].auth.acl = vec![AclEntry::new(Subject::Everybody)];
    let brokers = topology.brokers().expect("it is right");
    let entry = brokers[0].auth.acl.last().expect("it was added");
    assert_eq!(entry.subject, Subject::User("bridge".parse().expect("a name")));
    let texts = |filters: &[mqttkube_mosquitto::TopicFilter]| {
        filters.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(texts(&entry.write), ["east/sensors/#"]);
    assert_eq!(texts(&entry.read), ["orders/#"]);
}

/// With certificates to look after, a script starts the broker; its configuration is checked all the same.
#[test]
fn the_check_of_a_bundle_sees_bridges_of_brokers_that_a_script_starts() {
    let bundle = |rule: &str, ways: &[(usize, usize)]| {
        let mut all = brokers(2);
        for broker in &mut all {
            let tls = Tls::existing("tls".parse().expect("a name"));
            let listener = Listener::new("mqtts".parse().expect("a name"), Port::literal(8883));
            broker.listeners.push(listener.with_tls(tls));
        }
        for (from, to) in ways {
            let address = format!("b{to}.mqtt.svc:1883").parse().expect("an address");
            let name = format!("to-b{to}").parse().expect("a name");
            all[*from]
                .bridges
                .push(Bridge::new(name, address, rules(&[rule])));
        }
        let bundles = all.iter().map(|broker| broker.bundle().expect("it is right"));
        Bundle::merged(bundles).expect("they have names of their own")
    };
    let loops = |bundle: &Bundle| {
        let report = bundle.check();
        report.errors().filter(|finding| finding.code == "MK901").count()
    };
    assert_eq!(loops(&bundle("# both 1", &[(0, 1)])), 0);
    let mesh = bundle("# both 1", &[(0, 1), (1, 0)]);
    assert!(
        mesh.objects()
            .iter()
            .any(|object| object.at("/data/start.sh").is_string())
    );
    assert!(loops(&mesh) > 0, "{}", mesh.check());
    assert!(mesh.verified().is_err());
}
