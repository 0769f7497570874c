//! What differs between snapshots, stores and files.

use std::path::Path;
use std::sync::Arc;

use object_store::memory::InMemory;
use parados_backup::backup::{BackupRequest, backup};
use parados_backup::compare::{
    CompareContext, CompareError, Details, DiffReport, DiffRequest, DifferenceKind, Live, Side, diff,
};
use parados_backup::event::NoObserver;
use parados_backup::field::{self, Field, FieldFingerprints};
use parados_backup::repository::{Completion, Objects, OpenOptions, Repository, RepositoryUrl, SnapshotFilter};
use parados_backup::seal::{Identities, Recipient};
use parados_backup::signature::SigningKey;
use parados_parameter::decorator::faulty::{Fault, FaultEffect, Faulty};
use parados_parameter::memory::MemoryStoreOptions;
use parados_parameter::{
    Description, Operation, ParameterStore as _, ParameterType, PutRequest, Secret, Selector, SharedStore,
    StoreErrorKind, Tag,
};
use proptest::prelude::*;
use rstest::rstest;

use crate::records::any_record;
use crate::shop::{Shop, name, request, signing_key};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/golden");

/// A shop whose snapshots are sealed and kept in memory.
pub(crate) struct Kept {
    pub(crate) shop: Shop,
    objects: Objects,
}

impl Kept {
    pub(crate) async fn new() -> Self {
        let shop = Shop::new(MemoryStoreOptions::default());
        for text in ["/shop/dev/a", "/shop/dev/b", "/shop/dev/c"] {
            shop.put_value(text, ParameterType::SecureString, &format!("value of {text}")).await;
        }
        Self { shop, objects: Objects::new(Arc::new(InMemory::new()), "memory://", Completion::Checked) }
    }

    pub(crate) async fn back_up_with(
        &self,
        store: SharedStore,
        key: Option<SigningKey>,
        request: BackupRequest,
    ) -> Side {
        let mut context = self.shop.context(store, self.objects.clone(), &recipients(), None).await;
        context.signing_key = key.unwrap_or(context.signing_key);
        let report = backup(&context, &request, &NoObserver).await;
        assert!(report.verdict.is_committed(), "{report:?}");
        let repository = context.repository;
        let listed = repository.snapshots(&SnapshotFilter::default()).await.unwrap();
        let entry = listed.entries.into_iter().find(|entry| entry.summary.id == request.id).unwrap();
        Side::Snapshot { repository, entry: Box::new(entry) }
    }

    pub(crate) async fn back_up(&self, number: u8) -> Side {
        self.back_up_with(self.shop.store.clone(), None, request("dev", number)).await
    }

    fn live(&self) -> Side {
        Side::Live(Box::new(self.live_store()))
    }

    pub(crate) fn live_store(&self) -> Live {
        let request = request("dev", 0);
        Live {
            store: self.shop.store.clone(),
            target: request.target,
            selector: request.selector,
            selector_text: request.selector_text,
            with_labels: true,
        }
    }

    /// One that is deleted, one that is new, one whose value, description and tags are others.
    async fn change(&self) {
        let store = &self.shop.store;
        store.delete(&name("/shop/dev/a")).await.unwrap();
        let put = PutRequest::new(name("/shop/dev/b"), Secret::new("CANARY of b"));
        let description = Some(Description::parse("b's new one").unwrap());
        self.shop.put(PutRequest { overwrite: true, description, ..put }).await;
        store.tag(&name("/shop/dev/b"), &[Tag::parse("team=core").unwrap()]).await.unwrap();
        self.shop.put_value("/shop/dev/d", ParameterType::String, "CANARY of d").await;
    }
}

pub(crate) fn identity() -> Identities {
    Identities::load(&[Path::new(GOLDEN).join("v1/identity_age")], None).unwrap()
}

fn recipients() -> Vec<Recipient> {
    identity().recipients().cloned().collect()
}

/// Nothing to open with: no identity, and no signing key that fingerprints come from.
pub(crate) fn nothing() -> CompareContext {
    CompareContext { identities: Identities::default(), signing_key: None, random: [3; 32] }
}

async fn compare(context: &CompareContext, before: &Side, after: &Side, details: Details) -> DiffReport {
    let request = DiffRequest { details, ..DiffRequest::default() };
    diff(context, before, after, &request, &NoObserver).await.unwrap()
}

