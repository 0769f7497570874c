//! What is known of one parameter, life by life: from its creation to its deletion, and again.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use parados_parameter::{ParameterName, Version};

use super::record::Told;
use super::{LifeEvent, LifeKind};
use crate::compare::entry::Entry;
use crate::field::Field;
use crate::fingerprint::FingerprintKeyId;
use crate::manifest::SnapshotId;
use crate::target::Target;

/// What a snapshot, or the store, shows at one time.
pub(super) struct View {
    pub(super) at: Timestamp,
    /// Absent for a store.
    pub(super) snapshot: Option<SnapshotId>,
    pub(super) key: FingerprintKeyId,
    /// In words: what was not selected is not gone.
    pub(super) selector: String,
    pub(super) unread: BTreeSet<ParameterName>,
    /// In the order of their names.
    pub(super) entries: Vec<Entry>,
}

/// What is known of one parameter.
#[derive(Debug, Default)]
pub(super) struct Trace {
    /// The oldest first; each but the last one has ended.
    lives: Vec<Life>,
}

/// From a creation to a deletion.
#[derive(Debug, Default)]
struct Life {
    versions: BTreeMap<Version, Fact>,
    /// Changes that made no version.
    annotated: Vec<Annotation>,
    last: Option<Seen>,
    end: Option<End>,
}

/// What is known of a version.
#[derive(Debug)]
struct Fact {
    at: Timestamp,
    by: Option<String>,
    /// As of the version before, where that is known.
    fields: Option<Vec<Field>>,
    /// The first snapshot that shows it.
    snapshot: Option<SnapshotId>,
}

#[derive(Debug)]
struct Annotation {
    version: Version,
    after: Timestamp,
    at: Timestamp,
    fields: Vec<Field>,
    snapshot: Option<SnapshotId>,
}

/// As it was seen last.
#[derive(Clone, Debug)]
struct Seen {
    at: Timestamp,
    snapshot: Option<SnapshotId>,
    key: FingerprintKeyId,
    selector: String,
    entry: Entry,
}

#[derive(Debug)]
struct End {
    after: Timestamp,
    at: Timestamp,
    snapshot: Option<SnapshotId>,
}

/// Takes in what is shown at the next time.
pub(super) fn observe(traces: &mut BTreeMap<ParameterName, Trace>, view: View) {
    let View { at, snapshot, key, selector, unread, entries } = view;
    let there: BTreeSet<_> = entries.iter().map(|entry| entry.name.clone()).collect();
    for (name, trace) in traces.iter_mut() {
        if !there.contains(name) && !unread.contains(name) {
            trace.gone(at, snapshot, &selector);
        }
    }
    for entry in entries {
        let seen = Seen { at, snapshot, key: key.clone(), selector: selector.clone(), entry };
        traces.entry(seen.entry.name.clone()).or_default().there(seen);
    }
}

impl Trace {
    fn there(&mut self, seen: Seen) {
        let goes_on = self.lives.last().is_some_and(|life| life.end.is_none());
        if !goes_on {
            self.lives.push(Life::default());
        } else if let Some(life) = self.lives.last_mut()
            && let Some(last) = &life.last
            && was_recreated(&last.entry, &seen.entry)
        {
            life.end = Some(End { after: last.at, at: seen.entry.last_modified_date, snapshot: seen.snapshot });
            self.lives.push(Life::default());
        }
        if let Some(life) = self.lives.last_mut() {
            life.see(seen);
        }
    }

    /// It was not there, although what it was selected by selects it.
    fn gone(&mut self, at: Timestamp, snapshot: Option<SnapshotId>, selector: &str) {
        let Some(life) = self.lives.last_mut().filter(|life| life.end.is_none()) else { return };
        let Some(last) = life.last.as_ref().filter(|last| last.selector == selector) else { return };
        life.end = Some(End { after: last.at, at, snapshot });
    }

    /// Takes in what a record says of its versions, the newest last.
    pub(super) fn learn(&mut self, told: &[Told]) {
        let Some(newest) = told.last() else { return };
        let of = |life: &&mut Life| life.versions.get(&newest.version).is_some_and(|fact| fact.at == newest.at);
        let Some(life) = self.lives.iter_mut().rev().find(of) else { return };
        for told in told {
            let fact = life.versions.entry(told.version).or_insert(Fact {
                at: told.at,
                by: None,
                fields: None,
                snapshot: None,
            });
            fact.by = fact.by.take().or_else(|| told.by.clone());
            // The history tells from one version to the next, a manifest from one snapshot to the next: both are true, and what
            // changes without a version (tags, labels) is only in the latter.
            match (&mut fact.fields, &told.fields) {
                (Some(fields), Some(told)) => {
                    fields.retain(|field| matches!(field, Field::Tags | Field::Labels));
                    fields.extend(told);
                    fields.sort_unstable();
                    fields.dedup();
                }
                (fields @ None, told) => fields.clone_from(told),
                (Some(_), None) => {}
            }
        }
    }

