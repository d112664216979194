//! One request of the engine as the API server reads it. Pure.

use std::fmt::Write as _;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method};
use serde_json::{Value, json};

use crate::event::{PatchForm, Request, Verb};

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Builds the HTTP request.
///
/// `manager` is the name under which merge patches, JSON patches and creations own fields.
///
/// # Errors
/// The text says which part cannot stand in a URL. The engine checks names before it asks; this is the last gate
/// between what a publisher sent and the path of a request.
pub(super) fn build(request: &Request, manager: &str) -> Result<http::Request<Vec<u8>>, String> {
    let path = path(request)?;
    let (method, query, content, body) = match &request.verb {
        Verb::Get => (Method::GET, String::new(), None, Vec::new()),
        Verb::List { label } => (Method::GET, query(&[("labelSelector", label)]), None, Vec::new()),
        Verb::Create { body } => (
            Method::POST,
            query(&[("fieldManager", manager)]),
            Some(JSON),
            bytes(body),
        ),
        Verb::Delete { uid } => (
            Method::DELETE,
            String::new(),
            Some(JSON),
            bytes(&delete_options(uid.as_deref())),
        ),
        Verb::Patch { form, body, .. } => {
            let manager = match form {
                PatchForm::Apply { manager } => manager,
                PatchForm::Merge | PatchForm::Json => manager,
            };
            let content = HeaderValue::from_static(form.content_type());
            (
                Method::PATCH,
                query(&[("fieldManager", manager)]),
                Some(content),
                bytes(body),
            )
        }
    };
    let mut built = http::Request::new(body);
    *built.method_mut() = method;
    *built.uri_mut() = format!("{path}{query}")
        .parse()
        .map_err(|error| format!("{path:?} cannot be a URL: {error}"))?;
    built.headers_mut().insert(ACCEPT, JSON);
    if let Some(content) = content {
        built.headers_mut().insert(CONTENT_TYPE, content);
    }
    Ok(built)
}

/// `/apis/apps/v1/namespaces/media/deployments/jellyfin/scale`
fn path(request: &Request) -> Result<String, String> {
    let resource = &*request.resource;
    let mut path = collection(&resource.group, &resource.version);
    if let Some(namespace) = &request.namespace {
        path.push_str("/namespaces/");
        path.push_str(segment("namespace", namespace)?);
    }
    path.push('/');
    path.push_str(segment("plural", &resource.plural)?);
    let scale = match request.verb {
        Verb::Create { .. } | Verb::List { .. } => return Ok(path),
        Verb::Get | Verb::Delete { .. } => false,
        Verb::Patch { scale, .. } => scale,
    };
    // Writing to a String cannot fail.
    let _ = write!(path, "/{}", segment("name", &request.name)?);
    if scale {
        path.push_str("/scale");
    }
    Ok(path)
}

/// `/api/v1` or `/apis/apps/v1`: where a group and version is served.
pub(super) fn collection(group: &str, version: &str) -> String {
    if group.is_empty() {
        format!("/api/{version}")
    } else {
        format!("/apis/{group}/{version}")
    }
}

/// One segment of a path: nothing in it can end the segment, climb up or be decoded to something else.
fn segment<'a>(what: &str, text: &'a str) -> Result<&'a str, String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:@!$&'()*+,;=".contains(&byte);
    let fine = !matches!(text, "" | "." | "..") && text.bytes().all(plain);
    if fine {
        Ok(text)
    } else {
        Err(format!("{text:?} cannot be a {what} in a URL"))
    }
}

fn query(pairs: &[(&str, &str)]) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(pairs);
    format!("?{}", query.finish())
}

fn delete_options(uid: Option<&str>) -> Value {
    let mut options = json!({
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "propagationPolicy": "Foreground",
    });
    if let Some(uid) = uid {
        options["preconditions"] = json!({ "uid": uid });
    }
    options
}

