//! The stories of bindings with everything in process.

use mqttkube_tests::any_broker::Broker;
use mqttkube_tests::api_faults::Gate;
use mqttkube_tests::broker::EmbeddedBroker;
use mqttkube_tests::fake_api::FakeApi;

use crate::bindings::{Scene, stories};

async fn scene(story: &str) -> Option<Scene> {
    let api = FakeApi::new();
    let broker = Broker::Embedded(EmbeddedBroker::start().await.unwrap());
    // A gate of its own for the runtime: what the story itself asks for is neither counted nor broken.
    Some(Scene::new(broker, Gate::before(api.client()), api.client(), story).await)
}

stories!(super::scene);
