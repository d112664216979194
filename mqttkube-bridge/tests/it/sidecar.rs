//! The refresher as a drop-in for the tutorial's, and what that one got wrong. Brokers are stood in for by copies of
//! `sleep` under names of their own, so that no real broker of the machine is touched.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mqttkube_bridge::credential::{
    Credential, CredentialError, JwtSource, ScheduleOptions, Source, UnixTime, token_expiry,
};
use mqttkube_bridge::sidecar::{
    Broker, Environment, Options, Reload, Status, Template, TemplateError, TemplateText, Values,
    replace_file, run,
};
use tempfile::TempDir;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

const TEMPLATE: &str = "connection google_cloud_iot\n\
    remote_clientid projects/CONFIG_PROJECT_ID/locations/CONFIG_LOCATION/registries/CONFIG_REGISTRY/devices/CONFIG_DEVICE_ID\n\
    remote_username unused\nremote_password GOOGLE_CLOUD_JWT\nbridge_cafile BASE_DIR/roots.pem\n";

fn values() -> Values {
    let text = str::to_owned;
    Values {
        project: text("p"),
        region: text("l"),
        registry: text("r"),
        device: text("d"),
        base_dir: text("/etc/mqtt"),
    }
}

/// A running refresher and its folder.
struct Refresher {
    folder: TempDir,
    status: watch::Receiver<Status>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl Refresher {
    fn start(reload: impl FnOnce(&Path) -> Reload, source: Box<dyn Source>) -> Self {
        let folder = TempDir::new().expect("a scratch folder");
        std::fs::write(folder.path().join("template"), TEMPLATE).expect("a scratch folder can be written");
        let (sender, status) = watch::channel(Status::default());
        let (stop, stopped) = oneshot::channel::<()>();
        let options = Options {
            template: TemplateText::File(folder.path().join("template")),
            output: folder.path().join("mosquitto.conf"),
            values: values(),
            reload: reload(folder.path()),
            schedule: ScheduleOptions::default(),
            broker: None,
        };
        let stopped = async { stopped.await.unwrap_or_default() };
        let task = tokio::spawn(run(options, source, sender, stopped));
        Self {
            folder,
            status,
            stop,
            task,
        }
    }

    async fn until(&mut self, condition: impl FnMut(&Status) -> bool) -> Status {
        let waiting = self.status.wait_for(condition);
        tokio::time::timeout(Duration::from_secs(60), waiting)
            .await
            .expect("in time")
            .expect("it runs")
            .clone()
    }

    fn config(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("mosquitto.conf")).expect("the file was written")
    }

    async fn stop(self) {
        self.stop.send(()).expect("it runs");
        self.task.await.expect("it ends without a panic");
    }
}

fn jwt(lifetime: u64) -> Box<dyn Source> {
    Box::new(
        JwtSource::new(include_bytes!("../keys/rfc7515-a3.pem"), "p", lifetime).expect("the vector is a key"),
    )
}

fn nothing(_: &Path) -> Reload {
    Reload::Command(vec!["true".to_owned()])
}

/// A copy of `sleep` that goes by another name, so that it is found as a broker would be.
fn stand_in(folder: &Path, name: &str) -> Child {
    let program = folder.join(name);
    std::fs::copy("/bin/sleep", &program).expect("sleep can be copied");
    Command::new(program).arg("600").spawn().expect("the copy starts")
}

fn unique(name: &str) -> String {
    format!("{name}-{}", std::process::id())
}

#[test]
fn the_tutorials_environment_is_read_with_its_defaults_and_all_errors_at_once() {
    let read = |pairs: &'static [(&str, &str)]| {
        Environment::read(move |name| {
            pairs
                .iter()
                .find(|pair| pair.0 == name)
                .map(|pair| pair.1.to_owned())
        })
    };
    let environment = read(&[("PROJECT_ID", "my-project")]).expect("the rest has defaults");
    assert_eq!(environment.values.registry, "gadgets");
    assert_eq!(environment.values.device, "bridge");
    assert_eq!(environment.values.region, "us-central1");
    assert_eq!(
        (environment.lifetime.as_secs(), environment.refresh.as_secs()),
        (36_000, 30_000)
    );
    let error =
        read(&[("JWT_EXPIRATION_MINUTES", "ten"), ("CONFIG_REFRESH_MINUTES", "0")]).expect_err("wrong");
    assert_eq!(
        error.to_string(),
        "PROJECT_ID is not set\n\
         JWT_EXPIRATION_MINUTES is `ten`; write whole minutes from 1 to 1440\n\
         CONFIG_REFRESH_MINUTES is `0`; write whole minutes from 1 to 1440"
    );
    let late = read(&[
        ("PROJECT_ID", "p"),
        ("JWT_EXPIRATION_MINUTES", "60"),
        ("CONFIG_REFRESH_MINUTES", "60"),
    ]);
    assert!(
        late.expect_err("never fresh")
            .to_string()
            .contains("every token would end before it is replaced")
    );
}

