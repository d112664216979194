//! Objects that others change, and the watches that show it.

use mqttkube_core::event::Event;
use mqttkube_core::ids::WatchId;
use serde_json::json;

use super::World;
use crate::simulation::api::Change;
use crate::simulation::check::Broken;
use crate::simulation::plan::WATCHED;

impl World {
    pub(super) fn populate(&mut self) {
        for (kind, name) in [
            ("Deployment", "web"),
            ("StatefulSet", "db"),
            ("Pod", "p0"),
            ("Pod", "p1"),
        ] {
            if self.rng.chance(80) {
                self.create(kind, name);
            }
        }
        for kind in WATCHED {
            self.api.relist(kind);
        }
    }

    fn create(&mut self, kind: &str, name: &str) {
        self.counter += 1;
        let spec = json!({"replicas": 1, "size": 1, "limits": {"old": 1}, "containers": [{"name": "b", "image": "b"}, {"name": "c", "image": "c"}]});
        let object = json!({
            "kind": kind,
            "metadata": {"name": name, "namespace": "ns", "annotations": {}},
            "spec": spec,
            "status": {"n": self.counter},
        });
        self.api.put(kind, name, object);
    }

    pub(super) fn change(&mut self) {
        let (kind, name) = [
            ("Deployment", "web"),
            ("StatefulSet", "db"),
            ("Pod", "p0"),
            ("Pod", "p1"),
            ("Pod", "p2"),
        ][self.rng.index(5)];
        let Some(mut object) = self.api.object(kind, name).cloned() else {
            return self.create(kind, name);
        };
        if self.rng.chance(12) {
            let key = (kind.to_owned(), name.to_owned());
            self.ledger.last.remove(&key);
            self.ledger.deleted.insert(key, self.api.version());
            return self.api.remove(kind, name);
        }
        self.counter += i64::from(self.rng.chance(80));
        let pad = if self.rng.chance(10) { 5000 } else { 0 };
        object["status"] = json!({"n": self.counter});
        if pad > 0 {
            object["status"]["pad"] = json!("x".repeat(pad));
        }
        self.api.put(kind, name, object);
    }

    pub(super) fn watch(&mut self) -> Result<(), Broken> {
        if self.away {
            return Ok(());
        }
        let watch = self.rng.index(WATCHED.len());
        self.show(watch).map(|_| ())
    }

    /// The next change of one watch. Returns whether there was one.
    pub(in crate::simulation) fn show(&mut self, index: usize) -> Result<bool, Broken> {
        let watch = WatchId(u32::try_from(index).expect("few watches"));
        let Some(change) = self.api.next_change(WATCHED[index]) else {
            return Ok(false);
        };
        let event = match change {
            Change::Listing => Event::Listing { watch },
            Change::Listed => Event::Listed { watch },
            Change::Object(object) => Event::Object {
                watch,
                object: Box::new(object),
            },
            Change::Deleted((_, name)) => Event::Deleted {
                watch,
                namespace: Some("ns".to_owned()),
                name,
            },
        };
        if matches!(event, Event::Object { .. } | Event::Deleted { .. }) {
            self.process.object_seen(self.now);
        }
        self.tell(event)?;
        Ok(true)
    }

    pub(super) fn relist(&mut self) -> Result<(), Broken> {
        let index = self.rng.index(WATCHED.len());
        let watch = WatchId(u32::try_from(index).expect("few watches"));
        self.tell(Event::WatchFailed {
            watch,
            error: "410 Gone".to_owned(),
        })?;
        self.api.relist(WATCHED[index]);
        Ok(())
    }
}