fn said(report: &DiffReport) -> Vec<(&str, DifferenceKind, Vec<Field>)> {
    let all = report.differences.iter();
    all.map(|one| (one.name.as_str(), one.kind, one.fields.iter().map(|field| field.field).collect())).collect()
}

fn the_change() -> Vec<(&'static str, DifferenceKind, Vec<Field>)> {
    vec![
        ("/shop/dev/a", DifferenceKind::Deleted, vec![]),
        ("/shop/dev/b", DifferenceKind::Changed, vec![Field::Value, Field::Description, Field::Tags]),
        ("/shop/dev/d", DifferenceKind::Created, vec![]),
    ]
}

#[tokio::test]
async fn two_snapshots_are_compared_by_their_manifests_and_nothing_is_opened() {
    let kept = Kept::new().await;
    let first = kept.back_up(1).await;
    kept.change().await;
    let second = kept.back_up(2).await;
    let report = compare(&nothing(), &first, &second, Details::Names).await;
    assert_eq!(said(&report), the_change());
    assert!(report.by_manifest && report.notes.is_empty() && report.not_compared.is_empty(), "{report:?}");
    assert_eq!(report.unchanged, 1);
    assert!(compare(&nothing(), &second, &second, Details::Names).await.is_equal());
}

#[rstest]
#[case::the_signing_key_gives_the_fingerprint_key(Some(signing_key()), Identities::default())]
#[case::an_identity_opens_the_fingerprint_key(None, identity())]
#[tokio::test]
async fn a_snapshot_is_compared_with_the_store(
    #[case] signing_key: Option<SigningKey>,
    #[case] identities: Identities,
) {
    let kept = Kept::new().await;
    let snapshot = kept.back_up(1).await;
    let context = CompareContext { identities, signing_key, random: [3; 32] };
    let report = compare(&context, &snapshot, &kept.live(), Details::Names).await;
    assert!(report.is_equal() && report.unchanged == 3, "{report:?}");
    kept.change().await;
    let report = compare(&context, &snapshot, &kept.live(), Details::Names).await;
    assert_eq!(said(&report), the_change());
}

#[tokio::test]
async fn without_a_fingerprint_key_and_an_identity_a_sealed_snapshot_cannot_be_compared_with_the_store() {
    let kept = Kept::new().await;
    let snapshot = kept.back_up(1).await;
    let error = diff(&nothing(), &snapshot, &kept.live(), &DiffRequest::default(), &NoObserver).await.unwrap_err();
    assert!(matches!(error, CompareError::Source(_)), "{error:?}");
}

#[tokio::test]
async fn snapshots_under_two_fingerprint_keys_are_opened() {
    let kept = Kept::new().await;
    let first = kept.back_up(1).await;
    kept.change().await;
    let other = Some(SigningKey::from_seed(&[8; 32], "another"));
    let second = kept.back_up_with(kept.shop.store.clone(), other, request("dev", 2)).await;
    let context = CompareContext { identities: identity(), ..nothing() };
    let report = compare(&context, &first, &second, Details::Names).await;
    assert_eq!(said(&report), the_change());
    assert!(!report.by_manifest);
}

#[tokio::test]
async fn values_are_told_only_where_they_are_asked_for() {
    let kept = Kept::new().await;
    let first = kept.back_up(1).await;
    kept.change().await;
    let second = kept.back_up(2).await;
    let context = CompareContext { identities: identity(), ..nothing() };
    for after in [&second, &kept.live()] {
        let fields = compare(&context, &first, after, Details::Fields).await;
        let changed = &fields.differences[1];
        assert_eq!(changed.fields[0].value_from, None, "values are not asked for");
        let description = &changed.fields[1];
        assert_eq!((description.from.as_deref(), description.to.as_deref()), (None, Some("b's new one")));
        assert_eq!(changed.fields[2].to.as_deref(), Some("team=core"));
        let created: Vec<_> = fields.differences[2].fields.iter().map(|one| one.field).collect();
        assert_eq!(created, [Field::Type, Field::Value, Field::Tier, Field::DataType], "all that it has");

        let values = compare(&context, &first, after, Details::Values).await;
        let changed = &values.differences[1].fields[0];
        assert_eq!(changed.value_from, Some(Secret::new("value of /shop/dev/b")));
        assert_eq!(changed.value_to, Some(Secret::new("CANARY of b")));
        assert!(!format!("{values:?}").contains("CANARY"), "a secret is redacted all the same");
    }
}

