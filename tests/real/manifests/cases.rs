//! The bundles that are rendered, each with what can be set in it.

use anyhow::{Result, anyhow};
use mqttkube_manifests::broker::Broker;
use mqttkube_manifests::bundle::{Bundle, BundleError, VerifiedBundle};
use mqttkube_manifests::object::ObjectKey;
use mqttkube_manifests::render::helm::Parameter;
use mqttkube_manifests::scenario::{self, Scenario, node_port};
use serde_json::{Value, json};

/// A value of a chart: its path, its default, two probes and the value that the test sets.
pub(super) struct Setting {
    pub(super) path: &'static str,
    pub(super) default: Value,
    pub(super) probes: [Value; 2],
    pub(super) other: Value,
}

type Build = Box<dyn Fn(&dyn Fn(&str) -> Value) -> Result<VerifiedBundle>>;

/// A model: settings in, bundle out.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) settings: Vec<Setting>,
    build: Build,
}

impl Case {
    /// The bundle with all defaults.
    pub(super) fn bundle(&self) -> VerifiedBundle {
        self.with(&|_| None)
    }

    /// The bundle with every setting changed.
    pub(super) fn changed(&self) -> VerifiedBundle {
        self.with(&|setting| Some(setting.other.clone()))
    }

    fn with(&self, value: &dyn Fn(&Setting) -> Option<Value>) -> VerifiedBundle {
        self.try_with(value).unwrap()
    }

    fn try_with(&self, value: &dyn Fn(&Setting) -> Option<Value>) -> Result<VerifiedBundle> {
        (self.build)(&|path| {
            let setting = self.settings.iter().find(|setting| setting.path == path);
            let setting = setting.unwrap_or_else(|| panic!("{} has no setting {path}", self.name));
            value(setting).unwrap_or_else(|| setting.default.clone())
        })
    }

    /// The settings with the places where they show.
    pub(super) fn parameters(&self) -> Vec<Parameter> {
        let bundle = self.bundle();
        let find = |setting: &Setting| {
            let mut parameter = Parameter::new(setting.path, "A setting.", setting.default.clone());
            let build =
                |probe: &Value| self.try_with(&|other| (other.path == setting.path).then(|| probe.clone()));
            parameter.find(&bundle, &setting.probes, build).unwrap();
            parameter
        };
        self.settings.iter().map(find).collect()
    }
}

/// Every ConfigMap and Secret.
pub(super) fn with_content(bundle: &VerifiedBundle) -> Vec<ObjectKey> {
    let keys = bundle.objects().iter().map(|object| object.key());
    keys.filter(|key| matches!(key.kind.as_str(), "ConfigMap" | "Secret"))
        .cloned()
        .collect()
}

/// All cases.
pub(super) fn all() -> Vec<Case> {
    let scenarios = scenario::ALL.iter().map(of_scenario);
    [by_hand(), broker()].into_iter().chain(scenarios).collect()
}

/// A scenario with its sample inputs. Namespaces are those of the sample, so two cases never run at one time.
fn of_scenario(scenario: &'static Scenario) -> Case {
    Case {
        name: scenario.name,
        settings: Vec::new(),
        build: Box::new(|_| {
            let bundle = (scenario.sample)()?;
            let report = bundle.check();
            bundle.verified().map_err(|_| anyhow!("{report}"))
        }),
    }
}

