//! The writes that make what is wanted of what is there, in order.

use std::collections::{BTreeMap, BTreeSet};

use parados_parameter::{
    AllowedPattern, Description, KeyId, Label, MAX_LABELS, ParameterType, Policy, Tag, Tier, Version,
};

use super::change::{PutFields, Step};
use super::live::Live;
use super::placement::{Placement, dropped};
use super::version_state::VersionState;

/// The data type whose values AWS checks after the put has returned.
const CHECKED_LATER: &str = "aws:ec2:image";

/// Steps as they are put together.
#[derive(Debug, Default)]
pub(super) struct Steps {
    steps: Vec<Step>,
    before: Before,
}

/// What of the newest version so far decides what the next put has to say.
#[derive(Debug, Default)]
struct Before {
    exists: bool,
    key_id: Option<KeyId>,
    tier: Option<Tier>,
    has_description: bool,
    has_pattern: bool,
    has_policies: bool,
}

impl Steps {
    /// Those that make all of `versions` where there is nothing.
    pub(super) fn create(&mut self, versions: &[VersionState], tags: &[Tag]) {
        let placement = Placement::on_top(None, versions.len());
        for (version, makes) in versions.iter().zip(&placement.at) {
            let tags = if self.before.exists { &[] } else { tags };
            self.put(version, *makes, tags);
        }
        self.label(&wanted_labels(versions, &placement), &BTreeMap::new());
    }

    /// Those that take it away, and wait until its name is free.
    pub(super) fn delete(&mut self, rest_seconds: u32) {
        self.steps.push(Step::Delete);
        if rest_seconds > 0 {
            self.steps.push(Step::Wait { seconds: rest_seconds });
        }
        self.before = Before::default();
    }

    /// Those that put the last of `versions` on top of `live`, as `placement` has it, and label them all, where that is wanted.
    pub(super) fn update(&mut self, live: &Live, versions: &[VersionState], placement: &Placement, has_labels: bool) {
        let current = live.labels();
        let mut current: BTreeMap<&Label, Version> = if has_labels { current } else { BTreeMap::new() };
        let gone = &live.versions[..dropped(live.versions.len(), placement.puts)];
        // A label on the oldest of a hundred versions keeps the store from putting another.
        for version in gone.iter().filter(|version| has_labels && !version.labels.is_empty()) {
            self.steps.push(Step::Unlabel { version: version.version, labels: version.labels.clone() });
            current.retain(|_, at| *at != version.version);
        }
        self.before = Before::of(live.newest());
        let put = versions.len() - placement.puts;
        for (version, makes) in versions.iter().zip(&placement.at).skip(put) {
            self.put(version, *makes, &[]);
        }
        if has_labels {
            self.label(&wanted_labels(versions, placement), &current);
        }
    }

    /// Those that make the tags `wanted` of those that are there.
    pub(super) fn tag(&mut self, current: &[Tag], wanted: &[Tag]) {
        let is_wanted = |tag: &&Tag| wanted.iter().any(|wanted| wanted.key() == tag.key());
        let keys: Vec<_> = current.iter().filter(|tag| !is_wanted(tag)).map(|tag| tag.key().to_owned()).collect();
        let tags: Vec<_> = wanted.iter().filter(|tag| !current.contains(tag)).cloned().collect();
        self.steps.extend((!keys.is_empty()).then_some(Step::Untag { keys }));
        self.steps.extend((!tags.is_empty()).then_some(Step::Tag { tags }));
    }

    /// All of them.
    pub(super) fn finish(self) -> Vec<Step> {
        self.steps
    }

    fn put(&mut self, version: &VersionState, makes: Version, tags: &[Tag]) {
        let before = &self.before;
        let all = version.says_all();
        let key_id = version.key_id.clone().or_else(|| before.key_id.clone());
        let takes_away = |is_there: bool| all && is_there;
        let put = PutFields {
            overwrite: before.exists,
            parameter_type: version.parameter_type,
            key_id: key_id.filter(|_| version.parameter_type == ParameterType::SecureString),
            description: match &version.description {
                None => takes_away(before.has_description).then(|| Description::observed("")),
                some => some.clone(),
            },
            allowed_pattern: match &version.allowed_pattern {
                None => takes_away(before.has_pattern).then(|| AllowedPattern::observed("")),
                some => some.clone(),
            },
            tier: match (version.tier, before.tier) {
                // An older version of a parameter that is Advanced by now.
                (Some(Tier::Standard), Some(Tier::Advanced)) => Some(Tier::Advanced),
                (None, _) if version.needs_advanced => Some(Tier::Advanced),
                (tier, _) => tier,
            },
            policies: match version.policies.as_slice() {
                [] => takes_away(before.has_policies).then(Vec::new),
                policies => Some(policies.iter().map(|one| Policy { policy_status: None, ..one.clone() }).collect()),
            },
            data_type: version.data_type.clone(),
            tags: tags.to_vec(),
        };
        self.before = Before {
            exists: true,
            key_id: put.key_id.clone(),
            tier: put.tier.or(before.tier),
            has_description: version.description.is_some() || (!all && before.has_description),
            has_pattern: version.allowed_pattern.is_some() || (!all && before.has_pattern),
            has_policies: !version.policies.is_empty() || (!all && before.has_policies),
        };
        self.steps.push(Step::Put {
            source_version: version.version,
            fingerprint: version.fingerprint,
            makes,
            put: Box::new(put),
        });
        if version.data_type.as_str() == CHECKED_LATER {
            self.steps.push(Step::Await { version: makes });
        }
    }

    /// Takes off what is not wanted, and puts on what is not there. A label that is elsewhere moves by being put on, unless the
    /// version that it leaves would bear too many meanwhile.
    fn label(&mut self, wanted: &BTreeMap<&Label, Version>, current: &BTreeMap<&Label, Version>) {
        let versions: BTreeSet<Version> = current.values().chain(wanted.values()).copied().collect();
        for version in &versions {
            let comes = wanted.values().filter(|at| *at == version).count();
            let leaves: Vec<&Label> = current
                .iter()
                .filter(|(label, at)| *at == version && wanted.get(*label) != Some(version))
                .map(|(label, _)| *label)
                .collect();
            let is_too_many = comes + leaves.len() > MAX_LABELS;
            let labels: Vec<_> =
                leaves.into_iter().filter(|label| is_too_many || !wanted.contains_key(label)).cloned().collect();
            self.steps.extend((!labels.is_empty()).then_some(Step::Unlabel { version: *version, labels }));
        }
        for version in &versions {
            let on = wanted.iter().filter(|(label, at)| *at == version && current.get(*label) != Some(version));
            let labels: Vec<Label> = on.map(|(label, _)| (*label).clone()).collect();
            self.steps.extend((!labels.is_empty()).then_some(Step::Label { version: *version, labels }));
        }
    }
}

impl Before {
    fn of(newest: &VersionState) -> Self {
        Self {
            exists: true,
            key_id: newest.key_id.clone(),
            tier: newest.tier,
            has_description: newest.description.is_some(),
            has_pattern: newest.allowed_pattern.is_some(),
            has_policies: !newest.policies.is_empty(),
        }
    }
}

/// Where each label is to be.
pub(super) fn wanted_labels<'a>(versions: &'a [VersionState], placement: &Placement) -> BTreeMap<&'a Label, Version> {
    let placed = versions.iter().zip(&placement.at);
    placed.flat_map(|(version, at)| version.labels.iter().map(|label| (label, *at))).collect()
}
