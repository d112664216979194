//! Devices that use the cloud through our connection (ClearBlade and services of the same form): each is attached with
//! its own token on every connection, before its topics are used, and again before the token ends.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use mqttkube_mqtt::{Client, Opening, Publish, State as SessionState};
use serde::Serialize;
use serde_json::json;
use tokio::time::sleep_until;

use super::rollover::{Clocks, random};
use crate::credential::{Clock, CredentialError, Next, Schedule, ScheduleOptions, Source};

/// The devices behind a gateway. Give it to the options of the cloud's session ([`Gateway::opening`]) and to the routes
/// ([`Routes::with_gateway`](super::Routes::with_gateway)), and run it beside the relay.
#[derive(Clone, Debug)]
pub struct Gateway(Arc<Shared>);

struct Shared {
    errors_topic: String,
    clock: Clocks,
    state: Mutex<State>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").finish_non_exhaustive()
    }
}

struct State {
    devices: Vec<Device>,
    errors: u64,
    last_error: Option<String>,
}

struct Device {
    source: Box<dyn Source>,
    schedule: Schedule,
    status: DeviceStatus,
}

/// A device as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DeviceStatus {
    /// Its id in the registry.
    pub id: String,
    /// The cloud has accepted its last attachment.
    pub attached: bool,
    /// Attachments that the cloud has accepted since the start.
    pub attachments: u64,
    /// When its token ends, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Why it cannot be attached; messages to its topics go to the dead letters meanwhile.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
}

/// The gateway as it stands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GatewayStatus {
    /// In the order of the file.
    pub devices: Vec<DeviceStatus>,
    /// Errors that the cloud has reported.
    pub errors: u64,
    /// The last of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

impl Gateway {
    /// The longest part of an error that is kept.
    const ERROR_LENGTH: usize = 500;

    /// The device `gateway` with the devices behind it, each with what issues its tokens.
    #[must_use]
    pub fn new(gateway: &str, devices: Vec<(String, Box<dyn Source>)>, options: ScheduleOptions) -> Self {
        Self::with_clock(gateway, devices, options, Box::new(Clock::now))
    }

    /// The same by other clocks. The stopwatch must be that of the runtime, `tokio::time`.
    #[must_use]
    pub fn with_clock(
        gateway: &str,
        devices: Vec<(String, Box<dyn Source>)>,
        options: ScheduleOptions,
        clock: Clocks,
    ) -> Self {
        let devices = devices.into_iter().map(|(id, source)| Device {
            source,
            schedule: Schedule::new(options),
            status: DeviceStatus {
                id,
                ..DeviceStatus::default()
            },
        });
        Self(Arc::new(Shared {
            errors_topic: format!("/devices/{gateway}/errors"),
            clock,
            state: Mutex::new(State {
                devices: devices.collect(),
                errors: 0,
                last_error: None,
            }),
        }))
    }

    /// For the options of the cloud's session.
    #[must_use]
    pub fn opening(&self) -> Arc<dyn Opening> {
        Arc::new(self.clone())
    }

    /// How it stands.
    #[must_use]
    pub fn status(&self) -> GatewayStatus {
        let state = self.state();
        GatewayStatus {
            devices: state.devices.iter().map(|device| device.status.clone()).collect(),
            errors: state.errors,
            last_error: state.last_error.clone(),
        }
    }

    /// Attaches each device again before its token ends. Never ends by itself; `cloud` is the session of the gateway.
    pub async fn run(&self, cloud: &Client) {
        loop {
            let now = (self.0.clock)();
            // While the connection is away nothing is attached, and a token would grow old on its way.
            let online = cloud.status().state == SessionState::Online;
            let due = if online { self.due(now) } else { Vec::new() };
            for publish in due {
                let topic = publish.topic.clone();
                let answer = match cloud.publish(publish).await {
                    Ok(receipt) => receipt.await.map(|_| ()).map_err(|error| error.to_string()),
                    Err(error) => Err(error.to_string()),
                };
                match &answer {
                    Ok(()) => self.answered(&topic, Ok(())),
                    Err(reason) => self.answered(&topic, Err(reason)),
                }
            }
            sleep_until(self.next_look((self.0.clock)())).await;
        }
    }

