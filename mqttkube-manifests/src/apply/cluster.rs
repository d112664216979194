//! Calls to the API server, each with a deadline, each problem with its object.

use std::future::Future;
use std::time::Duration;

use kube::api::{
    Api, ApiResource, DeleteParams, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams,
    ValidationDirective,
};
use kube::discovery::{self, Scope};
use kube::{Client, Error};
use serde_json::{Value, json};

use super::FIELD_MANAGER;
use super::error::{ObjectProblem, Problem};
use super::set::Set;
use crate::object::ObjectKey;

#[derive(Clone)]
pub(super) struct Cluster {
    client: Client,
    deadline: Duration,
    force: bool,
}

/// An object of a set that the bundle has not.
pub(super) struct Member {
    pub(super) key: ObjectKey,
    resource: ApiResource,
    uid: Option<String>,
}

impl Cluster {
    pub(super) const fn new(client: Client, deadline: Duration, force: bool) -> Self {
        Self {
            client,
            deadline,
            force,
        }
    }

    /// The object as it is there.
    pub(super) async fn get(&self, object: &Value) -> Result<Option<Value>, ObjectProblem> {
        let api = self.api(object).await?;
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let found = self.call(object, api.get_opt(name)).await?;
        Ok(found.map(|found| json!(found)))
    }

    /// Applies the object and gives what became of it.
    pub(super) async fn apply(&self, object: &Value, dry_run: bool) -> Result<Value, ObjectProblem> {
        let api = self.api(object).await?;
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let params = PatchParams {
            dry_run,
            force: self.force,
            field_manager: Some(FIELD_MANAGER.to_owned()),
            field_validation: Some(ValidationDirective::Strict),
        };
        let applied = self
            .call(object, api.patch(name, &params, &Patch::Apply(object)))
            .await?;
        Ok(json!(applied))
    }

    /// The object as it is, and as it would be.
    pub(super) async fn compare(&self, object: &Value) -> Result<(Option<Value>, Value), ObjectProblem> {
        Ok((self.get(object).await?, self.apply(object, true).await?))
    }

    /// Whether there is such a kind.
    pub(super) async fn served(&self, object: &Value) -> Result<(), ObjectProblem> {
        self.api(object).await.map(drop)
    }

    /// Deletes an object, unless it is another one by now.
    pub(super) async fn delete(&self, member: &Member) -> Result<(), ObjectProblem> {
        let object = described(&member.key);
        let api = self.place(member.key.namespace.as_deref(), &member.resource);
        let mut params = DeleteParams::background();
        params.preconditions = Some(kube::api::Preconditions {
            uid: member.uid.clone(),
            resource_version: None,
        });
        match self
            .call(&object, async { Ok(api.delete(&member.key.name, &params).await) })
            .await?
        {
            Err(Error::Api(status)) if status.code == 404 => Ok(()),
            Err(error) => Err(ObjectProblem::of(&object, Problem::from_kube(&error))),
            Ok(_) => Ok(()),
        }
    }

    /// Objects of the set that the bundle has not, those that need others first.
    pub(super) async fn members(&self, set: &Set) -> Result<Vec<Member>, ObjectProblem> {
        let known = self.get(&set.parent([])).await?;
        let mut members = Vec::new();
        for (group, kind) in set.kinds_before(known.as_ref()) {
            let about = json!({"kind": kind, "metadata": {"name": format!("all with {}", set.selector())}});
            let Some((resource, scope)) = self.recommended(&about, &group, &kind).await? else {
                continue;
            };
            let namespaces = match scope {
                Scope::Cluster => vec![None],
                Scope::Namespaced => set
                    .namespaces_before(known.as_ref())
                    .into_iter()
                    .map(Some)
                    .collect(),
            };
            for namespace in namespaces {
                let api = self.place(namespace.as_deref(), &resource);
                let params = ListParams::default().labels(&set.selector());
                for object in self.call(&about, api.list(&params)).await?.items {
                    let key = ObjectKey {
                        group: group.clone(),
                        kind: kind.clone(),
                        namespace: object.metadata.namespace,
                        name: object.metadata.name.unwrap_or_default(),
                    };
                    if !set.has(&key) && object.metadata.deletion_timestamp.is_none() {
                        members.push(Member {
                            key,
                            resource: resource.clone(),
                            uid: object.metadata.uid,
                        });
                    }
                }
            }
        }
        // What is made of the others goes last in a bundle, so it goes first here.
        members.sort_by_key(|member| {
            (
                std::cmp::Reverse(crate::object::rank(&member.key.kind)),
                member.key.clone(),
            )
        });
        Ok(members)
    }

    /// The parent of the set with what it knew and what the bundle adds.
    pub(super) async fn widened(&self, set: &Set) -> Result<Value, ObjectProblem> {
        let known = self.get(&set.parent([])).await?;
        Ok(set.widened(known.as_ref()))
    }

    /// Where a kind is served, in the version that the server likes best.
    async fn recommended(
        &self,
        about: &Value,
        group: &str,
        kind: &str,
    ) -> Result<Option<(ApiResource, Scope)>, ObjectProblem> {
        let found = self
            .call(about, async {
                match discovery::group(&self.client, group).await {
                    Err(Error::Api(status)) if status.code == 404 => Ok(None),
                    Err(Error::Discovery(_)) => Ok(None),
                    other => other.map(Some),
                }
            })
            .await?;
        Ok(found
            .and_then(|group| group.recommended_kind(kind))
            .map(|(resource, capabilities)| (resource, capabilities.scope)))
    }

    async fn api(&self, object: &Value) -> Result<Api<DynamicObject>, ObjectProblem> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let wanted = GroupVersionKind::gvk(group, version, &kind);
        let found = self
            .call(object, async {
                Ok(discovery::pinned_kind(&self.client, &wanted).await)
            })
            .await?;
        match found {
            Ok((resource, capabilities)) => {
                let namespace = match capabilities.scope {
                    Scope::Cluster => None,
                    Scope::Namespaced => Some(object["metadata"]["namespace"].as_str().unwrap_or("default")),
                };
                Ok(self.place(namespace, &resource))
            }
            Err(Error::Api(status)) if status.code != 404 => {
                Err(ObjectProblem::of(object, Problem::from_kube(&Error::Api(status))))
            }
            Err(Error::Api(_) | Error::Discovery(_)) => Err(ObjectProblem::of(
                object,
                Problem::NoKind(format!("{api_version} {kind}")),
            )),
            Err(other) => Err(ObjectProblem::of(object, Problem::from_kube(&other))),
        }
    }

    fn place(&self, namespace: Option<&str>, resource: &ApiResource) -> Api<DynamicObject> {
        match namespace {
            Some(namespace) => Api::namespaced_with(self.client.clone(), namespace, resource),
            None => Api::all_with(self.client.clone(), resource),
        }
    }

    async fn call<T>(
        &self,
        object: &Value,
        call: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, ObjectProblem> {
        match tokio::time::timeout(self.deadline, call).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(ObjectProblem::of(object, Problem::from_kube(&error))),
            Err(_) => Err(ObjectProblem::of(object, Problem::Deadline(self.deadline))),
        }
    }
}

fn described(key: &ObjectKey) -> Value {
    let mut object = json!({"kind": key.kind, "metadata": {"name": key.name}});
    if let Some(namespace) = &key.namespace {
        object["metadata"]["namespace"] = namespace.as_str().into();
    }
    object
}
