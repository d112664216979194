//! `mqttkube-manifests scenario`.

use std::process::ExitCode;

use mqttkube_mapping::yaml::suggest;

/// Print a SPEC file to start from, with comments.
///
///   mqttkube-manifests scenario --list
///   mqttkube-manifests scenario node-port > broker.yaml
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Args {
    /// Which one.
    #[arg(value_name = "NAME", required_unless_present = "list", value_parser = scenario)]
    name: Option<&'static Scenario>,
    /// Print the names.
    #[arg(long, conflicts_with = "name")]
    list: bool,
}

#[derive(Debug)]
pub(crate) struct Scenario {
    name: &'static str,
    text: &'static str,
}

macro_rules! scenarios {
    ($($name:literal)*) => {
        const ALL: &[Scenario] = &[$(Scenario {
            name: $name,
            text: include_str!(concat!("scenarios/", $name, ".yaml")),
        }),*];
    };
}

scenarios! {
    "node-port"
    "node-port-certbot"
    "openshift"
    "openshift-deployment-config"
    "cloud-bridge-sidecar"
    "cloud-bridge-relay"
    "binding-service"
    "hub-and-spoke"
    "cedalo"
    "cedalo-autoscaling"
}

impl Scenario {
    /// The first sentence of its comment.
    fn summary(&self) -> String {
        let comment = self.text.lines().map_while(|line| line.strip_prefix("# "));
        let comment = comment.collect::<Vec<_>>().join(" ");
        comment
            .split_once(". ")
            .map_or(comment.as_str(), |(first, _)| first)
            .trim_end_matches('.')
            .to_owned()
    }
}

fn scenario(name: &str) -> Result<&'static Scenario, String> {
    let names = ALL.iter().map(|scenario| scenario.name);
    let found = ALL.iter().find(|scenario| scenario.name == name);
    found.ok_or_else(|| match suggest(name, names.clone()) {
        Some(known) => format!("did you mean {known:?}?"),
        None => format!("it is one of {}", names.collect::<Vec<_>>().join(", ")),
    })
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match args.name {
        Some(scenario) => print!("{}", scenario.text),
        None => ALL
            .iter()
            .for_each(|scenario| println!("{:<28} {}", scenario.name, scenario.summary())),
    }
    Ok(ExitCode::SUCCESS)
}
