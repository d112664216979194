//! A set of objects that belong together, and the proof that it was checked.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use thiserror::Error;

use crate::check::{self, Report};
use crate::object::{Object, ObjectError, ObjectKey};

/// Why a bundle could not be changed or trusted.
#[derive(Clone, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum BundleError {
    /// Two objects with one key: the second would replace the first.
    #[error("{0} is in the bundle already")]
    Duplicate(ObjectKey),
    /// No such object.
    #[error("there is no {0} in the bundle")]
    Absent(String),
    /// An edit changed what tells the object apart.
    #[error("an edit made {from} into {to}; add a new object instead")]
    Renamed {
        /// What it was.
        from: Box<ObjectKey>,
        /// What it would be.
        to: Box<ObjectKey>,
    },
    /// Not an object, or of another shape.
    #[error(transparent)]
    Object(#[from] ObjectError),
    /// The check found errors.
    #[error("the bundle has {} errors", .0.errors().count())]
    Refused(Report),
    /// An override without a reason.
    #[error("an override needs a reason that says more than nothing")]
    NoReason,
}

/// Objects in the order in which they are applied.
///
/// ```
/// use mqttkube_manifests::bundle::Bundle;
/// use serde_json::json;
///
/// let mut bundle = Bundle::new();
/// bundle.add_value(json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "mqtt"}}))?;
/// let verified = bundle.verified()?;
/// assert_eq!(verified.objects().len(), 1);
/// # Ok::<(), mqttkube_manifests::bundle::BundleError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bundle {
    objects: Vec<Object>,
    index: Index,
}

/// Where objects are, made when it is first asked for; a change of the bundle throws it away. It is not part of what the
/// bundle is.
#[derive(Debug, Default)]
struct Index(OnceLock<HashMap<Place, usize>>);

/// Kind, namespace and name.
type Place = (String, Option<String>, String);

impl Clone for Index {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Index {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Bundle {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            objects: Vec::new(),
            index: Index(OnceLock::new()),
        }
    }

    /// Adds an object behind all that it may need.
    ///
    /// # Errors
    /// [`BundleError::Duplicate`].
    pub fn add(&mut self, object: Object) -> Result<ObjectKey, BundleError> {
        let key = object.key().clone();
        if self.get(&key).is_some() {
            return Err(BundleError::Duplicate(key));
        }
        let at = self
            .objects
            .partition_point(|present| present.rank() <= object.rank());
        self.objects.insert(at, object);
        self.index = Index::default();
        Ok(key)
    }

    /// Adds a tree.
    ///
    /// # Errors
    /// When it is no object, or is there already.
    pub fn add_value(&mut self, value: Value) -> Result<ObjectKey, BundleError> {
        self.add(Object::new(value)?)
    }

    /// Adds all objects of another bundle. What is in both in the same form, as a Namespace, is kept once.
    ///
    /// # Errors
    /// [`BundleError::Duplicate`] for the first of two different objects with one key; nothing is added then.
    pub fn extend(&mut self, other: Self) -> Result<(), BundleError> {
        let merged = Self::merged([self.clone(), other])?;
        *self = merged;
        Ok(())
    }

    /// All objects of several bundles, in order. What is in more than one of them in the same form is kept once.
    ///
    /// # Errors
    /// [`BundleError::Duplicate`] for the first of two different objects with one key.
    pub fn merged(bundles: impl IntoIterator<Item = Self>) -> Result<Self, BundleError> {
        let mut objects: Vec<Object> = Vec::new();
        let mut places: BTreeMap<ObjectKey, usize> = BTreeMap::new();
        for object in bundles.into_iter().flat_map(|bundle| bundle.objects) {
            match places.get(object.key()) {
                Some(at) if objects[*at] == object => {}
                Some(_) => return Err(BundleError::Duplicate(object.key().clone())),
                None => {
                    places.insert(object.key().clone(), objects.len());
                    objects.push(object);
                }
            }
        }
        // Stable: objects of one kind keep their order.
        objects.sort_by_cached_key(Object::rank);
        Ok(Self {
            objects,
            index: Index::default(),
        })
    }

