//! What goes out over a bridge and is sent back by the other end.

use super::service::service_of;
use crate::Connection;
use crate::analysis::{Finding, Link, Remote, Severity, echo};
use crate::lint::Check;

impl Check<'_> {
    /// A Mosquitto does not send back to a bridge that announces itself. Whether the other end is one is not known,
    /// unless its name is that of a service.
    pub(in crate::lint) fn echo(&self, bridge: &Connection) -> Option<Finding> {
        let mut finding = self.unannounced_echo(bridge)?;
        let announces = bridge.options.try_private != Some(false);
        if announces && service_of(bridge).is_none() {
            finding.severity = Severity::Note;
            finding.message += ", unless the other end is a Mosquitto";
        }
        Some(finding)
    }

    /// What comes back when the other end takes the bridge for any client.
    pub(super) fn unannounced_echo(&self, bridge: &Connection) -> Option<Finding> {
        let link = Link::from_connection(self.config, bridge, Remote::Unknown, self.version);
        echo(&Link {
            announces: false,
            ..link
        })
    }
}
