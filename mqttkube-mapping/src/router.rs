//! From a topic to everything that listens to it.

use std::collections::HashMap;

use crate::topic::TopicFilter;

/// Filters with the ids that listen to them, as a trie over topic levels.
///
/// Finding the listeners of a topic costs what the levels of the topic cost, not what the number of filters
/// would; it neither allocates nor recurses.
///
/// ```
/// use mqttkube_mapping::{Router, SubscriptionDiff, TopicFilter};
///
/// let filter: TopicFilter = "home/+/set".parse()?;
/// let mut router = Router::new();
/// assert_eq!(router.insert(&filter, 7), SubscriptionDiff::Subscribe(filter.clone()));
/// assert_eq!(router.insert(&filter, 8), SubscriptionDiff::Unchanged);
///
/// let mut heard = Vec::new();
/// router.matches("home/tv/set", |id| heard.push(*id));
/// assert_eq!(heard, [7, 8]);
/// # Ok::<(), mqttkube_mapping::TopicError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Router<Id> {
    /// An arena, so that a filter of 32,768 levels is no deep recursion, not even when it is dropped.
    nodes: Vec<Node<Id>>,
    /// Places in `nodes` that may be used again.
    free: Vec<usize>,
    filters: usize,
}

/// What a change of the router asks of the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "the broker has to be told"]
pub enum SubscriptionDiff {
    /// Nothing: other ids listen to the filter as well, or it was never there.
    Unchanged,
    /// The filter is new.
    Subscribe(TopicFilter),
    /// Nobody listens to the filter any more.
    Unsubscribe(TopicFilter),
}

#[derive(Debug, Clone)]
struct Node<Id> {
    parent: usize,
    /// Whether the edge that leads here is `+`.
    is_plus: bool,
    children: HashMap<Box<str>, usize>,
    plus: Option<usize>,
    /// Listeners of the filter that ends here.
    here: Vec<Id>,
    /// Listeners of the filter that ends here with one more level, `#`.
    below: Vec<Id>,
}

impl<Id> Node<Id> {
    fn new(parent: usize, is_plus: bool) -> Self {
        Self {
            parent,
            is_plus,
            children: HashMap::new(),
            plus: None,
            here: Vec::new(),
            below: Vec::new(),
        }
    }

    fn is_empty(&self) -> bool {
        self.children.is_empty() && self.plus.is_none() && self.here.is_empty() && self.below.is_empty()
    }
}

const ROOT: usize = 0;

impl<Id> Default for Router<Id> {
    fn default() -> Self {
        Self {
            nodes: vec![Node::new(ROOT, false)],
            free: Vec::new(),
            filters: 0,
        }
    }
}

impl<Id> Router<Id> {
    /// A router without filters.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many different filters there are.
    pub fn len(&self) -> usize {
        self.filters
    }

    /// Whether there is no filter at all.
    pub fn is_empty(&self) -> bool {
        self.filters == 0
    }

    /// Calls `found` once for each id of each filter that matches `topic`; an id that listens to several
    /// matching filters is reported once for each of them. Ids of one filter come in the order of their
    /// insertion.
    pub fn matches<'a>(&'a self, topic: &str, mut found: impl FnMut(&'a Id)) {
        if topic.is_empty() {
            return;
        }
        let mut walk = Walk {
            router: self,
            topic,
            reserved: topic.starts_with('$'),
            at: ROOT,
            rest: Some(0),
        };
        loop {
            walk.report(&mut found);
            if !walk.descend() && !walk.back_to_a_plus() {
                return;
            }
        }
    }

    /// The ids that listen to exactly this filter, in the order of their insertion.
    pub fn get(&self, filter: &TopicFilter) -> &[Id] {
        self.find(filter)
            .map_or(&[], |(node, multi)| self.nodes[node].slot(multi))
    }

    /// The node of a filter and whether the filter ends in `#`.
    fn find(&self, filter: &TopicFilter) -> Option<(usize, bool)> {
        let mut at = ROOT;
        for level in filter.levels() {
            if level == "#" {
                return Some((at, true));
            }
            at = self.child_of(at, level)?;
        }
        Some((at, false))
    }

    fn find_or_grow(&mut self, filter: &TopicFilter) -> (usize, bool) {
        let mut at = ROOT;
        for level in filter.levels() {
            if level == "#" {
                return (at, true);
            }
            at = self.child_of(at, level).unwrap_or_else(|| self.grow(at, level));
        }
        (at, false)
    }

    fn child_of(&self, node: usize, level: &str) -> Option<usize> {
        let node = &self.nodes[node];
        if level == "+" {
            node.plus
        } else {
            node.children.get(level).copied()
        }
    }

    fn grow(&mut self, parent: usize, level: &str) -> usize {
        let child = self.place(Node::new(parent, level == "+"));
        if level == "+" {
            self.nodes[parent].plus = Some(child);
        } else {
            self.nodes[parent].children.insert(level.into(), child);
        }
        child
    }