    /// All objects in order.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        &self.objects
    }

    /// One object.
    #[must_use]
    pub fn get(&self, key: &ObjectKey) -> Option<&Object> {
        self.objects.iter().find(|object| object.key() == key)
    }

    /// The first object of a kind with this name, in this namespace or in none.
    #[must_use]
    pub fn find(&self, kind: &str, namespace: Option<&str>, name: &str) -> Option<&Object> {
        let index = self.index.0.get_or_init(|| {
            let mut index = HashMap::with_capacity(self.objects.len());
            for (at, object) in self.objects.iter().enumerate() {
                let namespace = object.namespace().map(str::to_owned);
                let place = (object.kind().to_owned(), namespace, object.name().to_owned());
                index.entry(place).or_insert(at);
            }
            index
        });
        let place = (kind.to_owned(), namespace.map(str::to_owned), name.to_owned());
        index.get(&place).map(|at| &self.objects[*at])
    }

    /// Changes one object through its type. What the result means is checked with the bundle, not here.
    ///
    /// # Errors
    /// When there is no such object, it has another shape, or the change renames it.
    pub fn edit<T>(&mut self, key: &ObjectKey, change: impl FnOnce(&mut T)) -> Result<(), BundleError>
    where
        T: k8s_openapi::Resource + Serialize + DeserializeOwned,
    {
        let object = self.find_mut(key)?;
        let mut typed: T = object.to()?;
        change(&mut typed);
        replace(object, Object::from_typed(&typed)?)
    }

    /// Changes one object by a JSON merge patch (RFC 7386).
    ///
    /// # Errors
    /// When there is no such object, or the patch renames it.
    pub fn merge(&mut self, key: &ObjectKey, patch: &Value) -> Result<(), BundleError> {
        let object = self.find_mut(key)?;
        let mut value = object.value().clone();
        merge(&mut value, patch);
        replace(object, Object::new(value)?)
    }

    fn find_mut(&mut self, key: &ObjectKey) -> Result<&mut Object, BundleError> {
        let found = self.objects.iter_mut().find(|object| object.key() == key);
        found.ok_or_else(|| BundleError::Absent(key.to_string()))
    }

    /// Everything that is wrong or doubtful.
    #[must_use]
    pub fn check(&self) -> Report {
        check::check(self)
    }

    /// The bundle with the proof that no error is in it.
    ///
    /// # Errors
    /// [`BundleError::Refused`] with the whole report.
    pub fn verified(self) -> Result<VerifiedBundle, BundleError> {
        let report = self.check();
        if report.errors().next().is_some() {
            return Err(BundleError::Refused(report));
        }
        Ok(VerifiedBundle {
            bundle: self,
            report,
            reason: None,
        })
    }

    /// The bundle in spite of its errors. The reason is written into whatever is made of it.
    ///
    /// # Errors
    /// [`BundleError::NoReason`].
    pub fn unverified(self, reason: &str) -> Result<VerifiedBundle, BundleError> {
        let reason = reason.split_whitespace().collect::<Vec<_>>().join(" ");
        if reason.is_empty() {
            return Err(BundleError::NoReason);
        }
        let report = self.check();
        Ok(VerifiedBundle {
            bundle: self,
            report,
            reason: Some(reason),
        })
    }
}

/// What renderers take: a bundle without errors, or one whose errors somebody answers for.
#[derive(Clone, Debug, PartialEq)]
pub struct VerifiedBundle {
    bundle: Bundle,
    report: Report,
    reason: Option<String>,
}

impl VerifiedBundle {
    /// The objects in order.
    #[must_use]
    pub fn objects(&self) -> &[Object] {
        self.bundle.objects()
    }

    /// What the check found: warnings, and errors where they were overridden.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// Why errors were overridden; one line.
    #[must_use]
    pub fn override_reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The bundle, to be changed again: the proof is lost.
    #[must_use]
    pub fn into_bundle(self) -> Bundle {
        self.bundle
    }
}

fn replace(object: &mut Object, new: Object) -> Result<(), BundleError> {
    if object.key() != new.key() {
        return Err(BundleError::Renamed {
            from: Box::new(object.key().clone()),
            to: Box::new(new.key().clone()),
        });
    }
    *object = new;
    Ok(())
}

/// Changes a tree by a JSON merge patch (RFC 7386, section 2): maps are merged, `null` removes a member, and anything else
/// replaces what is there.
///
/// ```
/// use mqttkube_manifests::bundle::merge;
/// use serde_json::json;
///
/// let mut tree = json!({"image": "eclipse-mosquitto:2.0.22", "limits": {"max-queued": 10}});
/// merge(&mut tree, &json!({"limits": {"max-queued": null, "max-inflight": 20}}));
/// assert_eq!(tree, json!({"image": "eclipse-mosquitto:2.0.22", "limits": {"max-inflight": 20}}));
/// ```
pub fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(members) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(serde_json::Map::new());
    }
    let Value::Object(map) = target else { return };
    for (key, value) in members {
        if value.is_null() {
            map.shift_remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}
