//! Tests of the main job, over the reference store and an object store in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::ObjectStoreExt as _;
use object_store::memory::InMemory;
use parados_parameter::clock::ManualClock;
use parados_parameter::decorator::faulty::{Fault, FaultEffect, Faulty};
use parados_parameter::decorator::metered::Metered;
use parados_parameter::memory::{MemoryStore, MemoryStoreOptions};
use parados_parameter::{
    Description, KeyId, Label, Operation, ParameterName, ParameterType, Policy, PutRequest, Secret, StoreErrorKind,
    Tag, TierRequest, Version,
};
use rstest::rstest;

use super::*;
use crate::document::{self, ParameterRecord};
use crate::report::MissingPart;
use crate::repository::faulty::{Fault as ObjectFault, FaultyStore};
use crate::repository::{Completion, Objects, SnapshotFilter};
use crate::seal::Recipient;
use crate::target::StoreKind;

const CANARY: &str = "canary-7f3a9c";
const IDENTITY: &str = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX";

fn name(text: &str) -> ParameterName {
    ParameterName::parse(text).unwrap()
}

fn target() -> Target {
    Target {
        project: "shop".into(),
        environment: "dev".into(),
        account: "123456789012".into(),
        region: "eu-west-1".into(),
        store: StoreKind::Aws,
    }
}

/// A store, a repository and a clock; each backup of it is a run of its own.
struct Bench {
    store: SharedStore,
    objects: Arc<dyn object_store::ObjectStore>,
    clock: Arc<ManualClock>,
    sealed: bool,
    runs: Mutex<u8>,
}

impl Bench {
    fn new(annotated: bool, sealed: bool) -> Self {
        let clock = Arc::new(ManualClock::at("2025-10-15T12:00:45Z".parse().unwrap()));
        let options = MemoryStoreOptions { annotated, ..MemoryStoreOptions::default() };
        let store = Arc::new(MemoryStore::with_options(clock.clone(), options));
        Self { store, objects: Arc::new(InMemory::new()), clock, sealed, runs: Mutex::new(0) }
    }

    async fn put(&self, text: &str, value: &str) -> Version {
        let request = PutRequest { overwrite: true, ..PutRequest::new(name(text), Secret::new(value)) };
        self.clock.advance(Duration::from_millis(1500));
        self.store.put(&request).await.unwrap().version
    }

    async fn fill(&self, count: usize) {
        for i in 0..count {
            self.put(&format!("/shop/dev/p{i:05}"), &format!("{CANARY}-{i}")).await;
        }
    }

    async fn context_over(&self, store: SharedStore, objects: Arc<dyn object_store::ObjectStore>) -> BackupContext {
        let meter = Arc::new(CallMeter::default());
        let objects = Objects::new(objects, "memory://", Completion::Checked);
        // Each of several that begin at once would give it an id of its own.
        let id = [*self.runs.lock().unwrap(); 16];
        let repository = Repository::open_or_begin(objects, id, self.clock.now()).await.unwrap();
        let identity: age::x25519::Identity = IDENTITY.parse().unwrap();
        let recipient = Recipient::parse(&identity.to_public().to_string()).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, IDENTITY).unwrap();
        BackupContext {
            store: Arc::new(Metered::new(store, meter.clone())),
            meter,
            repository: Arc::new(repository),
            signing_key: SigningKey::from_seed(&[9; 32], "test"),
            sealer: self.sealed.then(|| Sealer::new([recipient], None).unwrap()),
            identities: Identities::load(&[file.path()], None).unwrap(),
            clock: self.clock.clone(),
            tool: "parados test".into(),
        }
    }

    fn request(&self) -> BackupRequest {
        let mut runs = self.runs.lock().unwrap();
        *runs += 1;
        BackupRequest {
            target: target(),
            purpose: None,
            names: None,
            selector: Selector::environment("dev"),
            selector_text: "name contains /dev/".into(),
            id: SnapshotId::from_bytes([*runs; 8]),
            with_history: false,
            with_labels: true,
            full: false,
            dry_run: false,
        }
    }

    async fn back_up_with(&self, change: impl FnOnce(&mut BackupRequest)) -> BackupReport {
        let context = self.context_over(self.store.clone(), self.objects.clone()).await;
        let mut request = self.request();
        change(&mut request);
        self.clock.advance(Duration::from_secs(60));
        let report = backup(&context, &request, &crate::event::NoObserver).await;
        assert!(!serde_json::to_string(&report).unwrap().contains(CANARY), "a report holds no value");
        report
    }

    async fn back_up(&self) -> BackupReport {
        self.back_up_with(|_| {}).await
    }

    /// The records of a data object, by name.
    async fn records(&self, key: &str) -> BTreeMap<ParameterName, ParameterRecord> {
        let bytes = self.objects.get(&key.into()).await.unwrap().bytes().await.unwrap();
        let context = self.context_over(self.store.clone(), self.objects.clone()).await;
        let mut records = BTreeMap::new();
        let decoded = document::decode(&*bytes, self.sealed, &context.identities).unwrap();
        document::read(decoded, |record| {
            assert!(records.insert(record.name.clone(), record).is_none(), "each parameter is there once");
            std::ops::ControlFlow::Continue(())
        })
        .unwrap();
        records
    }

    async fn contents(&self) -> BTreeMap<String, Bytes> {
        let listed: Vec<_> = self.objects.list(None).try_collect().await.unwrap();
        let mut contents = BTreeMap::new();
        for meta in listed {
            let bytes = self.objects.get(&meta.location).await.unwrap().bytes().await.unwrap();
            contents.insert(meta.location.to_string(), bytes);
        }
        contents
    }
}

