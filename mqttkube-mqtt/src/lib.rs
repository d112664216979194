//! One MQTT session.
