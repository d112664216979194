//! Mosquitto as a child process.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::child::{Process, Spec, find, folder, free_port};
use super::tls::{Authority, Identity};

/// How Mosquitto is configured. The default lets everybody in, keeps nothing over a restart, and
/// queues without a limit.
#[derive(Clone, Debug, Default)]
pub struct MosquittoOptions {
    persistence: Option<u32>,
    users: Vec<(String, String)>,
    acl: Option<String>,
    tls: Option<Tls>,
    websockets: bool,
    lines: Vec<String>,
}

#[derive(Clone, Debug)]
struct Tls {
    authority: String,
    server: Identity,
    clients: bool,
}

impl MosquittoOptions {
    /// Keeps sessions and retained messages over restarts. With `autosave` 1 every change is on disk
    /// at once and a kill loses nothing; with more, a kill loses what came since the last saving, which
    /// happens after that many changes.
    #[must_use]
    pub fn persistent(mut self, autosave: u32) -> Self {
        self.persistence = Some(autosave);
        self
    }

    /// Only lets users with a password in.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.users.push((name.to_owned(), password.to_owned()));
        self
    }

    /// The text of the ACL file.
    #[must_use]
    pub fn acl(mut self, text: &str) -> Self {
        self.acl = Some(text.to_owned());
        self
    }

    /// Serves TLS instead of plain TCP; `clients` demands a certificate of the same authority.
    #[must_use]
    pub fn tls(mut self, authority: &Authority, server: Identity, clients: bool) -> Self {
        self.tls = Some(Tls {
            authority: authority.certificate(),
            server,
            clients,
        });
        self
    }

    /// Serves MQTT over WebSocket.
    #[must_use]
    pub fn websockets(mut self) -> Self {
        self.websockets = true;
        self
    }

    /// Any further line of `mosquitto.conf`.
    #[must_use]
    pub fn line(mut self, line: &str) -> Self {
        self.lines.push(line.to_owned());
        self
    }

    /// Starts Mosquitto on a free port.
    ///
    /// # Errors
    /// When Mosquitto is not installed or does not accept connections within 10 s.
    pub async fn start(self) -> Result<Mosquitto> {
        let program = find("mosquitto").context("mosquitto is not installed")?;
        let folder = folder("mosquitto-")?;
        let port = free_port();
        self.write(folder.path(), port)?;
        let mut broker = Mosquitto {
            program,
            folder,
            port,
            process: None,
        };
        broker.start().await?;
        Ok(broker)
    }

    fn write(&self, folder: &Path, port: u16) -> Result<()> {
        // Started as root it would become the user mosquitto and could not read the folder.
        let mut text = format!(
            "listener {port} 127.0.0.1\nuser root\nlog_dest stderr\nlog_type all\nconnection_messages true\n\
             set_tcp_nodelay true\nmax_queued_messages 0\nallow_anonymous {}\n",
            self.users.is_empty()
        );
        if let Some(autosave) = self.persistence {
            let folder = folder.display();
            writeln!(
                text,
                "persistence true\npersistence_location {folder}/\nautosave_on_changes true"
            )?;
            writeln!(text, "autosave_interval {autosave}")?;
        }
        if self.websockets {
            text.push_str("protocol websockets\n");
        }
        if let Some(tls) = &self.tls {
            let authority = folder.join("ca.crt");
            std::fs::write(&authority, &tls.authority)?;
            let (certificate, key) = tls.server.write(folder, "server")?;
            let clients = tls.clients;
            writeln!(
                text,
                "cafile {}\ncertfile {}",
                authority.display(),
                certificate.display()
            )?;
            writeln!(text, "keyfile {}\nrequire_certificate {clients}", key.display())?;
        }
        if !self.users.is_empty() {
            let path = folder.join("passwords");
            write_passwords(&path, &self.users)?;
            writeln!(text, "password_file {}", path.display())?;
        }
        if let Some(acl) = &self.acl {
            let path = folder.join("acl");
            std::fs::write(&path, acl)?;
            writeln!(text, "acl_file {}", path.display())?;
        }
        for line in &self.lines {
            writeln!(text, "{line}")?;
        }
        std::fs::write(folder.join("mosquitto.conf"), text)?;
        Ok(())
    }
}