#[test]
fn placeholders_are_replaced_and_values_cannot_bring_directives() {
    let template = Template::new(TEMPLATE).expect("it has a token");
    let text = template.render(&values(), "a.b.c").expect("the values are plain");
    assert!(
        text.contains("remote_clientid projects/p/locations/l/registries/r/devices/d\n"),
        "{}",
        *text
    );
    assert!(
        text.contains("remote_password a.b.c\nbridge_cafile /etc/mqtt/roots.pem\n"),
        "{}",
        *text
    );
    // What was filled in is not looked at again.
    let odd = Values {
        device: "BASE_DIR".to_owned(),
        ..values()
    };
    assert!(
        template
            .render(&odd, "t")
            .expect("plain")
            .contains("/devices/BASE_DIR\n")
    );
    let bad = Values {
        registry: "r\nallow_anonymous true".to_owned(),
        ..values()
    };
    let error = TemplateError::ControlCharacter {
        placeholder: "CONFIG_REGISTRY",
    };
    assert_eq!(template.render(&bad, "t").map(|text| text.len()), Err(error));
    assert_eq!(Template::new("listener 1883\n"), Err(TemplateError::NoToken));
}

/// Weakness 3: a reader sees the old file or the new one, never a part.
#[test]
fn weakness_3_a_file_is_replaced_in_one_step_and_for_its_owner_only() {
    let folder = TempDir::new().expect("a scratch folder");
    let path = folder.path().join("conf");
    let contents = [vec![b'a'; 200_000], vec![b'b'; 300_000]];
    replace_file(&path, &contents[0]).expect("it can be written");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..60 {
                replace_file(&path, &contents[round % 2]).expect("it can be written");
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            let seen = std::fs::read(&path).expect("there is always a file");
            assert!(contents.contains(&seen), "half a file of {} bytes", seen.len());
        }
    });
    assert_eq!(
        std::fs::metadata(&path).expect("it exists").permissions().mode() & 0o777,
        0o600
    );
    let left: Vec<_> = std::fs::read_dir(folder.path())
        .expect("it can be listed")
        .collect();
    assert_eq!(left.len(), 1, "nothing is left beside it");
}

#[test]
fn weakness_3_a_write_that_fails_leaves_the_old_file() {
    let folder = TempDir::new().expect("a scratch folder");
    let path = folder.path().join("target");
    std::fs::create_dir(&path).expect("a folder in the way");
    let before = std::fs::metadata(&path).expect("it exists").ino();
    assert!(replace_file(&path, b"x").is_err());
    assert_eq!(std::fs::metadata(&path).expect("still there").ino(), before);
    assert_eq!(
        std::fs::read_dir(folder.path())
            .expect("it can be listed")
            .count(),
        1
    );
}

/// Weakness 1: the tutorial's refresher ends at its first token.
#[tokio::test]
async fn weakness_1_the_file_holds_a_token_that_reads_back() {
    let mut refresher = Refresher::start(nothing, jwt(3_600));
    let status = refresher.until(|status| status.reloads >= 1).await;
    let config = refresher.config();
    let token = config
        .lines()
        .find_map(|line| line.strip_prefix("remote_password "))
        .expect("there is a password");
    assert_eq!(token_expiry(token).ok().map(|end| end.0), status.expires);
    assert!(status.ready(UnixTime(status.issued.expect("issued"))));
    let metrics = status.metrics(UnixTime(status.expires.expect("it ends") - 10));
    assert!(
        metrics.contains("\nmqttkube_refresher_token_left_seconds 10\n"),
        "{metrics}"
    );
    assert!(!metrics.contains(token) && !format!("{status:?}").contains(token));
    refresher.stop().await;
}

