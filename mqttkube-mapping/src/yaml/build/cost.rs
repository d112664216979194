//! What nodes cost, counted before they are kept, so that aliases cannot make a small file large.

use super::{Builder, Stop};
use crate::yaml::loader::Limits;
use crate::yaml::node::{Content, Entry, Node, Position};

#[derive(Clone, Copy)]
pub(super) struct Cost {
    pub(super) nodes: usize,
    pub(super) bytes: usize,
    pub(super) depth: usize,
}

impl Cost {
    pub(super) const LEAF: Self = Self {
        nodes: 1,
        bytes: 0,
        depth: 0,
    };
}

impl Builder {
    /// Counts what a node costs before it is kept.
    pub(super) fn charge(&mut self, position: Position, cost: Cost) -> Result<(), Stop> {
        self.nodes += cost.nodes;
        self.bytes += cost.bytes;
        let Limits {
            nodes, bytes, depth, ..
        } = self.limits;
        if self.nodes > nodes {
            return self.stop(position, format!("the file holds more than {nodes} values"));
        }
        if self.bytes > bytes {
            return self.stop(
                position,
                format!("the text of the file with its aliases is longer than {bytes} bytes"),
            );
        }
        if self.open.len() + cost.depth > depth {
            return self.stop(
                position,
                format!("lists and mappings are nested deeper than {depth}"),
            );
        }
        Ok(())
    }
}

/// What one more copy of a node costs. The depth of the recursion is that of the node, which is limited.
pub(super) fn cost(node: &Node) -> Cost {
    let collection = matches!(node.content, Content::Sequence(_) | Content::Mapping(_));
    let mut sum = Cost {
        nodes: 1,
        bytes: 0,
        depth: usize::from(collection),
    };
    let mut count = |node: &Node| {
        let Cost { nodes, bytes, depth } = cost(node);
        sum = Cost {
            nodes: sum.nodes + nodes,
            bytes: sum.bytes + bytes,
            depth: sum.depth.max(depth + 1),
        };
    };
    match &node.content {
        Content::Sequence(items) => items.iter().for_each(count),
        Content::Mapping(entries) => entries.iter().for_each(|Entry { key, value }| {
            count(key);
            count(value);
        }),
        Content::Text(text) => sum.bytes = text.len(),
        _ => {}
    }
    sum
}
