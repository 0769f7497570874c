//! What is said of repositories in which something is old, partial, damaged, foreign or not there.

use std::collections::BTreeSet;
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStoreExt as _, PutPayload};
use rstest::rstest;

use super::*;
use crate::manifest::tests::{draft, key, target};
use crate::report::{Missing, MissingPart};
use crate::repository::{Completion, Objects, RemovalDraft};
use crate::signature::SigningKey;

/// Hours since the first snapshot.
fn hour(hour: i64) -> Timestamp {
    "2025-10-15T12:00:00Z".parse::<Timestamp>().unwrap() + SignedDuration::from_hours(hour)
}

fn request(at: i64) -> StatusRequest {
    StatusRequest {
        at: hour(at),
        max_age: SignedDuration::from_hours(26),
        every: SignedDuration::from_hours(26),
        look_back: SignedDuration::from_hours(30 * 24),
        accept_partial: false,
        gaps_count: false,
        trusted: TrustedSigners::default(),
        filter: SnapshotFilter::default(),
        expected: None,
    }
}

/// A repository and what it stands in.
struct Scene {
    store: Arc<InMemory>,
    repository: Repository,
    next: u8,
}

impl Scene {
    async fn new() -> Self {
        let store = Arc::new(InMemory::new());
        let objects = Objects::new(store.clone(), "memory://", Completion::Checked);
        Self { store, repository: Repository::open_or_init(objects, [7; 16], hour(0)).await.unwrap(), next: 1 }
    }

    /// Commits a snapshot that was begun at this hour, after `change`. The keys of its manifest and its data object.
    async fn snapshot(
        &mut self,
        at: i64,
        key: &SigningKey,
        change: impl FnOnce(&mut crate::manifest::ManifestDraft),
    ) -> (String, Path) {
        let mut draft = draft(self.next);
        (draft.started_at, draft.finished_at) = (hour(at), hour(at) + SignedDuration::from_secs(9));
        draft.document.key = format!("2025-10-15/{}.json.zst.age", self.next);
        self.next += 1;
        change(&mut draft);
        let data = Path::from(draft.document.key.as_str());
        let bytes = vec![0; usize::try_from(draft.document.size).unwrap()];
        self.store.put(&data, PutPayload::from(bytes)).await.unwrap();
        (self.repository.commit(draft, key).await.unwrap().key, data)
    }

    async fn report(&self, request: &StatusRequest) -> StatusReport {
        status(&self.repository, request).await.unwrap()
    }

    async fn only(&self, request: &StatusRequest) -> TargetStatus {
        let report = self.report(request).await;
        assert_eq!(report.verdict == StatusVerdict::Stale, report.targets[0].state.is_stale());
        assert_eq!(report.targets.len(), 1, "{report:?}");
        report.targets.into_iter().next().unwrap()
    }
}

fn kinds(target: &TargetStatus) -> Vec<ProblemKind> {
    target.problems.iter().map(|problem| problem.kind).collect()
}

fn partial(draft: &mut crate::manifest::ManifestDraft) {
    draft.verdict = Verdict::Partial;
    draft.counts.missing = 1;
    let name = "/dev/c".parse().unwrap();
    draft.missing = vec![Missing { name, what: MissingPart::Value, reason: "denied".into() }];
}

#[rstest]
#[case(24, TargetState::Current)]
#[case(50, TargetState::Current)]
#[case(51, TargetState::Stale)]
#[tokio::test]
async fn a_target_is_stale_when_its_newest_snapshot_is_too_old(#[case] now: i64, #[case] expected: TargetState) {
    let mut scene = Scene::new().await;
    for at in [0, 24] {
        scene.snapshot(at, &key(), |_| {}).await;
    }
    let target = scene.only(&request(now)).await;
    assert_eq!(target.state, expected);
    let newest = target.newest.unwrap();
    assert_eq!((newest.sequence, newest.started_at, newest.seconds), (2, hour(24), Some(9.0)));
    assert_eq!(newest.age_seconds, (now - 24) * 3600);
    assert_eq!((target.snapshot_count, target.gaps.len()), (2, 0));
}

