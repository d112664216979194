//! `cloud-bridge token`.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::SystemTime;

use anyhow::Context as _;
use mqttkube_bridge::credential::UnixTime;
use mqttkube_bridge::spec::{Preview, Secrets};
use mqttkube_examples::cli::Output;
use mqttkube_examples::secrets::Process;

use crate::load_or_complain;

/// Show the claims and the expiry of the token that would be sent now, never the token itself.
///
/// Reads the key or the token file as the bridge would, so it also shows that they are where they should be.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Configuration file.
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// `text` for people, `json` for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let bridge = match load_or_complain(&args.config) {
        Ok(bridge) => bridge,
        Err(status) => return Ok(status),
    };
    let secrets: Secrets = Arc::new(Process);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let preview = bridge
        .preview(&secrets, UnixTime(now.as_secs()))
        .context("no token can be made")?;
    match args.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&preview)?),
        Output::Text => print_text(&preview)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn print_text(preview: &Preview) -> anyhow::Result<()> {
    println!("type: {}", preview.kind);
    if let Some(username) = &preview.username {
        println!("user name: {username}");
    }
    if let Some(method) = preview.method {
        println!("method: {method}");
    }
    if let Some(resource) = &preview.resource {
        println!("resource: {resource}");
    }
    if let Some(header) = &preview.header {
        println!("header: {header}");
    }
    if let Some(claims) = &preview.claims {
        println!("claims: {claims}");
    }
    match preview.expires {
        Some(expires) => println!(
            "expires: {}",
            jiff::Timestamp::from_second(i64::try_from(expires)?)?
        ),
        None => println!("expires: never"),
    }
    if let Some((earliest, latest)) = preview.renewed_after {
        println!("renewed: after {earliest} s to {latest} s");
    }
    Ok(())
}
