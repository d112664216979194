//! Bundles into a cluster, by server-side apply: the only part of this crate that does IO (feature `apply`).
//!
//! The caller brings the client. Every call and every wait has a deadline, and every problem names its object. Before
//! anything is changed the API server is asked about all of it (a dry run), so that a bundle is applied whole or not at all.

mod cluster;
mod difference;
mod error;
mod ready;
mod set;

use std::time::{Duration, Instant};

use kube::Client;
use serde_json::Value;

use self::cluster::Cluster;
use self::set::Set;
use crate::bundle::VerifiedBundle;
use crate::object::ObjectKey;
use crate::render::objects;

pub use difference::FieldChange;
pub use error::{ApplyError, ObjectProblem, Problem};

/// Who owns the fields that are applied.
pub const FIELD_MANAGER: &str = "mqttkube-manifests";

/// How long to wait between two looks at an object that is not ready.
const PAUSE: Duration = Duration::from_millis(300);

/// How a bundle is applied.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Takes fields over that somebody else applied; without it that is a conflict. False.
    pub force: bool,
    /// Asks the API server, and changes nothing. False.
    pub dry_run: bool,
    /// Deletes objects that an earlier bundle of this set had and this one has not. None: nothing is deleted.
    pub prune: Option<PruneSet>,
    /// How long one answer of the API server may take. 30 s.
    pub deadline: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            force: false,
            dry_run: false,
            prune: None,
            deadline: Duration::from_secs(30),
        }
    }
}

/// A set of objects that come and go together, kept as an ApplySet (KEP 3659): all bear a label, and a ConfigMap holds
/// which kinds there are in which namespaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PruneSet {
    /// The name of that ConfigMap.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

/// What became of one object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// Which.
    pub object: ObjectKey,
    /// What was, or in a dry run would be, done.
    pub outcome: Outcome,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// It was not there.
    Created,
    /// It was different.
    Changed,
    /// It was as it should be.
    Unchanged,
    /// It is no more part of the bundle, and was deleted.
    Pruned,
    /// It is no more part of the bundle, and stays: with a claim, a namespace or a definition data would go.
    Kept,
}

/// What an apply would change.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// In which object.
    pub object: ObjectKey,
    /// What would be done with it.
    pub outcome: Outcome,
    /// Where; empty for what is created or deleted. Data of Secrets is not shown.
    pub fields: Vec<FieldChange>,
}

/// Applies bundles.
///
/// ```no_run
/// # async fn example(client: kube::Client, bundle: &mqttkube_manifests::bundle::VerifiedBundle) -> Result<(), Box<dyn std::error::Error>> {
/// use std::time::Duration;
/// use mqttkube_manifests::apply::{Applier, Options};
///
/// let applier = Applier::new(client, Options::default());
/// for applied in applier.apply(bundle).await? {
///     println!("{} {:?}", applied.object, applied.outcome);
/// }
/// applier.wait(bundle, Duration::from_secs(120)).await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Applier {
    cluster: Cluster,
    options: Options,
}

