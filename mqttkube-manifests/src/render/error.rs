//! Why a bundle could not be rendered in a form.

use thiserror::Error;

use crate::bundle::BundleError;

/// What a renderer refuses. YAML refuses nothing.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum RenderError {
    /// An object that was named is not there.
    #[error("there is no {0} in the bundle")]
    Absent(String),
    /// Only ConfigMaps and Secrets are named after their content.
    #[error("{0} is neither a ConfigMap nor a Secret, so its name cannot hold a hash")]
    NotHashed(String),
    /// A name that is too long with its hash.
    #[error("{0:?} has more than 253 characters")]
    Long(String),
    /// A name of an overlay, component or chart that is no file name.
    #[error("{0:?} is no name for a folder: lower-case letters, digits and `-`")]
    Folder(String),
    /// Two of them with one name.
    #[error("{0:?} is there twice")]
    Twice(String),
    /// An overlay asks for a component that is not there.
    #[error("the overlay {overlay:?} uses the component {component:?}, which is not there")]
    NoComponent {
        /// Which overlay.
        overlay: String,
        /// What it asks for.
        component: String,
    },
    /// Two components of one overlay change the same thing.
    #[error("the component {component:?} changes {object}, which another component has changed already")]
    Conflict {
        /// The second one.
        component: String,
        /// What both change.
        object: String,
    },
    /// A value of a chart that nothing depends on, or that something depends on in a way that is no look-up.
    #[error("{path} cannot be a value of the chart: {reason}")]
    Value {
        /// The path in `values.yaml`.
        path: String,
        /// Why not.
        reason: String,
    },
    /// Objects with new names are no bundle.
    #[error(transparent)]
    Bundle(#[from] BundleError),
}
