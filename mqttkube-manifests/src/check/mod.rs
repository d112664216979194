//! The check of a whole bundle: what strict schemas let pass.
//!
//! A schema knows one object at a time, so it accepts a selector that selects nothing, a mount of a volume that does not
//! exist, and a disruption budget that no node drain survives. Every finding here has a stable code
//! ([`rules::ALL`] lists them), names the object and the path in it, and says what to write instead.

mod api_versions;
mod broker;
mod disruption;
mod matching;
mod mounts;
mod names;
mod pod;
mod pod_security;
mod ports;
mod rbac;
mod references;
mod release;
mod report;
pub mod rules;
mod secrets;
mod storage;

use crate::bundle::Bundle;

pub use report::{Finding, Report, Severity};
pub use rules::Rule;

use matching::Matching;
use pod::Pod;
use release::Release;
use report::Findings;

/// Checks everything; the order of the findings is that of the objects.
#[must_use]
pub fn check(bundle: &Bundle) -> Report {
    Release::of(bundle).map_or_else(
        || checked(bundle),
        |release| release.as_written(checked(&release.bundle)),
    )
}

fn checked(bundle: &Bundle) -> Report {
    let mut findings = Findings::new(bundle);
    let pods: Vec<Pod<'_>> = bundle.objects().iter().filter_map(Pod::of).collect();
    let matching = Matching::new(bundle, &pods);
    names::check(bundle, &pods, &mut findings);
    api_versions::check(bundle, &mut findings);
    references::check(bundle, &pods, &matching, &mut findings);
    ports::check(bundle, &pods, &matching, &mut findings);
    secrets::check(bundle, &pods, &mut findings);
    disruption::check(bundle, &matching, &mut findings);
    storage::check(bundle, &pods, &mut findings);
    rbac::check(bundle, &mut findings);
    broker::check(bundle, &pods, &matching, &mut findings);
    for pod in &pods {
        mounts::check(pod, &mut findings);
        pod_security::check(bundle, pod, &mut findings);
    }
    findings.report()
}
