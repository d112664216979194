//! Where `${env:NAME}` and `${file:PATH}` are found: in the environment and the files of this process.

use std::io;

use mqttkube_mapping::yaml::SecretLookup;

/// This process.
#[derive(Clone, Copy, Debug)]
pub struct Process;

impl SecretLookup for Process {
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str) -> io::Result<String> {
        std::fs::read_to_string(path)
    }
}
