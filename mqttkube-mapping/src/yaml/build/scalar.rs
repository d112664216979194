//! Scalars and tags, as the schema has them.

use std::borrow::Cow;

use granit_parser::{ScalarStyle, Span};

use super::{Builder, position};
use crate::yaml::loader::join_path;
use crate::yaml::node::{Content, Node, Position, Style, Tag};
use crate::yaml::scalar::{self, Schema};

/// A tag as it was written.
pub(super) struct RawTag {
    text: String,
    position: Position,
}

impl RawTag {
    pub(super) fn new(tag: Option<Cow<'_, granit_parser::Tag>>, span: &Span) -> Option<Self> {
        let start = span.tag_span().map_or(span.start, |span| span.start);
        tag.map(|tag| Self {
            text: tag.original(),
            position: position(&start),
        })
    }
}

impl Builder {
    pub(super) fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        position: Position,
        tag: Option<&RawTag>,
    ) -> Node {
        let style = style_of(style);
        let (content, tag) = match tag.map(|tag| (tag, &*tag.text, self.schema)) {
            None if style == Style::Plain => (self.plain(text, position), None),
            None | Some((_, "!!str", Schema::Kubectl)) => (Content::Text(text.into()), None),
            Some((_, "!relpath", Schema::Config)) => {
                let path = join_path(&self.folder, text);
                (Content::Text(path.into()), Some(Tag::RelPath))
            }
            Some((_, "!!int" | "!!float" | "!!bool" | "!!null", Schema::Kubectl)) => {
                (self.plain(text, position), None)
            }
            Some((tag, ..)) => {
                self.refuse_tag(tag);
                (Content::Null, None)
            }
        };
        Node {
            position,
            style,
            tag,
            content,
        }
    }

    fn plain(&mut self, text: &str, position: Position) -> Content {
        scalar::resolve(text, self.schema).unwrap_or_else(|error| {
            self.note(
                position,
                error.message(text),
                Some("put it in quotes if it is text"),
            );
            Content::Null
        })
    }

    fn refuse_tag(&mut self, tag: &RawTag) {
        let help = match &*tag.text {
            "!!str" => Some("put the text in quotes instead"),
            text if text.eq_ignore_ascii_case("!relpath") => Some("did you mean \"!relpath\"?"),
            _ => None,
        };
        self.note(
            tag.position,
            format!("the tag {:?} is not allowed here", tag.text),
            help,
        );
    }

    /// Lists and mappings have no tag but, in manifests, their own.
    pub(super) fn check_tag(&mut self, tag: Option<&RawTag>, own: &str) {
        match tag {
            Some(tag) if tag.text == "!relpath" => {
                self.note(
                    tag.position,
                    "the tag \"!relpath\" is for one path, as text",
                    None,
                );
            }
            Some(tag) if self.schema != Schema::Kubectl || tag.text != own => self.refuse_tag(tag),
            _ => {}
        }
    }
}

fn style_of(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::Plain => Style::Plain,
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        ScalarStyle::Literal => Style::Literal,
        ScalarStyle::Folded => Style::Folded,
    }
}
