//! A backup whose process is killed at each boundary of a call to the repository: before it, in its middle, after it.
//!
//! The process that is killed is this test binary, which runs one of these tests again with [`CHILD`] in its environment. It writes
//! into a folder; the call in whose middle it dies leaves there what the file system would have of it. What a whole machine leaves
//! behind when it loses power is not tested here.

use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use object_store::local::LocalFileSystem;
use parados_backup::backup::{BackupContext, backup};
use parados_backup::document::Digest;
use parados_backup::event::NoObserver;
use parados_backup::manifest::Previous;
use parados_backup::report::BackupReport;
use parados_backup::repository::{
    Completion, Objects, OpenOptions, PART_BYTES, Repository, RepositoryUrl, SnapshotFilter,
};
use parados_backup::verdict::Verdict;
use parados_parameter::memory::MemoryStoreOptions;
use parados_parameter::{ParameterType, PutRequest, Secret, TierRequest};

use crate::interrupted::{Effect, Interrupted, Plan, has_middle};
use crate::shop::{Contents, Shop, contents, name, open, request};

/// In the environment of a process that is to be killed: at which call, how, and the repository's folder.
const CHILD: &str = "PARADOS_TEST_KILL";
const ABORTED: i32 = 6;

/// What the process that is killed does.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scenario {
    /// Makes the repository and its first snapshot.
    First,
    /// Makes the second snapshot, of what changed.
    Second,
    /// Makes the second snapshot, whose document is larger than a part.
    Large,
}

impl Scenario {
    /// The store when backup `number` is made of it.
    async fn shop(self, number: u8) -> Shop {
        let shop = Shop::new(MemoryStoreOptions { annotated: true, ..MemoryStoreOptions::default() });
        for i in 0..10 {
            shop.put_value(&format!("/shop/dev/p{i}"), ParameterType::SecureString, &format!("value {i}")).await;
        }
        if number > 1 {
            shop.put_value("/shop/dev/p3", ParameterType::SecureString, "changed").await;
        }
        if number > 2 {
            shop.put_value("/shop/dev/p4", ParameterType::SecureString, "changed too").await;
        }
        if self == Self::Large && number == 2 {
            let value = "0123456789abcdef".repeat(512);
            for i in 0..=PART_BYTES / value.len() {
                let large = PutRequest::new(name(&format!("/shop/dev/large{i}")), Secret::new(value.as_str()));
                shop.put(PutRequest { tier: Some(TierRequest::Advanced), ..large }).await;
            }
        }
        // The next backup begins in the second in which the one before was killed.
        let times = ["13:00:00", "14:00:00", "14:00:00"];
        let until: jiff::Timestamp = format!("2025-10-15T{}Z", times[usize::from(number) - 1]).parse().unwrap();
        let wait = until.duration_since(parados_parameter::Clock::now(&*shop.clock));
        shop.clock.advance(Duration::try_from(wait).unwrap());
        shop
    }
}

/// What a backup of `shop` in `folder` works with, whose calls go through `plan`. Large documents are not sealed, so that they are
/// as large as they are.
async fn context(scenario: Scenario, shop: &Shop, folder: &Path, plan: &Arc<Plan>) -> BackupContext {
    // Kills lose no page of the system's cache, so nothing need be flushed.
    let store = Arc::new(LocalFileSystem::new_with_prefix(folder).unwrap());
    let objects =
        Objects::new(Arc::new(Interrupted::new(store, Arc::clone(plan))), "file:///repository", Completion::Staged);
    let identity = folder.with_file_name("identity");
    let recipients = match scenario {
        Scenario::Large => Vec::new(),
        _ => vec![
            parados_backup::seal::Identities::load(&[&identity], None).unwrap().recipients().next().unwrap().clone(),
        ],
    };
    shop.context(shop.store.clone(), objects, &recipients, Some(&identity)).await
}

async fn back_up(scenario: Scenario, number: u8, folder: &Path, plan: &Arc<Plan>) -> BackupReport {
    let shop = scenario.shop(number).await;
    let context = context(scenario, &shop, folder, plan).await;
    backup(&context, &request("dev", number), &NoObserver).await
}

