//! Tests that need what this machine may not have.
//!
//! A test that cannot run says so by name, on standard error and in the file that `MQTTKUBE_SKIPPED`
//! names, and passes. With `CI=true` it fails instead, so that nothing is skipped unseen.

use std::fs::File;
use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};

use rustix::process::geteuid;

use crate::process::{Node, faketime, find, programs};

/// What a test needs beside Rust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Mosquitto.
    Mosquitto,
    /// kubectl.
    Kubectl,
    /// etcd and kube-apiserver.
    ApiServer,
    /// kube-controller-manager.
    ControllerManager,
    /// kube-scheduler.
    Scheduler,
    /// kwok: pods that exist only in the API.
    Kwok,
    /// A node that runs pods: root, containerd and more, in a network of its own.
    Node,
    /// Root, for mounts.
    Root,
    /// libfaketime.
    Faketime,
    /// A port that nobody listens on, because a file says its number.
    Port(u16),
    /// Any other program that `tests/run` builds.
    Built(&'static str),
    /// Any other program in the search path.
    Program(&'static str),
}

/// Whether the calling test has to be skipped.
///
/// ```
/// use mqttkube_tests::skip::{Need, lacks};
///
/// // at the start of a test:
/// if lacks(&[Need::Program("sh")]) {
///     return;
/// }
/// ```
///
/// # Panics
/// When something is missing and `CI=true`.
pub fn lacks(needs: &[Need]) -> bool {
    let Some(reason) = needs.iter().find_map(|need| need.missing()) else {
        return false;
    };
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{test} must not be skipped: {reason}"
    );
    let line = format!("skipped: {test}: {reason}\n");
    // Not by `eprint!`, which the test harness would swallow.
    let _ = std::io::stderr().write_all(line.as_bytes());
    if let Some(path) = std::env::var_os("MQTTKUBE_SKIPPED") {
        let file = File::options().append(true).create(true).open(path);
        let _ = file.and_then(|mut file| file.write_all(line.as_bytes()));
    }
    true
}

impl Need {
    /// What is missing, `None` when nothing is.
    fn missing(self) -> Option<String> {
        let kubernetes = |names: &[&str]| {
            names
                .iter()
                .find_map(|name| programs::kubernetes(name).err())
                .map(|error| error.to_string())
        };
        let program = |name: &str| find(name).is_none().then(|| format!("{name} is not installed"));
        match self {
            Self::Mosquitto => program("mosquitto"),
            Self::Kubectl => program("kubectl"),
            Self::ApiServer => kubernetes(&["etcd", "kube-apiserver"]),
            Self::ControllerManager => kubernetes(&["kube-controller-manager"]),
            Self::Scheduler => kubernetes(&["kube-scheduler"]),
            Self::Kwok => kubernetes(&["kwok"]),
            Self::Node => Node::missing(),
            Self::Root => (!geteuid().is_root()).then(|| "it needs root".to_owned()),
            Self::Faketime => faketime()
                .is_none()
                .then(|| "libfaketime is not installed".to_owned()),
            Self::Port(port) => TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
                .err()
                .map(|error| format!("port {port}: {error}")),
            Self::Built(name) => kubernetes(&[name]),
            Self::Program(name) => program(name),
        }
    }
}
