//! Real programs, started by tests and gone with them.

mod child;
mod control_plane;
mod etcd;
mod images;
mod mosquitto;
mod node;
pub mod programs;
pub mod tls;

pub use child::{Process, Spec, faketime, find, free_port};
pub use control_plane::{ControlPlane, ControlPlaneOptions, client};
pub use images::{MOSQUITTO, copy_with_libraries, image, mosquitto_image, program_image};
pub use mosquitto::{Mosquitto, MosquittoOptions};
pub use node::Node;
