//! The stories of bindings with Mosquitto and a real kube-apiserver.

use mqttkube_tests::any_broker::Broker;
use mqttkube_tests::api_faults::Gate;
use mqttkube_tests::process::MosquittoOptions;
use mqttkube_tests::skip::{Need, lacks};

use crate::api_server::shared;
use crate::bindings::{Scene, stories};

async fn scene(story: &str) -> Option<Scene> {
    if lacks(&[Need::Mosquitto, Need::ApiServer]) {
        return None;
    }
    let broker = MosquittoOptions::default().persistent(1).start().await.unwrap();
    // A client belongs to the runtime of its test.
    let client = shared().await.client().await.unwrap();
    let gate = Gate::before(client.clone());
    Some(Scene::new(Broker::Mosquitto(Box::new(broker)), gate, client, story).await)
}

stories!(super::scene);
