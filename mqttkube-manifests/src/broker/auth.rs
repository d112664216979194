//! Who may come in, and what they may do.

use mqttkube_mosquitto::TopicFilter;
use mqttkube_mosquitto::dynsec::DynSec;
use mqttkube_mosquitto::password::{DEFAULT_ITERATIONS, PasswordError, PasswordHash, UserName, derived_salt};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Redacted, SecretKey};

/// Who may come in, and what they may do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "AuthFile", into = "AuthFile")]
pub struct Auth {
    /// How clients show who they are.
    pub method: AuthMethod,
    /// Rights. Empty: whoever is in may read and write everything. Not with dynamic security, which has its own.
    pub acl: Vec<AclEntry>,
}

/// How clients show who they are.
#[derive(Clone, Debug, PartialEq)]
pub enum AuthMethod {
    /// By user name and password.
    Users(Vec<User>),
    /// By what the dynamic-security plugin keeps, and changes while the broker runs.
    DynamicSecurity(DynamicSecurity),
    /// By a certificate; its common name is the user name.
    ClientCertificates(ClientCertificates),
    /// Not at all. The reason is written into the configuration.
    Anonymous {
        /// Why that is right here.
        reason: String,
    },
}

/// A user.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "UserFile", into = "UserFile")]
pub struct User {
    /// Who.
    pub name: UserName,
    /// What is compared with the password.
    pub credential: Credential,
}

/// What is compared with a password. The password itself is in no model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credential {
    /// Its hash, which goes into the broker's own Secret.
    Hash(PasswordHash),
    /// A Secret holds the password in the clear, for the client too. It is hashed in the pod before the broker starts,
    /// so a change of it needs a restart.
    Secret(SecretKey),
}

/// Where the dynamic-security plugin starts from. It writes its file, so the seed is copied to the data volume once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum DynamicSecurity {
    /// Clients, groups and roles; goes into the broker's own Secret.
    File(DynSec),
    /// A Secret that holds the file.
    Secret(SecretKey),
}

/// Clients with certificates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ClientCertificates {
    /// Certificates of the authorities that sign those of clients, as PEM.
    pub authority: SecretKey,
    /// The whole subject is the user name, not only its common name.
    #[serde(default)]
    pub whole_subject: bool,
}

/// Rights on topics: of one user, of all, or of those without a name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "AclFile", into = "AclFile")]
pub struct AclEntry {
    /// Whose.
    pub subject: Subject,
    /// May subscribe to.
    pub read: Vec<TopicFilter>,
    /// May publish to.
    pub write: Vec<TopicFilter>,
    /// Both.
    pub readwrite: Vec<TopicFilter>,
    /// Neither, whatever else is granted.
    pub deny: Vec<TopicFilter>,
}

/// Whose rights.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Of one user.
    User(UserName),
    /// Of everybody with a user name; `%c` and `%u` as whole levels stand for client id and user name.
    Everybody,
    /// Of clients without a user name.
    Anonymous,
}

/// [`Auth`] as a file has it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct AuthFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    users: Option<Vec<User>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    dynamic_security: Option<DynamicSecurity>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_certificates: Option<ClientCertificates>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    anonymous: Option<AnonymousFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    acl: Vec<AclEntry>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct AnonymousFile {
    reason: String,
}

/// [`User`] as a file has it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct UserFile {
    name: UserName,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<SecretKey>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    hash: Option<Hash>,
}

/// A hash as text.
struct Hash(PasswordHash);

/// [`AclEntry`] as a file has it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct AclFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    user: Option<UserName>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    everybody: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    anonymous: bool,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    read: Vec<TopicFilter>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    write: Vec<TopicFilter>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    readwrite: Vec<TopicFilter>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deny: Vec<TopicFilter>,
}

impl Auth {
    /// Users with passwords, and no limits to what they may do.
    #[must_use]
    pub const fn users(users: Vec<User>) -> Self {
        Self::new(AuthMethod::Users(users))
    }

    /// A method without rights.
    #[must_use]
    pub const fn new(method: AuthMethod) -> Self {
        Self {
            method,
            acl: Vec::new(),
        }
    }
}

impl User {
    /// A user by hash.
    #[must_use]
    pub const fn new(name: UserName, hash: PasswordHash) -> Self {
        Self {
            name,
            credential: Credential::Hash(hash),
        }
    }

