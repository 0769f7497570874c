//! What has to be done so that what is there is what is declared: a value, made by a pure function, that leaves no choice open.

mod destroy;
mod hash;

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use destroy::plan_destroy;
pub use hash::PlanHash;

use crate::difference::{Difference, differences};
use crate::inventory::{Record, RecordState};
use crate::kind::{Contents, KindName, LastChange};
use crate::policy::Finding;
use crate::stack::{Observation, Observed, Stack};

/// What is asked for beside the declaration.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanOptions {
    /// Take over what is there and is nobody's, or somebody else's.
    pub adopt: bool,
    /// Delete what this stack made and does not declare any more.
    pub remove: bool,
    /// What deleting that would lose, by the names of the records: it is refused, unless `with_contents`.
    pub contents: BTreeMap<String, Contents>,
    /// Delete it with what it holds.
    pub with_contents: bool,
    /// Leave out what is declared and was never made: what is left is drift.
    pub only_made: bool,
}

/// What has to be done.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct InfraPlan {
    /// The version of this format: 1.
    pub format_version: u32,
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// The account of the environment's own place.
    pub account: String,
    /// The Region of the environment's own place.
    pub region: String,
    /// What has to be done, each after what it needs. Empty where everything is as it is declared.
    pub changes: Vec<Change>,
    /// The resources that are as they are declared.
    pub unchanged: Vec<String>,
    /// What this stack made and does not declare any more; it stays unless it is asked to be removed.
    pub left: Vec<Left>,
    /// What the checks found.
    pub findings: Vec<Finding>,
    /// What the stack says of itself; what is not known yet stands in `⟨⟩`.
    pub outputs: BTreeMap<String, String>,
    /// SHA-256 of all of this, in hexadecimal: who approved it, approved this.
    pub hash: PlanHash,
}

/// What has to be done with one resource.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// What the declaration calls it.
    pub resource: String,
    /// What it is.
    pub kind: KindName,
    /// What.
    pub action: InfraAction,
    /// What the cloud calls it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The target of the declaration that it is in, where it is not the environment's own place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// What differs, field by field.
    pub differences: Vec<Difference>,
    /// What it needs to be done first.
    pub depends_on: BTreeSet<String>,
    /// Why, where that is not plain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Who changed it last, where the cloud tells.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<LastChange>,
    /// The name of its record.
    #[serde(skip)]
    pub(crate) key: String,
    /// The name of the record that it had before the declaration called it otherwise.
    #[serde(skip)]
    pub(crate) supersedes: Option<String>,
}

/// What is done with a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum InfraAction {
    /// It is made.
    Create,
    /// Its fields are set.
    Update,
    /// It is there and was not this stack's: it becomes so, and its fields are set.
    Adopt,
    /// It is there, whole and this stack's, and the inventory does not say so.
    Record,
    /// It is deleted.
    Delete,
    /// It cannot be done; nothing of the plan is.
    Refuse,
}

/// What was made and is not declared any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Left {
    /// What the declaration called it.
    pub resource: String,
    /// What it is.
    pub kind: KindName,
    /// What the cloud calls it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
}

impl InfraPlan {
    /// Whether nothing has to be done.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes that cannot be done.
    pub fn refusals(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter().filter(|change| change.action == InfraAction::Refuse)
    }

    /// The findings that keep the plan from being applied.
    pub fn blocking(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.waiver.is_none())
    }
}

/// Makes the plan.
pub fn plan(stack: &Stack, observation: &Observation, findings: Vec<Finding>, options: &PlanOptions) -> InfraPlan {
    let mut changes = Vec::new();
    let mut unchanged = Vec::new();
    let mut declared: BTreeSet<&str> = BTreeSet::new();
    for one in &observation.resources {
        let earlier = observation.records.earlier(one);
        declared.insert(&one.key);
        declared.extend(earlier.map(|(key, _)| key));
        let record = observation.records.of(&one.key);
        if options.only_made && record.is_none() && earlier.is_none() {
            continue;
        }
        match change(one, record, earlier, options) {
            Some(change) => changes.push(change),
            None => unchanged.push(one.resource.clone()),
        }
    }
    let mut left = Vec::new();
    for (key, (record, _)) in &observation.records.made {
        match declared.contains(key.as_str()) {
            true => {}
            false if options.remove => {
                let lost = options.contents.get(key);
                changes.push(removal(key, record).losing(lost, options.with_contents));
            }
            false => {
                left.push(Left { resource: record.resource.clone(), kind: record.kind, id: record.id.clone() });
            }
        }
    }
    finish(stack, observation, (changes, unchanged, left), findings)
}

