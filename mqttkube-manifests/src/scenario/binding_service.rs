//! mqtt-kube, which binds topics to objects, with exactly the rights that its bindings need.

use k8s_openapi::api::rbac::v1::PolicyRule;
use serde_json::{Value, json};

use super::ScenarioError;
use crate::broker::SecretKey;
use crate::build::{
    Allowed, App, ConfigMap, Container, Key, NetworkPolicy, Pod, Probe, Profile, Resources, Source, workload,
};
use crate::bundle::Bundle;
use crate::name::{AbsolutePath, ConfigKey, DnsLabel, DnsSubdomain, ImageRef, Port, PortName, ServiceName};
use crate::object::Object;

/// What only the owner knows.
#[derive(Clone, Debug, PartialEq)]
pub struct BindingService {
    /// The service; its roles and ConfigMap have the same name.
    pub name: ServiceName,
    /// Its namespace.
    pub namespace: DnsLabel,
    /// The image of mqtt-kube.
    pub image: ImageRef,
    /// The name of its ServiceAccount; that of the service when absent.
    pub account: Option<DnsSubdomain>,
    /// Files by name; the first one is the configuration, others are what it refers to.
    pub files: Vec<(ConfigKey, String)>,
    /// Secrets that the configuration reads as `/secrets/KEY`.
    pub secrets: Vec<SecretKey>,
    /// What it may do in each namespace; for the whole cluster where the namespace is absent.
    pub rights: Vec<Rights>,
    /// The port of the broker.
    pub broker_port: Port,
}

/// Rules for one namespace.
#[derive(Clone, Debug, PartialEq)]
pub struct Rights {
    /// The namespace; `None` is the whole cluster.
    pub namespace: Option<DnsLabel>,
    /// The rules.
    pub rules: Vec<PolicyRule>,
}

const HTTP: PortName = PortName::literal("http");
/// Where API servers listen, behind their Service or not.
const API_SERVER: [Port; 2] = [Port::literal(443), Port::literal(6443)];

impl BindingService {
    /// Its objects.
    ///
    /// # Errors
    /// When there is no configuration, or two rights are for one namespace.
    pub fn bundle(&self) -> Result<Bundle, ScenarioError> {
        let Some((first, _)) = self.files.first() else {
            let instead = "give the configuration as the first file";
            return Err(ScenarioError::wrong("mqtt-kube has no file", instead));
        };
        let mut app = App::new("mqtt-kube", self.name.clone(), self.namespace.clone());
        if let Some(account) = &self.account {
            app.name_account(account);
        }
        let mut config = ConfigMap::new(&app, self.name.as_str());
        let files: Vec<Key> = self
            .files
            .iter()
            .map(|(key, text)| config.file(key.clone(), text))
            .collect();
        let account = app.account_with_token();
        let mut pod = Pod::new(&app, &account, Profile::Restricted { user: 65_532 });
        pod.grace(15);
        let mut container = Container::new(DnsLabel::literal("mqtt-kube"), &self.image);
        container.args(&["run", &format!("/config/{first}")]);
        container.mount(
            &pod.volume(DnsLabel::literal("config"), Source::Files(files)),
            &AbsolutePath::literal("/config"),
        );
        if !self.secrets.is_empty() {
            let keys = self.secrets.iter().map(Key::external).collect();
            let volume = pod.volume(DnsLabel::literal("secrets"), Source::Files(keys));
            container.mount(&volume, &AbsolutePath::literal("/secrets"));
        }
        let http = container.port(HTTP, Port::literal(8080));
        container
            .started(Probe::http(&http, "/livez").every(2).failures(30))
            .alive(Probe::http(&http, "/livez").within(6))
            .ready(Probe::http(&http, "/readyz").every(5).within(6))
            .resources(Resources::literal("10m", "96Mi"));
        pod.container(container);
        let policy = NetworkPolicy::new(&app, self.name.as_str())
            .allow(
                &[Allowed::Pods {
                    namespace: Some(json!({})),
                    labels: None,
                }],
                std::slice::from_ref(&http),
            )
            .reach(
                &[Allowed::Everybody],
                &[&API_SERVER[..], &[self.broker_port]].concat(),
            )
            .look_up_names();
        let mut bundle = app.bundle();
        bundle.add(config.object())?;
        // Two with one MQTT client id would push each other out, so the old one goes first.
        bundle.add(workload::deployment(&app, &pod, 1, workload::Update::Recreate))?;
        bundle.add(policy.object())?;
        for rights in &self.rights {
            for object in self.role(&app, account.name(), rights) {
                bundle.add(object)?;
            }
        }
        Ok(bundle)
    }

