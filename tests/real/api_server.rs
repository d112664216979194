//! A real kube-apiserver behaves as the suite says, so the fake one may, too.

use mqttkube_tests::process::{ControlPlane, ControlPlaneOptions};
use mqttkube_tests::skip::{Need, lacks};
use tokio::sync::OnceCell;

use crate::suite::{World, behaviours};

/// One control plane for all tests that leave it whole, with a namespace for each; it ends with the process.
pub(crate) async fn shared() -> &'static ControlPlane {
    static SHARED: OnceCell<ControlPlane> = OnceCell::const_new();
    SHARED
        .get_or_init(async || ControlPlaneOptions::default().start().await.unwrap())
        .await
}

async fn world(test: &str) -> Option<World> {
    if lacks(&[Need::ApiServer]) {
        return None;
    }
    // A client belongs to the runtime of its test.
    Some(World::new(shared().await.client().await.unwrap(), test).await)
}

behaviours!(super::world);
