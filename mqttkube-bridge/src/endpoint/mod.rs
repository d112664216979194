//! What is known of each cloud service: where it listens, what it wants as client id and user name, and what it does not
//! take. Rules are checked against this before anything connects.
//!
//! ```
//! use mqttkube_bridge::endpoint::{Endpoint, Violation};
//!
//! let endpoint = Endpoint::clearblade("my-project", "us-central1", "gadgets", "bridge");
//! assert_eq!(endpoint.host, "us-central1-mqtt.clearblade.com");
//! assert_eq!(endpoint.limits.check_publish("/devices/bridge/events/door", 1, false), Ok(()));
//! assert_eq!(endpoint.limits.check_publish("/devices/bridge/events", 2, false), Err(Violation::Qos { asked: 2, most: 1 }));
//! ```

mod limits;

pub use limits::{Limits, Scope, Violation};

use std::time::Duration;

/// A cloud service by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Profile {
    /// ClearBlade IoT Core, the successor of Google's service and compatible with it.
    ClearBlade,
    /// Google Cloud IoT Core's own form; the service ended in August 2023, and what speaks its protocol names a host.
    GoogleIotCore,
    /// Azure IoT Hub.
    AzureIotHub,
    /// The MQTT broker of an Azure Event Grid namespace.
    AzureEventGrid,
    /// AWS IoT Core.
    AwsIotCore,
    /// EMQX and EMQX Cloud.
    Emqx,
    /// HiveMQ Cloud.
    HivemqCloud,
    /// ThingsBoard.
    ThingsBoard,
    /// Any other broker.
    Plain,
}

impl Profile {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 9] = [
        Self::ClearBlade,
        Self::GoogleIotCore,
        Self::AzureIotHub,
        Self::AzureEventGrid,
        Self::AwsIotCore,
        Self::Emqx,
        Self::HivemqCloud,
        Self::ThingsBoard,
        Self::Plain,
    ];

    /// The name in a configuration file.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ClearBlade => "clearblade",
            Self::GoogleIotCore => "google-iot-core",
            Self::AzureIotHub => "azure-iot-hub",
            Self::AzureEventGrid => "azure-event-grid",
            Self::AwsIotCore => "aws-iot-core",
            Self::Emqx => "emqx",
            Self::HivemqCloud => "hivemq-cloud",
            Self::ThingsBoard => "thingsboard",
            Self::Plain => "plain",
        }
    }

    /// The profile of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name)
    }
}

/// The protocol versions that a service speaks, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versions {
    /// MQTT 3.1.1 only.
    V311,
    /// MQTT 5, and 3.1.1 as well.
    Both,
}

/// One device's (or client's) end at a service.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Endpoint {
    /// Which service.
    pub profile: Profile,
    /// The host to connect to, and to verify the certificate of.
    pub host: String,
    /// The TCP port.
    pub port: u16,
    /// The MQTT client id.
    pub client_id: String,
    /// The MQTT user name where the service fixes it; else the credential says.
    pub username: Option<String>,
    /// Application protocols to offer in the TLS handshake (RFC 7301).
    pub alpn: Vec<&'static str>,
    /// The path of the WebSocket that MQTT goes through; none: it goes over TCP or TLS itself.
    pub websocket: Option<&'static str>,
    /// Always on but for plain brokers.
    pub tls: bool,
    /// What to speak.
    pub versions: Versions,
    /// What the service takes.
    pub limits: Limits,
    /// The audience of tokens, where the service fixes it.
    pub audience: Option<String>,
}

impl Endpoint {
    /// A device of ClearBlade IoT Core.
    #[must_use]
    pub fn clearblade(project: &str, region: &str, registry: &str, device: &str) -> Self {
        let host = format!("{region}-mqtt.clearblade.com");
        Self::google_form(
            Profile::ClearBlade,
            host,
            8883,
            &[project, region, registry, device],
        )
    }

