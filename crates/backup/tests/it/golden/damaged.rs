//! Damaged copies of the golden repositories, and what `verify` says of each: a kind of finding for each kind of damage.
//!
//! Each is checked on a machine that has seen the whole repository before, and trusts the key that signed it.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use object_store::ObjectStore;
use parados_backup::document::{Digest, DocumentHeader, Encoder};
use parados_backup::event::NoObserver;
use parados_backup::field::FieldFingerprints;
use parados_backup::manifest::{Manifest, ManifestDraft, Previous, SnapshotId};
use parados_backup::pin::Pins;
use parados_backup::repository::{Completion, Objects, RemovalDraft, Repository, SnapshotFilter};
use parados_backup::reseal::{self, RecipientChange, ResealContext};
use parados_backup::seal::{Identities, Sealer};
use parados_backup::signature::SigningKey;
use parados_backup::trust::TrustedSigners;
use parados_backup::verdict::Verdict;
use parados_backup::verify::{FindingKind, Scope, VerifyContext, VerifyReport, VerifyRequest, verify};
use parados_parameter::clock::ManualClock;
use parados_parameter::{Clock as _, ParameterName, Version};
use rstest::rstest;

use super::{in_memory, load, v1, v1_fields};
use crate::interrupted::{Effect, Interrupted, Plan};
use crate::seal::identity;
use crate::shop::{Contents, REPOSITORY, chain, open, signing_key};

const DEV: &str = "manifests/shop/dev/123456789012/eu-west-1";
const FIRST: &str = "manifests/shop/dev/123456789012/eu-west-1/0000000001.manifest";
const SECOND: &str = "manifests/shop/dev/123456789012/eu-west-1/0000000002.manifest";
const PROD: &str = "manifests/shop/prod/000000000000/embedded/0000000001.manifest";
const SECOND_AMENDMENTS: &str = "amendments/shop/dev/123456789012/eu-west-1/0000000002";
const FIRST_DOCUMENT: &str = "2025-10-15/ssm-backup-dev-20251015_130000.json.zst.age";
const SECOND_DOCUMENT: &str = "2025-10-15/ssm-backup-dev-20251015_140000.json.zst.age";
const UNSEALED_DOCUMENT: &str = "2025-10-15/ssm-backup-dev-20251015_140000.json";

fn flip(contents: &mut Contents, key: &str, at: impl FnOnce(&[u8]) -> usize) {
    let mut bytes = contents[key].to_vec();
    let at = at(&bytes);
    bytes[at] ^= 1;
    contents.insert(key.into(), bytes.into());
}

fn cut(contents: &mut Contents, key: &str) {
    let half = contents[key].slice(..contents[key].len() / 2);
    contents.insert(key.into(), half);
}

fn swap(contents: &mut Contents, one: &str, other: &str) {
    let (first, second) = (contents[one].clone(), contents[other].clone());
    contents.insert(one.into(), second);
    contents.insert(other.into(), first);
}

fn edit(contents: &mut Contents, key: &str, from: &str, to: &str) {
    let text = std::str::from_utf8(&contents[key]).unwrap();
    assert!(text.contains(from));
    contents.insert(key.into(), text.replacen(from, to, 1).into_bytes().into());
}

/// Where a text begins in some bytes.
fn at(text: &str) -> impl FnOnce(&[u8]) -> usize {
    move |bytes| bytes.windows(text.len()).position(|window| window == text.as_bytes()).unwrap()
}

/// What a manifest says, to say it again.
fn draft_of(Manifest { summary, parameters }: Manifest) -> ManifestDraft {
    ManifestDraft {
        id: summary.id,
        target: summary.target,
        purpose: summary.purpose,
        tool: summary.tool,
        started_at: summary.started_at,
        finished_at: summary.finished_at,
        verdict: summary.verdict,
        counts: summary.counts,
        document: summary.document,
        recipients: summary.recipients,
        fingerprint_key: summary.fingerprint_key,
        selector: summary.selector,
        with_history: summary.with_history,
        with_labels: summary.with_labels,
        missing: summary.missing,
        parameters,
    }
}