#[tokio::test]
async fn a_partial_snapshot_is_good_only_where_that_is_accepted() {
    let mut scene = Scene::new().await;
    scene.snapshot(0, &key(), |_| {}).await;
    scene.snapshot(10, &key(), partial).await;
    scene.snapshot(20, &key(), partial).await;
    let target = scene.only(&request(25)).await;
    assert_eq!((target.state, target.newest.as_ref().unwrap().sequence), (TargetState::Current, 1));
    assert_eq!(kinds(&target), [ProblemKind::Partial], "the newest says it for all");
    assert!(target.problems[0].manifest.ends_with("0000000003.manifest"), "{target:?}");
    assert_eq!(scene.only(&request(30)).await.state, TargetState::Stale);
    let accepted = scene.only(&StatusRequest { accept_partial: true, ..request(30) }).await;
    assert_eq!((accepted.state, accepted.newest.unwrap().sequence), (TargetState::Current, 3));
}

/// What happens to the newest snapshot.
#[derive(Clone, Copy, Debug)]
enum Damage {
    Flip,
    Cut,
    Remove,
    Shorten,
}

#[rstest]
#[case(Damage::Flip, ProblemKind::Damaged)]
#[case(Damage::Cut, ProblemKind::Damaged)]
#[case(Damage::Remove, ProblemKind::DocumentMissing)]
#[case(Damage::Shorten, ProblemKind::DocumentDiffers)]
#[tokio::test]
async fn what_is_wrong_with_the_newest_is_named_and_the_one_before_it_is_the_newest_good_one(
    #[case] damage: Damage,
    #[case] expected: ProblemKind,
) {
    let mut scene = Scene::new().await;
    scene.snapshot(0, &key(), |_| {}).await;
    let (manifest, data) = scene.snapshot(1, &key(), |_| {}).await;
    let manifest = Path::from(manifest);
    let bytes = scene.store.get(&manifest).await.unwrap().bytes().await.unwrap();
    let mut flipped = bytes.to_vec();
    // In the signature, which a listing does not read.
    let last = flipped.len() - 60;
    flipped[last] ^= 1;
    match damage {
        Damage::Flip => drop(scene.store.put(&manifest, flipped.into()).await.unwrap()),
        Damage::Cut => drop(scene.store.put(&manifest, bytes.slice(..200).into()).await.unwrap()),
        Damage::Remove => scene.store.delete(&data).await.unwrap(),
        Damage::Shorten => drop(scene.store.put(&data, PutPayload::from_static(b"short")).await.unwrap()),
    }
    let target = scene.only(&request(2)).await;
    assert_eq!((target.state, kinds(&target)), (TargetState::Stale, vec![expected]));
    assert_eq!(target.newest.unwrap().sequence, 1);
}

#[tokio::test]
async fn a_snapshot_of_somebody_who_is_not_trusted_or_from_the_future_is_not_good() {
    let mut scene = Scene::new().await;
    scene.snapshot(0, &key(), |_| {}).await;
    scene.snapshot(1, &SigningKey::from_seed(&[2; 32], "mallory"), |_| {}).await;
    assert_eq!(scene.only(&request(2)).await.state, TargetState::Current, "nobody said whom to trust");
    let mut ours = TrustedSigners::default();
    ours.extend(TrustedSigners::parse(&key().public_line()).unwrap());
    let target = scene.only(&StatusRequest { trusted: ours, ..request(2) }).await;
    assert_eq!((target.state, kinds(&target)), (TargetState::Stale, vec![ProblemKind::NotTrusted]));
    assert_eq!(target.newest.unwrap().sequence, 1);

    let target = scene.only(&request(0)).await;
    assert_eq!((target.state, kinds(&target)), (TargetState::Stale, vec![ProblemKind::FromTheFuture]));
}

#[tokio::test]
async fn gaps_are_named_and_count_where_that_is_asked() {
    let mut scene = Scene::new().await;
    for at in [0, 24, 96, 120] {
        scene.snapshot(at, &key(), |_| {}).await;
    }
    let target = scene.only(&request(121)).await;
    assert_eq!(target.gaps, [Gap { after: hour(24), until: hour(96), seconds: 72 * 3600 }]);
    assert_eq!(target.state, TargetState::Current);
    assert_eq!(scene.only(&StatusRequest { gaps_count: true, ..request(121) }).await.state, TargetState::Stale);
    let look_back = SignedDuration::from_hours(20);
    let target = scene.only(&StatusRequest { gaps_count: true, look_back, ..request(121) }).await;
    assert_eq!((target.gaps.len(), target.state), (0, TargetState::Current), "what is long over is not looked back at");
}