    /// A role and its binding.
    fn role(&self, app: &App, account: &str, rights: &Rights) -> [Object; 2] {
        let group = "rbac.authorization.k8s.io";
        let (role, binding) = match rights.namespace {
            Some(_) => ("Role", "RoleBinding"),
            None => ("ClusterRole", "ClusterRoleBinding"),
        };
        // Names of the cluster are everybody's, so they tell the namespace too.
        let name = match rights.namespace {
            Some(_) => self.name.to_string(),
            None => format!("{}-{}", self.namespace, self.name),
        };
        let metadata = || {
            let mut metadata = json!({"name": name, "labels": app.labels()});
            if let Some(namespace) = &rights.namespace {
                metadata["namespace"] = json!(namespace);
            }
            metadata
        };
        let object = |value: Value| Object::new(value).expect("it has a kind and a name");
        let api = format!("{group}/v1");
        [
            object(json!({"apiVersion": api, "kind": role, "metadata": metadata(), "rules": rights.rules})),
            object(json!({
                "apiVersion": api, "kind": binding, "metadata": metadata(),
                "roleRef": {"apiGroup": group, "kind": role, "name": name},
                "subjects": [{"kind": "ServiceAccount", "name": account, "namespace": self.namespace}],
            })),
        ]
    }
}

const CONFIG: &str = "\
mqtt:
  host: mosquitto
  client-id: mqtt-kube
  topic-prefix: home
  auth: {type: basic, username: mqtt-kube, password: \"${file:/secrets/mqtt-kube}\"}
bindings:
  - namespace: media
    resource: Deployment
    name: jellyfin
    patch:
      - topic: jellyfin/power/set
        locus: spec.replicas
        values: {map: {\"ON\": 1, \"OFF\": 0}}
    watch:
      - locus: status.availableReplicas
        topic: jellyfin/power/state
        retain: true
        values: {map: {1: \"ON\", ~: \"OFF\"}}
";

/// Sample inputs: the switch of a media server.
///
/// # Panics
/// Never; the literals are right.
#[must_use]
pub fn sample_inputs() -> BindingService {
    let rule = |resource: &str, verbs: &[&str]| PolicyRule {
        api_groups: Some(vec!["apps".to_owned()]),
        resources: Some(vec![resource.to_owned()]),
        resource_names: Some(vec!["jellyfin".to_owned()]),
        verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
        ..PolicyRule::default()
    };
    let rights = Rights {
        namespace: Some(DnsLabel::literal("media")),
        rules: vec![
            rule("deployments", &["list", "watch"]),
            rule("deployments/scale", &["patch"]),
        ],
    };
    BindingService {
        name: ServiceName::literal("mqtt-kube"),
        namespace: DnsLabel::literal("iot"),
        image: "localhost/mqtt-kube:0.1.0"
            .parse()
            .expect("the literal is an image"),
        account: None,
        files: vec![(ConfigKey::literal("home.yaml"), CONFIG.to_owned())],
        secrets: vec![SecretKey {
            secret: DnsSubdomain::literal("mosquitto-users"),
            key: ConfigKey::literal("mqtt-kube"),
        }],
        rights: vec![rights],
        broker_port: Port::literal(1883),
    }
}

/// The objects of the sample.
///
/// # Errors
/// None; the sample is right.
pub fn sample() -> Result<Bundle, ScenarioError> {
    sample_inputs().bundle()
}