/// Weakness 9: `mosquitto_sub` is not `mosquitto`. Weakness 2: a broker that runs already is told at our own start.
#[tokio::test]
async fn weakness_2_and_9_the_running_broker_is_ended_at_the_start_and_nothing_else_is() {
    let programs = TempDir::new().expect("a scratch folder");
    let name = unique("broker");
    let mut broker = stand_in(programs.path(), &name);
    let mut client = stand_in(programs.path(), &format!("{name}_sub"));
    let reaper = std::thread::spawn(move || broker.wait().expect("it can be waited for"));
    let mut refresher = Refresher::start(|_| Reload::Terminate(Broker::Program(name)), jwt(3_600));
    refresher.until(|status| status.reloads >= 1).await;
    assert!(
        !reaper.join().expect("it was waited for").success(),
        "it was ended by a signal"
    );
    assert_eq!(
        client.try_wait().expect("it can be asked"),
        None,
        "the client goes on"
    );
    client
        .kill()
        .and_then(|()| client.wait())
        .expect("it can be ended");
    refresher.stop().await;
}

#[tokio::test]
async fn weakness_9_a_pid_file_names_the_broker_and_a_stale_one_names_nobody() {
    let programs = TempDir::new().expect("a scratch folder");
    let mut broker = stand_in(programs.path(), "mosquitto");
    let pid = broker.id();
    let pid_file: PathBuf = programs.path().join("pid");
    std::fs::write(&pid_file, format!("{pid}\n")).expect("a scratch folder can be written");
    let reaper = std::thread::spawn(move || broker.wait().expect("it can be waited for"));
    let reload = || Reload::Terminate(Broker::PidFile(pid_file.clone()));
    let mut refresher = Refresher::start(|_| reload(), jwt(3_600));
    refresher.until(|status| status.reloads >= 1).await;
    reaper.join().expect("it was waited for");
    refresher.stop().await;
    // The process is gone, its file is not: nobody has to be told, and that is no failure.
    let mut again = Refresher::start(|_| reload(), jwt(3_600));
    let status = again.until(|status| status.refreshes >= 1).await;
    assert_eq!((status.reloads, status.failures), (0, 0));
    again.stop().await;
    // Its number was given to somebody else meanwhile.
    let mut other = stand_in(programs.path(), "mosquitto_sub");
    std::fs::write(&pid_file, other.id().to_string()).expect("a scratch folder can be written");
    let mut again = Refresher::start(|_| reload(), jwt(3_600));
    let status = again.until(|status| status.refreshes >= 1).await;
    again.stop().await;
    assert_eq!((status.reloads, status.failures), (0, 0));
    assert_eq!(other.try_wait().expect("it can be asked"), None, "it goes on");
    other.kill().and_then(|()| other.wait()).expect("it can be ended");
}

#[tokio::test]
async fn a_token_is_replaced_before_it_ends_again_and_again() {
    let mut refresher = Refresher::start(nothing, jwt(2));
    for rounds in 1..=4 {
        let status = refresher.until(|status| status.reloads >= rounds).await;
        assert_eq!(status.failures, 0, "{status:?}");
    }
    refresher.stop().await;
}

/// Fails twice, then works.
#[derive(Debug)]
struct Late(u32);

impl Source for Late {
    fn issue(&mut self, now: UnixTime) -> Result<Credential, CredentialError> {
        match self.0.checked_sub(1) {
            Some(left) => {
                self.0 = left;
                Err(CredentialError::ClockTooEarly(now))
            }
            None => Ok(Credential {
                username: None,
                secret: "late".to_owned().into(),
                expires: None,
            }),
        }
    }
}

#[tokio::test]
async fn weakness_9_failures_are_told_and_tried_again() {
    let mut refresher = Refresher::start(nothing, Box::new(Late(2)));
    let failed = refresher.until(|status| status.failures >= 1).await;
    assert!(failed.error.is_some_and(|error| error.contains("set the clock")));
    let status = refresher.until(|status| status.refreshes >= 1).await;
    assert_eq!(status.failures, 2);
    assert!(refresher.config().contains("remote_password late"));
    refresher.stop().await;
}

#[tokio::test]
async fn a_command_that_fails_is_an_error_that_names_it() {
    let mut refresher = Refresher::start(|_| Reload::Command(vec!["false".to_owned()]), jwt(3_600));
    let status = refresher.until(|status| status.failures >= 1).await;
    assert_eq!(status.error.as_deref(), Some("false ended with exit status: 1"));
    refresher.stop().await;
}
