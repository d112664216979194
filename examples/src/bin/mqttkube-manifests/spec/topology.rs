//! A Topology document: several brokers and the bridges between them.

use mqttkube_manifests::broker::{BridgePassword, Broker};
use mqttkube_manifests::name::{DnsLabel, ServiceName};
use mqttkube_manifests::topology::{Login, Topology};
use mqttkube_mapping::yaml::{Cursor, Section, suggest};

use mqttkube_mosquitto::TopicRule;

use super::secret::{Lookup, Place, place, redacted};
use super::words::{parse, required, value};
use super::{bridge, broker};

/// How the brokers are joined.
#[derive(Clone, Copy)]
enum Shape {
    Star,
    Tree,
}

pub(super) fn read(section: &mut Section<'_>, lookup: Lookup) -> Option<Topology> {
    let _name: Option<ServiceName> = required(section, "name");
    let namespace = required(section, "namespace");
    // A place for what brokers have in common: an anchor here, `<<` there.
    let _known = section.get("common");
    let brokers = brokers(section, namespace.as_ref(), lookup);
    let shape = section.choice("shape", &[("star", Shape::Star), ("tree", Shape::Tree)]);
    let hub = section.get("hub");
    let spokes = section.one_or_many("spokes");
    let parents = section.get("parents");
    let topics = bridge::rules(section, "topics");
    let login = match section.section("login", "the section login") {
        Some(login) => self::login(login, lookup),
        None => section.missing("login"),
    };
    let brokers = brokers?;
    match shape? {
        Shape::Star => {
            let hub = match hub {
                Some(hub) => find(&hub, &brokers),
                None => section.missing("hub"),
            };
            let spokes: Vec<Option<usize>> = spokes.iter().map(|spoke| find(spoke, &brokers)).collect();
            let (hub, spokes): (usize, Vec<usize>) = (hub?, spokes.into_iter().collect::<Option<_>>()?);
            // All others, when none is named.
            let others = || (0..brokers.len()).filter(|index| *index != hub).collect();
            let spokes = if section.has("spokes") { spokes } else { others() };
            let spokes = spokes.into_iter().map(|index| brokers[index].clone()).collect();
            Some(Topology::star(brokers[hub].clone(), spokes, &topics, &login?))
        }
        Shape::Tree => tree(section, parents, &brokers, &topics, &login?),
    }
}

fn brokers(section: &mut Section<'_>, namespace: Option<&DnsLabel>, lookup: Lookup) -> Option<Vec<Broker>> {
    let Some(cursor) = section.get("brokers") else {
        return section.missing("brokers");
    };
    let entries = cursor.entries()?;
    let read = entries.iter().map(|(name, keys)| {
        let name = parse(name);
        let mut section = keys.section("a broker")?;
        let read = broker::keys(&mut section, name, namespace.cloned(), lookup);
        if let Some((_, Some(certified))) = &read {
            let found = format!(
                "the listener {} of one of several brokers has a certbot",
                certified.listener
            );
            keys.error_with_help(
                found,
                "let cert-manager make the certificates, or name a `secret`",
            );
        }
        section.finish();
        read.map(|(broker, _)| broker)
    });
    let read: Vec<Option<Broker>> = read.collect();
    read.into_iter().collect()
}

/// The place of a broker in the list.
fn find(cursor: &Cursor<'_>, brokers: &[Broker]) -> Option<usize> {
    let text = cursor.text()?;
    let names = brokers.iter().map(|broker| broker.name.as_str());
    let found = names.clone().position(|name| name == text);
    if found.is_none() {
        let help = match suggest(text, names.clone()) {
            Some(name) => format!("did you mean {name:?}?"),
            None => format!("it is one of {}", names.collect::<Vec<_>>().join(", ")),
        };
        cursor.error_with_help(format!("there is no broker {text:?}"), help);
    }
    found
}

/// A tree: `parents` says for every broker but one which other its bridge leads to.
fn tree(
    section: &Section<'_>,
    parents: Option<Cursor<'_>>,
    brokers: &[Broker],
    topics: &[TopicRule],
    login: &Login,
) -> Option<Topology> {
    let Some(cursor) = parents else {
        return section.missing("parents");
    };
    let pairs = cursor.entries()?;
    let pairs: Vec<_> = pairs
        .iter()
        .map(|(child, parent)| Some((find(child, brokers)?, find(parent, brokers)?)))
        .collect();
    let pairs: Vec<(usize, usize)> = pairs.into_iter().collect::<Option<_>>()?;
    let roots: Vec<usize> = (0..brokers.len())
        .filter(|index| pairs.iter().all(|(child, _)| child != index))
        .collect();
    let [root] = roots.as_slice() else {
        let names: Vec<&str> = roots.iter().map(|index| brokers[*index].name.as_str()).collect();
        let help = "every broker but one has a parent";
        let found = match names.as_slice() {
            [] => "no broker is the root of the tree".to_owned(),
            names => format!("the tree has several roots: {}", names.join(", ")),
        };
        cursor.error_with_help(found, help);
        return None;
    };
    // The root comes first, the others in the order in which their parents are written.
    let order: Vec<usize> = std::iter::once(*root)
        .chain(pairs.iter().map(|(child, _)| *child))
        .collect();
    let place = |index: usize| order.iter().position(|other| *other == index);
    let parents = pairs
        .iter()
        .map(|(_, parent)| place(*parent))
        .collect::<Option<_>>()?;
    let brokers = order.iter().map(|index| brokers[*index].clone()).collect();
    Some(Topology::tree(brokers, parents, topics, login))
}

fn login(mut section: Section<'_>, lookup: Lookup) -> Option<Login> {
    let user = required(&mut section, "user");
    let password = match value(&mut section, "password") {
        Some(password) => place(&password, lookup),
        None => section.missing("password"),
    };
    let tls = section.section("tls", "the section tls").map(bridge::tls);
    section.finish();
    Some(Login {
        user: user?,
        password: match password? {
            Place::InCluster(key) => BridgePassword::Secret(key),
            Place::Given(text) => BridgePassword::Given(redacted(&text)),
        },
        tls,
    })
}
