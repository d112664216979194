//! From the parser's events to a tree. The only place that names the parser.

mod cost;
mod scalar;

use std::collections::HashMap;
use std::sync::Arc;

use granit_parser::{Event, Marker, Options, Parser, Span, StructureStyle};

use self::cost::{Cost, cost};
use self::scalar::RawTag;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::loader::Limits;
use super::mapping;
use super::node::{Content, Entry, Node, Position, Style};
use super::scalar::Schema;

/// Builds the documents of one file. Limits and syntax errors end the work; everything else is noted, stands
/// as null in the tree, and the work goes on.
pub(super) struct Builder {
    file: Arc<str>,
    folder: Arc<str>,
    schema: Schema,
    limits: Limits,
    open: Vec<Collection>,
    roots: Vec<Node>,
    anchors: HashMap<usize, Anchored>,
    aliases: usize,
    nodes: usize,
    bytes: usize,
    found: Vec<Diagnostic>,
}

/// A list or mapping whose end has not come yet.
struct Collection {
    node: Node,
    anchor: usize,
    /// A key whose value has not come yet.
    key: Option<Node>,
}

impl Collection {
    fn expects_key(&self) -> bool {
        matches!(self.node.content, Content::Mapping(_)) && self.key.is_none()
    }
}

/// A node that aliases may repeat, with what each repetition costs.
struct Anchored {
    node: Node,
    cost: Cost,
}

/// The work cannot go on.
struct Stop;

impl Builder {
    pub(super) fn new(file: Arc<str>, folder: Arc<str>, schema: Schema, limits: Limits) -> Self {
        Self {
            file,
            folder,
            schema,
            limits,
            open: Vec::new(),
            roots: Vec::new(),
            anchors: HashMap::new(),
            aliases: 0,
            nodes: 0,
            bytes: 0,
            found: Vec::new(),
        }
    }

    pub(super) fn run(mut self, text: &str, documents: usize) -> Result<Vec<Node>, Diagnostics> {
        let mut options = Options::default();
        options.set_emit_comments(false);
        for event in Parser::new_from_str_with_options(text, options) {
            let step = match event {
                Ok((event, span)) => self.event(event, &span, documents),
                Err(error) => self.stop(position(error.marker()), error.info()),
            };
            if step.is_err() {
                break;
            }
        }
        if self.found.is_empty() {
            Ok(self.roots)
        } else {
            Err(self.found.into_iter().collect())
        }
    }

    fn event(&mut self, event: Event<'_>, span: &Span, documents: usize) -> Result<(), Stop> {
        let at = position(&span.start);
        match event {
            Event::DocumentStart(..) if self.roots.len() >= documents => {
                self.stop(at, "a second document begins here, but the file must hold one")
            }
            Event::DocumentStart(..) => {
                self.anchors.clear();
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(&text, style, at, RawTag::new(tag, span).as_ref());
                let bytes = text.len();
                self.charge(at, Cost { bytes, ..Cost::LEAF })?;
                self.add(node, anchor)
            }
            Event::SequenceStart(style, anchor, tag) => {
                self.check_tag(RawTag::new(tag, span).as_ref(), "!!seq");
                self.begin(Content::Sequence(Vec::new()), style, at, anchor)
            }
            Event::MappingStart(style, anchor, tag) => {
                self.check_tag(RawTag::new(tag, span).as_ref(), "!!map");
                self.begin(Content::Mapping(Vec::new()), style, at, anchor)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, at),
            _ => Ok(()),
        }
    }

    fn begin(
        &mut self,
        content: Content,
        style: StructureStyle,
        position: Position,
        anchor: usize,
    ) -> Result<(), Stop> {
        self.charge(
            position,
            Cost {
                depth: 1,
                ..Cost::LEAF
            },
        )?;
        let style = match style {
            StructureStyle::Flow => Style::Flow,
            StructureStyle::Block => Style::Block,
        };
        let node = Node {
            position,
            style,
            tag: None,
            content,
        };
        self.open.push(Collection {
            node,
            anchor,
            key: None,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Stop> {
        let Some(Collection { mut node, anchor, .. }) = self.open.pop() else {
            return Ok(());
        };
        if let Content::Mapping(entries) = &mut node.content {
            let finished = mapping::finish(std::mem::take(entries), |position, message, help| {
                self.found.push(diagnostic(&self.file, position, message, help));
            });
            *entries = finished;
        }
        self.add(node, anchor)
    }

    fn alias(&mut self, anchor: usize, position: Position) -> Result<(), Stop> {
        self.aliases += 1;
        if self.aliases > self.limits.aliases {
            return self.stop(
                position,
                format!("more than {} aliases are used", self.limits.aliases),
            );
        }
        let Some(Anchored { node, cost }) = self.anchors.get(&anchor) else {
            return self.stop(position, "the alias stands inside of what it stands for");
        };
        let (node, cost) = (node.clone(), *cost);
        self.charge(position, cost)?;
        self.add(Node { position, ..node }, 0)
    }

    /// Puts a finished node where it belongs.
    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        if anchor != 0 {
            let cost = cost(&node);
            // The copy that waits for aliases counts as well, without its depth.
            self.charge(node.position, Cost { depth: 0, ..cost })?;
            self.anchors.insert(
                anchor,
                Anchored {
                    node: node.clone(),
                    cost,
                },
            );
        }
        let key_expected = self.open.last().is_some_and(Collection::expects_key);
        let node = if key_expected { self.key(node) } else { node };
        let Some(parent) = self.open.last_mut() else {
            self.roots.push(node);
            return Ok(());
        };
        match &mut parent.node.content {
            Content::Sequence(items) => items.push(node),
            Content::Mapping(entries) => match parent.key.take() {
                Some(key) => entries.push(Entry { key, value: node }),
                None => parent.key = Some(node),
            },
            _ => {}
        }
        Ok(())
    }

    /// Keys are scalars; in manifests they are text.
    fn key(&mut self, node: Node) -> Node {
        let refused = match (&node.content, self.schema) {
            (Content::Sequence(_) | Content::Mapping(_), _) => Some("a mapping key must be a scalar"),
            (Content::Null, Schema::Kubectl) => Some("a mapping key must not be null"),
            _ => None,
        };
        let content = match node.content {
            Content::Bool(_) | Content::Int(_) | Content::Float(_) if self.schema == Schema::Kubectl => {
                Content::Text(mapping::shown(&node).into())
            }
            _ if refused.is_some() => Content::Null,
            content => content,
        };
        if let Some(message) = refused {
            self.note(node.position, message, None);
        }
        Node { content, ..node }
    }

    fn note(&mut self, position: Position, message: impl Into<String>, help: Option<&str>) {
        self.found
            .push(diagnostic(&self.file, position, message.into(), help));
    }

    fn stop(&mut self, position: Position, message: impl Into<String>) -> Result<(), Stop> {
        self.note(position, message, None);
        Err(Stop)
    }
}

fn position(mark: &Marker) -> Position {
    let clamp = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Position {
        line: clamp(mark.line()),
        column: clamp(mark.col().saturating_add(1)),
    }
}

fn diagnostic(file: &Arc<str>, position: Position, message: String, help: Option<&str>) -> Diagnostic {
    let diagnostic = Diagnostic::error(file.clone(), position, message);
    match help {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}
