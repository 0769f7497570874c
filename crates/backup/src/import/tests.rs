//! Documents of the old pipeline, taken over.

use jiff::tz::TimeZone;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use parados_parameter::SystemClock;
use rstest::rstest;

use super::*;
use crate::manifest::tests::key;
use crate::repository::{Completion, RemovalDraft};
use crate::seal::Identities;
use crate::snapshot;

/// A document as the old pipeline wrote it.
fn document(environment: &str, timestamp: &str, region: &str, value: &str) -> String {
    format!(
        r#"{{"backup_date":"2025-10-15","backup_timestamp":"{timestamp}","environment":"{environment}","parameter_count":1,
        "parameters":[{{"Name":"/a/{environment}/b","Type":"SecureString","Value":"{value}","Version":3,
        "LastModifiedDate":"2025-10-15T12:00:45.760000+00:00",
        "ARN":"arn:aws:ssm:{region}:123456789012:parameter/a/{environment}/b","DataType":"text"}}]}}"#
    )
}

struct Scene {
    files: Arc<InMemory>,
    context: ImportContext,
}

impl Scene {
    async fn new() -> Self {
        let files = Arc::new(InMemory::new());
        let place = |store: &Arc<InMemory>, name: &str| Objects::new(store.clone(), name, Completion::Checked);
        let target = place(&Arc::new(InMemory::new()), "memory://to");
        let repository = Repository::open_or_init(target, [7; 16], Timestamp::UNIX_EPOCH).await.unwrap();
        let context = ImportContext {
            source: place(&files, "memory://from"),
            repository: Arc::new(repository),
            signing_key: key(),
            sealer: None,
            clock: Arc::new(SystemClock),
            tool: "parados 0.1.0 import".into(),
        };
        Self { files, context }
    }

    async fn file(&self, key: &str, content: &str) {
        self.files.put(&Path::from(key), PutPayload::from(content.as_bytes().to_vec())).await.unwrap();
    }

    async fn scan(&self) -> Scan {
        scan(&self.context.source, &request()).await.unwrap()
    }

    async fn import(&self, dry_run: bool) -> ImportReport {
        let documents = self.scan().await.documents;
        let request = ImportRequest { project: "jenkins".into(), documents, dry_run };
        import(&self.context, &request, &|_: &Event| {}).await.unwrap()
    }
}

fn request() -> ScanRequest {
    ScanRequest { environment: None, account: None, region: None, time_zone: TimeZone::UTC }
}

fn outcomes(report: &ImportReport) -> Vec<(&str, ImportOutcome, Option<u64>)> {
    report.documents.iter().map(|one| (one.key.as_str(), one.outcome, one.sequence)).collect()
}

#[tokio::test]
async fn each_document_becomes_a_snapshot_of_its_time_byte_for_byte_and_a_second_import_does_nothing() {
    let scene = Scene::new().await;
    let newer = document("dev", "20251016_120000", "eu-west-1", "two");
    scene.file("2025-10-16/ssm-backup-dev-20251016_120000.json", &newer).await;
    let older = document("dev", "20251015_120000", "eu-west-1", "one");
    scene.file("2025-10-15/ssm-backup-dev-20251015_120000.json", &older).await;
    scene
        .file("2025-10-15/ssm-backup-prod-20251015_130000.json", &document("prod", "20251015_130000", "us-east-1", "p"))
        .await;
    scene.file("latest.txt", "2025-10-16/ssm-backup-dev-20251016_120000.json").await;

    assert!(outcomes(&scene.import(true).await).iter().all(|one| one.1 == ImportOutcome::Planned));
    let report = scene.import(false).await;
    assert_eq!(report.verdict, Verdict::Complete);
    assert_eq!(
        outcomes(&report),
        [
            ("2025-10-15/ssm-backup-dev-20251015_120000.json", ImportOutcome::Imported, Some(1)),
            ("2025-10-15/ssm-backup-prod-20251015_130000.json", ImportOutcome::Imported, Some(1)),
            ("2025-10-16/ssm-backup-dev-20251016_120000.json", ImportOutcome::Imported, Some(2)),
        ]
    );
    let repository = &scene.context.repository;
    let entries = repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries;
    let summary = &entries[0].summary;
    assert_eq!(summary.started_at.to_string(), "2025-10-15T12:00:00Z");
    assert_eq!((summary.purpose, summary.tool.as_str()), (Some(Purpose::Import), "parados 0.1.0 import"));
    assert_eq!((&*summary.target.account, &*summary.target.region), ("123456789012", "eu-west-1"));
    assert_eq!(summary.document.content_digest, Digest::of(older.as_bytes()));
    let nobody = Identities::default();
    let values = snapshot::fold(repository, summary, &nobody, Vec::new(), |values: &mut Vec<_>, record| {
        values.push(record.value.reveal().to_owned());
        std::ops::ControlFlow::Continue(())
    });
    assert_eq!(values.await.unwrap(), ["one"]);
    assert_eq!(repository.read_latest().await.unwrap(), None, "a hint at what is older than now is none");

    let again = scene.import(false).await;
    assert_eq!(again.verdict, Verdict::Complete);
    assert!(again.documents.iter().all(|one| one.outcome == ImportOutcome::Present && one.snapshot.is_some()));
    assert_eq!(repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries.len(), 3);
}

