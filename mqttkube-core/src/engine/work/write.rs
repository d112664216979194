//! Writing one field of an object, with as few requests as can be safe.
//!
//! A scalar whose type is known is one request. An object (whose lost members must become null), text whose type
//! the present value decides, an element of a list, and server-side apply (which would create the object) read
//! first, and what they then send is bound to what they read.

use mqttkube_mapping::{PatchOp, WriteError};
use serde_json::{Value, json};

use super::{Answer, Cx, End, Failure, Next, metadata, number_in, otherwise, text};
use crate::binding::{ItemRef, PatchItem, Strategy};
use crate::event::{PatchForm, Refusal, Request, Verb};
use crate::report::Outcome;

/// So often a write that met a change of the object is repeated at once; later it waits like any failure.
const ROUNDS_AT_ONCE: u8 = 3;

/// The longest name of a field manager.
const MAX_MANAGER: usize = 128;

/// A merge patch that is known beforehand.
#[derive(Debug)]
pub(in crate::engine) struct Fixed {
    pub(in crate::engine) body: Value,
}

impl Fixed {
    pub(super) fn request(&self, cx: &Cx<'_>) -> Request {
        cx.request(Verb::Patch {
            scale: false,
            form: PatchForm::Merge,
            body: self.body.clone(),
        })
    }

    pub(super) fn answer(&self, answer: Answer, cx: &Cx<'_>) -> Next {
        otherwise(answer, cx)
    }
}

/// A value on its way into one field.
#[derive(Debug)]
pub(in crate::engine) struct Field {
    item: ItemRef,
    value: Value,
    /// The value is text as it came; the type of what is there decides what it becomes.
    raw: bool,
    stage: Stage,
    rounds: u8,
    refused: Option<Refused>,
}

#[derive(Debug)]
enum Stage {
    /// Nothing is decided yet: the kind may have to be discovered first.
    Start,
    Read,
    Send(Patch),
}

#[derive(Debug, Clone)]
struct Patch {
    scale: bool,
    form: PatchForm,
    body: Value,
    /// The version of the object that the patch was made for; `None` when it was made without reading.
    read: Option<String>,
}

/// A guarded patch that the API server rejected: its guard did not hold, or it is invalid.
#[derive(Debug)]
struct Refused {
    read: Option<String>,
    refusal: Refusal,
}

impl Field {
    pub(in crate::engine) const fn new(item: ItemRef, value: Value, raw: bool) -> Self {
        Self {
            item,
            value,
            raw,
            stage: Stage::Start,
            rounds: 0,
            refused: None,
        }
    }

    pub(in crate::engine) const fn value(&self) -> &Value {
        &self.value
    }

    pub(super) fn request(&mut self, cx: &Cx<'_>) -> Request {
        if matches!(self.stage, Stage::Start) {
            self.stage = self.start(cx);
        }
        match &self.stage {
            Stage::Send(patch) => cx.request(Verb::Patch {
                scale: patch.scale,
                form: patch.form.clone(),
                body: patch.body.clone(),
            }),
            Stage::Start | Stage::Read => cx.request(Verb::Get),
        }
    }

    fn start(&mut self, cx: &Cx<'_>) -> Stage {
        let item = cx.plan.patch_item(self.item);
        if let Some(count) = self.replicas(item, cx) {
            return Stage::Send(Patch {
                scale: true,
                form: PatchForm::Merge,
                body: json!({"spec": {"replicas": count}}),
                read: None,
            });
        }
        self.retype_by_path(item);
        let blind = matches!(item.strategy, Strategy::Auto | Strategy::Merge)
            && item.path.is_names_only()
            && !self.raw
            && !self.value.is_object();
        match item.path.merge_patch(None, self.value.clone()) {
            Ok(body) if blind => Stage::Send(Patch {
                scale: false,
                form: PatchForm::Merge,
                body,
                read: None,
            }),
            _ => Stage::Read,
        }
    }

