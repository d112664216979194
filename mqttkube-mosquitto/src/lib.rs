//! Mosquitto's own files.
