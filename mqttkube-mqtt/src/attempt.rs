//! One attempt to connect: credentials and files are read anew, then the broker is greeted.

use std::sync::Arc;

use tokio::time::Duration;

use crate::credentials::Login;
use crate::error::chain;
use crate::event::{Version, Warning};
use crate::link::{Link, LinkError};
use crate::options::OptionsBuilder;
use crate::tls::Loaded;
use crate::transport::{self, Stream};
use crate::wire::{Connect, Welcome, Will};

/// What worked last, for the case that a file is broken at the next attempt.
#[derive(Clone, Default)]
pub(crate) struct Remembered {
    login: Option<Login>,
    tls: Option<Loaded>,
}

/// Owns all that it needs, so that the session can go on taking requests beside it.
pub(crate) struct Attempt {
    pub(crate) options: Arc<OptionsBuilder>,
    pub(crate) version: Version,
    pub(crate) last: Remembered,
}

/// What came of it, what worked, and what an operator should know.
pub(crate) type Tried<T> = (Result<T, LinkError>, Remembered, Vec<Warning>);

/// A stream to the broker on which nothing was said yet.
pub(crate) struct Prepared {
    stream: Box<dyn Stream>,
    version: Version,
    packet: Connect,
}

impl Prepared {
    /// Says CONNECT and waits for the answer.
    pub(crate) async fn greet(self) -> Result<(Link, Welcome), LinkError> {
        Link::greet(self.stream, self.version, &self.packet).await
    }
}

impl Attempt {
    pub(crate) async fn run(self) -> Tried<(Link, Welcome)> {
        let (prepared, remembered, warnings) = self.prepare().await;
        let result = match prepared {
            Ok(prepared) => prepared.greet().await,
            Err(error) => Err(error),
        };
        (result, remembered, warnings)
    }

    /// Goes as far as it can without a word of MQTT.
    pub(crate) async fn prepare(mut self) -> Tried<Prepared> {
        let mut warnings = Vec::new();
        let result = self.open(&mut warnings).await;
        (result, self.last, warnings)
    }

    async fn open(&mut self, warnings: &mut Vec<Warning>) -> Result<Prepared, LinkError> {
        let login = self.login(warnings).await?;
        let tls = self.tls(warnings)?;
        let stream = transport::open(&self.options, tls)
            .await
            .map_err(LinkError::Unreachable)?;
        Ok(Prepared {
            stream,
            version: self.version,
            packet: self.packet(login),
        })
    }

    async fn login(&mut self, warnings: &mut Vec<Warning>) -> Result<Login, LinkError> {
        match (self.options.credentials.ask().await, &self.last.login) {
            (Ok(login), _) => {
                self.last.login = Some(login.clone());
                Ok(login)
            }
            (Err(error), Some(last)) if self.options.credentials.lasting() => {
                warnings.push(Warning::StaleCredentials {
                    reason: error.to_string(),
                });
                Ok(last.clone())
            }
            (Err(error), _) => Err(LinkError::Unreachable(format!(
                "no credentials: {}",
                chain(&*error)
            ))),
        }
    }

    fn tls(&mut self, warnings: &mut Vec<Warning>) -> Result<Option<Loaded>, LinkError> {
        let Some(tls) = &self.options.tls else {
            return Ok(None);
        };
        match (tls.load(&self.options.host), &self.last.tls) {
            (Ok(loaded), _) => self.last.tls = Some(loaded),
            (Err(error), Some(_)) => warnings.push(Warning::StaleTls {
                reason: error.to_string(),
            }),
            (Err(error), None) => {
                return Err(LinkError::Unreachable(format!(
                    "TLS cannot be set up: {}",
                    chain(&error)
                )));
            }
        }
        Ok(self.last.tls.clone())
    }

    fn packet(&self, login: Login) -> Connect {
        let options = &self.options;
        let will = options.availability.as_ref().map(|availability| Will {
            topic: availability.topic.clone(),
            payload: availability.offline.clone(),
            delay: seconds(options.will_delay),
        });
        Connect {
            client_id: options.client_id.clone(),
            clean: options.session_expiry.is_zero(),
            keep_alive: u16::try_from(options.keep_alive.as_secs()).unwrap_or(u16::MAX),
            password: login.password.zeroizing(),
            username: login.username,
            authentication: login.authentication,
            will,
            session_expiry: seconds(options.session_expiry),
            receive_maximum: options.receive_maximum,
            max_packet: u32::try_from(options.max_packet()).unwrap_or(u32::MAX),
            user_properties: options.user_properties.clone(),
        }
    }
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
