//! Credentials for the cloud's session, issued when they are due and changed without letting go of the session.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use mqttkube_mqtt::{Credentials, CredentialsError, Later, Login, Renew};
use serde::Serialize;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

use crate::credential::{
    Clock, Credential, CredentialError, Next, Schedule, ScheduleOptions, Shown, Source, UnixTime,
};

/// Where the time comes from.
pub type Clocks = Box<dyn Fn() -> Clock + Send + Sync>;

/// Issues the credentials of one session before they end, and keeps account of them.
///
/// ```
/// use mqttkube_bridge::credential::{Credential, ScheduleOptions, StaticSource};
/// use mqttkube_bridge::relay::Rollover;
/// use mqttkube_mqtt::Options;
///
/// let password = Credential { username: Some("bridge".into()), secret: "s3cret".to_owned().into(), expires: None };
/// let rollover = Rollover::new(Box::new(StaticSource(password)), ScheduleOptions::default());
/// let options = Options::builder("cloud.example", "bridge").credentials(rollover.credentials()).build()?;
/// assert_eq!(rollover.status().issues, 0, "a credential is issued for a connection");
/// # drop(options);
/// # Ok::<(), mqttkube_mqtt::OptionsError>(())
/// ```
#[derive(Clone)]
pub struct Rollover(Arc<Shared>);

struct Shared {
    clock: Clocks,
    state: Mutex<State>,
    /// Somebody asked for a new credential.
    asked: Notify,
}

struct State {
    source: Box<dyn Source>,
    shown: Shown,
    schedule: Schedule,
    /// The newest credential, unless it was refused.
    held: Option<Credential>,
    /// It has not been shown to the broker with success.
    fresh: bool,
    /// Another one was shown with success before.
    in_use: bool,
    /// The connection is to be replaced even if the credential stays the same.
    forced: bool,
    status: CredentialStatus,
}

/// The credential as numbers. It never holds the credential.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct CredentialStatus {
    /// When it was issued, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issued: Option<u64>,
    /// When the cloud stops accepting it; absent: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// Credentials issued since the start.
    pub issues: u64,
    /// Attempts to issue one that failed.
    pub failures: u64,
    /// Why the last attempt failed; absent when it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_failure: Option<String>,
    /// Connections that the broker has accepted a credential for.
    pub accepted: u64,
    /// Credentials that the broker has refused.
    pub refused: u64,
    /// The last word of the broker was a refusal.
    pub last_refused: bool,
}

impl fmt::Debug for Rollover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rollover").field(&self.status()).finish()
    }
}

impl Rollover {
    /// Credentials of `source`, renewed as `options` say, by the clocks of this machine.
    #[must_use]
    pub fn new(source: Box<dyn Source>, options: ScheduleOptions) -> Self {
        Self::with_clock(source, options, Box::new(Clock::now))
    }

    /// The same by other clocks. The stopwatch must be that of the runtime, `tokio::time`.
    #[must_use]
    pub fn with_clock(source: Box<dyn Source>, options: ScheduleOptions, clock: Clocks) -> Self {
        let state = State {
            source,
            shown: Shown::Password,
            schedule: Schedule::new(options),
            held: None,
            fresh: false,
            in_use: false,
            forced: false,
            status: CredentialStatus::default(),
        };
        Self(Arc::new(Shared {
            clock,
            state: Mutex::new(state),
            asked: Notify::new(),
        }))
    }

    /// The same for a service that wants the secret elsewhere than in the password.
    #[must_use]
    pub fn showing(self, shown: Shown) -> Self {
        self.0.state().shown = shown;
        self
    }

