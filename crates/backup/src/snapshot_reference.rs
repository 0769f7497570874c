//! How a person names a snapshot.

use std::fmt;
use std::str::FromStr;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use thiserror::Error;

use crate::manifest::Purpose;
use crate::repository::SnapshotEntry;

/// Fewest characters of an id's beginning.
const MIN_PREFIX: usize = 4;

/// Names a snapshot: `latest`; an id or the beginning of one, at least four characters; `@2025-10-15` or
/// `@2025-10-15T12:00Z`, the newest that began then or before, where a date means its end in UTC; or the key of its data
/// object, such as `latest.txt` holds.
///
/// Neither `latest` nor a time means the [undo snapshot](crate::manifest::Purpose::Undo) of a restore.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SnapshotReference {
    /// The newest.
    Latest,
    /// By the beginning of its id, in lower case.
    Id(String),
    /// The newest that began before this time.
    Before {
        /// The time.
        end: Timestamp,
        /// As it was written.
        text: String,
    },
    /// By the key of its data object.
    Key(String),
}

/// A text that names no snapshot in any way.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "{text:?} names no snapshot: {rule}; write latest, an id, @2025-10-15, @2025-10-15T12:00Z or the key of a data object"
)]
pub struct InvalidReference {
    text: String,
    rule: &'static str,
}

/// A reference that does not lead to one snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ResolveError {
    /// There are no snapshots at all.
    #[error("there are no snapshots yet; make one with: parados backup")]
    NoSnapshots,
    /// None is meant.
    #[error("no snapshot is {reference}; see: parados snapshots")]
    NotFound {
        /// What was asked.
        reference: SnapshotReference,
    },
    /// Several are meant.
    #[error("{reference} is the beginning of several ids: {}", ids.join(", "))]
    Ambiguous {
        /// What was asked.
        reference: SnapshotReference,
        /// The ids.
        ids: Vec<String>,
    },
}

impl SnapshotReference {
    /// Parses what a person wrote.
    ///
    /// # Errors
    /// [`InvalidReference`].
    pub fn parse(text: &str) -> Result<Self, InvalidReference> {
        let invalid = |rule| InvalidReference { text: text.into(), rule };
        if text == "latest" {
            return Ok(Self::Latest);
        }
        if let Some(time) = text.strip_prefix('@') {
            let end = end_of(time).ok_or(invalid("it is neither a date nor a time with its zone"))?;
            return Ok(Self::Before { end, text: text.into() });
        }
        if text.ends_with(".json") || text.ends_with(".age") {
            return Ok(Self::Key(text.into()));
        }
        if text.is_empty() || text.len() > 16 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(invalid("an id is up to 16 characters of hexadecimal"));
        }
        match text.len() {
            ..MIN_PREFIX => Err(invalid("four characters of an id are the fewest")),
            _ => Ok(Self::Id(text.to_ascii_lowercase())),
        }
    }

    /// The snapshot among `entries` that is meant.
    ///
    /// # Errors
    /// [`ResolveError`].
    pub fn resolve<'a>(&self, entries: &'a [SnapshotEntry]) -> Result<&'a SnapshotEntry, ResolveError> {
        if entries.is_empty() {
            return Err(ResolveError::NoSnapshots);
        }
        let newest = |end: Timestamp| {
            let order = |entry: &&SnapshotEntry| (entry.summary.started_at, entry.summary.sequence);
            let meant = |entry: &&SnapshotEntry| {
                entry.summary.started_at < end && entry.summary.purpose.is_none_or(Purpose::is_whole)
            };
            entries.iter().filter(meant).max_by_key(order)
        };
        let found = match self {
            Self::Latest => newest(Timestamp::MAX),
            Self::Before { end, .. } => newest(*end),
            Self::Key(key) => entries.iter().find(|entry| entry.summary.document.key == *key),
            Self::Id(prefix) => {
                let found: Vec<_> = entries.iter().filter(|entry| entry.summary.id.starts_with(prefix)).collect();
                if found.len() > 1 {
                    let ids = found.iter().map(|entry| entry.summary.id.to_string()).collect();
                    return Err(ResolveError::Ambiguous { reference: self.clone(), ids });
                }
                found.first().copied()
            }
        };
        found.ok_or_else(|| ResolveError::NotFound { reference: self.clone() })
    }
}

/// The first instant after what was written: the next day, or just after the time.
fn end_of(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return time.checked_add(SignedDuration::from_nanos(1)).ok();
    }
    // A date and a time without a zone is not a date: nobody knows which instant it means.
    if text.len() != "2025-10-15".len() {
        return None;
    }
    let next = text.parse::<Date>().ok()?.tomorrow().ok()?;
    TimeZone::UTC.to_timestamp(next.to_datetime(jiff::civil::Time::midnight())).ok()
}

impl fmt::Display for SnapshotReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Latest => f.pad("latest"),
            Self::Id(text) | Self::Before { text, .. } | Self::Key(text) => f.pad(text),
        }
    }
}

impl FromStr for SnapshotReference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::manifest::tests::{draft, key};

    fn entries() -> Vec<SnapshotEntry> {
        let times =
            ["2025-10-14T23:59:59.9Z", "2025-10-15T12:00:00Z", "2025-10-15T23:59:59.999Z", "2025-10-16T00:00:00Z"];
        let mut entries: Vec<_> = times
            .iter()
            .zip(1u8..)
            .map(|(time, number)| {
                let mut draft = draft(0x10 * number);
                draft.started_at = time.parse().unwrap();
                draft.document.key = format!("2025-10-15/{number}.json");
                let manifest = draft.encode().unwrap().place(1, None, &key()).unwrap();
                SnapshotEntry { manifest_key: format!("{number}"), summary: manifest.summary }
            })
            .collect();
        entries[3].summary.id = "1010ffffffffffff".parse().unwrap();
        entries.reverse();
        entries
    }

    #[rstest]
    #[case("latest", "4")]
    #[case("@2025-10-15", "3")]
    #[case("@2025-10-14", "1")]
    #[case("@2025-10-15T12:00Z", "2")]
    #[case("@2025-10-15T11:59:59Z", "1")]
    #[case("@2025-10-15T14:00+02:00", "2")]
    #[case("@2030-01-01", "4")]
    #[case("2020202020202020", "2")]
    #[case("2020", "2")]
    #[case("1010FF", "4")]
    #[case("2025-10-15/3.json", "3")]
    fn names_one(#[case] text: &str, #[case] expected: &str) {
        let reference = SnapshotReference::parse(text).unwrap();
        assert_eq!(reference.resolve(&entries()).unwrap().manifest_key, expected);
    }

    #[rstest]
    #[case("@2025-10-13", "no snapshot is @2025-10-13")]
    #[case("1010", "several ids: 1010ffffffffffff, 1010101010101010")]
    #[case("dead", "no snapshot is dead")]
    #[case("x.json", "no snapshot is x.json")]
    fn names_none_or_several(#[case] text: &str, #[case] message: &str) {
        let error = SnapshotReference::parse(text).unwrap().resolve(&entries()).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(SnapshotReference::parse(text).unwrap().resolve(&[]), Err(ResolveError::NoSnapshots));
    }

    #[rstest]
    #[case("")]
    #[case("abc")]
    #[case("xyz12")]
    #[case("11111111111111111")]
    #[case("@yesterday")]
    #[case("@2025-13-01")]
    #[case("@2025-10-15T12:00")]
    fn is_refused(#[case] text: &str) {
        SnapshotReference::parse(text).unwrap_err();
    }
}
