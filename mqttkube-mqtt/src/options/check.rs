//! What options must be like.

use super::{MIB, Options, OptionsBuilder, Transport};
use crate::error::OptionsError;
use crate::message::check_topic;

impl OptionsBuilder {
    /// Checks everything, the TLS files included.
    ///
    /// # Errors
    /// The first option that cannot work.
    pub fn build(mut self) -> Result<Options, OptionsError> {
        if self.host.starts_with('[') && self.host.ends_with(']') {
            self.host = self.host[1..self.host.len() - 1].to_owned();
        }
        if self.host.is_empty() {
            return Err(OptionsError::EmptyHost);
        }
        if self.client_id.is_empty() && !self.session_expiry.is_zero() {
            return Err(OptionsError::EmptyClientId);
        }
        if !cfg!(feature = "websocket") && self.transport != Transport::Tcp {
            return Err(OptionsError::NoWebSocket);
        }
        self.check_ranges()?;
        if let Some(availability) = &self.availability {
            check_topic(&availability.topic).map_err(OptionsError::Availability)?;
        }
        if let Some(tls) = &self.tls {
            tls.load(&self.host)?;
        }
        Ok(Options { inner: self })
    }

    fn check_ranges(&self) -> Result<(), OptionsError> {
        let seconds = self.keep_alive.as_secs();
        let checks = [
            (
                "keep-alive",
                format!("{:?}", self.keep_alive),
                (5..=64_800).contains(&seconds),
                "5s to 18h",
            ),
            (
                "session-expiry",
                format!("{:?}", self.session_expiry),
                self.session_expiry.as_secs() <= u64::from(u32::MAX),
                "0s to 4294967295s",
            ),
            (
                "receive-maximum",
                self.receive_maximum.to_string(),
                self.receive_maximum > 0,
                "1 to 65535",
            ),
            (
                "in-flight",
                self.in_flight.to_string(),
                (1..=1000).contains(&self.in_flight),
                "1 to 1000",
            ),
            (
                "outbox",
                self.outbox.to_string(),
                (1..=1_000_000).contains(&self.outbox),
                "1 to 1000000",
            ),
            (
                "max-payload",
                self.max_payload.to_string(),
                self.max_payload <= 255 * MIB,
                "0 to 255MiB",
            ),
            (
                "max-publish",
                self.max_publish.to_string(),
                self.max_publish <= 255 * MIB,
                "0 to 255MiB",
            ),
            (
                "connect-timeout",
                format!("{:?}", self.connect_timeout),
                !self.connect_timeout.is_zero() && self.connect_timeout.as_secs() <= 3600,
                "up to 1h",
            ),
            (
                "reconnect",
                format!("{:?} to {:?}", self.reconnect.min, self.reconnect.max),
                self.reconnect.min <= self.reconnect.max && self.reconnect.max.as_secs() <= 86_400,
                "the shortest pause first, at most 24h",
            ),
        ];
        for (name, value, good, range) in checks {
            if !good {
                return Err(OptionsError::OutOfRange { name, value, range });
            }
        }
        Ok(())
    }
}
