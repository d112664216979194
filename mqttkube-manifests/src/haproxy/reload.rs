//! What a change of the configuration needs.

use super::Proxy;

/// What must be done so that a change counts.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reload {
    /// Nothing.
    Nothing,
    /// SIGHUP to the master process (`haproxy -W`): a new process takes over the ports, connections stay with the old one.
    Signal,
    /// New pods, because the pod itself changes; why is for people.
    Roll(String),
}

/// What a change from one configuration to another needs. Renewed certificates under the same path need
/// [`Reload::Signal`] as well, and change nothing here.
///
/// ```
/// use mqttkube_manifests::haproxy::{Frontend, Proxy, Reload, Server, Servers, reload};
/// use mqttkube_manifests::name::Port;
///
/// let server = Server { name: "a".parse()?, host: "a.example.com".parse()?, port: Port::literal(1883) };
/// let old = Proxy::new(vec![Frontend::new("mqtt".parse()?, Port::literal(1883), Servers::Fixed(vec![server]))]);
/// let mut new = old.clone();
/// new.max_connections = 20_000;
/// assert_eq!(reload(&old, &new), Reload::Signal);
/// new.frontends[0].port = Port::literal(2883);
/// assert_eq!(reload(&old, &new), Reload::Roll("the ports of the pod change".to_owned()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn reload(old: &Proxy, new: &Proxy) -> Reload {
    if old == new {
        return Reload::Nothing;
    }
    let ports = |proxy: &Proxy| {
        let ports = proxy.frontends.iter().map(|frontend| frontend.port);
        ports
            .chain(proxy.health)
            .collect::<std::collections::BTreeSet<_>>()
    };
    if ports(old) != ports(new) {
        return Reload::Roll("the ports of the pod change".to_owned());
    }
    let files = |proxy: &Proxy| {
        let tls = proxy
            .frontends
            .iter()
            .filter_map(|frontend| frontend.tls.as_ref());
        let paths = tls.flat_map(|tls| std::iter::once(&tls.certificate).chain(&tls.clients));
        paths.cloned().collect::<std::collections::BTreeSet<_>>()
    };
    if !files(new).is_subset(&files(old)) {
        return Reload::Roll("a certificate is mounted that was not".to_owned());
    }
    Reload::Signal
}
