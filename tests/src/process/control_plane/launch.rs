//! The flags, keys and addresses of the programs.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::ControlPlane;
use crate::process::child::{Process, Spec};
use crate::process::etcd;
use crate::process::programs::{folder, kubernetes};
use crate::process::tls::{Authority, Identity};

/// How long a start may take before it counts as failed.
const START: Duration = Duration::from_secs(60);

impl ControlPlane {
    pub(super) fn api_spec(&self) -> Result<Spec> {
        let file = |name: &str| self.folder().join(name).display().to_string();
        let mut spec = Spec::new(kubernetes("kube-apiserver")?, file("kube-apiserver.log"));
        for (flag, value) in [
            ("etcd-servers", etcd::url(self.folder())),
            ("bind-address", "127.0.0.1".to_owned()),
            ("advertise-address", "127.0.0.1".to_owned()),
            ("secure-port", self.port.to_string()),
            ("endpoint-reconciler-type", "none".to_owned()),
            ("service-cluster-ip-range", "10.0.0.0/24".to_owned()),
            ("tls-cert-file", file("server.crt")),
            ("tls-private-key-file", file("server.key")),
            ("client-ca-file", file("ca.crt")),
            ("authorization-mode", "RBAC".to_owned()),
            (
                "service-account-issuer",
                "https://kubernetes.default.svc".to_owned(),
            ),
            ("service-account-key-file", file("service-account.pub")),
            ("service-account-signing-key-file", file("service-account.key")),
        ] {
            spec = spec.arg(format!("--{flag}={value}"));
        }
        if !self.options.controllers {
            // Nobody makes the account `default` of a namespace then, without which pods are refused.
            spec = spec.arg("--disable-admission-plugins=ServiceAccount");
        }
        Ok(spec.args(&self.options.flags))
    }

    pub(super) async fn wait_ready(&self, api: &mut Process) -> Result<()> {
        let client = self.client().await?;
        let end = Instant::now() + START;
        loop {
            let request = http::Request::get("/readyz").body(Vec::new())?;
            let answer = tokio::time::timeout(Duration::from_secs(2), client.request_text(request)).await;
            if matches!(answer, Ok(Ok(_))) {
                return Ok(());
            }
            ensure!(api.is_running(), "kube-apiserver ended:\n{}", api.tail());
            ensure!(
                Instant::now() < end,
                "kube-apiserver does not get ready:\n{}",
                api.tail()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    pub(super) async fn start_others(&mut self) -> Result<()> {
        let file = |name: &str| self.folder().join(name).display().to_string();
        let spec = |name: &str| -> Result<Spec> {
            let log = self.folder().join(format!("{name}.log"));
            Ok(Spec::new(kubernetes(name)?, log).arg(format!("--kubeconfig={}", file("kubeconfig"))))
        };
        let mut started = Vec::new();
        if self.options.controllers {
            let manager = spec("kube-controller-manager")?
                .args([
                    "--leader-elect=false",
                    "--secure-port=0",
                    "--use-service-account-credentials",
                ])
                .arg(format!("--root-ca-file={}", file("ca.crt")))
                .arg(format!(
                    "--service-account-private-key-file={}",
                    file("service-account.key")
                ));
            started.push(manager.start()?);
        }
        if self.options.scheduler {
            started.push(
                spec("kube-scheduler")?
                    .args(["--leader-elect=false", "--secure-port=0"])
                    .start()?,
            );
        }
        if self.options.kwok {
            let kwok = spec("kwok")?
                .arg(format!(
                    "--config={}",
                    folder().join("kwok-stages.yaml").display()
                ))
                // With the leases the node stays healthy in the eyes of the controller manager.
                .args(["--manage-all-nodes", "--node-lease-duration-seconds=40"]);
            started.push(kwok.start()?);
            let node =
                serde_json::json!({ "apiVersion": "v1", "kind": "Node", "metadata": { "name": "node-1" } });
            let request = http::Request::post("/api/v1/nodes")
                .header(http::header::CONTENT_TYPE, "application/json")
                .body(node.to_string().into_bytes())?;
            self.client()
                .await?
                .request_text(request)
                .await
                .context("no node can be made")?;
        }
        self.others = started;
        Ok(())
    }

    pub(super) fn kubeconfig_for(&self, url: &str, user: &Identity) -> Result<String> {
        let mut text = String::from("apiVersion: v1\nkind: Config\ncurrent-context: test\n");
        text.push_str(
            "contexts: [{name: test, context: {cluster: test, user: test}}]\nclusters:\n- name: test\n",
        );
        let authority = BASE64.encode(self.authority_certificate()?);
        writeln!(
            text,
            "  cluster: {{server: \"{url}\", certificate-authority-data: {authority}}}"
        )?;
        writeln!(text, "users:\n- name: test\n  user:")?;
        writeln!(
            text,
            "    client-certificate-data: {}",
            BASE64.encode(&user.certificate)
        )?;
        writeln!(text, "    client-key-data: {}", BASE64.encode(&user.key))?;
        Ok(text)
    }

    fn authority_certificate(&self) -> Result<String> {
        Ok(std::fs::read_to_string(self.folder().join("ca.crt"))?)
    }
}

/// Writes the authority, and the identities of the server and of service accounts.
pub(super) fn write_keys(folder: &Path, authority: &Authority) -> Result<()> {
    std::fs::write(folder.join("ca.crt"), authority.certificate())?;
    let names = [
        "127.0.0.1",
        "10.0.0.1",
        "localhost",
        "kubernetes.default.svc",
        "kubernetes.default",
    ];
    authority.server(&names)?.write(folder, "server")?;
    let accounts = authority.client("service-account", None)?;
    accounts.write(folder, "service-account")?;
    // kube-apiserver reads this key in another form than the rest: it refuses PKCS#8 here.
    std::fs::write(folder.join("service-account.pub"), &accounts.public_key)?;
    Ok(())
}
