//! The mapping language.

mod budget;
mod error;
mod expr;
mod format;
mod locus;
mod object_template;
mod output;
mod payload;
mod router;
mod rule;
mod spec;
mod topic;
mod value;
mod value_map;
#[cfg(feature = "yaml")]
pub mod yaml;

pub use error::{CompileError, ErrorKind, EvalError, EvalErrorKind, PathSeg};
pub use expr::{Expr, Names, Reference, SyntaxError, SyntaxErrorKind};
pub use format::{Format, FormatError, FormatErrorKind};
pub use locus::{Hits, Locus, PatchOp, Warning, WriteError, WritePath};
pub use object_template::{ObjectTemplate, RenderError, StaticContext, TemplateContext, TemplateMode};
pub use payload::{CastError, CastType, Encoding, JsonError, cast, parse_json, publish_bytes, text};
pub use router::{Router, SubscriptionDiff};
pub use spec::{MapKey, SpecNode, ValuesSpec};
pub use topic::{Topic, TopicError, TopicFilter, TopicPrefix};
pub use value_map::{Direction, Input, InputValue, Match, Miss, Outcome, Step, StepKind, Trace, ValueMap};
