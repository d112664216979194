//! Getting, listing, discovering.

use http::{Request, header};
use kube::client::Body;
use serde_json::{Value, json};

use super::world::{Answer, MERGE, World};

pub(crate) async fn missing_objects_and_kinds_are_told_apart(world: &World) {
    let object = world
        .get(&format!("{}/none", world.deployments()))
        .await
        .check(404, "NotFound");
    assert_eq!(object.at("/message"), "deployments.apps \"none\" not found");
    for path in [
        "/apis/none.example/v1/things",
        "/apis/apps/v9/deployments",
        "/api/v1/things",
    ] {
        let kind = world.get(path).await;
        assert_eq!(kind.code, 404, "{path}: {}", kind.body);
        assert!(kind.at("/details/name").is_null(), "{path}: {}", kind.body);
    }
}

fn names(list: &Answer) -> Vec<String> {
    let name = |item: &Value| item["metadata"]["name"].as_str().unwrap().to_owned();
    list.at("/items")
        .as_array()
        .unwrap()
        .iter()
        .map(name)
        .filter(|name| !name.starts_with("kube-"))
        .collect()
}

pub(crate) async fn selectors_choose(world: &World) {
    for (name, labels) in [
        ("a", json!({ "tier": "web", "env": "test" })),
        ("b", json!({ "tier": "db" })),
        ("c", json!({})),
    ] {
        let body = json!({ "metadata": { "name": name, "labels": labels } });
        world.post(&world.config_maps(), &body).await.ok();
    }
    for (query, expected) in [
        ("labelSelector=tier%3Dweb", &["a"][..]),
        ("labelSelector=tier%3D%3Ddb", &["b"]),
        ("labelSelector=tier!%3Dweb", &["b", "c"]),
        ("labelSelector=tier", &["a", "b"]),
        ("labelSelector=!tier", &["c"]),
        ("labelSelector=tier%20in%20(web,db)", &["a", "b"]),
        ("labelSelector=tier%20notin%20(web),tier", &["b"]),
        ("labelSelector=tier%3Dweb,env%3Dtest", &["a"]),
        ("fieldSelector=metadata.name%3Db", &["b"]),
        ("fieldSelector=metadata.name!%3Db", &["a", "c"]),
    ] {
        let list = world.get(&format!("{}?{query}", world.config_maps())).await.ok();
        assert_eq!(names(&list), expected, "{query}");
    }
}

pub(crate) async fn a_bad_selector_is_refused(world: &World) {
    for query in [
        "fieldSelector=data.a%3D1",
        "labelSelector=a%20b",
        "fieldSelector=x",
    ] {
        world
            .get(&format!("{}?{query}", world.config_maps()))
            .await
            .check(400, "BadRequest");
    }
}

pub(crate) async fn pages_show_one_moment(world: &World) {
    for name in ["a", "b", "c", "d"] {
        world.config_map(name, json!({ "v": "old" })).await;
    }
    let first = world.get(&format!("{}?limit=2", world.config_maps())).await.ok();
    assert_eq!(
        (names(&first), first.at("/metadata/remainingItemCount")),
        (vec!["a".into(), "b".into()], json!(2))
    );
    world.config_map("bb", json!({})).await;
    world
        .delete(&format!("{}/d", world.config_maps()), &json!({}))
        .await
        .ok();
    world
        .patch(
            &format!("{}/c", world.config_maps()),
            MERGE,
            &json!({ "data": { "v": "new" } }),
        )
        .await
        .ok();
    let next = first.at("/metadata/continue").as_str().unwrap().to_owned();
    let second = world
        .get(&format!("{}?limit=2&continue={next}", world.config_maps()))
        .await
        .ok();
    assert_eq!(names(&second), ["c", "d"]);
    assert_eq!(
        (second.at("/items/0/data/v"), second.at("/metadata/continue")),
        (json!("old"), Value::Null)
    );
    assert_eq!(second.version(), first.version());
}

pub(crate) async fn items_of_built_in_lists_bear_no_type(world: &World) {
    world.config_map("map", json!({})).await;
    let list = world.get(&world.config_maps()).await.ok();
    assert_eq!(
        (list.at("/kind"), list.at("/apiVersion")),
        (json!("ConfigMapList"), json!("v1"))
    );
    assert_eq!(
        (list.at("/items/0/kind"), list.at("/items/0/apiVersion")),
        (Value::Null, Value::Null)
    );
}

pub(crate) async fn metadata_can_be_asked_for_alone(world: &World) {
    world.config_map("map", json!({ "a": "1" })).await;
    let ask = |path: String, kind: &str| {
        let accept = format!("application/json;as={kind};g=meta.k8s.io;v=v1");
        world.ask(
            Request::get(path)
                .header(header::ACCEPT, accept)
                .body(Body::empty())
                .unwrap(),
        )
    };
    let one = ask(format!("{}/map", world.config_maps()), "PartialObjectMetadata")
        .await
        .ok();
    assert_eq!(
        (one.at("/kind"), one.at("/data")),
        (json!("PartialObjectMetadata"), Value::Null)
    );
    assert_eq!(one.at("/metadata/name"), "map");
    let list = ask(world.config_maps(), "PartialObjectMetadataList").await.ok();
    assert_eq!(list.at("/kind"), "PartialObjectMetadataList");
}

pub(crate) async fn discovery_tells_kinds_and_subresources(world: &World) {
    let old = world.get("/apis/apps/v1").await.ok();
    let resources = old.at("/resources");
    let names: Vec<_> = resources
        .as_array()
        .unwrap()
        .iter()
        .map(|resource| resource["name"].as_str().unwrap())
        .collect();
    for name in [
        "deployments",
        "deployments/scale",
        "deployments/status",
        "statefulsets/scale",
    ] {
        assert!(names.contains(&name), "{name} is not among {names:?}");
    }
    let groups = kube::discovery::Discovery::new(world.client.clone())
        .run_aggregated()
        .await
        .unwrap();
    let (resource, capabilities) = groups
        .get("apps")
        .unwrap()
        .recommended_kind("Deployment")
        .unwrap();
    assert_eq!(resource.plural, "deployments");
    assert!(
        capabilities
            .subresources
            .iter()
            .any(|(part, _)| part.plural.ends_with("scale"))
    );
    let kind = kube::core::GroupVersionKind::gvk("batch", "v1", "CronJob");
    let (resource, _) = kube::discovery::pinned_kind(&world.client, &kind).await.unwrap();
    assert_eq!(resource.plural, "cronjobs");
}