/// A parameter with everything that one can have.
async fn put_rich(bench: &Bench) {
    let rich = PutRequest {
        parameter_type: Some(ParameterType::SecureString),
        key_id: Some(KeyId::parse("alias/shop").unwrap()),
        description: Some(Description::parse("the database").unwrap()),
        tags: vec![Tag::parse("team=data").unwrap()],
        tier: Some(TierRequest::Advanced),
        policies: Some(
            Policy::parse_list(
                r#"[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-01-01T00:00:00Z"}}]"#,
            )
            .unwrap(),
        ),
        ..PutRequest::new(name("/shop/dev/db"), Secret::new("v1"))
    };
    bench.store.put(&rich).await.unwrap();
    bench.store.label(&rich.name, None, &["old".into()]).await.unwrap();
    bench.put("/shop/dev/db", "v2").await;
    bench.put("/shop/dev/db", "v3").await;
    bench.store.label(&rich.name, None, &["blue".into()]).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn a_backup_has_every_field_of_every_parameter(
    #[values(false, true)] annotated: bool,
    #[values(false, true)] sealed: bool,
    #[values(false, true)] with_history: bool,
) {
    let bench = Bench::new(annotated, sealed);
    put_rich(&bench).await;
    bench.fill(120).await;
    bench.put("/shop/prod/db", "not selected").await;
    let report = bench.back_up_with(|request| request.with_history = with_history).await;
    assert_eq!((report.verdict, report.parameter_count), (Verdict::Complete, 121), "{:?}", report.error);
    assert_eq!(report.version_count, if with_history { 123 } else { 122 });
    let key = report.key.unwrap();
    let suffix = if sealed { ".json.zst.age" } else { ".json" };
    // The clock moved while the store was filled.
    assert!(key.starts_with("2025-10-15/ssm-backup-dev-20251015_12") && key.ends_with(suffix), "{key}");

    let records = bench.records(&key).await;
    let record = &records[&name("/shop/dev/db")];
    assert_eq!(record.value.reveal(), "v3");
    assert_eq!(record.version.get(), 3);
    assert_eq!(record.parameter_type, ParameterType::SecureString);
    assert_eq!(record.key_id.as_ref().unwrap().as_str(), "alias/shop");
    assert_eq!(record.description.as_ref().unwrap().as_str(), "the database");
    assert_eq!(record.policies[0].policy_type, "Expiration");
    assert_eq!(record.tags.as_deref(), Some([Tag::parse("team=data").unwrap()].as_slice()));
    assert_eq!(record.labels.as_deref(), Some([Label::parse("blue").unwrap()].as_slice()));
    assert!(record.arn.is_some() && record.last_modified_user.is_some() && record.tier.is_some());
    let history: Vec<_> =
        record.history.as_ref().unwrap().iter().map(|entry| (entry.version.get(), entry.value.reveal())).collect();
    match with_history {
        true => assert_eq!(history, [(1, "v1"), (2, "v2")]),
        false => assert_eq!(history, [(1, "v1")], "only the older version that bears a label"),
    }
    assert_eq!(records[&name("/shop/dev/p00007")].value.reveal(), format!("{CANARY}-7"));

    let contents = bench.contents().await;
    assert_eq!(contents["latest.txt"], format!("{key}\n"));
    let hidden = contents.iter().filter(|(_, bytes)| !String::from_utf8_lossy(bytes).contains(CANARY));
    assert_eq!(hidden.count(), contents.len() - usize::from(!sealed), "only an unsealed document holds a value");
    let keys = contents.keys().filter(|key| key.starts_with("keys/"));
    assert_eq!(keys.count(), usize::from(sealed), "the fingerprints' key is never in the clear");
}

#[rstest]
#[tokio::test]
async fn a_second_run_reads_only_what_changed_and_writes_everything(
    #[values(false, true)] annotated: bool,
    #[values(false, true)] sealed: bool,
) {
    let bench = Bench::new(annotated, sealed);
    put_rich(&bench).await;
    bench.fill(499).await;
    assert_eq!(bench.back_up().await.verdict, Verdict::Complete);

    let second = bench.back_up().await;
    assert_eq!((second.verdict, second.parameter_count, second.reused), (Verdict::Complete, 500, 500));
    let tags = if annotated { 0 } else { 1 };
    assert_eq!(
        second.calls,
        10 + tags,
        "N/50 calls to list, one for the tags of the few: {:?}",
        second.calls_by_operation
    );

    bench.put("/shop/dev/p00001", "changed").await;
    bench.put("/shop/dev/new", "new").await;
    bench.store.delete(&name("/shop/dev/p00002")).await.unwrap();
    bench.store.delete(&name("/shop/dev/p00003")).await.unwrap();
    bench.put("/shop/dev/p00003", "recreated at version 1").await;
    bench.store.tag(&name("/shop/dev/p00004"), &[Tag::parse("team=web").unwrap()]).await.unwrap();
    bench.store.label(&name("/shop/dev/db"), Some(Version::FIRST.next()), &["green".into()]).await.unwrap();
    let third = bench.back_up().await;
    assert_eq!((third.verdict, third.parameter_count, third.sequence), (Verdict::Complete, 500, Some(3)));
    // A store that lists labels shows that one moved; AWS does not until the parameter is read again.
    assert_eq!(third.reused, if annotated { 496 } else { 497 });

    let full = bench.back_up_with(|request| request.full = true).await;
    assert_eq!(full.reused, 0);
    let mut incremental = bench.records(&third.key.unwrap()).await;
    let full = bench.records(&full.key.unwrap()).await;
    if !annotated {
        let db = name("/shop/dev/db");
        assert_ne!(incremental[&db], full[&db], "labels alone need --full on such a store");
        incremental.insert(db.clone(), full[&db].clone());
    }
    assert_eq!(incremental, full, "what was taken over is what would have been read");
}

/// Whatever of the previous document is changed: the digests that the signed manifest vouches for tell, and everything is read.
#[rstest]
#[case::value("canary-7f3a9c-7", "canary-7f3a9c-X")]
#[case::tier("\"Tier\":\"Standard\"", "\"Tier\":\"Advanced\"")]
#[case::truncated("\"parameter_count\"", "")]
#[tokio::test]
async fn a_damaged_or_foreign_previous_snapshot_is_not_taken_from(#[case] from: &str, #[case] to: &str) {
    let bench = Bench::new(true, false);
    bench.fill(20).await;
    let key = bench.back_up().await.key.unwrap();
    let bytes = bench.objects.get(&key.as_str().into()).await.unwrap().bytes().await.unwrap();
    let forged = String::from_utf8(bytes.to_vec()).unwrap().replacen(from, to, 1);
    assert_ne!(forged.as_bytes(), &*bytes);
    bench.objects.put(&key.as_str().into(), forged.into()).await.unwrap();
    let second = bench.back_up().await;
    assert_eq!((second.verdict, second.reused, second.parameter_count), (Verdict::Complete, 0, 20));
    assert!(second.hints[0].contains("read again"), "{:?}", second.hints);
    let records = bench.records(&second.key.unwrap()).await;
    let full = bench.back_up_with(|request| request.full = true).await;
    assert_eq!(records, bench.records(&full.key.unwrap()).await);
}

#[tokio::test]
async fn a_previous_snapshot_that_is_gone_costs_calls_and_nothing_else() {
    let bench = Bench::new(false, true);
    bench.fill(20).await;
    let key = bench.back_up().await.key.unwrap();
    bench.objects.delete(&key.as_str().into()).await.unwrap();
    let second = bench.back_up().await;
    assert_eq!((second.verdict, second.reused, second.parameter_count), (Verdict::Complete, 0, 20));
    assert!(second.hints[0].contains("of no use"), "{:?}", second.hints);
}

/// A parameter that is denied for good is missing in every run, and fails none.
#[tokio::test]
async fn one_parameter_that_is_always_denied_is_missing_in_every_run() {
    let bench = Bench::new(false, true);
    bench.fill(25).await;
    for reused in [0, 24] {
        let denied = Fault::every(FaultEffect::Before(StoreErrorKind::AccessDenied))
            .of(Operation::GetParameters)
            .on(name("/shop/dev/p00003"));
        let context =
            bench.context_over(Arc::new(Faulty::new(bench.store.clone(), [denied])), bench.objects.clone()).await;
        bench.clock.advance(Duration::from_secs(60));
        let report = backup(&context, &bench.request(), &crate::event::NoObserver).await;
        assert_eq!((report.verdict, report.parameter_count, report.reused), (Verdict::Partial, 24, reused));
        assert_eq!(report.missing.len(), 1);
        assert_eq!(report.missing[0].name, name("/shop/dev/p00003"));
    }
}

#[tokio::test]
async fn nothing_matched_and_a_dry_run_write_nothing() {
    let bench = Bench::new(true, true);
    bench.put("/shop/prod/x", "v").await;
    let report = bench.back_up().await;
    assert_eq!((report.verdict, report.snapshot), (Verdict::NothingMatched, None));
    bench.fill(3).await;
    let report = bench.back_up_with(|request| request.dry_run = true).await;
    assert_eq!((report.verdict, report.parameter_count, report.snapshot), (Verdict::Complete, 3, None));
    assert!(report.key.unwrap().starts_with("2025-10-15/ssm-backup-dev-"));
    assert!(bench.contents().await.is_empty());
}

#[tokio::test]
async fn a_clock_behind_the_newest_snapshot_is_not_believed() {
    let bench = Bench::new(true, true);
    bench.fill(3).await;
    assert_eq!(bench.back_up().await.verdict, Verdict::Complete);
    let before = bench.contents().await;
    let late = Bench { clock: Arc::new(ManualClock::at("2025-10-15T11:00:00Z".parse().unwrap())), ..bench };
    let report = late.back_up().await;
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(report.error.unwrap().contains("clock") && report.hints[0].contains("clock"));
    assert_eq!(late.contents().await, before);
}

/// Whatever call fails, in whatever way: what the report says is what happened, and nothing is lost in silence.
#[rstest]
#[tokio::test]
async fn a_store_that_fails_its_nth_call_is_reported(
    #[values(false, true)] annotated: bool,
    #[values(
        StoreErrorKind::Throttling,
        StoreErrorKind::Timeout,
        StoreErrorKind::Connection,
        StoreErrorKind::InternalServerError,
        StoreErrorKind::InvalidResponse,
        StoreErrorKind::AccessDenied,
        StoreErrorKind::Credentials,
        StoreErrorKind::InvalidKeyId
    )]
    kind: StoreErrorKind,
) {
    let bench = Bench::new(annotated, true);
    put_rich(&bench).await;
    bench.fill(64).await;
    for nth in 1.. {
        let faulty = Arc::new(Faulty::new(bench.store.clone(), [Fault::every(FaultEffect::Before(kind)).nth(nth)]));
        let context = bench.context_over(faulty.clone(), bench.objects.clone()).await;
        let mut request = bench.request();
        request.full = true;
        bench.clock.advance(Duration::from_secs(60));
        let before = bench.contents().await.len();
        let report = backup(&context, &request, &crate::event::NoObserver).await;
        let values = report.missing.iter().filter(|missing| missing.what == MissingPart::Value).count() as u64;
        match report.verdict {
            Verdict::Failed => {
                assert!(report.error.is_some() && report.snapshot.is_none());
                assert_eq!(bench.contents().await.len(), before, "nothing was written");
            }
            verdict => {
                assert_eq!(report.parameter_count + values, 65, "each is in the snapshot or named");
                assert_eq!(verdict == Verdict::Complete, report.missing.is_empty());
                let records = bench.records(report.key.as_ref().unwrap()).await;
                assert_eq!(records.len() as u64, report.parameter_count);
                for missing in &report.missing {
                    let record = records.get(&missing.name);
                    match missing.what {
                        MissingPart::Value => assert!(record.is_none()),
                        MissingPart::Tags => assert!(record.unwrap().tags.is_none(), "absent, not empty"),
                        MissingPart::History => assert!(record.unwrap().labels.is_none(), "absent, not empty"),
                    }
                    assert!(missing.reason.contains(kind.name()), "{}", missing.reason);
                }
            }
        }
        if faulty.calls() < nth {
            assert_eq!(report.verdict, Verdict::Complete, "no call was left to fail");
            break;
        }
        // GetResources has a substitute, and a batch that fails is read one by one: both can heal. A failed listing cannot.
        assert!(nth > 1 || report.verdict == Verdict::Failed, "{kind} {nth}");
    }
}

