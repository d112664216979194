//! The loop: token, file, broker, wait.

use std::future::Future;
use std::path::PathBuf;
use std::pin::pin;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ring::rand::{SecureRandom as _, SystemRandom};
use serde::Serialize;
use tokio::sync::{Notify, watch};
use zeroize::Zeroizing;

use super::{BridgeState, Reload, SidecarError, Template, Values, effect, replace_file};
use crate::credential::{Clock, Credential, Next, Schedule, ScheduleOptions, Source, UnixTime};

/// What the refresher works with.
#[derive(Clone, Debug)]
pub struct Options {
    /// What is filled in.
    pub template: TemplateText,
    /// The broker's configuration file.
    pub output: PathBuf,
    /// What goes into the template besides the token.
    pub values: Values,
    /// How the broker is told.
    pub reload: Reload,
    /// When a token is replaced.
    pub schedule: ScheduleOptions,
    /// A session at the broker beside us, to see whether its bridge comes up. Without one nobody looks.
    pub broker: Option<mqttkube_mqtt::Options>,
}

/// Where the template is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateText {
    /// In a file; read anew each time, so that a changed ConfigMap takes effect.
    File(PathBuf),
    /// Here.
    Text(String),
}

impl TemplateText {
    fn read(&self) -> Result<Template, SidecarError> {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::File(path) => std::fs::read_to_string(path).map_err(|source| SidecarError::Read {
                path: path.clone(),
                source,
            })?,
        };
        Ok(Template::new(&text)?)
    }
}

/// What the refresher has done, for probes and metrics. It never holds a secret.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Status {
    /// When the present token was made, in seconds since 1970.
    pub issued: Option<u64>,
    /// When it ends.
    pub expires: Option<u64>,
    /// When the broker was last told.
    pub last_reload: Option<u64>,
    /// How many files were written.
    pub refreshes: u64,
    /// How many times the broker was told.
    pub reloads: u64,
    /// How many rounds failed.
    pub failures: u64,
    /// Whether the bridge is connected, as far as its broker tells.
    pub bridge_up: Option<bool>,
    /// How often a token was replaced before its time because the bridge stayed down with it.
    pub doubts: u64,
    /// Why the last round failed; `None` when it did not.
    pub error: Option<String>,
}

impl Status {
    /// A file with a token that is good at `now` has been written.
    #[must_use]
    pub fn ready(&self, now: UnixTime) -> bool {
        self.expires.is_some_and(|expires| now.0 < expires)
    }

    /// The Prometheus text form.
    #[must_use]
    pub fn metrics(&self, now: UnixTime) -> String {
        let since = |then: Option<u64>| then.map(|then| now.0.saturating_sub(then) as i64);
        let left = self.expires.map(|expires| expires as i64 - now.0 as i64);
        let rows = [
            (
                "token_age_seconds",
                "gauge",
                "Age of the token in the file",
                since(self.issued),
            ),
            ("token_left_seconds", "gauge", "Time until it ends", left),
            (
                "reload_age_seconds",
                "gauge",
                "Time since the broker was told",
                since(self.last_reload),
            ),
            (
                "refreshes_total",
                "counter",
                "Files written",
                Some(self.refreshes as i64),
            ),
            (
                "reloads_total",
                "counter",
                "Times the broker was told",
                Some(self.reloads as i64),
            ),
            (
                "failures_total",
                "counter",
                "Rounds that failed",
                Some(self.failures as i64),
            ),
            (
                "bridge_up",
                "gauge",
                "Whether the bridge is connected, as its broker tells",
                self.bridge_up.map(i64::from),
            ),
            (
                "doubts_total",
                "counter",
                "Tokens replaced before their time because the bridge stayed down",
                Some(self.doubts as i64),
            ),
        ];
        let row = |(name, kind, help, value): (&str, &str, &str, Option<i64>)| {
            let value = value?;
            let name = format!("mqttkube_refresher_{name}");
            Some(format!(
                "# HELP {name} {help}.\n# TYPE {name} {kind}\n{name} {value}\n"
            ))
        };
        rows.into_iter().filter_map(row).collect()
    }
}

/// Runs until `stop` is ready. Failures are retried and told through `status`; nothing ends the loop but `stop`.
///
/// The caller is expected to give the broker a start that waits for the file (in Kubernetes: the refresher is a native
/// sidecar with a startup probe on readiness).
pub async fn run(
    options: Options,
    mut source: Box<dyn Source>,
    status: watch::Sender<Status>,
    stop: impl Future<Output = ()>,
) {
    let reload = &options.reload;
    let tell = || reload.apply();
    let doubted = Notify::new();
    let round = Round {
        options: &options,
        clock,
        tell,
        status: &status,
        doubted: &doubted,
    };
    tokio::select! {
        () = round.again_and_again(source.as_mut(), stop) => {}
        () = look(&options, &doubted, &status) => {}
    }
}

