//! A pod of the `kube-mqtt` tutorial with `jwt-refresher` in the place of its refresher.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use mqttkube_tests::process::tls::Authority;
use mqttkube_tests::process::{Mosquitto, MosquittoOptions, Process, Spec, find, free_port};
use mqttkube_tests::wait;
use serde_json::Value;

use super::scene::{Folder, SOON, Supervised, unprivileged, until_ready};

/// The tutorial's template, but for the remote address and for what only makes tests quick.
pub(super) const TEMPLATE: &str = include_str!("bridge.conf.tmpl");

/// A pod of the tutorial: the refresher and its broker, and the cloud that they talk to.
pub(super) struct Pod {
    pub(super) folder: Folder,
    pub(super) cloud: Mosquitto,
    pub(super) local: u16,
    pub(super) http: u16,
}

impl Pod {
    /// Everything is there, nothing runs but the cloud.
    pub(super) async fn new() -> Self {
        Self::with_cloud_named("localhost").await
    }

    /// The certificate of the cloud is for this name.
    pub(super) async fn with_cloud_named(name: &str) -> Self {
        let authority = Authority::new("the cloud").unwrap();
        let identity = authority.server(&[name]).unwrap();
        let cloud = MosquittoOptions::default()
            .persistent(1)
            .tls(&authority, identity, false);
        let pod = Self {
            folder: Folder::new(),
            cloud: cloud.start().await.unwrap(),
            local: free_port(),
            http: free_port(),
        };
        pod.folder.write("roots.pem", authority.certificate());
        pod.folder.key("ec_private.pem");
        let places = [
            ("LOCAL_PORT", pod.local.to_string()),
            ("CLOUD_PORT", pod.cloud.port().to_string()),
            ("FOLDER", pod.folder.path("").display().to_string()),
        ];
        let template = places.iter().fold(TEMPLATE.to_owned(), |text, (name, value)| {
            text.replace(name, value)
        });
        pod.folder.write("bridge.conf.tmpl", template);
        pod
    }

    /// The refresher as the tutorial's Deployment starts it.
    pub(super) fn refresher(&self) -> Spec {
        let program = self.folder.program("jwt-refresher");
        let spec = unprivileged(&program, self.folder.path("refresher.log"))
            .env("PROJECT_ID", "my-project")
            .env("REGISTRY_ID", "gadgets")
            .env("BRIDGE_DEVICE_ID", "bridge")
            .env("CLOUD_REGION", "us-central1")
            .env("JWT_EXPIRATION_MINUTES", "600")
            .env("CONFIG_REFRESH_MINUTES", "500")
            .env("BASE_DIR", self.folder.path("").as_os_str().to_owned());
        self.finds_broker(spec.arg("--output").arg(self.folder.path("mosquitto.conf")))
    }

    /// By its pid file: this machine may have other brokers.
    pub(super) fn finds_broker(&self, spec: Spec) -> Spec {
        spec.arg("--pid-file")
            .arg(self.folder.path("pid"))
            .arg("--port")
            .arg(self.http.to_string())
    }

    /// The same refresher with a file, for tokens that live for seconds.
    pub(super) fn quick_refresher(&self, lifetime: &str) -> Spec {
        self.refresher_with(&format!(
            "{{type: jwt, key: ec_private.pem, lifetime: {lifetime}}}"
        ))
    }

    /// The same with this credential, a flow mapping.
    pub(super) fn refresher_with(&self, credential: &str) -> Spec {
        let place = |name: &str| self.folder.path(name).display().to_string();
        let text = format!(
            "local: {{port: {}}}\nhttp: {{bind: 127.0.0.1, port: {}}}\nlogging: {{level: debug}}\n\
             cloud:\n  profile: clearblade\n  project: my-project\n  region: us-central1\n  registry: gadgets\n  \
             device: bridge\n  credential: {credential}\n\
             rules: [\"events/# out 1 gcp/ /devices/bridge/\"]\n\
             sidecar: {{template: bridge.conf.tmpl, output: {}, pid-file: {}}}\n",
            self.local,
            self.http,
            place("mosquitto.conf"),
            place("pid"),
        );
        let path = self.folder.write("bridge.yaml", text);
        let program = self.folder.program("jwt-refresher");
        // What the clearblade profile says about BASE_DIR is for images.
        unprivileged(&program, self.folder.path("refresher.log")).arg(path)
    }

    /// Starts both, the broker after the refresher is ready, as a native sidecar with a startup probe has it.
    pub(super) async fn start(&self, refresher: Spec) -> (Process, Supervised) {
        let refresher = refresher.start().unwrap();
        until_ready(&refresher, self.http).await;
        (refresher, Supervised::start(&self.folder, self.local).await)
    }

