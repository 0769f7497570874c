//! What is wanted: the records of the source after selection, time, and the maps of names and keys. No I/O, and no value is kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use parados_parameter::rules::{Occupancy, list_tags_of, plan_put};
use parados_parameter::{
    Annotations, Label, MAX_NAME_CHARS, MAX_VERSIONS, ParameterMetadata, ParameterName, ParameterType, PutRequest,
    Secret, Tag, Tier, TierRequest, Version,
};

use super::change::{Warning, WarningKind};
use super::expiry;
use super::plan::StoreIdentity;
use super::request::RestoreRequest;
use super::transform::{map_key, map_name};
use super::version_state::VersionState;
use crate::document::ParameterRecord;
use crate::fingerprint::FingerprintKey;
use crate::target::StoreKind;

/// A parameter as it is wanted in the store.
#[derive(Clone, Debug)]
pub(super) struct Desired {
    /// Its name in the source.
    pub(super) source: ParameterName,
    /// Its name in the store.
    pub(super) name: ParameterName,
    /// The versions that are wanted, the oldest first; never empty.
    pub(super) versions: Vec<VersionState>,
    /// The tags, without AWS's own; absent where they are not known.
    pub(super) tags: Option<Vec<Tag>>,
    /// Whether the versions' labels are known, and wanted.
    pub(super) has_labels: bool,
    /// Why it cannot be had from the source at all.
    pub(super) impossible: Option<String>,
    /// Why a put of it would be refused.
    pub(super) refusal: Option<String>,
    /// What whoever approves a put of it should know.
    pub(super) warnings: Vec<Warning>,
}

/// What is wanted of a source.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// In the source's order.
    pub(super) desired: Vec<Desired>,
    /// Parameters that did not exist at the time that is asked for, as far as the source tells.
    pub(super) not_yet: u64,
    /// Parameters whose tags the source does not tell.
    pub(super) without_tags: u64,
    /// Parameters whose labels the source does not tell.
    pub(super) without_labels: u64,
    /// Parameters of which older versions are asked for that the source does not have.
    pub(super) without_history: u64,
}

/// Turns records into wishes.
#[derive(Debug)]
pub(super) struct Wisher {
    pub(super) request: RestoreRequest,
    pub(super) into: StoreIdentity,
    pub(super) fingerprints: Arc<FingerprintKey>,
    pub(super) now: Timestamp,
}

/// Which of the versions is the one of the time that is asked for.
enum Chosen {
    Version(usize),
    NotYet,
    Unknown(String),
}

impl Wisher {
    /// Adds what is wanted of `record`.
    pub(super) fn take(&self, wishes: &mut Wishes, record: &ParameterRecord) {
        if !self.selects(record) {
            return;
        }
        let mut versions = self.versions(record);
        let mut impossible = None;
        match self.choose(&versions) {
            Chosen::Version(at) => versions.truncate(at + 1),
            Chosen::NotYet => {
                wishes.not_yet += 1;
                return;
            }
            Chosen::Unknown(reason) => impossible = Some(reason),
        }
        let has_labels = self.request.with_labels && record.labels.is_some();
        wishes.without_tags += u64::from(record.tags.is_none());
        wishes.without_labels += u64::from(self.request.with_labels && record.labels.is_none());
        // Stores number without gaps and drop the oldest alone.
        let kept = usize::try_from(record.version.get()).unwrap_or(MAX_VERSIONS).min(MAX_VERSIONS);
        let is_whole = record.history.as_ref().is_some_and(|history| history.len() + 1 == kept);
        wishes.without_history += u64::from(self.request.with_history && !is_whole);

        let mut desired = Desired {
            source: record.name.clone(),
            name: map_name(&self.request.maps, &record.name),
            versions: Vec::new(),
            tags: record.tags.as_deref().map(writable_tags),
            has_labels,
            impossible,
            refusal: None,
            warnings: Vec::new(),
        };
        self.warn_of_tags(record, &mut desired);
        self.take_versions(versions, &mut desired);
        wishes.desired.push(desired);
    }