    /// For the options of the session. One session only: what the broker says to it decides when the next is due.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        Credentials::renewed(Arc::new(self.clone()))
    }

    /// Issues another credential now and goes over to it, without waiting for the present one to grow old.
    pub fn renew(&self) {
        let mut state = self.0.state();
        state.schedule.renew();
        state.forced = true;
        drop(state);
        self.0.asked.notify_one();
    }

    /// The numbers now.
    #[must_use]
    pub fn status(&self) -> CredentialStatus {
        self.0.state().status.clone()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Issues a credential. True: it is another one than before.
    fn issue(&mut self, now: Clock) -> Result<bool, CredentialError> {
        let issued = self.source.issue(now.wall);
        self.status.note(&issued, now.wall);
        match issued {
            Ok(credential) => {
                self.schedule.issued(credential.expires, now, random());
                let same = self
                    .held
                    .as_ref()
                    .is_some_and(|held| held.secret == credential.secret);
                self.held = Some(credential);
                self.fresh |= !same;
                Ok(!same)
            }
            Err(error) => {
                self.schedule.failed(now, random());
                Err(error)
            }
        }
    }

    /// Somebody has put another secret in the place of the one in use. After failures the schedule decides alone.
    fn replaced(&mut self) -> bool {
        match &self.held {
            Some(held) if self.in_use && self.schedule.holds() => self.source.replaced(held),
            _ => false,
        }
    }

    /// The newest credential, if it is good at `now`.
    fn good(&self, now: UnixTime) -> Option<&Credential> {
        let good = |held: &&Credential| held.expires.is_none_or(|end| end > now);
        self.held.as_ref().filter(good)
    }

    /// What is to be done about the credential; issues one where that is due.
    fn look(&mut self, now: Clock) -> Look {
        if self.fresh && self.in_use {
            // It was issued, and the broker could not be asked.
            return Look::Ready;
        }
        let next = self.schedule.next(now);
        if !matches!(next, Next::Issue) && self.replaced() {
            self.schedule.renew();
            return Look::Again;
        }
        let soon = now.mono + Schedule::LOOK;
        match next {
            Next::Never => Look::At(soon.into()),
            Next::Wait(until) => Look::At(until.min(soon).into()),
            // Without one in use it is issued for the connection.
            Next::Issue if !self.in_use => Look::Ready,
            Next::Issue => match self.issue(now) {
                Ok(another) if another || std::mem::take(&mut self.forced) => Look::Ready,
                Ok(_) => {
                    if self.good(now.wall).is_none() {
                        // The same one again, and its life is over.
                        self.schedule.failed(now, random());
                    }
                    Look::Again
                }
                Err(error) => {
                    tracing::warn!(%error, "no new credential; the present one stays in use");
                    Look::Again
                }
            },
        }
    }
}

enum Look {
    Ready,
    At(Instant),
    Again,
}

impl Renew for Rollover {
    fn login(&self) -> Later<'_, Result<Login, CredentialsError>> {
        let now = (self.0.clock)();
        let mut state = self.0.state();
        let due = matches!(state.schedule.next(now), Next::Issue);
        let failed = if due || state.good(now.wall).is_none() {
            state.issue(now).err()
        } else {
            None
        };
        // A credential that could not be renewed is good to its end.
        let login = match (state.good(now.wall), failed) {
            (Some(credential), _) => Ok(login(credential, state.shown)),
            (None, Some(error)) => Err(error.into()),
            (None, None) => Err("the credential had ended when it was issued".into()),
        };
        Box::pin(std::future::ready(login))
    }

    fn due(&self) -> Later<'_, ()> {
        Box::pin(async move {
            loop {
                let look = {
                    let now = (self.0.clock)();
                    self.0.state().look(now)
                };
                match look {
                    Look::Ready => return,
                    Look::Again => {}
                    Look::At(instant) => tokio::select! {
                        () = sleep_until(instant) => {}
                        () = self.0.asked.notified() => {}
                    },
                }
            }
        })
    }

    fn answered(&self, accepted: bool) {
        let now = (self.0.clock)();
        let mut state = self.0.state();
        state.status.last_refused = !accepted;
        state.fresh = false;
        state.forced = false;
        if accepted {
            state.in_use = true;
            state.schedule.accepted();
            state.status.accepted += 1;
        } else {
            state.held = None;
            state.schedule.failed(now, random());
            state.status.refused += 1;
        }
    }
}

impl CredentialStatus {
    fn note(&mut self, issued: &Result<Credential, CredentialError>, now: UnixTime) {
        match issued {
            Ok(credential) => {
                self.issues += 1;
                self.issued = Some(now.0);
                self.expires = credential.expires.map(|end| end.0);
                self.last_failure = None;
            }
            Err(error) => {
                self.failures += 1;
                self.last_failure = Some(error.to_string());
            }
        }
    }
}

fn login(credential: &Credential, shown: Shown) -> Login {
    let username = credential.username.clone().unwrap_or_default();
    match shown {
        Shown::Password => Login::new(username, credential.secret.as_str()),
        Shown::Username => Login::new(credential.secret.as_str(), ""),
        Shown::Data(method) => Login {
            // The bytes are wiped with their owner.
            authentication: Some((method.to_owned(), Bytes::from_owner(credential.secret.clone()))),
            ..Login::new(username, "")
        },
    }
}

/// A number that nobody else has.
pub(super) fn random() -> u32 {
    let number = RandomState::new().build_hasher().finish();
    u32::try_from(number >> 32).unwrap_or_default()
}