/// A manifest at the second place that says what the first one says, signed with `key`.
fn forge(contents: &mut Contents, key: &SigningKey) {
    let manifest = Manifest::parse(&contents[FIRST]).unwrap();
    let first = manifest.summary.id;
    let draft = ManifestDraft { id: SnapshotId::from_bytes([0x66; 8]), ..draft_of(manifest) };
    let previous = Previous { id: Some(first), digest: Digest::of(&contents[FIRST]) };
    let forged = draft.encode().unwrap().place(2, Some(previous), key).unwrap();
    contents.insert(SECOND.into(), forged.chunks.concat().into());
}

/// Everything that a check says of a repository, a line each, on a machine that has seen `seen` before.
async fn said_of(contents: &Contents, seen: &Contents) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let pins = Pins::in_folder(folder.path());
    let before = check(seen, &pins).await.unwrap();
    assert!(before.is_clean(), "{before:?}");
    let report = match check(contents, &pins).await {
        Ok(report) => report,
        Err(refused) => return vec![refused],
    };
    let pins = folder.path().display().to_string();
    let findings = report.findings.iter().map(|finding| {
        let snapshot = finding.snapshot.as_ref().map(|id| format!(" (snapshot {id})")).unwrap_or_default();
        format!("{}: {}{snapshot}: {}", finding.kind, finding.object, finding.message)
    });
    let unchecked = report.unchecked.iter().map(|one| format!("unchecked: {}: {}", one.object, one.reason));
    let notes = report.notes.iter().map(|note| format!("note: {note}"));
    findings.chain(unchecked).chain(notes).map(|line: String| line.replace(&pins, "PINS")).collect()
}

async fn check(contents: &Contents, pins: &Pins) -> Result<VerifyReport, String> {
    check_store(in_memory(contents).await, pins, Scope::All).await
}

async fn check_store(store: Arc<dyn ObjectStore>, pins: &Pins, scope: Scope) -> Result<VerifyReport, String> {
    let objects = Objects::new(store, "REPOSITORY", Completion::Checked);
    let clock = Arc::new(ManualClock::at("2025-10-17T12:00:00Z".parse().unwrap()));
    let repository = match Repository::open(objects).await {
        Ok(repository) => repository.trusting(TrustedSigners::from_iter([signing_key().public_key()])),
        Err(error) => {
            return VerifyReport::of_unopened(&error, clock.now()).ok_or_else(|| format!("refused: {}", chain(&error)));
        }
    };
    let context = VerifyContext {
        repository: Arc::new(repository),
        trusted: TrustedSigners::from_iter([signing_key().public_key()]),
        signing_key: Some(signing_key()),
        identities: Identities::load(&[v1().join("identity_age")], None).unwrap(),
        pins: Some(pins.clone()),
        clock,
    };
    let request = VerifyRequest { read: true, scope, ..VerifyRequest::default() };
    verify(&context, &request, &NoObserver).await.map_err(|error| chain(&error))
}

