//! The configuration that all fault tests run with.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;

/// The objects that commands change, `o0` to `o7`.
pub(super) const OBJECTS: u64 = 8;

/// How the program is configured.
#[derive(Clone, Debug)]
pub(super) struct Settings {
    /// How it reaches the API server.
    pub(super) kubeconfig: PathBuf,
    /// How it reaches the broker.
    pub(super) broker: SocketAddr,
    pub(super) http_port: u16,
    pub(super) namespace: String,
    /// Unacknowledged commands at once; the same for the control consumer.
    pub(super) receive_maximum: u16,
    pub(super) request_timeout: &'static str,
    pub(super) watch_timeout: &'static str,
    /// Further bindings, as YAML list items indented by two.
    pub(super) more: String,
}

impl Settings {
    /// The file.
    pub(super) fn yaml(&self) -> String {
        let namespace = &self.namespace;
        let mut text = format!(
            "mqtt: {{host: {}, port: {}, client-id: {}, keepalive: 5s, receive-maximum: {}}}\n\
             http: {{bind: 127.0.0.1, port: {}}}\n\
             logging: {{level: DEBUG}}\n\
             kubernetes: {{kubeconfig: {}, request-timeout: {}, watch-timeout: {}}}\n\
             bindings:\n",
            self.broker.ip(),
            self.broker.port(),
            self.client_id(),
            self.receive_maximum,
            self.http_port,
            self.kubeconfig.display(),
            self.request_timeout,
            self.watch_timeout,
        );
        for object in (0..OBJECTS).map(name) {
            // Writing to a text cannot fail.
            let _ = write!(
                text,
                "  - {{namespace: {namespace}, resource: ConfigMap, name: {object}, id: {object},\n\
                 \x20    patch: {{topic: cmd/{object}, locus: data.command, type: string, result: res/{object}}},\n\
                 \x20    watch: {{topic: state/{object}, locus: data.state, qos: 1, retain: true}}}}\n",
            );
        }
        // Launches that the publisher identifies, and launches that only their delivery does.
        for (id, launched) in [("named", "run-${topic[2]}"), ("plain", "run-${topic[2]}-${uid}")] {
            let _ = write!(
                text,
                "  - namespace: {namespace}\n    resource: ConfigMap\n    name: {id}\n    id: {id}\n    action:\n\
                 \x20     topic: launch/{id}/+\n      values: {{map: {{RUN: launch}}}}\n      allow: [launch]\n\
                 \x20     result: res/{id}\n\
                 \x20     launch: {{apiVersion: v1, kind: ConfigMap, metadata: {{name: \"{launched}\"}}}}\n",
            );
        }
        text.push_str(&self.more);
        text
    }

    /// The client id of the program.
    pub(super) fn client_id(&self) -> String {
        format!("program-{}", self.namespace)
    }
}

/// The name of an object that commands change.
pub(super) fn name(object: u64) -> String {
    format!("o{object}")
}
