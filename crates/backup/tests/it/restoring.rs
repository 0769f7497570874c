//! Plans of restores over the reference model: what they say, and that doing their steps and nothing else makes the store what the
//! source was, so that a second plan says that nothing is to be done.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use object_store::memory::InMemory;
use parados_backup::backup::backup;
use parados_backup::document::ParameterRecord;
use parados_backup::event::NoObserver;
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
        into: StoreIdentity {
            kind,
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            folder: None,
            database: None,
        },
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
pub(crate) enum Happening {
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

pub(crate) fn any_happening() -> impl Strategy<Value = Happening> {
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

pub(crate) async fn happen(shop: &Shop, happenings: &[Happening]) {
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

pub(crate) fn shop_with(annotated: bool) -> Shop {
    Shop::new(MemoryStoreOptions { annotated, ..MemoryStoreOptions::default() })
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) before: Vec<Happening>,
    pub(crate) there: Vec<Happening>,
    pub(crate) annotated: bool,
    pub(crate) backed_up_with_history: bool,
    pub(crate) with_history: bool,
    pub(crate) with_labels: bool,
    pub(crate) delete_extra: bool,
    pub(crate) map: bool,
    pub(crate) kind: StoreKind,
}

pub(crate) fn any_case() -> impl Strategy<Value = Case> {
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

pub(crate) async fn take_or_nothing(shop: &Shop) -> Vec<ParameterRecord> {
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
}