#[tokio::test]
async fn a_document_of_the_old_pipeline_is_compared_in_what_it_says() {
    let kept = Kept::new().await;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ssm-backup-dev-20251015_120045.json");
    let parameter = |name: &str, value: &str| {
        format!(
            r#"{{"Name":"{name}","Type":"SecureString","Value":"{value}","Version":1,
            "LastModifiedDate":"2025-10-15T12:00:45.760000+00:00","ARN":"arn:x","DataType":"text"}}"#
        )
    };
    let parameters = [
        parameter("/shop/dev/c", "value of /shop/dev/c"),
        parameter("/shop/dev/b", "an older one"),
        parameter("/shop/dev/gone", "x"),
    ];
    let header = r#""backup_date":"2025-10-15","backup_timestamp":"20251015_120045","environment":"dev""#;
    let document = format!(r#"{{{header},"parameters":[{}],"parameter_count":3}}"#, parameters.join(","));
    std::fs::write(&path, document).unwrap();
    let old = Side::Document(path);
    for after in [kept.back_up(1).await, kept.live()] {
        let context = CompareContext { signing_key: Some(signing_key()), ..nothing() };
        let report = compare(&context, &old, &after, Details::Names).await;
        let expected = [
            ("/shop/dev/a", DifferenceKind::Created, vec![]),
            ("/shop/dev/b", DifferenceKind::Changed, vec![Field::Value]),
            ("/shop/dev/gone", DifferenceKind::Deleted, vec![]),
        ];
        assert_eq!(said(&report), expected);
        let untold: Vec<_> = report.not_compared.into_iter().collect();
        let lacking = [Field::Description, Field::KeyId, Field::Tier, Field::Policies, Field::AllowedPattern];
        let lacking = lacking.into_iter().chain([Field::Tags, Field::Labels]);
        assert_eq!(untold, lacking.map(|field| (field, 2)).collect::<Vec<_>>(), "an old document does not say them");
    }
    assert!(compare(&nothing(), &old, &old, Details::Names).await.is_equal());
}

#[tokio::test]
async fn what_a_snapshot_could_not_read_is_not_called_deleted() {
    let kept = Kept::new().await;
    let first = kept.back_up(1).await;
    let denied = FaultEffect::Before(StoreErrorKind::AccessDenied);
    let fault = Fault::every(denied).of(Operation::GetParameters).on(name("/shop/dev/b"));
    let store = Arc::new(Faulty::new(kept.shop.store.clone(), [fault]));
    let second = kept.back_up_with(store, None, BackupRequest { full: true, ..request("dev", 2) }).await;
    let report = compare(&nothing(), &first, &second, Details::Names).await;
    assert_eq!(said(&report), [("/shop/dev/b", DifferenceKind::Unread, vec![])]);
    assert!(report.differences[0].reason.as_deref().unwrap().contains("AccessDenied"), "{report:?}");
}

#[tokio::test]
async fn a_selector_narrows_both_sides_and_two_targets_or_selections_are_noted() {
    let kept = Kept::new().await;
    let first = kept.back_up(1).await;
    kept.change().await;
    let mut all = BackupRequest { selector: Selector::default(), ..request("dev", 2) };
    all.selector_text = "everything".into();
    all.target.region = "eu-north-1".into();
    let second = kept.back_up_with(kept.shop.store.clone(), None, all).await;
    let selector = Selector { name_contains: vec!["/b".into()], ..Selector::default() };
    let request = DiffRequest { selector, ..DiffRequest::default() };
    let report = diff(&nothing(), &first, &second, &request, &NoObserver).await.unwrap();
    assert_eq!(said(&report), the_change()[1..2]);
    assert_eq!(report.notes.len(), 2, "{:?}", report.notes);
}

