//! Reading the configuration file of this program.

use std::path::Path;

use mqttkube_core::config::{self, Config};
use mqttkube_mapping::yaml::Diagnostics;

use crate::settings::{Settings, read_settings};

/// Reads a file with the sections `http` and `logging`, which are this program's own.
pub(crate) fn load(path: &Path) -> Result<Config<Settings>, Diagnostics> {
    config::load(path, read_settings)
}
