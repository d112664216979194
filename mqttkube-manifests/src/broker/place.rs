//! Where things are in the container.

use crate::name::AbsolutePath;

/// `mosquitto.conf` and the scripts.
pub(super) const CONFIG: AbsolutePath = AbsolutePath::literal("/mosquitto/config");
/// Password and ACL file. Mounted as a folder, so that it follows changes of the Secret.
pub(super) const AUTH: AbsolutePath = AbsolutePath::literal("/mosquitto/auth");
/// What is put together in the pod: in memory, because it holds secrets.
pub(super) const RUN: AbsolutePath = AbsolutePath::literal("/mosquitto/run");
/// What it is put together from; the broker does not see it.
pub(super) const SEED: AbsolutePath = AbsolutePath::literal("/mosquitto/seed");
/// The database, and the file of the dynamic-security plugin.
pub(super) const DATA: AbsolutePath = AbsolutePath::literal("/mosquitto/data");
/// Authorities of clients.
pub(super) const CLIENTS: AbsolutePath = AbsolutePath::literal("/mosquitto/clients");
/// `mosquitto_passwd` makes a temporary file.
pub(super) const TMP: AbsolutePath = AbsolutePath::literal("/tmp");
/// A folder for each listener.
const TLS: &str = "/mosquitto/tls";
/// A folder for each bridge.
const BRIDGES: &str = "/mosquitto/bridges";

/// The plugin in the official image.
pub(super) const DYNAMIC_SECURITY: &str = "/usr/lib/mosquitto_dynamic_security.so";
/// The program in the official image.
pub(super) const MOSQUITTO: &str = "/usr/sbin/mosquitto";
/// The certificates that the image trusts.
pub(super) const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";

pub(super) fn tls(listener: &super::Listener) -> AbsolutePath {
    format!("{TLS}/{}", listener.name)
        .parse()
        .expect("a port name is a level of a path")
}

pub(super) fn bridge(index: usize) -> AbsolutePath {
    format!("{BRIDGES}/{index}")
        .parse()
        .expect("a number is a level of a path")
}
