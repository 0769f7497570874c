<<<<<<< HEAD
//! Plans of restores over the reference model: what they say, and that doing their steps and nothing else makes the store what the
//! source was, so that a second plan says that nothing is to be done.

use std::collections::{BTreeMap, BTreeSet};
=======
//! A plan that does everything that a plan can do, from a snapshot into a store: what the tests of applying begin with.

use std::path::Path;
>>>>>>> 624b321 (A plan is applied: looked at again, undoable, from a journal that a run which ended anywhere is gone on with)
use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;
use parados_backup::backup::backup;
use parados_backup::document::ParameterRecord;
use parados_backup::event::NoObserver;
<<<<<<< HEAD
use parados_backup::field::{Field, differing};
use parados_backup::repository::{Completion, Objects, Repository};
use parados_backup::restore::{
    Action, Conflict, PlanContext, PlanId, RestorePlan, RestoreRequest, RestoreSource, Step, StoreIdentity, plan,
};
use parados_backup::seal::Identities;
use parados_backup::snapshot;
use parados_backup::target::StoreKind;
use parados_parameter::decorator::quota::Quotas;
use parados_parameter::memory::MemoryStoreOptions;
use parados_parameter::{
    AllowedPattern, DataType, Description, KeyId, Label, ParameterName, ParameterStore as _, ParameterType, Policy,
    PutRequest, Secret, Selector, SharedStore, Tag, TierRequest, Version,
};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::shop::{self, Shop};

/// A snapshot of a store, and its records.
pub(crate) struct Taken {
    pub(crate) source: RestoreSource,
    pub(crate) records: Vec<ParameterRecord>,
}

/// A snapshot of all that `shop` has.
pub(crate) async fn take(shop: &Shop, with_history: bool) -> Taken {
    let objects = Objects::new(Arc::new(InMemory::new()), "memory://", Completion::Checked);
    let context = shop.context(shop.store.clone(), objects, &[], None).await;
    let request = backup_request(with_history);
    let report = backup(&context, &request, &NoObserver).await;
    assert_eq!((report.error, report.missing.len()), (None, 0));
    let repository: Arc<Repository> = context.repository;
    let manifest = repository.head(&request.target).await.unwrap().expect("it was committed");
    let records = read(&repository, &manifest.manifest.summary).await;
    Taken { source: RestoreSource::Snapshot { repository, manifest: Arc::new(manifest) }, records }
}

fn backup_request(with_history: bool) -> parados_backup::backup::BackupRequest {
    parados_backup::backup::BackupRequest { selector: Selector::default(), with_history, ..shop::request("dev", 1) }
}

async fn read(
    repository: &Arc<Repository>,
    summary: &parados_backup::manifest::ManifestSummary,
) -> Vec<ParameterRecord> {
    let each = |records: &mut Vec<ParameterRecord>, record| {
        records.push(record);
        std::ops::ControlFlow::Continue(())
    };
    snapshot::fold(repository, summary, &Identities::default(), Vec::new(), each).await.unwrap()
}

/// A request that means everything.
pub(crate) fn everything() -> RestoreRequest {
    RestoreRequest {
        selector: Selector::default(),
        selector_text: "everything".into(),
        names: None,
        at: None,
        maps: Vec::new(),
        keys: Vec::new(),
        conflict: Conflict::Overwrite,
        delete_extra: false,
        delete: BTreeSet::new(),
        with_history: false,
        with_labels: true,
        drop_expired: false,
    }
}

/// Makes plans for `shop`, an embedded store or AWS.
pub(crate) fn planner(shop: &Shop, source: &RestoreSource, kind: StoreKind) -> PlanContext {
    PlanContext {
        source: source.clone(),
        identities: Identities::default(),
        store: shop.store.clone(),
        into: StoreIdentity { kind, account: "123456789012".into(), region: "eu-west-1".into(), folder: None },
        quotas: Quotas::aws_default(),
        key_management: None,
        fingerprints: Arc::new(shop::signing_key().fingerprint_key("restoring")),
        clock: shop.clock.clone(),
        tool: "parados 0.1.0".into(),
        id: PlanId::from_bytes([1; 8]),
    }
}

