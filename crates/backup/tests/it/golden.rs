//! Golden repositories: one for every released format version, kept for ever, in `tests/fixtures/golden/`.
//!
//! They are read here as they stand. What reading says of damaged copies is in [`damaged`]; how one was made in [`write`].

mod damaged;
mod expected;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use object_store::memory::InMemory;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parados_backup::backup::backup;
use parados_backup::document::{Digest, ParameterRecord};
use parados_backup::event::NoObserver;
use parados_backup::field::FieldFingerprints;
use parados_backup::fingerprint::FingerprintKey;
use parados_backup::manifest::Previous;
use parados_backup::repository::{Completion, Objects, OpenOptions, Repository, RepositoryUrl, SnapshotFilter};
use parados_backup::seal::{Identities, Recipient};
use parados_backup::signature;
use parados_backup::snapshot_reference::SnapshotReference;
use parados_backup::verdict::Verdict;
use parados_parameter::ParameterMetadata;
use rstest::rstest;

use crate::shop::{Contents, contents, open, request, signing_key};

/// The folder of format version 1, as it was first written: without fingerprints of fields.
fn v1() -> PathBuf {
    golden("v1")
}

/// The folder of format version 1 whose manifests have fingerprints of fields.
fn v1_fields() -> PathBuf {
    golden("v1-fields")
}

fn golden(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden").join(folder)
}

fn objects(folder: &Path) -> Objects {
    RepositoryUrl::Folder(folder.to_owned()).open(&OpenOptions::default()).unwrap()
}

/// The public halves of the two identities that the sealed repository is sealed to.
fn recipients(folder: &Path) -> Vec<Recipient> {
    let files = [folder.join("identity_age"), folder.join("identity_ssh")];
    Identities::load(&files, None).unwrap().recipients().cloned().collect()
}

/// A copy of a repository's objects.
fn load(folder: &Path) -> Contents {
    let mut found = Contents::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => {
                    let key = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                    found.insert(key, std::fs::read(path).unwrap().into());
                }
            }
        }
    }
    found
}

async fn in_memory(contents: &Contents) -> Arc<dyn ObjectStore> {
    let store = InMemory::new();
    for (key, bytes) in contents {
        store.put(&key.as_str().into(), bytes.clone().into()).await.unwrap();
    }
    Arc::new(store)
}

/// What the listing said of a parameter when it was backed up.
fn listed(record: &ParameterRecord) -> ParameterMetadata {
    let record = record.clone();
    ParameterMetadata {
        name: record.name,
        arn: record.arn,
        parameter_type: record.parameter_type,
        key_id: record.key_id,
        last_modified_date: record.last_modified_date,
        last_modified_user: record.last_modified_user,
        description: record.description,
        allowed_pattern: record.allowed_pattern,
        version: record.version,
        tier: record.tier.unwrap(),
        policies: record.policies,
        data_type: record.data_type,
        annotations: None,
    }
}

/// Reads all of a repository, checks that it holds together, and says what is in it.
async fn read(folder: &Path, repository: &str, identities: &Identities, sealed: bool) -> serde_json::Value {
    let with_fields = folder != v1();
    let stored = load(&folder.join(repository));
    let repository = Repository::open(objects(&folder.join(repository))).await.unwrap();
    let trusted = std::fs::read_to_string(folder.join("signer.pub")).unwrap();
    let snapshots = repository.snapshots(&SnapshotFilter::default()).await.unwrap();
    assert!(snapshots.damaged.is_empty(), "{:?}", snapshots.damaged);

    let mut said = Vec::new();
    let mut heads = std::collections::BTreeMap::<_, Previous>::new();
    for entry in &snapshots.entries {
        let manifest = repository.read_manifest(&entry.manifest_key).await.unwrap();
        let summary = manifest.manifest.summary;
        assert_eq!(summary, entry.summary, "a listing says what the manifest says");
        assert_eq!(manifest.digest, Digest::of(&stored[&entry.manifest_key]));
        assert_eq!(summary.previous, heads.get(&summary.target).cloned(), "linked to the one before");
        heads.insert(summary.target.clone(), Previous { id: Some(summary.id), digest: manifest.digest });

        // The signature once more, apart from the reading of the manifest, by the key that is trusted.
        assert_eq!(summary.signer, trusted.trim());
        let text = std::str::from_utf8(&stored[&entry.manifest_key]).unwrap();
        let (line, armored) = text.split_at(text.find('\n').unwrap() + 1);
        signature::verify(
            signature::MANIFEST_NAMESPACE,
            line.as_bytes(),
            armored,
            &signature::parse_public_key(trusted.trim()).unwrap(),
        )
        .unwrap();

        let document = &stored[&summary.document.key];
        assert_eq!((summary.document.size, summary.document.digest), (document.len() as u64, Digest::of(document)));
        let (mut records, content) = open(document, sealed, identities).unwrap();
        assert_eq!(summary.document.content_size, content.len() as u64);
        assert_eq!(summary.document.content_digest, Digest::of(&content));

        let key = match sealed {
            true => {
                let [(_, key)] = repository.read_keys(&summary.fingerprint_key).await.unwrap().try_into().unwrap();
                let mut opened = Vec::new();
                std::io::copy(&mut identities.open(&*key).unwrap(), &mut opened).unwrap();
                FingerprintKey::from_stored(&opened).unwrap()
            }
            false => signing_key().fingerprint_key(&repository.id()),
        };
        assert_eq!(*key.id(), summary.fingerprint_key);
        records.sort_by(|a, b| a.name.cmp(&b.name));
        assert_eq!(records.len(), manifest.manifest.parameters.len());
        for (record, entry) in records.iter().zip(&manifest.manifest.parameters) {
            assert_eq!((&record.name, record.version), (&entry.name, entry.version));
            assert_eq!(key.value(&record.value), entry.fingerprint, "{}", record.name);
            assert_eq!(key.metadata(&listed(record)), entry.metadata, "{}", record.name);
            let fields = with_fields.then(|| FieldFingerprints::of(record, &key));
            assert_eq!(fields, entry.fields, "{}", record.name);
        }
        said.push(expected::snapshot(&summary, &records));
    }
    said.into()
}