/// A type or a tier of tomorrow, in any answer.
#[rstest]
#[tokio::test]
async fn what_this_version_does_not_understand_is_named_and_stops_no_other(#[values(false, true)] annotated: bool) {
    let bench = Bench::new(annotated, true);
    bench.fill(64).await;
    for operation in [Operation::DescribeParameters, Operation::GetParameters, Operation::GetParameterHistory] {
        if annotated && operation == Operation::GetParameterHistory {
            continue; // It is not called.
        }
        let fault = Fault::every(FaultEffect::Unreadable).of(operation);
        // Of a history each is meant here: the first.
        let fault = if operation == Operation::DescribeParameters { fault } else { fault.on(name("/shop/dev/p00003")) };
        let store = Arc::new(Faulty::new(bench.store.clone(), [fault]));
        let context = bench.context_over(store, bench.objects.clone()).await;
        bench.clock.advance(Duration::from_secs(60));
        let request = BackupRequest { full: true, ..bench.request() };
        let report = backup(&context, &request, &crate::event::NoObserver).await;
        assert_eq!(report.verdict, Verdict::Partial, "{operation}: {report:?}");
        let missing: Vec<_> = report.missing.iter().map(|missing| (missing.name.as_str(), missing.what)).collect();
        match operation {
            // Two pages, of which each has one.
            Operation::DescribeParameters => {
                let expected = ["/shop/dev/p00049", "/shop/dev/p00063"].map(|name| (name, MissingPart::Value));
                assert_eq!((missing, report.parameter_count), (expected.to_vec(), 62));
            }
            Operation::GetParameters => {
                assert_eq!((missing, report.parameter_count), (vec![("/shop/dev/p00003", MissingPart::Value)], 63));
            }
            _ => assert_eq!((missing, report.parameter_count), (vec![("/shop/dev/p00003", MissingPart::History)], 64)),
        }
        for missing in &report.missing {
            assert!(missing.reason.contains("does not know") && missing.reason.contains(missing.name.as_str()));
        }
        let records = bench.records(report.key.as_ref().unwrap()).await;
        assert_eq!(records.len() as u64, report.parameter_count);
    }
}

