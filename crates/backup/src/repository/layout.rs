//! The keys of the objects.

use jiff::civil::{Date, DateTime};
use jiff::{Timestamp, ToSpan as _};
use object_store::path::Path;

use crate::document::Digest;
use crate::fingerprint::FingerprintKeyId;
use crate::manifest::SnapshotId;
use crate::target::Target;

/// Says that this is a repository.
pub(super) const MARKER: &str = "parados.json";
const LATEST: &str = "latest.txt";
const MANIFESTS: &str = "manifests";
const KEYS: &str = "keys";
const STAGING: &str = ".staging";
const AMENDMENTS: &str = "amendments";
const MARKS: &str = "marks";
const REMOVALS: &str = "removed";
const LOCKS: &str = "locks";
const MANIFEST_SUFFIX: &str = ".manifest";
const AMENDMENT_SUFFIX: &str = ".amendment";
const MARK_SUFFIX: &str = ".mark";
const REMOVAL_SUFFIX: &str = ".removed";
const LOCK_SUFFIX: &str = ".lock";
/// Below the marks: those of objects that nothing names.
const LEFTOVER: &str = "leftover";
const LEFTOVER_SUFFIX: &str = ".leftover";
/// The folders that no data object is in.
const RESERVED: [&str; 7] = [MANIFESTS, KEYS, STAGING, AMENDMENTS, MARKS, REMOVALS, LOCKS];
/// Digits of a manifest's name, so that names sort as numbers do.
const SEQUENCE_DIGITS: usize = 10;
/// Digits of an amendment's number.
const AMENDMENT_DIGITS: usize = 4;
/// The last number of an amendment that fits.
pub(super) const MAX_AMENDMENT: u32 = 9999;
/// How the names of data objects end: sealed, and not.
const DATA_SUFFIXES: [&str; 2] = [".json.zst.age", ".json"];
/// The last number that fits.
pub(super) const MAX_SEQUENCE: u64 = 9_999_999_999;

pub(super) fn marker() -> Path {
    Path::from(MARKER)
}

pub(super) fn latest() -> Path {
    Path::from(LATEST)
}

pub(super) fn keys() -> Path {
    Path::from(KEYS)
}

pub(super) fn manifests() -> Path {
    Path::from(MANIFESTS)
}

/// Where a local file is put together. `number` is random.
pub(super) fn staging(number: u128) -> Path {
    Path::from_iter([STAGING.to_owned(), format!("{number:032x}")])
}

/// The key of the data object of a backup of `environment` that began `at`:
/// `2025-10-15/ssm-backup-dev-20251015_120045.json.zst.age`, or `.json` when it is not sealed. UTC.
pub fn data_key(environment: &str, at: Timestamp, sealed: bool) -> Path {
    let suffix = if sealed { "json.zst.age" } else { "json" };
    let name = format!("ssm-backup-{environment}-{}.{suffix}", at.strftime("%Y%m%d_%H%M%S"));
    Path::from_iter([at.strftime("%Y-%m-%d").to_string(), name])
}

/// The key of the next second for a data object of the same environment; none for a key that is not such a one's.
pub(super) fn next_data_key(key: &Path) -> Option<Path> {
    let name = key.filename()?;
    let suffix = DATA_SUFFIXES.into_iter().find(|suffix| name.ends_with(suffix))?;
    let stem = name.strip_suffix(suffix)?;
    let (environment, second) = stem.strip_prefix("ssm-backup-")?.rsplit_once('-')?;
    let second = DateTime::strptime("%Y%m%d_%H%M%S", second).ok()?.checked_add(1.seconds()).ok()?;
    let name = format!("ssm-backup-{environment}-{}{suffix}", second.strftime("%Y%m%d_%H%M%S"));
    // Parsed, for what is percent-encoded in it already stays so.
    Path::parse(format!("{}/{name}", second.strftime("%Y-%m-%d"))).ok()
}

/// Where the manifests of a target are. Characters that keys should not have are percent-encoded.
pub(super) fn chain(target: &Target) -> Path {
    of_target(MANIFESTS, target)
}

fn of_target(folder: &str, target: &Target) -> Path {
    Path::from_iter([folder, &target.project, &target.environment, &target.account, &target.region])
}

pub(super) fn manifest(target: &Target, sequence: u64) -> Path {
    chain(target).join(format!("{sequence:0SEQUENCE_DIGITS$}{MANIFEST_SUFFIX}"))
}

