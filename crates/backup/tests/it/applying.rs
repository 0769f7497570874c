//! A plan that does everything that a plan can do, from a snapshot into a store: what the tests of applying begin with.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;
use parados_backup::backup::backup;
use parados_backup::document::ParameterRecord;
use parados_backup::event::NoObserver;
use parados_backup::fingerprint::FingerprintKey;
use parados_backup::manifest::SnapshotId;
use parados_backup::repository::{Completion, Objects, Repository, SnapshotFilter};
use parados_backup::restore::{
    Action, ApplyContext, Change, Estimate, Journal, LiveState, PlanId, PlannedOptions, PutFields, RestorePlan,
    RestoreReport, RestoreSource, Step, StoreIdentity, UndoContext, WantedState, apply,
};
use parados_backup::seal::Identities;
use parados_backup::target::StoreKind;
use parados_backup::verdict::Verdict;
use parados_parameter::decorator::metered::CallMeter;
use parados_parameter::memory::{MemoryStore, MemoryStoreOptions};
use parados_parameter::reading::{describe_all, history_all};
use parados_parameter::{
    Label, ParameterName, ParameterStore as _, ParameterType, PutRequest, Secret, SharedStore, Tag, Tier, TierRequest,
    Version,
};

use crate::shop::{Shop, name, request, signing_key};

/// What no report, journal or event may hold.
pub(crate) const CANARY: &str = "canary-5b1e";

/// A snapshot, and the store that it is to be restored into.
pub(crate) struct Bench {
    pub(crate) repository: Arc<Repository>,
    pub(crate) source: RestoreSource,
    pub(crate) shop: Shop,
    pub(crate) records: Vec<ParameterRecord>,
    pub(crate) fingerprints: Arc<FingerprintKey>,
}

pub(crate) fn version(number: i64) -> Version {
    Version::new(number).unwrap()
}

pub(crate) fn value(text: &str) -> Secret {
    Secret::new(format!("{CANARY}-{text}"))
}

pub(crate) fn tag(text: &str) -> Tag {
    Tag::parse(text).unwrap()
}

fn label(text: &str) -> Label {
    Label::parse(text).unwrap()
}

/// A put of a value; everything else as the store would have it.
pub(crate) fn put(text: &str, of: &str) -> PutRequest {
    PutRequest { overwrite: true, ..PutRequest::new(name(text), value(of)) }
}

impl Bench {
    /// A snapshot of `source`, and `shop` to restore it into.
    pub(crate) async fn of(source: Shop, shop: Shop) -> Self {
        let objects = Objects::new(Arc::new(InMemory::new()), "memory://", Completion::Checked);
        let context = source.context(source.store.clone(), objects, &[], None).await;
        let asked = parados_backup::backup::BackupRequest { with_history: true, ..request("dev", 1) };
        let report = backup(&context, &asked, &NoObserver).await;
        assert_eq!(report.verdict, Verdict::Complete, "{report:?}");
        let repository = context.repository;
        let entry = repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries.remove(0);
        let manifest = Arc::new(repository.read_manifest(&entry.manifest_key).await.unwrap());
        let source = RestoreSource::Snapshot { repository: repository.clone(), manifest };
        let take = |records: &mut Vec<ParameterRecord>, record| {
            records.push(record);
            std::ops::ControlFlow::Continue(())
        };
        let records = source.fold(&Identities::default(), Vec::new(), take).await.unwrap();
        let fingerprints = Arc::new(signing_key().fingerprint_key(&repository.id()));
        shop.clock.advance(Duration::from_secs(86_400));
        Self { repository, source, shop, records, fingerprints }
    }

