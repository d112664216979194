//! The section `cloud`: which service, as whom, with which credential.

use mqttkube_mapping::yaml::{Content, Cursor, Duration, Section, Size};
use mqttkube_mqtt::{AvailabilitySpec, MqttSpec, Tls, Transport, Version};

use super::credential::{self, CredentialSpec};
use super::gateway::Device;
use super::mqtt;
use super::words::{Host, Name, name, names, path};
use crate::credential::Shown;
use crate::endpoint::{Endpoint, Profile, Scope, Versions};
use crate::sidecar::Values;

/// The cloud's side of the bridge.
#[derive(Debug)]
#[non_exhaustive]
pub struct Cloud {
    /// The service and what it takes.
    pub endpoint: Endpoint,
    /// How the session is held; its login is the credential's business.
    pub mqtt: MqttSpec,
    /// What is shown to be let in.
    pub credential: CredentialSpec,
    /// What stands for the placeholders of a template.
    pub values: Values,
}

/// What was found about the service before its credential is read.
pub(super) struct Service {
    pub(super) endpoint: Endpoint,
    pub(super) mqtt: MqttSpec,
    /// The hub of Azure IoT Hub, which its signatures name.
    pub(super) hub: String,
    pub(super) values: Values,
}

pub(super) fn read(mut section: Section<'_>) -> Option<Cloud> {
    let profile = profile(&mut section)?;
    let service = if is_fixed(profile) {
        fixed(profile, &mut section)
    } else {
        free(profile, &mut section)
    };
    let credential = credential::read(&mut section, profile, service.as_ref());
    let place = section.cursor().clone();
    section.finish();
    let (mut service, credential) = (service?, credential?);
    if credential.shows_secret() && service.mqtt.tls.is_none() {
        let what = match credential.shown {
            Shown::Password => "password",
            _ => "token",
        };
        place.warning(format!(
            "without tls the {what} can be read on the way to the cloud"
        ));
    }
    credential.apply_to(&mut service.mqtt);
    Some(Cloud {
        endpoint: service.endpoint,
        mqtt: service.mqtt,
        credential,
        values: service.values,
    })
}

fn profile(section: &mut Section<'_>) -> Option<Profile> {
    let Some(value) = section.get("profile") else {
        return section.missing("profile");
    };
    value.choice(&Profile::ALL.map(|profile| (profile.name(), profile)))
}

/// Services of which everything is known but the names of the device.
const fn is_fixed(profile: Profile) -> bool {
    matches!(
        profile,
        Profile::ClearBlade
            | Profile::GoogleIotCore
            | Profile::AzureIotHub
            | Profile::AzureEventGrid
            | Profile::AwsIotCore
    )
}

fn fixed(profile: Profile, section: &mut Section<'_>) -> Option<Service> {
    let host = section.optional("host").map(|host: Host| host.0);
    let port: Option<u16> = section.optional("port");
    let cafile = path(section, "cafile");
    let (mut hub, mut values) = (String::new(), Values::default());
    let endpoint = match profile {
        Profile::AzureIotHub => names(section, ["hub", "device"]).map(|[name, device]| {
            hub.clone_from(&name);
            Endpoint::azure_iot_hub(&name, &device)
        }),
        Profile::AzureEventGrid => names(section, ["namespace", "region", "client"])
            .map(|[namespace, region, client]| Endpoint::azure_event_grid(&namespace, &region, &client)),
        Profile::AwsIotCore => aws(section),
        _ => names(section, ["project", "region", "registry", "device"]).map(|names| {
            let [project, region, registry, device] = names.each_ref().map(String::as_str);
            values = template_values(&names, section.cursor());
            if profile == Profile::ClearBlade {
                return Endpoint::clearblade(project, region, registry, device);
            }
            if host.is_none() {
                section.cursor().warning(
                    "Google Cloud IoT Core ended in August 2023; write the host of a service that speaks its protocol",
                );
            }
            Endpoint::google_iot_core("mqtt.googleapis.com", project, region, registry, device)
        }),
    };
    let mut endpoint = endpoint?;
    endpoint.host = host.unwrap_or(endpoint.host);
    if endpoint.websocket_path().is_some() {
        endpoint = through(section, endpoint, port);
    } else if let Some(port) = port {
        endpoint = endpoint.on_port(port);
    }
    let tls = Tls {
        cafile,
        alpn: endpoint.alpn.iter().map(|name| (*name).to_owned()).collect(),
        ..Tls::default()
    };
    let mut mqtt = session(&endpoint, tls);
    if let Some(value) = section.get("keepalive").filter(|value| !value.node().is_null()) {
        mqtt.keepalive = Duration::from_node_or_seconds(&value).unwrap_or(mqtt.keepalive);
        check_keepalive(Some(value), mqtt.keepalive.get(), &endpoint);
    }
    Some(Service {
        endpoint,
        mqtt,
        hub,
        values,
    })
}

/// The services of Azure: the port tells what is spoken, where `transport` does not.
fn through(section: &mut Section<'_>, endpoint: Endpoint, port: Option<u16>) -> Endpoint {
    let words = [("tcp", false), ("websocket", true)];
    let given = section.get("transport").filter(|value| !value.node().is_null());
    let asked = given.and_then(|value| value.choice(&words));
    let usual = if asked == Some(true) { 443 } else { endpoint.port };
    let mut endpoint = endpoint.on_port(port.unwrap_or(usual));
    if let Some(websocket) = asked {
        endpoint.websocket = endpoint.websocket_path().filter(|_| websocket);
    }
    endpoint
}