/// The number that a manifest's key bears; nothing for other objects.
pub(super) fn sequence_of(key: &Path) -> Option<u64> {
    number(key.filename()?.strip_suffix(MANIFEST_SUFFIX)?, SEQUENCE_DIGITS)
}

pub(super) fn marks() -> Path {
    Path::from(MARKS)
}

pub(super) fn mark(target: &Target, sequence: u64) -> Path {
    of_target(MARKS, target).join(format!("{sequence:0SEQUENCE_DIGITS$}{MARK_SUFFIX}"))
}

/// The number that a mark's key bears.
pub(super) fn marked(key: &Path) -> Option<u64> {
    number(key.filename()?.strip_suffix(MARK_SUFFIX)?, SEQUENCE_DIGITS)
}

pub(super) fn leftover_marks() -> Path {
    marks().join(LEFTOVER)
}

/// The mark of an object that nothing names: under the beginning of its key's SHA-256.
pub(super) fn leftover_mark(key: &str) -> Path {
    let name = hex::encode(&Digest::of(key.as_bytes()).as_bytes()[..16]);
    leftover_marks().join(format!("{name}{LEFTOVER_SUFFIX}"))
}

/// Whether it is the key of such a mark.
pub(super) fn is_leftover_mark(key: &Path) -> bool {
    let stem = key.filename().and_then(|name| name.strip_suffix(LEFTOVER_SUFFIX));
    let is_hex = |stem: &str| stem.len() == 32 && stem.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    key.parts_count() == 3 && key.prefix_matches(&leftover_marks()) && stem.is_some_and(is_hex)
}

/// Whether it is a key that the sealed document of a backup has, or of one that was sealed again.
pub(super) fn is_sealed_data_key(key: &str) -> bool {
    is_document_key(key) && key.ends_with(DATA_SUFFIXES[0])
}

/// Whether it is a key that the document of a backup has, sealed or not.
fn is_document_key(key: &str) -> bool {
    let is_one = |(folder, name): (&str, &str)| {
        Date::strptime("%Y-%m-%d", folder).is_ok()
            && name.starts_with("ssm-backup-")
            && DATA_SUFFIXES.into_iter().any(|suffix| name.ends_with(suffix))
            && !name.contains('/')
    };
    is_data_key(key) && key.split_once('/').is_some_and(is_one)
}

/// Whether it is the name, in a folder, of a file that is not complete: an object's key, `#` and a number, or whatever is below `.staging/`.
pub(super) fn is_staged(name: &str) -> bool {
    if name.split_once('/').is_some_and(|(folder, _)| folder == STAGING) {
        return true;
    }
    let Some((key, number)) = name.rsplit_once('#') else { return false };
    let top = key.split_once('/').map(|(folder, _)| folder);
    let is_object = match top {
        None => [MARKER, LATEST].contains(&key),
        Some(folder) => RESERVED.contains(&folder) || is_document_key(key),
    };
    is_object && !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// What is written to learn the time. `number` is random.
pub(super) fn clock(number: u32) -> Path {
    marks().join(format!("{number:08x}.clock"))
}

pub(super) fn removals() -> Path {
    Path::from(REMOVALS)
}

pub(super) fn removals_of(target: &Target) -> Path {
    of_target(REMOVALS, target)
}

pub(super) fn removal(target: &Target, sequence: u64) -> Path {
    removals_of(target).join(format!("{sequence:0SEQUENCE_DIGITS$}{REMOVAL_SUFFIX}"))
}

/// The number that a removal's key bears.
pub(super) fn removed(key: &Path) -> Option<u64> {
    number(key.filename()?.strip_suffix(REMOVAL_SUFFIX)?, SEQUENCE_DIGITS)
}

pub(super) fn locks() -> Path {
    Path::from(LOCKS)
}

pub(super) fn lock(snapshot: &SnapshotId, id: &str) -> Path {
    locks().join(format!("{snapshot}.{id}{LOCK_SUFFIX}"))
}

/// The snapshot that a lock's key bears.
pub(super) fn locked(key: &Path) -> Option<SnapshotId> {
    let (snapshot, _) = key.filename()?.strip_suffix(LOCK_SUFFIX)?.split_once('.')?;
    snapshot.parse().ok().filter(|_| key.parts_count() == 2 && key.prefix_matches(&locks()))
}

/// Whether a data object can have this key: it lies in a folder, and in none that other objects are in.
pub(super) fn is_data_key(key: &str) -> bool {
    let Ok(path) = Path::parse(key) else { return false };
    let folder = path.parts().next().filter(|_| path.parts_count() > 1);
    path.as_ref() == key && folder.is_some_and(|folder| !RESERVED.contains(&folder.as_ref()))
}

/// A number from 1 of so many digits.
fn number(text: &str, digits: usize) -> Option<u64> {
    let all_digits = text.len() == digits && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|number| all_digits && *number > 0)
}

