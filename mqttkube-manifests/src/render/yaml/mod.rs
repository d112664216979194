//! Flat YAML: one text, one document per object.
//!
//! The reader is Kubernetes, so what is written is safe under YAML 1.1: text that some reader takes for a truth value,
//! a number, a time or nothing is quoted. Text of several lines, such as a broker's configuration, is a block.

mod node;

use serde_json::Value;

use self::node::Node;
use super::comment;
use crate::bundle::VerifiedBundle;

/// All objects of the bundle, in the order in which they are to be applied.
///
/// ```
/// use mqttkube_manifests::bundle::Bundle;
/// use mqttkube_manifests::render::yaml;
/// use serde_json::json;
///
/// let mut bundle = Bundle::new();
/// let data = json!({"mosquitto.conf": "listener 1883\nlog_dest stderr\n", "debug": "on"});
/// bundle.add_value(json!({"kind": "ConfigMap", "data": data, "apiVersion": "v1", "metadata": {"name": "conf"}}))?;
/// let text = yaml::render(&bundle.verified()?);
/// assert_eq!(text, "\
/// apiVersion: v1
/// kind: ConfigMap
/// metadata:
///   name: conf
/// data:
///   debug: \"on\"
///   mosquitto.conf: |
///     listener 1883
///     log_dest stderr
/// ");
/// # Ok::<(), mqttkube_manifests::bundle::BundleError>(())
/// ```
#[must_use]
pub fn render(bundle: &VerifiedBundle) -> String {
    let documents: Vec<String> = super::objects(bundle).iter().map(document).collect();
    format!("{}{}", comment::heading(bundle), documents.join("---\n"))
}

/// One tree as one document, members in the order in which they are.
///
/// # Panics
/// Never: what serde_json holds has a YAML form.
#[must_use]
pub fn document(value: &Value) -> String {
    let options = serde_saphyr::ser_options! {
        // Blocks are chosen in `node`, by stricter rules.
        prefer_block_scalars: false,
        // A block is never too short to be one: `node` has decided.
        min_fold_chars: 0,
    };
    serde_saphyr::to_string_with_options(&Node(value), options).expect("a JSON tree is writable as YAML")
}

/// Whether [`document`] writes this text as a block.
pub(super) fn is_block(text: &str) -> bool {
    node::reads_well_as_block(text)
}
