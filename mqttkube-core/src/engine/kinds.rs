//! What is known of the kinds at this moment.

use std::sync::Arc;

use crate::event::Resource;
use crate::ids::KindId;
use crate::kinds::Kind;
use crate::plan::Plan;

/// One kind as far as discovery got.
#[derive(Debug, Clone)]
pub(super) struct KindNow {
    pub(super) resource: Arc<Resource>,
    pub(super) scale: bool,
    pub(super) state: KindState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum KindState {
    /// Plural, scope and scale are facts.
    Resolved,
    /// Nobody could be asked yet.
    Unknown,
    /// The API server does not know it.
    Missing,
}

/// Every kind of the plan.
#[derive(Debug)]
pub(super) struct Kinds(Vec<KindNow>);

impl Kinds {
    pub(super) fn new(plan: &Plan) -> Self {
        Self(plan.kinds().iter().map(KindNow::new).collect())
    }

    pub(super) fn get(&self, id: KindId) -> &KindNow {
        &self.0[id.0 as usize]
    }

    /// Discovery answered.
    pub(super) fn resolve(&mut self, id: KindId, resource: Resource, scale: bool) {
        if let Some(kind) = self.0.get_mut(id.0 as usize) {
            *kind = KindNow {
                resource: Arc::new(resource),
                scale,
                state: KindState::Resolved,
            };
        }
    }

    /// Discovery answered that there is no such kind.
    pub(super) fn lose(&mut self, id: KindId) {
        if let Some(kind) = self.0.get_mut(id.0 as usize) {
            kind.state = KindState::Missing;
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &KindNow> {
        self.0.iter()
    }
}

impl KindNow {
    /// `apps/v1/Deployment`
    pub(super) fn full_name(&self) -> String {
        format!("{}/{}", self.resource.api_version(), self.resource.kind)
    }

    fn new(kind: &Kind) -> Self {
        Self {
            resource: Arc::clone(kind.resource()),
            scale: kind.has_scale(),
            state: if kind.is_resolved() {
                KindState::Resolved
            } else {
                KindState::Unknown
            },
        }
    }
}
