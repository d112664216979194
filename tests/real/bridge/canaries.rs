//! No secret is seen: both programs run at the level TRACE with keys, tokens and passwords that are known here, through
//! good times and bad ones, and everything that they say is searched.

use std::process::Command;

use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use mqttkube_tests::process::tls::Authority;
use mqttkube_tests::process::{Mosquitto, MosquittoOptions, Process, free_port};
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::{program, wait};

use super::scene::{Folder, SOON, until_ready};

/// The password of the local broker.
const PASSWORD: &str = "canary-local-Zm9vYmFy";
/// The same, wrong: it is refused, which must not show it either.
const WRONG: &str = "canary-wrong-8d2f";
/// A token in a file; whoever checks it would need a key for that.
const TOKEN: &str = "canary-token-51c0";
/// A shared access key, base64.
const SAS_KEY: &str = "Y2FuYXJ5LXNhcy1rZXktMDEyMzQ1Njc4OWFiY2RlZg==";
/// A password at the cloud.
const CLOUD_PASSWORD: &str = "canary-cloud-77aa";
/// What an authorizer of AWS looks at.
const AUTHORIZER_TOKEN: &str = "canary-authorizer-19be";
/// Opens the key of a client certificate.
const KEY_PASSWORD: &str = "canary-key-6f10";
/// Private keys: of the device, of one behind it, of the tutorial, and of a certificate, locked and not.
const KEYS: [&str; 5] = [
    "key.pem",
    "door.pem",
    "ec_private.pem",
    "client-locked.pem",
    "client-open.pem",
];

/// What has been said so far, by whom.
#[derive(Default)]
struct Said(Vec<(String, String)>);

impl Said {
    fn hear(&mut self, who: impl Into<String>, what: impl Into<String>) {
        self.0.push((who.into(), what.into()));
    }

    /// Everything that a running program shows: its output, its arguments and its HTTP pages.
    async fn look_at(&mut self, who: &str, process: &Process, http: u16) {
        self.hear(format!("output of {who}"), process.output());
        let arguments = std::fs::read(format!("/proc/{}/cmdline", process.id())).unwrap_or_default();
        self.hear(format!("arguments of {who}"), String::from_utf8_lossy(&arguments));
        for page in ["/metrics", "/livez", "/readyz", "/api/status", "/api/health", "/"] {
            self.hear(
                format!("{page} of {who}"),
                page_text(http, page).await.unwrap_or_default(),
            );
        }
    }

    fn run(&mut self, folder: &Folder, arguments: &[&str]) {
        let mut command = Command::new(program::bin("cloud-bridge"));
        let output = command
            .args(arguments)
            .current_dir(folder.path(""))
            .output()
            .unwrap();
        let text = [output.stdout, output.stderr].concat();
        self.hear(
            format!("cloud-bridge {arguments:?}"),
            String::from_utf8_lossy(&text),
        );
    }

    /// Nothing that is secret, nor a part of it that would help somebody.
    fn check(&self, folder: &Folder) {
        let keys = KEYS.map(|name| folder.read(name));
        let mut secrets: Vec<&str> = vec![PASSWORD, WRONG, TOKEN, SAS_KEY, CLOUD_PASSWORD];
        secrets.extend([AUTHORIZER_TOKEN, KEY_PASSWORD]);
        for key in &keys {
            let before = secrets.len();
            let lines = key.lines();
            secrets.extend(lines.filter(|line| line.len() > 20 && !line.starts_with('-')));
            assert!(secrets.len() > before, "every key has lines to look for");
        }
        // Every signed token begins with its header; every signature of a device has these names.
        secrets.extend(["eyJ0eXAi", "eyJhbGci", "SharedAccessSignature", "&sig="]);
        for (who, what) in &self.0 {
            for secret in &secrets {
                let at = what.find(secret);
                let line = at.map(|at| what[..at].lines().count().max(1));
                assert_eq!(line, None, "{who} shows {secret}: {what}");
            }
        }
    }

    /// A search that finds nothing because nothing was said would be no search.
    fn has(&self, text: &str) -> bool {
        self.0.iter().any(|(_, what)| what.contains(text))
    }
}

async fn page_text(port: u16, path: &str) -> Option<String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await.ok()?;
    Some(text)
}

impl Folder {
    /// A client certificate, and its key behind a password.
    fn certificate(&self) {
        let words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=d \
                     -keyout client-open.pem -out client.pem";
        self.openssl(&words.split(' ').collect::<Vec<_>>());
        let words = "pkcs8 -topk8 -v2 aes-256-cbc -in client-open.pem -out client-locked.pem -passout";
        let password = format!("pass:{KEY_PASSWORD}");
        let words: Vec<&str> = words.split(' ').chain([password.as_str()]).collect();
        self.openssl(&words);
    }
}