/// The broker behind a node port as a model, with what a chart may set. What is in its configuration is not among that: the
/// annotation that replaces the pods is a hash of it.
fn broker() -> Case {
    /// Where a setting is in the model.
    const PLACES: &[(&str, &str)] = &[
        ("image", "/image"),
        ("resources.cpu", "/resources/cpu"),
        ("resources.memory", "/resources/memory"),
        ("persistence.size", "/persistence/size"),
        ("persistence.storageClass", "/persistence/storage-class"),
        ("nodePort", "/expose/0/node-port/mqtts"),
        ("host", "/listeners/1/tls/hosts/0"),
        ("issuer", "/listeners/1/tls/issuer/name"),
    ];
    let mut model = node_port::sample_inputs().broker();
    model.namespace = "set-by-values".parse().unwrap();
    model.expose = vec![serde_json::from_value(json!({"node-port": {"mqtts": 30990}})).unwrap()];
    let mut model = serde_json::to_value(model).unwrap();
    model["persistence"]["storage-class"] = json!("standard");
    // What a certificate says depends on whether its issuer's name is that of a public one.
    model["listeners"][1]["tls"]["issuer"]["name"] = json!("internal");
    let setting = |path: &'static str, probes: [Value; 2], other: Value| {
        let (_, pointer) = PLACES.iter().find(|(known, _)| *known == path).unwrap();
        Setting {
            path,
            default: model
                .pointer(pointer)
                .unwrap_or_else(|| panic!("nothing at {pointer}: {model}"))
                .clone(),
            probes,
            other,
        }
    };
    let names = || [json!("probe-one.example.org"), json!("two.probe.example.net")];
    let settings = vec![
        setting(
            "image",
            [json!("registry.probe/one:1"), json!("probe.registry/two:2")],
            json!("r.example.com/m:2.0.23"),
        ),
        setting("resources.cpu", [json!("1111m"), json!("2222m")], json!("250m")),
        setting(
            "resources.memory",
            [json!("1111Mi"), json!("2222Mi")],
            json!("128Mi"),
        ),
        setting("persistence.size", [json!("111Gi"), json!("222Gi")], json!("5Gi")),
        setting("persistence.storageClass", names(), json!("local-path")),
        setting("nodePort", [json!(31111), json!(32222)], json!(32001)),
        setting("host", names(), json!("broker.example.net")),
        setting("issuer", names(), json!("on")),
    ];
    Case {
        name: "broker",
        settings,
        build: Box::new(move |value| {
            let mut model = model.clone();
            for (path, pointer) in PLACES {
                *model.pointer_mut(pointer).unwrap() = value(path);
            }
            let broker: Broker = serde_json::from_value(model)?;
            let bundle = broker.bundle().map_err(|errors| anyhow!("{errors:?}"))?;
            let report = bundle.check();
            bundle.verified().map_err(|_| anyhow!("{report}"))
        }),
    }
}

/// Objects made by hand: everything that a renderer can get wrong.
fn by_hand() -> Case {
    let setting = |path, default: Value, probes: [Value; 2], other: Value| Setting {
        path,
        default,
        probes,
        other,
    };
    let text = |path, default: &str, other: &str| {
        let probes = [json!("probe-one.example.org"), json!("two.probe.example.net")];
        setting(path, json!(default), probes, json!(other))
    };
    Case {
        name: "by-hand",
        settings: vec![
            setting(
                "broker.image",
                json!("docker.io/library/eclipse-mosquitto:2.0.22"),
                [json!("registry.probe/one:1"), json!("probe.registry/two:2")],
                json!("registry.example.com/mosquitto:2.0.23"),
            ),
            setting(
                "broker.memory",
                json!("64Mi"),
                [json!("1111Mi"), json!("2222Mi")],
                json!("128Mi"),
            ),
            setting(
                "broker.cpu",
                json!("100m"),
                [json!("1111m"), json!("2222m")],
                json!("250m"),
            ),
            setting(
                "persistence.size",
                json!("1Gi"),
                [json!("111Gi"), json!("222Gi")],
                json!("5Gi"),
            ),
            text("persistence.storageClass", "standard", "local-path"),
            setting(
                "nodePort",
                json!(30883),
                [json!(31111), json!(32222)],
                json!(32001),
            ),
            text("host", "mqtt.example.com", "broker.example.net"),
            setting(
                "logLevel",
                json!("notice"),
                [json!("probe-one"), json!("probe-two")],
                json!("warning"),
            ),
            setting("replicas", json!(1), [json!(77), json!(88)], json!(2)),
            text("cloud.project", "my-project", "true"),
        ],
        build: Box::new(|value| Ok(objects(value)?)),
    }
}