pub(super) fn amendments() -> Path {
    Path::from(AMENDMENTS)
}

/// Where the amendments of a target's snapshots are.
pub(super) fn amendments_of(target: &Target) -> Path {
    of_target(AMENDMENTS, target)
}

pub(super) fn amendment(target: &Target, sequence: u64, number: u32) -> Path {
    let name = format!("{sequence:0SEQUENCE_DIGITS$}.{number:0AMENDMENT_DIGITS$}{AMENDMENT_SUFFIX}");
    amendments_of(target).join(name)
}

/// The sequence and the number that an amendment's key bears; nothing for other objects.
pub(super) fn amendment_of(key: &Path) -> Option<(u64, u32)> {
    let (sequence, amendment) = key.filename()?.strip_suffix(AMENDMENT_SUFFIX)?.split_once('.')?;
    let amendment = number(amendment, AMENDMENT_DIGITS)?.try_into().ok()?;
    Some((number(sequence, SEQUENCE_DIGITS)?, amendment))
}

/// The key under which a document is sealed anew: that of its first object, with a random number before the ending.
pub(super) fn resealed(key: &str, number: u32) -> String {
    let stem = DATA_SUFFIXES.into_iter().find_map(|suffix| key.strip_suffix(suffix)).unwrap_or(key);
    format!("{stem}.{number:08x}{}", DATA_SUFFIXES[0])
}

