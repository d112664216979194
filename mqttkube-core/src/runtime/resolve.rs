//! Where the objects of a kind are served, asked of the API server while the program runs.
//!
//! Kinds that the embedded table knows are not asked for. The others are looked for until they are found, and again
//! when a watch on them finds nothing there any more.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::APIResourceList;
use kube::Client;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::backoff::Backoff;
use super::guard::guarded;
use super::watch::Shared;
use super::{calls, request};
use crate::event::{Event, Resource};
use crate::ids::KindId;
use crate::kinds::Kind;

/// The shortest and the longest time between two looks for a kind that is missing.
const FIRST: Duration = Duration::from_millis(500);
const CAP: Duration = Duration::from_secs(5);

/// Where one kind is served, as far as is known now, and a bell to have it looked up again.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) resource: watch::Receiver<Option<Arc<Resource>>>,
    again: Option<Arc<Notify>>,
}

impl Place {
    /// The kind was not found where it is said to be.
    pub(super) fn doubt(&self) {
        if let Some(again) = &self.again {
            again.notify_one();
        }
    }
}

/// The kinds of one group and version that are not known yet.
struct Group {
    client: Client,
    group: String,
    version: String,
    kinds: Vec<Sought>,
    events: mpsc::Sender<Event>,
    again: Arc<Notify>,
}

struct Sought {
    id: KindId,
    kind: String,
    place: watch::Sender<Option<Arc<Resource>>>,
    told: Told,
}

/// What the engine was told last of a kind.
#[derive(PartialEq)]
enum Told {
    Nothing,
    Missing,
    Found(Arc<Resource>, bool),
}

/// Starts one task for each group and version with kinds to be looked for, and returns the place of every kind.
pub(super) fn start(kinds: &[Kind], shared: &Shared, tasks: &mut JoinSet<()>) -> Vec<Place> {
    let mut groups: BTreeMap<(String, String), Group> = BTreeMap::new();
    let mut places = Vec::with_capacity(kinds.len());
    for (id, kind) in (0..).map(KindId).zip(kinds) {
        let resource = kind.resource();
        if kind.is_resolved() {
            let known = watch::Sender::new(Some(Arc::clone(resource)));
            places.push(Place {
                resource: known.subscribe(),
                again: None,
            });
            continue;
        }
        let group = groups
            .entry((resource.group.clone(), resource.version.clone()))
            .or_insert_with(|| Group {
                client: guarded(shared, &Arc::new(Notify::new())),
                group: resource.group.clone(),
                version: resource.version.clone(),
                kinds: Vec::new(),
                events: shared.events.clone(),
                again: Arc::new(Notify::new()),
            });
        let place = watch::Sender::new(None);
        places.push(Place {
            resource: place.subscribe(),
            again: Some(Arc::clone(&group.again)),
        });
        group.kinds.push(Sought {
            id,
            kind: resource.kind.clone(),
            place,
            told: Told::Nothing,
        });
    }
    for group in groups.into_values() {
        tasks.spawn(group.run());
    }
    places
}

impl Group {
    async fn run(mut self) {
        let mut backoff = Backoff::new(FIRST, CAP, super::seed());
        loop {
            let complete = match self.ask().await {
                Ok(served) => self.tell(served.as_ref()).await,
                Err(error) => {
                    tracing::debug!(
                        group = self.group,
                        version = self.version,
                        error,
                        "API discovery failed"
                    );
                    false
                }
            };
            if complete {
                backoff.reset();
                self.again.notified().await;
            } else {
                // A doubt while a kind is missing anyway changes nothing.
                let _ = timeout(backoff.wait(), self.events.closed()).await;
            }
            if self.events.is_closed() {
                return;
            }
        }
    }

    /// The resources of the group; `None` when the API server does not know it.
    async fn ask(&self) -> Result<Option<APIResourceList>, String> {
        let mut asked = http::Request::new(Vec::new());
        let path = request::collection(&self.group, &self.version);
        *asked.uri_mut() = path
            .parse()
            .map_err(|error| format!("{path:?} cannot be a URL: {error}"))?;
        match self.client.request(asked).await {
            Ok(served) => Ok(Some(served)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(calls::chain(&error)),
        }
    }

    /// Tells the engine and the watches what is new. True when nothing is missing.
    async fn tell(&mut self, served: Option<&APIResourceList>) -> bool {
        let mut complete = true;
        for sought in &mut self.kinds {
            let found = served.and_then(|served| find(served, &self.group, &self.version, &sought.kind));
            let told = found.map_or(Told::Missing, |(resource, scale)| Told::Found(resource, scale));
            complete &= told != Told::Missing;
            if sought.told == told {
                continue;
            }
            let kind = sought.id;
            let (event, place) = match &told {
                Told::Found(resource, scale) => {
                    let resource = Arc::clone(resource);
                    (
                        Event::Kind {
                            kind,
                            resource: Resource::clone(&resource),
                            scale: *scale,
                        },
                        Some(resource),
                    )
                }
                Told::Missing | Told::Nothing => (Event::KindMissing { kind }, None),
            };
            // The loop is gone when nobody listens; `run` sees that.
            let _ = self.events.send(event).await;
            sought.place.send_replace(place);
            sought.told = told;
        }
        complete
    }
}

fn find(served: &APIResourceList, group: &str, version: &str, kind: &str) -> Option<(Arc<Resource>, bool)> {
    let found = served
        .resources
        .iter()
        .find(|one| one.kind == kind && !one.name.contains('/'))?;
    let subresource = format!("{}/scale", found.name);
    let scale = served.resources.iter().any(|one| one.name == subresource);
    let resource = Resource {
        group: group.to_owned(),
        version: version.to_owned(),
        kind: kind.to_owned(),
        plural: found.name.clone(),
        namespaced: found.namespaced,
    };
    Some((Arc::new(resource), scale))
}
