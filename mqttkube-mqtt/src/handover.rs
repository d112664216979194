//! One connection of a session replaced by the next, while the first still stands.
//!
//! Credentials end; a broker takes new ones only with a new connection, and allows one connection for each client id. So
//! everything that needs time is done beside the old connection: the login is asked for, the name resolved, TCP and TLS
//! are opened. Then the old connection is brought to rest: nothing more is sent but a PINGREQ, and once that and every
//! publish are answered, the broker is known to have handled all that it was told. Only then does CONNECT go out on the
//! new one. What arrives meanwhile is handed to the owner, whose acknowledgement is kept for the new connection, on which
//! the broker sends the message again. If the broker refuses, the old connection goes on as if nothing had been.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until, timeout};

use crate::attempt::{Attempt, Prepared, Remembered, Tried};
use crate::credentials::Later;
use crate::event::{Version, Warning};
use crate::link::{Link, LinkError};
use crate::options::OptionsBuilder;
use crate::wire::Welcome;

/// How long the broker gets to answer what is on its way. Beyond that something may arrive twice, as after a cut.
const REST: Duration = Duration::from_secs(2);

/// Where the replacement stands.
pub(crate) enum Handover {
    /// Until the credentials are due.
    Waiting(Later<'static, ()>),
    /// Everything up to TLS.
    Preparing(Later<'static, Tried<Prepared>>),
    /// The old connection comes to rest, until then at the latest.
    Resting(Option<Box<Prepared>>, Instant),
    /// CONNECT is on its way.
    Greeting(Later<'static, Result<(Link, Welcome), LinkError>>),
    /// The session ends.
    Never,
}

/// What has happened.
pub(crate) enum Step {
    /// It is time to prepare.
    Due,
    Prepared(Box<Tried<Prepared>>),
    /// There is no more time for rest.
    Impatient,
    Greeted(Box<Result<(Link, Welcome), LinkError>>),
}

impl Handover {
    /// Waits for the credentials in use to be due.
    pub(crate) fn wait(options: &OptionsBuilder) -> Self {
        Self::Waiting(options.credentials.due())
    }

    /// The same after a pause, because the broker could not be asked.
    pub(crate) fn wait_again(options: &OptionsBuilder) -> Self {
        let (pause, due) = (options.reconnect.max, options.credentials.due());
        Self::Waiting(Box::pin(async move {
            sleep(pause).await;
            due.await;
        }))
    }

    pub(crate) fn prepare(options: &Arc<OptionsBuilder>, version: Version, last: Remembered) -> Self {
        let limit = options.connect_timeout;
        let attempt = Attempt {
            options: options.clone(),
            version,
            last: last.clone(),
        };
        Self::Preparing(Box::pin(async move {
            let late = format!("no connection within {limit:?}");
            timeout(limit, attempt.prepare())
                .await
                .unwrap_or_else(|_| (Err(LinkError::Unreachable(late)), last, Vec::<Warning>::new()))
        }))
    }

    pub(crate) fn rest(prepared: Prepared) -> Self {
        Self::Resting(Some(Box::new(prepared)), Instant::now() + REST)
    }

    /// Says CONNECT, if the old connection is coming to rest.
    pub(crate) fn greet(&mut self, limit: Duration) {
        let Self::Resting(prepared, _) = self else { return };
        let Some(prepared) = prepared.take() else { return };
        *self = Self::Greeting(Box::pin(async move {
            let late = format!("no answer within {limit:?}");
            timeout(limit, prepared.greet())
                .await
                .unwrap_or_else(|_| Err(LinkError::NoAnswer(late)))
        }));
    }

    pub(crate) const fn is_resting(&self) -> bool {
        matches!(self, Self::Resting(..))
    }

    /// The broker may have given the session to the new connection: the old one is neither read nor written.
    pub(crate) const fn is_greeting(&self) -> bool {
        matches!(self, Self::Greeting(_))
    }

    /// The next step. Cancelling it loses nothing: what is under way is kept here.
    pub(crate) async fn next(&mut self) -> Step {
        match self {
            Self::Waiting(due) => {
                due.await;
                Step::Due
            }
            Self::Preparing(tried) => Step::Prepared(Box::new(tried.await)),
            Self::Resting(_, end) => {
                sleep_until(*end).await;
                Step::Impatient
            }
            Self::Greeting(greeted) => Step::Greeted(Box::new(greeted.await)),
            Self::Never => std::future::pending().await,
        }
    }
}