#[tokio::test]
async fn when_not_one_entry_is_understood_the_backup_fails() {
    let bench = Bench::new(true, true);
    bench.fill(1).await;
    let store = Arc::new(Faulty::new(bench.store.clone(), [Fault::every(FaultEffect::Unreadable)]));
    let context = bench.context_over(store, bench.objects.clone()).await;
    let report = backup(&context, &bench.request(), &crate::event::NoObserver).await;
    assert_eq!((report.verdict, report.missing.len()), (Verdict::Failed, 1), "not: nothing matched");
}

#[tokio::test]
async fn an_answer_that_leaves_something_out_is_noticed() {
    let bench = Bench::new(false, true);
    bench.fill(12).await;
    for operation in [Operation::GetParameters, Operation::GetParameterHistory] {
        let faulty = Faulty::new(bench.store.clone(), [Fault::every(FaultEffect::Truncated).of(operation).nth(1)]);
        let context = bench.context_over(Arc::new(faulty), bench.objects.clone()).await;
        bench.clock.advance(Duration::from_secs(60));
        let mut request = bench.request();
        request.full = true;
        let report = backup(&context, &request, &crate::event::NoObserver).await;
        assert_eq!((report.verdict, report.missing.len()), (Verdict::Partial, 1), "{operation}");
    }
}

