//! Who we are to the broker, asked again at every connection.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use zeroize::Zeroizing;

/// Text that is wiped from memory when it is dropped and never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// Takes over the text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself. Keep copies short-lived.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    pub(crate) fn zeroizing(&self) -> Zeroizing<String> {
        self.0.clone()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_empty() {
            "Password(empty)"
        } else {
            "Password(***)"
        })
    }
}

/// What one connection presents to the broker.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Login {
    /// Empty: not sent.
    pub username: String,
    /// Empty: not sent.
    pub password: Password,
    /// Method and data of enhanced authentication, MQTT 5 only (for example `OAUTH2-JWT` and a token).
    pub authentication: Option<(String, Bytes)>,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let method = self.authentication.as_ref().map(|(method, _)| method);
        let mut shown = f.debug_struct("Login");
        // A user name that stands alone may be an access token.
        if !self.password.reveal().is_empty() || method.is_some() {
            shown.field("username", &self.username);
        }
        shown.field("password", &self.password).field("method", &method);
        shown.finish_non_exhaustive()
    }
}

impl Login {
    /// User name and password.
    pub fn new(username: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            password: Password::new(password),
            authentication: None,
        }
    }
}

/// Why credentials could not be had. Its text is shown, so it must not hold a secret.
pub type CredentialsError = Box<dyn StdError + Send + Sync>;

/// An answer that comes later.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Somebody who issues logins that end, and wants a connection to be replaced before its login does.
///
/// The session then opens a new connection beside the one that stands and says CONNECT on it once everything on the old
/// one is answered: on a broker that keeps the session nothing is lost, sent twice or delivered twice, and no
/// [`Event::Offline`](crate::Event) is reported. A refusal leaves the old connection as it was.
pub trait Renew: Send + Sync {
    /// The login for the next connection. What it gives must be good now: the session has no other to fall back to.
    fn login(&self) -> Later<'_, Result<Login, CredentialsError>>;

    /// Ready once the login is to be replaced, or, after a refusal, tried again. Asked anew after every connection and
    /// every refusal; may be dropped at any time.
    fn due(&self) -> Later<'_, ()>;

    /// The broker's word on the login that was given last. False: it was refused (CONNACK 4 or 5 in MQTT 3.1.1, 0x86 or
    /// 0x87 in MQTT 5). Not called when the broker could not be asked.
    fn answered(&self, accepted: bool);
}

/// Where the [`Login`] comes from. It is asked before every connection, so that a rotated file or a fresh token is used
/// without a restart. When asking fails, the last login is tried once more and a warning tells so.
///
/// ```
/// use mqttkube_mqtt::{Credentials, Login};
///
/// let fixed = Credentials::fixed(Login::new("bridge", "s3cret"));
/// let minted = Credentials::from_fn(|| async {
///     let token = "eyJhbGciOiJFUzI1NiJ9".to_owned(); // ask an issuer, read a file
///     Ok(Login::new("unused", token))
/// });
/// assert!(!format!("{fixed:?}").contains("s3cret"));
/// # drop(minted);
/// ```
#[derive(Clone)]
pub struct Credentials {
    source: Arc<dyn Renew>,
    /// When asking fails, the last login may be tried once more.
    lasting: bool,
}

impl Credentials {
    /// None: an anonymous connection.
    pub fn none() -> Self {
        Self::fixed(Login::default())
    }

    /// The same at every connection.
    pub fn fixed(login: Login) -> Self {
        Self::from_fn(move || std::future::ready(Ok(login.clone())))
    }

    /// Whatever the function gives at the time of the connection.
    pub fn from_fn<F, Answer>(ask: F) -> Self
    where
        F: Fn() -> Answer + Send + Sync + 'static,
        Answer: Future<Output = Result<Login, CredentialsError>> + Send + 'static,
    {
        Self {
            source: Arc::new(Asked(ask)),
            lasting: true,
        }
    }

    /// Logins that end. See [`Renew`].
    pub fn renewed(source: Arc<dyn Renew>) -> Self {
        Self {
            source,
            lasting: false,
        }
    }

    pub(crate) async fn ask(&self) -> Result<Login, CredentialsError> {
        self.source.login().await
    }

    pub(crate) fn due(&self) -> Later<'static, ()> {
        let source = self.source.clone();
        Box::pin(async move { source.due().await })
    }

    pub(crate) fn answered(&self, accepted: bool) {
        self.source.answered(accepted);
    }

    pub(crate) const fn lasting(&self) -> bool {
        self.lasting
    }
}

/// A function that is asked at every connection, and never says that it is time for another one.
struct Asked<F>(F);

impl<F, Answer> Renew for Asked<F>
where
    F: Fn() -> Answer + Send + Sync,
    Answer: Future<Output = Result<Login, CredentialsError>> + Send + 'static,
{
    fn login(&self) -> Later<'_, Result<Login, CredentialsError>> {
        Box::pin((self.0)())
    }

    fn due(&self) -> Later<'_, ()> {
        Box::pin(std::future::pending())
    }

    fn answered(&self, _: bool) {}
}

impl Default for Credentials {
    fn default() -> Self {
        Self::none()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(..)")
    }
}