    /// The bench of [`Bench::plan`].
    pub(crate) async fn everything() -> Self {
        let source = Shop::new(MemoryStoreOptions::default());
        for number in 1..=3 {
            source.put(put("/shop/dev/created", &format!("created {number}"))).await;
        }
        source.store.label(&name("/shop/dev/created"), Some(version(2)), &["blue".to_owned()]).await.unwrap();
        source.store.tag(&name("/shop/dev/created"), &[tag("team=a")]).await.unwrap();
        for text in ["updated", "replaced", "tagged", "same", "skipped"] {
            source.put(put(&format!("/shop/dev/{text}"), text)).await;
        }

        let shop = Shop::new(MemoryStoreOptions::default());
        shop.put(put("/shop/dev/updated", "another")).await;
        shop.put(PutRequest { tier: Some(TierRequest::Advanced), ..put("/shop/dev/replaced", "replaced") }).await;
        shop.put(put("/shop/dev/deleted", "deleted")).await;
        shop.put(put("/shop/dev/tagged", "tagged")).await;
        shop.put(put("/shop/dev/same", "same")).await;
        shop.put(put("/shop/dev/skipped", "another")).await;
        shop.store.tag(&name("/shop/dev/tagged"), &[tag("old=1"), tag("team=b")]).await.unwrap();
        shop.store.label(&name("/shop/dev/updated"), Some(version(1)), &["green".to_owned()]).await.unwrap();
        Self::of(source, shop).await
    }

    pub(crate) fn record(&self, text: &str) -> &ParameterRecord {
        self.records.iter().find(|record| record.name == name(text)).unwrap()
    }

    /// A put of a version of the source.
    pub(crate) fn put_step(&self, text: &str, source: i64, makes: i64, overwrite: bool) -> Step {
        let record = self.record(text);
        let older = record.history.iter().flatten().find(|older| older.version == version(source));
        let value = older.map_or(&record.value, |older| &older.value);
        Step::Put {
            source_version: version(source),
            fingerprint: self.fingerprints.value(value),
            makes: version(makes),
            put: Box::new(PutFields {
                overwrite,
                parameter_type: ParameterType::String,
                key_id: None,
                description: None,
                allowed_pattern: None,
                tier: if overwrite { None } else { Some(Tier::Standard) },
                policies: None,
                data_type: record.data_type.clone(),
                tags: if overwrite { Vec::new() } else { record.tags.clone().unwrap_or_default() },
            }),
        }
    }

    /// What is to become of a parameter, from what the store has now.
    pub(crate) async fn change(&self, text: &str, action: Action, steps: Vec<Step>) -> Change {
        let live = self.shop.store.get_many(&[name(text)]).await.unwrap().parameters.pop().map(|live| LiveState {
            version: live.version,
            last_modified_date: live.last_modified_date,
            fingerprint: self.fingerprints.value(&live.value),
        });
        let record = self.records.iter().find(|record| record.name == name(text));
        Change {
            name: name(text),
            source: record.map(|record| record.name.clone()),
            action,
            fields: Vec::new(),
            live,
            wanted: record.map(|record| WantedState {
                version: record.version,
                last_modified_date: record.last_modified_date,
                fingerprint: self.fingerprints.value(&record.value),
            }),
            steps,
            reason: None,
            warnings: Vec::new(),
        }
    }

    pub(crate) fn plan_of(&self, changes: Vec<Change>) -> RestorePlan {
        RestorePlan {
            format_version: 1,
            id: PlanId::from_bytes([0xab; 8]),
            created_at: parados_parameter::Clock::now(&*self.shop.clock),
            tool: "parados test".into(),
            source: self.source.planned(),
            into: identity(),
            options: PlannedOptions::default(),
            fingerprint_key: self.fingerprints.id().clone(),
            changes,
            warnings: Vec::new(),
            estimate: Estimate::default(),
        }
    }

