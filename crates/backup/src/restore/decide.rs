//! What becomes of one parameter: a pure function of what is wanted, what is there, and the terms of the restore.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use parados_parameter::{Label, ParameterType, Tag, Tier, Version};

use super::change::{Action, Change, FieldChange, LiveState, WantedState, Warning, WarningKind};
use super::desired::{Desired, writable_tags};
use super::live::Live;
use super::placement::{Placement, dropped, place};
use super::request::Conflict;
use super::steps::{Steps, wanted_labels};
use super::version_state::VersionState;
use crate::field::Field;
use crate::fingerprint::Fingerprint;

/// What holds for all parameters of a plan.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// What becomes of one that is there and differs.
    pub(super) conflict: Conflict,
    /// Whether the older versions come to stand in a row.
    pub(super) with_history: bool,
    /// How long the store wants to be left alone between a delete and a put of one name.
    pub(super) rest_seconds: u32,
    /// As of when the source is; not known of a document.
    pub(super) source_time: Option<Timestamp>,
}

/// Deletes one that is there.
pub(super) fn delete(live: &Live) -> Change {
    let mut steps = Steps::default();
    steps.delete(0);
    Change {
        name: live.name.clone(),
        source: None,
        action: Action::Delete,
        fields: Vec::new(),
        live: Some(live_state(live)),
        wanted: None,
        steps: steps.finish(),
        reason: None,
        warnings: Vec::new(),
    }
}

/// What becomes of `desired`, of which the store has `live`.
pub(super) fn decide(desired: &Desired, live: Option<&Live>, terms: &Terms) -> Change {
    let newest = desired.versions.last().filter(|_| desired.impossible.is_none());
    let mut change = Change {
        name: live.map_or(&desired.name, |live| &live.name).clone(),
        source: Some(desired.source.clone()),
        action: Action::Impossible,
        fields: Vec::new(),
        live: live.map(live_state),
        wanted: newest.map(|newest| WantedState {
            version: newest.version,
            last_modified_date: newest.last_modified_date,
            fingerprint: newest.fingerprint,
        }),
        steps: Vec::new(),
        reason: None,
        warnings: Vec::new(),
    };
    let Some(newest) = newest else {
        change.reason = desired.impossible.clone().or_else(|| desired.refusal.clone());
        return change;
    };
    let mut steps = Steps::default();
    let puts = match live {
        None => {
            change.action = Action::Create;
            steps.create(&desired.versions, desired.tags.as_deref().unwrap_or_default());
            warn_of_key(newest, None, &mut change);
            true
        }
        Some(live) => match compare(desired, newest, live, terms, &mut change) {
            Ok(update) => update.write(desired, live, terms, &mut steps, &mut change),
            Err(reason) => {
                change.reason = Some(reason);
                return change;
            }
        },
    };
    settle(desired, terms, puts, steps, &mut change);
    change
}

/// How what is wanted and what is there compare.
struct Update<'a> {
    wanted: &'a [VersionState],
    has_labels: bool,
    placement: Placement,
    tags: Option<(Vec<Tag>, &'a [Tag])>,
}

fn compare<'a>(
    desired: &'a Desired,
    newest: &VersionState,
    live: &Live,
    terms: &Terms,
    change: &mut Change,
) -> Result<Update<'a>, String> {
    let knows = live.has_history;
    // Without the store's own versions nothing can be said of any but the newest.
    let wanted = if knows { &desired.versions[..] } else { &desired.versions[desired.versions.len() - 1..] };
    let has_labels = knows && desired.has_labels;
    let there = if knows { &live.versions[..] } else { &live.versions[live.versions.len() - 1..] };
    let different = live.newest().differing(newest);
    let is_right = different.is_empty();
    for field in different {
        let (from, to) = (live.newest().in_words(field), newest.in_words(field));
        change.fields.push(FieldChange { field, from, to });
    }
    let current_tags = live.tags.as_deref().map(writable_tags);
    let tags = current_tags.zip(desired.tags.as_deref()).filter(|(current, wanted)| current != wanted);
    if let Some((current, wanted)) = &tags {
        change.fields.push(FieldChange { field: Field::Tags, from: tag_words(current), to: tag_words(wanted) });
    }
    let placement = place(there, wanted, is_right, terms.with_history && knows);
    let (at, current) = (wanted_labels(wanted, &placement), live.labels());
    let is_labelled_otherwise = by_value(there) != by_value(wanted) || (placement.puts == 0 && at != current);
    if has_labels && is_labelled_otherwise {
        let words = |labels: &BTreeMap<&Label, Version>| {
            let words: Vec<_> = labels.iter().map(|(label, version)| format!("{label} on {version}")).collect();
            (!words.is_empty()).then(|| words.join(", "))
        };
        change.fields.push(FieldChange { field: Field::Labels, from: words(&current), to: words(&at) });
    }
    if terms.with_history && knows && placement.puts > usize::from(!is_right) {
        let words = |versions: &[VersionState]| Some(format!("{} versions", versions.len()));
        change.fields.push(FieldChange { field: Field::History, from: words(there), to: words(wanted) });
    }
    if !has_labels
        && let Some(label) = there[..dropped(there.len(), placement.puts)].iter().find_map(|one| one.labels.first())
    {
        return Err(format!(
            "the oldest of its 100 versions bears a label ({label}), so the store takes no other version; restore the labels too, \
             or move it to a newer version"
        ));
    }
    Ok(Update { wanted, has_labels, placement, tags })
}

