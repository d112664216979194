//! The configuration that the simulation runs: every way of writing, launching, deleting and publishing once.

use std::sync::Arc;

use mqttkube_core::config;
use mqttkube_core::plan::Plan;

/// Each kind has one watch, so a watch is named by its kind.
const CONFIG: &str = r#"
mqtt: {client-id: sim}
kubernetes: {request-timeout: 10s, retry-deadline: 30s}
defaults: {result: result}
bindings:
  - namespace: ns
    resource: Deployment
    name: web
    id: web
    watch:
      - {locus: status.n, topic: web/n, retain: true}
      - {locus: status.n, topic: web/slow, min-interval: 2s}
    patch:
      - {topic: web/replicas, locus: spec.replicas, type: int}
      - {topic: web/image, locus: "spec.containers[?@.name=='c'].image", type: string}
  - namespace: ns
    resource: StatefulSet
    name: db
    id: db
    watch: {locus: status, topic: db/status, retain: true}
    patch:
      - {topic: db/size, locus: spec.size}
      - {topic: db/limits, locus: spec.limits, type: json}
      - {topic: db/once, locus: metadata.annotations.once, retained: once}
  - namespace: ns
    resource: Pod
    selector: {labels: app=x}
    id: pods
    watch: {locus: status.n, topic: "pods/{name}", retain: true}
  - namespace: ns
    resource: Job
    name: task
    id: task
    action:
      - topic: task/run
        values: {RUN: launch, STOP: delete}
        on-exists: ignore
        launch: {apiVersion: batch/v1, kind: Job, metadata: {name: task}, spec: {}}
      - topic: job/run
        values: {"re:.*": launch}
        launch: {apiVersion: batch/v1, kind: Job, metadata: {name: "job-${uid}"}, spec: {n: "${match.input}"}}
"#;

/// The kinds that are watched.
pub(super) const WATCHED: [&str; 3] = ["Deployment", "StatefulSet", "Pod"];

pub(super) fn plan() -> Arc<Plan> {
    let config = config::parse(CONFIG, "simulation.yaml", "", |_| ());
    Arc::new(config.unwrap_or_else(|errors| panic!("{errors}")).plan)
}