    /// The number for the scale subresource, if that is the way.
    fn replicas(&mut self, item: &PatchItem, cx: &Cx<'_>) -> Option<Value> {
        if item.strategy != Strategy::Auto || !item.path.is_replicas() || !cx.kind.scale {
            return None;
        }
        if self.raw
            && let Some(count) = number_in(&self.value).filter(Value::is_i64)
        {
            self.value = count;
            self.raw = false;
        }
        self.value.is_number().then(|| self.value.clone())
    }

    /// Labels and annotations hold text, so nobody needs to be asked for their type.
    fn retype_by_path(&mut self, item: &PatchItem) {
        if item.path.is_text() {
            self.raw = false;
        }
    }

    pub(super) fn answer(&mut self, answer: Answer, cx: &Cx<'_>) -> Next {
        match (&self.stage, answer) {
            (Stage::Read, Answer::Done(object)) => self.read(&object, cx),
            (Stage::Send(patch), Answer::Clash(refusal)) => {
                if matches!(patch.form, PatchForm::Apply { .. }) && is_owned(&refusal) {
                    return Next::End(End::bad(Outcome::Conflict, cx, text(&refusal)));
                }
                self.again(&refusal)
            }
            (Stage::Send(patch), Answer::Rejected(refusal)) if patch.form == PatchForm::Json => {
                self.refused = Some(Refused {
                    read: patch.read.clone(),
                    refusal: refusal.clone(),
                });
                self.again(&refusal)
            }
            (_, other) => otherwise(other, cx),
        }
    }

    /// The object changed under the write: read it again.
    fn again(&mut self, refusal: &Refusal) -> Next {
        self.stage = Stage::Start;
        self.rounds = self.rounds.saturating_add(1);
        if self.rounds > ROUNDS_AT_ONCE {
            return Next::Pause(Failure::waiting(text(refusal)));
        }
        Next::Call
    }

    fn read(&mut self, object: &Value, cx: &Cx<'_>) -> Next {
        let item = cx.plan.patch_item(self.item);
        let version = metadata(object, "resourceVersion");
        if let Some(refused) = self.refused.take()
            && refused.read.as_deref() == version
        {
            // Nothing changed in between, so its guard held: the patch itself is what the API server rejects.
            return Next::End(End::bad(Outcome::Invalid, cx, text(&refused.refusal)));
        }
        let present = match item.locus.first(object) {
            Ok(present) => present,
            Err(error) => return Next::End(End::bad(Outcome::Invalid, cx, error.to_string())),
        };
        self.retype(present);
        if !item.bounds.allow(&self.value) {
            let error = format!("{} is outside the bounds of the item", self.value);
            return Next::End(End::bad(Outcome::Invalid, cx, error));
        }
        let same = present.map_or(self.value.is_null(), |present| *present == self.value);
        if same && item.strategy != Strategy::Apply {
            return Next::End(End::good(Outcome::Unchanged, cx, object));
        }
        match self.patch(item, object, cx) {
            Ok(patch) => {
                self.stage = Stage::Send(patch);
                Next::Call
            }
            Err((outcome, error)) => Next::End(End::bad(outcome, cx, error)),
        }
    }

    /// Gives raw text the type of what is there. Text that cannot be of that type stays text, and the API server
    /// has the last word.
    fn retype(&mut self, present: Option<&Value>) {
        if let (true, Some(present), Some(text)) = (self.raw, present, self.value.as_str())
            && let Some(value) = typed_like(present, text)
        {
            self.value = value;
            self.raw = false;
        }
    }

    fn patch(&self, item: &PatchItem, object: &Value, cx: &Cx<'_>) -> Result<Patch, (Outcome, String)> {
        let version = metadata(object, "resourceVersion").map(str::to_owned);
        let (form, body) = match item.strategy {
            Strategy::Apply => self.apply(item, object, cx)?,
            Strategy::Auto | Strategy::Merge if item.path.is_names_only() => {
                let body = item
                    .path
                    .merge_patch(Some(object), self.value.clone())
                    .map_err(|error| unwritable(&error))?;
                (PatchForm::Merge, guarded(body, version.as_deref()))
            }
            Strategy::Auto | Strategy::Merge | Strategy::Json => (
                PatchForm::Json,
                self.operations(item, object, version.as_deref())?,
            ),
        };
        Ok(Patch {
            scale: false,
            form,
            body,
            read: version,
        })
    }