fn objects(value: &dyn Fn(&str) -> Value) -> Result<VerifiedBundle, BundleError> {
    let shown = |path: &str| value(path).as_str().unwrap_or_default().to_owned();
    let labels = json!({"app.kubernetes.io/name": "mosquitto", "app.kubernetes.io/instance": "m"});
    let metadata = |name: &str| json!({"name": name, "namespace": "by-hand", "labels": labels});
    let conf = format!(
        "listener 1883\n# {{{{ not a template }}}} and {{{{{{ three\nlog_type {}\n\npassword_file /mosquitto/passwd/passwd\nallow_anonymous false\n",
        shown("logLevel")
    );
    let security = json!({"allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true,
        "capabilities": {"drop": ["ALL"]}});
    let amount = json!({"cpu": value("broker.cpu"), "memory": value("broker.memory")});
    let pod = json!({
        "automountServiceAccountToken": false,
        "securityContext": {"runAsNonRoot": true, "runAsUser": 1883, "runAsGroup": 1883, "fsGroup": 1883,
            "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [{
            "name": "mosquitto",
            "image": value("broker.image"),
            "args": ["mosquitto", "-c", "/mosquitto/config/mosquitto.conf"],
            "env": [{"name": "PROJECT", "value": value("cloud.project")}, {"name": "DEBUG", "value": "off"},
                {"name": "URL", "value": format!("mqtts://{}:8883", shown("host"))}],
            "ports": [{"name": "mqtt", "containerPort": 1883}],
            "readinessProbe": {"tcpSocket": {"port": "mqtt"}},
            "resources": {"requests": amount, "limits": amount},
            "securityContext": security,
            "volumeMounts": [
                {"name": "config", "mountPath": "/mosquitto/config", "readOnly": true},
                {"name": "passwd", "mountPath": "/mosquitto/passwd", "readOnly": true},
                {"name": "data", "mountPath": "/mosquitto/data"},
            ],
        }],
        "volumes": [
            {"name": "config", "configMap": {"name": "mosquitto-conf"}},
            {"name": "passwd", "secret": {"secretName": "mosquitto-passwd"}},
            {"name": "data", "persistentVolumeClaim": {"claimName": "mosquitto-data"}},
        ],
    });
    let mut bundle = Bundle::new();
    for object in [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "by-hand",
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}),
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata("mosquitto-conf"),
            "data": {"mosquitto.conf": conf, "empty": "", "quotes": "\"quoted\"", "number": "1e3"}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata("mosquitto-passwd"), "type": "Opaque",
            "stringData": {"passwd": "sensor:$7$101$c2FsdHNhbHQxMjM0$aGFzaA==\n"}, "data": {"key": "/w=="}}),
        json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata("mosquitto-data"),
            "spec": {"accessModes": ["ReadWriteOnce"], "storageClassName": value("persistence.storageClass"),
                "resources": {"requests": {"storage": value("persistence.size")}}}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": metadata("mosquitto"),
            "spec": {"type": "NodePort", "selector": labels,
                "ports": [{"name": "mqtt", "port": 1883, "targetPort": "mqtt", "nodePort": value("nodePort")}]}}),
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata("mosquitto"),
            "spec": {"replicas": value("replicas"), "strategy": {"type": "Recreate"}, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod}}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": metadata("mosquitto"),
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"ports": [{"port": 1883}]}]}}),
        json!({"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata("mosquitto"),
            "spec": {"tls": [{"hosts": [value("host")], "secretName": "tls"}], "rules": [{"host": value("host"),
                "http": {"paths": [{"path": "/", "pathType": "Prefix",
                    "backend": {"service": {"name": "mosquitto", "port": {"name": "mqtt"}}}}]}}]}}),
    ] {
        bundle.add_value(object)?;
    }
    // The claim of a class, the key that is no text and the Secret of another owner are what the check warns of or refuses.
    bundle.unverified("objects made by hand, for a test {{ of }} the renderers")
}