/// Dev, and staging with the same but for one value, one that only dev has, and one that only staging has.
#[tokio::test]
async fn two_environments_are_compared_by_a_map_of_names() {
    let kept = Kept::new().await;
    let shop = &kept.shop;
    for name in ["a", "b", "c"] {
        let value = if name == "b" { "another" } else { "CANARY of a" };
        shop.put_value(&format!("/shop/dev/map/{name}"), ParameterType::String, "CANARY of a").await;
        shop.put_value(&format!("/shop/staging/map/{name}"), ParameterType::String, value).await;
    }
    shop.put_value("/shop/dev/map/only", ParameterType::String, "x").await;
    shop.put_value("/shop/staging/map/new", ParameterType::String, "x").await;
    shop.put_value("/shop/staging/aside", ParameterType::String, "x").await;
    let backed_up = async |number, environment: &str| {
        let selector = Selector::environment(environment);
        kept.back_up_with(shop.store.clone(), None, BackupRequest { selector, ..request(environment, number) }).await
    };
    let (dev, staging) = (backed_up(1, "dev").await, backed_up(2, "staging").await);
    let selector = Selector { paths: vec!["/shop/dev/map".into()], ..Selector::default() };
    let maps = vec!["/shop/dev/=/shop/staging/".parse().unwrap()];
    let expected = vec![
        ("/shop/staging/map/b", DifferenceKind::Changed, vec![Field::Value]),
        ("/shop/staging/map/new", DifferenceKind::Created, vec![]),
        ("/shop/staging/map/only", DifferenceKind::Deleted, vec![]),
    ];
    let mut request = DiffRequest { selector, maps, details: Details::Names };
    let report = diff(&nothing(), &dev, &staging, &request, &NoObserver).await.unwrap();
    assert_eq!((said(&report), report.unchanged, report.by_manifest), (expected.clone(), 2, true));

    // The same of what is opened, and what it was and is.
    request.details = Details::Values;
    let context = CompareContext { identities: identity(), ..nothing() };
    let report = diff(&context, &dev, &staging, &request, &NoObserver).await.unwrap();
    let value = &report.differences[0].fields[0];
    let values = [&value.value_from, &value.value_to].map(|value| value.as_ref().unwrap().reveal());
    assert_eq!((values, report.differences.len()), (["CANARY of a", "another"], 3));
    let gone = report.differences[2].fields.iter().find(|field| field.field == Field::Value).unwrap();
    assert_eq!(gone.value_from.as_ref().unwrap().reveal(), "x");

    request.maps = vec!["/shop/dev/map/a=/shop/dev/map/b".parse().unwrap()];
    let error = diff(&nothing(), &dev, &staging, &request, &NoObserver).await.unwrap_err();
    assert!(error.to_string().contains("two parameters become /shop/dev/map/b"), "{error}");
}

async fn golden(folder: &str, number: usize) -> Side {
    let url = RepositoryUrl::Folder(Path::new(GOLDEN).join(folder).join("sealed"));
    let repository = Repository::open(url.open(&OpenOptions::default()).unwrap()).await.unwrap();
    let filter = SnapshotFilter { environment: Some("dev".into()), ..SnapshotFilter::default() };
    let entry = repository.snapshots(&filter).await.unwrap().entries.swap_remove(number);
    Side::Snapshot { repository: Arc::new(repository), entry: Box::new(entry) }
}

#[tokio::test]
async fn early_manifests_are_opened_and_where_they_cannot_be_it_is_said() {
    let context = CompareContext { identities: identity(), ..nothing() };
    let whole = compare(&nothing(), &golden("v1-fields", 0).await, &golden("v1-fields", 1).await, Details::Names).await;
    let opened = compare(&context, &golden("v1", 0).await, &golden("v1", 1).await, Details::Names).await;
    assert_eq!(said(&opened), said(&whole));
    assert!(whole.by_manifest && !opened.by_manifest && opened.notes.is_empty());
    assert!(said(&whole).contains(&("/shop/dev/hosts", DifferenceKind::Changed, vec![Field::Tags])), "{whole:?}");

    let closed = compare(&nothing(), &golden("v1", 0).await, &golden("v1", 1).await, Details::Names).await;
    assert!(!said(&closed).iter().any(|(name, ..)| *name == "/shop/dev/hosts"), "tags alone are not seen");
    assert!(closed.notes[0].contains("only types, values and versions"), "{:?}", closed.notes);
}

proptest! {
    /// Whether two records are compared or their fingerprints, the same fields differ.
    #[test]
    fn records_and_fingerprints_say_the_same(a in any_record(), b in any_record(), same in any::<bool>()) {
        let b = if same { a.clone() } else { b };
        let key = signing_key().fingerprint_key("00112233445566778899aabbccddeeff");
        let (x, y) = (FieldFingerprints::of(&a, &key), FieldFingerprints::of(&b, &key));
        let by_fingerprint: Vec<_> = x.differing(&y).collect();
        let mut by_record = field::differing(&a, &b);
        by_record.retain(|field| FieldFingerprints::FIELDS.contains(field));
        prop_assert_eq!(by_record, by_fingerprint);
        prop_assert_eq!(key.value(&a.value) == key.value(&b.value), a.value == b.value);
    }
}
