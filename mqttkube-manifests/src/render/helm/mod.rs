//! A Helm chart: the bundle as templates, and the few places where a value can be looked up.
//!
//! Templates hold nothing but look-ups of scalars: no conditions, no loops, no helpers. What else a chart could decide is
//! decided before it is written, where the check sees it. [`Parameter::find`] finds the places of a value by building the
//! bundle with other values, so that `helm template` with a value set gives what the model gives with it.

mod find;
mod parameter;
mod template;
mod values;

use std::collections::BTreeSet;

use serde_json::json;

use super::error::RenderError;
use super::{File, comment, names, yaml};
use crate::bundle::VerifiedBundle;

pub use parameter::{Parameter, Target};

/// What a chart is called, and what can be set in it.
///
/// ```
/// use mqttkube_manifests::bundle::{Bundle, BundleError};
/// use mqttkube_manifests::render::helm::{Chart, Parameter};
/// use serde_json::{Value, json};
///
/// // The model: one value in, a bundle out.
/// let build = |host: &Value| -> Result<_, BundleError> {
///     let mut bundle = Bundle::new();
///     let data = json!({"url": format!("mqtts://{}:8883", host.as_str().unwrap_or_default())});
///     bundle.add_value(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}))?;
///     bundle.verified()
/// };
/// let default = json!("mqtt.example.com");
/// let bundle = build(&default)?;
/// let mut host = Parameter::new("broker.host", "Under which name clients reach the broker.", default);
/// host.find(&bundle, &[json!("probe-a.example.org"), json!("b.probe.example.net")], build)?;
///
/// let files = Chart::new("mosquitto", "1.0.0", vec![host]).render(&bundle)?;
/// let template = files.iter().find(|file| file.path == "templates/configmap-c.yaml").expect("it is there");
/// assert!(template.text.contains(r#"url: {{ print "mqtts://" .Values.broker.host ":8883" | toJson }}"#));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Chart {
    /// The name of the chart: lower-case letters, digits and `-`.
    pub name: String,
    /// The version of the chart, as SemVer.
    pub version: String,
    /// The version of what it installs.
    pub app_version: Option<String>,
    /// One line.
    pub description: String,
    /// What can be set.
    pub parameters: Vec<Parameter>,
}

impl Chart {
    /// A chart without a version of what it installs.
    #[must_use]
    pub fn new(name: &str, version: &str, parameters: Vec<Parameter>) -> Self {
        Self {
            name: name.to_owned(),
            version: version.to_owned(),
            app_version: None,
            description: format!("{name} on Kubernetes"),
            parameters,
        }
    }

    /// The files of the chart.
    ///
    /// # Errors
    /// When a parameter has no or a bad path, is there twice, or does not fit the bundle.
    pub fn render(&self, bundle: &VerifiedBundle) -> Result<Vec<File>, RenderError> {
        names::folder(&self.name)?;
        let mut paths = BTreeSet::new();
        for parameter in &self.parameters {
            parameter.check()?;
            if !paths.insert(parameter.path.as_str()) {
                return Err(RenderError::Twice(parameter.path.clone()));
            }
        }
        let heading = comment::heading(bundle);
        let mut files = vec![
            File::new("Chart.yaml", format!("{heading}{}", self.metadata())),
            File::new(
                "values.yaml",
                format!("{heading}{}", values::yaml(&self.parameters)?),
            ),
            File::new("values.schema.json", values::schema(&self.parameters)),
        ];
        let heading = template::escape(&heading);
        let templates = template::all(bundle, &self.parameters)?;
        files.extend(
            templates
                .into_iter()
                .map(|(name, text)| File::new(format!("templates/{name}"), format!("{heading}{text}"))),
        );
        Ok(files)
    }

    fn metadata(&self) -> String {
        let mut metadata = json!({
            "apiVersion": "v2",
            "name": self.name,
            "version": self.version,
            "type": "application",
            "description": self.description,
            "kubeVersion": ">=1.33.0-0",
        });
        if let Some(version) = &self.app_version {
            metadata["appVersion"] = version.as_str().into();
        }
        yaml::document(&metadata)
    }
}
