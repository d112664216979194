//! Restarts of the refresher at any time, with years that pass in a moment.

use std::cell::Cell;
use std::time::Duration;

use tempfile::TempDir;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::refresher::Round;
use super::{Broker, Options, Reload, Status, TemplateText, Values};
use crate::credential::{Clock, Credential, CredentialError, ScheduleOptions, Source, UnixTime};

const MINUTE: Duration = Duration::from_secs(60);
/// The tutorial's lifetime and pause, in minutes.
const LIFETIME: u64 = 600;
const REFRESH: u64 = 500;
const BEGIN: u64 = 1_800_000_000;

/// Tokens that are nothing but the time of their end.
#[derive(Debug)]
struct Ends;

impl Source for Ends {
    fn issue(&mut self, now: UnixTime) -> Result<Credential, CredentialError> {
        let end = UnixTime(now.0 + LIFETIME * 60);
        Ok(Credential {
            username: None,
            secret: end.0.to_string().into(),
            expires: Some(end),
        })
    }
}

fn options(folder: &TempDir) -> Options {
    Options {
        template: TemplateText::Text("remote_password GOOGLE_CLOUD_JWT".to_owned()),
        output: folder.path().join("mosquitto.conf"),
        values: Values::default(),
        // Not looked at: the broker here is a number.
        reload: Reload::Terminate(Broker::Program(String::new())),
        broker: None,
        schedule: ScheduleOptions {
            share: Duration::from_secs(REFRESH).div_duration_f64(Duration::from_secs(LIFETIME)),
            ..ScheduleOptions::default()
        },
    }
}

/// The end of the token in the file.
fn token(options: &Options) -> u64 {
    let text = std::fs::read_to_string(&options.output).expect("it was written");
    let end = text
        .strip_prefix("remote_password ")
        .and_then(|end| end.parse().ok());
    end.expect("the file is whole")
}

#[tokio::test(start_paused = true)]
async fn weakness_2_whenever_the_refresher_starts_again_the_broker_holds_a_fresh_token() {
    let folder = TempDir::new().expect("a folder");
    let options = options(&folder);
    let origin = Instant::now();
    let clock = || Clock {
        wall: UnixTime(BEGIN + origin.elapsed().as_secs()),
        mono: Instant::now().into_std(),
    };
    // The broker runs all the time and reads its file when it is told.
    let held = Cell::new(u64::MAX);
    let tell = || {
        held.set(token(&options));
        std::future::ready(Ok(true))
    };
    let (status, _) = watch::channel(Status::default());
    let never_old = async {
        loop {
            assert!(
                clock().wall.0 < held.get(),
                "the broker holds a token that has ended"
            );
            tokio::time::sleep(MINUTE).await;
        }
    };
    let restarts = async {
        // Every ninth minute of a token's life, and some beyond it.
        for minutes in (1..LIFETIME + 20).step_by(9) {
            let round = Round {
                options: &options,
                clock,
                tell,
                status: &status,
                doubted: &Notify::new(),
            };
            let stop = tokio::time::sleep(MINUTE * u32::try_from(minutes).expect("few"));
            round.again_and_again(&mut Ends, stop).await;
            // It is away for a while, as a pod that is pulled anew.
            tokio::time::sleep(MINUTE * 5).await;
        }
    };
    tokio::select! {
        () = never_old => {}
        () = restarts => {}
    }
    assert!(
        status.borrow().refreshes >= LIFETIME / 9,
        "one at each start at least"
    );
}
