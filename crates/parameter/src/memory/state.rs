//! What the memory store holds, and the operations on one parameter of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;

use super::MemoryStoreOptions;
use crate::error::Result;
use crate::rules::{self, Occupancy, Retention};
use crate::{
    Annotations, GetManyOutcome, Label, LabelOutcome, MAX_TAG_NAMES, Operation, Parameter, ParameterMetadata,
    ParameterName, ParameterReference, PutOutcome, PutRequest, Secret, Tag, Tier, UnlabelOutcome, Version,
    VersionReference,
};

/// Every parameter, by its name without the leading `/`.
#[derive(Default)]
pub(super) struct State {
    pub(super) parameters: BTreeMap<Box<str>, Stored>,
    advanced: usize,
}

/// A parameter: never without a version.
pub(super) struct Stored {
    /// Oldest first.
    pub(super) versions: VecDeque<StoredVersion>,
    /// Sorted by key.
    pub(super) tags: Vec<Tag>,
}

/// A version of a parameter.
pub(super) struct StoredVersion {
    /// Without annotations.
    pub(super) metadata: ParameterMetadata,
    pub(super) value: Secret,
    pub(super) labels: BTreeSet<Label>,
}

impl Stored {
    pub(super) fn newest(&self) -> &StoredVersion {
        self.versions.back().expect("a stored parameter has a version from its creation to its deletion")
    }

    pub(super) fn annotations(&self) -> Annotations {
        let labels = self
            .versions
            .iter()
            .flat_map(|version| version.labels.iter().map(|label| (version.metadata.version, label.clone())));
        Annotations { tags: self.tags.clone(), labels: labels.collect() }
    }

    fn position(&self, version: Version) -> Option<usize> {
        self.versions.iter().position(|stored| stored.metadata.version == version)
    }
}

impl StoredVersion {
    pub(super) fn parameter(&self) -> Parameter {
        let metadata = &self.metadata;
        Parameter {
            name: metadata.name.clone(),
            parameter_type: metadata.parameter_type,
            value: self.value.clone(),
            version: metadata.version,
            last_modified_date: metadata.last_modified_date,
            arn: metadata.arn.clone(),
            data_type: metadata.data_type.clone(),
        }
    }
}

impl State {
    pub(super) fn find(&self, name: &ParameterName) -> Option<&Stored> {
        self.parameters.get(name.canonical())
    }

    pub(super) fn get(&self, reference: &ParameterReference) -> Result<Parameter> {
        let operation = Operation::GetParameter;
        let name = &reference.name;
        let stored = self.find(name).ok_or_else(|| rules::not_found(operation, name))?;
        let version = match &reference.at {
            None => stored.newest(),
            Some(VersionReference::Version(version)) => stored
                .position(*version)
                .map(|position| &stored.versions[position])
                .ok_or_else(|| rules::version_not_found(operation, name, version))?,
            Some(VersionReference::Label(label)) => stored
                .versions
                .iter()
                .find(|version| version.labels.contains(label))
                .ok_or_else(|| rules::version_not_found(operation, name, label))?,
        };
        Ok(version.parameter())
    }

    pub(super) fn get_many(&self, names: &[ParameterName]) -> Result<GetManyOutcome> {
        rules::check_get_many(names)?;
        let mut outcome = GetManyOutcome::default();
        for name in names {
            match self.find(name) {
                Some(stored) => outcome.parameters.push(stored.newest().parameter()),
                None => outcome.invalid.push(name.clone()),
            }
        }
        Ok(outcome)
    }

    pub(super) fn tags(&self, names: &[ParameterName]) -> Result<BTreeMap<ParameterName, Vec<Tag>>> {
        rules::check_tags(names)?;
        let tagged = |name: &ParameterName| Some(self.find(name)?.tags.clone()).filter(|tags| !tags.is_empty());
        Ok(names.iter().filter_map(|name| Some((name.clone(), tagged(name)?))).collect())
    }

    pub(super) fn all_tags(&self) -> Option<BTreeMap<ParameterName, Vec<Tag>>> {
        let tagged = self.parameters.values().filter(|stored| !stored.tags.is_empty());
        let all: BTreeMap<_, _> =
            tagged.map(|stored| (stored.newest().metadata.name.clone(), stored.tags.clone())).collect();
        (all.len() <= MAX_TAG_NAMES).then_some(all)
    }

