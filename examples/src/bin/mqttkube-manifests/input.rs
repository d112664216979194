//! A SPEC file on the command line, and the checked objects that it gives.

use std::path::PathBuf;

use mqttkube_manifests::bundle::{BundleError, VerifiedBundle};
use mqttkube_manifests::check::Report;

use crate::counted;
use crate::problem::Problem;
use crate::spec::{Changes, Lookup, Set, Spec};

/// A SPEC file and what is changed in it.
#[derive(Debug, clap::Args)]
pub(crate) struct Input {
    /// The SPEC file.
    #[arg(value_name = "SPEC")]
    spec: PathBuf,
    /// Change a value, as in `persistence.size=10Gi` or `listeners[0].port=1884`. In a file of several documents the path
    /// begins with the name of one.
    #[arg(long, value_name = "PATH=VALUE")]
    set: Vec<Set>,
    /// Apply the overlay documents of this name.
    #[arg(long, value_name = "NAME")]
    overlay: Option<String>,
    /// Go on in spite of errors of the check. The reason is written into the output.
    #[arg(long, value_name = "REASON")]
    unverified: Option<String>,
}

/// Why there is no bundle. It has been said on standard error when it is `Refused`.
pub(crate) struct Refused;

impl Input {
    pub(crate) fn load(&self) -> Result<Spec, Refused> {
        Spec::load(&self.spec).map_err(|problems| complain(&problems))
    }

    pub(crate) fn overlay(&self) -> Option<&str> {
        self.overlay.as_deref()
    }

    pub(crate) fn changes(&self) -> Changes {
        Changes {
            sets: self.set.clone(),
            overlay: self.overlay.clone(),
        }
    }

    /// The checked objects; what is wrong or doubtful is said on standard error.
    pub(crate) fn bundle(&self, spec: &Spec, changes: &Changes) -> Result<VerifiedBundle, Refused> {
        let bundle = spec
            .bundle(changes, Lookup::Real)
            .map_err(|problems| complain(&problems))?;
        let verified = match &self.unverified {
            None => bundle.verified(),
            Some(reason) => bundle.unverified(reason),
        };
        match verified {
            Ok(verified) => {
                show(verified.report());
                Ok(verified)
            }
            Err(BundleError::Refused(report)) => {
                show(&report);
                let errors = counted(report.errors().count(), "error");
                eprintln!(
                    "{errors}; `mqttkube-manifests explain CODE` says more, --unverified REASON goes on all the same"
                );
                Err(Refused)
            }
            Err(error) => {
                eprintln!("error: {error}");
                Err(Refused)
            }
        }
    }
}

fn complain(problems: &[Problem]) -> Refused {
    for problem in problems {
        eprintln!("{problem}");
    }
    eprintln!("{}, nothing is written", counted(problems.len(), "error"));
    Refused
}

fn show(report: &Report) {
    for finding in report.findings() {
        eprintln!("{finding}");
    }
}