/// Does the steps of a plan, with the values that the snapshot has. Every one has to succeed as it is written.
pub(crate) async fn execute(shop: &Shop, plan: &RestorePlan, records: &[ParameterRecord]) {
    let mut values = BTreeMap::<(&ParameterName, Version), &Secret>::new();
    for record in records {
        values.insert((&record.name, record.version), &record.value);
        values.extend(record.history.iter().flatten().map(|older| ((&record.name, older.version), &older.value)));
    }
    let store: SharedStore = shop.store.clone();
    for change in &plan.changes {
        for step in &change.steps {
            shop.clock.advance(Duration::from_millis(1500));
            let name = &change.name;
            match step {
                Step::Delete => store.delete(name).await.unwrap(),
                Step::Wait { .. } | Step::Await { .. } => {}
                Step::Put { source_version, makes, put, .. } => {
                    let source = change.source.as_ref().unwrap();
                    let request = PutRequest {
                        name: name.clone(),
                        value: values[&(source, *source_version)].clone(),
                        parameter_type: Some(put.parameter_type),
                        key_id: put.key_id.clone(),
                        overwrite: put.overwrite,
                        description: put.description.clone(),
                        allowed_pattern: put.allowed_pattern.clone(),
                        tags: put.tags.clone(),
                        tier: put.tier.map(TierRequest::from),
                        policies: put.policies.clone(),
                        data_type: Some(put.data_type.clone()),
                    };
                    let outcome = store.put(&request).await.unwrap_or_else(|error| panic!("{error}: {change:#?}"));
                    assert_eq!(outcome.version, *makes, "{change:#?}");
                }
                Step::Label { version, labels } => {
                    let labels: Vec<_> = labels.iter().map(ToString::to_string).collect();
                    let outcome = store.label(name, Some(*version), &labels).await;
                    let outcome = outcome.unwrap_or_else(|error| panic!("{error}: {change:#?}"));
                    assert!(outcome.invalid.is_empty(), "{change:#?}");
                }
                Step::Unlabel { version, labels } => {
                    let outcome = store.unlabel(name, *version, labels).await;
                    let outcome = outcome.unwrap_or_else(|error| panic!("{error}: {change:#?}"));
                    assert!(outcome.invalid.is_empty(), "{change:#?}");
                }
                Step::Tag { tags } => store.tag(name, tags).await.unwrap(),
                Step::Untag { keys } => store.untag(name, keys).await.unwrap(),
            }
        }
    }
}

/// Something that happens to a store before it is backed up, or restored into. What the store refuses does not happen.
#[derive(Clone, Debug)]
enum Happening {
    Put(PutRequest),
    Delete(ParameterName),
    Label(ParameterName, i64, Vec<String>),
    Unlabel(ParameterName, i64, Label),
    Tag(ParameterName, Tag),
    Untag(ParameterName, String),
    /// So many puts at once that old versions are dropped.
    Churn(ParameterName),
}

fn any_name() -> impl Strategy<Value = ParameterName> {
    prop::sample::select(vec!["/a/dev/p", "/a/dev/q", "r", "/A/dev/p"]).prop_map(shop::name)
}

fn any_label() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["blue", "green", "red", "x1"]).prop_map(str::to_owned)
}

