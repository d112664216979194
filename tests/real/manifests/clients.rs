//! Clients of a broker on this machine: with a name and a password, over TLS, or neither.

use std::process::{Command, Output};
use std::time::Duration;

use mqttkube_tests::mqtt_probe::{Options, Probe};
use mqttkube_tests::process::find;

/// How long a broker may take for what clients wait for.
pub(super) const SOON: Duration = Duration::from_secs(30);

pub(super) fn login(user: &str, password: &str) -> Options {
    Options {
        credentials: Some((user.to_owned(), password.to_owned())),
        ..Options::default()
    }
}

pub(super) async fn enter(port: u16, options: Options) -> anyhow::Result<Probe> {
    Probe::connect(([127, 0, 0, 1], port).into(), options).await
}

/// One message over TLS to `localhost`, from a client that trusts one authority alone. What the client said, when it failed.
pub(super) fn publish_over_tls(
    port: u16,
    authority: &str,
    topic: &str,
    credentials: Option<(&str, &str)>,
) -> Result<(), Output> {
    let folder = tempfile::tempdir().unwrap();
    let trusted = folder.path().join("ca.crt");
    std::fs::write(&trusted, authority).unwrap();
    let mut command = Command::new(find("mosquitto_pub").unwrap());
    command
        .args(["-h", "localhost", "-p", &port.to_string()])
        .args(["-t", topic, "-m", "1", "-q", "1", "--cafile"])
        .arg(trusted);
    if let Some((user, password)) = credentials {
        command.args(["-u", user, "-P", password]);
    }
    let output = command.output().unwrap();
    if output.status.success() {
        Ok(())
    } else {
        Err(output)
    }
}
