//! Files that a configuration names and that must be there.

use super::{Code, Lint};
use crate::read;
use crate::setting::trim_blanks;

/// Directives whose files the broker opens when it starts.
const AT_START: &[&str] = &[
    "acl_file",
    "cafile",
    "certfile",
    "crlfile",
    "dhparamfile",
    "keyfile",
    "password_file",
    "psk_file",
];
/// Directives whose files a bridge opens when it connects; the broker starts without them.
const AT_CONNECT: &[&str] = &[
    "bridge_cafile",
    "bridge_capath",
    "bridge_certfile",
    "bridge_keyfile",
];

/// Files and folders that a `mosquitto.conf` names, in the order of the lines, of which `is_there` says that they are
/// not. The crate opens no file itself: the caller knows from which machine and folder to look.
///
/// ```
/// use mqttkube_mosquitto::{Code, lint_named_files};
///
/// let text = "connection cloud\naddress cloud.example.org:8883\nbridge_cafile /etc/ssl/ca.pem\n";
/// let found = lint_named_files(text, |path| path != "/etc/ssl/ca.pem");
/// assert_eq!((found[0].code, found[0].line), (Code::MissingFile, 3));
/// ```
pub fn lint_named_files(text: &str, mut is_there: impl FnMut(&str) -> bool) -> Vec<Lint> {
    let document = read::document(text);
    let missing = document.entries.iter().filter_map(|entry| {
        let key = entry.key.as_str();
        let effect = if AT_CONNECT.contains(&key) {
            "the broker starts, and the bridge never connects"
        } else if AT_START.contains(&key) {
            "the broker does not start"
        } else if key == "capath" {
            "no certificate of a client is trusted"
        } else {
            return None;
        };
        let path = trim_blanks(&entry.value);
        if path.is_empty() || is_there(path) {
            return None;
        }
        Some(Lint {
            code: Code::MissingFile,
            severity: Code::MissingFile.severity(),
            line: entry.line,
            message: format!("`{key}`: `{path}` is not there: {effect}"),
            help: "correct the path, or put the file there before the broker starts".to_owned(),
        })
    });
    missing.collect()
}
