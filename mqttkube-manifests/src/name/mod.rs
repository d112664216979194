//! Names with rules, as types: a value of one of them has been checked and needs no second look.
//!
//! Each type reads text with `FromStr` (and `serde`), and takes literals with `literal`, which the compiler checks when
//! the value is a constant:
//!
//! ```
//! use mqttkube_manifests::name::{DnsLabel, PortName};
//!
//! const CONTAINER: DnsLabel = DnsLabel::literal("mosquitto");
//! assert_eq!(CONTAINER.as_str(), "mosquitto");
//!
//! let error = "mqtt_tls".parse::<PortName>().unwrap_err();
//! assert_eq!(error.to_string(), "`mqtt_tls` is no port name: character `_` at 4; lower-case letters, digits and `-` are allowed");
//! ```
//!
//! ```compile_fail
//! use mqttkube_manifests::name::DnsLabel;
//! const WRONG: DnsLabel = DnsLabel::literal("Mosquitto");
//! ```

mod cidr;
mod derive;
mod image;
mod label;
mod macros;
mod path;
mod port;
mod rules;

use std::fmt;

pub use cidr::{Cidr, CidrError};
pub use derive::{Budget, TooLong};
pub use image::ImageRef;
pub use label::{LabelKey, LabelValue};
pub use path::AbsolutePath;
pub use port::{NodePort, Port, PortError};
pub use rules::Problem;

use macros::name_type;

/// A text that does not follow the rules of its type.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    /// What the text should have been, such as `port name`.
    pub what: &'static str,
    /// The text as given.
    pub text: String,
    /// What is wrong with it.
    pub problem: Problem,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no {}: ", self.text.escape_debug(), self.what)?;
        self.problem.describe(&self.text, f)
    }
}

impl std::error::Error for NameError {}

name_type! {
    /// A label of a host name (RFC 1123): up to 63 lower-case letters, digits and `-`, with a letter or digit at both
    /// ends. Namespaces, containers and volumes have such names.
    DnsLabel, "DNS label", rules::dns_label
}

name_type! {
    /// Labels of RFC 1123 joined by dots, up to 253 characters. Most objects have such names.
    DnsSubdomain, "DNS subdomain", rules::dns_subdomain
}

name_type! {
    /// The name of a host in a certificate or route: a DNS subdomain, with `*.` before it for all names one level below.
    HostName, "host name", rules::host_name
}

name_type! {
    /// A label that begins with a letter (RFC 1035): the name of a Service.
    ServiceName, "Service name", rules::rfc1035_label
}

name_type! {
    /// The name of a port: up to 15 lower-case letters, digits and single `-`, at least one letter.
    PortName, "port name", rules::port_name
}

name_type! {
    /// A key in the data of a ConfigMap or Secret: up to 253 letters, digits, `-`, `_` and `.`, not `.` or `..`.
    ConfigKey, "data key", rules::config_key
}

name_type! {
    /// The name of a StatefulSet. Its pods are called after it, `-0` and so on, and carry a label with the name and a
    /// hash, so 52 characters are the most.
    StatefulSetName, "StatefulSet name", rules::stateful_set
}

impl From<DnsLabel> for DnsSubdomain {
    fn from(label: DnsLabel) -> Self {
        Self(label.0)
    }
}

impl From<DnsSubdomain> for HostName {
    fn from(name: DnsSubdomain) -> Self {
        Self(name.0)
    }
}

impl From<ServiceName> for DnsLabel {
    fn from(name: ServiceName) -> Self {
        Self(name.0)
    }
}

impl From<StatefulSetName> for DnsLabel {
    fn from(name: StatefulSetName) -> Self {
        Self(name.0)
    }
}
