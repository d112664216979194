//! `cloud-bridge` as people and programs call it.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use mqttkube_bridge::endpoint::Profile;

const CANARY: &str = "canary-swordfish";
const MOSQUITTO: &str = "/usr/sbin/mosquitto";

fn configs() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../mqttkube-bridge/tests/configs")
}

/// Runs the program where the configurations are, with secrets in its environment that must never be seen again.
fn bridge(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cloud-bridge"));
    for name in ["LOCAL_PASSWORD", "HIVEMQ_PASSWORD", "TB_PASSWORD", "DOOR_KEY"] {
        command.env(name, CANARY);
    }
    let output = command
        .env("IOTHUB_KEY", "Y2FuYXJ5LXN3b3JkZmlzaA==")
        .args(args)
        .current_dir(configs())
        .output()
        .expect("the program starts");
    for text in [&output.stdout, &output.stderr] {
        let text = String::from_utf8_lossy(text);
        assert!(!text.contains(CANARY) && !text.contains("Y2FuYXJ5"), "{text}");
    }
    output
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[track_caller]
fn check(args: &[&str], status: i32, out: &str) {
    let output = bridge(args);
    assert_eq!(text(&output.stdout), out, "{}", text(&output.stderr));
    assert_eq!(output.status.code(), Some(status));
}

#[test]
fn a_good_file_is_fine() {
    let out = "emqx.yaml:10:5: note:";
    let output = bridge(&["check", "emqx.yaml"]);
    assert!(!text(&output.stdout).contains(out));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stdout));
    let fine = "emqx.yaml: fine: 1 rule to emqx at broker.example.org port 8883\n";
    assert!(text(&output.stdout).ends_with(fine), "{}", text(&output.stdout));
}

#[test]
fn a_broken_file_is_shown_with_its_places_and_the_status_is_2() {
    check(
        &["check", "broken/unknown_profile.yaml"],
        2,
        "broken/unknown_profile.yaml:1:18: error: unknown value \"clearbald\"; did you mean \"clearblade\"?\n\
         broken/unknown_profile.yaml: 1 error\n",
    );
}

#[test]
fn topics_are_explained_from_both_sides() {
    check(
        &["explain", "clearblade.yaml", "--topic", "gcp/events/door"],
        0,
        "gcp/events/door at the local broker\n  goes to the cloud as /devices/bridge/events/door\n  \
         by topic events/# out 1 gcp/ /devices/bridge/, which names it\n  with QoS up to 1, the retain flag taken off\n",
    );
    let remote = [
        "explain",
        "clearblade.yaml",
        "--from",
        "remote",
        "--topic",
        "/devices/bridge/state",
    ];
    check(
        &remote,
        0,
        "/devices/bridge/state at the cloud\n  stays there: no rule takes it\n",
    );
    let wildcard = bridge(&["explain", "clearblade.yaml", "--topic", "gcp/#"]);
    assert_eq!(wildcard.status.code(), Some(2));
}

#[test]
fn a_token_is_shown_without_its_signature() {
    let output = bridge(&["token", "clearblade.yaml", "--output", "json"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let shown: serde_json::Value = serde_json::from_slice(&output.stdout).expect("it is JSON");
    assert_eq!(shown["header"], serde_json::json!({"alg": "ES256", "typ": "JWT"}));
    assert_eq!(shown["claims"]["aud"], "my-project");
    let life = shown["claims"]["exp"]
        .as_u64()
        .zip(shown["claims"]["iat"].as_u64());
    assert_eq!(life.map(|(end, begin)| end - begin), Some(3_600));
    for name in ["azure-iot-hub.yaml", "hivemq-cloud.yaml", "azure-event-grid.yaml"] {
        assert_eq!(bridge(&["token", name]).status.code(), Some(0), "{name}");
    }
}

#[test]
fn a_file_with_traps_is_linted() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mosquitto.conf");
    let lines = format!(
        "connection c\naddress h\nremote_password {CANARY}\ntopic # out 1\nbridge_reload_type lazy\n"
    );
    fs::write(&path, lines).expect("a file");
    let output = bridge(&["lint", &path.display().to_string()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stdout).contains("bridge_reload_type"),
        "{}",
        text(&output.stdout)
    );
}

/// Spec 2.1: Mosquitto starts without them, and never connects.
#[test]
fn a_file_that_names_authorities_which_are_not_there_is_linted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (path, ca) = (folder.path().join("mosquitto.conf"), folder.path().join("ca.pem"));
    fs::write(&path, format!("connection c\nbridge_cafile {}\n", ca.display())).expect("a file");
    let path = path.display().to_string();
    let tells = |args: &[&str]| text(&bridge(args).stdout).contains("[missing-file]");
    assert!(tells(&["lint", &path]));
    assert!(!tells(&["lint", &path, "--elsewhere"]));
    fs::write(&ca, "").expect("a file");
    assert!(!tells(&["lint", &path]));
}