    /// A device of a service at `host` that speaks the protocol of Google Cloud IoT Core.
    #[must_use]
    pub fn google_iot_core(host: &str, project: &str, region: &str, registry: &str, device: &str) -> Self {
        Self::google_form(
            Profile::GoogleIotCore,
            host.to_owned(),
            443,
            &[project, region, registry, device],
        )
    }

    fn google_form(profile: Profile, host: String, port: u16, path: &[&str; 4]) -> Self {
        let [project, region, registry, device] = path;
        // To attach devices ends the connection of a client that is no gateway.
        let publish = ["events", "events/#", "state"];
        let subscribe = ["config", "commands/#", "errors"];
        let own = |names: &[&str]| {
            names
                .iter()
                .map(|name| format!("/devices/{device}/{name}"))
                .collect()
        };
        let limits = Limits {
            max_qos: 1,
            retain: false,
            max_packet: Some(256 * 1024),
            keepalive: Duration::from_secs(5)..=Duration::from_secs(1_200),
            user_properties: false,
            publish: Scope::Only(own(&publish)),
            subscribe: Scope::Only(own(&subscribe)),
            ..Limits::default()
        };
        Self {
            client_id: format!(
                "projects/{project}/locations/{region}/registries/{registry}/devices/{device}"
            ),
            username: Some("unused".to_owned()),
            versions: Versions::V311,
            audience: Some((*project).to_owned()),
            ..Self::with(profile, host, port, limits)
        }
    }

    /// A device of an Azure IoT Hub; `hub` is `NAME` of `NAME.azure-devices.net`.
    #[must_use]
    pub fn azure_iot_hub(hub: &str, device: &str) -> Self {
        let host = format!("{hub}.azure-devices.net");
        let twin = [
            "$iothub/twin/GET/#",
            "$iothub/twin/PATCH/properties/reported/#",
            "$iothub/methods/res/#",
        ];
        let pushed = [
            "$iothub/twin/res/#",
            "$iothub/twin/PATCH/properties/desired/#",
            "$iothub/methods/POST/#",
        ];
        let with =
            |own: String, more: [&str; 3]| std::iter::once(own).chain(more.map(str::to_owned)).collect();
        let limits = Limits {
            max_qos: 1,
            retain: false,
            max_packet: Some(256 * 1024),
            max_subscriptions: Some(5),
            keepalive: Duration::from_secs(5)..=Duration::from_secs(1_177),
            user_properties: false,
            publish: Scope::Only(with(format!("devices/{device}/messages/events/#"), twin)),
            subscribe: Scope::Only(with(format!("devices/{device}/messages/devicebound/#"), pushed)),
            ..Limits::default()
        };
        Self {
            client_id: device.to_owned(),
            username: Some(format!("{host}/{device}/?api-version=2021-04-12")),
            versions: Versions::V311,
            ..Self::with(Profile::AzureIotHub, host, 8883, limits)
        }
    }

    /// A client of the MQTT broker in an Event Grid namespace.
    #[must_use]
    pub fn azure_event_grid(namespace: &str, region: &str, client: &str) -> Self {
        let limits = Limits {
            max_qos: 1,
            retain: false,
            max_packet: Some(512 * 1024),
            max_session_expiry: Some(Duration::from_secs(8 * 3_600)),
            keepalive: Duration::from_secs(5)..=Duration::from_secs(1_160),
            ..Limits::default()
        };
        Self {
            client_id: client.to_owned(),
            username: Some(client.to_owned()),
            audience: Some("https://eventgrid.azure.net/".to_owned()),
            ..Self::with(
                Profile::AzureEventGrid,
                format!("{namespace}.{region}-1.ts.eventgrid.azure.net"),
                8883,
                limits,
            )
        }
    }

