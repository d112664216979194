//! Who can read along: passwords in the clear, TLS and its names, pre-shared keys.

use crate::Connection;
use crate::lint::{Check, Code};
use crate::listener::is_loopback;
use crate::read::Section;

impl Check<'_> {
    pub(super) fn encryption(&mut self, section: Section, bridge: &Connection) {
        let options = &bridge.options;
        let tls = options.uses_tls();
        if options.remote_password.is_some() && options.remote_username.is_none() {
            let line = self.password_line(section);
            self.say(
                Code::BridgePasswordAlone,
                line,
                "it is read and never used",
                "write `remote_username` too",
            );
        }
        if options.remote_password.is_some()
            && !tls
            && !bridge.addresses.iter().all(|a| is_loopback(a.host()))
        {
            let line = self.password_line(section);
            let message = "the bridge has no TLS, so the password can be read on the way";
            self.say(
                Code::BridgePlainPassword,
                line,
                message,
                "write `bridge_cafile` or `bridge_capath`",
            );
        }
        if !tls
            && bridge
                .addresses
                .iter()
                .any(|address| matches!(address.port(), 443 | 8883))
        {
            let line = self.line(section, "address");
            let message =
                "this port speaks TLS, which the bridge does only with authorities or a pre-shared key";
            self.say(
                Code::BridgeNoTls,
                line,
                message,
                "write `bridge_cafile` or `bridge_capath`",
            );
        }
        if options.insecure == Some(true) {
            let line = self.line(section, "bridge_insecure");
            let message =
                "the name in the certificate is not compared: who sits in between gets the password";
            self.say(
                Code::BridgeInsecure,
                line,
                message,
                "remove the line, and connect by the name in the certificate",
            );
        }
        self.tls_version(
            section,
            "bridge_tls_version",
            options.tls_version.as_ref().map(|version| version.as_str()),
        );
    }

    fn password_line(&self, section: Section) -> usize {
        let line = self.document.line_of(section, "remote_password");
        line.unwrap_or_else(|| self.line(section, "password"))
    }

    pub(super) fn pre_shared_key(&mut self, section: Section, bridge: &Connection) {
        let options = &bridge.options;
        if options.psk.is_some() != options.identity.is_some() {
            let line = self
                .line(section, "bridge_psk")
                .max(self.line(section, "bridge_identity"));
            self.say(
                Code::BridgePskPair,
                line,
                "Mosquitto does not start with one of the two",
                "write both",
            );
        }
        let files = [
            &options.cafile,
            &options.capath,
            &options.certfile,
            &options.keyfile,
        ];
        if options.psk.is_some() && files.iter().any(|file| file.is_some()) {
            let line = self.line(section, "bridge_psk");
            self.say(
                Code::BridgePskAndTls,
                line,
                "Mosquitto does not start with both",
                "keep one of the two",
            );
        }
        let hex = |key: &str| key.bytes().all(|byte| byte.is_ascii_hexdigit());
        if options.psk.as_ref().is_some_and(|key| !hex(key.reveal())) {
            let line = self.line(section, "bridge_psk");
            let message = "the key has characters that are no hexadecimal digits; the connection fails";
            self.say(
                Code::BridgePskHex,
                line,
                message,
                "write the digits alone, without `0x`",
            );
        }
    }
}