/// Looks at the bridge's state for as long as this is polled, if there is a way to.
async fn look(options: &Options, doubted: &Notify, status: &watch::Sender<Status>) {
    let template = async {
        loop {
            // The round says what is wrong with it.
            if let Ok(template) = options.template.read() {
                return template;
            }
            tokio::time::sleep(Schedule::LOOK).await;
        }
    };
    let state = match &options.broker {
        Some(broker) => BridgeState::of(&template.await, &options.values).map(|state| (broker, state)),
        None => None,
    };
    if let Some((broker, state)) = state {
        effect::listen(broker.clone(), state, doubted, status).await;
    } else {
        tracing::info!(
            "the state of the bridge is not published or cannot be asked for; its effect is not looked at"
        );
    }
    std::future::pending::<()>().await;
}

/// The loop without its surroundings, so that a test can have years pass.
pub(super) struct Round<'a, C, T> {
    pub(super) options: &'a Options,
    pub(super) clock: C,
    /// Has the broker read its file; `Ok(false)` when there is none.
    pub(super) tell: T,
    pub(super) status: &'a watch::Sender<Status>,
    /// Somebody doubts the token in use.
    pub(super) doubted: &'a Notify,
}

/// What the broker was told last.
struct Told {
    credential: Credential,
    config: Zeroizing<String>,
}

impl<C, T, Telling> Round<'_, C, T>
where
    C: Fn() -> Clock,
    T: Fn() -> Telling,
    Telling: Future<Output = Result<bool, SidecarError>>,
{
    pub(super) async fn again_and_again(&self, source: &mut dyn Source, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut schedule = Schedule::new(self.options.schedule);
        let mut told = None;
        loop {
            let now = (self.clock)();
            let next = schedule.next(now);
            let replaced = |told: &Told| source.replaced(&told.credential);
            if next == Next::Issue || schedule.holds() && told.as_ref().is_some_and(replaced) {
                tokio::select! {
                    biased;
                    () = &mut stop => return,
                    outcome = self.once(source, &mut schedule, &mut told) => self.record(outcome, &mut schedule),
                }
                continue;
            }
            let soon = now.mono + Schedule::LOOK;
            let until = match next {
                Next::Wait(until) => until.min(soon),
                Next::Never | Next::Issue => soon,
            };
            tokio::select! {
                () = &mut stop => return,
                () = tokio::time::sleep_until(until.into()) => {}
                () = self.doubted.notified() => schedule.renew(),
            }
        }
    }

    /// One token on its way: made, written, and the broker told. A token that somebody else makes may be the same as
    /// before; then there is nothing to tell.
    async fn once(
        &self,
        source: &mut dyn Source,
        schedule: &mut Schedule,
        told: &mut Option<Told>,
    ) -> Result<(), SidecarError> {
        let (options, status) = (self.options, self.status);
        let now = (self.clock)();
        let credential = source.issue(now.wall)?;
        let config = options
            .template
            .read()?
            .render(&options.values, &credential.secret)?;
        if told.as_ref().is_some_and(|told| told.config == config) {
            status.send_modify(|status| status.expires = credential.expires.map(|expires| expires.0));
            schedule.issued(credential.expires, now, random());
            schedule.accepted();
            return Ok(());
        }
        let written = replace_file(&options.output, config.as_bytes());
        written.map_err(|source| SidecarError::Write {
            path: options.output.clone(),
            source,
        })?;
        status.send_modify(|status| {
            status.issued = Some(now.wall.0);
            status.expires = credential.expires.map(|expires| expires.0);
            status.refreshes += 1;
        });
        // A broker that was never told still holds the old token, so this round is not over before it was.
        if (self.tell)().await? {
            status.send_modify(|status| {
                status.last_reload = Some((self.clock)().wall.0);
                status.reloads += 1;
            });
        }
        schedule.issued(credential.expires, now, random());
        schedule.accepted();
        *told = Some(Told { credential, config });
        Ok(())
    }

    fn record(&self, outcome: Result<(), SidecarError>, schedule: &mut Schedule) {
        let error = outcome.err();
        if let Some(error) = &error {
            tracing::warn!(
                error = chain(error),
                "the broker's configuration was not refreshed; trying again"
            );
            schedule.failed((self.clock)(), random());
        } else {
            tracing::info!("the broker's configuration holds a fresh token");
        }
        self.status.send_modify(|status| {
            status.failures += u64::from(error.is_some());
            status.error = error.as_ref().map(|error| chain(error));
        });
    }
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        text = format!("{text}: {next}");
        cause = next.source();
    }
    text
}

fn clock() -> Clock {
    let wall = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    Clock {
        wall: UnixTime(wall),
        mono: Instant::now(),
    }
}

/// Jitter need not be unpredictable; where the system has no randomness, none is added.
fn random() -> u32 {
    let mut bytes = [0; 4];
    match SystemRandom::new().fill(&mut bytes) {
        Ok(()) => u32::from_ne_bytes(bytes),
        Err(_) => 0,
    }
}
