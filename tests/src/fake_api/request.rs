//! What a request asks for: the address of a resource, and its query parameters.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, header};
use serde_json::Value;

use super::error::ApiError;
use super::kinds::{Kind, resource};
use super::store::{Key, Store};

/// A request with its whole body.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// The query parameters, decoded.
#[derive(Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

/// One resource: a collection when it has no name.
#[derive(Clone, Debug)]
pub(crate) struct Address {
    pub(crate) kind: Arc<Kind>,
    pub(crate) version: String,
    /// Empty for objects of the cluster and for a collection over all namespaces.
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) subresource: String,
}

impl Call {
    pub(crate) fn new(request: Request<Bytes>) -> Self {
        let (parts, body) = request.into_parts();
        let query = parts.uri.query().unwrap_or_default();
        Self {
            method: parts.method,
            path: parts.uri.path().to_owned(),
            query: Query(form_urlencoded::parse(query.as_bytes()).into_owned().collect()),
            headers: parts.headers,
            body,
        }
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// The media type of the body, without parameters.
    pub(crate) fn content_type(&self) -> &str {
        self.header(header::CONTENT_TYPE)
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
    }

    /// The body as JSON. Typed commands of kubectl, such as `create namespace`, send protobuf, which is not
    /// understood here.
    pub(crate) fn json(&self) -> Result<Value, ApiError> {
        if self.content_type().ends_with("protobuf") {
            return Err(ApiError::unsupported(self.content_type()));
        }
        serde_json::from_slice(&self.body)
            .map_err(|error| ApiError::bad_request(format!("the body is no JSON: {error}")))
    }

    /// Who writes, for the record of field managers: the parameter, else the program's name.
    pub(crate) fn manager(&self) -> String {
        let named = self.query.get("fieldManager");
        let program = self
            .header(header::USER_AGENT)
            .split('/')
            .next()
            .unwrap_or_default();
        let manager = if named.is_empty() { program } else { named };
        if manager.is_empty() {
            "unknown".to_owned()
        } else {
            manager.to_owned()
        }
    }

    pub(crate) fn dry_run(&self) -> bool {
        self.query.get("dryRun") == "All"
    }
}

impl Query {
    /// The value of a parameter, empty when it is absent.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }

    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), "true" | "1")
    }

    /// A whole number, `None` when it is absent.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        match self.get(name) {
            "" => Ok(None),
            text => match text.parse() {
                Ok(number) => Ok(Some(number)),
                Err(_) => Err(ApiError::bad_request(format!("invalid {name}: {text:?}"))),
            },
        }
    }
}

impl Address {
    /// Reads a path below `/api` or `/apis`; `None` when nothing is served there.
    pub(crate) fn parse(store: &Store, path: &str) -> Option<Self> {
        let segments: Vec<_> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let (group, version, rest) = match segments[..] {
            ["api", version, ref rest @ ..] => ("", version, rest),
            ["apis", group, version, ref rest @ ..] => (group, version, rest),
            _ => return None,
        };
        let (namespace, plural, rest) = match *rest {
            // A namespace is itself an object: /namespaces/x, and its status.
            ["namespaces", name] => ("", "namespaces", vec![name]),
            ["namespaces", name, part @ ("status" | "finalize")] => ("", "namespaces", vec![name, part]),
            ["namespaces", namespace, plural, ref rest @ ..] => (namespace, plural, rest.to_vec()),
            [plural, ref rest @ ..] => ("", plural, rest.to_vec()),
            [] => return None,
        };
        let kind = store.kind(&resource(group, plural))?.clone();
        let known = kind.versions.iter().any(|served| served == version);
        let scoped = namespace.is_empty() || kind.namespaced;
        let named = rest.is_empty() || !kind.namespaced || !namespace.is_empty();
        if !known || !scoped || !named || rest.len() > 2 {
            return None;
        }
        let address = Self {
            version: version.to_owned(),
            namespace: namespace.to_owned(),
            name: rest.first().map(|name| (*name).to_owned()).unwrap_or_default(),
            subresource: rest.get(1).map(|part| (*part).to_owned()).unwrap_or_default(),
            kind,
        };
        address.has_subresource().then_some(address)
    }

    fn has_subresource(&self) -> bool {
        match self.subresource.as_str() {
            "" => true,
            "status" => self.kind.status,
            "scale" => self.kind.scale.is_some(),
            _ => false,
        }
    }

    pub(crate) fn key(&self) -> Key {
        Key {
            resource: self.kind.resource(),
            namespace: self.namespace.clone(),
            name: self.name.clone(),
        }
    }

    pub(crate) fn api_version(&self) -> String {
        self.kind.api_version(&self.version)
    }
}
