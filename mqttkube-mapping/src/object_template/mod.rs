//! Kubernetes objects with `${...}` in their scalars.
//!
//! In structured mode a template is parsed as YAML (or given as JSON) first; expressions are filled into
//! scalars afterwards, so that whatever a message says stays inside of its scalar. A plain scalar that is
//! exactly one `${...}` takes the value with its type; in longer or quoted ones it enters as text. Text mode
//! is for the templates of the Python program mqtt-kube that use `% if` and `% for`.

mod part;
mod scan;
#[cfg(feature = "yaml")]
mod text;

use serde_json::Value;
use thiserror::Error;

use crate::error::{CompileError, EvalError};
use part::Part;

/// The longest text and the largest number of bytes that one rendering may make.
const MAX_RENDERED: usize = 1 << 20;

/// The names of a template, in the order of [`Scope::values`]. `topic[]` is what `topic[0]` reads.
const NAMES: &[&str] = &[
    "binding", "action", "uid", "match", "topic", "topic[]", "now", "retained",
];

/// How the text of a template is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TemplateMode {
    /// YAML first, then values into its scalars.
    #[default]
    Structured,
    /// `% if`, `% for` and `${...}` first, then YAML. Values still cannot leave their scalars.
    Text,
}

/// What a template can read that no message changes: the configuration of its binding and of its action.
#[derive(Debug, Clone, Copy)]
pub struct StaticContext<'c> {
    /// `binding`.
    pub binding: &'c Value,
    /// `action`.
    pub action: &'c Value,
}

/// What a message supplies to a template.
#[derive(Debug, Clone, Copy)]
pub struct TemplateContext<'c> {
    /// `uid`: eight lower-case hexadecimal digits, the same for the same message.
    pub uid: &'c str,
    /// `match`: `input`, `value`, `json` and the groups of the pattern.
    pub matched: &'c Value,
    /// `topic`: where the message came in, less the prefix; `topic[0]` is its first level.
    pub topic: &'c str,
    /// `now`: when it came in, RFC 3339 in UTC.
    pub now: &'c str,
    /// `retained`: whether the broker had kept it.
    pub retained: bool,
}

/// A template, compiled once.
///
/// ```
/// use mqttkube_mapping::{ObjectTemplate, StaticContext, TemplateContext};
/// use serde_json::json;
///
/// let binding = json!({"name": "syncer"});
/// let statics = StaticContext { binding: &binding, action: &json!({}) };
/// let template = json!({
///     "kind": "Job",
///     "metadata": {"name": "${binding.name}-${uid}"},
///     "spec": {"parallelism": "${match.json.n}"},
/// });
/// let template = ObjectTemplate::from_json(&template, statics).expect("nothing is wrong with it");
///
/// let matched = json!({"input": "{\"n\": 3}", "json": {"n": 3}});
/// let context = TemplateContext {
///     uid: "1a2b3c4d",
///     matched: &matched,
///     topic: "syncer/cmd",
///     now: "2024-01-02T03:04:05Z",
///     retained: false,
/// };
/// assert_eq!(
///     template.render(&context)?,
///     json!({"kind": "Job", "metadata": {"name": "syncer-1a2b3c4d"}, "spec": {"parallelism": 3}}),
/// );
/// # Ok::<(), mqttkube_mapping::RenderError>(())
/// ```
#[derive(Debug, Clone)]
pub struct ObjectTemplate {
    body: Body,
    binding: Value,
    action: Value,
}

#[derive(Debug, Clone)]
enum Body {
    Structured(Part),
    #[cfg(feature = "yaml")]
    Text(Box<text::TextTemplate>),
}

/// A template cannot be filled for one message. The same message fails again; another may work.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum RenderError {
    /// An expression has no value here, for example because the message lacks a member.
    #[error("${{{expression}}} at {path} has no value for this message: {source}")]
    Expression {
        /// Where in the object.
        path: String,
        /// The expression without its braces.
        expression: String,
        /// Why.
        source: EvalError,
    },
    /// The object would be larger than 1 MiB.
    #[error("the object would be larger than {MAX_RENDERED} bytes")]
    TooLarge,
    /// The text that a template in text mode makes is no object.
    #[error("the template makes no object for this message: {reason}")]
    Text {
        /// What is wrong with it.
        reason: String,
    },
}