/// A fingerprint key for a set of recipients: `keys/ID.RECIPIENTS.age`, where RECIPIENTS is the beginning of the SHA-256 of
/// their texts, sorted, a line each. None when there are no recipients: the key is never stored unsealed, where one backup that
/// is not sealed would tell the fingerprint key of those that are.
pub(super) fn key_object(id: &FingerprintKeyId, recipients: &[String]) -> Option<Path> {
    if recipients.is_empty() {
        return None;
    }
    let mut recipients = recipients.to_vec();
    recipients.sort();
    recipients.dedup();
    let lines: String = recipients.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    Some(keys().join(format!("{id}.{}.age", hex::encode(&Digest::of(lines.as_bytes()).as_bytes()[..8]))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::tests::{key, target};

    #[test]
    fn keys_are_the_format_s() {
        let at = "2025-10-15T12:00:45.76Z".parse().unwrap();
        assert_eq!(data_key("dev", at, true).as_ref(), "2025-10-15/ssm-backup-dev-20251015_120045.json.zst.age");
        assert_eq!(data_key("dev", at, false).as_ref(), "2025-10-15/ssm-backup-dev-20251015_120045.json");
        let manifest = manifest(&target(), 7);
        assert_eq!(manifest.as_ref(), "manifests/jenkins/dev/123456789012/eu-west-1/0000000007.manifest");
        assert_eq!(sequence_of(&manifest), Some(7));
        let id = key().fingerprint_key("r").id().clone();
        assert_eq!(key_object(&id, &[]), None, "never unsealed");
        let (one, two) = ("age1a".to_owned(), "age1b".to_owned());
        let both = key_object(&id, &[one.clone(), two.clone()]);
        assert_eq!(both, key_object(&id, &[two, one.clone()]), "in any order");
        assert_ne!(both, key_object(&id, &[one]));
    }

    #[test]
    fn the_next_second_s_key_differs_in_nothing_else() {
        let at: Timestamp = "2025-12-31T23:59:59.76Z".parse().unwrap();
        let next = "2026-01-01T00:00:00Z".parse().unwrap();
        for environment in ["dev", "a-b", "a/../b", "ö.json", "20251015_120045", "%41"] {
            for sealed in [false, true] {
                let key = data_key(environment, at, sealed);
                assert_eq!(next_data_key(&key), Some(data_key(environment, next, sealed)), "{key}");
            }
        }
        for other in ["2025-10-15/a.json", "parados.json", "2025-10-15/ssm-backup-dev-20251015.json"] {
            assert_eq!(next_data_key(&Path::from(other)), None, "{other}");
        }
    }

    #[test]
    fn a_name_cannot_leave_its_place() {
        let target = Target { project: "../..".into(), environment: "a/b".into(), ..target() };
        assert_eq!(chain(&target).as_ref(), "manifests/..%2F../a%2Fb/123456789012/eu-west-1");
        let at = Timestamp::UNIX_EPOCH;
        assert_eq!(data_key("a/../b", at, false).parts_count(), 2);
    }

    #[test]
    fn an_amendment_stands_under_its_snapshot_s_number_and_its_own() {
        let key = amendment(&target(), 7, 2);
        assert_eq!(key.as_ref(), "amendments/jenkins/dev/123456789012/eu-west-1/0000000007.0002.amendment");
        assert_eq!(amendment_of(&key), Some((7, 2)));
        for other in ["0000000007.0000", "0000000000.0001", "0000000007.2", "0000000007", "0000000007.00002"] {
            assert_eq!(amendment_of(&Path::from(format!("x/{other}.amendment"))), None, "{other}");
        }
        assert_eq!(amendment_of(&manifest(&target(), 7)), None);
    }

    #[test]
    fn what_is_sealed_anew_stands_beside_what_it_was_made_of() {
        let day = "2025-10-15/ssm-backup-dev-20251015_120045";
        for suffix in [".json", ".json.zst.age"] {
            assert_eq!(resealed(&format!("{day}{suffix}"), 0xab), format!("{day}.000000ab.json.zst.age"));
        }
        assert_eq!(resealed("other", 1), "other.00000001.json.zst.age");
        let key = Path::from(resealed(&format!("{day}.json"), 1));
        assert_eq!(next_data_key(&key), None, "it never moves to another second");
    }

    #[test]
    fn marks_removals_and_locks_have_places_of_their_own() {
        let place = "jenkins/dev/123456789012/eu-west-1/0000000007";
        assert_eq!(mark(&target(), 7).as_ref(), format!("marks/{place}.mark"));
        assert_eq!(marked(&mark(&target(), 7)), Some(7));
        assert_eq!(marked(&clock(7)), None);
        assert_eq!(removal(&target(), 7).as_ref(), format!("removed/{place}.removed"));
        assert_eq!(removed(&removal(&target(), 7)), Some(7));
        assert_eq!((marked(&removal(&target(), 7)), removed(&manifest(&target(), 7))), (None, None));
        let snapshot = SnapshotId::from_bytes([7; 8]);
        assert_eq!(lock(&snapshot, "0000000a").as_ref(), "locks/0707070707070707.0000000a.lock");
        assert_eq!(locked(&lock(&snapshot, "damaged")), Some(snapshot));
        for other in ["locks/07.0000000a.lock", "x/0707070707070707.a.lock", "locks/x/0707070707070707.a.lock"] {
            assert_eq!(locked(&Path::from(other)), None, "{other}");
        }
    }

    #[test]
    fn no_object_of_another_kind_is_taken_for_a_document_s() {
        let at = "2025-10-15T12:00:45.76Z".parse().unwrap();
        for key in [data_key("dev", at, true).to_string(), resealed("2025-10-15/a.json", 1), "old/a.json".into()] {
            assert!(is_data_key(&key), "{key}");
        }
        let manifest = manifest(&target(), 1).to_string();
        for key in [&manifest, MARKER, LATEST, "keys/a.age", "removed/a/1.removed", "", "/", "../a", "a//b", "locks/a"]
        {
            assert!(!is_data_key(key), "{key}");
        }
    }

    #[test]
    fn only_what_would_become_an_object_is_a_file_that_is_not_complete() {
        let manifest = manifest(&target(), 1);
        let at = Timestamp::UNIX_EPOCH;
        for key in
            [data_key("dev", at, true), data_key("a#1", at, false), manifest.clone(), marker(), latest(), clock(7)]
        {
            assert!(is_staged(&format!("{key}#12")), "{key}");
            assert!(!is_staged(key.as_ref()), "{key}");
        }
        assert!(is_staged(staging(7).as_ref()) && is_staged(&format!("{}#1", staging(7))));
        for name in
            ["notes#1", "2025-10-15/notes.json#1", "archive/a.json#1", "parados.json#", "parados.json#1a", ".staging"]
        {
            assert!(!is_staged(name), "{name}");
        }
    }

    #[test]
    fn other_objects_are_not_manifests() {
        for key in ["x/1.manifest", "x/0000000000.manifest", "x/0000000001", "x/+000000001.manifest", "x"] {
            assert_eq!(sequence_of(&Path::from(key)), None, "{key}");
        }
        assert_eq!(sequence_of(&manifest(&target(), MAX_SEQUENCE)), Some(MAX_SEQUENCE));
    }
}
