//! The parts that bundles are put together from: pods, volumes, probes, Services, policies, budgets, routes.
//!
//! References are handles. A [`Volume`] comes from the pod that has it, a [`ContainerPort`] from its container, a
//! [`Key`] from the ConfigMap or Secret that holds it, an [`Account`] and a selector from the [`App`]: a name that
//! nothing has cannot be written.
//!
//! ```
//! use mqttkube_manifests::build::{App, ConfigMap, Container, Pod, Probe, Profile, Service, Source, workload};
//! use mqttkube_manifests::name::{AbsolutePath, ConfigKey, DnsLabel, Port, PortName};
//!
//! let app = App::new("greeter", "hello".parse()?, "web".parse()?);
//! let mut config = ConfigMap::new(&app, "hello-config");
//! let greeting = config.file(ConfigKey::literal("greeting.txt"), "good morning\n");
//!
//! let mut pod = Pod::new(&app, &app.account(), Profile::Restricted { user: 1000 });
//! let files = pod.volume(DnsLabel::literal("files"), Source::Files(vec![greeting]));
//! let mut container = Container::new(DnsLabel::literal("hello"), &"hello:1.0".parse()?);
//! let http = container.port(PortName::literal("http"), Port::literal(8080));
//! container.mount(&files, &AbsolutePath::literal("/files")).ready(Probe::tcp(&http));
//! pod.container(container);
//!
//! let mut bundle = app.bundle();
//! bundle.add(config.object())?;
//! bundle.add(Service::new(&app, "hello").port(&http).object())?;
//! bundle.add(workload::deployment(&app, &pod, 1, workload::Update::Recreate))?;
//! assert!(bundle.verified().is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod app;
mod budget;
mod container;
mod external;
mod files;
mod pod;
mod policy;
mod probe;
mod profile;
mod route;
mod service;
pub mod workload;

pub use app::{Account, App};
pub use budget::{autoscaler, budget};
pub use container::{Container, ContainerPort, Resources};
pub use external::{ExternalSecret, Store};
pub use files::{ConfigMap, Key, Secret};
pub use pod::{Claim, Pod, Source, Volume};
pub use policy::{Allowed, NetworkPolicy};
pub use probe::Probe;
pub use profile::Profile;
pub use route::{certificate, ingress, pod_monitor, route, service_monitor, tls_route};
pub use service::Service;
