//! Snapshots are sealed again to other recipients: who could read still can until the object goes, whatever call fails.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parados_backup::copy::{CopyRequest, copy};
use parados_backup::event::NoObserver;
use parados_backup::repository::{Repository, RepositoryError, SnapshotFilter};
use parados_backup::reseal::{
    RecipientChange, ResealContext, ResealOutcome, ResealPlan, ResealReport, apply, check, plan,
};
use parados_backup::seal::{Identities, Recipient};
use parados_backup::verdict::Verdict;
use rstest::rstest;

use crate::copy::{Backed, objects, open, readable};
use crate::interrupted::{Effect, Interrupted, Plan};
use crate::seal::{identity, ssh_identity};
use crate::shop::{contents, signing_key};

/// A second key.
struct Second {
    folder: tempfile::TempDir,
    identity: PathBuf,
    recipient: Recipient,
}

impl Second {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (identity, recipient) = identity(folder.path(), "second");
        Self { folder, identity, recipient }
    }

    fn identities(&self) -> Identities {
        Identities::load(&[&self.identity], None).unwrap()
    }
}

async fn context(
    backed: &Backed,
    store: &Arc<dyn ObjectStore>,
    identities: &[&Path],
) -> Result<ResealContext, RepositoryError> {
    Ok(ResealContext {
        repository: Arc::new(Repository::open(objects(store.clone())).await?),
        identities: Identities::load(identities, None).unwrap(),
        key_management: None,
        signing_key: signing_key(),
        clock: backed.shop.clock.clone(),
        tool: "parados test".into(),
    })
}

/// Plans and does it, with the first key at hand.
async fn change(
    backed: &Backed,
    store: &Arc<dyn ObjectStore>,
    change: &RecipientChange,
) -> Result<(ResealPlan, ResealReport), RepositoryError> {
    change_of(backed, store, &SnapshotFilter::default(), change).await
}

/// As [`change`], of the snapshots that `filter` lets through.
async fn change_of(
    backed: &Backed,
    store: &Arc<dyn ObjectStore>,
    filter: &SnapshotFilter,
    change: &RecipientChange,
) -> Result<(ResealPlan, ResealReport), RepositoryError> {
    let context = context(backed, store, &[&backed.identity]).await?;
    let plan = plan(&context.repository, filter, change).await?;
    let report = apply(&context, &plan, &NoObserver).await;
    Ok((plan, report))
}

async fn opened_by(store: &Arc<dyn ObjectStore>, identities: &Identities) -> usize {
    let checks = check(&open(store).await, identities, &SnapshotFilter::default(), None).await.unwrap();
    checks.iter().filter(|one| one.opens).count()
}

#[tokio::test]
async fn a_key_is_added_replaced_and_removed_and_a_second_run_does_nothing() {
    let (backed, second) = (Backed::up().await, Second::new());
    let before = contents(&*backed.store).await;
    assert_eq!(opened_by(&backed.store, &second.identities()).await, 0);

    let add = RecipientChange::Add(vec![second.recipient.clone()]);
    let (plan, report) = change(&backed, &backed.store, &add).await.unwrap();
    assert_eq!((plan.snapshots.len(), report.verdict), (3, Verdict::Complete), "{report:?}");
    assert!(report.snapshots.iter().all(|one| one.outcome == ResealOutcome::Sealed && one.opened));
    assert_eq!(report.replaced.len(), 3);
    for identities in [backed.identities(), second.identities()] {
        assert_eq!(readable(&backed.store, &identities).await.len(), 3);
    }
    let after = contents(&*backed.store).await;
    assert!(before.iter().all(|(key, bytes)| after.get(key) == Some(bytes)), "nothing was replaced or removed");
    // Three documents, three amendments, and the fingerprint key for the two.
    assert_eq!(after.len(), before.len() + 7, "{:?}", after.keys());

    let (plan, report) = change(&backed, &backed.store, &add).await.unwrap();
    assert_eq!((plan.snapshots.len(), plan.unchanged, report.verdict), (0, 3, Verdict::Complete));
    assert_eq!(contents(&*backed.store).await, after);

    // The one that opens goes: what is sealed without it can only be read back.
    let remove = RecipientChange::Remove(vec![backed.recipient.clone()]);
    let (_, report) = change(&backed, &backed.store, &remove).await.unwrap();
    assert!(report.verdict == Verdict::Complete && report.snapshots.iter().all(|one| !one.opened), "{report:?}");
    assert_eq!(opened_by(&backed.store, &backed.identities()).await, 0);
    assert_eq!(readable(&backed.store, &second.identities()).await.len(), 3);

    let last = RecipientChange::Remove(vec![second.recipient.clone()]);
    let (plan, report) = change(&backed, &backed.store, &last).await.unwrap();
    assert_eq!((plan.refused.len(), report.verdict), (3, Verdict::Failed));
    let back = RecipientChange::Replace { old: second.recipient.clone(), new: backed.recipient.clone() };
    let (plan, report) = change(&backed, &backed.store, &back).await.unwrap();
    assert_eq!((plan.snapshots.len(), report.verdict), (3, Verdict::Failed), "nobody here opens them");
    assert!(report.snapshots[0].reason.as_ref().unwrap().contains("no identity opens this"), "{report:?}");
    assert_eq!(readable(&backed.store, &second.identities()).await.len(), 3);
}