    fn selects(&self, record: &ParameterRecord) -> bool {
        let RestoreRequest { selector, names, .. } = &self.request;
        if !selector.matches_name(&record.name) || names.as_ref().is_some_and(|names| !names.contains(&record.name)) {
            return false;
        }
        let tags = record.tags.clone().unwrap_or_default();
        selector.matches(&ParameterMetadata {
            name: record.name.clone(),
            arn: None,
            parameter_type: record.parameter_type,
            key_id: record.key_id.clone(),
            last_modified_date: record.last_modified_date,
            last_modified_user: None,
            description: None,
            allowed_pattern: None,
            version: record.version,
            tier: record.tier.unwrap_or_default(),
            policies: Vec::new(),
            data_type: record.data_type.clone(),
            annotations: Some(Annotations { tags, labels: Vec::new() }),
        })
    }

    /// Every version that the record has, the oldest first, with its value.
    fn versions<'a>(&self, record: &'a ParameterRecord) -> Vec<(VersionState, &'a Secret)> {
        let older = record.history.iter().flatten().filter(|older| older.version < record.version);
        let mut versions: Vec<_> =
            older.map(|older| (VersionState::older(older, &self.fingerprints), &older.value)).collect();
        versions.sort_by_key(|(version, _)| version.version);
        versions.dedup_by_key(|(version, _)| version.version);
        versions.push((VersionState::newest(record, &self.fingerprints), &record.value));
        for (version, _) in &mut versions {
            version.key_id = match version.parameter_type {
                ParameterType::SecureString => map_key(&self.request.keys, version.key_id.as_ref()),
                ParameterType::String | ParameterType::StringList => None,
            };
        }
        versions
    }

    /// The version that was the newest at the time that is asked for. Only when the version after it is there too is it known to
    /// have been so.
    fn choose(&self, versions: &[(VersionState, &Secret)]) -> Chosen {
        let newest = versions.len() - 1;
        let Some(at) = self.request.at else { return Chosen::Version(newest) };
        let of = |index: usize| &versions[index].0;
        match versions.iter().rposition(|(version, _)| version.last_modified_date <= at) {
            Some(index) if index == newest || of(index).version.next() == of(index + 1).version => {
                Chosen::Version(index)
            }
            None if of(0).version == Version::FIRST => Chosen::NotYet,
            _ => Chosen::Unknown(format!(
                "the source does not have the version of {at}; a snapshot of about that time, or one with all versions, may"
            )),
        }
    }

    fn warn_of_tags(&self, record: &ParameterRecord, desired: &mut Desired) {
        let own = record.tags.iter().flatten().filter(|tag| tag.key().starts_with("aws:"));
        let own: Vec<_> = own.map(Tag::key).collect();
        if !own.is_empty() {
            let message = format!("nobody but AWS can write its tags: {}", own.join(", "));
            desired.warnings.push(Warning { kind: WarningKind::Tags, message });
        }
    }

    /// Keeps of `versions` what is wanted, and of that what can be put.
    fn take_versions(&self, versions: Vec<(VersionState, &Secret)>, desired: &mut Desired) {
        let count = versions.len();
        let newest_tier = versions.last().and_then(|(newest, _)| newest.tier);
        let (mut least_tier, mut labels_seen) = (Tier::Standard, BTreeSet::new());
        // A label lives on one version: should the source have it on two, the newest counts.
        let mut kept_labels: Vec<Vec<Label>> = versions
            .iter()
            .rev()
            .map(|(version, _)| {
                let wanted = version.labels.iter().filter(|_| desired.has_labels);
                wanted.filter(|label| labels_seen.insert((*label).clone())).cloned().collect()
            })
            .collect();
        for (index, (mut version, value)) in versions.into_iter().enumerate() {
            let is_newest = index + 1 == count;
            version.labels = kept_labels.pop().unwrap_or_default();
            self.keep_valid_labels(&mut version, desired);
            let is_wanted = is_newest || self.request.with_history || !version.labels.is_empty();
            if !is_wanted || count - index > MAX_VERSIONS {
                continue;
            }
            if !is_newest {
                version.policies = expiry::without_expired(&version.policies, self.now).unwrap_or(version.policies);
                // A put never takes the tier down, so an older version goes no higher than the newest.
                let highest = newest_tier.unwrap_or(Tier::Advanced);
                version.tier = version.tier.map(|tier| tier.max(least_tier).min(highest));
                least_tier = version.tier.unwrap_or(least_tier);
                if version.tier == Some(Tier::Standard) {
                    version.policies.clear();
                }
            } else {
                self.keep_expiration(&mut version, desired);
            }
            match (self.refusal(&desired.name, &version, value, desired.tags.as_deref()), is_newest) {
                (Some(reason), true) => desired.refusal = desired.refusal.take().or(Some(reason)),
                (Some(reason), false) => {
                    let labels: Vec<_> = version.labels.iter().map(Label::as_str).collect();
                    let labels = if labels.is_empty() { String::new() } else { format!(" ({})", labels.join(", ")) };
                    let message = format!("version {}{labels} cannot come back: {reason}", version.version);
                    desired.warnings.push(Warning { kind: WarningKind::Versions, message });
                    continue;
                }
                (None, _) => {}
            }
            desired.versions.push(version);
        }
    }

    fn keep_valid_labels(&self, version: &mut VersionState, desired: &mut Desired) {
        let is_valid = |label: &Label| Label::parse(label.as_str()).is_ok();
        for label in version.labels.iter().filter(|label| !is_valid(label)) {
            let message = format!("the label {label} of version {} is none that can be set", version.version);
            desired.warnings.push(Warning { kind: WarningKind::Versions, message });
        }
        version.labels.retain(is_valid);
    }

    /// An expiration in the past would delete the parameter: it is left out, where that was asked for, or refused.
    fn keep_expiration(&self, version: &mut VersionState, desired: &mut Desired) {
        let Some(expires) = expiry::expires_at(&version.policies) else { return };
        match expiry::without_expired(&version.policies, self.now) {
            Some(policies) if self.request.drop_expired => {
                version.policies = policies;
                let message = format!("its expiration of {expires} is past and is left out");
                desired.warnings.push(Warning { kind: WarningKind::DroppedPolicy, message });
            }
            Some(_) => {
                desired.refusal = Some(format!(
                    "its policy has expired it at {expires}, so it would be deleted at once; --drop-expired leaves the \
                     expiration out"
                ));
            }
            None if expiry::is_soon(expires, self.now) => {
                let message = format!("its policy expires it at {expires}, and then it is deleted");
                desired.warnings.push(Warning { kind: WarningKind::ExpiringPolicy, message });
            }
            None => {}
        }
    }

    /// Why the store would refuse a put. Of what AWS may have learned since (data types, policies), and of what it reads otherwise
    /// (patterns), AWS is left to judge.
    fn refusal(
        &self,
        name: &ParameterName,
        version: &VersionState,
        value: &Secret,
        tags: Option<&[Tag]>,
    ) -> Option<String> {
        let is_aws = self.into.kind == StoreKind::Aws;
        let tier = version.tier.map_or(TierRequest::IntelligentTiering, TierRequest::from);
        let request = PutRequest {
            parameter_type: Some(version.parameter_type),
            key_id: version.key_id.clone(),
            description: version.description.clone(),
            allowed_pattern: version.allowed_pattern.clone().filter(|_| !is_aws),
            tags: tags.unwrap_or_default().to_vec(),
            tier: Some(tier),
            policies: Some(version.policies.clone()).filter(|_| !is_aws),
            data_type: Some(version.data_type.clone()).filter(|data_type| !is_aws || data_type.is_known()),
            ..PutRequest::new(name.clone(), value.clone())
        };
        let in_arn = name.arn(self.into.partition(), &self.into.region, &self.into.account).chars().count();
        match plan_put(&request, None, Occupancy::UNLIMITED) {
            Err(error) => Some(error.message),
            Ok(_) if is_aws && in_arn > MAX_NAME_CHARS => {
                Some(format!("its name has {in_arn} characters with the ARN before it, and at most 1011 are allowed"))
            }
            Ok(_) => None,
        }
    }
}

/// Tags as they can be written: sorted, each key once, without AWS's own.
pub(super) fn writable_tags(tags: &[Tag]) -> Vec<Tag> {
    let tags = tags.iter().filter(|tag| !tag.key().starts_with("aws:"));
    list_tags_of(tags.map(|tag| (tag.key(), tag.value())))
}
