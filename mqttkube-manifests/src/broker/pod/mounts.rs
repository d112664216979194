//! What the broker reads from its mounts: passwords and rights, certificates, its database.

use mqttkube_mosquitto::Version;

use super::{Making, PASSWD_KEY, numbered};
use crate::broker::{AuthMethod, files, place};
use crate::build::{Key, Source, Volume};
use crate::name::{ConfigKey, DnsLabel};

const ACL_KEY: ConfigKey = ConfigKey::literal("acl");
const CERTIFICATE_KEY: ConfigKey = ConfigKey::literal("tls.crt");
const KEY_KEY: ConfigKey = ConfigKey::literal("tls.key");
const AUTHORITY_KEY: ConfigKey = ConfigKey::literal("ca.crt");

impl Making<'_> {
    /// Passwords and rights that the broker reads from the mounted Secret.
    pub(super) fn auth(&mut self) {
        let mut keys = Vec::new();
        let users = matches!(self.broker.auth.method, AuthMethod::Users(_));
        if users && !self.broker.hashes_in_pod() {
            keys.push(
                self.secret
                    .file(PASSWD_KEY, files::passwords(self.broker).to_string()),
            );
        }
        if let Some(acl) = files::acl(self.broker) {
            keys.push(self.secret.file(ACL_KEY, acl.to_string()));
        }
        if keys.is_empty() {
            return;
        }
        let volume = self.pod.volume(DnsLabel::literal("auth"), Source::Files(keys));
        self.main.mount(&volume, &place::AUTH);
        self.hot.push(place::AUTH);
        if self.broker.version == Version::V2_1 {
            // 2.1 refuses links, and all files of a mounted Secret are links. Nobody but the kubelet can write there, so
            // following them is safe; a copy would not follow changes of the Secret.
            self.main.env("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS", "1");
        }
    }

    pub(super) fn certificates(&mut self) {
        for listener in &self.broker.listeners {
            let Some(secret) = self.broker.certificate_secret(listener) else {
                continue;
            };
            let name = format!("tls-{}", listener.name)
                .parse()
                .expect("a port name is part of a label");
            let keys = [CERTIFICATE_KEY, KEY_KEY].map(|key| Key::of_secret(&secret, key));
            let volume = self.pod.volume(name, Source::Files(keys.into()));
            let folder = place::tls(listener);
            self.main.mount(&volume, &folder);
            self.hot.push(folder);
        }
        if let AuthMethod::ClientCertificates(clients) = &self.broker.auth.method {
            let key = Key::external(&clients.authority).named(AUTHORITY_KEY);
            let volume = self
                .pod
                .volume(DnsLabel::literal("clients"), Source::Files(vec![key]));
            self.main.mount(&volume, &place::CLIENTS);
            self.hot.push(place::CLIENTS);
        }
        for (index, bridge) in self.broker.bridges.iter().enumerate() {
            let Some(tls) = &bridge.tls else {
                continue;
            };
            let files = [
                (&tls.authority, AUTHORITY_KEY),
                (&tls.certificate, CERTIFICATE_KEY),
                (&tls.key, KEY_KEY),
            ];
            let keys: Vec<Key> = files
                .into_iter()
                .filter_map(|(key, name)| Some(Key::external(key.as_ref()?).named(name)))
                .collect();
            if !keys.is_empty() {
                let volume = self
                    .pod
                    .volume(numbered("bridge-tls", index), Source::Files(keys));
                self.main.mount(&volume, &place::bridge(index));
            }
        }
    }

    /// The volume of the database.
    pub(super) fn data(&mut self) -> Option<Volume> {
        let claim = self.claim()?;
        let volume = self.pod.volume(DnsLabel::literal("data"), Source::Claim(claim));
        self.main.mount(&volume, &place::DATA);
        self.pod.grace(60);
        Some(volume)
    }
}
