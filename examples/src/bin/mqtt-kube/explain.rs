//! `mqtt-kube explain`.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use mqttkube_core::explain::{Happening, explain};
use mqttkube_examples::cli::{BAD_INPUT, Output};
use mqttkube_mapping::yaml::{Loader, Schema};
use serde_json::Value;

use crate::load::load;

/// Show what one message or one state of an object would do, step by step
///
/// Needs neither a broker nor a cluster, and changes nothing.
///
///   mqtt-kube explain home.yaml --topic home/jellyfin/power/set --payload ON
///   kubectl get deployment jellyfin -o yaml | mqtt-kube explain home.yaml --object -
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
#[command(group = clap::ArgGroup::new("happening").args(["topic", "object"]).required(true).multiple(true))]
pub(crate) struct Args {
    /// Configuration file.
    #[arg(value_name = "CONFIG")]
    config: PathBuf,
    /// A message arrives on this topic, which is the whole topic with its prefix.
    #[arg(long, requires = "payload")]
    topic: Option<String>,
    /// Payload of the message.
    #[arg(long, requires = "topic", allow_hyphen_values = true)]
    payload: Option<String>,
    /// The broker had kept the message.
    #[arg(long, requires = "topic")]
    retained: bool,
    /// The object is in this state: a YAML or JSON file, or - for standard input. With a message, the object that the
    /// message finds.
    #[arg(long, value_name = "FILE")]
    object: Option<PathBuf>,
    /// The object was last seen in this state and is gone.
    #[arg(long, requires = "object", conflicts_with = "topic")]
    deleted: bool,
    /// `text` for people, `json` for programs.
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let config = match load(&args.config) {
        Ok(config) => config,
        Err(errors) => {
            eprintln!("{errors}");
            return Ok(ExitCode::from(BAD_INPUT));
        }
    };
    let explanation = explain(&config.spec, &config.session, &happening(args)?)?;
    match args.output {
        Output::Json => println!("{}", serde_json::to_string_pretty(&explanation)?),
        Output::Text => println!("{}", explanation.to_string().trim_end()),
    }
    let prefix = &config.session.prefix;
    if let Some(topic) = args
        .topic
        .as_deref()
        .filter(|topic| prefix.strip(topic).is_none())
    {
        eprintln!("note: the topics of this configuration begin with {prefix:?}, and {topic:?} does not");
    }
    Ok(ExitCode::SUCCESS)
}

fn happening(args: &Args) -> anyhow::Result<Happening> {
    let object = args.object.as_deref().map(read_object).transpose()?;
    Ok(match (&args.topic, object) {
        (Some(topic), object) => Happening::Message {
            topic: topic.clone(),
            payload: args.payload.clone().unwrap_or_default().into_bytes(),
            retained: args.retained,
            object,
        },
        (None, object) if args.deleted => Happening::Deleted(object.unwrap_or_default()),
        (None, object) => Happening::Object(object.unwrap_or_default()),
    })
}

/// An object as kubectl prints it.
fn read_object(path: &Path) -> anyhow::Result<Value> {
    let name = path.display().to_string();
    let text = if name == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).map(|_| text)
    } else {
        std::fs::read_to_string(path)
    };
    let text = text.with_context(|| format!("the object in {name} cannot be read"))?;
    let tree = Loader::new(&name, "").schema(Schema::Kubectl).parse(&text)?;
    tree.root()
        .to_json()
        .map_err(|key| anyhow::anyhow!("{name}:{}: the key is {}, not text", key.position, key.found))
}
