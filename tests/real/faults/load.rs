//! Commands and changes at a steady pace.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use k8s_openapi::api::core::v1::ConfigMap;
use kube::Api;
use kube::api::{Patch, PatchParams};
use mqttkube_tests::mqtt_probe::{Message, Options, Probe};
use serde_json::json;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::config::{OBJECTS, name};

/// 100 commands per second, of which ten are launches.
const COMMAND_PACE: Duration = Duration::from_millis(10);
/// 20 changes per second.
const CHANGE_PACE: Duration = Duration::from_millis(50);
/// Every so many commands is a launch; every second launch bears an identity.
const LAUNCHES: u64 = 10;

/// What was sent and changed so far.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Commands that the broker has taken.
    pub(super) sent: u64,
    /// The last change of each object that the API server has taken.
    pub(super) present: BTreeMap<String, u64>,
    /// How many changes these were.
    pub(super) changes: u64,
}

/// The running load; it ends when this is dropped.
pub(super) struct Load {
    stop: watch::Sender<bool>,
    held: watch::Sender<bool>,
    tasks: [JoinHandle<()>; 2],
    done: Arc<Mutex<Done>>,
}

impl Load {
    /// Starts both kinds. `maps` must reach the API server directly, and `broker` be the broker itself.
    pub(super) fn start(broker: SocketAddr, maps: Api<ConfigMap>) -> Self {
        let stop = watch::Sender::new(false);
        let held = watch::Sender::new(false);
        let done = Arc::new(Mutex::new(Done::default()));
        let tasks = [
            tokio::spawn(send(
                broker,
                stop.subscribe(),
                held.subscribe(),
                Arc::clone(&done),
            )),
            tokio::spawn(change(maps, stop.subscribe(), Arc::clone(&done))),
        ];
        Self {
            stop,
            held,
            tasks,
            done,
        }
    }

    /// What was done so far.
    pub(super) fn done<T>(&self, look: impl FnOnce(&Done) -> T) -> T {
        look(&self.done.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The last change of each object.
    pub(super) fn present(&self) -> BTreeMap<String, u64> {
        self.done(|done| done.present.clone())
    }

    /// Sends no commands until [`go_on`](Self::go_on). A broker that forgets sessions keeps commands for nobody
    /// who is not back yet, so how many are lost would only tell who is back first.
    pub(super) fn hold(&self) {
        self.held.send_replace(true);
    }

    /// Ends [`hold`](Self::hold).
    pub(super) fn go_on(&self) {
        self.held.send_replace(false);
    }

    /// Ends both after what they are about, and at least one more command to every object.
    pub(super) async fn stop(&mut self) {
        self.stop.send_replace(true);
        for task in &mut self.tasks {
            let ended = tokio::time::timeout(Duration::from_secs(30), task).await;
            ended.expect("the load ends").expect("the load does not panic");
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// Publishes commands 1, 2, 3, ... one after the other. What the broker did not take for sure is published
/// again, except launches, whose repetition would be a second command.
async fn send(
    broker: SocketAddr,
    stop: watch::Receiver<bool>,
    mut held: watch::Receiver<bool>,
    done: Arc<Mutex<Done>>,
) {
    let mut pace = tokio::time::interval(COMMAND_PACE);
    let mut probe = connect(broker).await;
    let (mut number, mut farewell) = (0, None);
    while farewell != Some(number) {
        if *stop.borrow() && farewell.is_none() {
            farewell = Some(number + 2 * OBJECTS);
        }
        pace.tick().await;
        // The sender lives as long as the load.
        let _ = held.wait_for(|held| !held).await;
        number += 1;
        let message = command(number);
        let sent = loop {
            match probe.publish(&message).await {
                Ok(_) => break true,
                Err(_) => probe = connect(broker).await,
            }
            // Nobody waits for the commands that could not be sent meanwhile.
            pace.reset();
            if number.is_multiple_of(LAUNCHES) {
                break false;
            }
        };
        done.lock().unwrap_or_else(PoisonError::into_inner).sent += u64::from(sent);
    }
}

/// The command of this number.
pub(super) fn command(number: u64) -> Message {
    if !number.is_multiple_of(LAUNCHES) {
        return Message::new(format!("cmd/{}", name(number % OBJECTS)), number.to_string());
    }
    if is_identified(number) {
        return Message {
            correlation_data: Some(format!("launch-{number}").into()),
            ..Message::new(format!("launch/named/{number}"), "RUN")
        };
    }
    Message::new(format!("launch/plain/{number}"), "RUN")
}

/// Whether the command of this number is a launch that bears an identity.
pub(super) fn is_identified(number: u64) -> bool {
    number.is_multiple_of(2 * LAUNCHES)
}

async fn connect(broker: SocketAddr) -> Probe {
    loop {
        if let Ok(probe) = Probe::connect(broker, Options::default()).await {
            return probe;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Changes the objects one after the other. A change that fails is repeated, unless the object is gone.
async fn change(maps: Api<ConfigMap>, stop: watch::Receiver<bool>, done: Arc<Mutex<Done>>) {
    let mut pace = tokio::time::interval(CHANGE_PACE);
    for number in 1.. {
        if *stop.borrow() {
            return;
        }
        pace.tick().await;
        let object = name(number % OBJECTS);
        let patch = Patch::Merge(json!({ "data": { "state": number.to_string() } }));
        let params = PatchParams::default();
        let end = Instant::now() + Duration::from_secs(30);
        while Instant::now() < end {
            let answer = tokio::time::timeout(Duration::from_secs(2), maps.patch(&object, &params, &patch));
            match answer.await {
                Ok(Ok(_)) => {
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.present.insert(object, number);
                    done.changes += 1;
                    break;
                }
                Ok(Err(kube::Error::Api(status))) if status.code == 404 => break,
                _ => {
                    pace.reset();
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }
}
