//! Walks two sorted lists of parameters side by side, and says where they differ. Pure.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use jiff::Timestamp;
use parados_parameter::{ParameterName, ParameterType, Secret, Version};
use schemars::JsonSchema;
use serde::Serialize;

use super::entry::Entry;
use crate::field::{Field, FieldFingerprints};
use crate::report::{Missing, MissingPart};

/// A parameter that differs between two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub name: ParameterName,
    /// How it differs.
    pub kind: DifferenceKind,
    /// What it was; absent where it was not there, or could not be read.
    pub before: Option<VersionState>,
    /// What it is; absent where it is not there, or could not be read.
    pub after: Option<VersionState>,
    /// The fields that differ. Of one that was created or deleted none is named, unless details were asked for.
    pub fields: Vec<FieldDifference>,
    /// Why it is not known, of one that could not be read.
    pub reason: Option<String>,
}

/// How a parameter differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DifferenceKind {
    /// It is new.
    Created,
    /// Fields of it are others.
    Changed,
    /// It was deleted and created again in between, whatever its fields are.
    Recreated,
    /// It is gone.
    Deleted,
    /// It could not be read on one side, so whether it differs is not known.
    Unread,
}

/// Which version of a parameter a side has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionState {
    /// The version.
    pub version: Version,
    /// When it was put.
    pub last_modified_date: Timestamp,
    /// The type.
    pub parameter_type: ParameterType,
}

/// A field that differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldDifference {
    /// The field.
    pub field: Field,
    /// What it was, in words; absent for none, for a value, and where details were not asked for.
    pub from: Option<String>,
    /// What it is, likewise.
    pub to: Option<String>,
    /// The value that it was, where values were asked for.
    pub value_from: Option<Secret>,
    /// The value that it is, where values were asked for.
    pub value_to: Option<Secret>,
}

impl FieldDifference {
    /// That this one differs, and no more.
    pub(super) fn of(field: Field) -> Self {
        Self { field, from: None, to: None, value_from: None, value_to: None }
    }
}

/// What two lists come to.
#[derive(Debug, Default)]
pub(super) struct Joined {
    pub(super) differences: Vec<Difference>,
    /// Parameters that both have, and that do not differ.
    pub(super) unchanged: u64,
    /// Fields that were not read on a side of parameters that both have, and for how many.
    pub(super) not_compared: BTreeMap<Field, u64>,
    /// Parameters that both have, of which a side has no fingerprints of fields at all.
    pub(super) without_fields: u64,
}

/// What could not be read of the two sides.
#[derive(Debug, Default)]
pub(super) struct Unread {
    pub(super) before: BTreeMap<ParameterName, String>,
    pub(super) after: BTreeMap<ParameterName, String>,
}

impl Unread {
    /// Those whose value, and so all of them, is missing.
    pub(super) fn of(missing: &[Missing]) -> BTreeMap<ParameterName, String> {
        let whole = missing.iter().filter(|one| one.what == MissingPart::Value);
        whole.map(|one| (one.name.clone(), one.reason.clone())).collect()
    }
}

/// Compares two lists that are sorted by name. `same_place` says that both are of one store, so that versions and dates tell
/// whether a parameter was deleted and created again.
pub(super) fn join(
    before: impl Iterator<Item = Entry>,
    after: impl Iterator<Item = Entry>,
    mut unread: Unread,
    same_place: bool,
) -> Joined {
    let mut joined = Joined::default();
    let (mut before, mut after) = (before.peekable(), after.peekable());
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => break,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(a), Some(b)) => a.name.cmp(&b.name),
        };
        let a = if order.is_le() { before.next() } else { None };
        let b = if order.is_ge() { after.next() } else { None };
        match (a, b) {
            (Some(a), Some(b)) => joined.take_both(a, &b, same_place),
            (Some(a), None) => {
                let reason = unread.after.remove(&a.name);
                let kind = if reason.is_some() { DifferenceKind::Unread } else { DifferenceKind::Deleted };
                joined.differences.push(Difference {
                    before: Some(a.state()),
                    reason,
                    ..Difference::new(a.name, kind)
                });
            }
            (None, Some(b)) => {
                let reason = unread.before.remove(&b.name);
                let kind = if reason.is_some() { DifferenceKind::Unread } else { DifferenceKind::Created };
                joined.differences.push(Difference { after: Some(b.state()), reason, ..Difference::new(b.name, kind) });
            }
            (None, None) => break,
        }
    }
    unread.before.append(&mut unread.after);
    let neither = unread
        .before
        .into_iter()
        .map(|(name, reason)| Difference { reason: Some(reason), ..Difference::new(name, DifferenceKind::Unread) });
    joined.differences.extend(neither);
    joined.differences.sort_by(|a, b| a.name.cmp(&b.name));
    joined
}

impl Joined {
    fn take_both(&mut self, a: Entry, b: &Entry, same_place: bool) {
        let mut fields = Vec::new();
        fields.extend((a.parameter_type != b.parameter_type).then_some(Field::Type));
        fields.extend((a.fingerprint != b.fingerprint).then_some(Field::Value));
        match (&a.fields, &b.fields) {
            (Some(x), Some(y)) => {
                fields.extend(x.differing(y));
                for field in FieldFingerprints::FIELDS {
                    if !x.has(field) || !y.has(field) {
                        *self.not_compared.entry(field).or_default() += 1;
                    }
                }
            }
            _ => self.without_fields += 1,
        }
        // A put raises the version; only after a deletion does it begin at 1 again.
        let recreated = same_place
            && (b.last_modified_date > a.last_modified_date && b.version <= a.version
                || b.last_modified_date < a.last_modified_date && b.version >= a.version);
        let kind = match (recreated, fields.is_empty()) {
            (true, _) => DifferenceKind::Recreated,
            (false, false) => DifferenceKind::Changed,
            (false, true) => {
                self.unchanged += 1;
                return;
            }
        };
        self.differences.push(Difference {
            before: Some(a.state()),
            after: Some(b.state()),
            fields: fields.into_iter().map(FieldDifference::of).collect(),
            ..Difference::new(a.name, kind)
        });
    }
}