impl Update<'_> {
    /// Says what is done and how, and whether something is put.
    fn write(self, desired: &Desired, live: &Live, terms: &Terms, steps: &mut Steps, change: &mut Change) -> bool {
        let Some(newest) = desired.versions.last() else { return false };
        if change.fields.is_empty() {
            change.action = Action::Unchanged;
            return false;
        }
        let puts = self.placement.puts;
        if newest.tier == Some(Tier::Standard) && live.newest().tier == Some(Tier::Advanced) {
            change.action = Action::Replace;
            steps.delete(terms.rest_seconds);
            let tags = desired.tags.clone().or_else(|| live.tags.as_deref().map(writable_tags));
            steps.create(&desired.versions, &tags.unwrap_or_default());
            let message = format!("it is deleted with its {} versions, and made anew", live.newest().version);
            change.warnings.push(Warning { kind: WarningKind::Versions, message });
            warn_of_key(newest, None, change);
        } else {
            change.action = Action::Update;
            steps.update(live, self.wanted, &self.placement, self.has_labels);
            if let Some((current, wanted)) = &self.tags {
                steps.tag(current, wanted);
            }
            if puts > 0 {
                warn_of_key(newest, Some(live.newest()), change);
            }
        }
        if change.fields.iter().any(|one| one.field == Field::Value) {
            warn_of_stale_secret(newest, live.newest(), terms, change);
        }
        puts > 0 || change.action == Action::Replace
    }
}

/// What is done of what could be: not what the store refuses, and not over one that is there where that is not wanted.
fn settle(desired: &Desired, terms: &Terms, puts: bool, steps: Steps, change: &mut Change) {
    match (change.action, terms.conflict) {
        (Action::Unchanged, _) => return,
        (Action::Update | Action::Replace, Conflict::Skip) => {
            change.action = Action::Skip;
            change.reason = Some("it is there and differs, and is left as it is".to_owned());
        }
        (Action::Update | Action::Replace, Conflict::Fail) => {
            change.action = Action::Conflict;
            change.reason = Some("it is there and differs".to_owned());
        }
        _ if puts && desired.refusal.is_some() => {
            change.action = Action::Impossible;
            change.reason = desired.refusal.clone();
        }
        _ => {
            change.steps = steps.finish();
            change
                .warnings
                .extend(desired.warnings.iter().filter(|one| puts || one.kind == WarningKind::Tags).cloned());
        }
    }
    if !change.action.writes() {
        change.warnings.clear();
    }
}

fn warn_of_key(newest: &VersionState, live: Option<&VersionState>, change: &mut Change) {
    let is_known = newest.key_id.is_some() || live.is_some_and(|live| live.key_id.is_some());
    if newest.parameter_type == ParameterType::SecureString && !is_known {
        let message = "the source does not say under which key it is encrypted, so the store's own is taken; --key '*=KEY' names one";
        change.warnings.push(Warning { kind: WarningKind::UnknownKey, message: message.to_owned() });
    }
}

fn warn_of_stale_secret(newest: &VersionState, live: &VersionState, terms: &Terms, change: &mut Change) {
    let is_secret = [newest, live].iter().any(|one| one.parameter_type == ParameterType::SecureString);
    let since = terms.source_time.unwrap_or(newest.last_modified_date);
    if is_secret && live.last_modified_date > since {
        let message = format!(
            "its value was changed at {}, after what is restored was read: this brings the old secret back",
            live.last_modified_date
        );
        change.warnings.push(Warning { kind: WarningKind::StaleSecret, message });
    }
}

fn live_state(live: &Live) -> LiveState {
    let newest = live.newest();
    LiveState {
        version: newest.version,
        last_modified_date: newest.last_modified_date,
        fingerprint: newest.fingerprint,
    }
}

/// The labels of a version, and its type and value, which of the newest are compared elsewhere.
type Labelled<'a> = (Option<(ParameterType, Fingerprint)>, BTreeSet<&'a Label>);

/// The labels of versions by their position from the newest: those of the newest, and each older version that bears any by its
/// type and value.
fn by_value(versions: &[VersionState]) -> Vec<Labelled<'_>> {
    let newest = versions.len().saturating_sub(1);
    let labelled = versions.iter().enumerate().filter(|(index, one)| *index == newest || !one.labels.is_empty());
    labelled
        .map(|(index, one)| {
            let value = (index != newest).then_some((one.parameter_type, one.fingerprint));
            (value, one.labels.iter().collect())
        })
        .collect()
}

fn tag_words(tags: &[Tag]) -> Option<String> {
    let words: Vec<_> = tags.iter().map(|tag| format!("{}={}", tag.key(), tag.value())).collect();
    (!words.is_empty()).then(|| words.join(", "))
}