/// Two brokers; the cloud speaks TLS and lets everybody in, whatever is shown to it.
struct Scene {
    folder: Folder,
    local: Mosquitto,
    cloud: Mosquitto,
}

impl Scene {
    async fn start() -> Self {
        let authority = Authority::new("the cloud").unwrap();
        let identity = authority.server(&["localhost"]).unwrap();
        let cloud = MosquittoOptions::default().tls(&authority, identity, false);
        let scene = Self {
            folder: Folder::new(),
            local: MosquittoOptions::default()
                .user("bridge", PASSWORD)
                .start()
                .await
                .unwrap(),
            cloud: cloud.start().await.unwrap(),
        };
        scene.folder.write("roots.pem", authority.certificate());
        scene.folder.write("token", TOKEN);
        scene.folder.write("sas", SAS_KEY);
        scene.folder.write("password", PASSWORD);
        scene.folder.write("cloud-password", CLOUD_PASSWORD);
        scene.folder.write("wrong", WRONG);
        scene.folder.write("authorizer-token", AUTHORIZER_TOKEN);
        scene.folder.write("key-password", KEY_PASSWORD);
        scene.folder.write(
            "bridge.conf.tmpl",
            "connection c\naddress localhost\nremote_password GOOGLE_CLOUD_JWT\n",
        );
        for name in ["key.pem", "door.pem", "ec_private.pem"] {
            scene.folder.key(name);
        }
        scene.folder.certificate();
        // A key of which a part was lost.
        let key = scene.folder.read("key.pem");
        scene.folder.write("damaged.pem", &key[..key.len() - 60]);
        scene
    }

    /// Writes a configuration and gives its name.
    fn config(&self, name: &str, password: &str, cloud: &str, topics: &str, http: u16) -> String {
        let gateway = if cloud.contains("clearblade") {
            "gateway: {devices: [{id: door, key: door.pem}]}\n"
        } else {
            ""
        };
        let text = format!(
            "local: {{port: {}, client-id: {name}-local, auth: {{type: basic, username: bridge, password: \"${{file:{}}}\"}}}}\n\
             cloud: {{host: localhost, port: {}, {cloud}}}\n\
             rules: [\"# out 1 gcp/ {topics}\"]\n\
             http: {{bind: 127.0.0.1, port: {http}}}\nlogging: {{level: debug, payloads: true}}\n\
             sidecar: {{output: {name}.conf, reload: command, command: [\"true\"]}}\n{gateway}",
            self.local.port(),
            self.folder.path(password).display(),
            self.cloud.port(),
        );
        let name = format!("{name}.yaml");
        self.folder.write(&name, text);
        name
    }

    fn program(&self, program: &str, arguments: &[&str], log: &str) -> Process {
        let spec = program::spec(program, self.folder.path(log)).args(arguments);
        let spec = spec.directory(self.folder.path("")).env("RUST_LOG", "trace");
        spec.start().unwrap()
    }

    /// A relay, for as long as it takes to be ready, to carry a message and to meet a lost cloud.
    async fn relay(&mut self, said: &mut Said, name: &str, cloud: &str, topics: &str) {
        let http = free_port();
        let config = self.config(name, "password", cloud, topics, http);
        let process = self.program("cloud-bridge", &["run", &config], &format!("{name}.log"));
        until_ready(&process, http).await;
        let login = Options {
            credentials: Some(("bridge".to_owned(), PASSWORD.to_owned())),
            ..Options::default()
        };
        let probe = Probe::connect(self.local.address(), login).await.unwrap();
        probe.publish(&Message::new("gcp/door", "open")).await.unwrap();
        said.look_at(name, &process, http).await;
        self.cloud.kill();
        process.prints("offline", SOON).await;
        self.cloud.start().await.unwrap();
        until_ready(&process, http).await;
        said.look_at(name, &process, http).await;
        for command in ["check", "token", "render"] {
            said.run(&self.folder, &[command, &config]);
        }
        said.run(&self.folder, &["explain", &config, "--topic", "gcp/door"]);
    }
}