#[tokio::test]
async fn what_was_removed_on_purpose_is_not_brought_back() {
    let scene = Scene::new().await;
    let key_of_file = "2025-10-15/ssm-backup-dev-20251015_120000.json";
    scene.file(key_of_file, &document("dev", "20251015_120000", "eu-west-1", "v")).await;
    scene.import(false).await;
    let repository = &scene.context.repository;
    let entries = repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries;
    let read = repository.read_manifest(&entries[0].manifest_key).await.unwrap();
    let at = Timestamp::UNIX_EPOCH;
    let draft = RemovalDraft { reason: "old".into(), marked_at: at, removed_at: at, tool: "parados".into() };
    let removal = repository.begin_removal(&read, draft, &key()).await.unwrap();
    repository.finish_removal(&removal, &BTreeSet::new()).await.unwrap();
    let again = scene.import(false).await;
    assert_eq!((again.verdict, again.documents[0].outcome), (Verdict::Complete, ImportOutcome::Removed));
    assert!(repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries.is_empty());
}

#[rstest]
#[case("{", "cut off")]
#[case("", "cut off")]
#[case(r#"{"parameters":[{"Value":"hunter2"}],"parameter_count":1}"#, "damaged")]
#[case(
    r#"{"backup_timestamp":"20251015_120000","environment":"dev","parameter_count":0,"parameters":[]}"#,
    "no parameter"
)]
#[tokio::test]
async fn a_damaged_file_is_named_and_stops_no_other(#[case] content: &str, #[case] reason: &str) {
    let scene = Scene::new().await;
    scene.file("2025-10-15/ssm-backup-dev-20251015_110000.json", content).await;
    scene
        .file("2025-10-15/ssm-backup-dev-20251015_120000.json", &document("dev", "20251015_120000", "eu-west-1", "v"))
        .await;
    let found = scene.scan().await;
    assert_eq!(found.refused.len(), 1);
    assert!(found.refused[0].reason.contains(reason) && !found.refused[0].reason.contains("hunter2"), "{found:?}");
    assert_eq!(scene.import(false).await.documents.len(), 1);
}

#[tokio::test]
async fn account_and_region_are_the_arns_or_those_that_are_named_and_never_guessed() {
    let scene = Scene::new().await;
    let key = "2025-10-15/ssm-backup-dev-20251015_120000.json";
    let with_arn = document("dev", "20251015_120000", "eu-west-1", "v");
    let without = with_arn.replace("arn:aws:ssm", "");
    let named =
        |region: &str| ScanRequest { account: Some("210987654321".into()), region: Some(region.into()), ..request() };
    let scan = async |content: &str, request: &ScanRequest| {
        scene.file(key, content).await;
        scan(&scene.context.source, request).await.unwrap()
    };
    assert!(scan(&without, &request()).await.refused[0].reason.contains("--account"));
    let found = scan(&without, &named("eu-west-3")).await.documents.remove(0);
    assert_eq!((found.account.as_str(), found.region.as_str()), ("210987654321", "eu-west-3"));
    let refused = scan(&with_arn, &named("eu-west-1")).await.refused.remove(0);
    assert!(refused.reason.contains("123456789012") && refused.reason.contains("210987654321"), "{refused:?}");

    let second = r#"{"Name":"/b","Type":"String","Value":"v","Version":1,"LastModifiedDate":1,"ARN":"arn:aws:ssm:eu-west-2:123456789012:parameter/b"}]"#;
    let two = with_arn.replace("}]", &format!("}},{second}")).replace("\"parameter_count\":1", "\"parameter_count\":2");
    assert!(scan(&two, &request()).await.refused[0].reason.contains("more than one region: eu-west-1, eu-west-2"));
    let twice = two.replace("/b\",\"Type\":\"String", "/a/dev/b\",\"Type\":\"String").replace("eu-west-2", "eu-west-1");
    assert!(scan(&twice, &request()).await.refused[0].reason.contains("/a/dev/b twice"));
}

#[tokio::test]
async fn what_parados_wrote_is_no_old_document_and_a_time_zone_is_that_of_the_old_machine() {
    let scene = Scene::new().await;
    let old = document("dev", "20251015_120000", "eu-west-1", "v");
    scene.file("2025-10-15/ssm-backup-dev-20251015_120000.json", &old.replacen('{', "{\"format_version\":1,", 1)).await;
    scene.file("2025-10-15/ssm-backup-dev-20251015_130000.json", &old).await;
    let tokyo = ScanRequest { time_zone: TimeZone::fixed(jiff::tz::offset(9)), ..request() };
    let found = scan(&scene.context.source, &tokyo).await.unwrap();
    assert_eq!(found.own, ["2025-10-15/ssm-backup-dev-20251015_120000.json"]);
    assert_eq!(found.documents[0].started_at.to_string(), "2025-10-15T03:00:00Z");
    let prod = ScanRequest { environment: Some("prod".into()), ..request() };
    assert!(scan(&scene.context.source, &prod).await.unwrap().documents.is_empty());
}

#[tokio::test]
async fn a_file_that_changes_meanwhile_is_not_taken_over_and_the_next_import_goes_on() {
    let scene = Scene::new().await;
    let first = "2025-10-15/ssm-backup-dev-20251015_120000.json";
    scene.file(first, &document("dev", "20251015_120000", "eu-west-1", "v")).await;
    scene
        .file("2025-10-16/ssm-backup-dev-20251016_120000.json", &document("dev", "20251016_120000", "eu-west-1", "v"))
        .await;
    let documents = scene.scan().await.documents;
    scene.file(first, &document("dev", "20251015_120000", "eu-west-1", "w")).await;
    let request = ImportRequest { project: "jenkins".into(), documents, dry_run: false };
    let report = import(&scene.context, &request, &|_: &Event| {}).await.unwrap();
    assert_eq!((report.verdict, report.documents[0].outcome), (Verdict::Partial, ImportOutcome::Failed));
    assert!(report.documents[0].reason.as_ref().unwrap().contains("changed"), "{report:?}");
    let next = scene.import(false).await;
    assert_eq!(next.documents[0].outcome, ImportOutcome::Imported);
    assert_eq!(next.documents[1].outcome, ImportOutcome::Present);
}
