//! The keys of the objects.

use jiff::Timestamp;
use object_store::path::Path;

use crate::document::Digest;
use crate::fingerprint::FingerprintKeyId;
use crate::target::Target;

/// Says that this is a repository.
pub(super) const MARKER: &str = "parados.json";
const LATEST: &str = "latest.txt";
const MANIFESTS: &str = "manifests";
const KEYS: &str = "keys";
const STAGING: &str = ".staging";
const MANIFEST_SUFFIX: &str = ".manifest";
/// Digits of a manifest's name, so that names sort as numbers do.
const SEQUENCE_DIGITS: usize = 10;
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

/// Where the manifests of a target are. Characters that keys should not have are percent-encoded.
pub(super) fn chain(target: &Target) -> Path {
    Path::from_iter([MANIFESTS, &target.project, &target.environment, &target.account, &target.region])
}

pub(super) fn manifest(target: &Target, sequence: u64) -> Path {
    chain(target).join(format!("{sequence:0SEQUENCE_DIGITS$}{MANIFEST_SUFFIX}"))
}

/// The number that a manifest's key bears; nothing for other objects.
pub(super) fn sequence_of(key: &Path) -> Option<u64> {
    let digits = key.filename()?.strip_suffix(MANIFEST_SUFFIX)?;
    let all_digits = digits.len() == SEQUENCE_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|sequence| all_digits && *sequence > 0)
}

/// A fingerprint key for a set of recipients: `keys/ID.RECIPIENTS.age`, where RECIPIENTS is the beginning of the SHA-256 of
/// their texts, sorted, a line each; `keys/ID.json` when there are none.
pub(super) fn key_object(id: &FingerprintKeyId, recipients: &[String]) -> Path {
    if recipients.is_empty() {
        return keys().join(format!("{id}.json"));
    }
    let mut recipients = recipients.to_vec();
    recipients.sort();
    recipients.dedup();
    let lines: String = recipients.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
    keys().join(format!("{id}.{}.age", hex::encode(&Digest::of(lines.as_bytes()).as_bytes()[..8])))
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
        assert_eq!(key_object(&id, &[]).as_ref(), format!("keys/{id}.json"));
        let (one, two) = ("age1a".to_owned(), "age1b".to_owned());
        let both = key_object(&id, &[one.clone(), two.clone()]);
        assert_eq!(both, key_object(&id, &[two, one.clone()]), "in any order");
        assert_ne!(both, key_object(&id, &[one]));
    }

    #[test]
    fn a_name_cannot_leave_its_place() {
        let target = Target { project: "../..".into(), environment: "a/b".into(), ..target() };
        assert_eq!(chain(&target).as_ref(), "manifests/..%2F../a%2Fb/123456789012/eu-west-1");
        let at = Timestamp::UNIX_EPOCH;
        assert_eq!(data_key("a/../b", at, false).parts_count(), 2);
    }

    #[test]
    fn other_objects_are_not_manifests() {
        for key in ["x/1.manifest", "x/0000000000.manifest", "x/0000000001", "x/+000000001.manifest", "x"] {
            assert_eq!(sequence_of(&Path::from(key)), None, "{key}");
        }
        assert_eq!(sequence_of(&manifest(&target(), MAX_SEQUENCE)), Some(MAX_SEQUENCE));
    }
}
