//! A Mosquitto as a child process, in a folder of its own.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use mqttkube_mosquitto::{Config, Listener, Version};
use tempfile::TempDir;

const PROGRAM: &str = "/usr/sbin/mosquitto";
const DEADLINE: Duration = Duration::from_secs(20);

/// Whether a program is there. Where it is not the test is skipped by name, and fails in CI.
pub(crate) fn is_there(program: &str, test: &str) -> bool {
    let there = Path::new(program).exists();
    if !there {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "{test} needs {program}"
        );
        println!("skipped: {test}: {program} is not installed");
    }
    there
}

pub(crate) fn mosquitto_is_there(test: &str) -> bool {
    is_there(PROGRAM, test)
}

/// How often random tests are repeated: `MQTTKUBE_TEST_SCALE`, 1 when absent.
pub(crate) fn scale() -> usize {
    std::env::var("MQTTKUBE_TEST_SCALE")
        .ok()
        .and_then(|scale| scale.parse().ok())
        .unwrap_or(1)
}

/// A port that nobody uses at the moment.
pub(crate) fn free_port() -> u16 {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    socket.local_addr().expect("an address").port()
}

pub(crate) struct Broker {
    child: Child,
    pub(crate) port: u16,
    log: std::path::PathBuf,
    // Lives as long as the broker.
    _folder: TempDir,
}

impl Broker {
    /// Starts a broker that must come up. Persistence is off and the account that of the test, nothing else is changed.
    pub(crate) fn start(mut config: Config) -> Self {
        config.global.persistence = None;
        config.global.user = Some("root".parse().expect("a user"));
        if config.listeners.is_empty() {
            config.listeners.extend(Listener::tcp(free_port()));
        }
        let text = config
            .write(Version::V2_0)
            .expect("what is tested can be written");
        let port = config.listeners[0]
            .address
            .port()
            .expect("the first listener has a port");
        Self::run(&text, port).unwrap_or_else(|log| panic!("Mosquitto does not run:\n{text}\n{log}"))
    }

    /// Starts a broker with a text as it is; what it logged when it ends instead.
    pub(crate) fn run(text: &str, port: u16) -> Result<Self, String> {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, log) = (folder.path().join("mosquitto.conf"), folder.path().join("log"));
        fs::write(&file, text).expect("a file");
        let output = fs::File::create(&log).expect("a file");
        let errors = output.try_clone().expect("the same file");
        let mut command = Command::new(PROGRAM);
        command.arg("-v").arg("-c").arg(&file).current_dir(folder.path());
        let child = command
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .spawn()
            .expect("Mosquitto starts");
        let mut broker = Self {
            child,
            port,
            log,
            _folder: folder,
        };
        let deadline = Instant::now() + DEADLINE;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if broker.child.try_wait().expect("a child").is_some() {
                return Err(broker.log());
            }
            assert!(
                Instant::now() < deadline,
                "no listener on {port}:\n{}",
                broker.log()
            );
            thread::yield_now();
            thread::park_timeout(Duration::from_millis(5));
        }
        Ok(broker)
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
