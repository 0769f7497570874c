//! Damaged copies of the golden repositories, and what reading says of each.
//!
//! `refused` is what the library notices by itself, whoever reads. `compared` is what shows only to one who holds what was read
//! against the manifests, as these tests do: that is the work of `parados verify`, which does not exist yet. Until then nothing
//! but a comparison notices that
//! - two documents were swapped, or one was replaced by another that is sealed to the same recipients;
//! - a manifest was forged with another key than the one that is trusted (the library checks the key that the manifest names);
//! - a manifest in the middle of the chain was removed or replaced;
//! - `latest.txt` lies;
//! - the repository's id is another (the next backup then derives another fingerprint key, and reads everything anew).
//!
//! And nothing in the repository itself shows that its newest snapshots were taken away: that takes a number that was seen before.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use parados_backup::document::Digest;
use parados_backup::fingerprint::FingerprintKey;
use parados_backup::manifest::{Manifest, ManifestDraft, Previous, SnapshotId};
use parados_backup::repository::{Completion, Objects, Repository, SnapshotFilter};
use parados_backup::seal::Identities;
use parados_backup::signature::SigningKey;
use parados_backup::verdict::Verdict;

use super::{in_memory, load, v1};
use crate::shop::{Contents, chain, open, signing_key};

const DEV: &str = "manifests/shop/dev/123456789012/eu-west-1";
const FIRST: &str = "manifests/shop/dev/123456789012/eu-west-1/0000000001.manifest";
const SECOND: &str = "manifests/shop/dev/123456789012/eu-west-1/0000000002.manifest";
const PROD: &str = "manifests/shop/prod/000000000000/embedded/0000000001.manifest";
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

/// A manifest at the second place that says what the first one says, signed with `key`.
fn forge(contents: &mut Contents, key: &SigningKey) {
    let Manifest { summary, parameters } = Manifest::parse(&contents[FIRST]).unwrap();
    let draft = ManifestDraft {
        id: SnapshotId::from_bytes([0x66; 8]),
        target: summary.target,
        purpose: summary.purpose,
        tool: summary.tool,
        started_at: summary.started_at,
        finished_at: summary.finished_at,
        verdict: Verdict::Complete,
        counts: summary.counts,
        document: summary.document,
        recipients: summary.recipients,
        fingerprint_key: summary.fingerprint_key,
        selector: summary.selector,
        with_history: summary.with_history,
        with_labels: summary.with_labels,
        missing: Vec::new(),
        parameters,
    };
    let previous = Previous { id: Some(summary.id), digest: Digest::of(&contents[FIRST]) };
    let forged = draft.encode().unwrap().place(2, Some(previous), key).unwrap();
    contents.insert(SECOND.into(), forged.chunks.concat().into());
}

/// Everything that reading a repository says of it, a line each.
async fn said_of(contents: &Contents, sealed: bool) -> Vec<String> {
    let identities = Identities::load(&[v1().join("identity_age")], None).unwrap();
    let mut said = Vec::new();
    let objects = Objects::new(in_memory(contents).await, "REPOSITORY", Completion::Checked);
    let repository = match Repository::open(objects).await {
        Ok(repository) => repository,
        Err(error) => return vec![format!("refused: {}", chain(&error))],
    };
    let snapshots = repository.snapshots(&SnapshotFilter::default()).await.unwrap();
    said.extend(snapshots.damaged.iter().map(|(key, error)| format!("refused: listing: {key}: {}", chain(error))));

    let mut heads = BTreeMap::<String, (u64, Previous)>::new();
    for entry in &snapshots.entries {
        let summary = &entry.summary;
        let manifest = match repository.read_manifest(&entry.manifest_key).await {
            Ok(manifest) => manifest,
            Err(error) => {
                said.push(format!("refused: {}", chain(&error)));
                continue;
            }
        };
        if summary.signer != signing_key().public_line() {
            said.push(format!("compared: {}: another key signed it", entry.manifest_key));
        }
        let digest = manifest.digest;
        let here = (summary.sequence, Previous { id: Some(summary.id), digest });
        let before = heads.insert(summary.target.to_string(), here);
        let (expected, previous) = before.map_or((1, None), |(sequence, head)| (sequence + 1, Some(head)));
        if summary.sequence != expected {
            said.push(format!("compared: {}: number {expected} is missing before it", entry.manifest_key));
        } else if summary.previous != previous {
            said.push(format!("compared: {}: it is linked to another than the one before", entry.manifest_key));
        }
        let Some(document) = contents.get(&summary.document.key) else {
            let error = repository.download(&summary.document.key).await.err().unwrap();
            said.push(format!("refused: {}", chain(&error)));
            continue;
        };
        if Digest::of(document) != summary.document.digest {
            said.push(format!("compared: {}: its digest is not the manifest's", summary.document.key));
        }
        match open(document, sealed, &identities) {
            Err(error) => said.push(format!("refused: {}: {error}", summary.document.key)),
            Ok((_, content)) if Digest::of(&content) != summary.document.content_digest => {
                said.push(format!("compared: {}: its content is not the manifest's", summary.document.key));
            }
            Ok(_) => {}
        }
    }
    let keys: BTreeSet<_> = snapshots.entries.iter().map(|entry| &entry.summary.fingerprint_key).collect();
    for id in keys.into_iter().filter(|_| sealed) {
        for (key, stored) in repository.read_keys(id).await.unwrap() {
            if let Err(error) = open_key(&stored, &identities) {
                said.push(format!("refused: {key}: {error}"));
            }
        }
    }
    let newest = snapshots.entries.last().map(|entry| entry.summary.document.key.clone());
    if repository.read_latest().await.unwrap() != newest {
        said.push("compared: latest.txt: it does not name the newest snapshot".into());
    }
    said
}

fn open_key(stored: &Bytes, identities: &Identities) -> Result<(), String> {
    let mut opened = Vec::new();
    let mut reader = identities.open(&**stored).map_err(|error| chain(&error))?;
    std::io::copy(&mut reader, &mut opened).map_err(|error| chain(&error))?;
    FingerprintKey::from_stored(&opened).map(drop).map_err(|error| chain(&error))
}

type Damage = (&'static str, fn(&mut Contents));

const SEALED: [Damage; 25] = [
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

async fn table(repository: &str, damages: &[Damage], sealed: bool) -> String {
    let whole = load(&v1().join(repository));
    let mut table = String::new();
    for (name, damage) in damages {
        let mut contents = whole.clone();
        damage(&mut contents);
        assert_eq!(*name == "none", contents == whole, "{name}");
        let said = said_of(&contents, sealed).await;
        table += &format!("{name}\n");
        said.iter().for_each(|line| table += &format!("    {line}\n"));
    }
    table.replace(v1().to_str().unwrap(), "V1")
}

#[tokio::test]
async fn what_reading_says_of_a_damaged_sealed_repository() {
    insta::assert_snapshot!(table("sealed", &SEALED, true).await);
}

#[tokio::test]
async fn what_reading_says_of_a_damaged_unsealed_repository() {
    insta::assert_snapshot!(table("unsealed", &UNSEALED, false).await);
}
