//! Several stock Mosquitto that work as one, joined by bridges, with the proof that no message goes round.
//!
//! Mosquitto of the open-source kind has no cluster. Bridges make one as long as they form a tree: a message then has one
//! way to every broker. A mesh of bridges sends every message round for ever.

mod proof;

use std::fmt;

use mqttkube_mosquitto::analysis::Finding;
use mqttkube_mosquitto::password::UserName;
use mqttkube_mosquitto::setting::{Address, Name, Text};
use mqttkube_mosquitto::{TopicFilter, TopicRule, Way};
use thiserror::Error;

use crate::broker::{AclEntry, AuthMethod, Bridge, BridgePassword, BridgeTls, Broker, ModelError, Subject};
use crate::bundle::{Bundle, BundleError};
use crate::name::ServiceName;

/// Brokers and the bridges between them.
///
/// ```
/// use mqttkube_manifests::broker::{Auth, BridgePassword, Broker, Listener, SecretKey, User};
/// use mqttkube_manifests::name::Port;
/// use mqttkube_manifests::topology::{Login, Topology};
/// use mqttkube_mosquitto::Version;
///
/// let user = || User::with_password("bridge".parse().expect("a name"), &"open sesame".into(), b"stays with us");
/// let broker = |name: &str| -> Result<Broker, Box<dyn std::error::Error>> {
///     let (image, listener) = ("eclipse-mosquitto:2.0.22".parse()?, Listener::new("mqtt".parse()?, Port::literal(1883)));
///     let auth = Auth::users(vec![user()?]);
///     Ok(Broker::new(name.parse()?, "mqtt".parse()?, Version::V2_0, image, vec![listener], auth))
/// };
/// let password = SecretKey { secret: "bridge".parse()?, key: "password".parse()? };
/// let login = Login { user: "bridge".parse()?, password: BridgePassword::Secret(password), tls: None };
/// let topics = ["# both 1".parse()?];
/// let star = Topology::star(broker("hub")?, vec![broker("east")?, broker("west")?], &topics, &login);
/// assert!(star.prove().is_ok());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Topology {
    /// The brokers, without the bridges between them.
    pub brokers: Vec<Broker>,
    /// The bridges; each is part of the configuration of the broker that it begins at.
    pub links: Vec<Link>,
}

/// A bridge between two brokers.
#[derive(Clone, Debug, PartialEq)]
pub struct Link {
    /// The broker that opens it, by its place in the list.
    pub from: usize,
    /// The broker that it leads to.
    pub to: usize,
    /// What it carries, as seen from the one that opens it.
    pub rules: Vec<TopicRule>,
    /// How it logs in.
    pub login: Login,
}

/// How a bridge logs in at the other broker.
#[derive(Clone, Debug, PartialEq)]
pub struct Login {
    /// A user of that broker. Where it has rights, those that the bridge needs are added.
    pub user: UserName,
    /// Its password.
    pub password: BridgePassword,
    /// Encryption, for the listener with TLS; without it the one without.
    pub tls: Option<BridgeTls>,
}

/// Why a topology is not built.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum TopologyError {
    /// Messages would go round, come twice or not at all; each finding has a topic that shows it.
    #[error("the bridges do not bring every message to every broker once: {}", Findings(.0))]
    NotOnce(Vec<Finding>),
    /// A publish does not get to a broker.
    #[error("`{topic}` published at {from} does not reach {to}")]
    Unreached {
        /// A topic that the rules carry.
        topic: String,
        /// Where it is published.
        from: ServiceName,
        /// Where it is missing.
        to: ServiceName,
    },
    /// A place that no broker has.
    #[error("a link leads from {from} to {to}, and there are {brokers} brokers, counted from 0")]
    NoBroker {
        /// Its beginning.
        from: usize,
        /// Its end.
        to: usize,
        /// How many there are.
        brokers: usize,
    },
    /// The other broker has no listener for it.
    #[error("the broker {broker} has no listener {kind} for a bridge")]
    NoListener {
        /// The broker.
        broker: ServiceName,
        /// `with TLS` or `without TLS`.
        kind: &'static str,
    },
    /// The other broker does not know the user.
    #[error("the broker {broker} has no user `{user}`, as which a bridge logs in")]
    NoUser {
        /// The broker.
        broker: ServiceName,
        /// The user.
        user: UserName,
    },
    /// A broker is wrong.
    #[error("the broker {broker}: {}", Errors(problems))]
    Broker {
        /// Which.
        broker: ServiceName,
        /// What is wrong with it.
        problems: Vec<ModelError>,
    },
    /// Two brokers of one name.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}

struct Findings<'a>(&'a [Finding]);
struct Errors<'a>(&'a [ModelError]);

impl fmt::Display for Findings<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, self.0)
    }
}

impl fmt::Display for Errors<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(f, self.0)
    }
}

