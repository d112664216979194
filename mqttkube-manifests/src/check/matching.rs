//! Selectors and the pods that they fit, found without looking at every pair: a bundle may hold thousands of both.

use std::collections::HashMap;

use serde_json::Value;

use super::pod::Pod;
use crate::bundle::Bundle;
use crate::object::Object;

/// A namespace, and a label with its value.
type Pair<'a> = (Option<&'a str>, &'a str, &'a str);

/// The pods of a bundle by their labels, and its Services by the rarest label that they ask for.
pub(super) struct Matching<'p, 'a> {
    all: &'p [Pod<'a>],
    pods: HashMap<Pair<'a>, Vec<usize>>,
    services: HashMap<Pair<'a>, Vec<&'a Object>>,
}

impl<'p, 'a> Matching<'p, 'a> {
    pub(super) fn new(bundle: &'a Bundle, all: &'p [Pod<'a>]) -> Self {
        let mut pods: HashMap<Pair<'a>, Vec<usize>> = HashMap::new();
        for (at, pod) in all.iter().enumerate() {
            for (key, value) in pairs(pod.labels) {
                pods.entry((pod.namespace(), key, value)).or_default().push(at);
            }
        }
        let mut services: HashMap<Pair<'a>, Vec<&'a Object>> = HashMap::new();
        for object in bundle
            .objects()
            .iter()
            .filter(|object| object.kind() == "Service")
        {
            if let Some(rarest) = rarest(&pods, object.namespace(), object.at("/spec/selector")) {
                services.entry(rarest).or_default().push(object);
            }
        }
        Self { all, pods, services }
    }

    /// The pods that a selector in the form of `matchLabels` fits; an absent or empty one fits none.
    pub(super) fn pods(
        &self,
        namespace: Option<&str>,
        selector: &Value,
    ) -> impl Iterator<Item = &'p Pod<'a>> {
        let all = self.all;
        let rarest = rarest(&self.pods, namespace, selector);
        let found = rarest.and_then(|pair| self.pods.get(&pair));
        let fitting: Vec<&'p Pod<'a>> = found
            .into_iter()
            .flatten()
            .map(|at| &all[*at])
            .filter(|pod| pod.fits(selector))
            .collect();
        fitting.into_iter()
    }

    /// The Services that select a pod.
    pub(super) fn services(&self, pod: &Pod<'a>) -> Vec<&'a Object> {
        pairs(pod.labels)
            .filter_map(|(key, value)| self.services.get(&(pod.namespace(), key, value)))
            .flatten()
            .copied()
            .filter(|service| pod.fits(service.at("/spec/selector")))
            .collect()
    }
}

/// The label of a selector that the fewest pods have: many have those that say no more than what they are.
fn rarest<'s>(
    pods: &HashMap<Pair<'_>, Vec<usize>>,
    namespace: Option<&'s str>,
    selector: &'s Value,
) -> Option<Pair<'s>> {
    let many = |pair: &Pair<'s>| pods.get(pair).map_or(0, Vec::len);
    pairs(selector)
        .map(|(key, value)| (namespace, key, value))
        .min_by_key(many)
}

fn pairs(labels: &Value) -> impl Iterator<Item = (&str, &str)> {
    labels
        .as_object()
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.as_str(), value.as_str()?)))
}
