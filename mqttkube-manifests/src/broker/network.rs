//! Who may connect.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::name::{Cidr, DnsLabel, LabelKey, LabelValue, PortName};

/// Who may connect. Everybody else is kept out by a NetworkPolicy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Network {
    /// Those who may; nobody when empty.
    pub from: Vec<Peer>,
}

/// Somebody who may connect: `{namespace, labels, cidr, listeners}`. With neither namespace nor labels nor addresses it
/// is everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub struct Peer {
    /// Pods of this namespace; with labels and without a namespace it is that of the broker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<DnsLabel>,
    /// Pods with these labels.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<LabelKey, LabelValue>,
    /// Addresses outside of the cluster; not together with the two above.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cidr: Option<Cidr>,
    /// To which listeners; to all for clients when empty.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub listeners: Vec<PortName>,
}