#[tokio::test]
async fn a_snapshot_that_was_removed_on_purpose_leaves_no_gap() {
    let mut scene = Scene::new().await;
    let mut manifests = Vec::new();
    for at in [0, 24, 48] {
        manifests.push(scene.snapshot(at, &key(), |_| {}).await.0);
    }
    let read = scene.repository.read_manifest(&manifests[1]).await.unwrap();
    let (marked_at, removed_at) = (hour(49), hour(49));
    let draft = RemovalDraft { reason: "kept long enough".into(), marked_at, removed_at, tool: "parados".into() };
    let removal = scene.repository.begin_removal(&read, draft, &key()).await.unwrap();
    scene.repository.finish_removal(&removal, &BTreeSet::new()).await.unwrap();
    let target = scene.only(&request(50)).await;
    assert_eq!((target.snapshot_count, target.gaps.len(), target.state), (2, 0, TargetState::Current));
    scene.store.delete(&Path::from("removed/jenkins/dev/123456789012/eu-west-1/0000000002.removed")).await.unwrap();
    assert_eq!(scene.only(&request(50)).await.gaps.len(), 1, "without its record it is one");
}

#[tokio::test]
async fn what_is_expected_and_not_there_is_named_and_what_is_not_expected_is_not_judged() {
    let mut scene = Scene::new().await;
    scene.snapshot(0, &key(), |_| {}).await;
    scene.snapshot(0, &key(), |draft| draft.target.environment = "old".into()).await;
    scene.snapshot(99, &key(), |draft| draft.target.region = "us-east-1".into()).await;
    scene
        .snapshot(99, &key(), |draft| {
            draft.target.environment = "dev.undo".into();
            draft.purpose = Some(Purpose::Undo);
        })
        .await;
    let expect = |environment: &str, region: Option<&str>| ExpectedTarget {
        project: "jenkins".into(),
        environment: environment.into(),
        account: Some(target().account),
        region: region.map(ToOwned::to_owned),
    };
    let expected = vec![expect("dev", Some("us-east-1")), expect("dev", Some("eu-west-3")), expect("prod", None)];
    let report = scene.report(&StatusRequest { expected: Some(expected), ..request(100) }).await;
    let states: Vec<_> = report.targets.iter().map(|target| (target.to_string(), target.state)).collect();
    let states: Vec<_> = states.iter().map(|(name, state)| (name.as_str(), *state)).collect();
    assert_eq!(
        states,
        [
            ("jenkins/dev in 123456789012/eu-west-1", TargetState::NotExpected),
            ("jenkins/dev in 123456789012/eu-west-3", TargetState::Missing),
            ("jenkins/dev in 123456789012/us-east-1", TargetState::Current),
            ("jenkins/old in 123456789012/eu-west-1", TargetState::NotExpected),
            ("jenkins/prod in 123456789012/?", TargetState::Missing),
        ]
    );
    assert_eq!(report.verdict, StatusVerdict::Stale);
    let wide = StatusRequest { expected: Some(vec![expect("dev", None)]), ..request(100) };
    let states: Vec<_> = scene.report(&wide).await.targets.iter().map(|target| target.state).collect();
    assert_eq!(states, [TargetState::Stale, TargetState::Current, TargetState::NotExpected], "what fits is judged");

    let nothing = StatusReport::of_nothing("file:///x", &wide);
    assert_eq!(StatusReport::of_nothing("file:///x", &request(0)).verdict, StatusVerdict::Stale, "nothing at all");
    assert_eq!((nothing.verdict, nothing.targets[0].state), (StatusVerdict::Stale, TargetState::Missing));
}

#[tokio::test]
async fn a_target_of_which_nothing_can_be_read_is_there_all_the_same() {
    let mut scene = Scene::new().await;
    let (manifest, _) = scene.snapshot(0, &key(), |_| {}).await;
    scene.store.put(&Path::from(manifest), PutPayload::from_static(b"")).await.unwrap();
    let found = scene.only(&request(1)).await;
    assert_eq!(found.to_string(), "jenkins/dev in 123456789012/eu-west-1");
    assert_eq!((found.state, kinds(&found)), (TargetState::Missing, vec![ProblemKind::Damaged]));
}