    /// A client of AWS IoT Core that shows a certificate.
    #[must_use]
    pub fn aws_iot_core(endpoint: &str, client: &str) -> Self {
        let limits = Limits {
            max_qos: 1,
            max_packet: Some(128 * 1024),
            max_slashes: Some(7),
            max_client_id: Some(128),
            max_subscriptions: Some(50),
            receive_maximum: Some(100),
            keepalive: Duration::from_secs(30)..=Duration::from_secs(1_200),
            ..Limits::default()
        };
        Self {
            client_id: client.to_owned(),
            ..Self::with(Profile::AwsIotCore, endpoint.to_owned(), 8883, limits)
        }
    }

    /// A client of AWS IoT Core that is let in by a custom authorizer: port 443, chosen by ALPN.
    #[must_use]
    pub fn aws_custom_authorizer(endpoint: &str, client: &str, authorizer: &str) -> Self {
        Self {
            port: 443,
            username: Some(format!("?x-amz-customauthorizer-name={authorizer}")),
            alpn: vec!["mqtt"],
            ..Self::aws_iot_core(endpoint, client)
        }
    }

    /// A client of EMQX.
    #[must_use]
    pub fn emqx(host: &str, client: &str) -> Self {
        Self {
            client_id: client.to_owned(),
            ..Self::with(Profile::Emqx, host.to_owned(), 8883, Limits::default())
        }
    }

    /// A client of a HiveMQ Cloud cluster.
    #[must_use]
    pub fn hivemq_cloud(host: &str, client: &str) -> Self {
        let base = Self::with(Profile::HivemqCloud, host.to_owned(), 8883, Limits::default());
        Self {
            client_id: client.to_owned(),
            ..base
        }
    }

    /// A device (or gateway) of ThingsBoard.
    #[must_use]
    pub fn thingsboard(host: &str, client: &str) -> Self {
        let own = || {
            Scope::Only(vec![
                "v1/devices/me/#".to_owned(),
                "v1/gateway/#".to_owned(),
                "v2/#".to_owned(),
            ])
        };
        let limits = Limits {
            max_qos: 1,
            publish: own(),
            subscribe: own(),
            ..Limits::default()
        };
        let base = Self::with(Profile::ThingsBoard, host.to_owned(), 8883, limits);
        Self {
            client_id: client.to_owned(),
            ..base
        }
    }

    /// Any other broker: no limits but those of the protocol, TLS only where asked for.
    #[must_use]
    pub fn plain(host: &str, port: u16, client: &str) -> Self {
        let base = Self::with(Profile::Plain, host.to_owned(), port, Limits::default());
        Self {
            client_id: client.to_owned(),
            tls: false,
            ..base
        }
    }

    /// The same on another port, spoken to as the service expects it there: on 443 AWS IoT Core knows MQTT by its name in
    /// the TLS handshake, and the services of Azure take it through a WebSocket only.
    #[must_use]
    pub fn on_port(self, port: u16) -> Self {
        let secure_web = port == 443;
        let mut endpoint = Self { port, ..self };
        if secure_web && endpoint.profile == Profile::AwsIotCore && endpoint.alpn.is_empty() {
            endpoint.alpn = vec!["x-amzn-mqtt-ca"];
        }
        if secure_web {
            endpoint.websocket = endpoint.websocket.or(endpoint.websocket_path());
        }
        endpoint
    }

    /// Where the service takes MQTT through a WebSocket; none where it does not, or where its operator decides.
    #[must_use]
    pub const fn websocket_path(&self) -> Option<&'static str> {
        match self.profile {
            Profile::AzureIotHub => Some("/$iothub/websocket"),
            Profile::AzureEventGrid => Some("/mqtt"),
            _ => None,
        }
    }

    fn with(profile: Profile, host: String, port: u16, limits: Limits) -> Self {
        Self {
            profile,
            host,
            port,
            client_id: String::new(),
            username: None,
            alpn: Vec::new(),
            websocket: None,
            tls: true,
            versions: Versions::Both,
            limits,
            audience: None,
        }
    }
}