#[tokio::test]
async fn what_is_not_sealed_is_sealed_only_when_everything_is_to_be_so() {
    let mut backed = Backed::up().await;
    let second = Second::new();
    backed.store = Arc::new(InMemory::new());
    backed.back_up_to(&backed.store, "dev", 1, &[]).await;
    let add = RecipientChange::Add(vec![second.recipient.clone()]);
    let (plan, _) = change(&backed, &backed.store, &add).await.unwrap();
    assert_eq!((plan.snapshots.len(), plan.unchanged), (0, 1));
    let become_sealed = RecipientChange::Become(vec![backed.recipient.clone()]);
    let (plan, report) = change(&backed, &backed.store, &become_sealed).await.unwrap();
    assert_eq!((plan.snapshots[0].from.len(), report.verdict), (0, Verdict::Complete), "{report:?}");
    assert_eq!(opened_by(&backed.store, &second.identities()).await, 0);
    assert_eq!(readable(&backed.store, &backed.identities()).await.len(), 1);
    assert_eq!(contents(&*backed.store).await.keys().filter(|key| key.starts_with("keys/")).count(), 1);
}

/// Whatever call fails or answers wrongly: every snapshot stays readable by who could read it, what is called sealed is, the next run ends
/// it, and what went wrong is said. Which call of several snapshots' is the nth is not fixed. One alone makes the same calls each time, and
/// `shown` of them are those of which something has to be said.
#[rstest]
#[case(Effect::FailBefore, 15)]
#[case(Effect::FailAfter, 12)]
#[case(Effect::Denied, 14)]
#[case(Effect::Cut, 4)]
#[case(Effect::Flip, 3)]
#[tokio::test]
async fn sealing_again_that_fails_at_any_call_leaves_all_as_readable_as_it_was(
    #[case] effect: Effect,
    #[case] shown: usize,
) {
    disturbed(effect, &SnapshotFilter::default(), 3).await;
    let prod = SnapshotFilter { environment: Some("prod".into()), ..SnapshotFilter::default() };
    assert_eq!(disturbed(effect, &prod, 1).await, (15, shown));
}