fn any_put() -> impl Strategy<Value = PutRequest> {
    let value = prop::sample::select(vec!["1", "2", "3", "long"]);
    let policy = r#"[{"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"2","Unit":"Days"}}]"#;
    (
        (any_name(), value, prop::sample::select(ParameterType::ALL), prop::option::of(Just("alias/x"))),
        prop::option::of(prop::sample::select(vec!["", "what it is", "other"])),
        prop::option::of(prop::sample::select(vec!["", ".*"])),
        prop::sample::select(vec![None, Some(TierRequest::IntelligentTiering), Some(TierRequest::Advanced)]),
        prop::option::weighted(0.3, prop::sample::select(vec!["[]", policy])),
        prop::option::weighted(0.2, prop::sample::select(vec!["text", "aws:ec2:image"])),
    )
        .prop_map(|((name, value, kind, key), description, pattern, tier, policies, data_type)| {
            let value = if value == "long" { "x".repeat(5000) } else { value.to_owned() };
            PutRequest {
                parameter_type: Some(kind),
                key_id: key.filter(|_| kind == ParameterType::SecureString).map(KeyId::observed),
                overwrite: true,
                description: description.map(Description::observed),
                allowed_pattern: pattern.map(AllowedPattern::observed),
                tier,
                policies: policies.map(|text| Policy::parse_list(text).unwrap()),
                data_type: data_type.map(DataType::observed),
                ..PutRequest::new(name, Secret::new(value))
            }
        })
}

fn any_happening() -> impl Strategy<Value = Happening> {
    let tag = (prop::sample::select(vec!["team", "tier", "aws:x"]), prop::sample::select(vec!["a", "b"]));
    prop_oneof![
        8 => any_put().prop_map(Happening::Put),
        1 => any_name().prop_map(Happening::Delete),
        4 => (any_name(), 1..5_i64, vec(any_label(), 1..3)).prop_map(|(n, v, l)| Happening::Label(n, v, l)),
        1 => (any_name(), 1..5_i64, any_label()).prop_map(|(n, v, l)| Happening::Unlabel(n, v, Label::observed(l))),
        3 => (any_name(), tag).prop_map(|(n, (key, value))| Happening::Tag(n, Tag::observed(key, value))),
        1 => any_name().prop_map(|n| Happening::Untag(n, "team".into())),
        1 => any_name().prop_map(Happening::Churn),
    ]
}

async fn happen(shop: &Shop, happenings: &[Happening]) {
    let store = &shop.store;
    for happening in happenings {
        shop.clock.advance(Duration::from_millis(1500));
        let version = |number| Version::new(number).unwrap();
        match happening.clone() {
            Happening::Put(request) => drop(store.put(&request).await),
            Happening::Delete(name) => drop(store.delete(&name).await),
            Happening::Label(name, at, labels) => drop(store.label(&name, Some(version(at)), &labels).await),
            Happening::Unlabel(name, at, label) => drop(store.unlabel(&name, version(at), &[label]).await),
            Happening::Tag(name, tag) => drop(store.tag(&name, &[tag]).await),
            Happening::Untag(name, key) => drop(store.untag(&name, &[key]).await),
            Happening::Churn(name) => {
                for number in 0..99 {
                    let request = PutRequest::new(name.clone(), Secret::new(format!("churn {}", number % 3)));
                    drop(store.put(&PutRequest { overwrite: true, ..request }).await);
                }
            }
        }
    }
}

fn shop_with(annotated: bool) -> Shop {
    Shop::new(MemoryStoreOptions { annotated, ..MemoryStoreOptions::default() })
}

#[derive(Clone, Debug)]
struct Case {
    before: Vec<Happening>,
    there: Vec<Happening>,
    annotated: bool,
    backed_up_with_history: bool,
    with_history: bool,
    with_labels: bool,
    delete_extra: bool,
    map: bool,
    kind: StoreKind,
}

fn any_case() -> impl Strategy<Value = Case> {
    (
        (vec(any_happening(), 0..14), vec(any_happening(), 0..14)),
        (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>()),
    )
        .prop_map(
            |((before, there), (annotated, backed_up, with_history, with_labels, delete_extra, map, aws))| Case {
                before,
                there,
                annotated,
                backed_up_with_history: backed_up,
                with_history,
                with_labels,
                delete_extra,
                map,
                kind: if aws { StoreKind::Aws } else { StoreKind::Embedded },
            },
        )
}

