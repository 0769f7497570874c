//! What happened to parameters: the events that a database keeps of its own writes.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::Timestamp;
use parados_parameter::{AccountRegion, Label, ParameterName, ParameterType, Version};
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

/// How far the times of changes may be out of the order of changes, in milliseconds: clocks of servers differ, and a write waits for its turn.
pub(crate) const OUT_OF_ORDER: i64 = 60_000;

/// What happened, in the words of Parameter Store's events where it has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChangeKind {
    /// Version 1 was put.
    Create,
    /// A further version was put.
    Update,
    /// It was deleted, by a caller.
    Delete,
    /// Labels were set on a version, or moved to it.
    LabelParameterVersion,
    /// Labels were taken off a version.
    UnlabelParameterVersion,
    /// Tags were added or changed.
    AddTags,
    /// Tags were taken off.
    RemoveTags,
    /// It was deleted, because its Expiration policy says so.
    Expiration,
    /// Its ExpirationNotification policy says that it will expire.
    ExpirationNotification,
    /// Its NoChangeNotification policy says that it was not changed for too long.
    NoChangeNotification,
}

impl ChangeKind {
    /// Every kind.
    pub const ALL: &[Self] = &[
        Self::Create,
        Self::Update,
        Self::Delete,
        Self::LabelParameterVersion,
        Self::UnlabelParameterVersion,
        Self::AddTags,
        Self::RemoveTags,
        Self::Expiration,
        Self::ExpirationNotification,
        Self::NoChangeNotification,
    ];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "Create",
            Self::Update => "Update",
            Self::Delete => "Delete",
            Self::LabelParameterVersion => "LabelParameterVersion",
            Self::UnlabelParameterVersion => "UnlabelParameterVersion",
            Self::AddTags => "AddTags",
            Self::RemoveTags => "RemoveTags",
            Self::Expiration => "Expiration",
            Self::ExpirationNotification => "ExpirationNotification",
            Self::NoChangeNotification => "NoChangeNotification",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }
}

/// One thing that happened to one parameter. It holds no value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where in the order of changes; it also names the change.
    pub cursor: ChangeCursor,
    /// When.
    pub at: Timestamp,
    /// The account and Region.
    pub place: AccountRegion,
    /// The parameter.
    pub name: ParameterName,
    /// What happened.
    pub kind: ChangeKind,
    /// Its type then.
    pub parameter_type: ParameterType,
    /// The version that was put or labelled; the newest one where the change is of the whole parameter.
    pub version: Version,
    /// The labels that were set or taken off; empty for other kinds.
    pub labels: Vec<Label>,
    /// By whom; none where a policy did it.
    pub user: Option<String>,
}

/// A place in the order of changes of one database. Opaque outside of it; kept as text.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ChangeCursor {
    /// First by this (the transaction, where a database commits several at once), …
    pub(crate) major: i64,
    /// … then by this.
    pub(crate) minor: i64,
}

/// Some changes, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangePage {
    /// They are settled: no later page holds one that comes before any of these.
    pub changes: Vec<Change>,
    /// Whether changes between the cursor that was asked and the first of these were forgotten.
    pub is_behind_a_gap: bool,
}

/// Tells a cache what it has to forget, and how fresh that knowledge is.
///
/// * A write through this database value is sent before the write returns; one by another process is sent when it is noticed.
/// * [`seen_until`](Self::seen_until) is a moment such that every change committed before it, by whichever process, was sent
///   before it was set. A cache that must not be staler than a bound serves nothing when that moment is longer ago than the bound.
/// * A receiver that lags, or sees [`None`], forgets everything.
#[derive(Debug)]
pub struct ChangeWatch {
    /// What changed; [`None`] when what changed is not known.
    pub changed: broadcast::Receiver<Option<(AccountRegion, ParameterName)>>,
    /// See [`seen_until`](Self::seen_until).
    pub(crate) seen_until_milliseconds: Arc<AtomicI64>,
}

impl ChangeWatch {
    /// A watch of what cannot be watched: nothing is ever sent, and nothing is ever known to have been seen.
    pub fn blind() -> Self {
        let (_, changed) = broadcast::channel(1);
        Self::new(changed, Arc::new(AtomicI64::new(i64::MIN)))
    }

    /// A watch of what is sent to `changed`, by a database that sets `seen_until_milliseconds` as [`seen_until`](Self::seen_until) says.
    pub fn new(
        changed: broadcast::Receiver<Option<(AccountRegion, ParameterName)>>,
        seen_until_milliseconds: Arc<AtomicI64>,
    ) -> Self {
        Self { changed, seen_until_milliseconds }
    }

    /// The moment up to which everything was sent, in milliseconds since the database was opened, by the same monotonic clock as
    /// the database's [`elapsed`](crate::ParameterDatabase::elapsed).
    pub fn seen_until(&self) -> i64 {
        self.seen_until_milliseconds.load(Ordering::Acquire)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_stored_as_it_is_serialised() {
        for kind in ChangeKind::ALL {
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.as_str());
            assert_eq!(ChangeKind::from_name(kind.as_str()), Some(*kind));
        }
        assert_eq!(ChangeKind::from_name("Rename"), None);
    }
}
