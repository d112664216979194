//! A directory for kustomize: a base, components, and overlays for the places where they differ.
//!
//! Every layer is a whole, checked bundle. What is written for it is the difference to what lies below, so that
//! `kubectl kustomize` of the layer gives exactly the objects of its bundle.

mod file;
mod generator;
mod layer;

use std::collections::BTreeSet;

use self::file::Kustomization;
use self::generator::Generators;
use self::layer::State;
use super::error::RenderError;
use super::{File, hash, names};
use crate::bundle::VerifiedBundle;
use crate::object::ObjectKey;

/// What lies above the base.
#[derive(Clone, Debug)]
struct Layer {
    name: String,
    bundle: VerifiedBundle,
    components: Vec<String>,
}

/// A base with components and overlays.
///
/// ```
/// use mqttkube_manifests::bundle::Bundle;
/// use mqttkube_manifests::render::kustomize::Kustomize;
/// use serde_json::json;
///
/// let config = |level: &str| {
///     let mut bundle = Bundle::new();
///     let data = json!({"level": level});
///     bundle.add_value(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": data}))?;
///     bundle.verified()
/// };
/// let base = config("notice")?;
/// let files = Kustomize::new(base.clone())
///     .generate(base.objects().iter().map(|object| object.key().clone()))
///     .overlay("debugging", config("debug")?, &[])
///     .render()?;
/// let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
/// assert_eq!(paths, ["base/kustomization.yaml", "overlays/debugging/kustomization.yaml"]);
/// assert!(files[1].text.contains("- level=debug\n"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Kustomize {
    base: VerifiedBundle,
    hashed: BTreeSet<ObjectKey>,
    components: Vec<Layer>,
    overlays: Vec<Layer>,
}

impl Kustomize {
    /// A base alone, with all names as they are.
    #[must_use]
    pub const fn new(base: VerifiedBundle) -> Self {
        Self {
            base,
            hashed: BTreeSet::new(),
            components: Vec::new(),
            overlays: Vec::new(),
        }
    }

    /// Names these ConfigMaps and Secrets after their content, in every layer that has them. They are written as
    /// generators; as objects with the hash in their name where a generator cannot hold them (bytes that are no text,
    /// labels that differ between layers, references from kinds that kustomize does not know).
    #[must_use]
    pub fn generate(mut self, keys: impl IntoIterator<Item = ObjectKey>) -> Self {
        self.hashed.extend(keys);
        self
    }

    /// Adds a component: `bundle` is the base with the component in use.
    #[must_use]
    pub fn component(mut self, name: &str, bundle: VerifiedBundle) -> Self {
        self.components.push(Layer {
            name: name.to_owned(),
            bundle,
            components: Vec::new(),
        });
        self
    }

    /// Adds an overlay: `bundle` is what it has to give, with these components in use.
    #[must_use]
    pub fn overlay(mut self, name: &str, bundle: VerifiedBundle, components: &[&str]) -> Self {
        self.overlays.push(Layer {
            name: name.to_owned(),
            bundle,
            components: components.iter().map(|name| (*name).to_owned()).collect(),
        });
        self
    }

    /// The bundle that `kubectl kustomize` gives for the base, or for an overlay.
    ///
    /// # Errors
    /// When there is no such overlay, or a key to be hashed is neither ConfigMap nor Secret.
    pub fn expected(&self, overlay: Option<&str>) -> Result<VerifiedBundle, RenderError> {
        let bundle = match overlay {
            None => &self.base,
            Some(name) => {
                let found = self.overlays.iter().find(|layer| layer.name == name);
                &found.ok_or_else(|| RenderError::Absent(name.to_owned()))?.bundle
            }
        };
        hash::with_hashed_names(bundle, &present(bundle, &self.hashed))
    }

    /// The files.
    ///
    /// # Errors
    /// When names are bad or there twice, a key to be hashed is nowhere or of another kind, or components of one overlay
    /// change the same thing.
    pub fn render(&self) -> Result<Vec<File>, RenderError> {
        self.check_names()?;
        let bundles: Vec<&VerifiedBundle> = self.layers().map(|layer| &layer.bundle).collect();
        let all: Vec<&VerifiedBundle> = [&self.base].into_iter().chain(bundles).collect();
        let generators = Generators::choose(&self.hashed, &all)?;
        let state = |bundle: &VerifiedBundle| -> Result<State, RenderError> {
            let before = present(bundle, generators.hashed_before());
            Ok(State::of(&hash::with_hashed_names(bundle, &before)?))
        };

        let base = state(&self.base)?;
        let mut files = Kustomization::base(&base, &generators).files("base", &self.base);
        let mut components = Vec::new();
        for layer in &self.components {
            let change = base.to(&state(&layer.bundle)?, &generators);
            let folder = format!("components/{}", layer.name);
            files.extend(Kustomization::component(&change).files(&folder, &layer.bundle));
            components.push((layer.name.as_str(), change));
        }
        for layer in &self.overlays {
            let mut below = base.clone();
            for wanted in &layer.components {
                let found = components.iter().find(|(name, _)| name == wanted);
                let (_, change) = found.ok_or_else(|| RenderError::NoComponent {
                    overlay: layer.name.clone(),
                    component: wanted.clone(),
                })?;
                below.apply(change, wanted)?;
            }
            let change = below.to(&state(&layer.bundle)?, &generators);
            let folder = format!("overlays/{}", layer.name);
            files.extend(Kustomization::overlay(&change, &layer.components).files(&folder, &layer.bundle));
        }
        Ok(files)
    }

    fn layers(&self) -> impl Iterator<Item = &Layer> {
        self.components.iter().chain(&self.overlays)
    }

    fn check_names(&self) -> Result<(), RenderError> {
        for layers in [&self.components, &self.overlays] {
            let mut seen = BTreeSet::new();
            for layer in layers {
                if !seen.insert(names::folder(&layer.name)?) {
                    return Err(RenderError::Twice(layer.name.clone()));
                }
            }
        }
        Ok(())
    }
}

/// Those keys that the bundle has.
fn present(bundle: &VerifiedBundle, keys: &BTreeSet<ObjectKey>) -> Vec<ObjectKey> {
    let here = bundle.objects().iter().map(|object| object.key());
    here.filter(|key| keys.contains(key)).cloned().collect()
}
