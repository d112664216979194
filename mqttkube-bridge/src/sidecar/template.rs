//! The tutorial's template: a mosquitto.conf with placeholders that are replaced as plain text.

use thiserror::Error;
use zeroize::Zeroizing;

/// What goes into the template besides the token.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Values {
    /// CONFIG_PROJECT_ID
    pub project: String,
    /// CONFIG_LOCATION
    pub region: String,
    /// CONFIG_REGISTRY
    pub registry: String,
    /// CONFIG_DEVICE_ID
    pub device: String,
    /// BASE_DIR: the folder of the template, where the CA file lies as well.
    pub base_dir: String,
}

/// Why a template cannot be filled.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TemplateError {
    /// A line break or NUL in a value would begin another directive.
    #[error("the value of {placeholder} contains a line break or a control character")]
    ControlCharacter {
        /// Which placeholder.
        placeholder: &'static str,
    },
    /// A template without a place for the token.
    #[error("the template has no {}: the token would not reach the broker", TOKEN)]
    NoToken,
}

/// Stands in a template where the token goes.
pub const TOKEN: &str = "GOOGLE_CLOUD_JWT";
const DEVICE: &str = "CONFIG_DEVICE_ID";
const PROJECT: &str = "CONFIG_PROJECT_ID";
const REGION: &str = "CONFIG_LOCATION";
const REGISTRY: &str = "CONFIG_REGISTRY";
const BASE_DIR: &str = "BASE_DIR";

impl Values {
    /// Every placeholder but the token's stays as it is: for templates that have no other.
    #[must_use]
    pub fn unchanged() -> Self {
        Self {
            project: PROJECT.to_owned(),
            region: REGION.to_owned(),
            registry: REGISTRY.to_owned(),
            device: DEVICE.to_owned(),
            base_dir: BASE_DIR.to_owned(),
        }
    }
}

/// A configuration file with placeholders.
///
/// ```
/// use mqttkube_bridge::sidecar::{Template, Values};
///
/// let template = Template::new("remote_username unused\nremote_password GOOGLE_CLOUD_JWT\n")?;
/// let text = template.render(&Values::default(), "header.claims.signature")?;
/// assert!(text.ends_with("remote_password header.claims.signature\n"));
/// # Ok::<(), mqttkube_bridge::sidecar::TemplateError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

impl Template {
    /// Takes the text of a template.
    ///
    /// # Errors
    /// [`TemplateError::NoToken`].
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        if text.contains(TOKEN) {
            Ok(Self(text.to_owned()))
        } else {
            Err(TemplateError::NoToken)
        }
    }

    /// Replaces the placeholders, in the tutorial's order, each wherever it stands. What was filled in is not looked at
    /// again.
    ///
    /// # Errors
    /// [`TemplateError::ControlCharacter`].
    pub fn render(&self, values: &Values, token: &str) -> Result<Zeroizing<String>, TemplateError> {
        let fields = [
            (TOKEN, token),
            (DEVICE, &values.device),
            (PROJECT, &values.project),
            (REGION, &values.region),
            (REGISTRY, &values.registry),
            (BASE_DIR, &values.base_dir),
        ];
        for (placeholder, value) in fields {
            if value.chars().any(char::is_control) {
                return Err(TemplateError::ControlCharacter { placeholder });
            }
        }
        let mut out = Zeroizing::new(String::with_capacity(self.0.len() + token.len()));
        let mut rest = self.0.as_str();
        // The leftmost placeholder, again and again: no placeholder begins with another one.
        while let Some((at, placeholder, value)) = fields
            .iter()
            .filter_map(|(name, value)| Some((rest.find(name)?, name, value)))
            .min_by_key(|found| found.0)
        {
            out.push_str(&rest[..at]);
            out.push_str(value);
            rest = &rest[at + placeholder.len()..];
        }
        out.push_str(rest);
        Ok(out)
    }
}
