//! Disruption budgets against what they protect.

use std::collections::HashMap;

use serde_json::Value;

use super::matching::Matching;
use super::pod::Pod;
use super::report::Findings;
use super::rules;
use crate::bundle::Bundle;
use crate::object::Object;

pub(super) fn check(bundle: &Bundle, matching: &Matching<'_, '_>, findings: &mut Findings) {
    let budgets: Vec<&Object> = bundle
        .objects()
        .iter()
        .filter(|object| object.kind() == "PodDisruptionBudget")
        .collect();
    let mut protector: HashMap<*const Pod<'_>, usize> = HashMap::new();
    for (index, budget) in budgets.iter().enumerate() {
        let selector = budget.at("/spec/selector/matchLabels");
        let protected: Vec<&Pod<'_>> = matching.pods(budget.namespace(), selector).collect();
        if protected.is_empty() {
            let message = "its selector fits no pod of the bundle";
            findings.add(&rules::NO_TARGET, budget, "spec.selector", message);
        }
        drains(budget, &protected, findings);
        if budget.at("/spec/unhealthyPodEvictionPolicy") != "AlwaysAllow" {
            let message = "a pod that is not ready counts as running and is not evicted";
            findings.add(
                &rules::UNHEALTHY_BLOCKS,
                budget,
                "spec.unhealthyPodEvictionPolicy",
                message,
            );
        }
        let places = || protected.iter().map(|pod| std::ptr::from_ref(*pod));
        let twin = places().filter_map(|pod| protector.get(&pod)).min().copied();
        for pod in places() {
            protector.entry(pod).or_insert(index);
        }
        if let Some(other) = twin {
            let message = format!("{} protects the same pods", budgets[other].key());
            findings.add(&rules::BUDGETS_OVERLAP, budget, "spec.selector", message);
        }
    }
}

fn drains(budget: &Object, protected: &[&Pod<'_>], findings: &mut Findings) {
    let replicas: u64 = protected.iter().filter_map(|pod| pod.replicas()).sum();
    if replicas == 0 {
        return;
    }
    let least = amount(budget.at("/spec/minAvailable"), replicas);
    let most = amount(budget.at("/spec/maxUnavailable"), replicas);
    let (path, message) = match (least, most) {
        (Some(least), _) if least >= replicas => (
            "spec.minAvailable",
            format!("{least} of {replicas} pods must stay, so none may go"),
        ),
        (_, Some(0)) => ("spec.maxUnavailable", "no pod may go".to_owned()),
        _ => return,
    };
    findings.add(&rules::BLOCKS_DRAIN, budget, path, message);
}

/// A number, or a share of the replicas rounded up as Kubernetes does.
fn amount(value: &Value, replicas: u64) -> Option<u64> {
    let percent = || value.as_str()?.strip_suffix('%')?.parse::<u64>().ok();
    value
        .as_u64()
        .or_else(|| percent().map(|percent| (replicas.saturating_mul(percent)).div_ceil(100)))
}