#[rstest]
#[case(Operation::DescribeParameters, "ssm:DescribeParameters")]
#[case(Operation::GetParameters, "ssm:GetParameters")]
#[case(Operation::GetParameterHistory, "ssm:GetParameterHistory")]
#[tokio::test]
async fn a_call_that_is_denied_altogether_fails_and_names_the_action(
    #[case] operation: Operation,
    #[case] action: &str,
    #[values(3, 200)] count: usize,
) {
    let bench = Bench::new(false, true);
    bench.fill(count).await;
    let denied = Fault::every(FaultEffect::Before(StoreErrorKind::AccessDenied)).of(operation);
    let faulty = Arc::new(Faulty::new(bench.store.clone(), [denied]));
    let context = bench.context_over(faulty.clone(), bench.objects.clone()).await;
    let report = backup(&context, &bench.request(), &crate::event::NoObserver).await;
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(report.hints[0].contains(action), "{:?}", report.hints);
    assert!(bench.contents().await.is_empty());
    assert!(faulty.calls() < 150, "it does not go on asking: {}", faulty.calls());
}

/// Few tagged ones are read by one call, more by the hundred; each has its tags, whichever way.
#[rstest]
#[case::none(0, 1)]
#[case::one_answer_holds_them(100, 1)]
#[case::one_answer_does_not(101, 1 + 3)]
#[tokio::test]
async fn tags_cost_one_call_where_few_are_tagged(#[case] tagged: usize, #[case] calls: u64) {
    let bench = Bench::new(false, true);
    bench.fill(250).await;
    let tag_of = |number: usize| Tag::parse(&format!("number={number}")).unwrap();
    let numbers = || (0..tagged).map(|number| number * 2);
    for number in numbers() {
        bench.store.tag(&name(&format!("/shop/dev/p{number:05}")), &[tag_of(number)]).await.unwrap();
    }
    let report = bench.back_up_with(|request| request.with_labels = false).await;
    assert_eq!((report.verdict, report.parameter_count), (Verdict::Complete, 250));
    assert_eq!(report.calls_by_operation["GetResources"], calls);
    let records = bench.records(&report.key.unwrap()).await;
    let expected: BTreeMap<_, _> =
        numbers().map(|number| (name(&format!("/shop/dev/p{number:05}")), vec![tag_of(number)])).collect();
    for (name, record) in records {
        assert_eq!(record.tags.unwrap(), expected.get(&name).cloned().unwrap_or_default(), "{name}");
    }
    // What is taken over has its tags read too.
    bench.store.tag(&name("/shop/dev/p00249"), &[tag_of(7)]).await.unwrap();
    let again = bench.back_up_with(|request| request.with_labels = false).await;
    assert_eq!((again.reused, again.verdict), (250, Verdict::Complete));
    let records = bench.records(&again.key.unwrap()).await;
    assert_eq!(records[&name("/shop/dev/p00249")].tags.as_deref(), Some(&[tag_of(7)][..]));
}

