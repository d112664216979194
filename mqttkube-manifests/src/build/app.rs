//! What all objects of one application share: namespace, labels, and the selector of its pods.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::bundle::Bundle;
use crate::name::{DnsLabel, DnsSubdomain, LabelKey, LabelValue, ServiceName};
use crate::object::Object;

/// The labels that select. They must never change, so they say nothing about versions.
const NAME: &str = "app.kubernetes.io/name";
const INSTANCE: &str = "app.kubernetes.io/instance";

/// One application. What is made with it belongs together: the pods bear the labels that Services, policies and budgets
/// select by.
#[derive(Clone, Debug)]
pub struct App {
    name: ServiceName,
    namespace: DnsLabel,
    account: String,
    selector: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

/// A ServiceAccount of the bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    name: String,
    token: bool,
}

impl App {
    /// `what` the program is, such as `mosquitto`, and the name of this one.
    ///
    /// # Panics
    /// When `what` is no label value; it is a literal.
    #[must_use]
    pub fn new(what: &'static str, name: ServiceName, namespace: DnsLabel) -> Self {
        assert!(what.parse::<LabelValue>().is_ok(), "not a valid label value");
        let selector =
            [(NAME, what), (INSTANCE, name.as_str())].map(|(key, value)| (key.to_owned(), value.to_owned()));
        let managed = ("app.kubernetes.io/managed-by".to_owned(), "mqttkube".to_owned());
        Self {
            account: name.to_string(),
            name,
            namespace,
            selector: selector.into(),
            labels: [managed].into(),
            annotations: BTreeMap::new(),
        }
    }

    /// One more label for all objects, pods included. Those that select are kept as they are.
    pub fn label(&mut self, key: &LabelKey, value: &LabelValue) -> &mut Self {
        self.labels.insert(key.to_string(), value.to_string());
        self
    }

    /// One more annotation for all objects but pods.
    pub fn annotation(&mut self, key: &LabelKey, value: &str) -> &mut Self {
        self.annotations.insert(key.to_string(), value.to_owned());
        self
    }

    /// Another name for its ServiceAccount than its own.
    pub fn name_account(&mut self, name: &DnsSubdomain) -> &mut Self {
        self.account = name.to_string();
        self
    }

    /// Whether a label is one of those that select.
    #[must_use]
    pub fn selects_by(key: &LabelKey) -> bool {
        key.as_str() == NAME || key.as_str() == INSTANCE
    }

    /// Its name.
    #[must_use]
    pub const fn name(&self) -> &ServiceName {
        &self.name
    }

    /// Its namespace.
    #[must_use]
    pub const fn namespace(&self) -> &DnsLabel {
        &self.namespace
    }

    /// The labels that its pods are found by.
    #[must_use]
    pub fn selector(&self) -> Value {
        json!(self.selector)
    }

    /// All labels of its pods and objects.
    #[must_use]
    pub fn labels(&self) -> Value {
        let all: BTreeMap<&str, &str> = self
            .labels
            .iter()
            .chain(&self.selector)
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect();
        json!(all)
    }

    /// An object of the application: its metadata and the members that stand beside.
    #[must_use]
    pub(crate) fn object<const N: usize>(
        &self,
        api_version: &str,
        kind: &str,
        name: &str,
        rest: [(&str, Value); N],
    ) -> Object {
        let mut metadata = json!({"name": name, "namespace": self.namespace, "labels": self.labels()});
        if !self.annotations.is_empty() {
            metadata["annotations"] = json!(self.annotations);
        }
        let mut value = json!({"apiVersion": api_version, "kind": kind});
        value["metadata"] = metadata;
        for (member, part) in rest {
            value[member] = part;
        }
        Object::new(value).expect("it has version, kind and name")
    }

    /// Its namespace as an object, labelled for the restricted level of Pod Security.
    #[must_use]
    pub fn namespace_object(&self) -> Object {
        let modes = ["enforce", "audit", "warn"];
        let labels: BTreeMap<String, &str> = modes
            .iter()
            .map(|mode| (format!("pod-security.kubernetes.io/{mode}"), "restricted"))
            .collect();
        let metadata = json!({"name": self.namespace, "labels": labels});
        let value = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata});
        Object::new(value).expect("it has version, kind and name")
    }

    /// A ServiceAccount without a token in its pods. The object comes with [`App::bundle`].
    #[must_use]
    pub fn account(&self) -> Account {
        Account {
            name: self.account.clone(),
            token: false,
        }
    }

    /// The same for pods that call the API server.
    #[must_use]
    pub fn account_with_token(&self) -> Account {
        Account {
            name: self.account.clone(),
            token: true,
        }
    }

    /// A bundle with the ServiceAccount.
    #[must_use]
    pub fn bundle(&self) -> Bundle {
        let mut bundle = Bundle::new();
        let token = [("automountServiceAccountToken", json!(false))];
        bundle
            .add(self.object("v1", "ServiceAccount", &self.account, token))
            .expect("the bundle is empty");
        bundle
    }
}

impl Account {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether its pods get a token.
    #[must_use]
    pub const fn has_token(&self) -> bool {
        self.token
    }
}
