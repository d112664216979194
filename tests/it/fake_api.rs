//! The fake API behaves as the suite says.

use mqttkube_tests::fake_api::FakeApi;

use crate::suite::{World, behaviours};

async fn world(test: &str) -> Option<World> {
    Some(World::new(FakeApi::new().client(), test).await)
}

behaviours!(super::world);
