//! References to container images.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{NameError, Problem};

/// An image by tag or digest, such as `docker.io/library/eclipse-mosquitto:2.0.22`. One of the two must be there: an image
/// without is another one every week.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageRef {
    repository: String,
    tag: Option<String>,
    digest: Option<String>,
}

impl ImageRef {
    /// The registry, if named, and the repository.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest, such as `sha256:…`.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.digest.as_deref()
    }

    /// The same image at another tag; the digest no longer holds and is dropped.
    ///
    /// # Errors
    /// When the tag breaks the rules.
    pub fn with_tag(&self, tag: &str) -> Result<Self, NameError> {
        format!("{}:{tag}", self.repository).parse()
    }

    /// Names what may be another image tomorrow: the tag `latest` without a digest.
    #[must_use]
    pub fn is_floating(&self) -> bool {
        self.digest.is_none() && self.tag.as_deref() == Some("latest")
    }
}

impl FromStr for ImageRef {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        read(text).map_err(|problem| NameError {
            what: "image",
            text: text.to_owned(),
            problem,
        })
    }
}

fn read(text: &str) -> Result<ImageRef, Problem> {
    if text.is_empty() {
        return Err(Problem::Empty);
    }
    let (rest, digest) = match text.split_once('@') {
        Some((rest, digest)) => (rest, Some(digest)),
        None => (text, None),
    };
    // A colon after the last slash begins a tag; one before it begins the port of a registry.
    let after_slash = rest.rfind('/').map_or(0, |slash| slash + 1);
    let (repository, tag) = match rest[after_slash..].find(':') {
        Some(colon) => (
            &rest[..after_slash + colon],
            Some(&rest[after_slash + colon + 1..]),
        ),
        None => (rest, None),
    };
    check_repository(repository)?;
    tag.map_or(Ok(()), check_tag)?;
    digest.map_or(Ok(()), check_digest)?;
    if tag.is_none() && digest.is_none() {
        return Err(Problem::Image(
            "it has neither a tag nor a digest; write for example `name:2.0.22`",
        ));
    }
    let own = |part: Option<&str>| part.map(str::to_owned);
    Ok(ImageRef {
        repository: repository.to_owned(),
        tag: own(tag),
        digest: own(digest),
    })
}

fn check_repository(repository: &str) -> Result<(), Problem> {
    let (registry, path) = match repository.split_once('/') {
        Some((first, path)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), path),
        _ => (None, repository),
    };
    if let Some(registry) = registry {
        let (host, port) = registry.split_once(':').unwrap_or((registry, "1"));
        let host_fits = host
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte));
        if host.is_empty() || !host_fits || port.parse::<u16>().is_err() {
            return Err(Problem::Image(
                "the registry is no host name with an optional port",
            ));
        }
    }
    let level = |level: &str| {
        let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte);
        let edge =
            |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        level.bytes().all(inside) && edge(level.bytes().next()) && edge(level.bytes().last())
    };
    if path.split('/').all(level) && repository.len() <= 255 {
        Ok(())
    } else {
        Err(Problem::Image(
            "a repository is lower-case letters and digits, joined by `-`, `_`, `.` and `/`",
        ))
    }
}

fn check_tag(tag: &str) -> Result<(), Problem> {
    let inside = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    let first = tag
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if first && tag.bytes().all(inside) && tag.len() <= 128 {
        Ok(())
    } else {
        Err(Problem::Image(
            "a tag is up to 128 letters, digits, `-`, `_` and `.`",
        ))
    }
}

fn check_digest(digest: &str) -> Result<(), Problem> {
    let hex = digest.strip_prefix("sha256:").filter(|hex| hex.len() == 64);
    match hex {
        Some(hex)
            if hex
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) =>
        {
            Ok(())
        }
        _ => Err(Problem::Image(
            "a digest is `sha256:` and 64 lower-case hexadecimal digits",
        )),
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        self.tag.as_ref().map_or(Ok(()), |tag| write!(f, ":{tag}"))?;
        self.digest
            .as_ref()
            .map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

impl fmt::Debug for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageRef(\"{self}\")")
    }
}

impl TryFrom<String> for ImageRef {
    type Error = NameError;

    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<ImageRef> for String {
    fn from(image: ImageRef) -> Self {
        image.to_string()
    }
}