    /// Detaches the devices that are attached, and waits until the cloud has answered, but no longer than `limit`.
    pub async fn detach(&self, cloud: &Client, limit: Duration) {
        let attached: Vec<String> = {
            let state = self.state();
            let devices = state.devices.iter().filter(|device| device.status.attached);
            devices.map(|device| device.status.id.clone()).collect()
        };
        let detach = async {
            let mut receipts = Vec::new();
            for id in &attached {
                match cloud
                    .publish(Publish::new(format!("/devices/{id}/detach"), ""))
                    .await
                {
                    Ok(receipt) => receipts.push(receipt),
                    Err(error) => tracing::debug!(%error, id, "the device is not detached"),
                }
            }
            for receipt in receipts {
                // What is not detached is when the connection ends.
                let _ = receipt.await;
            }
        };
        let _ = tokio::time::timeout(limit, detach).await;
        self.state()
            .devices
            .iter_mut()
            .for_each(|device| device.status.attached = false);
    }

    pub(super) fn errors_topic(&self) -> &str {
        &self.0.errors_topic
    }

    /// The cloud reports an error.
    pub(super) fn note_error(&self, payload: &[u8]) {
        let text: String = String::from_utf8_lossy(payload)
            .chars()
            .take(Self::ERROR_LENGTH)
            .collect();
        tracing::warn!(error = text, "the cloud reports an error to the gateway");
        let mut state = self.state();
        state.errors += 1;
        state.last_error = Some(text);
    }

    /// Why messages to this topic cannot be published: it belongs to a device that cannot be attached.
    pub(super) fn refuses(&self, topic: &str) -> Option<String> {
        let id = topic.strip_prefix("/devices/")?.split('/').next()?;
        let state = self.state();
        let device = state.devices.iter().find(|device| device.status.id == id)?;
        let failure = device.status.failure.as_ref()?;
        Some(format!("the device {id} is not attached: {failure}"))
    }

    /// Attachments of those whose tokens are due.
    fn due(&self, now: Clock) -> Vec<Publish> {
        let mut state = self.state();
        let attached = |device: &&mut Device| device.status.attached || device.status.failure.is_some();
        let devices = state.devices.iter_mut().filter(attached);
        devices
            .filter(|device| device.schedule.next(now) == Next::Issue)
            .filter_map(|device| device.attach(now))
            .collect()
    }

    /// When a token may be due.
    fn next_look(&self, now: Clock) -> tokio::time::Instant {
        let latest = now.mono + Duration::from_secs(1);
        let state = self.state();
        let times = state
            .devices
            .iter()
            .map(|device| match device.schedule.next(now) {
                Next::Wait(until) => until.min(latest),
                _ => latest,
            });
        times.min().unwrap_or(latest).into()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Device {
    fn attach(&mut self, now: Clock) -> Option<Publish> {
        match self.source.issue(now.wall) {
            Ok(credential) => {
                self.schedule.issued(credential.expires, now, random());
                self.status.expires = credential.expires.map(|end| end.0);
                let payload = json!({ "authorization": credential.secret.as_str() }).to_string();
                Some(Publish::new(
                    format!("/devices/{}/attach", self.status.id),
                    payload,
                ))
            }
            Err(error) => {
                self.failed(now, &error);
                None
            }
        }
    }

    fn failed(&mut self, now: Clock, error: &CredentialError) {
        tracing::warn!(device = self.status.id, %error, "no token for a device");
        self.schedule.failed(now, random());
        // One that is attached stays so until its token ends.
        if !self.status.attached {
            self.status.failure = Some(error.to_string());
        }
    }
}

impl Opening for Gateway {
    fn publishes(&self) -> Vec<Publish> {
        let now = (self.0.clock)();
        let mut state = self.state();
        let attach = |device: &mut Device| {
            device.status.attached = false;
            device.attach(now)
        };
        state.devices.iter_mut().filter_map(attach).collect()
    }

    fn answered(&self, topic: &str, answer: Result<(), &str>) {
        let now = (self.0.clock)();
        let mut state = self.state();
        let Some(device) = state
            .devices
            .iter_mut()
            .find(|device| topic.split('/').nth(2) == Some(device.status.id.as_str()))
        else {
            return;
        };
        match answer {
            Ok(()) => {
                device.schedule.accepted();
                device.status.attached = true;
                device.status.attachments += 1;
                device.status.failure = None;
            }
            Err(reason) => {
                tracing::warn!(device = device.status.id, reason, "a device is not attached");
                device.schedule.failed(now, random());
                device.status.attached = false;
                device.status.failure = Some(reason.to_owned());
            }
        }
    }
}
