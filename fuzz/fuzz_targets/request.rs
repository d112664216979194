//! Any namespace and name in a request to the API server: refused, or each of them one segment of the path as it is.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use mqttkube_core::event::{Request, Resource, Verb};
use mqttkube_core::runtime::fuzzing;

fuzz_target!(|names: (Option<&str>, &str)| {
    let (namespace, name) = names;
    let resource = Resource {
        group: "apps".to_owned(),
        version: "v1".to_owned(),
        kind: "Deployment".to_owned(),
        plural: "deployments".to_owned(),
        namespaced: true,
    };
    let request = Request {
        resource: Arc::new(resource),
        namespace: namespace.map(str::to_owned),
        name: name.to_owned(),
        verb: Verb::Get,
    };
    if let Some(uri) = fuzzing::uri(&request) {
        let expected = match namespace {
            Some(namespace) => format!("/apis/apps/v1/namespaces/{namespace}/deployments/{name}"),
            None => format!("/apis/apps/v1/deployments/{name}"),
        };
        assert_eq!((uri.path(), uri.query()), (expected.as_str(), None));
        assert_eq!(uri.authority(), None);
        for text in namespace.into_iter().chain([name]) {
            assert!(!matches!(text, "" | "." | ".."));
            assert!(
                !text.contains(['/', '%', '?', '#', '\\', '\0', '\r', '\n', ' ']),
                "{text:?}"
            );
        }
    }
});
