//! `cloud-bridge render`.

use std::path::PathBuf;
use std::process::ExitCode;

use mqttkube_mosquitto::Version;

use crate::load_or_complain;

/// Write the same bridge as a mosquitto.conf on standard output.
///
/// It holds no secret: where the password or token goes stands GOOGLE_CLOUD_JWT, which jwt-refresher replaces. What a
/// bridge of Mosquitto cannot do, and what is risky about the file, is said on standard error.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Configuration file.
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// The version of Mosquitto that will read it: 2.0 or 2.1.
    #[arg(long, value_name = "VERSION")]
    mosquitto: Version,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let bridge = match load_or_complain(&args.config) {
        Ok(bridge) => bridge,
        Err(status) => return Ok(status),
    };
    let config = bridge.mosquitto(args.mosquitto)?;
    print!("{}", config.write(args.mosquitto)?);
    for note in bridge.not_in_mosquitto() {
        eprintln!("note: {note}");
    }
    for lint in config.lint(args.mosquitto) {
        eprintln!("mosquitto.conf:{lint}");
    }
    Ok(ExitCode::SUCCESS)
}