type Damage = (&'static str, fn(&mut Contents));

const SEALED: [Damage; 34] = [
    ("none", |_| {}),
    ("flip: the format of the repository", |c| flip(c, "parados.json", at("format_version"))),
    ("flip: the id of the repository", |c| flip(c, "parados.json", at("11\","))),
    ("cut: the repository's marker", |c| cut(c, "parados.json")),
    ("newer: the repository", |c| edit(c, "parados.json", ":1,", ":2,")),
    ("flip: a manifest's first byte", |c| flip(c, SECOND, |_| 0)),
    ("flip: a manifest's summary", |c| flip(c, SECOND, at("parados 0.1.0"))),
    ("flip: a manifest's parameters", |c| flip(c, SECOND, at("/shop/dev/hosts"))),
    ("flip: a manifest's signature", |c| flip(c, SECOND, |bytes| bytes.len() - 60)),
    ("cut: a manifest", |c| cut(c, SECOND)),
    ("cut: a manifest's signature", |c| {
        let line = at("-----BEGIN")(&c[SECOND]);
        c.insert(SECOND.into(), c[SECOND].slice(..line));
    }),
    ("newer: a manifest", |c| edit(c, SECOND, "{\"format_version\":1,", "{\"format_version\":2,")),
    ("remove: the first manifest", |c| drop(c.remove(FIRST))),
    ("remove: the newest manifest", |c| drop(c.remove(SECOND))),
    ("replay: the first manifest in the second's place", |c| drop(c.insert(SECOND.into(), c[FIRST].clone()))),
    ("replay: a manifest of another target", |c| drop(c.insert(format!("{DEV}/0000000003.manifest"), c[PROD].clone()))),
    ("forge: a manifest, with another key", |c| forge(c, &SigningKey::from_seed(&[0x66; 32], "forger"))),
    ("forge: a manifest, with another key in the trusted one's name", |c| {
        forge(c, &SigningKey::from_seed(&[0x66; 32], ""));
        let forger = SigningKey::from_seed(&[0x66; 32], "").public_line();
        edit(c, SECOND, &forger, &signing_key().public_line());
    }),
    ("forge: a manifest whose signer was replaced", |c| {
        let forger = SigningKey::from_seed(&[0x66; 32], "").public_line();
        edit(c, SECOND, &signing_key().public_line(), &forger);
    }),
    ("flip: a manifest's signer", |c| flip(c, SECOND, |bytes| at("AAAAC3NzaC1lZDI1NTE5AAAAI")(bytes) + 40)),
    ("forge: a manifest in the trusted one's name, signed by another key", |c| {
        let line = std::str::from_utf8(&c[SECOND]).unwrap().lines().next().unwrap().to_owned() + "\n";
        let line = line.replace("\"verdict\":\"complete\"", "\"verdict\":\"complete\",\"x\":1");
        let armored =
            SigningKey::from_seed(&[0x66; 32], "").sign("parados-manifest", &Digest::of(line.as_bytes())).unwrap();
        c.insert(SECOND.into(), (line + &armored).into_bytes().into());
    }),
    ("forge: a document, sealed to the same recipient", |c| {
        let identities = Identities::load(&[v1().join("identity_age")], None).unwrap();
        let sealer = Sealer::new(identities.recipients().cloned(), None).unwrap();
        let header = DocumentHeader::new("dev", "2025-10-15T14:00:00Z".parse().unwrap());
        let mut encoder = Encoder::new(Vec::new(), &header, Some(&sealer)).unwrap();
        let (records, _) = open(&c[FIRST_DOCUMENT], true, &identities).unwrap();
        encoder.write(&records[0]).unwrap();
        c.insert(SECOND_DOCUMENT.into(), encoder.finish().unwrap().0.into());
    }),
    ("remove: the repository's marker", |c| drop(c.remove("parados.json"))),
    ("remove: a chain", |c| drop(c.remove(PROD))),
    ("swap: two manifests", |c| swap(c, FIRST, SECOND)),
    ("remove: the fingerprints' key", |c| {
        let key = c.keys().find(|key| key.starts_with("keys/")).unwrap().clone();
        c.remove(&key);
    }),
    ("cut: the fingerprints' key", |c| {
        let key = c.keys().find(|key| key.starts_with("keys/")).unwrap().clone();
        let whole = c[&key].clone();
        c.insert(key, whole.slice(..whole.len() - 10));
    }),
    ("flip: a document's header", |c| flip(c, SECOND_DOCUMENT, at("X25519"))),
    ("flip: a document's body", |c| flip(c, SECOND_DOCUMENT, |bytes| bytes.len() - 100)),
    ("cut: a document", |c| cut(c, SECOND_DOCUMENT)),
    ("remove: a document", |c| drop(c.remove(SECOND_DOCUMENT))),
    ("swap: two documents", |c| swap(c, FIRST_DOCUMENT, SECOND_DOCUMENT)),
    ("flip: the fingerprints' key", |c| {
        let key = c.keys().find(|key| key.starts_with("keys/")).unwrap().clone();
        flip(c, &key, |bytes| bytes.len() - 10);
    }),
    ("replay: latest.txt", |c| drop(c.insert("latest.txt".into(), format!("{FIRST_DOCUMENT}\n").into()))),
];

const UNSEALED: [Damage; 5] = [
    ("none", |_| {}),
    ("flip: a name in the document", |c| flip(c, UNSEALED_DOCUMENT, at("hosts"))),
    ("flip: a quote in the document", |c| flip(c, UNSEALED_DOCUMENT, at("\"Name\""))),
    ("cut: the document", |c| cut(c, UNSEALED_DOCUMENT)),
    ("edit: the document has another format", |c| {
        edit(c, UNSEALED_DOCUMENT, "\"format_version\":1", "\"format_version\":2");
    }),
];

async fn table(repository: &str, damages: &[Damage]) -> String {
    let whole = load(&v1().join(repository));
    let mut table = String::new();
    for (name, damage) in damages {
        let mut contents = whole.clone();
        damage(&mut contents);
        assert_eq!(*name == "none", contents == whole, "{name}");
        let said = said_of(&contents, &whole).await;
        table += &format!("{name}\n");
        said.iter().for_each(|line| table += &format!("    {line}\n"));
    }
    table.replace(v1().to_str().unwrap(), "V1")
}

#[tokio::test]
async fn what_verify_says_of_a_damaged_sealed_repository() {
    insta::assert_snapshot!(table("sealed", &SEALED).await);
}

#[tokio::test]
async fn what_verify_says_of_a_damaged_unsealed_repository() {
    insta::assert_snapshot!(table("unsealed", &UNSEALED).await);
}

/// Of a snapshot that is named the manifest is checked beside its document.
#[rstest]
#[case::all(Scope::All)]
#[case::the_one(Scope::Manifests([SECOND.to_owned()].into()))]
#[case::another(Scope::Manifests([FIRST.to_owned()].into()))]
#[tokio::test]
async fn a_manifest_that_is_signed_and_is_none_is_found_whichever_is_asked_for(
    #[case] scope: Scope,
    #[values("]}\n", ",{}]}\n", "],\"more\":1}\n")] end: &str,
) {
    let mut contents = load(&v1().join("sealed"));
    let text = std::str::from_utf8(&contents[SECOND]).unwrap();
    let line = text.lines().next().unwrap().strip_suffix("]}").unwrap().to_owned() + end;
    let armored = signing_key().sign("parados-manifest", &Digest::of(line.as_bytes())).unwrap();
    contents.insert(SECOND.into(), (line + &armored).into_bytes().into());
    let folder = tempfile::tempdir().unwrap();
    let report = check_store(in_memory(&contents).await, &Pins::in_folder(folder.path()), scope).await.unwrap();
    let found: Vec<_> = report.findings.iter().map(|finding| (finding.kind, finding.object.as_str())).collect();
    match end {
        "]}\n" => assert_eq!(found, []),
        _ => assert!(found.contains(&(FindingKind::Forged, SECOND)), "{report:?}"),
    }
    assert!(report.unchecked.is_empty(), "{report:?}");
}

/// Of a snapshot that is named the manifest is checked beside its document: what is wrong is said as where the manifest is checked first.
#[tokio::test]
async fn of_a_named_snapshot_the_same_is_said_as_of_all() {
    let whole = load(&v1().join("sealed"));
    let mut named = 0;
    for (name, damage) in SEALED {
        let mut contents = whole.clone();
        damage(&mut contents);
        let mut said = Vec::new();
        for scope in [Scope::All, Scope::Manifests([SECOND.to_owned()].into())] {
            let folder = tempfile::tempdir().unwrap();
            let pins = Pins::in_folder(folder.path());
            check(&whole, &pins).await.unwrap();
            let report = check_store(in_memory(&contents).await, &pins, scope).await;
            said.push(report.map(|report| {
                let is_asked_for = |object: &str| !object.ends_with(".age") || object == SECOND_DOCUMENT;
                let mut findings = report.findings;
                findings.retain(|finding| is_asked_for(&finding.object));
                findings
                    .iter_mut()
                    .for_each(|one| one.message = one.message.replace(pins.places_file().to_str().unwrap(), ""));
                named += usize::from(findings.iter().any(|finding| finding.object == SECOND));
                let mut unchecked = report.unchecked;
                unchecked.retain(|one| is_asked_for(&one.object));
                (findings, unchecked)
            }));
        }
        assert_eq!(said[0], said[1], "{name}");
    }
    assert!(named > 20, "{named}: most of the damage is to that manifest");
}

/// A repository that a machine has seen whole.
struct Seen {
    whole: Contents,
    folder: tempfile::TempDir,
}

impl Seen {
    async fn golden() -> Self {
        let seen = Self { whole: load(&v1_fields().join("sealed")), folder: tempfile::tempdir().unwrap() };
        assert!(check(&seen.whole, &seen.pins()).await.unwrap().is_clean());
        seen
    }

    fn pins(&self) -> Pins {
        Pins::in_folder(self.folder.path())
    }

    /// The kinds of finding of a copy that `damage` was done to. What is wrong changes nothing of what was seen.
    async fn kinds_of(&self, damage: impl FnOnce(&mut Contents)) -> Vec<FindingKind> {
        let mut contents = self.whole.clone();
        damage(&mut contents);
        let report = check(&contents, &self.pins()).await.unwrap();
        report.findings.iter().map(|finding| finding.kind).collect()
    }
}

/// What stands in the repository, but for `latest.txt`, which proves nothing.
fn objects(contents: &Contents) -> Vec<String> {
    contents.keys().filter(|key| *key != "latest.txt").cloned().collect()
}

#[tokio::test]
async fn every_object_is_noticed_when_it_is_flipped_anywhere() {
    let seen = Seen::golden().await;
    for key in objects(&seen.whole) {
        let length = seen.whole[&key].len();
        for at in (0..length).step_by(length / 17 + 1) {
            // Of the marker only the id is what the repository is: a flipped format is another one, and nothing holds its date.
            if key == "parados.json" && !(25..55).contains(&at) {
                continue;
            }
            let kinds = seen.kinds_of(|contents| flip(contents, &key, |_| at)).await;
            assert!(
                !kinds.is_empty() && kinds.iter().all(|kind| *kind == FindingKind::Changed),
                "{key} at {at}: {kinds:?}"
            );
        }
    }
}

#[tokio::test]
async fn every_object_is_noticed_when_it_is_cut_anywhere() {
    let seen = Seen::golden().await;
    for key in objects(&seen.whole) {
        let length = seen.whole[&key].len();
        for end in (0..length).step_by(length / 11 + 1).chain([length - 1]) {
            // Nothing but a line feed is missing then.
            if key == "parados.json" && end == length - 1 {
                continue;
            }
            let cut = seen.whole[&key].slice(..end);
            let kinds = seen.kinds_of(|contents| drop(contents.insert(key.clone(), cut))).await;
            assert_eq!(kinds, [FindingKind::Truncated], "{key} up to {end}");
        }
    }
}

#[tokio::test]
async fn every_object_is_noticed_when_it_is_gone() {
    let seen = Seen::golden().await;
    for key in objects(&seen.whole) {
        let kinds = seen.kinds_of(|contents| drop(contents.remove(&key))).await;
        // That the newest of a chain is gone shows by the older one, which is the newest now.
        let expected = if key == SECOND { FindingKind::Replayed } else { FindingKind::Removed };
        assert_eq!(kinds, [expected], "{key}");
    }
}

#[tokio::test]
async fn any_two_objects_of_a_kind_are_noticed_when_they_change_places() {
    let seen = Seen::golden().await;
    let keys = objects(&seen.whole);
    let kind_of = |key: &str| [".manifest", ".json.zst.age"].into_iter().find(|suffix| key.ends_with(suffix));
    let mut pairs = 0;
    for (one, other) in keys.iter().flat_map(|one| keys.iter().map(move |other| (one, other))) {
        if one < other && kind_of(one).is_some() && kind_of(one) == kind_of(other) {
            let kinds = seen.kinds_of(|contents| swap(contents, one, other)).await;
            assert_eq!(kinds, [FindingKind::Swapped; 2], "{one} and {other}");
            pairs += 1;
        }
    }
    assert_eq!(pairs, 6);
}

#[tokio::test]
async fn an_older_state_of_all_of_it_is_noticed_by_who_saw_the_newer_one() {
    let seen = Seen::golden().await;
    let kinds = seen.kinds_of(|contents| {
        contents.remove(SECOND);
        contents.remove(SECOND_DOCUMENT);
        contents.insert("latest.txt".into(), format!("{FIRST_DOCUMENT}\n").into());
    });
    assert_eq!(kinds.await, [FindingKind::Replayed]);
}

/// Whoever signs may say what is not so: the digests are right then, and only the content tells.
#[tokio::test]
async fn a_manifest_that_says_what_its_document_does_not_hold_is_noticed_by_reading() {
    type Lie = (fn(&mut Manifest), &'static str);
    let lies: [Lie; 6] = [
        (|manifest| manifest.parameters[0].version = Version::new(77).unwrap(), "version"),
        (|manifest| manifest.parameters[0].last_modified_date = Timestamp::UNIX_EPOCH, "date"),
        (|manifest| manifest.parameters[0].fingerprint = manifest.parameters[1].fingerprint, "value"),
        (|manifest| manifest.parameters[0].fields = Some(FieldFingerprints::from_bytes([1; 32])), "others than"),
        (|manifest| manifest.parameters[0].name = ParameterName::parse("/shop/dev/a").unwrap(), "and not"),
        (|manifest| manifest.summary.counts.versions += 1, "versions"),
    ];
    let whole = load(&v1_fields().join("sealed"));
    for (lie, expected) in lies {
        let mut contents = whole.clone();
        let mut manifest = Manifest::parse(&whole[PROD]).unwrap();
        lie(&mut manifest);
        let draft = draft_of(manifest);
        let signed = draft.encode().unwrap().place(1, None, &signing_key()).unwrap();
        contents.insert(PROD.into(), signed.chunks.concat().into());
        let folder = tempfile::tempdir().unwrap();
        let report = check(&contents, &Pins::in_folder(folder.path())).await.unwrap();
        let said: Vec<_> = report.findings.iter().map(|finding| finding.message.as_str()).collect();
        assert!(
            report.worst() == Some(FindingKind::Forged) && said.iter().any(|said| said.contains(expected)),
            "{report:?}"
        );
    }
}

/// The manifest of another id that says what the one at `of` says, put at a place of dev's chain after `previous`, signed by the key
/// that is trusted.
fn sign_anew(contents: &mut Contents, of: &str, id: u8, sequence: u64, previous: &str) -> String {
    let before = Manifest::parse(&contents[previous]).unwrap().summary.id;
    let previous = Previous { id: Some(before), digest: Digest::of(&contents[previous]) };
    let draft =
        ManifestDraft { id: SnapshotId::from_bytes([id; 8]), ..draft_of(Manifest::parse(&contents[of]).unwrap()) };
    let signed = draft.encode().unwrap().place(sequence, Some(previous), &signing_key()).unwrap();
    let key = format!("{DEV}/{sequence:010}.manifest");
    contents.insert(key.clone(), signed.chunks.concat().into());
    key
}

#[tokio::test]
async fn a_manifest_amid_a_chain_that_a_trusted_key_signed_anew_is_noticed() {
    let mut whole = load(&v1_fields().join("sealed"));
    let third = sign_anew(&mut whole, SECOND, 0x33, 3, SECOND);
    let folder = tempfile::tempdir().unwrap();
    let pins = Pins::in_folder(folder.path());
    let found = |contents: Contents, pins: Pins| async move {
        let report = check(&contents, &pins).await.unwrap();
        report.findings.into_iter().map(|finding| (finding.kind, finding.object)).collect::<Vec<_>>()
    };
    assert_eq!(found(whole.clone(), pins.clone()).await, []);

    // The next one names the one that was there, so that no pin is needed.
    let mut replaced = whole.clone();
    sign_anew(&mut replaced, SECOND, 0x77, 2, FIRST);
    let new = tempfile::tempdir().unwrap();
    for pins in [pins.clone(), Pins::in_folder(new.path())] {
        assert_eq!(found(replaced.clone(), pins).await, [(FindingKind::Replayed, SECOND.to_owned())]);
    }
    // With all that follow signed anew the chain is whole, and only who saw it before knows.
    sign_anew(&mut replaced, SECOND, 0x33, 3, SECOND);
    assert_eq!(found(replaced.clone(), pins).await, [(FindingKind::Replayed, third)]);
    assert_eq!(found(replaced, Pins::in_folder(new.path())).await, []);
}

/// What could not be read is neither right nor wrong.
#[rstest]
#[tokio::test]
async fn a_call_that_fails_is_no_damage_and_no_proof_either(
    #[values(Effect::FailBefore, Effect::FailAfter, Effect::Denied)] effect: Effect,
) {
    let whole = load(&v1_fields().join("sealed"));
    let (mut refused, mut unchecked) = (0, 0);
    for nth in 0.. {
        let folder = tempfile::tempdir().unwrap();
        let pins = Pins::in_folder(folder.path());
        let plan = Plan::new(nth, effect, "");
        let store = Interrupted::new(in_memory(&whole).await, plan.clone());
        match check_store(Arc::new(store), &pins, Scope::All).await {
            Err(_) => refused += 1,
            Ok(report) => {
                assert!(report.findings.is_empty(), "{effect:?} of call {nth}: {report:?}");
                unchecked += usize::from(!report.unchecked.is_empty());
                let seen = pins.all(&hex::encode(REPOSITORY)).unwrap();
                assert_eq!(
                    seen.is_empty(),
                    !report.unchecked.is_empty(),
                    "call {nth}: only what was checked is pinned"
                );
            }
        }
        if plan.calls().len() <= nth {
            break;
        }
    }
    // The marker and the list of manifests; and then each manifest, amendments, keys and data objects.
    assert!(refused == 2 && unchecked >= 8, "{refused} and {unchecked}");
}

/// A repository whose first snapshot of dev was removed on purpose.
async fn pruned(whole: &Contents) -> Contents {
    let store = in_memory(whole).await;
    let objects = Objects::new(store.clone(), "REPOSITORY", Completion::Checked);
    let repository = Repository::open(objects).await.unwrap();
    let at: Timestamp = "2025-10-17T12:00:00Z".parse().unwrap();
    let draft = RemovalDraft { reason: "old".into(), marked_at: at, removed_at: at, tool: "parados 0.1.0".into() };
    let first = repository.read_manifest(FIRST).await.unwrap();
    let removal = repository.begin_removal(&first, draft, &signing_key()).await.unwrap();
    repository.finish_removal(&removal, &BTreeSet::new()).await.unwrap();
    crate::shop::contents(&*store).await
}

#[tokio::test]
async fn what_was_removed_on_purpose_is_not_missed_and_its_record_is_checked() {
    let seen = Seen::golden().await;
    let pruned = pruned(&seen.whole).await;
    let record = pruned.keys().find(|key| key.starts_with("removed/")).unwrap().clone();
    assert!(!pruned.contains_key(FIRST) && !pruned.contains_key(FIRST_DOCUMENT));
    let kinds = |change: fn(&mut Contents, &str)| {
        let (mut contents, record) = (pruned.clone(), record.clone());
        change(&mut contents, &record);
        let seen = &seen;
        async move { seen.kinds_of(|whole| *whole = contents).await }
    };
    assert_eq!(kinds(|_, _| {}).await, []);
    assert_eq!(kinds(|c, record| drop(c.remove(record))).await, [FindingKind::Removed]);
    assert_eq!(kinds(cut).await, [FindingKind::Removed, FindingKind::Truncated]);
    assert_eq!(
        kinds(|c, record| flip(c, record, at("parados 0.1.0"))).await,
        [FindingKind::Removed, FindingKind::Changed]
    );
    assert_eq!(
        kinds(|c, record| sign_as_another(c, record, "parados-removed")).await,
        [FindingKind::Forged, FindingKind::Removed]
    );
    let replaced = kinds(|c, record| {
        let forger = SigningKey::from_seed(&[0x66; 32], "").public_line();
        edit(c, record, &signing_key().public_line(), &forger);
    });
    assert_eq!(replaced.await, [FindingKind::Forged, FindingKind::Removed]);
    // A record of another manifest hides nothing.
    let forged = kinds(|c, record| {
        let line = std::str::from_utf8(&c[record]).unwrap().lines().next().unwrap().to_owned() + "\n";
        let digest = &line[line.find("sha256:").unwrap()..][..71];
        let line = line.replace(digest, &Digest::of(b"another").to_string());
        let armored = signing_key().sign("parados-removed", &Digest::of(line.as_bytes())).unwrap();
        c.insert(record.into(), (line + &armored).into_bytes().into());
    });
    assert_eq!(forged.await, [FindingKind::Forged]);
}

/// A repository whose snapshots were sealed again to one more key, and then to another one more.
async fn resealed(whole: &Contents) -> Contents {
    let store = in_memory(whole).await;
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "two"] {
        let objects = Objects::new(store.clone(), "REPOSITORY", Completion::Checked);
        let context = ResealContext {
            repository: Arc::new(Repository::open(objects).await.unwrap()),
            identities: Identities::load(&[v1().join("identity_age")], None).unwrap(),
            key_management: None,
            signing_key: signing_key(),
            clock: Arc::new(ManualClock::at("2025-10-17T11:00:00Z".parse().unwrap())),
            tool: "parados 0.1.0".into(),
        };
        let more = RecipientChange::Add(vec![identity(folder.path(), name).1]);
        let plan = reseal::plan(&context.repository, &SnapshotFilter::default(), &more).await.unwrap();
        let report = reseal::apply(&context, &plan, &NoObserver).await;
        assert_eq!(report.verdict, Verdict::Complete, "{report:?}");
    }
    crate::shop::contents(&*store).await
}

/// A signed line in the name of another key, and signed by it.
fn sign_as_another(contents: &mut Contents, key: &str, namespace: &str) {
    let forger = SigningKey::from_seed(&[0x66; 32], "");
    edit(contents, key, &signing_key().public_line(), &forger.public_line());
    let line = std::str::from_utf8(&contents[key]).unwrap().lines().next().unwrap().to_owned() + "\n";
    let armored = forger.sign(namespace, &Digest::of(line.as_bytes())).unwrap();
    contents.insert(key.into(), (line + &armored).into_bytes().into());
}

#[tokio::test]
async fn what_says_that_a_snapshot_was_sealed_again_is_checked_and_so_is_what_it_names() {
    let seen = Seen::golden().await;
    let resealed = resealed(&seen.whole).await;
    let (first, last) = (format!("{SECOND_AMENDMENTS}.0001.amendment"), format!("{SECOND_AMENDMENTS}.0002.amendment"));
    let line = std::str::from_utf8(&resealed[&last]).unwrap().lines().next().unwrap();
    let amendment: serde_json::Value = serde_json::from_str(line).unwrap();
    let document = amendment["document"]["key"].as_str().unwrap();
    assert!(document != SECOND_DOCUMENT && resealed.contains_key(document));
    let found = |change: &dyn Fn(&mut Contents)| {
        let mut contents = resealed.clone();
        change(&mut contents);
        let seen = &seen;
        async move { seen.kinds_of(|whole| *whole = contents).await }
    };
    assert_eq!(found(&|_| {}).await, []);
    let other = last.replacen("0000000002", "0000000001", 1);
    let forger = SigningKey::from_seed(&[0x66; 32], "").public_line();
    type Change<'a> = (&'a str, FindingKind, &'a dyn Fn(&mut Contents));
    let changes: [Change<'_>; 9] = [
        ("flipped", FindingKind::Changed, &|c| flip(c, &last, at("parados 0.1.0"))),
        ("cut", FindingKind::Truncated, &|c| cut(c, &last)),
        ("the one before gone", FindingKind::Removed, &|c| drop(c.remove(&first))),
        ("of another snapshot", FindingKind::Replayed, &|c| drop(c.insert(last.clone(), c[&other].clone()))),
        ("the one before again", FindingKind::Replayed, &|c| drop(c.insert(last.clone(), c[&first].clone()))),
        ("signed by another key", FindingKind::Forged, &|c| sign_as_another(c, &last, "parados-amendment")),
        ("its signer replaced", FindingKind::Forged, &|c| edit(c, &last, &signing_key().public_line(), &forger)),
        ("its object flipped", FindingKind::Changed, &|c| flip(c, document, |bytes| bytes.len() - 100)),
        ("its object gone", FindingKind::Removed, &|c| drop(c.remove(document))),
    ];
    for (name, kind, change) in changes {
        assert_eq!(found(change).await, [kind], "{name}");
    }
    // The newest is missed by what it replaced, once that is gone too.
    assert_eq!(found(&|c| drop(c.remove(&last))).await, []);
    let gone = found(&|c| {
        [first.as_str(), &last, SECOND_DOCUMENT].into_iter().for_each(|key| drop(c.remove(key)));
    });
    assert_eq!(gone.await, [FindingKind::Removed]);
}
