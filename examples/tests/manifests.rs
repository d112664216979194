//! `mqttkube-manifests` as people and programs call it.

#[path = "manifests/broken.rs"]
mod broken;
#[path = "manifests/check.rs"]
mod check;
#[path = "manifests/passwd.rs"]
mod passwd;
#[path = "manifests/program.rs"]
mod program;
#[path = "manifests/render.rs"]
mod render;