    /// A user by password, which is hashed at once in the form that every version takes. The salt comes from `key`, user
    /// and password, so that the same input gives the same hash; `key` is a secret of whoever renders.
    ///
    /// # Errors
    /// None with the number of rounds used here; the type is that of the hash.
    pub fn with_password(name: UserName, password: &Redacted, key: &[u8]) -> Result<Self, PasswordError> {
        let salt = derived_salt(key, &name, password.reveal());
        Ok(Self::new(
            name,
            PasswordHash::new(password.reveal(), salt, DEFAULT_ITERATIONS)?,
        ))
    }
}

impl AclEntry {
    /// No rights yet.
    #[must_use]
    pub const fn new(subject: Subject) -> Self {
        Self {
            subject,
            read: Vec::new(),
            write: Vec::new(),
            readwrite: Vec::new(),
            deny: Vec::new(),
        }
    }
}

impl TryFrom<AuthFile> for Auth {
    type Error = &'static str;

    fn try_from(file: AuthFile) -> Result<Self, Self::Error> {
        let methods = [
            file.users.map(AuthMethod::Users),
            file.dynamic_security.map(AuthMethod::DynamicSecurity),
            file.client_certificates.map(AuthMethod::ClientCertificates),
            file.anonymous.map(|anonymous| AuthMethod::Anonymous {
                reason: anonymous.reason,
            }),
        ];
        let mut methods = methods.into_iter().flatten();
        match (methods.next(), methods.next()) {
            (Some(method), None) => Ok(Self {
                method,
                acl: file.acl,
            }),
            _ => Err(
                "auth needs exactly one of `users`, `dynamic-security`, `client-certificates` and `anonymous`",
            ),
        }
    }
}

impl From<Auth> for AuthFile {
    fn from(auth: Auth) -> Self {
        let mut file = Self {
            users: None,
            dynamic_security: None,
            client_certificates: None,
            anonymous: None,
            acl: auth.acl,
        };
        match auth.method {
            AuthMethod::Users(users) => file.users = Some(users),
            AuthMethod::DynamicSecurity(seed) => file.dynamic_security = Some(seed),
            AuthMethod::ClientCertificates(clients) => file.client_certificates = Some(clients),
            AuthMethod::Anonymous { reason } => file.anonymous = Some(AnonymousFile { reason }),
        }
        file
    }
}

impl TryFrom<UserFile> for User {
    type Error = &'static str;

    fn try_from(file: UserFile) -> Result<Self, Self::Error> {
        let credential = match (file.password, file.hash) {
            (Some(key), None) => Credential::Secret(key),
            (None, Some(hash)) => Credential::Hash(hash.0),
            _ => return Err("a user needs `password` with a Secret, or `hash`"),
        };
        Ok(Self {
            name: file.name,
            credential,
        })
    }
}

impl From<User> for UserFile {
    fn from(user: User) -> Self {
        let (password, hash) = match user.credential {
            Credential::Secret(key) => (Some(key), None),
            Credential::Hash(hash) => (None, Some(Hash(hash))),
        };
        Self {
            name: user.name,
            password,
            hash,
        }
    }
}

impl TryFrom<AclFile> for AclEntry {
    type Error = &'static str;

    fn try_from(file: AclFile) -> Result<Self, Self::Error> {
        let subject = match (file.user, file.everybody, file.anonymous) {
            (Some(user), false, false) => Subject::User(user),
            (None, true, false) => Subject::Everybody,
            (None, false, true) => Subject::Anonymous,
            _ => return Err("rights need exactly one of `user`, `everybody: true` and `anonymous: true`"),
        };
        let AclFile {
            read,
            write,
            readwrite,
            deny,
            ..
        } = file;
        Ok(Self {
            subject,
            read,
            write,
            readwrite,
            deny,
        })
    }
}

impl From<AclEntry> for AclFile {
    fn from(entry: AclEntry) -> Self {
        let AclEntry {
            subject,
            read,
            write,
            readwrite,
            deny,
        } = entry;
        let (user, everybody, anonymous) = match subject {
            Subject::User(user) => (Some(user), false, false),
            Subject::Everybody => (None, true, false),
            Subject::Anonymous => (None, false, true),
        };
        Self {
            user,
            everybody,
            anonymous,
            read,
            write,
            readwrite,
            deny,
        }
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map(Self).map_err(serde::de::Error::custom)
    }
}
