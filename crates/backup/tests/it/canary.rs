//! Planted secrets: whatever a backup says, in whichever way it goes wrong, it says no value and no private key.
//!
//! What is searched: the reports, the events, the errors, Debug of everything that a caller holds, what is traced, and every byte
//! that is stored, staged files included. Names, descriptions, tags and the like are not secrets.

use std::fmt::{Debug, Write as _};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use age::secrecy::ExposeSecret as _;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use object_store::local::LocalFileSystem;
use parados_backup::backup::{BackupContext, BackupRequest, backup};
use parados_backup::event::Event;
use parados_backup::manifest::SnapshotId;
use parados_backup::report::BackupReport;
use parados_backup::repository::{Completion, Objects, SnapshotFilter};
use parados_backup::seal::Recipient;
use parados_backup::signature::SigningKey;
use parados_backup::verdict::Verdict;
use parados_parameter::decorator::adaptive::{Adaptive, AdaptiveOptions};
use parados_parameter::decorator::faulty::{Fault, FaultEffect, Faulty};
use parados_parameter::decorator::retry::{Retry, RetryOptions};
use parados_parameter::memory::MemoryStoreOptions;
use parados_parameter::{Operation, ParameterStore as _, ParameterType, SharedStore, StoreErrorKind};
use rstest::rstest;
use testkit::Canary;

use crate::interrupted::{Effect, Interrupted, Plan};
use crate::records::read_all;
use crate::shop::{Shop, chain, name, open, request};

const SEED: [u8; 32] = *b"\x9c\xe1\x05\x7f\x33\xd8\xa2\x4b\x16\xfe\x80\x6d\xb9\x02\xc7\x51\xea\x3c\x94\x28\xdf\x70\x0b\xad\x45\x8e\xf6\x19\x62\xbb\x07\xd3";
/// The operations that a backup calls.
const CALLED: [Operation; 5] = [
    Operation::DescribeParameters,
    Operation::GetParameters,
    Operation::GetParameterHistory,
    Operation::GetResources,
    Operation::ListTagsForResource,
];

/// A shop whose values are planted, a repository in a folder, and everything that was said.
struct Bench {
    shop: Shop,
    canary: Canary,
    values: Vec<String>,
    folder: tempfile::TempDir,
    recipients: Vec<Recipient>,
    number: Mutex<u8>,
    heard: Mutex<String>,
}

impl Bench {
    async fn new(annotated: bool, sealed: bool) -> Self {
        let shop = Shop::new(MemoryStoreOptions { annotated, ..MemoryStoreOptions::default() });
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("repository")).unwrap();
        let mut canary = Canary::new();
        let mut values = Vec::new();
        for (i, parameter_type) in ParameterType::ALL.iter().enumerate() {
            for version in ["oldest", "older", "newest"] {
                let value = canary.plant(&format!("{parameter_type} {version}"));
                shop.put_value(&format!("/shop/dev/p{i}"), *parameter_type, &value).await;
                shop.store.label(&name(&format!("/shop/dev/p{i}")), None, &[version.into()]).await.unwrap();
                values.push(value);
            }
        }
        // The private keys: the beginning of an age identity is in messages, and what comes after it is not.
        let identity = age::x25519::Identity::generate();
        let text = identity.to_string();
        canary.watch(text.expose_secret().strip_prefix("AGE-SECRET-KEY-1").unwrap());
        std::fs::write(folder.path().join("identity"), text.expose_secret()).unwrap();
        watch_seed(&mut canary);
        let recipients = match sealed {
            true => {
                let fingerprints = signing_key().fingerprint_key("11111111111111111111111111111111").to_stored();
                let stored: serde_json::Value = serde_json::from_slice(&fingerprints).unwrap();
                canary.watch(stored["key"].as_str().unwrap());
                vec![Recipient::parse(&identity.to_public().to_string()).unwrap()]
            }
            false => Vec::new(),
        };
        Self { shop, canary, values, folder, recipients, number: Mutex::new(0), heard: Mutex::default() }
    }

    fn repository(&self) -> PathBuf {
        self.folder.path().join("repository")
    }

    fn hear(&self, place: &str, what: &dyn Debug) {
        let mut heard = self.heard.lock().unwrap();
        write!(heard, "\n{place}: {what:?} {what:#?}").unwrap();
    }

    fn request(&self) -> BackupRequest {
        let mut number = self.number.lock().unwrap();
        *number = number.wrapping_add(1);
        let id = SnapshotId::from_bytes([*number; 8]);
        BackupRequest { with_history: true, full: *number != 2, id, ..request("dev", 0) }
    }

    async fn context(&self, store: SharedStore, plan: &Arc<Plan>) -> BackupContext {
        let folder = Arc::new(LocalFileSystem::new_with_prefix(self.repository()).unwrap());
        // The repository's first call opens it; the plan's calls are those of the backup.
        let whole = Objects::new(folder.clone(), "file:///repository", Completion::Staged);
        let identity = self.folder.path().join("identity");
        let mut context = self.shop.context(store.clone(), whole, &self.recipients, Some(&identity)).await;
        let faulty = Arc::new(Interrupted::new(folder, Arc::clone(plan)));
        let faulty = Objects::new(faulty, "file:///repository", Completion::Staged);
        if let Ok(repository) = parados_backup::repository::Repository::open(faulty).await {
            context.repository = Arc::new(repository);
        }
        context.signing_key = signing_key();
        context
    }

    /// A backup, everything of which is heard.
    async fn back_up(&self, store: SharedStore, plan: &Arc<Plan>) -> BackupReport {
        self.shop.clock.advance(Duration::from_secs(60));
        let (context, request) = (self.context(store, plan).await, self.request());
        self.hear("context", &context);
        self.hear("request", &request);
        let observer = |event: &Event| {
            self.hear("event", event);
            self.heard.lock().unwrap().push_str(&serde_json::to_string(event).unwrap());
        };
        let report = backup(&context, &request, &observer).await;
        self.hear("report", &report);
        self.heard.lock().unwrap().push_str(&serde_json::to_string(&report).unwrap());
        report
    }

    fn undisturbed(&self) -> Arc<Plan> {
        Plan::new(usize::MAX, Effect::FailBefore, self.repository())
    }

    /// Searches all that was said so far.
    fn search(&self) {
        let heard = self.heard.lock().unwrap();
        assert!(heard.len() > 1000, "something was said: {heard}");
        self.canary.assert_absent(heard.as_bytes(), "what was said");
    }
}

