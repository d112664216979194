//! One child process, its output, and signals to it.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::wait;

/// What to start.
#[derive(Clone, Debug, Default)]
pub struct Spec {
    /// The path of the program, or its name when it is in the search path.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Variables added to the environment.
    pub env: Vec<(String, OsString)>,
    /// The working directory; that of the tests when there is none.
    pub directory: Option<PathBuf>,
    /// Where standard output and error go, one after the other start.
    pub log: PathBuf,
}

/// A running program. It is killed when this is dropped, and when the test process ends in any way.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Spec {
    /// A program with its output in the file `log`.
    pub fn new(program: impl Into<PathBuf>, log: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            log: log.into(),
            ..Self::default()
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the working directory.
    #[must_use]
    pub fn directory(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Starts the program.
    ///
    /// # Errors
    /// When the program or the log file cannot be opened.
    pub fn start(&self) -> Result<Process> {
        let log = File::options().create(true).append(true).open(&self.log)?;
        let mut command = dying_with_us(&self.program);
        command
            .args(&self.args)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log);
        command.envs(self.env.iter().map(|(name, value)| (name, value)));
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        let name = self.program.display();
        let child = spawn(command).with_context(|| format!("{name} does not start"))?;
        Ok(Process {
            child,
            log: self.log.clone(),
        })
    }
}

impl Process {
    /// The id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it has printed so far.
    pub fn output(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The end of what it has printed, for messages.
    pub fn tail(&self) -> String {
        let output = self.output();
        let lines: Vec<_> = output.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// SIGTERM: asks it to end.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGSTOP: it hangs until [`resume`](Self::resume).
    pub fn pause(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.signal(Signal::CONT);
    }

    /// SIGHUP.
    pub fn hang_up(&self) {
        self.signal(Signal::HUP);
    }

    /// SIGKILL, and waits for the end.
    pub fn kill(&mut self) {
        // An error means that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it still runs after `deadline`.
    pub async fn ended(&mut self, deadline: Duration) -> Result<ExitStatus> {
        let end = std::time::Instant::now() + deadline;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if std::time::Instant::now() > end {
                bail!(
                    "process {} still runs after {deadline:?}:\n{}",
                    self.id(),
                    self.tail()
                );
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Waits until its output contains a text.
    ///
    /// # Panics
    /// When it does not within `deadline`.
    pub async fn prints(&self, text: &str, deadline: Duration) {
        let what = format!("{text:?} in the output of process {}", self.id());
        wait::until(deadline, &what, || self.output().contains(text)).await;
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            // An error means that it has ended already; waiting shows it.
            let _ = kill_process(pid, signal);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A temporary folder that also goes when the test process ends without dropping it, as it does with what
/// lives in a static.
#[derive(Debug)]
pub(super) struct Scratch {
    folder: TempDir,
    reaper: Child,
}

impl Scratch {
    pub(super) fn new(prefix: &str) -> Result<Self> {
        let folder = folder(prefix)?;
        // Its input ends with this process, however that ends. The programs in the folder are killed at the
        // same moment; the second look is for what they still wrote.
        let script = "cat >/dev/null; rm -rf \"$0\"; sleep 1; rm -rf \"$0\"";
        let mut command = Command::new("sh");
        command
            .args(["-c", script])
            .arg(folder.path())
            .stdin(Stdio::piped());
        // An interrupt from the keyboard is for the tests, not for who tidies up after them.
        command.process_group(0);
        Ok(Self {
            folder,
            reaper: command.spawn()?,
        })
    }

    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // An error means that it has ended already.
        let _ = self.reaper.kill();
        let _ = self.reaper.wait();
    }
}

/// A temporary folder, in memory where the machine has a place for that: nothing here must survive the machine, and
/// programs that save every change must not wait for a busy disk.
pub(super) fn folder(prefix: &str) -> std::io::Result<TempDir> {
    TempDir::with_prefix_in(prefix, "/dev/shm").or_else(|_| TempDir::with_prefix(prefix))
}

/// A command whose process the kernel kills when its parent dies, so that an aborted test run leaves
/// nothing behind. Where `setpriv` is missing the drop of [`Process`] has to do.
fn dying_with_us(program: &Path) -> Command {
    static SETPRIV: LazyLock<Option<PathBuf>> = LazyLock::new(|| find("setpriv"));
    match &*SETPRIV {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(program);
            command
        }
        None => Command::new(program),
    }
}

type Job = (Command, mpsc::Sender<io::Result<Child>>);

/// Starts the command from one thread that lives as long as this process: the kernel takes the death of
/// the starting *thread* for that of the parent, and a test's thread ends before a shared server may.
fn spawn(command: Command) -> io::Result<Child> {
    static SPAWNER: LazyLock<Mutex<mpsc::Sender<Job>>> = LazyLock::new(|| {
        let (sender, jobs) = mpsc::channel::<Job>();
        thread::spawn(move || {
            for (mut command, answer) in jobs {
                // The asker may be gone; then the child dies with its handle's test.
                let _ = answer.send(command.spawn());
            }
        });
        Mutex::new(sender)
    });
    let (answer, child) = mpsc::channel();
    let sender = SPAWNER.lock().unwrap_or_else(PoisonError::into_inner).clone();
    sender.send((command, answer)).map_err(io::Error::other)?;
    child.recv().map_err(io::Error::other)?
}

/// Finds a program in the search path and in the folders for administration.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// The library that shows programs another time (libfaketime), for `LD_PRELOAD`.
pub fn faketime() -> Option<PathBuf> {
    let folders = std::fs::read_dir("/usr/lib").ok()?.flatten();
    let mut folders = folders
        .map(|entry| entry.path())
        .chain([PathBuf::from("/usr/lib64")]);
    folders.find_map(|folder| {
        let library = folder.join("faketime/libfaketime.so.1");
        library.is_file().then_some(library)
    })
}

/// A port of 127.0.0.1 that nobody listens on, below the range of outgoing connections, so that it is
/// still free when a program that was killed comes back to it.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    const FIRST: u16 = 20_000;
    const COUNT: u16 = 12_000;
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
        // Test binaries run at the same time; they begin at different places.
        let place = std::process::id().wrapping_mul(2_654_435_761) >> 16;
        AtomicU16::new(u16::try_from(place % u32::from(COUNT)).expect("it is below COUNT"))
    });
    for _ in 0..COUNT {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port between {FIRST} and {} is free", FIRST + COUNT);
}