    pub(super) fn local(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.local))
    }

    /// The token in the configuration of the broker.
    pub(super) fn token(&self) -> Option<String> {
        let conf = self.folder.read("mosquitto.conf");
        let token = conf
            .lines()
            .find_map(|line| line.strip_prefix("remote_password "));
        token.map(str::to_owned)
    }

    /// How often the bridge has come in at the cloud, under the id of the device.
    pub(super) fn connections(&self) -> usize {
        let id = "projects/my-project/locations/us-central1/registries/gadgets/devices/bridge";
        self.cloud.log().matches(&format!(" as {id} (")).count()
    }

    pub(super) async fn bridged(&self, times: usize) {
        wait::until_ok(SOON, "connection of the bridge", async || {
            let count = self.connections();
            if count >= times {
                Ok(())
            } else {
                Err(format!("{count}\n{}", self.folder.read("mosquitto.log")))
            }
        })
        .await;
    }

    /// A client of the cloud's broker, which speaks TLS: a Mosquitto client of its own.
    pub(super) fn cloud_client(&self, arguments: &[&str]) -> std::process::Command {
        let mut command =
            std::process::Command::new(find(arguments[0]).expect("mosquitto-clients is installed"));
        command
            .args([
                "-h",
                "localhost",
                "-p",
                &self.cloud.port().to_string(),
                "--cafile",
            ])
            .arg(self.folder.path("roots.pem"))
            .args(["-q", "1"])
            .args(&arguments[1..]);
        command
    }

    /// Subscribes at the cloud, does something, and gives the lines `topic payload` up to `last`.
    pub(super) async fn seen_in_cloud(&self, last: &str, act: impl AsyncFnOnce()) -> Vec<String> {
        let log = self.folder.path("cloud.log");
        let port = self.cloud.port().to_string();
        let roots = self.folder.path("roots.pem").display().to_string();
        let subscriber = Spec::new("mosquitto_sub", &log)
            .args(["-h", "localhost", "-p", &port, "--cafile", &roots])
            .args(["-i", "watcher", "-q", "1", "-t", "/devices/#", "-v"]);
        let subscriber = subscriber.start().unwrap();
        let subscribed = || self.cloud.log().contains("Sending SUBACK to watcher");
        wait::until(SOON, "a subscriber at the cloud", subscribed).await;
        act().await;
        subscriber.prints(last, SOON).await;
        let output = subscriber.output();
        let lines = output.lines().filter(|line| line.starts_with("/devices/"));
        lines.map(str::to_owned).collect()
    }

    pub(super) async fn publish(&self, topic: &str, payload: &str) {
        let probe = Probe::connect(self.local(), Options::default()).await.unwrap();
        probe
            .publish(&Message::new(topic, payload.to_owned()))
            .await
            .unwrap();
    }
}

/// A metric of the refresher.
pub(super) async fn metric(port: u16, name: &str) -> Option<i64> {
    let text = text(port, "/metrics").await?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("mqttkube_refresher_{name} ")))?;
    line.parse().ok()
}

/// The body of an answer that is no JSON.
pub(crate) async fn text(port: u16, path: &str) -> Option<String> {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.ok()?;
    Some(answer)
}

pub(super) fn claims(token: &str) -> [Value; 2] {
    let mut parts = token.split('.');
    [(); 2].map(|()| {
        let part = parts.next().expect("a token has three parts");
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    })
}

/// Has openssl look at the signature of a token, with the public half of the tutorial's key.
pub(super) fn verify(folder: &Folder, token: &str) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let raw = URL_SAFE_NO_PAD.decode(signature).unwrap();
    let integer = |half: &[u8]| {
        let sign = usize::from(half[0] >= 0x80);
        let digits: Vec<u8> = std::iter::repeat_n(0, sign).chain(half.iter().copied()).collect();
        // openssl wants no zeros in front that are not needed.
        let needless = digits
            .windows(2)
            .take_while(|pair| pair[0] == 0 && pair[1] < 0x80)
            .count();
        let digits = &digits[needless..];
        [&[2, u8::try_from(digits.len()).unwrap()], digits].concat()
    };
    let both = [integer(&raw[..32]), integer(&raw[32..])].concat();
    let der = [vec![0x30, u8::try_from(both.len()).unwrap()], both].concat();
    folder.write("signature", der);
    folder.write("signed", signed);
    folder.openssl(&["pkey", "-in", "ec_private.pem", "-pubout", "-out", "public.pem"]);
    folder.openssl(&[
        "dgst",
        "-sha256",
        "-verify",
        "public.pem",
        "-signature",
        "signature",
        "signed",
    ]);
}
