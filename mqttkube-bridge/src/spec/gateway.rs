//! The section `gateway`: devices that are attached through ours, each with its own token.

use mqttkube_mapping::yaml::{Cursor, Secret, Section};

use super::cloud::Cloud;
use super::words::{SecretFile, name};
use super::{CredentialKind, Secrets};
use crate::credential::{ScheduleOptions, Shown, Source};
use crate::endpoint::{Endpoint, Profile};

/// A device behind the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Device {
    /// Its id in the registry.
    pub id: String,
    /// Its private key, PEM.
    pub key: Secret,
}

/// Reads the section; `cloud` is `None` when it is wrong, which was reported.
pub(super) fn read(section: &mut Section<'_>, cloud: Option<&Cloud>) -> Vec<Device> {
    let Some(mut gateway) = section.section("gateway", "the section gateway") else {
        return Vec::new();
    };
    let profile = cloud.map(|cloud| cloud.endpoint.profile);
    if profile.is_some_and(|profile| !matches!(profile, Profile::ClearBlade | Profile::GoogleIotCore)) {
        gateway
            .cursor()
            .error("only clearblade and google-iot-core attach devices through a gateway");
    }
    let mut devices: Vec<Device> = Vec::new();
    for cursor in gateway.one_or_many("devices") {
        let Some(device) = device(&cursor) else { continue };
        if devices.iter().any(|known| known.id == device.id) {
            cursor.error(format!("the device {:?} is there twice", device.id));
        }
        devices.push(device);
    }
    gateway.finish();
    devices
}

fn device(cursor: &Cursor<'_>) -> Option<Device> {
    let mut section = cursor.section("a device")?;
    let id = name(&mut section, "id");
    let key = section.required("key").map(|key: SecretFile| key.0);
    section.finish();
    Some(Device { id: id?, key: key? })
}

impl Device {
    /// What issues the device's own tokens, for as long as those of the gateway at `endpoint`.
    #[must_use]
    pub fn source(&self, endpoint: &Endpoint, lifetime: u64, secrets: &Secrets) -> Box<dyn Source> {
        let kind = CredentialKind::Jwt {
            key: self.key.clone(),
            audience: endpoint.audience.clone().unwrap_or_default(),
            issuer: None,
            lifetime,
        };
        let spec = super::CredentialSpec {
            kind,
            shown: Shown::Password,
            schedule: ScheduleOptions::default(),
        };
        spec.source(endpoint, secrets)
    }
}
