//! The service account of the program: its tokens, and what they are good for.

use http::Request;
use http::header::CONTENT_TYPE;
use kube::Client;
use mqttkube_tests::process::client;
use serde_json::json;

use super::site::Site;

/// A Secret that a token is bound to: with it the token ends.
pub(super) const LEASE: &str = "first-lease";

/// Requests that nobody may make with the token of the program: method, path, body.
const HOSTILE: [(&str, &str, &str); 10] = [
    (
        "PATCH",
        "/apis/apps/v1/namespaces/media/deployments/jellyfin",
        r#"{"spec":{"template":{"spec":{"containers":[{"name":"jellyfin","image":"example.com/miner:1"}]}}}}"#,
    ),
    (
        "DELETE",
        "/apis/apps/v1/namespaces/media/deployments/jellyfin",
        "",
    ),
    (
        "PATCH",
        "/apis/apps/v1/namespaces/iot/deployments/mosquitto/scale",
        r#"{"spec":{"replicas":0}}"#,
    ),
    ("GET", "/api/v1/namespaces/iot/secrets", ""),
    ("GET", "/api/v1/namespaces/media/secrets", ""),
    ("GET", "/api/v1/namespaces/sync/pods", ""),
    ("GET", "/apis/apps/v1/deployments", ""),
    ("DELETE", "/apis/batch/v1/namespaces/sync/jobs/other", ""),
    (
        "PATCH",
        "/apis/rbac.authorization.k8s.io/v1/namespaces/media/roles/mqtt-kube",
        r#"{"rules":[]}"#,
    ),
    (
        "POST",
        "/api/v1/namespaces/iot/serviceaccounts/mqtt-kube/token",
        "{}",
    ),
];

/// A new token of the service account, bound to the Secret [`LEASE`] when `leased`.
pub(super) async fn token(site: &Site, leased: bool) -> String {
    let mut args = vec!["-n", "iot", "create", "token", "mqtt-kube", "--duration", "10m"];
    if leased {
        args.extend(["--bound-object-kind", "Secret", "--bound-object-name", LEASE]);
    }
    site.kubectl(&args).await.trim().to_owned()
}

/// Writes the Secret from which the updated pod takes its token.
pub(super) async fn hand_over(site: &Site, token: &str) {
    let secret = json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": { "name": "mqtt-kube-token", "namespace": "iot" },
        "stringData": { "token": token },
    });
    site.kubectl_with(&["apply", "-f", "-"], &secret.to_string())
        .await;
}

/// Nothing but the token, as who steals it would use it.
pub(super) async fn bearer(site: &Site, token: &str) -> Client {
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "thief",
        "contexts": [{ "name": "thief", "context": { "cluster": "here", "user": "thief" } }],
        "clusters": [{ "name": "here", "cluster": {
            "server": site.plane.url(),
            "certificate-authority": site.plane.folder().join("ca.crt"),
        } }],
        "users": [{ "name": "thief", "user": { "token": token } }],
    });
    let path = site.plane.folder().join("thief.kubeconfig");
    std::fs::write(&path, kubeconfig.to_string()).unwrap();
    client(&path).await.unwrap()
}

/// The status code of a request.
pub(super) async fn status(client: &Client, method: &str, path: &str, body: &str) -> u16 {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(
            CONTENT_TYPE,
            if method == "PATCH" {
                "application/strategic-merge-patch+json"
            } else {
                "application/json"
            },
        )
        .body(body.as_bytes().to_vec())
        .unwrap();
    match client.request_text(request).await {
        Ok(_) => 200,
        Err(kube::Error::Api(refusal)) => refusal.code,
        Err(error) => panic!("{method} {path}: {error}"),
    }
}

/// Makes all hostile requests with a token of the program.
pub(super) async fn is_harmless(site: &Site) {
    let thief = bearer(site, &token(site, false).await).await;
    let watch = "/apis/apps/v1/namespaces/media/deployments?fieldSelector=metadata.name%3Djellyfin";
    assert_eq!(status(&thief, "GET", watch, "").await, 200, "the token is valid");
    for (method, path, body) in HOSTILE {
        assert_eq!(
            status(&thief, method, path, body).await,
            403,
            "{method} {path} with the token of the program"
        );
    }
}
