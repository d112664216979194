//! `mqttkube-manifests passwd`.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use mqttkube_mosquitto::Version;
use mqttkube_mosquitto::password::{DEFAULT_ITERATIONS, PasswordHash, SALT_BYTES, UserName};
use ring::rand::{SecureRandom as _, SystemRandom};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// Logins that take the broker longer are worth a word.
const SLOW: Duration = Duration::from_millis(20);

/// Print a line for the password file of Mosquitto.
///
/// The password is asked for without showing it, or read as the first line of standard input. It is never an argument,
/// because arguments are seen by everybody on the machine.
///
///   mqttkube-manifests passwd sensor
///   openssl rand -base64 24 | tee sensor.password | mqttkube-manifests passwd sensor
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Name of the user.
    #[arg(value_name = "USER")]
    user: UserName,
    /// The version of Mosquitto that reads the line: 2.0 or 2.1. The form that is written is good for both.
    #[arg(long, value_name = "VERSION", default_value = "2.0")]
    mosquitto: Version,
    /// Rounds of PBKDF2. The broker counts them at every login and carries no message meanwhile: 1000 take it about a
    /// millisecond, 100000 about a tenth of a second.
    #[arg(long, value_name = "ROUNDS", default_value_t = DEFAULT_ITERATIONS)]
    iterations: u32,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let password = if std::io::stdin().is_terminal() {
        ask_twice(&args.user)?
    } else {
        read_line()?
    };
    if password.is_empty() {
        bail!("the password is empty");
    }
    let mut salt = [0; SALT_BYTES];
    let random = SystemRandom::new().fill(&mut salt);
    random.map_err(|_| anyhow!("the system gives no random numbers"))?;
    let hash = PasswordHash::new(&password, salt, args.iterations)?;
    let cost = hash.cost();
    println!("{}:{hash}", args.user);
    if cost > SLOW {
        eprintln!("note: the broker stands still for about {cost:?} at every login of this user");
    }
    if args.mosquitto.refuses_symlinks() {
        eprintln!(
            "note: Mosquitto 2.1 does not open a password file through a symbolic link, which is how a mounted Secret \
             looks; what `render` makes takes care of it"
        );
    }
    Ok(ExitCode::SUCCESS)
}

fn ask_twice(user: &UserName) -> anyhow::Result<Zeroizing<String>> {
    let _silence = Silence::begin()?;
    let password = ask(&format!("Password of {}: ", user.as_str()))?;
    if *ask("Again: ")? != *password {
        bail!("the two passwords differ");
    }
    Ok(password)
}

fn ask(prompt: &str) -> anyhow::Result<Zeroizing<String>> {
    eprint!("{prompt}");
    std::io::stderr().flush()?;
    let answer = read_line();
    // The line feed that was typed is not shown either.
    eprintln!();
    answer
}

fn read_line() -> anyhow::Result<Zeroizing<String>> {
    let mut line = Zeroizing::new(String::new());
    let read = std::io::stdin().lock().read_line(&mut line);
    read.context("the password cannot be read from standard input")?;
    let length = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(length);
    Ok(line)
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silence(Termios);

impl Silence {
    fn begin() -> anyhow::Result<Self> {
        let before = tcgetattr(std::io::stdin()).context("the terminal does not tell its settings")?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO;
        let set = tcsetattr(std::io::stdin(), OptionalActions::Flush, &silent);
        set.context("the terminal cannot be kept from showing the password")?;
        Ok(Self(before))
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        // Nothing better can be done when this fails: the shell sets its terminal anew.
        let _ = tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}