impl ObjectTemplate {
    /// Compiles an object that was written in a program. Its texts are like plain scalars: one that is exactly
    /// `${...}` takes the type of the value.
    ///
    /// # Errors
    /// Everything that is wrong whatever a message says.
    pub fn from_json(object: &Value, statics: StaticContext<'_>) -> Result<Self, Vec<CompileError>> {
        Self::structured(|compiler| compiler.json(object), statics)
    }

    fn structured(
        compile: impl FnOnce(&mut part::Compiler<'_>) -> Part,
        statics: StaticContext<'_>,
    ) -> Result<Self, Vec<CompileError>> {
        let mut compiler = part::Compiler::new(statics);
        let part = compile(&mut compiler);
        compiler
            .finish(part)
            .map(|part| Self::new(Body::Structured(part), statics))
    }

    fn new(body: Body, statics: StaticContext<'_>) -> Self {
        Self {
            body,
            binding: statics.binding.clone(),
            action: statics.action.clone(),
        }
    }

    /// Fills the template for one message.
    ///
    /// # Errors
    /// The message does not supply what the template reads, or too much of it.
    pub fn render(&self, context: &TemplateContext<'_>) -> Result<Value, RenderError> {
        let scope = Scope::new(self, context);
        match &self.body {
            Body::Structured(part) => part::render(part, &scope),
            #[cfg(feature = "yaml")]
            Body::Text(template) => template.render(&scope),
        }
    }
}

#[cfg(feature = "yaml")]
impl ObjectTemplate {
    /// Compiles the text of a template file. `file` and `folder` are as for [`crate::yaml::parse`].
    ///
    /// # Errors
    /// Everything that is wrong whatever a message says.
    pub fn parse(
        text: &str,
        file: &str,
        folder: &str,
        mode: TemplateMode,
        statics: StaticContext<'_>,
    ) -> Result<Self, crate::yaml::Diagnostics> {
        match mode {
            TemplateMode::Structured => {
                let tree =
                    crate::yaml::parse(text, file, folder).map_err(|errors| scan::explain(text, errors))?;
                let (template, _) = tree.read(|cursor| match Self::from_node(cursor.node(), statics) {
                    Ok(template) => Some(template),
                    Err(errors) => {
                        cursor.compile_errors(&errors);
                        None
                    }
                })?;
                Ok(template)
            }
            TemplateMode::Text => {
                let template = text::TextTemplate::compile(text, file, folder, statics)?;
                Ok(Self::new(Body::Text(Box::new(template)), statics))
            }
        }
    }

    /// Compiles an object that stands inside of a configuration file. [`crate::yaml::Cursor::compile_errors`]
    /// knows the places of the errors.
    ///
    /// # Errors
    /// Everything that is wrong whatever a message says.
    pub fn from_node(
        node: &crate::yaml::Node,
        statics: StaticContext<'_>,
    ) -> Result<Self, Vec<CompileError>> {
        Self::structured(|compiler| compiler.node(node), statics)
    }
}

/// The values of [`NAMES`] for one message.
struct Scope<'c> {
    binding: &'c Value,
    action: &'c Value,
    matched: &'c Value,
    uid: Value,
    topic: Value,
    levels: Value,
    now: Value,
    retained: Value,
}

impl<'c> Scope<'c> {
    fn new(template: &'c ObjectTemplate, context: &TemplateContext<'c>) -> Self {
        Self {
            binding: &template.binding,
            action: &template.action,
            matched: context.matched,
            uid: Value::from(context.uid),
            topic: Value::from(context.topic),
            levels: context.topic.split('/').collect(),
            now: Value::from(context.now),
            retained: Value::from(context.retained),
        }
    }

    fn values(&self) -> [&Value; 8] {
        let Self {
            binding,
            action,
            matched,
            uid,
            topic,
            levels,
            now,
            retained,
        } = self;
        [binding, action, uid, matched, topic, levels, now, retained]
    }
}
