//! A real Kubernetes control plane: etcd, kube-apiserver and, if wanted, controllers and pretended pods.

mod launch;

use std::path::{Path, PathBuf};

use anyhow::Result;
use kube::config::{KubeConfigOptions, Kubeconfig};

use super::child::{Process, Scratch, free_port};
use super::etcd;
use super::tls::{Authority, Identity};

/// Which programs run beside etcd and kube-apiserver, and with which flags.
#[derive(Clone, Debug, Default)]
pub struct ControlPlaneOptions {
    controllers: bool,
    scheduler: bool,
    kwok: bool,
    flags: Vec<String>,
}

impl ControlPlaneOptions {
    /// Starts kube-controller-manager: Deployments get their status, namespaces end, owners are followed.
    #[must_use]
    pub fn controllers(mut self) -> Self {
        self.controllers = true;
        self
    }

    /// Starts kube-scheduler, for a [`Node`](super::Node).
    #[must_use]
    pub fn scheduler(mut self) -> Self {
        self.scheduler = true;
        self
    }

    /// Starts controllers, scheduler, and kwok with one pretended node: pods "run" and those of Jobs
    /// "complete" at once.
    #[must_use]
    pub fn pods(mut self) -> Self {
        self.kwok = true;
        self.controllers().scheduler()
    }

    /// Adds a flag of kube-apiserver, such as `--watch-cache=false`.
    #[must_use]
    pub fn flag(mut self, flag: &str) -> Self {
        self.flags.push(flag.to_owned());
        self
    }

    /// Starts the programs and waits until the API server is ready; the others are not waited for.
    ///
    /// # Errors
    /// When a program is missing, ends, or is not ready within a minute.
    pub async fn start(self) -> Result<ControlPlane> {
        // Several TLS libraries in one program need to be told which one to use; who was first wins.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let folder = Scratch::new("kcp-")?;
        let authority = Authority::new("test-ca")?;
        launch::write_keys(folder.path(), &authority)?;
        let mut plane = ControlPlane {
            folder,
            authority,
            options: self,
            port: free_port(),
            etcd: None,
            api: None,
            others: Vec::new(),
        };
        plane.start_etcd()?;
        let admin = plane.authority.client("admin", Some("system:masters"))?;
        admin.write(plane.folder(), "admin")?;
        plane.start_api().await?;
        plane.start_others().await?;
        Ok(plane)
    }
}

/// A control plane of its own on 127.0.0.1, in a temporary folder; killed when dropped.
///
/// ```no_run
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use mqttkube_tests::process::ControlPlaneOptions;
///
/// let mut plane = ControlPlaneOptions::default().controllers().start().await?;
/// let client = plane.client().await?;        // an administrator
/// plane.kill_api();
/// plane.start_api().await?;                  // the same port, the same objects
/// # anyhow::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct ControlPlane {
    // Fields drop in this order: the folder must outlive the programs that write to it.
    others: Vec<Process>,
    api: Option<Process>,
    etcd: Option<Process>,
    folder: Scratch,
    authority: Authority,
    options: ControlPlaneOptions,
    port: u16,
}

impl ControlPlane {
    /// The address of the API server; the same over restarts.
    pub fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// The port of the API server on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder with `kubeconfig`, `ca.crt`, `admin.crt`, `admin.key` and the logs.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The kubeconfig of an administrator.
    pub fn kubeconfig(&self) -> PathBuf {
        self.folder().join("kubeconfig")
    }

    /// The end of the log of one of the programs, by its name.
    pub fn log(&self, program: &str) -> String {
        std::fs::read_to_string(self.folder().join(format!("{program}.log"))).unwrap_or_default()
    }

    /// A client of an administrator that does not repeat failed requests.
    ///
    /// # Errors
    /// When the kubeconfig cannot be used.
    pub async fn client(&self) -> Result<kube::Client> {
        client(&self.kubeconfig()).await
    }

    /// Makes a user whom nothing is allowed yet and returns the path of a kubeconfig for it. `server`
    /// replaces the address, for example by that of a proxy on 127.0.0.1.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn user(&self, name: &str, server: Option<&str>) -> Result<PathBuf> {
        self.identity(name, None, server)
    }

    /// Another administrator, by another address: see [`user`](Self::user).
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn admin(&self, server: Option<&str>) -> Result<PathBuf> {
        self.identity("other-admin", Some("system:masters"), server)
    }

    fn identity(&self, name: &str, group: Option<&str>, server: Option<&str>) -> Result<PathBuf> {
        let identity = self.authority.client(name, group)?;
        let path = self.folder().join(format!("{name}.kubeconfig"));
        let url = server.map_or_else(|| self.url(), str::to_owned);
        std::fs::write(&path, self.kubeconfig_for(&url, &identity)?)?;
        Ok(path)
    }

    /// SIGKILL to the API server. SIGTERM would take a minute as long as there are watches.
    pub fn kill_api(&mut self) {
        self.api = None;
    }

    /// Starts the API server if it does not run, on the same port, and waits until it is ready.
    ///
    /// # Errors
    /// When it ends or is not ready within a minute.
    pub async fn start_api(&mut self) -> Result<()> {
        if self.api.is_some() {
            return Ok(());
        }
        let admin = Identity {
            certificate: std::fs::read_to_string(self.folder().join("admin.crt"))?,
            key: std::fs::read_to_string(self.folder().join("admin.key"))?,
            public_key: String::new(),
        };
        std::fs::write(self.kubeconfig(), self.kubeconfig_for(&self.url(), &admin)?)?;
        let mut api = self.api_spec()?.start()?;
        self.wait_ready(&mut api).await?;
        self.api = Some(api);
        Ok(())
    }

    /// SIGSTOP to the API server: connections stay open and nothing answers.
    pub fn pause_api(&self) {
        self.api.iter().for_each(Process::pause);
    }

    /// SIGCONT to the API server.
    pub fn resume_api(&self) {
        self.api.iter().for_each(Process::resume);
    }

    /// SIGKILL to etcd.
    pub fn kill_etcd(&mut self) {
        self.etcd = None;
    }

    /// Starts etcd again with its data.
    ///
    /// # Errors
    /// When the program is missing.
    pub fn start_etcd(&mut self) -> Result<()> {
        if self.etcd.is_none() {
            self.etcd = Some(etcd::start(self.folder())?);
        }
        Ok(())
    }

    /// Forgets all history in etcd. The watch cache of the API server still answers from memory: a 410
    /// takes a restart of the API server besides, or a start with `--watch-cache=false`.
    ///
    /// # Errors
    /// When etcd does not answer.
    pub async fn compact(&self) -> Result<()> {
        etcd::compact(self.folder()).await
    }
}

/// A client from a kubeconfig file that does not repeat failed requests.
///
/// # Errors
/// When the file cannot be read or used.
pub async fn client(kubeconfig: &Path) -> Result<kube::Client> {
    let file = Kubeconfig::read_from(kubeconfig)?;
    let mut config = kube::Config::from_custom_kubeconfig(file, &KubeConfigOptions::default()).await?;
    config.default_retry = false;
    Ok(kube::Client::try_from(config)?)
}