/// A Mosquitto of its own on 127.0.0.1; killed when dropped.
///
/// ```no_run
/// # tokio::runtime::Runtime::new().unwrap().block_on(async {
/// use mqttkube_tests::process::MosquittoOptions;
///
/// let mut broker = MosquittoOptions::default().persistent(1).start().await?;
/// println!("mqtt://{}", broker.address());
/// broker.kill();
/// broker.start().await?;     // the same port, the same sessions
/// # anyhow::Ok(()) }).unwrap();
/// ```
#[derive(Debug)]
pub struct Mosquitto {
    program: PathBuf,
    folder: TempDir,
    port: u16,
    process: Option<Process>,
}

impl Mosquitto {
    /// Where clients connect to; the same over restarts.
    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// The port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The folder with its configuration, its files and its database.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// What it has logged so far, over all starts.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder().join("mosquitto.log")).unwrap_or_default()
    }

    /// Starts it if it does not run, and waits until it accepts connections.
    ///
    /// # Errors
    /// When it ends at once, or does not accept connections within 10 s.
    pub async fn start(&mut self) -> Result<()> {
        if self.process.is_some() {
            return Ok(());
        }
        let spec = Spec::new(&self.program, self.folder().join("mosquitto.log"))
            .arg("-c")
            .arg(self.folder().join("mosquitto.conf"));
        let mut process = spec.start()?;
        let end = std::time::Instant::now() + Duration::from_secs(10);
        while TcpStream::connect(self.address()).is_err() {
            let late = std::time::Instant::now() > end;
            ensure!(
                process.is_running() && !late,
                "mosquitto does not start:\n{}",
                process.tail()
            );
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        self.process = Some(process);
        Ok(())
    }

    /// SIGKILL: what is not on disk is lost.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// SIGTERM: it writes its database and ends.
    ///
    /// # Errors
    /// When it still runs after 10 s.
    pub async fn terminate(&mut self) -> Result<()> {
        let Some(mut process) = self.process.take() else {
            return Ok(());
        };
        process.terminate();
        process.ended(Duration::from_secs(10)).await?;
        Ok(())
    }

    /// SIGSTOP: connections stay open, and nothing answers.
    pub fn pause(&self) {
        if let Some(process) = &self.process {
            process.pause();
        }
    }

    /// SIGCONT.
    pub fn resume(&self) {
        if let Some(process) = &self.process {
            process.resume();
        }
    }

    /// SIGHUP: it reads password and ACL files again.
    pub fn reload(&self) {
        if let Some(process) = &self.process {
            process.hang_up();
        }
    }

    /// Writes new text to the ACL file; [`reload`](Self::reload) makes it count.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn set_acl(&self, text: &str) -> Result<()> {
        Ok(std::fs::write(self.folder().join("acl"), text)?)
    }

    /// Deletes the database, so that all sessions and retained messages are lost at the next start.
    ///
    /// # Errors
    /// When there is one and it cannot be deleted.
    pub fn wipe(&self) -> Result<()> {
        match std::fs::remove_file(self.folder().join("mosquitto.db")) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

fn write_passwords(path: &Path, users: &[(String, String)]) -> Result<()> {
    let program = find("mosquitto_passwd").context("mosquitto_passwd is not installed")?;
    std::fs::write(path, "")?;
    for (name, password) in users {
        let done = std::process::Command::new(&program)
            .arg("-b")
            .arg(path)
            .args([name, password])
            .output()?;
        ensure!(
            done.status.success(),
            "mosquitto_passwd: {}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
    Ok(())
}