fn join(f: &mut fmt::Formatter<'_>, all: &[impl fmt::Display]) -> fmt::Result {
    for (index, one) in all.iter().enumerate() {
        let separator = if index == 0 { "" } else { "; " };
        write!(f, "{separator}{one}")?;
    }
    Ok(())
}

impl Topology {
    /// One broker in the middle, and a bridge to it from each of the others.
    #[must_use]
    pub fn star(hub: Broker, spokes: Vec<Broker>, topics: &[TopicRule], login: &Login) -> Self {
        let parents = spokes.iter().map(|_| 0).collect();
        let brokers = std::iter::once(hub).chain(spokes).collect();
        Self::tree(brokers, parents, topics, login)
    }

    /// A tree: the first broker is the root, and `parents` says for each other one, in order, the place of the broker that
    /// its bridge leads to.
    #[must_use]
    pub fn tree(brokers: Vec<Broker>, parents: Vec<usize>, topics: &[TopicRule], login: &Login) -> Self {
        let link = |(index, to): (usize, usize)| Link {
            from: index + 1,
            to,
            rules: topics.to_vec(),
            login: login.clone(),
        };
        let links = parents.into_iter().enumerate().map(link).collect();
        Self { brokers, links }
    }

    /// The brokers with their bridges, after the proof.
    ///
    /// # Errors
    /// See [`TopologyError`].
    pub fn brokers(&self) -> Result<Vec<Broker>, TopologyError> {
        self.prove()?;
        let mut brokers = self.brokers.clone();
        for link in &self.links {
            let to = &self.brokers[link.to];
            let bridge = bridge(to, link)?;
            brokers[link.from].bridges.push(bridge);
            admit(&mut brokers[link.to], link);
        }
        Ok(brokers)
    }

    /// All objects of all brokers.
    ///
    /// # Errors
    /// See [`TopologyError`].
    pub fn bundle(&self) -> Result<Bundle, TopologyError> {
        let mut all = Bundle::new();
        for broker in self.brokers()? {
            let bundle = broker.bundle().map_err(|problems| TopologyError::Broker {
                broker: broker.name.clone(),
                problems,
            })?;
            for object in bundle.objects() {
                // Brokers of one namespace may each bring it.
                if object.kind() != "Namespace" || all.get(object.key()).is_none() {
                    all.add(object.clone())?;
                }
            }
        }
        Ok(all)
    }
}

fn bridge(to: &Broker, link: &Link) -> Result<Bridge, TopologyError> {
    let Login { user, password, tls } = &link.login;
    let listener = to
        .listeners
        .iter()
        .find(|listener| {
            listener.is_for_clients()
                && listener.protocol == crate::broker::Protocol::Mqtt
                && listener.tls.is_some() == tls.is_some()
        })
        .ok_or_else(|| TopologyError::NoListener {
            broker: to.name.clone(),
            kind: if tls.is_some() { "with TLS" } else { "without TLS" },
        })?;
    if let AuthMethod::Users(users) = &to.auth.method
        && !users.iter().any(|known| known.name == *user)
    {
        return Err(TopologyError::NoUser {
            broker: to.name.clone(),
            user: user.clone(),
        });
    }
    let address: Address = format!("{}.{}.svc:{}", to.name, to.namespace, listener.port)
        .parse()
        .expect("names of a Service and its namespace are a host");
    let name: Name = format!("to-{}", to.name)
        .parse()
        .expect("the name of a Service has no spaces");
    let mut bridge = Bridge::new(name, address, link.rules.clone());
    bridge.username = Some(Text::new(user.as_str()).expect("a name is one line"));
    bridge.password = Some(password.clone());
    bridge.tls.clone_from(tls);
    Ok(bridge)
}

/// Gives the user of a link the rights that it needs, where there are rights at all.
fn admit(to: &mut Broker, link: &Link) {
    if to.auth.acl.is_empty() {
        return;
    }
    // What goes out is written there under its new name; what comes in is read there.
    let written = link.rules.iter().filter(|rule| rule.goes(Way::Out));
    let written = written.filter_map(|rule| rule.rename(&rule.filter_text(Way::Out), Way::Out).parse().ok());
    let read = link.rules.iter().filter(|rule| rule.goes(Way::In));
    let read = read.filter_map(|rule| rule.filter(Way::In).cloned());
    let subject = Subject::User(link.login.user.clone());
    let at = to.auth.acl.iter().position(|entry| entry.subject == subject);
    let at = at.unwrap_or_else(|| {
        to.auth.acl.push(AclEntry::new(subject));
        to.auth.acl.len() - 1
    });
    let entry = &mut to.auth.acl[at];
    let (written, read): (Vec<TopicFilter>, Vec<TopicFilter>) = (written.collect(), read.collect());
    for (have, need) in [(&mut entry.write, written), (&mut entry.read, read)] {
        for filter in need {
            if !have.contains(&filter) {
                have.push(filter);
            }
        }
    }
}
