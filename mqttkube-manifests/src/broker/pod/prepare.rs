//! The container that runs before the broker: it hashes passwords, fills in those of bridges, seeds dynamic security.

use super::digest::slow_digest;
use super::{Making, PASSWD_KEY};
use crate::broker::{AuthMethod, BridgePassword, Credential, DynamicSecurity, files, place};
use crate::build::{Container, Key, Resources, Source, Volume};
use crate::name::{ConfigKey, DnsLabel};

const PREPARE_KEY: ConfigKey = ConfigKey::literal("prepare.sh");
const SEED_KEY: ConfigKey = ConfigKey::literal("dynamic-security.json");

impl Making<'_> {
    /// The script that puts files together. Gives whether there is one.
    pub(super) fn prepare(&mut self, config_files: &mut Vec<Key>, data: Option<&Volume>) -> bool {
        let Some(script) = files::prepare(self.broker) else {
            return false;
        };
        debug_assert!(
            files::own_seed(self.broker).is_none() || data.is_some(),
            "the check asks for a volume"
        );
        self.hashed.push_str(&script);
        config_files.push(self.config.file(PREPARE_KEY, script));
        true
    }

    /// What the script reads.
    fn seed(&mut self) -> Vec<Key> {
        let mut keys = Vec::new();
        if self.broker.hashes_in_pod() {
            let known = files::passwords(self.broker).to_string();
            if !known.is_empty() {
                self.hashed.push_str(&known);
                keys.push(self.secret.file(PASSWD_KEY, known));
            }
        }
        for (index, user) in files::plain_users(self.broker) {
            if let Credential::Secret(key) = &user.credential {
                keys.push(Key::external(key).named(numbered_key("user", index)));
            }
        }
        for index in files::passworded(self.broker) {
            let file = numbered_key("bridge", index);
            match &self.broker.bridges[index].password {
                Some(BridgePassword::Secret(key)) => keys.push(Key::external(key).named(file)),
                Some(BridgePassword::Given(password)) => {
                    self.hashed.push_str(&slow_digest(password.reveal()));
                    keys.push(self.secret.file(file, password.reveal()));
                }
                None => {}
            }
        }
        match &self.broker.auth.method {
            AuthMethod::DynamicSecurity(DynamicSecurity::Secret(key)) => {
                keys.push(Key::external(key).named(SEED_KEY));
            }
            AuthMethod::DynamicSecurity(DynamicSecurity::File(file)) => {
                keys.push(self.secret.file(SEED_KEY, file.write()));
            }
            _ => {}
        }
        keys
    }

    /// The container that runs the script before the broker.
    pub(super) fn preparing(&mut self, prepared: bool, data: Option<&Volume>) -> Option<Container> {
        if !prepared {
            return None;
        }
        let size = || "1Mi".parse().expect("the literal is a quantity");
        let seed = self.seed();
        let seed = self.pod.volume(DnsLabel::literal("seed"), Source::Files(seed));
        let run = self
            .pod
            .volume(DnsLabel::literal("run"), Source::Memory { size: size() });
        let mut container = Container::new(DnsLabel::literal("prepare"), &self.broker.image);
        container.command(&["/bin/sh", &format!("{}/{PREPARE_KEY}", place::CONFIG)]);
        container.resources(Resources::literal("10m", "16Mi"));
        container.mount(&seed, &place::SEED).mount(&run, &place::RUN);
        if self.broker.hashes_in_pod() {
            let tmp = self
                .pod
                .volume(DnsLabel::literal("tmp"), Source::Memory { size: size() });
            container.mount(&tmp, &place::TMP);
        }
        if let Some(data) = data.filter(|_| matches!(self.broker.auth.method, AuthMethod::DynamicSecurity(_)))
        {
            container.mount(data, &place::DATA);
        }
        if self.broker.hashes_in_pod() || files::passworded(self.broker).next().is_some() {
            self.main.mount(&run, &place::RUN);
        }
        Some(container)
    }
}

fn numbered_key(name: &str, index: usize) -> ConfigKey {
    format!("{name}-{index}")
        .parse()
        .expect("a word and a number make a key")
}