impl std::fmt::Debug for Applier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Applier")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl Applier {
    /// With a client that may do what the bundle needs.
    #[must_use]
    pub const fn new(client: Client, options: Options) -> Self {
        Self {
            cluster: Cluster::new(client, options.deadline, options.force),
            options,
        }
    }

    /// Applies all objects, in order, and prunes.
    ///
    /// # Errors
    /// Everything that the API server has against the bundle; then nothing was changed, unless it changed its mind
    /// between the dry run and the apply.
    pub async fn apply(&self, bundle: &VerifiedBundle) -> Result<Vec<Applied>, ApplyError> {
        let set = self.options.prune.as_ref().map(|set| Set::new(set, bundle));
        let mut applied = self.ask(bundle, set.as_ref()).await?;
        let gone = match &set {
            Some(set) => self.cluster.members(set).await?,
            None => Vec::new(),
        };
        if !self.options.dry_run {
            applied = self.change(bundle, set.as_ref()).await?;
        }
        for object in gone {
            let outcome = if set::is_kept(&object.key) {
                Outcome::Kept
            } else {
                Outcome::Pruned
            };
            if outcome == Outcome::Pruned && !self.options.dry_run {
                self.cluster.delete(&object).await?;
            }
            applied.push(Applied {
                object: object.key,
                outcome,
            });
        }
        if let (Some(set), false) = (&set, self.options.dry_run) {
            let kept = applied.iter().filter(|applied| applied.outcome == Outcome::Kept);
            let parent = set.parent(kept.map(|kept| &kept.object));
            self.cluster.apply(&parent, false).await?;
        }
        Ok(applied)
    }

    /// What [`apply`](Self::apply) would change; unchanged objects are left out.
    ///
    /// # Errors
    /// As those of `apply`.
    pub async fn diff(&self, bundle: &VerifiedBundle) -> Result<Vec<Difference>, ApplyError> {
        let set = self.options.prune.as_ref().map(|set| Set::new(set, bundle));
        let mut differences = Vec::new();
        for (key, before, after) in self.compare(bundle, set.as_ref()).await? {
            let outcome = outcome(before.as_ref(), after.as_ref());
            let fields = match (&before, &after) {
                (Some(before), Some(after)) => difference::fields(before, after),
                _ => Vec::new(),
            };
            differences.push(Difference {
                object: key,
                outcome,
                fields,
            });
        }
        differences.retain(|difference| difference.outcome != Outcome::Unchanged);
        if let Some(set) = &set {
            for object in self.cluster.members(set).await? {
                let kept = set::is_kept(&object.key);
                differences.push(Difference {
                    object: object.key,
                    outcome: if kept { Outcome::Kept } else { Outcome::Pruned },
                    fields: Vec::new(),
                });
            }
        }
        Ok(differences)
    }

    /// Waits until everything in the bundle is ready: workloads have all their pods available and up to date, Jobs are
    /// complete, certificates issued.
    ///
    /// # Errors
    /// All objects that are not ready after `deadline`, each with what it lacks; at once, when a Job failed.
    pub async fn wait(&self, bundle: &VerifiedBundle, deadline: Duration) -> Result<(), ApplyError> {
        let end = Instant::now() + deadline;
        let mut waiting = objects(bundle);
        loop {
            let mut problems = Vec::new();
            let mut rest = Vec::new();
            for object in waiting {
                match ready::state(&self.cluster.get(&object).await?.unwrap_or(Value::Null)) {
                    ready::State::Ready => {}
                    ready::State::Failed(reason) => {
                        return Err(ObjectProblem::of(&object, Problem::Failed(reason)).into());
                    }
                    ready::State::Waiting(reason) => {
                        problems.push(ObjectProblem::of(&object, Problem::NotReady { reason, deadline }));
                        rest.push(object);
                    }
                }
            }
            if rest.is_empty() {
                return Ok(());
            }
            if Instant::now() >= end {
                return Err(ApplyError { problems });
            }
            tokio::time::sleep(PAUSE).await;
            waiting = rest;
        }
    }

    /// A dry run of everything.
    async fn ask(&self, bundle: &VerifiedBundle, set: Option<&Set>) -> Result<Vec<Applied>, ApplyError> {
        let compared = self.compare(bundle, set).await?;
        let applied = compared.into_iter().map(|(object, before, after)| Applied {
            object,
            outcome: outcome(before.as_ref(), after.as_ref()),
        });
        Ok(applied.collect())
    }

    /// Every object as it is and as it would be. The second is unknown where not even its namespace is there.
    async fn compare(
        &self,
        bundle: &VerifiedBundle,
        set: Option<&Set>,
    ) -> Result<Vec<(ObjectKey, Option<Value>, Option<Value>)>, ApplyError> {
        let mut compared = Vec::new();
        let mut problems = Vec::new();
        let mut absent = Vec::new();
        for (object, key) in self.objects(bundle, set) {
            if key
                .namespace
                .as_ref()
                .is_some_and(|namespace| absent.contains(namespace))
            {
                // A dry run would miss the namespace; whether there is such a kind can be said.
                match self.cluster.served(&object).await {
                    Ok(()) => compared.push((key, None, None)),
                    Err(problem) => problems.push(problem),
                }
                continue;
            }
            match self.cluster.compare(&object).await {
                Ok((before, after)) => {
                    if before.is_none() && key.kind == "Namespace" {
                        absent.push(key.name.clone());
                    }
                    compared.push((key, before, Some(after)));
                }
                Err(problem) => problems.push(problem),
            }
        }
        if problems.is_empty() {
            Ok(compared)
        } else {
            Err(ApplyError { problems })
        }
    }

    async fn change(&self, bundle: &VerifiedBundle, set: Option<&Set>) -> Result<Vec<Applied>, ApplyError> {
        let mut applied = Vec::new();
        let mut parent = set;
        for (object, key) in self.objects(bundle, set) {
            // Its namespace is there now; and before anything bears the label, the set must know of the kind.
            if let (Some(set), true) = (parent, key.kind != "Namespace") {
                self.cluster
                    .apply(&self.cluster.widened(set).await?, false)
                    .await?;
                parent = None;
            }
            let before = self.cluster.get(&object).await?;
            let after = self.cluster.apply(&object, false).await?;
            // Not by the resource version: controllers write the status meanwhile.
            let outcome = outcome(before.as_ref(), Some(&after));
            applied.push(Applied { object: key, outcome });
        }
        Ok(applied)
    }

    fn objects(&self, bundle: &VerifiedBundle, set: Option<&Set>) -> Vec<(Value, ObjectKey)> {
        let labelled = objects(bundle).into_iter().map(|mut object| {
            if let Some(set) = set {
                set.label(&mut object);
            }
            object
        });
        let keys = bundle.objects().iter().map(|object| object.key().clone());
        labelled.zip(keys).collect()
    }
}

fn outcome(before: Option<&Value>, after: Option<&Value>) -> Outcome {
    match (before, after) {
        (Some(before), Some(after)) if difference::fields(before, after).is_empty() => Outcome::Unchanged,
        (Some(_), _) => Outcome::Changed,
        (None, _) => Outcome::Created,
    }
}
