//! jwt-refresher keeps a stock Mosquitto's bridge supplied with fresh tokens.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use clap::Parser;
use mqttkube_bridge::credential::{CredentialError, JwtSource, Source, UnixTime};
use mqttkube_bridge::sidecar::{self, Broker, Environment, Options, Reload, Status, TemplateText};
use mqttkube_bridge::spec::{self, Secrets};
use mqttkube_examples::cli::{self, BAD_INPUT};
use mqttkube_examples::http::{Answer, Server};
use mqttkube_examples::logging;
use mqttkube_examples::secrets::Process;
use mqttkube_examples::settings::{HttpSettings, LoggingSettings, Settings, read_bridge_settings};
use mqttkube_examples::signals::Signals;
use serde_json::json;
use tokio::sync::watch;

/// Keeps a stock Mosquitto's bridge supplied with fresh tokens.
///
/// Writes mosquitto.conf with a fresh token in one step, ends the broker by SIGTERM (or runs a command) so that it takes
/// it, and does so again before the token ends. With CONFIG it takes the template, the output and the way to tell the
/// broker from the section `sidecar` of a cloud-bridge file; without, from the environment of the kube-mqtt tutorial:
/// PROJECT_ID, REGISTRY_ID, BRIDGE_DEVICE_ID, CLOUD_REGION, JWT_EXPIRATION_MINUTES, CONFIG_REFRESH_MINUTES, BASE_DIR.
/// Serves /livez, /readyz and /metrics.
#[derive(Debug, Parser)]
#[command(name = "jwt-refresher", version)]
#[command(
    after_help = "Exit status: 0 stopped by a signal, 1 failed while running, 2 wrong configuration or usage."
)]
struct Cli {
    /// Configuration file of cloud-bridge.
    #[arg(value_name = "CONFIG")]
    config: Option<PathBuf>,
    /// Without CONFIG: the configuration that the broker reads.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/mosquitto/config/mosquitto.conf",
        conflicts_with = "config"
    )]
    output: PathBuf,
    /// Without CONFIG: the file that names the broker's process; else the program mosquitto is looked for.
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    pid_file: Option<PathBuf>,
    /// Without CONFIG: the port of /livez, /readyz and /metrics.
    #[arg(long, default_value_t = 8080, conflicts_with = "config")]
    port: u16,
}

/// Everything that the loop needs.
struct Plan {
    options: Options,
    source: Box<dyn Source>,
    settings: Settings,
}

fn main() -> ExitCode {
    let args = Cli::parse();
    let plan = match &args.config {
        Some(path) => from_file(path),
        None => from_environment(&args),
    };
    let plan = match plan {
        Ok(plan) => plan,
        Err(problems) => {
            eprintln!("{problems}");
            return ExitCode::from(BAD_INPUT);
        }
    };
    logging::start(&plan.settings.logging);
    cli::end(serve(plan))
}

/// The plan of a file, or what is wrong with it, for people.
fn from_file(path: &Path) -> Result<Plan, String> {
    let bridge = spec::load(path, read_bridge_settings).map_err(|errors| errors.to_string())?;
    bridge.notes.iter().for_each(|note| eprintln!("{note}"));
    let secrets: Secrets = Arc::new(Process);
    let mut options = bridge
        .refresher()
        .map_err(|error| format!("{}: {error}", path.display()))?;
    let broker = bridge.watcher_options(&secrets);
    options.broker = Some(broker.map_err(|error| format!("{}: the section local: {error}", path.display()))?);
    Ok(Plan {
        options,
        source: bridge.source(&secrets),
        settings: bridge.program,
    })
}

/// The plan of the tutorial's environment, or what is wrong with it, for people.
fn from_environment(cli: &Cli) -> Result<Plan, String> {
    let environment =
        Environment::read(|name| std::env::var(name).ok()).map_err(|errors| errors.to_string())?;
    let folder = PathBuf::from(&environment.values.base_dir);
    let source = KeyFile {
        path: folder.join("ec_private.pem"),
        audience: environment.values.project.clone(),
        lifetime: environment.lifetime.as_secs(),
    };
    let broker = match &cli.pid_file {
        Some(path) => Broker::PidFile(path.clone()),
        None => Broker::Program("mosquitto".to_owned()),
    };
    Ok(Plan {
        options: Options {
            template: TemplateText::File(folder.join("bridge.conf.tmpl")),
            output: cli.output.clone(),
            schedule: environment.schedule(),
            values: environment.values,
            reload: Reload::Terminate(broker),
            // The tutorial's template has its bridge say nothing.
            broker: None,
        },
        source: Box::new(source),
        settings: Settings {
            http: Some(HttpSettings {
                port: cli.port,
                ..HttpSettings::default()
            }),
            logging: LoggingSettings::default(),
        },
    })
}

/// The tutorial's key, read at every issue so that a replaced one is found.
#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    audience: String,
    lifetime: u64,
}

impl Source for KeyFile {
    fn issue(&mut self, now: UnixTime) -> Result<mqttkube_bridge::credential::Credential, CredentialError> {
        let pem = std::fs::read(&self.path).map_err(|error| {
            CredentialError::Unavailable(format!("the key {} cannot be read: {error}", self.path.display()))
        })?;
        JwtSource::new(&pem, &self.audience, self.lifetime)?.issue(now)
    }
}

#[tokio::main(flavor = "current_thread")]
async fn serve(plan: Plan) -> anyhow::Result<ExitCode> {
    let Plan {
        options,
        source,
        settings,
    } = plan;
    let mut signals = Signals::listen().context("signals cannot be listened to")?;
    let (status, seen) = watch::channel(Status::default());
    let server = match &settings.http {
        Some(http) => Some(Server::bind(http).await?),
        None => None,
    };
    let probes = async {
        match server {
            Some(server) => match server.serve(move |path| answer(path, seen.clone())).await {},
            None => std::future::pending::<()>().await,
        }
    };
    let stopped = async { signals.next().await };
    tokio::select! {
        () = sidecar::run(options, source, status, stopped) => Ok(ExitCode::SUCCESS),
        () = probes => Ok(ExitCode::FAILURE),
    }
}

async fn answer(path: String, status: watch::Receiver<Status>) -> Option<Answer> {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    let now = UnixTime(now.as_secs());
    let status = status.borrow().clone();
    match path.as_str() {
        // The loop ends with the process, so who answers is alive.
        "/livez" => Some(Answer::json(true, &json!({ "live": true }))),
        "/readyz" => {
            let ready = status.ready(now);
            Some(Answer::json(
                ready,
                &json!({ "ready": ready, "reason": status.error }),
            ))
        }
        "/metrics" => Some(Answer::metrics(status.metrics(now))),
        _ => None,
    }
}
