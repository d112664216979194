//! Reaching the API server, and asking it what it knows.

use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use kube::config::{Config as KubeConfig, KubeConfigOptions, Kubeconfig};
use kube::core::GroupVersionKind;
use kube::{Client, Error, discovery};
use mqttkube_core::config::{Config, KubernetesSpec};
use mqttkube_core::kinds::Kind;
use mqttkube_core::runtime;

use crate::settings::Settings;

/// Where the API server is and who we are there: the file's `kubernetes`, else `KUBECONFIG`, `~/.kube/config`, or the
/// service account of the pod.
pub(crate) async fn kube_config(spec: &KubernetesSpec) -> anyhow::Result<KubeConfig> {
    let options = KubeConfigOptions {
        context: spec.context.clone(),
        ..KubeConfigOptions::default()
    };
    let config = match (&spec.kubeconfig, &spec.context) {
        (Some(path), _) => {
            let file = Kubeconfig::read_from(path)
                .with_context(|| format!("the kubeconfig {path} cannot be read"))?;
            KubeConfig::from_custom_kubeconfig(file, &options).await?
        }
        (None, Some(_)) => KubeConfig::from_kubeconfig(&options).await?,
        // The text of the error holds its causes already.
        (None, None) => KubeConfig::infer().await.map_err(|error| {
            anyhow!(
                "{error}; set KUBECONFIG, name a file under `kubernetes.kubeconfig`, or run as a pod with a service account"
            )
        })?,
    };
    Ok(config)
}

/// A client that asks once, and never again on its own.
pub(crate) fn client(config: KubeConfig) -> anyhow::Result<Client> {
    // A second installation fails, and then there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Ok(runtime::client(config)?)
}

/// The kinds of the bindings that the API server does not have.
pub(crate) fn missing_kinds(config: &Config<Settings>) -> anyhow::Result<Vec<Kind>> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let spec = &config.spec.kubernetes;
        let client = client(kube_config(spec).await?)?;
        let mut missing = Vec::new();
        for kind in config.plan.kinds() {
            if !exists(&client, kind, spec.request_timeout).await? {
                missing.push(kind.clone());
            }
        }
        Ok(missing)
    })
}

async fn exists(client: &Client, kind: &Kind, deadline: Duration) -> anyhow::Result<bool> {
    let resource = kind.resource();
    let gvk = GroupVersionKind::gvk(&resource.group, &resource.version, &resource.kind);
    match tokio::time::timeout(deadline, discovery::oneshot::pinned_kind(client, &gvk)).await {
        Ok(Ok(_)) => Ok(true),
        Ok(Err(Error::Discovery(_))) => Ok(false),
        Ok(Err(Error::Api(status))) if status.code == 404 => Ok(false),
        Ok(Err(error)) => Err(error).context("the API server cannot be asked"),
        Err(_) => bail!("the API server does not answer within {deadline:?}"),
    }
}
