//! mqtt-kube with exactly the rights that its bindings need, as YAML.

use anyhow::Result;
use k8s_openapi::api::rbac::v1::PolicyRule;
use mqttkube_manifests::name::Port;
use mqttkube_manifests::render::yaml;
use mqttkube_manifests::scenario::binding_service::{BindingService, Rights};

const CONFIG: &str = "\
mqtt: {host: mosquitto, client-id: mqtt-kube}
bindings:
  - namespace: media
    resource: Deployment
    name: jellyfin
    patch:
      - topic: jellyfin/power/set
        locus: spec.replicas
        values: {map: {\"ON\": 1, \"OFF\": 0}}
";

fn main() -> Result<()> {
    print!("{}", manifests()?);
    Ok(())
}

pub(crate) fn manifests() -> Result<String> {
    // The message may change the number of replicas of one Deployment, and nothing else in the cluster.
    let scale = PolicyRule {
        api_groups: Some(vec!["apps".to_owned()]),
        resources: Some(vec!["deployments/scale".to_owned()]),
        resource_names: Some(vec!["jellyfin".to_owned()]),
        verbs: vec!["patch".to_owned()],
        ..PolicyRule::default()
    };
    let service = BindingService {
        name: "mqtt-kube".parse()?,
        namespace: "iot".parse()?,
        image: "localhost/mqtt-kube:0.1.0".parse()?,
        account: None,
        files: vec![("home.yaml".parse()?, CONFIG.to_owned())],
        secrets: Vec::new(),
        rights: vec![Rights {
            namespace: Some("media".parse()?),
            rules: vec![scale],
        }],
        broker_port: Port::literal(1883),
    };
    Ok(yaml::render(&service.bundle()?.verified()?))
}
