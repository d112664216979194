//! `cloud-bridge explain`.

use std::path::PathBuf;
use std::process::ExitCode;

use mqttkube_examples::cli::Output;
use mqttkube_mapping::Topic;
use mqttkube_mosquitto::Way;

use crate::load_or_complain;

/// Show where a message would go: by which rule, under which name, with which QoS.
///
///   cloud-bridge explain bridge.yaml --topic gcp/events/door
///   cloud-bridge explain bridge.yaml --topic /devices/bridge/commands/open --from remote
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Configuration file.
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// The topic on which the message is published.
    #[arg(long)]
    topic: Topic,
    /// At which broker.
    #[arg(long, value_enum, default_value_t)]
    from: From,
    /// `text` for people, `json` for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// Where a message is published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum From {
    /// The broker beside the bridge.
    #[default]
    Local,
    /// The cloud.
    Remote,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let bridge = match load_or_complain(&args.config) {
        Ok(bridge) => bridge,
        Err(status) => return Ok(status),
    };
    let way = match args.from {
        From::Local => Way::Out,
        From::Remote => Way::In,
    };
    let explanation = bridge.explain(args.topic.as_str(), way);
    match args.output {
        Output::Text => println!("{explanation}"),
        Output::Json => println!("{}", serde_json::to_string_pretty(&explanation)?),
    }
    Ok(ExitCode::SUCCESS)
}
