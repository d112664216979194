//! The refresher beside a stock broker.

use mqttkube_mosquitto::password::PasswordFile;
use mqttkube_mosquitto::setting::{Address, LogDestination, Name, Ranged, Secret as Password, Text};
use mqttkube_mosquitto::{Config, Connection, Global, Listener, Security, Version};
use serde_json::json;

use super::{CloudBridge, ScenarioError, Sidecar};
use crate::broker::Credential;
use crate::build::{
    Allowed, App, Claim, ConfigMap, Container, ContainerPort, Key, NetworkPolicy, Pod, Probe, Profile,
    Resources, Secret, Service, Source, Volume, workload,
};
use crate::bundle::Bundle;
use crate::name::{AbsolutePath, Budget, ConfigKey, DnsLabel, Port, PortName};

/// What the refresher replaces.
const TOKEN: &str = "GOOGLE_CLOUD_JWT";
/// The user of the image; both containers run as it, so that one may signal the other without a capability.
const USER: u32 = 1883;
/// Where the refresher writes the configuration, and the broker reads it.
const WRITTEN: AbsolutePath = AbsolutePath::literal("/mosquitto/config");

pub(super) fn bundle(bridge: &CloudBridge, form: &Sidecar) -> Result<Bundle, ScenarioError> {
    let app = App::new("mosquitto", bridge.name.clone(), bridge.namespace.clone());
    let mut config = ConfigMap::new(&app, bridge.name.as_str());
    let settings = config.file(ConfigKey::literal("bridge.yaml"), bridge.config());
    let template = config.file(ConfigKey::literal("mosquitto.conf"), template(bridge, form)?);
    let users = Budget::new("-users").service(&bridge.name)?;
    let mut secret = Secret::new(&app, users.as_str());
    let passwords = secret.file(ConfigKey::literal("passwd"), passwords(form)?);
    let claim = Claim::new(
        Budget::new("-data").service(&bridge.name)?.as_str(),
        form.storage.clone(),
        None,
    );

    let mut pod = Pod::new(&app, &app.account(), Profile::Restricted { user: USER });
    // The refresher finds the broker's process and ends it; a user may signal its own processes.
    pod.set("shareProcessNamespace", json!(true));
    let written = pod.volume(
        DnsLabel::literal("written"),
        Source::Memory {
            size: "1Mi".parse().expect("the literal is a quantity"),
        },
    );
    let settings = pod.volume(
        DnsLabel::literal("config"),
        Source::Files(vec![settings, template]),
    );
    let key = Key::external(&bridge.key).named(ConfigKey::literal("private.pem"));
    let key = pod.volume(DnsLabel::literal("key"), Source::Files(vec![key]));
    let passwords = pod.volume(DnsLabel::literal("users"), Source::Files(vec![passwords]));
    let data = pod.volume(DnsLabel::literal("data"), Source::Claim(claim.clone()));
    let (refresher, http) = refresher(form, [&settings, &key, &written]);
    pod.sidecar(refresher);
    let (broker, mqtt) = broker(form, [&written, &passwords, &data]);
    pod.container(broker);

    let policy = NetworkPolicy::new(&app, bridge.name.as_str())
        .allow(&[Allowed::OwnNamespace], &[mqtt.clone(), http])
        .reach(&[Allowed::Everybody], &[Port::literal(443), Port::literal(8883)])
        .look_up_names();
    let mut bundle = app.bundle();
    bundle.add(secret.object())?;
    bundle.add(config.object())?;
    bundle.add(claim.object(&app))?;
    bundle.add(Service::new(&app, bridge.name.as_str()).port(&mqtt).object())?;
    bundle.add(workload::deployment(&app, &pod, 1, workload::Update::Recreate))?;
    bundle.add(policy.object())?;
    Ok(bundle)
}