fn template_values([project, region, registry, device]: &[String; 4], cursor: &Cursor<'_>) -> Values {
    Values {
        project: project.clone(),
        region: region.clone(),
        registry: registry.clone(),
        device: device.clone(),
        base_dir: cursor.folder().to_owned(),
    }
}

fn aws(section: &mut Section<'_>) -> Option<Endpoint> {
    let host = section.required("endpoint").map(|host: Host| host.0);
    let client = name(section, "client");
    let authorizer = section.optional("authorizer").map(|name: Name| name.0);
    // The name may stand in the credential; it decides the port already.
    let named = section.get("credential").and_then(|value| {
        let credential = value.node();
        let authorizer = credential.get("type")?.as_str() == Some("authorizer");
        credential
            .get("name")?
            .as_str()
            .filter(|_| authorizer)
            .map(str::to_owned)
    });
    let authorizer = authorizer.or(named);
    let (host, client) = (host?, client?);
    let endpoint = match authorizer {
        Some(authorizer) => Endpoint::aws_custom_authorizer(&host, &client, &authorizer),
        None => Endpoint::aws_iot_core(&host, &client),
    };
    let most = endpoint.limits.max_client_id.unwrap_or(usize::MAX);
    if client.len() > most
        && let Some(value) = section.get("client")
    {
        value.error(format!(
            "the client id has {} bytes, the service takes {most}",
            client.len()
        ));
    }
    Some(endpoint)
}

/// What the service's limits make of a session.
fn session(endpoint: &Endpoint, tls: Tls) -> MqttSpec {
    let mut mqtt = mqtt::silent();
    mqtt.host.clone_from(&endpoint.host);
    mqtt.port = Some(endpoint.port);
    mqtt.client_id.clone_from(&endpoint.client_id);
    mqtt.tls = Some(tls);
    if let Some(path) = endpoint.websocket {
        mqtt.transport = Transport::WebSocket {
            path: path.to_owned(),
        };
    }
    if endpoint.versions == Versions::V311 {
        mqtt.version = Version::V311;
    }
    limit(&mut mqtt, endpoint);
    mqtt
}

fn limit(mqtt: &mut MqttSpec, endpoint: &Endpoint) {
    let limits = &endpoint.limits;
    if let Some(longest) = limits.max_session_expiry {
        mqtt.session_expiry = Duration::from(longest);
    }
    mqtt.receive_maximum = mqtt
        .receive_maximum
        .min(limits.receive_maximum.unwrap_or(u16::MAX));
    if let Some(most) = limits.max_packet {
        mqtt.max_payload = Size::from_bytes(mqtt.max_payload.bytes().min(most));
    }
}

/// Services that are reached like any broker: every key of a session may be written.
fn free(profile: Profile, section: &mut Section<'_>) -> Option<Service> {
    if !section.has("host") {
        section.missing::<()>("host");
    }
    let mut mqtt = mqtt::read_keys(section)?;
    let build = match profile {
        Profile::Emqx => Endpoint::emqx,
        Profile::HivemqCloud => Endpoint::hivemq_cloud,
        Profile::ThingsBoard => Endpoint::thingsboard,
        _ => |host: &str, client: &str| Endpoint::plain(host, 1883, client),
    };
    let mut endpoint = build(&mqtt.host, &mqtt.client_id);
    let off = section
        .get("tls")
        .is_some_and(|tls| matches!(tls.node().content, Content::Bool(false)));
    if endpoint.tls && !off {
        mqtt.tls.get_or_insert_default();
    }
    endpoint.tls = mqtt.tls.is_some();
    endpoint.port = mqtt.port.unwrap_or(if endpoint.tls { 8883 } else { 1883 });
    mqtt.port = Some(endpoint.port);
    check_keepalive(section.get("keepalive"), mqtt.keepalive.get(), &endpoint);
    if let Some(value) = section.get("availability") {
        value.warning("availability has no effect: nothing of our own is published at the cloud");
    }
    mqtt.availability = AvailabilitySpec::Off;
    limit(&mut mqtt, &endpoint);
    Some(Service {
        endpoint,
        mqtt,
        hub: String::new(),
        values: Values::default(),
    })
}

/// What is no duration was reported before, and the default stands in for it.
fn check_keepalive(value: Option<Cursor<'_>>, given: std::time::Duration, endpoint: &Endpoint) {
    let range = &endpoint.limits.keepalive;
    if let Some(value) = value.filter(|_| !range.contains(&given)) {
        value.error(format!(
            "{} takes a keepalive from {} to {}, not {}",
            endpoint.profile.name(),
            Duration::from(*range.start()),
            Duration::from(*range.end()),
            Duration::from(given)
        ));
    }
}

impl Cloud {
    /// The same for a gateway, which also uses the topics of the devices behind it.
    pub(super) fn with_devices(mut self, devices: &[Device]) -> Self {
        let own = |names: &[&str]| {
            let topics = devices.iter().flat_map(|device| {
                names
                    .iter()
                    .map(move |name| format!("/devices/{}/{name}", device.id))
            });
            topics.collect::<Vec<_>>()
        };
        let limits = &mut self.endpoint.limits;
        if let Scope::Only(publish) = &mut limits.publish {
            publish.extend(own(&["events", "events/#", "state", "attach", "detach"]));
        }
        if let Scope::Only(subscribe) = &mut limits.subscribe {
            subscribe.extend(own(&["config", "commands/#", "errors"]));
        }
        self
    }
}