#[tokio::test]
async fn tags_are_read_by_the_hundred_where_not_all_can_be_asked_for() {
    let bench = Bench::new(false, true);
    bench.fill(200).await;
    bench.store.tag(&name("/shop/dev/p00150"), &[Tag::parse("a=b").unwrap()]).await.unwrap();
    let not_once =
        Fault::every(FaultEffect::Before(StoreErrorKind::InvalidResponse)).of(Operation::GetResources).nth(1);
    let context =
        bench.context_over(Arc::new(Faulty::new(bench.store.clone(), [not_once])), bench.objects.clone()).await;
    let report = backup(&context, &bench.request(), &crate::event::NoObserver).await;
    assert_eq!(report.verdict, Verdict::Complete, "{report:?}");
    let records = bench.records(&report.key.unwrap()).await;
    assert_eq!(records[&name("/shop/dev/p00150")].tags.as_ref().unwrap().len(), 1);
}

#[tokio::test]
async fn tags_are_read_one_by_one_where_get_resources_is_denied() {
    let bench = Bench::new(false, true);
    put_rich(&bench).await;
    let denied = |operation| Fault::every(FaultEffect::Before(StoreErrorKind::AccessDenied)).of(operation);
    let faulty = Arc::new(Faulty::new(bench.store.clone(), [denied(Operation::GetResources)]));
    let context = bench.context_over(faulty, bench.objects.clone()).await;
    let report = backup(&context, &bench.request(), &crate::event::NoObserver).await;
    assert_eq!(report.verdict, Verdict::Complete);
    let records = bench.records(&report.key.unwrap()).await;
    assert_eq!(records[&name("/shop/dev/db")].tags.as_ref().unwrap().len(), 1);

    let both = [denied(Operation::GetResources), denied(Operation::ListTagsForResource)];
    let context = bench.context_over(Arc::new(Faulty::new(bench.store.clone(), both)), bench.objects.clone()).await;
    let request = BackupRequest { full: true, ..bench.request() };
    let report = backup(&context, &request, &crate::event::NoObserver).await;
    assert_eq!(report.verdict, Verdict::Failed);
    assert!(report.hints[0].contains("ssm:ListTagsForResource"), "{:?}", report.hints);
}