/// The refresher with its port; it reads its settings and the key, and writes the configuration.
fn refresher(form: &Sidecar, [settings, key, written]: [&Volume; 3]) -> (Container, ContainerPort) {
    let mut refresher = Container::new(DnsLabel::literal("refresher"), &form.refresher);
    refresher.args(&["/config/bridge.yaml"]);
    let http = refresher.port(PortName::literal("http"), Port::literal(8080));
    refresher
        .mount(settings, &AbsolutePath::literal("/config"))
        .mount(key, &AbsolutePath::literal("/key"))
        .mount(written, &WRITTEN)
        // Ready is who has written the file: the broker starts after that.
        .started(Probe::http(&http, "/readyz").every(1).failures(60))
        .alive(Probe::http(&http, "/livez"));
    (refresher, http)
}

/// The broker with its port; it waits for what the refresher has written.
fn broker(form: &Sidecar, [written, passwords, data]: [&Volume; 3]) -> (Container, ContainerPort) {
    let mut broker = Container::new(DnsLabel::literal("mosquitto"), &form.broker);
    broker.command(&["mosquitto", "-c", "/mosquitto/config/mosquitto.conf"]);
    let mqtt = broker.port(PortName::literal("mqtt"), Port::literal(1883));
    broker
        .mount(written, &WRITTEN)
        .mount(passwords, &AbsolutePath::literal("/users"))
        .mount(data, &AbsolutePath::literal("/mosquitto/data"))
        .started(Probe::tcp(&mqtt).every(1).failures(60))
        .alive(Probe::tcp(&mqtt))
        .ready(Probe::tcp(&mqtt).every(5))
        .resources(Resources::literal("50m", "64Mi"));
    if form.version == Version::V2_1 {
        // It opens no password file through the links of a mounted folder otherwise.
        broker.env("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS", "1");
    }
    (broker, mqtt)
}

fn passwords(form: &Sidecar) -> Result<String, ScenarioError> {
    let mut file = PasswordFile::default();
    for user in &form.users {
        let Credential::Hash(hash) = &user.credential else {
            let found = format!("the password of `{}` is in a Secret of its own", user.name);
            return Err(ScenarioError::wrong(
                found,
                "give its hash: the refresher form does not hash in the pod",
            ));
        };
        file.insert(user.name.clone(), hash.clone());
    }
    Ok(file.to_string())
}

/// The configuration with a place for the token.
fn template(bridge: &CloudBridge, form: &Sidecar) -> Result<String, ScenarioError> {
    let device = &bridge.device;
    let text = |text: &str| Text::new(text).expect("names are one line");
    let client = format!(
        "projects/{}/locations/{}/registries/{}/devices/{}",
        device.project, device.region, device.registry, device.id
    );
    let address: Address = format!("{}-mqtt.clearblade.com:8883", device.region)
        .parse()
        .expect("a label is the beginning of a host");
    let name: Name = "cloud".parse().expect("the literal is a name");
    let mut connection = Connection::new(name, vec![address], bridge.rules.clone());
    let options = &mut connection.options;
    options.remote_clientid = Some(text(&client));
    options.local_clientid = Some(text(&format!("{}.cloud", bridge.name)));
    options.remote_username = Some(text("unused"));
    options.remote_password = Some(Password::new(TOKEN).expect("the literal is one line"));
    options.cleansession = Some(false);
    options.notifications = Some(false);
    options.try_private = Some(false);
    // The service speaks 3.1.1 without retained messages.
    options.outgoing_retain = Some(false);
    // It ends the connection over an UNSUBSCRIBE for what is only sent.
    options.attempt_unsubscribe = Some(false);
    options.capath = Some(text("/etc/ssl/certs"));
    let config = Config {
        global: Global {
            persistence: Some(true),
            persistence_location: Some(text("/mosquitto/data/")),
            autosave_interval: Ranged::new(1),
            autosave_on_changes: Some(true),
            // No limit: what waits for the cloud must outlast any outage.
            max_queued_messages: Ranged::new(0),
            max_packet_size: Ranged::new(2_000_000),
            log_dest: vec![LogDestination::Stderr],
            ..Global::default()
        },
        security: Security {
            allow_anonymous: Some(false),
            password_file: Some(text("/users/passwd")),
            ..Security::default()
        },
        listeners: Listener::tcp(1883).into_iter().collect(),
        connections: vec![connection],
        ..Config::default()
    };
    config
        .write(form.version)
        .map_err(|error| ScenarioError::wrong(error.to_string(), "change the rules or the version"))
}