    /// One of each kind of change, and of each step.
    pub(crate) async fn plan(&self) -> RestorePlan {
        let created = vec![
            self.put_step("/shop/dev/created", 1, 1, false),
            self.put_step("/shop/dev/created", 2, 2, true),
            self.put_step("/shop/dev/created", 3, 3, true),
            Step::Await { version: version(3) },
            Step::Label { version: version(2), labels: vec![label("blue")] },
        ];
        let replaced = vec![Step::Delete, Step::Wait { seconds: 30 }, self.put_step("/shop/dev/replaced", 1, 1, false)];
        let updated = vec![
            self.put_step("/shop/dev/updated", 1, 2, true),
            Step::Unlabel { version: version(1), labels: vec![label("green")] },
        ];
        let tagged = vec![Step::Tag { tags: vec![tag("team=a")] }, Step::Untag { keys: vec!["old".to_owned()] }];
        self.plan_of(vec![
            self.change("/shop/dev/created", Action::Create, created).await,
            self.change("/shop/dev/deleted", Action::Delete, vec![Step::Delete]).await,
            self.change("/shop/dev/replaced", Action::Replace, replaced).await,
            self.change("/shop/dev/same", Action::Unchanged, Vec::new()).await,
            self.change("/shop/dev/skipped", Action::Skip, Vec::new()).await,
            self.change("/shop/dev/tagged", Action::Update, tagged).await,
            self.change("/shop/dev/updated", Action::Update, updated).await,
        ])
    }

    /// What a plan is applied with: the calls of the restore and of the undo snapshot go through `store`.
    pub(crate) async fn context(&self, store: SharedStore, journal: Journal, undo: bool) -> ApplyContext {
        let meter = Arc::new(CallMeter::default());
        let store: SharedStore = Arc::new(parados_parameter::decorator::metered::Metered::new(store, meter.clone()));
        let undo = undo.then(|| UndoContext {
            backup: parados_backup::backup::BackupContext {
                store: store.clone(),
                meter: meter.clone(),
                repository: self.repository.clone(),
                signing_key: signing_key(),
                sealer: None,
                identities: Identities::default(),
                clock: self.shop.clock.clone(),
                tool: "parados test".into(),
            },
            target: request("dev", 1).target,
            id: SnapshotId::from_bytes([0xcd; 8]),
        });
        ApplyContext {
            source: self.source.clone(),
            identities: Identities::default(),
            store,
            into: identity(),
            meter,
            fingerprints: self.fingerprints.clone(),
            clock: self.shop.clock.clone(),
            undo,
            journal,
            names_in_flight: 3,
        }
    }

    /// Applies a plan with its journal in `folder`, and checks that nothing of it shows a value.
    pub(crate) async fn apply(&self, store: SharedStore, plan: &RestorePlan, folder: &Path) -> RestoreReport {
        let context = self.context(store, Journal::in_folder(folder), true).await;
        let report = apply(&context, plan, &NoObserver).await;
        let journal = std::fs::read_to_string(folder.join("journal.ndjson")).unwrap_or_default();
        for text in [serde_json::to_string(&report).unwrap(), journal] {
            assert!(!text.contains(CANARY), "{text}");
        }
        report
    }
}

pub(crate) fn identity() -> StoreIdentity {
    StoreIdentity {
        kind: StoreKind::Aws,
        account: "123456789012".into(),
        region: "eu-west-1".into(),
        folder: None,
        database: None,
    }
}

/// Everything in a store but dates, a line for each version: what two stores that are equal have in common.
pub(crate) async fn everything_in(store: &MemoryStore) -> Vec<String> {
    let mut lines = Vec::new();
    let mut names: Vec<ParameterName> =
        describe_all(store, &[]).await.unwrap().into_iter().map(|metadata| metadata.name).collect();
    names.sort();
    for name in names {
        let tags = store.list_tags(&name).await.unwrap();
        for entry in history_all(store, &name).await.unwrap() {
            let metadata = &entry.metadata;
            lines.push(format!(
                "{name} {} {} {} {} {:?} {:?} {:?} {:?}",
                metadata.version,
                metadata.parameter_type,
                metadata.tier,
                entry.value.reveal(),
                metadata.description,
                metadata.policies,
                entry.labels,
                tags
            ));
        }
    }
    lines
}