/// Seals again with `effect` at each call in turn. How many calls there are, and of how many it is said that something is wrong.
async fn disturbed(effect: Effect, filter: &SnapshotFilter, snapshots: usize) -> (usize, usize) {
    let (backed, second) = (Backed::up().await, Second::new());
    let before = contents(&*backed.store).await;
    let add = RecipientChange::Add(vec![second.recipient.clone()]);
    let mut shown = 0;
    for nth in 0.. {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        for (key, bytes) in &before {
            store.put(&key.as_str().into(), bytes.clone().into()).await.unwrap();
        }
        let calls = Plan::new(nth, effect, "");
        let interrupted: Arc<dyn ObjectStore> = Arc::new(Interrupted::new(store.clone(), calls.clone()));
        let outcome = change_of(&backed, &interrupted, filter, &add).await;
        let case = format!("{effect:?} at call {nth}");
        assert_eq!(readable(&store, &backed.identities()).await.len(), 3, "{case}");
        let now = contents(&*store).await;
        assert!(before.iter().all(|(key, bytes)| now.get(key) == Some(bytes)), "{case}: nothing was replaced");
        let opened = opened_by(&store, &second.identities()).await;
        if let Ok((_, report)) = &outcome {
            let sealed = report.snapshots.iter().filter(|one| one.outcome == ResealOutcome::Sealed).count();
            assert!(sealed <= opened, "{case}: what is called sealed is: {report:?}");
        }
        change_of(&backed, &store, filter, &add).await.unwrap();
        assert_eq!(opened_by(&store, &second.identities()).await, snapshots, "{case}");
        let is_complete = matches!(&outcome, Ok((_, report)) if report.verdict == Verdict::Complete);
        let made = calls.made();
        let Some(call) = made.get(nth) else {
            assert!(is_complete, "{case}: nothing happened to it");
            return (nth, shown);
        };
        let planned = made[..nth].contains(&("list", "amendments".to_owned()));
        let there = match before.contains_key(&call.1) {
            true => "old",
            // Each snapshot's run stores the fingerprint key, and the first one's stays.
            false if call.0 == "put" && made[..nth].contains(call) => "taken",
            false => "new",
        };
        let kind = (call.0, kind_of(&call.1), if planned { "applying" } else { "planning" }, there);
        if let Some(shows) = is_shown(effect, kind) {
            assert_eq!(!is_complete, shows, "{case}, {call:?}: {:?}", outcome.as_ref().map(|(_, report)| report));
        }
        shown += usize::from(!is_complete);
    }
    unreachable!("a run has an end")
}

/// A call of sealing again: its name, the kind of object, when it comes, and whether the object was there before, or is by now.
type Kind = (&'static str, &'static str, &'static str, &'static str);

fn kind_of(key: &str) -> &'static str {
    match key.split('/').next().unwrap_or_default() {
        "parados.json" => "marker",
        "manifests" => "manifest",
        "amendments" => "amendment",
        "keys" => "key",
        _ => "document",
    }
}

/// Whether a run to which this happened says that something is wrong; none where that depends on what the bit was that is wrong.
fn is_shown(effect: Effect, kind: Kind) -> Option<bool> {
    match (effect, kind) {
        // Another snapshot's run stored the key just before, and it is that one's that counts.
        (_, ("get", "key", _, "new")) => Some(false),
        (Effect::FailBefore | Effect::FailAfter, ("put", "key", _, "taken")) => Some(false),
        (Effect::FailBefore, _) => Some(true),
        // An answer that was lost is looked up.
        (Effect::FailAfter, (call, ..)) => Some(call != "put"),
        // Whoever may not look whether the key is there writes it.
        (Effect::Denied, (call, of, ..)) => Some((call, of) != ("head", "key")),
        // What is planned by is read again, and checked, before it counts.
        (Effect::Cut | Effect::Flip, ("get", "marker", ..) | ("get", "manifest", "planning", _)) => None,
        (Effect::Cut | Effect::Flip, (call, of, ..)) => Some(call == "get" && ["manifest", "document"].contains(&of)),
        (Effect::KillBefore | Effect::KillMiddle | Effect::KillAfter, _) => unreachable!("nothing is killed here"),
    }
}

#[tokio::test]
async fn of_two_who_seal_again_at_once_one_is_told_and_a_damaged_document_is_not_sealed_anew() {
    let (backed, second) = (Backed::up().await, Second::new());
    let context = context(&backed, &backed.store, &[&backed.identity]).await.unwrap();
    let add = RecipientChange::Add(vec![second.recipient.clone()]);
    let plan = plan(&context.repository, &SnapshotFilter::default(), &add).await.unwrap();
    assert_eq!(apply(&context, &plan, &NoObserver).await.verdict, Verdict::Complete);
    let late = apply(&context, &plan, &NoObserver).await;
    assert_eq!(late.verdict, Verdict::Failed);
    assert!(late.snapshots[0].reason.as_ref().unwrap().contains("meanwhile"), "{late:?}");

    let document = open(&backed.store).await;
    let entries = document.snapshots(&SnapshotFilter::default()).await.unwrap().entries;
    let key = document.document(&entries[0].summary).await.unwrap().object.key;
    let mut bytes = backed.store.get(&key.as_str().into()).await.unwrap().bytes().await.unwrap().to_vec();
    *bytes.last_mut().unwrap() ^= 1;
    backed.store.put(&key.as_str().into(), bytes.into()).await.unwrap();
    let remove = RecipientChange::Remove(vec![second.recipient.clone()]);
    let (_, report) = change(&backed, &backed.store, &remove).await.unwrap();
    assert_eq!(report.verdict, Verdict::Partial);
    assert!(report.snapshots[0].reason.as_ref().unwrap().contains("could not be read"), "{report:?}");
}

