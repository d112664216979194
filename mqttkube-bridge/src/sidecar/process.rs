//! Finding the broker's process, and having it take its new configuration.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use super::SidecarError;

/// How the broker is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Broker {
    /// By the file that Mosquitto's `pid_file` directive names. The process must be one of the program `mosquitto`.
    PidFile(PathBuf),
    /// By the exact name of its program: `mosquitto` finds neither `mosquitto_sub` nor a script that mentions it. The
    /// containers of the pod must share their process namespace.
    Program(String),
}

/// How the broker is made to read its configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reload {
    /// End it by SIGTERM; its supervisor starts it again. It saves its queue when `persistence true` is set.
    Terminate(Broker),
    /// Run a program, first its name, then its arguments. No shell is involved.
    Command(Vec<String>),
}

/// How long a broker may take to save its state and end.
const GRACE: Duration = Duration::from_secs(30);
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// One process, told from a later one with the same number by its start time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Process {
    pub(super) pid: u32,
    started: u64,
}

impl Reload {
    /// Does it; `Ok(false)` when there is no broker that would have to be told.
    pub(super) async fn apply(&self) -> Result<bool, SidecarError> {
        match self {
            Self::Command(words) => run_command(words).await.map(|()| true),
            Self::Terminate(broker) => match broker.find().map_err(SidecarError::Processes)? {
                None => Ok(false),
                Some(process) => terminate(process).await.map(|()| true),
            },
        }
    }
}

impl Broker {
    /// The process, if it runs. A pid file that names a process of another program is stale and finds nothing: the broker
    /// was killed, and its number was given away.
    fn find(&self) -> io::Result<Option<Process>> {
        match self {
            Self::Program(name) => find_program(name),
            Self::PidFile(path) => match fs::read_to_string(path) {
                Ok(text) => Ok(text
                    .trim()
                    .parse()
                    .ok()
                    .filter(is_mosquitto)
                    .and_then(Process::at)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            },
        }
    }
}

impl Process {
    fn at(pid: u32) -> Option<Self> {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The program's name stands in parentheses and may hold anything; the fields after it are numbered from 3.
        let after = stat.rsplit_once(')')?.1;
        let fields: Vec<&str> = after.split_whitespace().collect();
        let ended = matches!(*fields.first()?, "Z" | "X");
        let started = fields.get(19)?.parse().ok()?;
        (!ended).then_some(Self { pid, started })
    }

    fn runs(self) -> bool {
        Self::at(self.pid) == Some(self)
    }
}

fn is_mosquitto(pid: &u32) -> bool {
    program_of(Path::new(&format!("/proc/{pid}"))).is_some_and(|program| program == "mosquitto")
}

fn find_program(name: &str) -> io::Result<Option<Process>> {
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry.file_name().to_str().and_then(|text| text.parse().ok()) else {
            continue;
        };
        if program_of(&entry.path()).is_some_and(|program| program == name) {
            // It may have ended since it was listed.
            let found = Process::at(pid);
            if found.is_some() {
                return Ok(found);
            }
        }
    }
    Ok(None)
}

/// The file name of the program that runs as `/proc/PID`; the first argument where the link may not be read.
fn program_of(proc: &Path) -> Option<String> {
    let program = fs::read_link(proc.join("exe")).ok().or_else(|| {
        let line = fs::read(proc.join("cmdline")).ok()?;
        let first = line.split(|byte| *byte == 0).next()?;
        Some(PathBuf::from(String::from_utf8_lossy(first).into_owned()))
    })?;
    let name = program.file_name()?.to_string_lossy().into_owned();
    // What the kernel appends when the file was replaced, as by an update of the package.
    Some(
        name.strip_suffix(" (deleted)")
            .map_or(name.clone(), str::to_owned),
    )
}

/// Sends SIGTERM and waits until the process is gone. Mosquitto saves its queue when it ends so; SIGUSR1 before it would
/// have the same saved twice, and ends a program that has no use for it before it has saved anything.
async fn terminate(process: Process) -> Result<(), SidecarError> {
    let pid = process.pid;
    let target = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let Some(target) = target else { return Ok(()) };
    match kill_process(target, Signal::TERM) {
        Err(rustix::io::Errno::SRCH) => return Ok(()),
        Err(error) => {
            return Err(SidecarError::Signal {
                pid,
                source: error.into(),
            });
        }
        Ok(()) => {}
    }
    let gone = async {
        while process.runs() {
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    };
    let waited = tokio::time::timeout(GRACE, gone).await;
    waited.map_err(|_| SidecarError::StillRunning {
        pid,
        seconds: GRACE.as_secs(),
    })
}

async fn run_command(words: &[String]) -> Result<(), SidecarError> {
    let Some((program, arguments)) = words.split_first() else {
        return Ok(());
    };
    let named = |source| SidecarError::Command {
        program: program.clone(),
        source,
    };
    let running = Command::new(program).args(arguments).kill_on_drop(true).status();
    let status = match tokio::time::timeout(GRACE, running).await {
        Ok(status) => status.map_err(named)?,
        Err(_) => return Err(named(io::ErrorKind::TimedOut.into())),
    };
    if status.success() {
        Ok(())
    } else {
        Err(SidecarError::CommandFailed {
            program: program.clone(),
            status: status.to_string(),
        })
    }
}
