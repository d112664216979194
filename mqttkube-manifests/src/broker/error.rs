//! What can be wrong with a model whose parts are all right.

use thiserror::Error;

use crate::name::{Port, PortName, TooLong};

/// One problem and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{path}: {problem}")]
#[non_exhaustive]
pub struct ModelError {
    /// Inside of the model, as `listeners[1].tls.hosts`; members are spelt as in a file.
    pub path: String,
    /// What is wrong.
    pub problem: ModelProblem,
}

/// What is wrong, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ModelProblem {
    /// A name is too long for what is named after it.
    #[error(transparent)]
    TooLong(#[from] TooLong),
    /// Two parts with one name.
    #[error("{what} `{name}` is there twice; give each a name of its own")]
    Twice {
        /// `the listener`, `the user` and so on.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// Two listeners on one port.
    #[error("port {port} is taken by the listener `{by}`; choose another one")]
    PortTaken {
        /// The port.
        port: Port,
        /// Who has it.
        by: PortName,
    },
    /// A name that no listener has.
    #[error("there is no listener `{name}`; there are {known}")]
    NoListener {
        /// The name as given.
        name: PortName,
        /// Those that there are, for people.
        known: String,
    },
    /// Something is missing, or does not go together with another part.
    #[error("{found}; {instead}")]
    Wrong {
        /// What was found.
        found: String,
        /// What to write instead.
        instead: String,
    },
}

impl ModelError {
    pub(crate) fn new(path: impl Into<String>, problem: impl Into<ModelProblem>) -> Self {
        Self {
            path: path.into(),
            problem: problem.into(),
        }
    }

    pub(crate) fn wrong(
        path: impl Into<String>,
        found: impl Into<String>,
        instead: impl Into<String>,
    ) -> Self {
        Self::new(
            path,
            ModelProblem::Wrong {
                found: found.into(),
                instead: instead.into(),
            },
        )
    }
}