impl Difference {
    fn new(name: ParameterName, kind: DifferenceKind) -> Self {
        Self { name, kind, before: None, after: None, fields: Vec::new(), reason: None }
    }
}

impl Entry {
    fn state(&self) -> VersionState {
        VersionState {
            version: self.version,
            last_modified_date: self.last_modified_date,
            parameter_type: self.parameter_type,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fingerprint::Fingerprint;

    fn entry(name: &str, version: i64, second: i64, value: u8) -> Entry {
        Entry {
            name: ParameterName::observed(name),
            parameter_type: ParameterType::String,
            version: Version::new(version).unwrap(),
            last_modified_date: Timestamp::from_second(second).unwrap(),
            fingerprint: Fingerprint::from_bytes([value; 16]),
            fields: Some(FieldFingerprints::from_bytes([1; 32])),
        }
    }

    fn with_fields(entry: Entry, fields: [u8; 32]) -> Entry {
        Entry { fields: Some(FieldFingerprints::from_bytes(fields)), ..entry }
    }

    fn said(joined: &Joined) -> Vec<(&str, DifferenceKind, Vec<Field>)> {
        let fields = |one: &Difference| one.fields.iter().map(|one| one.field).collect();
        joined.differences.iter().map(|one| (one.name.as_str(), one.kind, fields(one))).collect()
    }

    fn join_of(before: Vec<Entry>, after: Vec<Entry>) -> Joined {
        join(before.into_iter(), after.into_iter(), Unread::default(), true)
    }

    #[test]
    fn what_was_created_changed_and_deleted_is_told_apart_from_what_stayed() {
        use DifferenceKind::{Changed, Created, Deleted};
        let before = vec![entry("/a", 1, 1, 1), entry("/b", 1, 1, 1), entry("/c", 1, 1, 1)];
        let after = vec![entry("/b", 2, 2, 9), entry("/c", 1, 1, 1), entry("/d", 1, 2, 1)];
        let joined = join_of(before, after);
        let expected = [("/a", Deleted, vec![]), ("/b", Changed, vec![Field::Value]), ("/d", Created, vec![])];
        assert_eq!(said(&joined), expected);
        assert_eq!(joined.unchanged, 1);
        assert_eq!(joined.differences[1].before.as_ref().map(|state| state.version.get()), Some(1));
        assert_eq!(joined.differences[1].after.as_ref().map(|state| state.version.get()), Some(2));
    }

    #[test]
    fn fields_are_told_by_their_fingerprints_and_one_that_was_not_read_is_no_difference() {
        let (mut other, mut unread) = ([1; 32], [1; 32]);
        other[..4].fill(2);
        other[24..28].fill(2);
        unread[24..28].fill(0);
        let before = vec![entry("/a", 1, 1, 1), entry("/b", 1, 1, 1)];
        let after = vec![with_fields(entry("/a", 1, 1, 1), other), with_fields(entry("/b", 1, 1, 1), unread)];
        let joined = join_of(before, after);
        assert_eq!(said(&joined), [("/a", DifferenceKind::Changed, vec![Field::Description, Field::Tags])]);
        assert_eq!((joined.unchanged, &joined.not_compared), (1, &[(Field::Tags, 1)].into()));
    }

    #[test]
    fn one_that_begins_at_an_older_number_later_was_deleted_and_created_again() {
        use DifferenceKind::{Changed, Recreated};
        let before = vec![entry("/a", 5, 10, 1), entry("/b", 1, 10, 1), entry("/c", 3, 10, 1)];
        let after = vec![entry("/a", 2, 20, 9), entry("/b", 1, 20, 1), entry("/c", 4, 20, 1)];
        let joined = join_of(before.clone(), after.clone());
        assert_eq!(said(&joined), [("/a", Recreated, vec![Field::Value]), ("/b", Recreated, vec![])]);
        assert_eq!(said(&join_of(after.clone(), before.clone())).len(), 2, "in whichever order they are given");

        let elsewhere = join(before.into_iter(), after.into_iter(), Unread::default(), false);
        assert_eq!(said(&elsewhere), [("/a", Changed, vec![Field::Value])], "two stores number for themselves");
    }

    #[test]
    fn what_could_not_be_read_is_neither_created_nor_deleted() {
        let unread =
            |names: &[&str]| names.iter().map(|name| (ParameterName::observed(*name), "denied".into())).collect();
        let sides = Unread { before: unread(&["/b", "/x"]), after: unread(&["/a", "/x"]) };
        let joined = join([entry("/a", 1, 1, 1)].into_iter(), [entry("/b", 1, 1, 1)].into_iter(), sides, true);
        let kinds: Vec<_> = joined.differences.iter().map(|one| (one.name.as_str(), one.kind)).collect();
        assert_eq!(kinds, ["/a", "/b", "/x"].map(|name| (name, DifferenceKind::Unread)));
        assert!(joined.differences.iter().all(|one| one.reason.as_deref() == Some("denied")));
    }

    #[test]
    fn one_without_fingerprints_of_fields_is_counted() {
        let early = Entry { fields: None, ..entry("/a", 1, 1, 1) };
        assert_eq!(join_of(vec![early], vec![entry("/a", 1, 1, 1)]).without_fields, 1);
    }
}
