//! What holds for the parser of references to snapshots, whatever the bytes.

use parados_backup::snapshot_reference::{ResolveError, SnapshotReference};

/// Parsing never panics, and what parses gives its text back.
pub(crate) fn check(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(reference) = SnapshotReference::parse(text) else { return };
    assert!(reference.to_string().eq_ignore_ascii_case(text));
    assert_eq!(SnapshotReference::parse(&reference.to_string()), Ok(reference.clone()));
    assert_eq!(reference.resolve(&[]), Err(ResolveError::NoSnapshots));
}