fn finish(
    stack: &Stack,
    observation: &Observation,
    (changes, unchanged, left): (Vec<Change>, Vec<String>, Vec<Left>),
    findings: Vec<Finding>,
) -> InfraPlan {
    let plan = InfraPlan {
        format_version: 1,
        project: stack.project.clone(),
        environment: stack.environment.clone(),
        account: stack.main.account.clone(),
        region: stack.main.region.clone(),
        changes,
        unchanged,
        left,
        findings,
        outputs: observation.outputs.clone(),
        hash: PlanHash::default(),
    };
    InfraPlan { hash: PlanHash::of(&plan), ..plan }
}

/// What has to be done with a resource that is declared; nothing where it is as it is to be.
/// `earlier` is the record that it has under another name.
fn change(
    one: &Observed,
    record: Option<&Record>,
    earlier: Option<(&str, &Record)>,
    options: &PlanOptions,
) -> Option<Change> {
    let base = |action, differences, reason: Option<String>| Change {
        resource: one.resource.clone(),
        kind: one.spec.kind(),
        action,
        id: one.id.clone(),
        target: one.target.clone(),
        account: one.at.account.clone(),
        region: one.at.region.clone(),
        differences,
        depends_on: one.depends_on.clone(),
        reason,
        changed: None,
        key: one.key.clone(),
        supersedes: earlier.map(|(key, _)| key.to_owned()),
    };
    let null = serde_json::Value::Null;
    let fields = one.spec.fields(&one.at);
    let Some(live) = &one.live else {
        let differences = fields.iter().flat_map(|(name, desired)| differences(name, &null, desired)).collect();
        return Some(base(InfraAction::Create, differences, None));
    };
    let differences: Vec<Difference> = fields
        .iter()
        .flat_map(|(name, desired)| differences(name, live.fields.get(*name).unwrap_or(&null), desired))
        .collect();
    let changed = |change: Change| Some(Change { changed: live.changed.clone(), ..change });
    let is_ours = match &live.owner {
        Some(owner) => *owner == one.at.owner,
        // A tag that is gone is a difference, and not another owner.
        None => {
            record.is_some_and(|record| record.state == RecordState::Made || !one.spec.is_owned_from_the_start())
                || earlier.is_some()
        }
    };
    if let Some(field) = one.spec.fixed().iter().find(|field| differences.iter().any(|one| one.field() == **field)) {
        let reason = format!("`{field}` cannot be changed: delete it first, or declare it under another name");
        return changed(base(InfraAction::Refuse, differences, Some(reason)));
    }
    match (is_ours, options.adopt) {
        (false, false) => {
            let reason = format!("it is there and {}; --adopt takes it over", whose(live.owner.as_deref()));
            changed(base(InfraAction::Refuse, differences, Some(reason)))
        }
        (false, true) => changed(base(InfraAction::Adopt, differences, None)),
        (true, _) if !differences.is_empty() => {
            let reason = record.filter(|record| record.state == RecordState::Making);
            let reason = reason.map(|_| "making it was interrupted".to_owned());
            changed(base(InfraAction::Update, differences, reason))
        }
        (true, _) if earlier.is_some() || record.is_none_or(|record| record.state == RecordState::Making) => {
            let reason = match earlier {
                Some((_, earlier)) => format!("it was called {}", earlier.resource),
                None => "the inventory does not have it".to_owned(),
            };
            Some(base(InfraAction::Record, differences, Some(reason)))
        }
        (true, _) => None,
    }
}

/// Whose a resource is that is not the stack's.
pub(crate) fn whose(owner: Option<&str>) -> String {
    match owner {
        Some(owner) => format!("belongs to the stack {owner}"),
        None => "was not made by this stack".to_owned(),
    }
}

/// The deletion of what the inventory has.
fn removal(key: &str, record: &Record) -> Change {
    Change {
        resource: record.resource.clone(),
        kind: record.kind,
        action: InfraAction::Delete,
        id: record.id.clone(),
        target: record.target.clone(),
        account: record.account.clone(),
        region: record.region.clone(),
        differences: Vec::new(),
        depends_on: record.depends_on.clone(),
        reason: None,
        changed: None,
        key: key.to_owned(),
        supersedes: None,
    }
}

impl Change {
    /// A deletion that loses what is in it: refused, unless that may go.
    fn losing(mut self, lost: Option<&Contents>, may_go: bool) -> Self {
        if let Some(lost) = lost {
            self.reason = Some(format!("it holds {}", lost.what));
            if !may_go {
                self.action = InfraAction::Refuse;
            }
        }
        self
    }
}