    fn place(&mut self, node: Node<Id>) -> usize {
        if let Some(index) = self.free.pop() {
            self.nodes[index] = node;
            return index;
        }
        self.nodes.push(node);
        self.nodes.len() - 1
    }

    /// Gives back the nodes of a filter that carry nothing any more.
    fn prune(&mut self, filter: &TopicFilter, mut at: usize) {
        let mut levels = filter.as_str().rsplit('/').skip_while(|level| *level == "#");
        while at != ROOT && self.nodes[at].is_empty() {
            let parent = self.nodes[at].parent;
            let level = levels
                .next()
                .expect("every node below the root stands for a level");
            if self.nodes[at].is_plus {
                self.nodes[parent].plus = None;
            } else {
                self.nodes[parent].children.remove(level);
            }
            self.free.push(at);
            at = parent;
        }
    }
}

impl<Id: PartialEq> Router<Id> {
    /// Lets `id` listen to `filter`. An id listens to one filter at most once.
    pub fn insert(&mut self, filter: &TopicFilter, id: Id) -> SubscriptionDiff {
        let (node, multi) = self.find_or_grow(filter);
        let ids = self.nodes[node].slot_mut(multi);
        if ids.contains(&id) {
            return SubscriptionDiff::Unchanged;
        }
        ids.push(id);
        if ids.len() > 1 {
            return SubscriptionDiff::Unchanged;
        }
        self.filters += 1;
        SubscriptionDiff::Subscribe(filter.clone())
    }

    /// Takes `id` off `filter`.
    pub fn remove(&mut self, filter: &TopicFilter, id: &Id) -> SubscriptionDiff {
        let Some((node, multi)) = self.find(filter) else {
            return SubscriptionDiff::Unchanged;
        };
        let ids = self.nodes[node].slot_mut(multi);
        let Some(index) = ids.iter().position(|known| known == id) else {
            return SubscriptionDiff::Unchanged;
        };
        ids.remove(index);
        if !ids.is_empty() {
            return SubscriptionDiff::Unchanged;
        }
        self.prune(filter, node);
        self.filters -= 1;
        SubscriptionDiff::Unsubscribe(filter.clone())
    }
}

impl<Id> Node<Id> {
    fn slot(&self, multi: bool) -> &[Id] {
        if multi { &self.below } else { &self.here }
    }

    fn slot_mut(&mut self, multi: bool) -> &mut Vec<Id> {
        if multi { &mut self.below } else { &mut self.here }
    }
}

/// A depth-first walk over the nodes that a topic reaches. Each node knows its parent and the topic knows its
/// slashes, so the way back needs no stack.
struct Walk<'a, 't, Id> {
    router: &'a Router<Id>,
    topic: &'t str,
    /// Topics that begin with `$` are hidden from wildcards at the first level.
    reserved: bool,
    at: usize,
    /// Where the next level begins; `None` when all levels are used up.
    rest: Option<usize>,
}

impl<'a, Id> Walk<'a, '_, Id> {
    fn node(&self) -> &'a Node<Id> {
        &self.router.nodes[self.at]
    }

    fn wildcards_allowed(&self) -> bool {
        !(self.reserved && self.at == ROOT)
    }

    fn report(&self, found: &mut impl FnMut(&'a Id)) {
        let node = self.node();
        if self.wildcards_allowed() {
            node.below.iter().for_each(&mut *found);
        }
        if self.rest.is_none() {
            node.here.iter().for_each(found);
        }
    }

    /// Goes to the first child that takes the next level.
    fn descend(&mut self) -> bool {
        let Some(start) = self.rest else {
            return false;
        };
        let end = self.topic[start..]
            .find('/')
            .map_or(self.topic.len(), |length| start + length);
        if let Some(child) = self.node().children.get(&self.topic[start..end]) {
            self.step(*child, end);
            return true;
        }
        self.step_to_plus(end)
    }

    fn step_to_plus(&mut self, end: usize) -> bool {
        match self.node().plus {
            Some(child) if self.wildcards_allowed() => {
                self.step(child, end);
                true
            }
            _ => false,
        }
    }

    fn step(&mut self, child: usize, end: usize) {
        self.at = child;
        self.rest = (end < self.topic.len()).then_some(end + 1);
    }

    /// Goes up until a `+` is found that was not tried yet, and takes it.
    fn back_to_a_plus(&mut self) -> bool {
        while self.at != ROOT {
            let from = self.node();
            let end = self.rest.map_or(self.topic.len(), |start| start - 1);
            let start = self.topic[..end].rfind('/').map_or(0, |slash| slash + 1);
            self.at = from.parent;
            self.rest = Some(start);
            if !from.is_plus && self.step_to_plus(end) {
                return true;
            }
        }
        false
    }
}