    /// A JSON patch that fails if the elements on the path are not those that were read.
    fn operations(
        &self,
        item: &PatchItem,
        object: &Value,
        version: Option<&str>,
    ) -> Result<Value, (Outcome, String)> {
        let mut operations = item
            .path
            .json_patch(object, self.value.clone())
            .map_err(|error| unwritable(&error))?;
        let tested = operations
            .iter()
            .any(|operation| matches!(operation, PatchOp::Test { .. }));
        if !tested {
            let guard = PatchOp::Test {
                path: "/metadata/resourceVersion".to_owned(),
                value: version.into(),
            };
            operations.insert(0, guard);
        }
        serde_json::to_value(operations).map_err(|error| (Outcome::Invalid, error.to_string()))
    }

    /// Exactly the one field, and the uid: an apply without it would create an object that is gone.
    fn apply(
        &self,
        item: &PatchItem,
        object: &Value,
        cx: &Cx<'_>,
    ) -> Result<(PatchForm, Value), (Outcome, String)> {
        let mut body = match &self.value {
            Value::Null => json!({}),
            value => item
                .path
                .merge_patch(None, value.clone())
                .map_err(|error| unwritable(&error))?,
        };
        let resource = &cx.kind.resource;
        set(&mut body, "apiVersion", Value::from(resource.api_version()));
        set(&mut body, "kind", Value::from(resource.kind.as_str()));
        for name in ["name", "namespace", "uid"] {
            if let Some(text) = metadata(object, name) {
                set_metadata(&mut body, name, text);
            }
        }
        let binding = cx.plan.binding(self.item).id();
        let manager = manager(&cx.plan.settings().field_manager, binding);
        Ok((PatchForm::Apply { manager }, body))
    }
}

fn unwritable(error: &WriteError) -> (Outcome, String) {
    let outcome = match error {
        WriteError::NotFound { .. } => Outcome::NotFound,
        _ => Outcome::Invalid,
    };
    (outcome, error.to_string())
}

/// A merge patch that the API server refuses with 409 when the object has another version by now.
fn guarded(mut body: Value, version: Option<&str>) -> Value {
    if let Some(version) = version {
        set_metadata(&mut body, "resourceVersion", version);
    }
    body
}

fn set(body: &mut Value, name: &str, value: Value) {
    if let Some(members) = body.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// Does nothing when the patch replaces `metadata` by something else, which the API server will refuse.
fn set_metadata(body: &mut Value, name: &str, text: &str) {
    if let Some(members) = body.as_object_mut() {
        set(
            members.entry("metadata").or_insert_with(|| json!({})),
            name,
            Value::from(text),
        );
    }
}

/// Server-side apply met a field that somebody else owns; every other 409 is about versions.
fn is_owned(refusal: &Refusal) -> bool {
    refusal.message.starts_with("Apply failed with")
}

/// `text` as a value of the type of `present`.
fn typed_like(present: &Value, text: &str) -> Option<Value> {
    match present {
        Value::String(_) => Some(Value::from(text)),
        Value::Null => None,
        _ => {
            let value: Value = serde_json::from_str(text.trim()).ok()?;
            let same = std::mem::discriminant(&value) == std::mem::discriminant(present);
            same.then_some(value)
        }
    }
}

/// One field manager for each binding, so that people can see who owns what.
fn manager(base: &str, binding: &str) -> String {
    let full = format!("{base}/{binding}");
    let mut end = full.len().min(MAX_MANAGER);
    while !full.is_char_boundary(end) {
        end -= 1;
    }
    full[..end].to_owned()
}
