//! A client for the API server that leaves decisions to the engine.

use kube::{Client, Config};
use rustls::crypto::CryptoProvider;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// No TLS provider is installed, or several could be meant. The program decides which.
    #[error("no TLS provider: call rustls' `CryptoProvider::install_default` first")]
    NoProvider,
    /// kube cannot use the configuration.
    #[error("the configuration of the API server cannot be used")]
    Config(#[source] kube::Error),
}

/// Makes a client from a configuration, which says who we are and where the API server is.
///
/// kube's own repetition of requests is turned off: it would hide an overloaded API server for minutes, and it repeats
/// creations. The engine repeats what may be repeated.
///
/// # Errors
/// [`ClientError::NoProvider`] where kube would panic, [`ClientError::Config`] for certificates or credentials that
/// cannot be read. The API server itself is not asked.
pub fn client(mut config: Config) -> Result<Client, ClientError> {
    if CryptoProvider::get_default().is_none() {
        return Err(ClientError::NoProvider);
    }
    config.default_retry = false;
    Client::try_from(config).map_err(ClientError::Config)
}
