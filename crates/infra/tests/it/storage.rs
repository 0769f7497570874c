//! Object storage elsewhere: what is made is there, drift of each field is found and mended, a fault at any call is made good, and what is
//! destroyed is gone.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use parados_infra::apply::ApplyVerdict;
use parados_infra::cloud::{CallGate, Cloud, Patience};
use parados_infra::plan::InfraAction;
use parados_infra::stack::Stack;
use parados_parameter::memory::MemoryStore;
use parados_parameter::{SharedStore, SystemClock};

use crate::faults::NthCall;
use crate::world::{destroy, make, stack_in, up};

/// Settings of object storage elsewhere, and what is remembered of it.
pub(crate) struct Elsewhere {
    settings: Vec<(String, String)>,
    store: SharedStore,
}

impl Elsewhere {
    pub(crate) fn new(settings: Vec<(&'static str, String)>) -> Self {
        let settings = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Self { settings, store: Arc::new(MemoryStore::new(Arc::new(SystemClock))) }
    }

    pub(crate) fn stack(&self, declaration: &str, gate: Option<Arc<dyn CallGate>>) -> Stack {
        let patience = Patience { budget: Duration::from_secs(2), first_pause: Duration::from_millis(1) };
        let cloud = Cloud::local("123456789012", "eu-west-1", self.store.clone()).with_patience(patience);
        let cloud = cloud.with_object_storage(self.settings.clone());
        let cloud = match gate {
            Some(gate) => cloud.with_gate(gate),
            None => cloud,
        };
        stack_in(declaration, cloud, self.store.clone())
    }

    /// The paths of what differs from `declaration`, by resource.
    pub(crate) async fn differences(&self, declaration: &str) -> BTreeMap<String, Vec<String>> {
        let stack = self.stack(declaration, None);
        let plan = make(&stack, &stack.observe().await.unwrap());
        assert!(plan.changes.iter().all(|change| change.action != InfraAction::Refuse), "{:#?}", plan.changes);
        let paths =
            |change: &parados_infra::plan::Change| change.differences.iter().map(|one| one.path.clone()).collect();
        plan.changes.iter().map(|change| (change.resource.clone(), paths(change))).collect()
    }

    pub(crate) async fn up(&self, declaration: &str) {
        let report = up(&self.stack(declaration, None)).await.unwrap();
        assert_eq!(report.verdict, ApplyVerdict::Complete, "{report:#?}");
        assert_eq!(self.differences(declaration).await, BTreeMap::new());
    }

    pub(crate) async fn destroy(&self, declaration: &str) {
        destroy(&self.stack(declaration, None)).await.unwrap();
        let observation = self.stack(declaration, None).observe().await.unwrap();
        assert!(observation.resources.iter().all(|one| one.live.is_none()), "{observation:#?}");
    }

    /// What destroying it would lose.
    pub(crate) async fn contents(&self, declaration: &str) -> Vec<String> {
        let stack = self.stack(declaration, None);
        let contents = stack.contents(&stack.observe().await.unwrap()).await.unwrap();
        contents.into_values().map(|contents| contents.what).collect()
    }

    /// Fails each call in turn, of making it and of destroying it.
    pub(crate) async fn survives_a_fault_at_every_call(&mut self, declaration: &str) {
        for (nth, after) in (1..).flat_map(|nth| [(nth, false), (nth, true)]) {
            self.store = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
            let gate = NthCall::new(nth, after);
            let _ = up(&self.stack(declaration, Some(gate.clone()))).await;
            let made_all = !gate.has_failed();
            self.up(declaration).await;
            let gate = NthCall::new(nth, after);
            let _ = destroy(&self.stack(declaration, Some(gate.clone()))).await;
            self.destroy(declaration).await;
            if made_all && !gate.has_failed() {
                assert!(nth > 4, "a run makes more calls than {nth}");
                return;
            }
        }
    }
}