/// Whatever write or read of the repository fails: a snapshot that the report names is whole, and the chain stays whole.
#[rstest]
#[tokio::test]
async fn a_repository_that_fails_its_nth_call_loses_nothing(#[values(false, true)] all_after: bool) {
    for fault in ObjectFault::ALL {
        for nth in 0.. {
            let bench = Bench::new(true, true);
            bench.fill(30).await;
            let first = bench.back_up().await;
            let before = bench.contents().await;
            bench.put("/shop/dev/p00001", "changed").await;
            bench.clock.advance(Duration::from_secs(60));
            // Opening the repository is one read, made before the fault is counted.
            let faulty = FaultyStore::new(bench.objects.clone(), nth + 1, all_after, fault);
            let context = bench.context_over(bench.store.clone(), Arc::new(faulty.clone())).await;
            let report = backup(&context, &bench.request(), &crate::event::NoObserver).await;

            let after = bench.contents().await;
            for (key, bytes) in before.iter().filter(|(key, _)| *key != "latest.txt") {
                assert_eq!(after.get(key), Some(bytes), "{key} is as it was");
            }
            let clean = bench.context_over(bench.store.clone(), bench.objects.clone()).await;
            let snapshots = clean.repository.snapshots(&SnapshotFilter::target(&target())).await.unwrap();
            assert!(snapshots.damaged.is_empty());
            let ids: Vec<_> = snapshots.entries.iter().map(|entry| entry.summary.id.to_string()).collect();
            assert_eq!(ids[0], *first.snapshot.as_ref().unwrap());
            if let Some(id) = &report.snapshot {
                assert!(report.verdict.is_committed() && ids.contains(id));
            }
            for entry in &snapshots.entries {
                assert_eq!(bench.records(&entry.summary.document.key).await.len(), 30, "what is committed is whole");
            }
            if faulty.calls() <= nth + 1 {
                assert_eq!(report.verdict, Verdict::Complete);
                break;
            }
        }
    }
}

/// Whatever call of the store or of the repository fails: what was begun and not committed is not there, or at most an object that
/// nothing names.
#[tokio::test]
async fn a_first_backup_that_fails_leaves_no_repository() {
    for nth in 1.. {
        let bench = Bench::new(false, true);
        bench.fill(12).await;
        let kind = StoreErrorKind::InternalServerError;
        let fault = Fault::every(FaultEffect::Before(kind)).of(Operation::DescribeParameters).nth(nth);
        let store = Arc::new(Faulty::new(bench.store.clone(), [fault]));
        let report = backup(
            &bench.context_over(store, bench.objects.clone()).await,
            &bench.request(),
            &crate::event::NoObserver,
        )
        .await;
        if report.verdict == Verdict::Complete {
            assert!(nth > 1, "no call was left to fail");
            break;
        }
        assert!(bench.contents().await.is_empty(), "call {nth}: {:?}", bench.contents().await.keys());
    }
}

#[tokio::test]
async fn two_first_backups_with_ids_of_their_own_make_one_repository() {
    let bench = Bench::new(true, true);
    bench.fill(12).await;
    // The second one begins before the first one has written anything, and comes to its end after it.
    let first = bench.context_over(bench.store.clone(), bench.objects.clone()).await;
    let first_request = bench.request();
    let second = bench.context_over(bench.store.clone(), bench.objects.clone()).await;
    assert_ne!(first.repository.id(), second.repository.id());
    assert_eq!(backup(&first, &first_request, &crate::event::NoObserver).await.verdict, Verdict::Complete);
    bench.clock.advance(Duration::from_secs(60));
    let report = backup(&second, &bench.request(), &crate::event::NoObserver).await;
    assert_eq!((report.verdict, report.sequence), (Verdict::Complete, Some(2)), "{report:?}");
    assert_eq!(first.repository.id(), second.repository.id());
    assert!(report.hints.iter().any(|hint| hint.contains("made the repository meanwhile")), "{:?}", report.hints);
    let entries = second.repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries;
    let expected = second.signing_key.fingerprint_key(&first.repository.id());
    for entry in &entries {
        assert_eq!(
            entry.summary.fingerprint_key,
            *expected.id(),
            "its fingerprints are of the repository that is there"
        );
        assert_eq!(bench.records(&entry.summary.document.key).await.len(), 12);
    }
    let documents = bench.contents().await.into_keys().filter(|key| key.ends_with(".age") && !key.starts_with("keys/"));
    assert_eq!(documents.count(), 2, "nothing is left over");
}