/// The seed of the signing key, as a text may say it.
fn watch_seed(canary: &mut Canary) {
    canary.watch(SEED.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    canary.watch(format!("{SEED:?}"));
    for offset in 0..3 {
        canary.watch(STANDARD.encode(&SEED[offset..offset + 27]));
    }
}

fn signing_key() -> SigningKey {
    SigningKey::from_seed(&SEED, "canary")
}

/// Collects what is traced.
#[derive(Clone, Default)]
struct Traced(Arc<Mutex<Vec<u8>>>);

impl Write for Traced {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// What every thread traces from here on, whatever its level. Once a process.
fn trace() -> Traced {
    static TRACED: Mutex<Option<Traced>> = Mutex::new(None);
    let mut traced = TRACED.lock().unwrap();
    traced
        .get_or_insert_with(|| {
            let traced = Traced::default();
            let writer = traced.clone();
            let subscriber = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
                .with_writer(move || writer.clone())
                .finish();
            tracing::subscriber::set_global_default(subscriber).unwrap();
            traced
        })
        .clone()
}

#[rstest]
#[tokio::test(start_paused = true)]
async fn nothing_that_a_backup_says_or_stores_holds_a_value_or_a_private_key(
    #[values(false, true)] annotated: bool,
    #[values(false, true)] sealed: bool,
) {
    let traced = trace();
    let bench = Bench::new(annotated, sealed).await;
    let store = bench.shop.store.clone();
    for round in 0..3 {
        let adaptive = Arc::new(Adaptive::new(store.clone(), AdaptiveOptions::default()));
        let production = Arc::new(Retry::new(adaptive, RetryOptions::default()));
        let report = bench.back_up(production, &bench.undisturbed()).await;
        assert_eq!((report.verdict, report.parameter_count, report.version_count), (Verdict::Complete, 3, 9));
        assert_eq!(report.reused > 0, round == 1, "one run takes values over: {report:?}");
    }
    let context = bench.context(store, &bench.undisturbed()).await;
    let snapshots = context.repository.snapshots(&SnapshotFilter::default()).await.unwrap();
    bench.hear("snapshots", &snapshots);
    for entry in &snapshots.entries {
        let manifest = context.repository.read_manifest(&entry.manifest_key).await.unwrap();
        bench.hear("manifest", &manifest);
        let path = bench.repository().join(&entry.summary.document.key);
        let stored = std::fs::read(&path).unwrap();
        let (records, content) = open(&stored, sealed, &context.identities).unwrap();
        bench.hear("records", &records);
        for value in &bench.values {
            assert!(content.windows(value.len()).any(|window| window == value.as_bytes()), "the document holds it");
        }
        match sealed {
            true => bench.canary.assert_absent(&stored, "a sealed document"),
            // That one holds them is what it says of itself; the rest of the repository does not.
            false => std::fs::remove_file(path).unwrap(),
        }
    }
    bench.hear("key", &signing_key().fingerprint_key(&context.repository.id()));
    bench.search();
    bench.canary.assert_absent_in_tree(&bench.repository());
    tracing::trace!("the last that is traced");
    let traced = traced.0.lock().unwrap();
    assert!(String::from_utf8_lossy(&traced).contains("the last that is traced"));
    bench.canary.assert_absent(&traced, "what is traced");
}

#[rstest]
#[tokio::test]
async fn no_failure_of_the_store_lets_a_value_out(#[values(false, true)] annotated: bool) {
    let bench = Bench::new(annotated, true).await;
    let mut verdicts = std::collections::BTreeMap::<String, u32>::new();
    let lost = [StoreErrorKind::Throttling, StoreErrorKind::Timeout, StoreErrorKind::InvalidResponse];
    let faults = StoreErrorKind::ALL.iter().map(|kind| Fault::every(FaultEffect::Before(*kind)));
    let faults = faults.chain(lost.map(|kind| Fault::every(FaultEffect::After(kind)).nth(2)));
    for fault in faults.chain([Fault::every(FaultEffect::Truncated)]) {
        for operation in CALLED {
            let store = Arc::new(Faulty::new(bench.shop.store.clone(), [fault.clone().of(operation)]));
            let report = bench.back_up(store, &bench.undisturbed()).await;
            *verdicts.entry(format!("{:?}", report.verdict)).or_default() += 1;
        }
    }
    assert!(verdicts["Failed"] > 20 && verdicts["Partial"] > 20, "{verdicts:?}");
    bench.search();
    bench.canary.assert_absent_in_tree(&bench.repository());
}

#[rstest]
#[tokio::test]
async fn no_failure_of_the_repository_lets_a_value_out(
    #[values(Effect::FailBefore, Effect::FailAfter, Effect::Denied)] effect: Effect,
) {
    let bench = Bench::new(true, true).await;
    let mut failed = 0;
    for nth in 0.. {
        let plan = Plan::new(nth, effect, bench.repository());
        let report = bench.back_up(bench.shop.store.clone(), &plan).await;
        failed += u32::from(report.verdict == Verdict::Failed);
        if plan.calls().len() <= nth {
            break;
        }
    }
    assert!(failed > 3, "{failed}");
    bench.search();
    bench.canary.assert_absent_in_tree(&bench.repository());
}

/// A document that is damaged, or that somebody wrote by hand with a value in another field's place.
#[tokio::test]
async fn no_error_of_a_reader_shows_a_value() {
    let bench = Bench::new(true, false).await;
    let report = bench.back_up(bench.shop.store.clone(), &bench.undisturbed()).await;
    let document = std::fs::read(bench.repository().join(report.key.unwrap())).unwrap();
    let mut errors = std::collections::BTreeSet::new();
    let mut read =
        |bytes: &[u8]| errors.extend(read_all(bytes).err().map(|error| format!("{error:?} {}", chain(&error))));
    for at in (0..document.len()).step_by(3) {
        read(&document[..at]);
        let mut flipped = document.clone();
        flipped[at] ^= 1 << (at % 7);
        read(&flipped);
    }
    let text = String::from_utf8(document.clone()).unwrap();
    for other in
        ["Type", "Version", "LastModifiedDate", "Tier", "Policies", "Tags", "Labels", "History", "PolicyText", "Values"]
    {
        let field = format!("\"{other}\":");
        read(text.replace("\"Value\":", &field).as_bytes());
        read(text.replace("\"Value\":", &format!("\"Value\":\"\",{field}")).as_bytes());
        read(text.replace("\"Value\":", &format!("\"Value\":\"\",{field}[{{\"Key\":")).as_bytes());
    }
    read(text.replace("\"parameters\":[", "\"parameter_count\":").as_bytes());
    for value in &bench.values {
        for field in ["format_version", "backup_date", "parameter_count", "parameters"] {
            read(format!("{{\"{field}\":\"{value}\",\"parameters\":[],\"parameter_count\":\"{value}\"}}").as_bytes());
        }
        read(value.as_bytes());
    }
    assert!(errors.len() > 200, "{}", errors.len());
    bench.hear("errors", &errors);
    bench.search();
}

/// The files of private keys, damaged in any way.
#[test]
fn no_error_of_a_key_file_shows_a_key() {
    let folder = tempfile::tempdir().unwrap();
    let mut canary = Canary::new();
    let mut heard = String::new();
    let (identity, _) = crate::seal::identity(folder.path(), "identity");
    let text = std::fs::read_to_string(&identity).unwrap();
    canary.watch(text.trim().rsplit_once("AGE-SECRET-KEY-1").unwrap().1);
    let ssh = folder.path().join("ssh");
    SigningKey::generate(&ssh, &SEED.into(), "").unwrap();
    watch_seed(&mut canary);
    assert!(canary.is_in(&std::fs::read(&ssh).unwrap()), "its file holds the seed");
    for file in [identity, ssh] {
        let whole = std::fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            for bytes in [&whole[..at], &flipped] {
                std::fs::write(&file, bytes).unwrap();
                heard += &said(&file);
            }
        }
    }
    assert!(heard.contains("damaged at line"), "something was said");
    canary.assert_absent(heard.as_bytes(), "an error of a key file");
}

fn said(file: &Path) -> String {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o600)).unwrap();
    let identities = parados_backup::seal::Identities::load(&[file], None);
    let key = SigningKey::load(file);
    let errors = [identities.as_ref().err().map(|e| chain(e)), key.as_ref().err().map(|e| chain(e))];
    format!("{identities:?} {key:?} {errors:?}\n")
}