#[rstest]
#[tokio::test]
async fn a_repository_of_format_1_is_read_as_it_stands(
    #[values(v1(), v1_fields())] folder: PathBuf,
    #[values("age", "ssh")] identity: &str,
) {
    let identities = Identities::load(&[folder.join(format!("identity_{identity}"))], None).unwrap();
    let expected = std::fs::read(folder.join("expected.json")).unwrap();
    let expected: serde_json::Value = serde_json::from_slice(&expected).unwrap();
    assert_eq!(read(&folder, "sealed", &identities, true).await, expected["sealed"]);
    assert_eq!(read(&folder, "unsealed", &Identities::default(), false).await, expected["unsealed"]);
}

#[rstest]
#[case("latest", 3)]
#[case("0101", 1)]
#[case("0202020202020202", 2)]
#[case("@2025-10-15T13:59Z", 1)]
#[case("@2025-10-15", 2)]
#[case("@2025-10-16", 3)]
#[case("2025-10-15/ssm-backup-dev-20251015_140000.json.zst.age", 2)]
#[tokio::test]
async fn its_snapshots_are_found_by_reference(#[case] text: &str, #[case] number: u8) {
    let repository = Repository::open(objects(&v1().join("sealed"))).await.unwrap();
    let snapshots = repository.snapshots(&SnapshotFilter::default()).await.unwrap();
    let found = SnapshotReference::parse(text).unwrap().resolve(&snapshots.entries).unwrap();
    assert_eq!(found.summary.id.to_string(), format!("{number:02x}").repeat(8));
    let latest = repository.read_latest().await.unwrap().unwrap();
    let hinted = SnapshotReference::parse(&latest).unwrap();
    assert_eq!(hinted.resolve(&snapshots.entries).unwrap().summary.sequence, 1, "prod's is the newest: {latest}");
}

/// Whoever has a repository of this format goes on with it.
#[tokio::test]
async fn the_next_backup_goes_on_from_it() {
    let before = load(&v1().join("sealed"));
    let shop = write::dev_after_the_change().await;
    let store = in_memory(&before).await;
    let objects = Objects::new(store.clone(), "memory://", Completion::Checked);
    let identity = v1().join("identity_age");
    let context = shop.context(shop.store.clone(), objects, &recipients(&v1()), Some(&identity)).await;
    let mut next = request("dev", 4);
    next.with_history = true;
    let report = backup(&context, &next, &NoObserver).await;
    assert_eq!((report.verdict, report.sequence), (Verdict::Complete, Some(3)), "{report:?}");
    assert_eq!((report.parameter_count, report.reused), (7, 7), "nothing has changed, and its values are taken over");
    let after = contents(&*store).await;
    for (key, bytes) in before.iter().filter(|(key, _)| *key != "latest.txt") {
        assert_eq!(after.get(key), Some(bytes), "{key} is as it was");
    }
}

#[tokio::test]
async fn it_is_written_anew_only_when_asked() {
    let folder = tempfile::tempdir().unwrap();
    let refused = write::write(folder.path(), None).await.unwrap_err();
    assert!(refused.contains("PARADOS_WRITE_GOLDEN=1"), "{refused}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    if let Some(asked) = std::env::var_os(write::ASK) {
        write::write(&v1_fields(), Some(&asked)).await.unwrap();
    }
}
