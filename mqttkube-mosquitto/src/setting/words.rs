//! Values that are one of a few words.

use serde::{Deserialize, Serialize};

use super::{Setting, Text, ValueError, first_word, trim_blanks};

macro_rules! words {
    ($( $(#[$meta:meta])* pub enum $name:ident { $( $(#[$doc:meta])* $variant:ident = $word:literal, )* } )*) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        pub enum $name {
            $( $(#[$doc])* #[serde(rename = $word)] $variant, )*
        }

        impl $name {
            /// The word as it stands in a file.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        impl Setting for $name {
            fn read(raw: &str) -> Result<Self, ValueError> {
                match first_word(raw)? {
                    $( $word => Ok(Self::$variant), )*
                    other => Err(ValueError::Word {
                        text: other.to_owned(),
                        known: [$( $word, )*].join(", "),
                    }),
                }
            }

            fn write(&self) -> String {
                self.as_str().to_owned()
            }
        }
    )* };
}

words! {
    /// The MQTT version that a bridge speaks.
    pub enum BridgeProtocol {
        /// MQTT 3.1.
        V31 = "mqttv31",
        /// MQTT 3.1.1, the default.
        V311 = "mqttv311",
        /// MQTT 5.0.
        V50 = "mqttv50",
    }

    /// When a bridge connects.
    pub enum StartType {
        /// At start, and again whenever the connection is lost. The default.
        Automatic = "automatic",
        /// When enough messages wait; closed again after a time of silence.
        Lazy = "lazy",
        /// At start, and never again once the connection is lost.
        Once = "once",
    }

    /// What SIGHUP does to a changed bridge of Mosquitto 2.1.
    pub enum ReloadType {
        /// The change waits for the next reconnection. The default.
        Lazy = "lazy",
        /// The bridge reconnects now. Its queue is lost.
        Immediate = "immediate",
    }

    /// What a listener speaks.
    pub enum Protocol {
        /// MQTT on TCP or TLS, the default.
        Mqtt = "mqtt",
        /// MQTT in WebSocket frames.
        WebSockets = "websockets",
        /// The read-only HTTP interface of Mosquitto 2.1.
        HttpApi = "http_api",
    }

    /// Which addresses a listener binds.
    pub enum SocketDomain {
        /// IPv4 only.
        Ipv4 = "ipv4",
        /// IPv6 only.
        Ipv6 = "ipv6",
    }

    /// Where the private key of a listener comes from.
    pub enum KeyForm {
        /// A PEM file, the default.
        Pem = "pem",
        /// An OpenSSL engine.
        Engine = "engine",
    }

    /// One kind of log line.
    pub enum LogType {
        /// No lines.
        None = "none",
        /// Errors.
        Error = "error",
        /// Warnings.
        Warning = "warning",
        /// Notices.
        Notice = "notice",
        /// Information.
        Information = "information",
        /// Every packet.
        Debug = "debug",
        /// Subscriptions.
        Subscribe = "subscribe",
        /// Subscriptions that end.
        Unsubscribe = "unsubscribe",
        /// The inside of the broker.
        Internal = "internal",
        /// The WebSocket library.
        WebSockets = "websockets",
        /// Everything.
        All = "all",
    }
}

/// Where log lines go.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum LogDestination {
    /// Nowhere.
    None,
    /// The system log.
    Syslog,
    /// Standard output.
    Stdout,
    /// Standard error, the default.
    Stderr,
    /// Topics below `$SYS/broker/log`.
    Topic,
    /// Automotive DLT.
    Dlt,
    /// A file.
    File(Text),
}

impl Setting for LogDestination {
    fn read(raw: &str) -> Result<Self, ValueError> {
        match first_word(raw)? {
            "none" => Ok(Self::None),
            "syslog" => Ok(Self::Syslog),
            "stdout" => Ok(Self::Stdout),
            "stderr" => Ok(Self::Stderr),
            "topic" => Ok(Self::Topic),
            "dlt" => Ok(Self::Dlt),
            "file" => Text::read(&trim_blanks(raw)["file".len()..]).map(Self::File),
            other => Err(ValueError::Word {
                text: other.to_owned(),
                known: "none, syslog, stdout, stderr, topic, dlt, file".to_owned(),
            }),
        }
    }

    fn write(&self) -> String {
        match self {
            Self::None => "none".to_owned(),
            Self::Syslog => "syslog".to_owned(),
            Self::Stdout => "stdout".to_owned(),
            Self::Stderr => "stderr".to_owned(),
            Self::Topic => "topic".to_owned(),
            Self::Dlt => "dlt".to_owned(),
            Self::File(path) => format!("file {path}"),
        }
    }

    fn ignored(raw: &str) -> &str {
        if trim_blanks(raw).starts_with("file") {
            ""
        } else {
            super::after_first_word(raw)
        }
    }
}
