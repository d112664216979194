//! Who is let in.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt5::packet::connect::ConnectPacket;
use mqtt5::types::ReasonCode;

use super::token::{Key, Policy, Refusal};

/// The clients that a cloud knows, and what they prove their names with. The default knows nobody and lets everybody in.
#[derive(Clone, Debug, Default)]
pub struct Door {
    policy: Option<Policy>,
    clients: BTreeMap<String, Client>,
    /// By device id.
    devices: BTreeMap<String, Key>,
    guests: bool,
}

#[derive(Clone, Debug)]
struct Client {
    key: Key,
    username: Option<String>,
    method: Option<String>,
}

/// Somebody whom the door let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Admitted {
    /// Not a client that the cloud knows: it may do everything, and nothing is counted against it.
    Guest,
    /// A known client; its token ends at this time in seconds since 1970.
    Known(Option<u64>),
}

impl Door {
    /// Lets nobody in who is not named by [`client`](Self::client). Tokens must be for `audience`; clocks may differ by
    /// `skew`.
    pub fn new(audience: &str, skew: Duration) -> Self {
        let policy = Policy {
            audience: audience.to_owned(),
            skew,
        };
        Self {
            policy: Some(policy),
            ..Self::default()
        }
    }

    /// A client by its MQTT client id.
    #[must_use]
    pub fn client(self, id: &str, key: Key) -> Self {
        self.with(id, key, None, None)
    }

    /// A client that has to send this user name as well.
    #[must_use]
    pub fn client_named(self, id: &str, username: &str, key: Key) -> Self {
        self.with(id, key, Some(username), None)
    }

    /// A client of Event Grid: it has to send its id as user name, no password, and the token as data of this method.
    #[must_use]
    pub fn client_by(self, id: &str, method: &str, key: Key) -> Self {
        self.with(id, key, Some(id), Some(method))
    }

    fn with(mut self, id: &str, key: Key, username: Option<&str>, method: Option<&str>) -> Self {
        let client = Client {
            key,
            username: username.map(str::to_owned),
            method: method.map(str::to_owned),
        };
        self.clients.insert(id.to_owned(), client);
        self
    }

    /// A device that a gateway may attach, by its device id.
    #[must_use]
    pub fn device(mut self, id: &str, key: Key) -> Self {
        self.devices.insert(id.to_owned(), key);
        self
    }

    /// Clients that come without a password are let in as well, under ids that no known client has.
    #[must_use]
    pub fn guests(mut self) -> Self {
        self.guests = true;
        self
    }

    /// Whether this CONNECT is let in at `now`, in seconds since 1970.
    pub(super) fn admit(&self, packet: &ConnectPacket, now: u64) -> Result<Admitted, (ReasonCode, String)> {
        let Some(policy) = &self.policy else {
            return Ok(Admitted::Guest);
        };
        let Some(client) = self.clients.get(&packet.client_id) else {
            if self.guests && packet.password.is_none() {
                return Ok(Admitted::Guest);
            }
            let id = &packet.client_id;
            return Err((ReasonCode::NotAuthorized, format!("nobody is called {id}")));
        };
        if client.username.is_some() && client.username != packet.username {
            return Err((ReasonCode::BadUsernameOrPassword, "wrong user name".to_owned()));
        }
        let method = packet.properties.get_authentication_method();
        if client.method.as_ref() != method || (method.is_some() && packet.password.is_some()) {
            return Err((ReasonCode::BadAuthenticationMethod, "wrong method".to_owned()));
        }
        // Event Grid: the token is the data of enhanced authentication.
        let data = packet.properties.get_authentication_data();
        let token = data.or(packet.password.as_deref()).unwrap_or_default();
        policy
            .check(&client.key, &String::from_utf8_lossy(token), now)
            .map(Admitted::Known)
            .map_err(|refusal| (reason(&refusal), format!("{refusal:?}")))
    }

    /// The new expiry when a client of that id shows another token on its connection.
    pub(super) fn renew(&self, id: &str, token: &[u8], now: u64) -> Result<Option<u64>, String> {
        let (Some(policy), Some(client)) = (&self.policy, self.clients.get(id)) else {
            return Ok(None);
        };
        policy
            .check(&client.key, &String::from_utf8_lossy(token), now)
            .map_err(|refusal| format!("{refusal:?}"))
    }

    /// Whether a gateway may attach this device with the token.
    pub(super) fn attach(&self, device: &str, token: Option<&str>, now: u64) -> Result<(), String> {
        let (Some(policy), Some(key)) = (&self.policy, self.devices.get(device)) else {
            return Err(format!("there is no device {device}"));
        };
        let token = token.ok_or_else(|| format!("{device} has to show a token"))?;
        policy
            .check(key, token, now)
            .map(drop)
            .map_err(|refusal| format!("{device}: {refusal:?}"))
    }

    /// How long after its end a token is still borne with, in milliseconds.
    pub(super) fn skew_millis(&self) -> i64 {
        let skew = self.policy.as_ref().map_or(0, |policy| policy.skew.as_millis());
        i64::try_from(skew).unwrap_or(i64::MAX)
    }
}

/// 4 and 5 on MQTT 3.1.1, 0x86 and 0x87 on MQTT 5.
fn reason(refusal: &Refusal) -> ReasonCode {
    if refusal.is_about_time() {
        ReasonCode::NotAuthorized
    } else {
        ReasonCode::BadUsernameOrPassword
    }
}