    pub(super) fn list_tags(&self, name: &ParameterName) -> Result<Vec<Tag>> {
        let stored = self.find(name).ok_or_else(|| rules::no_such_resource(Operation::ListTagsForResource, name))?;
        Ok(stored.tags.clone())
    }

    pub(super) fn put(
        &mut self,
        options: &MemoryStoreOptions,
        now: Timestamp,
        request: &PutRequest,
    ) -> Result<PutOutcome> {
        let occupancy = Occupancy {
            standard_is_full: options
                .standard_limit
                .is_some_and(|limit| self.parameters.len() - self.advanced >= limit),
            advanced_is_full: options.advanced_limit.is_some_and(|limit| self.advanced >= limit),
        };
        let stored = self.parameters.get_mut(request.name.canonical());
        let current = stored.as_ref().map(|stored| &stored.newest().metadata);
        let was_advanced = current.is_some_and(|current| current.tier == Tier::Advanced);
        let mut plan = rules::plan_put(request, current, occupancy)?;
        let outcome = plan.outcome();
        let tags = std::mem::take(&mut plan.tags);
        let arn = plan.name.arn(&options.partition, &options.region, &options.account);
        let version = StoredVersion {
            metadata: plan.into_metadata(Some(arn), now, Some(options.user.clone())),
            value: request.value.clone(),
            labels: BTreeSet::new(),
        };
        match stored {
            Some(stored) => {
                let oldest_is_labelled = stored.versions.front().is_some_and(|oldest| !oldest.labels.is_empty());
                if rules::retention(&request.name, stored.versions.len(), oldest_is_labelled)? == Retention::DropOldest
                {
                    stored.versions.pop_front();
                }
                stored.versions.push_back(version);
            }
            None => {
                let stored = Stored { versions: VecDeque::from([version]), tags };
                self.parameters.insert(request.name.canonical().into(), stored);
            }
        }
        if outcome.tier == Tier::Advanced && !was_advanced {
            self.advanced += 1;
        }
        Ok(outcome)
    }

    pub(super) fn delete(&mut self, name: &ParameterName) -> Result<()> {
        let stored = self
            .parameters
            .remove(name.canonical())
            .ok_or_else(|| rules::not_found(Operation::DeleteParameter, name))?;
        if stored.newest().metadata.tier == Tier::Advanced {
            self.advanced -= 1;
        }
        Ok(())
    }

    pub(super) fn label(
        &mut self,
        name: &ParameterName,
        version: Option<Version>,
        labels: &[String],
    ) -> Result<LabelOutcome> {
        let operation = Operation::LabelParameterVersion;
        let stored = self.parameters.get_mut(name.canonical()).ok_or_else(|| rules::not_found(operation, name))?;
        let version = version.unwrap_or(stored.newest().metadata.version);
        let position = stored.position(version).ok_or_else(|| rules::version_not_found(operation, name, version))?;
        let plan = rules::plan_labels(name, &stored.versions[position].labels, labels)?;
        for stored in &mut stored.versions {
            stored.labels.retain(|label| !plan.set.contains(label));
        }
        stored.versions[position].labels.extend(plan.set);
        Ok(LabelOutcome { version, invalid: plan.invalid })
    }

    pub(super) fn unlabel(
        &mut self,
        name: &ParameterName,
        version: Version,
        labels: &[Label],
    ) -> Result<UnlabelOutcome> {
        let operation = Operation::UnlabelParameterVersion;
        let stored = self.parameters.get_mut(name.canonical()).ok_or_else(|| rules::not_found(operation, name))?;
        let position = stored.position(version).ok_or_else(|| rules::version_not_found(operation, name, version))?;
        let borne = &mut stored.versions[position].labels;
        let outcome = rules::plan_unlabels(name, borne, labels)?;
        borne.retain(|label| !outcome.removed.contains(label));
        Ok(outcome)
    }

    pub(super) fn tag(&mut self, name: &ParameterName, tags: &[Tag]) -> Result<()> {
        let stored = self
            .parameters
            .get_mut(name.canonical())
            .ok_or_else(|| rules::no_such_resource(Operation::AddTagsToResource, name))?;
        stored.tags = rules::merge_tags(name, &stored.tags, tags)?;
        Ok(())
    }

    pub(super) fn untag(&mut self, name: &ParameterName, keys: &[String]) -> Result<()> {
        let stored = self
            .parameters
            .get_mut(name.canonical())
            .ok_or_else(|| rules::no_such_resource(Operation::RemoveTagsFromResource, name))?;
        stored.tags = rules::remove_tags(&stored.tags, keys);
        Ok(())
    }
}