#[tokio::test]
async fn two_backups_at_once_both_succeed_and_the_chain_stays_whole() {
    let bench = Bench::new(true, true);
    bench.fill(40).await;
    let runs = (0..6).map(async |_| {
        let context = bench.context_over(bench.store.clone(), bench.objects.clone()).await;
        backup(&context, &bench.request(), &crate::event::NoObserver).await
    });
    let reports = futures::future::join_all(runs).await;
    let committed: Vec<_> = reports.iter().filter(|report| report.verdict == Verdict::Complete).collect();
    let lost: Vec<_> = reports.iter().filter(|report| report.verdict == Verdict::Failed).collect();
    assert!(committed.len() + lost.len() == reports.len() && !committed.is_empty());
    let mut sequences: Vec<_> = committed.iter().map(|report| report.sequence.unwrap()).collect();
    sequences.sort_unstable();
    assert_eq!(sequences, (1..=committed.len() as u64).collect::<Vec<_>>());
    for report in committed {
        assert_eq!(bench.records(report.key.as_ref().unwrap()).await.len(), 40);
    }
    for report in lost {
        assert!(report.error.as_ref().unwrap().contains("already"), "{:?}", report.error);
    }
}

#[tokio::test]
async fn a_future_that_is_dropped_commits_nothing() {
    let bench = Bench::new(false, true);
    bench.fill(30).await;
    let never = Fault::every(FaultEffect::Never).of(Operation::GetParameterHistory).nth(20);
    let context = bench.context_over(Arc::new(Faulty::new(bench.store.clone(), [never])), bench.objects.clone()).await;
    let request = bench.request();
    let mut run = Box::pin(backup(&context, &request, &crate::event::NoObserver));
    tokio::select! {
        _ = &mut run => panic!("a call never returns"),
        () = tokio::task::yield_now() => {}
    }
    drop(run);
    drop(context);
    assert!(bench.contents().await.is_empty());
}

#[rstest]
#[tokio::test]
async fn labels_can_be_left_out_and_are_then_absent(#[values(false, true)] annotated: bool) {
    let bench = Bench::new(annotated, true);
    put_rich(&bench).await;
    bench.fill(20).await;
    let without = bench.back_up_with(|request| request.with_labels = false).await;
    assert_eq!((without.verdict, without.parameter_count), (Verdict::Complete, 21));
    assert!(!without.calls_by_operation.contains_key("GetParameterHistory"), "{:?}", without.calls_by_operation);
    let record = &bench.records(&without.key.unwrap()).await[&name("/shop/dev/db")];
    assert_eq!((&record.labels, &record.history), (&None, &None), "absent, not empty");
    let again = bench.back_up_with(|request| request.with_labels = false).await;
    assert_eq!(again.reused, 21);
    let with = bench.back_up().await;
    assert_eq!(with.reused, 0, "what has no labels is not taken over where labels are wanted");
    assert_eq!(bench.records(&with.key.unwrap()).await[&name("/shop/dev/db")].labels.as_ref().unwrap().len(), 1);
}

#[tokio::test]
async fn a_snapshot_for_undo_holds_the_names_given_and_disturbs_neither_latest_nor_the_hint() {
    let bench = Bench::new(false, false);
    bench.fill(120).await;
    let ordinary = bench.back_up().await;
    let names: BTreeSet<_> = (0..60).map(|i| name(&format!("/shop/dev/p{:05}", i * 2))).collect();
    let undo = bench
        .back_up_with(|request| {
            request.target.environment = "dev.undo".into();
            request.purpose = Some(Purpose::Undo);
            request.selector = Selector::default();
            request.names = Some(Arc::new(names.iter().cloned().chain([name("/shop/dev/none")]).collect()));
        })
        .await;
    assert_eq!((undo.verdict, undo.parameter_count, undo.sequence), (Verdict::Complete, 60, Some(1)));
    assert_eq!(undo.calls_by_operation["DescribeParameters"], 2, "61 names, 50 a page");
    let held: BTreeSet<_> = bench.records(undo.key.as_deref().unwrap()).await.into_keys().collect();
    assert_eq!(held, names);

    let repository = bench.context_over(bench.store.clone(), bench.objects.clone()).await.repository;
    assert_eq!(repository.read_latest().await.unwrap(), ordinary.key);
    let listed = repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries;
    assert_eq!(listed.iter().map(|entry| entry.summary.purpose).collect::<Vec<_>>(), [None, Some(Purpose::Undo)]);
    let read = repository.read_manifest(&listed[1].manifest_key).await.unwrap().manifest.summary;
    assert_eq!(read.purpose, Some(Purpose::Undo));
    for reference in ["latest", "@2030-01-01"] {
        let meant = reference.parse::<crate::snapshot_reference::SnapshotReference>().unwrap();
        assert_eq!(meant.resolve(&listed).unwrap().summary.id.to_string(), ordinary.snapshot.clone().unwrap());
    }
    assert_eq!(bench.back_up().await.sequence, Some(2), "the ordinary chain goes on");
}