/// A copy has the object that counts now, and not the one that it replaced: that may be sealed to a key that was lost.
#[tokio::test]
async fn a_copy_of_what_was_sealed_again_opens_for_those_who_are_meant_and_for_nobody_else() {
    let (backed, second) = (Backed::up().await, Second::new());
    let there: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
    let brought = async || {
        let source = open(&backed.store).await;
        let copied = Arc::new(source.open_copy(objects(there.clone())).await.unwrap());
        copy(&source, &copied, &CopyRequest::default(), &NoObserver).await.unwrap()
    };
    assert_eq!(brought().await.verdict, Verdict::Complete);
    backed.back_up(&backed.store, "dev", 4).await;
    let rotate = RecipientChange::Replace { old: backed.recipient.clone(), new: second.recipient.clone() };
    assert_eq!(change(&backed, &backed.store, &rotate).await.unwrap().1.verdict, Verdict::Complete);
    let report = brought().await;
    assert_eq!((report.verdict, report.copied), (Verdict::Complete, 1), "{report:?}");
    assert_eq!(readable(&there, &second.identities()).await.len(), 4);
    let fourth = open(&there).await.snapshots(&SnapshotFilter::default()).await.unwrap().entries.remove(3);
    assert!(there.head(&fourth.summary.document.key.as_str().into()).await.is_err(), "it stays behind");
    assert_eq!(brought().await.bytes, 0);
}

/// age, zstd and jq open what was sealed again; ssh-keygen accepts the amendment that says so, and not a changed one.
#[tokio::test]
async fn stock_tools_open_what_was_sealed_again_and_check_its_amendment() {
    let (backed, second) = (Backed::up().await, Second::new());
    let (ssh, public) = ssh_identity(second.folder.path(), "ed25519", "");
    let folder = tempfile::tempdir().unwrap();
    let store: Arc<dyn ObjectStore> = Arc::new(LocalFileSystem::new_with_prefix(folder.path()).unwrap());
    for (key, bytes) in contents(&*backed.store).await {
        store.put(&key.into(), bytes.into()).await.unwrap();
    }
    let to = vec![second.recipient.clone(), public.parse().unwrap()];
    let (_, report) = change(&backed, &store, &RecipientChange::Become(to)).await.unwrap();
    assert_eq!(report.verdict, Verdict::Complete, "{report:?}");
    let sealed = folder.path().join(report.snapshots[2].key.as_ref().unwrap());
    for identity in [&second.identity, &ssh] {
        let opened = second.folder.path().join("opened.json.zst");
        run(testkit::tool("age").arg("-d").arg("-i").arg(identity).arg("-o").arg(&opened).arg(&sealed));
        run(testkit::tool("zstd").args(["-q", "-f", "-d"]).arg(&opened));
        let said = run(testkit::tool("jq").args(["-r", ".parameters[0].Value"]).arg(opened.with_extension("")));
        assert_eq!(said.trim(), "canary");
    }

    let amendments = open(&store).await.amendments(&SnapshotFilter::default()).await.unwrap();
    let text = fs::read_to_string(folder.path().join(&amendments.entries[0].0)).unwrap();
    let (line, signature) = text.split_once('\n').unwrap();
    let file = |name: &str, content: &str| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let signers = file("allowed_signers", &format!("parados {}\n", signing_key().public_line()));
    let signature = file("line.sig", signature);
    let verify = |line: &str| {
        let line = file("line", line);
        let mut command = testkit::tool("ssh-keygen");
        command.args(["-Y", "verify", "-I", "parados", "-n", "parados-amendment", "-f"]).arg(&signers);
        command.arg("-s").arg(&signature).stdin(fs::File::open(line).unwrap()).output().unwrap().status.success()
    };
    assert!(verify(&format!("{line}\n")));
    assert!(!verify(&format!("{}\n", line.replacen("\"number\":1", "\"number\":2", 1))));
}

/// Runs a command to its end, which must be a success; what it printed.
fn run(command: &mut std::process::Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