    /// The snapshots at which each life was seen last.
    pub(super) fn last_seen(&self) -> impl Iterator<Item = SnapshotId> {
        self.lives.iter().filter_map(|life| life.last.as_ref()?.snapshot)
    }

    /// The snapshots that first show a version whose author is not known.
    pub(super) fn without_author(&self) -> impl Iterator<Item = SnapshotId> {
        let facts = self.lives.iter().flat_map(|life| life.versions.values());
        facts.filter(|fact| fact.by.is_none()).filter_map(|fact| fact.snapshot)
    }

    /// What happened, in the order of time.
    pub(super) fn events(self, name: &ParameterName, target: &Target) -> Vec<LifeEvent> {
        let mut events = Vec::new();
        for (number, life) in self.lives.into_iter().enumerate() {
            life.tell(number > 0, name, target, &mut events);
        }
        events
    }
}

impl Life {
    fn see(&mut self, seen: Seen) {
        let entry = &seen.entry;
        let fields = self.last.as_ref().and_then(|last| {
            let Entry { parameter_type, fingerprint, fields, .. } = &last.entry;
            let both = fields.as_ref().zip(entry.fields.as_ref()).filter(|_| last.key == seen.key)?;
            let mut changed = Vec::new();
            changed.extend((*parameter_type != entry.parameter_type).then_some(Field::Type));
            changed.extend((*fingerprint != entry.fingerprint).then_some(Field::Value));
            changed.extend(both.0.differing(both.1));
            Some(changed)
        });
        let is_new = !self.versions.contains_key(&entry.version);
        if is_new {
            let fact = Fact { at: entry.last_modified_date, by: None, fields, snapshot: seen.snapshot };
            self.versions.insert(entry.version, fact);
        } else if let (Some(fields), Some(last)) = (fields.filter(|fields| !fields.is_empty()), &self.last) {
            let (after, at) = (last.at, seen.at);
            self.annotated.push(Annotation { version: entry.version, after, at, fields, snapshot: seen.snapshot });
        }
        self.last = Some(seen);
    }

    fn tell(self, again: bool, name: &ParameterName, target: &Target, events: &mut Vec<LifeEvent>) {
        let begin = events.len();
        let event = |kind, at, version| LifeEvent {
            name: name.clone(),
            target: target.clone(),
            kind,
            at,
            not_before: None,
            version,
            by: None,
            fields: None,
            unknown_before: 0,
            snapshot: None,
        };
        let last = self.versions.keys().next_back().copied();
        let mut previous = None::<Version>;
        for (version, fact) in self.versions {
            let kind = match (previous, version == Version::FIRST, again) {
                (Some(_), ..) => LifeKind::Changed,
                (None, true, false) => LifeKind::Created,
                (None, true, true) => LifeKind::Recreated,
                (None, false, _) => LifeKind::Known,
            };
            let before = previous.map_or(0, Version::get);
            let unknown_before = u64::try_from(version.get() - before - 1).unwrap_or_default();
            let Fact { at, by, fields, snapshot } = fact;
            let fields = if previous.is_some() { fields } else { None };
            events.push(LifeEvent { by, fields, snapshot, unknown_before, ..event(kind, at, version) });
            previous = Some(version);
        }
        for Annotation { version, after, at, fields, snapshot } in self.annotated {
            let (not_before, fields) = (Some(after), Some(fields));
            events.push(LifeEvent { not_before, fields, snapshot, ..event(LifeKind::Annotated, at, version) });
        }
        events[begin..].sort_by_key(|event| (event.at, event.version));
        if let (Some(End { after, at, snapshot }), Some(version)) = (self.end, last) {
            events.push(LifeEvent { not_before: Some(after), snapshot, ..event(LifeKind::Deleted, at, version) });
        }
    }
}

/// A put raises the version; only after a deletion does it begin at 1 again.
fn was_recreated(before: &Entry, after: &Entry) -> bool {
    after.last_modified_date > before.last_modified_date && after.version <= before.version
}