/// Every kind of credential, as the section `cloud` has it, and where its topics may go.
const CLOUDS: &[(&str, &str, &str)] = &[
    (
        "jwt",
        "profile: clearblade, cafile: roots.pem, project: p, region: r, registry: g, device: d, \
         credential: {type: jwt, key: key.pem, lifetime: 5s}",
        "/devices/d/events/",
    ),
    (
        "sas",
        "profile: azure-iot-hub, cafile: roots.pem, hub: h, device: d, credential: {key: \"${file:sas}\"}",
        "devices/d/messages/events/",
    ),
    (
        "token-file",
        "profile: emqx, client-id: d, tls: {cafile: roots.pem}, credential: {type: token-file, path: token, lifetime: 1h}",
        "up/",
    ),
    (
        "authorizer",
        "profile: aws-iot-core, cafile: roots.pem, endpoint: localhost, client: d, \
         credential: {type: authorizer, name: tokens, token: \"${file:authorizer-token}\"}",
        "up/",
    ),
    (
        "certificate",
        "profile: emqx, client-id: d, auth: {type: mtls, cafile: roots.pem, certfile: client.pem, \
         keyfile: client-locked.pem, keyfile_password: \"${file:key-password}\"}",
        "up/",
    ),
    (
        "basic",
        "profile: plain, client-id: d, tls: {cafile: roots.pem}, \
         credential: {type: basic, username: u, password: \"${file:cloud-password}\"}",
        "up/",
    ),
];

#[tokio::test]
async fn no_secret_is_in_anything_that_the_programs_say() {
    if lacks(&[Need::Mosquitto]) {
        return;
    }
    let mut scene = Scene::start().await;
    let mut said = Said::default();
    for (name, cloud, topics) in CLOUDS {
        scene.relay(&mut said, name, cloud, topics).await;
    }
    let (_, jwt, topics) = CLOUDS[0];
    // A login that is refused.
    let http = free_port();
    let config = scene.config("refused", "wrong", jwt, topics, http);
    let refused = scene.program("cloud-bridge", &["run", &config], "refused.log");
    refused.prints("efused", SOON).await;
    said.look_at("refused", &refused, http).await;
    // A key that is none.
    for (program, arguments) in [("cloud-bridge", &["run"][..]), ("jwt-refresher", &[])] {
        let (name, http) = (format!("damaged-{program}"), free_port());
        let config = scene.config(
            &name,
            "password",
            &jwt.replace("key.pem", "damaged.pem"),
            topics,
            http,
        );
        let arguments = [arguments, &[&config]].concat();
        let damaged = scene.program(program, &arguments, &format!("{name}.log"));
        damaged.prints("the PEM section is damaged", SOON).await;
        said.look_at(&name, &damaged, http).await;
        said.run(&scene.folder, &["token", &config]);
    }
    // A refresher that writes again and again.
    let http = free_port();
    let config = scene.config("refresher", "password", &jwt.replace("5s", "1s"), topics, http);
    let refresher = scene.program("jwt-refresher", &[&config], "refresher.log");
    until_ready(&refresher, http).await;
    let first = scene.folder.read("refresher.conf");
    wait::until(SOON, "another token", || {
        scene.folder.read("refresher.conf") != first
    })
    .await;
    said.look_at("refresher", &refresher, http).await;
    // One that the tutorial's environment sets up.
    let (http, place) = (free_port().to_string(), scene.folder.path(""));
    let spec = program::spec("jwt-refresher", scene.folder.path("environment.log"))
        .args(["--port", &http, "--output"])
        .arg(scene.folder.path("environment.conf"))
        .arg("--pid-file")
        .arg(scene.folder.path("pid"));
    let spec = spec
        .env("PROJECT_ID", "p")
        .env("BASE_DIR", place.as_os_str().to_owned());
    let environment = spec.env("RUST_LOG", "trace").start().unwrap();
    wait::until(SOON, "a token of the environment", || {
        scene.folder.read("environment.conf").contains("eyJhbGci")
    })
    .await;
    said.look_at("environment", &environment, http.parse().unwrap())
        .await;
    // Somebody who wrote a password where it does not belong.
    scene.folder.write("open.conf", format!("connection c\naddress h\ntopic # out 1\nremote_password {CLOUD_PASSWORD}\nremote_password {WRONG}\n"));
    said.run(&scene.folder, &["lint", "open.conf"]);

    assert!(
        first.contains("eyJhbGci"),
        "the tokens are where they belong, so the search knows them"
    );
    assert!(said.has("INFO mqttkube_"), "the programs said nothing");
    for page in ["attached{device=\"door\"} 1", "\"cloud\":", "token_left_seconds"] {
        assert!(said.has(page), "{page} is on no page");
    }
    said.check(&scene.folder);
}