/// 1,000 messages each way over five tokens that live for 5 seconds.
#[cfg(feature = "demo")]
#[test]
fn the_demo_loses_nothing_and_ends_with_status_0() {
    let output = bridge(&["demo", "--once"]);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{out}\n{err}");
    for direction in ["home to cloud", "cloud to home"] {
        let row = out
            .lines()
            .find(|line| line.contains(direction))
            .expect("a row of the table");
        let numbers: Vec<u64> = row
            .split_whitespace()
            .filter_map(|word| word.parse().ok())
            .collect();
        let [sent, delivered, lost, _] = numbers[..] else {
            panic!("four numbers: {row}")
        };
        assert!(sent >= 1_000 && delivered == sent && lost == 0, "{row}");
    }
}

/// Changes what cannot be on this machine: ports, folders, accounts, and what is in a certificate. Nothing else.
fn grounded(conf: &str, folder: &Path, port: u16) -> String {
    let place = folder.display();
    let line = |line: &str| match line.split_once(' ') {
        Some(("listener", _)) => format!("listener {port} 127.0.0.1\nuser root\n"),
        Some(("persistence_location", _)) => format!("persistence_location {place}/\n"),
        Some(("address", _)) => "address 127.0.0.1:1\n".to_owned(),
        Some(("pid_file", _)) => format!("pid_file {place}/pid\n"),
        Some(("password_file", _)) => String::new(),
        Some((name @ ("bridge_cafile" | "bridge_certfile"), _)) => format!("{name} {place}/some.crt\n"),
        Some(("bridge_keyfile", _)) => format!("bridge_keyfile {place}/some.key\n"),
        _ => format!("{line}\n"),
    };
    conf.lines().map(line).collect()
}

/// A certificate and its key, as good as any for a broker that only loads them.
fn make_certificate(folder: &Path) {
    let words =
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=some -keyout some.key";
    let made = Command::new("openssl")
        .args(words.split(' '))
        .args(["-out", "some.crt"])
        .current_dir(folder)
        .output()
        .expect("openssl is there");
    assert!(made.status.success(), "{}", text(&made.stderr));
}

/// Starts the real broker with what is rendered and waits until its bridge has loaded everything and says hello.
fn loads(name: &str) {
    let output = bridge(&["render", &format!("{name}.yaml"), "--mosquitto", "2.0"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let folder = tempfile::tempdir().expect("a folder");
    make_certificate(folder.path());
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = socket.local_addr().expect("an address").port();
    drop(socket);
    let path = folder.path().join("mosquitto.conf");
    fs::write(&path, grounded(&text(&output.stdout), folder.path(), port)).expect("a file");
    let log = folder.path().join("log");
    let mut command = Command::new(MOSQUITTO);
    command
        .args(["-v", "-c"])
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(fs::File::create(&log).expect("a file"));
    let mut broker = command.spawn().expect("Mosquitto starts");
    let deadline = Instant::now() + Duration::from_secs(30);
    let said = || fs::read_to_string(&log).unwrap_or_default();
    let mut ended = None;
    while !(said().contains("sending CONNECT") && TcpStream::connect(("127.0.0.1", port)).is_ok()) {
        ended = broker.try_wait().expect("a child");
        if ended.is_some() || Instant::now() >= deadline || said().contains("Unable to load") {
            break;
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
    broker.kill().and_then(|()| broker.wait()).expect("it ends");
    let said = said();
    assert!(
        ended.is_none() && said.contains("sending CONNECT") && !said.contains("Unable to load"),
        "{name}: {ended:?}\n{said}\n{}",
        text(&output.stdout)
    );
}

#[test]
fn what_is_rendered_is_loaded_by_the_real_mosquitto() {
    if !Path::new(MOSQUITTO).exists() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "this test needs {MOSQUITTO}"
        );
        println!("skipped: what_is_rendered_is_loaded_by_the_real_mosquitto: {MOSQUITTO} is not installed");
        return;
    }
    let files = fs::read_dir(configs()).expect("the folder can be read");
    let paths = files.map(|entry| entry.expect("an entry can be read").path());
    let yaml = paths.filter(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let names: Vec<String> = yaml
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .collect();
    assert_eq!(names.len(), Profile::ALL.len(), "one for each profile: {names:?}");
    names.iter().for_each(|name| loads(name));
}

#[test]
fn a_bridge_says_that_it_never_logs_payloads() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("loud.yaml");
    let file = fs::read_to_string(configs().join("emqx.yaml")).expect("the file can be read");
    fs::write(&path, format!("{file}\nlogging: {{payloads: true}}\n")).expect("a file");
    let output = bridge(&["check", &path.display().to_string()]);
    let said = text(&output.stdout);
    assert!(
        said.contains("warning: payloads has no effect: a bridge never logs what it carries"),
        "{said}"
    );
}
