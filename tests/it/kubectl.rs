//! kubectl, which nobody here wrote, gets along with the fake API.

use std::io::Write as _;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use mqttkube_tests::fake_api::{ApiServer, FakeApi};
use mqttkube_tests::process::Spec;
use mqttkube_tests::skip::{Need, lacks};
use mqttkube_tests::wait;
use serde_json::{Value, json};
use tempfile::TempDir;

const SOON: Duration = Duration::from_secs(20);

const WEB: &str = "
apiVersion: apps/v1
kind: Deployment
metadata:
  name: web
spec:
  replicas: 1
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: web:1
        ports: [{containerPort: 80}]
";

const MAP: &str = "{apiVersion: v1, kind: ConfigMap, metadata: {name: map}, data: {a: '1'}}";

struct Kubectl {
    api: FakeApi,
    server: ApiServer,
    home: TempDir,
}

impl Kubectl {
    async fn new() -> Option<Self> {
        if lacks(&[Need::Kubectl]) {
            return None;
        }
        let api = FakeApi::new();
        api.with_controllers();
        let server = api.serve().await.unwrap();
        Some(Self {
            api,
            server,
            home: TempDir::new().unwrap(),
        })
    }

    fn command(&self) -> Command {
        let mut command = Command::new("kubectl");
        // Its own home keeps caches of other servers away, and people's configurations.
        command
            .env_clear()
            .env("HOME", self.home.path())
            .env("PATH", std::env::var_os("PATH").unwrap());
        command.args(["--server", &self.server.url()]);
        command
    }

    /// Runs kubectl beside the server, which lives in this runtime.
    async fn output(&self, args: &[&str], input: &str) -> Output {
        let mut command = self.command();
        command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let input = input.to_owned();
        let run = move || {
            let mut child = command.spawn().unwrap();
            child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
            child.wait_with_output().unwrap()
        };
        tokio::task::spawn_blocking(run).await.unwrap()
    }

    /// What it prints; it must succeed.
    async fn run(&self, args: &[&str]) -> String {
        self.run_with(args, "").await
    }

    async fn run_with(&self, args: &[&str], input: &str) -> String {
        let output = self.output(args, input).await;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        assert!(
            output.status.success(),
            "kubectl {args:?}: {}{}",
            text(&output.stdout),
            text(&output.stderr)
        );
        text(&output.stdout)
    }

    /// What it complains about; it must fail.
    async fn fails(&self, args: &[&str]) -> String {
        let output = self.output(args, "").await;
        assert!(!output.status.success(), "kubectl {args:?} succeeded");
        String::from_utf8_lossy(&output.stderr).into_owned()
    }

