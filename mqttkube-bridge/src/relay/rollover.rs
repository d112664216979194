//! Credentials for the cloud's session, issued when they are due.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mqttkube_mqtt::{Credentials, Login};
use serde::Serialize;

use crate::credential::{Clock, Credential, CredentialError, Source, UnixTime};

/// Where a relay takes the time from.
pub type Clocks = Box<dyn Fn() -> Clock + Send + Sync>;

/// Issues the credentials of one session, and keeps account of them.
#[derive(Clone)]
pub struct Rollover(Arc<Shared>);

struct Shared {
    clock: Clocks,
    state: Mutex<State>,
}

struct State {
    source: Box<dyn Source>,
    status: CredentialStatus,
}

/// The credential in use, as numbers. It never holds the credential.
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
}

impl fmt::Debug for Rollover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Rollover").field(&self.status()).finish()
    }
}

impl Rollover {
    /// Credentials of `source`, by the clocks of this machine.
    #[must_use]
    pub fn new(source: Box<dyn Source>) -> Self {
        Self::with_clock(source, Box::new(Clock::now))
    }

    /// The same by other clocks.
    #[must_use]
    pub fn with_clock(source: Box<dyn Source>, clock: Clocks) -> Self {
        let state = State {
            source,
            status: CredentialStatus::default(),
        };
        Self(Arc::new(Shared {
            clock,
            state: Mutex::new(state),
        }))
    }

    /// For the options of the session.
    #[must_use]
    pub fn credentials(&self) -> Credentials {
        let own = self.clone();
        Credentials::from_fn(move || {
            let login = own.issue().map(login).map_err(Into::into);
            std::future::ready(login)
        })
    }

    /// The numbers now.
    #[must_use]
    pub fn status(&self) -> CredentialStatus {
        self.state().status.clone()
    }

    fn issue(&self) -> Result<Credential, CredentialError> {
        let now = (self.0.clock)();
        let mut state = self.state();
        let issued = state.source.issue(now.wall);
        state.status.note(&issued, now.wall);
        issued
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
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

fn login(credential: Credential) -> Login {
    Login::new(
        credential.username.unwrap_or_default(),
        credential.secret.as_str(),
    )
}