fn bytes(value: &Value) -> Vec<u8> {
    // The alternate form of Display would indent; the plain one is compact and cannot fail.
    value.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::event::Resource;

    fn request(namespace: Option<&str>, name: &str, verb: Verb) -> Request {
        let resource = Resource {
            group: "apps".to_owned(),
            version: "v1".to_owned(),
            kind: "Deployment".to_owned(),
            plural: "deployments".to_owned(),
            namespaced: true,
        };
        Request {
            resource: Arc::new(resource),
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            verb,
        }
    }

    #[track_caller]
    fn check(verb: Verb, expected: &str) {
        let built =
            build(&request(Some("media"), "web", verb), "mqtt-kube").expect("the request can be built");
        let content = built
            .headers()
            .get(CONTENT_TYPE)
            .map_or("-", |value| value.to_str().expect("a header is text"));
        let body = String::from_utf8_lossy(built.body());
        assert_eq!(
            format!("{} {} {content} {body}", built.method(), built.uri()),
            expected
        );
    }

    #[test]
    fn every_verb_has_its_method_path_and_content_type() {
        let at = "/apis/apps/v1/namespaces/media/deployments";
        check(Verb::Get, &format!("GET {at}/web - "));
        let label = "mqttkube/command=1f".to_owned();
        check(
            Verb::List { label },
            &format!("GET {at}?labelSelector=mqttkube%2Fcommand%3D1f - "),
        );
        check(
            Verb::Patch {
                scale: true,
                form: PatchForm::Merge,
                body: json!({"spec": {"replicas": 1}}),
            },
            &format!(
                "PATCH {at}/web/scale?fieldManager=mqtt-kube application/merge-patch+json {{\"spec\":{{\"replicas\":1}}}}"
            ),
        );
        check(
            Verb::Patch {
                scale: false,
                form: PatchForm::Apply {
                    manager: "a b".to_owned(),
                },
                body: json!({}),
            },
            &format!("PATCH {at}/web?fieldManager=a+b application/apply-patch+yaml {{}}"),
        );
        check(
            Verb::Create {
                body: Box::new(json!({"kind": "Deployment"})),
            },
            &format!("POST {at}?fieldManager=mqtt-kube application/json {{\"kind\":\"Deployment\"}}"),
        );
        check(
            Verb::Delete {
                uid: Some("u1".to_owned()),
            },
            &format!(
                "DELETE {at}/web application/json {{\"apiVersion\":\"v1\",\"kind\":\"DeleteOptions\",\
                 \"propagationPolicy\":\"Foreground\",\"preconditions\":{{\"uid\":\"u1\"}}}}"
            ),
        );
    }

    #[test]
    fn core_kinds_and_cluster_scoped_kinds_have_their_own_paths() {
        let mut request = request(None, "node-1", Verb::Get);
        request.resource = Arc::new(Resource {
            group: String::new(),
            version: "v1".to_owned(),
            kind: "Node".to_owned(),
            plural: "nodes".to_owned(),
            namespaced: false,
        });
        let built = build(&request, "m").expect("the request can be built");
        assert_eq!(built.uri(), "/api/v1/nodes/node-1");
    }

    #[test]
    fn no_name_leaves_its_place_in_the_path() {
        for name in [
            "",
            ".",
            "..",
            "../secrets/x",
            "a/b",
            "a%2fb",
            "a?x=1",
            "a#b",
            "a b",
            "é",
            "a\n",
        ] {
            let refused = build(&request(Some("media"), name, Verb::Get), "m");
            assert!(
                refused.is_err(),
                "{name:?} became {:?}",
                refused.map(|built| built.uri().to_string())
            );
            let refused = build(&request(Some(name), "web", Verb::Get), "m");
            assert!(refused.is_err(), "{name:?} became a namespace");
        }
        assert!(build(&request(Some("media"), "system:node-1", Verb::Get), "m").is_ok());
    }
}