fn undisturbed(folder: &Path) -> Arc<Plan> {
    Plan::new(usize::MAX, Effect::FailBefore, folder)
}

async fn stored(folder: &Path) -> Contents {
    contents(&LocalFileSystem::new_with_prefix(folder).unwrap()).await
}

/// Checks all that the repository says it has. How many snapshots that is.
async fn check(scenario: Scenario, folder: &Path) -> usize {
    let contents = stored(folder).await;
    let shop = scenario.shop(1).await;
    let context = context(scenario, &shop, folder, &undisturbed(folder)).await;
    let snapshots = context.repository.snapshots(&SnapshotFilter::default()).await.unwrap();
    assert!(snapshots.damaged.is_empty(), "{:?}", snapshots.damaged);
    let mut previous = None;
    for (entry, sequence) in snapshots.entries.iter().zip(1..) {
        let read = context.repository.read_manifest(&entry.manifest_key).await.unwrap();
        assert_eq!((entry.summary.sequence, &entry.summary.previous), (sequence, &previous));
        previous = Some(Previous { id: Some(entry.summary.id), digest: read.digest });
        let document = &contents[&entry.summary.document.key];
        assert_eq!(Digest::of(document), entry.summary.document.digest);
        if document.len() < PART_BYTES {
            let sealed = !entry.summary.recipients.is_empty();
            let (records, _) = open(document, sealed, &context.identities).unwrap();
            assert_eq!(records.len(), read.manifest.parameters.len());
        }
    }
    let keys: Vec<_> = snapshots.entries.iter().map(|entry| entry.summary.document.key.clone()).collect();
    let latest = context.repository.read_latest().await.unwrap();
    // It is written last, so it may be behind by one; and it is never half of a key.
    let hints = [keys.len().checked_sub(1), keys.len().checked_sub(2)].map(|at| at.map(|at| keys[at].clone()));
    assert!(hints.contains(&latest), "{latest:?} of {keys:?}");
    keys.len()
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.path().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// The test of this name, and what it does when it is run as the process to be killed.
async fn kill_everywhere(test: &str, scenario: Scenario) {
    let number = if scenario == Scenario::First { 1 } else { 2 };
    if let Some(child) = std::env::var_os(CHILD) {
        let child = child.into_string().unwrap();
        let [nth, effect, folder] = child.splitn(3, ' ').collect::<Vec<_>>().try_into().unwrap();
        let plan = Plan::new(nth.parse().unwrap(), effect.parse().unwrap(), folder);
        back_up(scenario, number, Path::new(folder), &plan).await;
        return;
    }

    let parent = tempfile::tempdir().unwrap();
    crate::seal::identity(parent.path(), "identity");
    let before = parent.path().join("before");
    std::fs::create_dir(&before).unwrap();
    if number == 2 {
        assert_eq!(back_up(scenario, 1, &before, &undisturbed(&before)).await.verdict, Verdict::Complete);
    }
    let committed = stored(&before).await;

    let whole = parent.path().join("whole");
    copy(&before, &whole);
    let plan = undisturbed(&whole);
    assert_eq!(back_up(scenario, number, &whole, &plan).await.verdict, Verdict::Complete);
    let calls = plan.calls();
    for expected in if scenario == Scenario::Large { &["part", "complete", "rename"][..] } else { &["put", "list"] } {
        assert!(calls.contains(expected), "{calls:?}");
    }

    let mut counts = [0, 0];
    let mut left_over = 0;
    for (nth, call) in calls.iter().enumerate() {
        // What a large document has for itself is its upload.
        if scenario == Scenario::Large && !["begin", "part", "complete", "rename"].contains(call) {
            continue;
        }
        for effect in [Effect::KillBefore, Effect::KillMiddle, Effect::KillAfter] {
            if effect == Effect::KillMiddle && !has_middle(call) || effect == Effect::KillAfter && *call == "list" {
                continue;
            }
            let place = format!("{effect:?} of call {nth}, {call}");
            let folder = parent.path().join("killed");
            copy(&before, &folder);
            let mut child = Command::new(std::env::current_exe().unwrap());
            child.args(["--exact", test, "--nocapture"]).current_dir(parent.path());
            child.env(CHILD, format!("{nth} {effect:?} {}", folder.display()));
            let status = child.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
            assert_eq!(status.signal(), Some(ABORTED), "{place}: it was not killed: {status}");

            let after = stored(&folder).await;
            for (key, bytes) in committed.iter().filter(|(key, _)| *key != "latest.txt") {
                assert_eq!(after.get(key), Some(bytes), "{place}: {key} is as it was");
            }
            let found = check_or_empty(scenario, &folder, &after).await;
            let least = usize::from(number) - 1;
            assert!(found == least || found == least + 1, "{place}: {found} snapshots");
            counts[found - least] += 1;

            let unfinished = not_completed(&folder, Path::new(""));
            assert!(!unfinished.is_empty() || effect != Effect::KillMiddle, "{place}: it was in the middle of nothing");
            left_over += unfinished.len();
            let next = back_up(scenario, 3, &folder, &undisturbed(&folder)).await;
            assert_eq!((next.verdict, next.sequence), (Verdict::Complete, Some(found as u64 + 1)), "{place}: {next:?}");
            assert_eq!(next.parameter_count, 10, "{place}");
            assert_eq!(check(scenario, &folder).await, found + 1, "{place}");

            // What it was writing is found, and nothing else is, and goes without harm.
            assert_eq!(swept(&folder).await, unfinished, "{place}");
            assert_eq!(not_completed(&folder, Path::new("")), [""; 0], "{place}");
            assert_eq!(check(scenario, &folder).await, found + 1, "{place}");
            std::fs::remove_dir_all(&folder).unwrap();
        }
    }
    assert!(left_over >= 3, "it left {left_over} files");
    assert!(counts[0] > 3, "killed before the commit: {counts:?}");
    assert_eq!(counts[1] > 0, scenario != Scenario::Large, "killed after the commit: {counts:?}");
}

/// The names of the files below a folder that are no objects: of those that a killed process was writing.
fn not_completed(folder: &Path, name: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder.join(name)).unwrap().map(|entry| entry.unwrap()) {
        let name = name.join(entry.file_name());
        match entry.path().is_dir() {
            true => found.extend(not_completed(folder, &name)),
            false => found.extend(
                name.to_str().filter(|name| name.contains('#') || name.starts_with(".staging/")).map(Into::into),
            ),
        }
    }
    found.sort();
    found
}

