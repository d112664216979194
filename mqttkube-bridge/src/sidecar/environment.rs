//! The environment of the `kube-mqtt` tutorial, checked once.

use std::fmt;
use std::time::Duration;

use super::Values;
use crate::credential::ScheduleOptions;

/// What the tutorial's ConfigMap `device-config` says.
#[derive(Clone, Debug, PartialEq)]
pub struct Environment {
    /// PROJECT_ID, CLOUD_REGION, REGISTRY_ID, BRIDGE_DEVICE_ID.
    pub values: Values,
    /// JWT_EXPIRATION_MINUTES, 600 by default.
    pub lifetime: Duration,
    /// CONFIG_REFRESH_MINUTES, 500 by default.
    pub refresh: Duration,
}

/// Everything that is wrong with the environment, one line each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnvironmentError(
    /// The lines.
    pub Vec<String>,
);

impl fmt::Display for EnvironmentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for EnvironmentError {}

impl Environment {
    /// The most minutes that a token may live: ClearBlade takes a day.
    const LONGEST: u64 = 24 * 60;

    /// Reads the variables through `get`, so that the caller decides what the environment is.
    ///
    /// # Errors
    /// All that is missing or wrong, at once.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let mut errors = Vec::new();
        let mut text = |name: &str, default: Option<&str>| {
            let found = get(name)
                .filter(|value| !value.is_empty())
                .or_else(|| default.map(str::to_owned));
            found.unwrap_or_else(|| {
                errors.push(format!("{name} is not set"));
                String::new()
            })
        };
        let values = Values {
            project: text("PROJECT_ID", None),
            registry: text("REGISTRY_ID", Some("gadgets")),
            device: text("BRIDGE_DEVICE_ID", Some("bridge")),
            region: text("CLOUD_REGION", Some("us-central1")),
            base_dir: text("BASE_DIR", Some("/etc/mqtt")),
        };
        let expiration = text("JWT_EXPIRATION_MINUTES", Some("600"));
        let refresh = text("CONFIG_REFRESH_MINUTES", Some("500"));
        let mut minutes = |name: &str, text: &str| {
            let number = text
                .trim()
                .parse()
                .ok()
                .filter(|number| (1..=Self::LONGEST).contains(number));
            if number.is_none() {
                let most = Self::LONGEST;
                errors.push(format!(
                    "{name} is `{text}`; write whole minutes from 1 to {most}"
                ));
            }
            number
        };
        let lifetime = minutes("JWT_EXPIRATION_MINUTES", &expiration);
        let refresh = minutes("CONFIG_REFRESH_MINUTES", &refresh);
        if let (Some(lifetime), Some(refresh)) = (lifetime, refresh)
            && refresh >= lifetime
        {
            errors.push(format!(
                "CONFIG_REFRESH_MINUTES is {refresh}, not below JWT_EXPIRATION_MINUTES ({lifetime}): every token would end before it is replaced"
            ));
        }
        match (lifetime, refresh) {
            (Some(lifetime), Some(refresh)) if errors.is_empty() => Ok(Self {
                values,
                lifetime: Duration::from_secs(lifetime * 60),
                refresh: Duration::from_secs(refresh * 60),
            }),
            _ => Err(EnvironmentError(errors)),
        }
    }

    /// The schedule that renews after the given time, less up to a tenth of the lifetime.
    #[must_use]
    pub fn schedule(&self) -> ScheduleOptions {
        ScheduleOptions {
            share: self.refresh.div_duration_f64(self.lifetime),
            ..ScheduleOptions::default()
        }
    }
}