    fn web(&self) -> Value {
        self.api.get("apps/v1", "deployments", "default", "web").unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_creates_applies_and_gets() {
    let Some(kubectl) = Kubectl::new().await else {
        return;
    };
    kubectl
        .run_with(&["apply", "--validate=false", "-f", "-"], WEB)
        .await;
    assert_eq!(
        kubectl.web()["spec"]["template"]["spec"]["containers"][0]["image"],
        "web:1"
    );
    let newer = WEB
        .replace("web:1", "web:2")
        .replace("replicas: 1", "replicas: 3");
    kubectl
        .run_with(&["apply", "--validate=false", "-f", "-"], &newer)
        .await;
    let containers = kubectl.web()["spec"]["template"]["spec"]["containers"].clone();
    let expected = json!([{ "name": "web", "image": "web:2", "ports": [{ "containerPort": 80 }] }]);
    assert_eq!(containers, expected);
    assert!(kubectl.run(&["get", "deployments"]).await.contains("web"));
    assert_eq!(
        kubectl
            .run(&["get", "deploy/web", "-o", "jsonpath={.spec.replicas}"])
            .await,
        "3"
    );
    let missing = kubectl.fails(&["get", "deploy", "none"]).await;
    assert!(missing.contains("NotFound"), "{missing}");
    let selected = kubectl
        .run(&["get", "deploy", "-l", "app=other", "-o", "name"])
        .await;
    assert_eq!(selected, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_applies_on_the_server_and_meets_conflicts() {
    let Some(kubectl) = Kubectl::new().await else {
        return;
    };
    let apply = ["apply", "--server-side", "--validate=false", "-f", "-"];
    kubectl
        .run_with(&[&apply[..], &["--field-manager=one"]].concat(), WEB)
        .await;
    let newer = WEB.replace("replicas: 1", "replicas: 3");
    let other = [&apply[..], &["--field-manager=two"]].concat();
    let output = kubectl.output(&other, &newer).await;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        text.contains("conflict with \"one\"") && text.contains(".spec.replicas"),
        "{text}"
    );
    kubectl
        .run_with(&[&other[..], &["--force-conflicts"]].concat(), &newer)
        .await;
    assert_eq!(kubectl.web()["spec"]["replicas"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_patches_scales_and_labels() {
    let Some(kubectl) = Kubectl::new().await else {
        return;
    };
    kubectl
        .run_with(&["create", "--validate=false", "-f", "-"], WEB)
        .await;
    for (kind, patch) in [
        (
            "strategic",
            r#"{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"web:2"}]}}}}"#,
        ),
        ("merge", r#"{"metadata":{"annotations":{"example.com/a":"b"}}}"#),
        ("json", r#"[{"op":"replace","path":"/spec/replicas","value":2}]"#),
    ] {
        kubectl
            .run(&["patch", "deploy", "web", "--type", kind, "-p", patch])
            .await;
    }
    let web = kubectl.web();
    assert_eq!(web["spec"]["template"]["spec"]["containers"][0]["image"], "web:2");
    assert_eq!(web["metadata"]["annotations"]["example.com/a"], "b");
    assert_eq!(web["spec"]["replicas"], 2);
    kubectl.run(&["scale", "deploy/web", "--replicas=5"]).await;
    assert_eq!(kubectl.web()["spec"]["replicas"], 5);
    kubectl.run(&["label", "deploy/web", "tier=front"]).await;
    assert_eq!(kubectl.web()["metadata"]["labels"]["tier"], "front");
    assert!(
        kubectl
            .run(&["get", "deploy", "-l", "tier in (front)"])
            .await
            .contains("web")
    );
    kubectl
        .run(&["rollout", "status", "deploy/web", "--timeout=10s"])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_deletes_and_waits_for_the_end() {
    let Some(kubectl) = Kubectl::new().await else {
        return;
    };
    kubectl
        .run_with(&["create", "--validate=false", "-f", "-"], WEB)
        .await;
    kubectl
        .run(&["delete", "deploy", "web", "--cascade=foreground", "--timeout=10s"])
        .await;
    assert!(
        kubectl
            .api
            .get("apps/v1", "deployments", "default", "web")
            .is_none()
    );
    kubectl.api.namespace("short");
    kubectl
        .run_with(&["create", "--validate=false", "-n", "short", "-f", "-"], MAP)
        .await;
    kubectl
        .run(&["delete", "namespace", "short", "--timeout=10s"])
        .await;
    assert!(kubectl.api.get("v1", "configmaps", "short", "map").is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_watches_and_waits() {
    let Some(kubectl) = Kubectl::new().await else {
        return;
    };
    kubectl
        .run_with(&["create", "--validate=false", "-f", "-"], MAP)
        .await;
    let log = kubectl.home.path().join("watch.log");
    let watch = Spec::new("kubectl", log)
        .env("HOME", kubectl.home.path())
        .args([
            "--server",
            &kubectl.server.url(),
            "get",
            "configmaps",
            "--watch",
            "-o",
        ])
        .arg("jsonpath={.metadata.name}={.data.a};")
        .start()
        .unwrap();
    watch.prints("map=1;", SOON).await;
    kubectl
        .run(&[
            "patch",
            "configmap",
            "map",
            "--type=merge",
            "-p",
            r#"{"data":{"a":"2"}}"#,
        ])
        .await;
    watch.prints("map=2;", SOON).await;
    let job = json!({
        "apiVersion": "batch/v1", "kind": "Job", "metadata": { "name": "work" },
        "spec": { "template": { "spec": { "containers": [{ "name": "a", "image": "a" }] } } },
    });
    kubectl
        .run_with(&["create", "--validate=false", "-f", "-"], &job.to_string())
        .await;
    kubectl
        .run(&["wait", "job/work", "--for=condition=complete", "--timeout=10s"])
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kubectl_knows_a_kind_as_soon_as_it_is_defined() {
    let Some(kubectl) = Kubectl::new().await else {
        return;
    };
    let definition = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "heaters.example.com" },
        "spec": {
            "group": "example.com", "scope": "Namespaced",
            "names": { "kind": "Heater", "plural": "heaters", "singular": "heater", "shortNames": ["ht"] },
            "versions": [{ "name": "v1", "served": true, "storage": true, "subresources": { "status": {} } }],
        },
    });
    kubectl
        .run_with(
            &["create", "--validate=false", "-f", "-"],
            &definition.to_string(),
        )
        .await;
    kubectl
        .run(&[
            "wait",
            "crd/heaters.example.com",
            "--for=condition=established",
            "--timeout=10s",
        ])
        .await;
    let heater = "apiVersion: example.com/v1\nkind: Heater\nmetadata: {name: bath}\nspec: {target: 21.5}\n";
    kubectl
        .run_with(&["apply", "--validate=false", "-f", "-"], heater)
        .await;
    let target = wait::until_ok(SOON, "heater", async || {
        let target = kubectl
            .run(&["get", "ht", "bath", "-o", "jsonpath={.spec.target}"])
            .await;
        if target.is_empty() {
            Err(target)
        } else {
            Ok(target)
        }
    });
    assert_eq!(target.await, "21.5");
    let warmer = heater.replace("21.5", "23");
    kubectl
        .run_with(&["apply", "--validate=false", "-f", "-"], &warmer)
        .await;
    let object = kubectl
        .api
        .get("example.com/v1", "heaters", "default", "bath")
        .unwrap();
    assert_eq!(object["spec"]["target"], 23);
}