async fn check(case: Case) {
    let (from, into) = (shop_with(case.annotated), shop_with(!case.annotated));
    happen(&from, &case.before).await;
    happen(&into, &case.there).await;
    if from.store.describe(&Default::default()).await.unwrap().items.is_empty() {
        return; // Nothing there is nothing backed up.
    }
    let taken = take(&from, case.backed_up_with_history).await;
    let request = RestoreRequest {
        maps: if case.map { vec!["/a/dev/=/b/dev/".parse().unwrap()] } else { Vec::new() },
        with_history: case.with_history,
        with_labels: case.with_labels,
        delete_extra: case.delete_extra,
        ..everything()
    };
    let planner = planner(&into, &taken.source, case.kind);
    let first = plan(&planner, &request, &NoObserver).await.unwrap();
    assert_eq!(RestorePlan::from_saved(&first.to_saved()).unwrap(), first);
    for change in &first.changes {
        assert_eq!(change.action.writes(), !change.steps.is_empty(), "{change:#?}");
        assert_eq!(
            change.action == Action::Update,
            change.action.writes() && !change.fields.is_empty() && change.action != Action::Replace,
            "{change:#?}"
        );
    }
    execute(&into, &first, &taken.records).await;

    let second = plan(&planner, &request, &NoObserver).await.unwrap();
    for change in &second.changes {
        let was = first.changes.iter().find(|one| one.name == change.name).unwrap();
        let settled = change.action == Action::Unchanged
            || (change.action == Action::Impossible && was.action == Action::Impossible);
        assert!(settled, "first {was:#?}\nsecond {change:#?}");
    }

    // And what is there is what was, in every field that is asked for.
    let now = take_or_nothing(&into).await;
    for record in &taken.records {
        let change = second.changes.iter().find(|one| one.source.as_ref() == Some(&record.name)).unwrap();
        if change.action == Action::Impossible {
            continue;
        }
        let restored = now.iter().find(|one| one.name == change.name).unwrap();
        let mut fields = differing(record, restored);
        fields.retain(|field| match field {
            Field::Labels => case.with_labels,
            Field::History => false,
            _ => true,
        });
        assert_eq!(fields, [], "{change:#?}");
        if case.with_history {
            let tail = |record: &ParameterRecord, count: usize| -> Vec<_> {
                let older = record.history.as_deref().unwrap_or_default();
                older[older.len() - count..].iter().map(|one| (one.value.clone(), one.description.clone())).collect()
            };
            let count = record.history.as_ref().map_or(0, Vec::len);
            assert_eq!(tail(record, count), tail(restored, count), "{change:#?}");
        }
    }
    if case.delete_extra && !case.map {
        assert_eq!(now.len(), taken.records.len() - impossible_and_absent(&second), "nothing else is there");
    }
}

fn impossible_and_absent(plan: &RestorePlan) -> usize {
    plan.changes.iter().filter(|change| change.action == Action::Impossible && change.live.is_none()).count()
}

async fn take_or_nothing(shop: &Shop) -> Vec<ParameterRecord> {
    match shop.store.describe(&Default::default()).await.unwrap().items.is_empty() {
        true => Vec::new(),
        false => take(shop, true).await.records,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Any store, backed up, planned and put into any other: then it is there, and a second plan says so.
    #[test]
    fn what_a_plan_says_makes_the_store_what_the_source_was(case in any_case()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(check(case));
    }
=======
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
        let fingerprints = Arc::new(signing_key().fingerprint_key(repository.id()));
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
    StoreIdentity { kind: StoreKind::Aws, account: "123456789012".into(), region: "eu-west-1".into(), folder: None }
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
>>>>>>> 624b321 (A plan is applied: looked at again, undoable, from a journal that a run which ended anywhere is gone on with)
}