/// Removes what the repository says was never completed; the names.
async fn swept(folder: &Path) -> Vec<String> {
    let objects = RepositoryUrl::Folder(folder.to_owned()).open(&OpenOptions::default()).unwrap();
    let repository = Repository::open(objects).await.unwrap();
    let found = repository.staged_files().await.unwrap();
    for file in &found {
        repository.remove_staged(file).await.unwrap();
    }
    found.into_iter().map(|file| file.name).collect()
}

/// What is no repository yet holds at most the data object of a first backup, which nothing names.
async fn check_or_empty(scenario: Scenario, folder: &Path, contents: &Contents) -> usize {
    match contents.contains_key("parados.json") {
        true => check(scenario, folder).await,
        false => {
            assert!(contents.keys().all(|key| key.contains("/ssm-backup-")) && contents.len() <= 1, "{contents:?}");
            0
        }
    }
}

#[tokio::test]
async fn the_first_backup_of_a_repository() {
    kill_everywhere("kill::the_first_backup_of_a_repository", Scenario::First).await;
}

#[tokio::test]
async fn a_backup_of_what_changed() {
    kill_everywhere("kill::a_backup_of_what_changed", Scenario::Second).await;
}

#[tokio::test]
async fn a_backup_of_several_parts() {
    kill_everywhere("kill::a_backup_of_several_parts", Scenario::Large).await;
}
