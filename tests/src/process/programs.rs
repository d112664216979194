//! Where the programs are that tests start.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::child::find;

/// The folder that `tests/run` fills with the programs of Kubernetes: `MQTTKUBE_PROGRAMS`, else
/// `mqttkube/control-plane` in the user's cache folder.
pub fn folder() -> PathBuf {
    if let Some(folder) = std::env::var_os("MQTTKUBE_PROGRAMS") {
        return folder.into();
    }
    let variable = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let cache = variable("XDG_CACHE_HOME").or_else(|| Some(variable("HOME")?.join(".cache")));
    cache.unwrap_or_default().join("mqttkube/control-plane")
}

/// A program of the control plane: from the folder named by `KUBEBUILDER_ASSETS` if it is there, else
/// from [`folder`], else from the search path.
///
/// # Errors
/// When it is in none of them.
pub fn kubernetes(name: &str) -> Result<PathBuf> {
    let assets = std::env::var_os("KUBEBUILDER_ASSETS").map(PathBuf::from);
    let built = assets
        .into_iter()
        .chain([folder()])
        .map(|folder| folder.join(name));
    let found = built
        .into_iter()
        .find(|program| program.is_file())
        .or_else(|| find(name));
    found.with_context(|| format!("{name} is missing; tests/run builds it"))
}

/// The folder with the scripts and module files for control plane and node.
pub fn scripts() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("control-plane")
}
