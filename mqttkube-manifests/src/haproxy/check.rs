//! Health checks: an MQTT CONNECT and the answer to it.

use std::fmt::Write as _;

use crate::broker::Redacted;

/// An MQTT 3.1.1 CONNECT without a session, and a DISCONNECT when it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HealthCheck {
    /// Client id, default `hc`. Empty lets the broker choose: for several proxies, which would take one id from each other.
    pub client_id: String,
    /// Who it logs in as; without a login the broker must let it in without one, or [`any_answer`](Self::any_answer).
    pub login: Option<Login>,
    /// A refusal counts as alive too: the broker answers, and no password is needed.
    pub any_answer: bool,
}

/// A user for health checks. It needs no rights on any topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    /// User name.
    pub user: String,
    /// Its password; it stands in the configuration, which therefore belongs into a Secret.
    pub password: Redacted,
}

impl Default for HealthCheck {
    fn default() -> Self {
        Self {
            client_id: "hc".to_owned(),
            login: None,
            any_answer: false,
        }
    }
}

impl HealthCheck {
    /// The CONNECT as hexadecimal digits; `None` when a text is longer than MQTT takes.
    pub(super) fn connect(&self) -> Option<String> {
        // Clean session; with a login also user name and password.
        let flags = if self.login.is_some() { 0xC2 } else { 0x02 };
        let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, flags, 0, 5];
        text(&mut body, &self.client_id)?;
        if let Some(login) = &self.login {
            text(&mut body, &login.user)?;
            text(&mut body, login.password.reveal())?;
        }
        let mut packet = vec![0x10];
        length(&mut packet, body.len());
        packet.extend(body);
        Some(packet.iter().fold(String::new(), |mut hex, byte| {
            let _ = write!(hex, "{byte:02x}");
            hex
        }))
    }

    /// The beginning of an answer that counts.
    pub(super) const fn expected(&self) -> &'static str {
        if self.any_answer { "^2002" } else { "^20020000" }
    }
}

fn text(body: &mut Vec<u8>, text: &str) -> Option<()> {
    body.extend(u16::try_from(text.len()).ok()?.to_be_bytes());
    body.extend(text.as_bytes());
    Some(())
}

/// MQTT 3.1.1, section 2.2.3.
fn length(packet: &mut Vec<u8>, mut length: usize) {
    loop {
        let byte = u8::try_from(length % 128).unwrap_or_default();
        length /= 128;
        packet.push(if length > 0 { byte | 0x80 } else { byte });
        if length == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connect_is_that_of_mqtt_3_1_1() {
        let connect = |check: &HealthCheck| check.connect().expect("short enough");
        assert_eq!(
            connect(&HealthCheck::default()),
            "100e00044d5154540402000500026863"
        );
        let login = Login {
            user: "u".to_owned(),
            password: "p".into(),
        };
        let check = HealthCheck {
            login: Some(login),
            ..HealthCheck::default()
        };
        assert_eq!(connect(&check), "101400044d51545404c2000500026863000175000170");
        let long = HealthCheck {
            client_id: "x".repeat(200),
            ..HealthCheck::default()
        };
        assert!(connect(&long).starts_with("10d401"));
        let endless = HealthCheck {
            client_id: "x".repeat(70_000),
            ..HealthCheck::default()
        };
        assert_eq!(endless.connect(), None);
    }
}
