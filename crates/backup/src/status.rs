//! What there is of each target, and whether it is new enough: from the repository alone, without the store, a secret or an
//! identity.
//!
//! Owns what a good snapshot is and when a target is stale. Does not open documents, and does not follow chains: that is verifying.

mod report;
mod rhythm;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

pub use self::report::{
    Gap, GoodSnapshot, Problem, ProblemKind, StatusReport, StatusVerdict, TargetState, TargetStatus,
};
use crate::manifest::{ManifestError, Purpose};
use crate::repository::{Removal, Repository, RepositoryError, SnapshotEntry, SnapshotFilter, Snapshots};
use crate::target::Target;
use crate::trust::TrustedSigners;
use crate::verdict::Verdict;

/// How far a snapshot may lie in the future before its date is not believed.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_secs(300);

/// What is asked of a repository.
#[derive(Clone, Debug)]
pub struct StatusRequest {
    /// The time of day.
    pub at: Timestamp,
    /// A target whose newest good snapshot was begun longer ago is stale.
    pub max_age: SignedDuration,
    /// A longer time between two snapshots is a gap.
    pub every: SignedDuration,
    /// How far back gaps are looked for.
    pub look_back: SignedDuration,
    /// Whether a partial snapshot is good.
    pub accept_partial: bool,
    /// Whether gaps make a target stale.
    pub gaps_count: bool,
    /// Whose snapshots are good; anybody's where nobody is named.
    pub trusted: TrustedSigners,
    /// What is looked at.
    pub filter: SnapshotFilter,
    /// What should be there. Where this is given, the other targets are named and not judged; without it, all that are found are.
    pub expected: Option<Vec<ExpectedTarget>>,
}

/// A target that should have snapshots. What is not known of it fits everything.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the fields are Target's")]
pub struct ExpectedTarget {
    pub project: String,
    pub environment: String,
    pub account: Option<String>,
    pub region: Option<String>,
}

/// What of a target is in the repository.
#[derive(Debug, Default)]
struct Found {
    /// Project, environment, account and Region.
    place: [String; 4],
    /// Its snapshots, oldest first, but for those of restores.
    entries: Vec<SnapshotEntry>,
    damaged: Vec<(String, ManifestError)>,
    /// When those were begun that were removed on purpose: they were made, so there is no gap in their place.
    removed: Vec<Timestamp>,
}

/// Looks at the targets in a repository. Reads the beginning of every manifest, and of each target the newest one whole: a snapshot
/// is good when it is complete, its manifest is rightly signed by somebody who is trusted, and its data object is there and has
/// the size that it should have.
///
/// # Errors
/// Those of the place. What is wrong with a snapshot is in the report.
pub async fn status(repository: &Repository, request: &StatusRequest) -> Result<StatusReport, RepositoryError> {
    let snapshots = repository.snapshots(&request.filter).await?;
    let found = by_target(snapshots, &repository.removals(&request.filter).await?.entries);
    let mut targets = Vec::with_capacity(found.len());
    for found in found.values() {
        targets.push(look_at(repository, found, request).await?);
    }
    Ok(StatusReport::of(repository.location(), targets, request))
}

impl StatusReport {
    /// The report on a place where there is no repository yet.
    pub fn of_nothing(location: &str, request: &StatusRequest) -> Self {
        Self::of(location, Vec::new(), request)
    }

    /// Adds what should be there and is not, and sums up.
    fn of(location: &str, mut targets: Vec<TargetStatus>, request: &StatusRequest) -> Self {
        for expected in request.expected.iter().flatten() {
            if !targets.iter().any(|target| expected.fits(target)) {
                targets.push(TargetStatus::missing(expected));
            }
        }
        targets.sort_by(|a, b| a.order().cmp(&b.order()));
        // A repository in which there is nothing, and of which nobody said what should be there, is not what anybody wants.
        let stale = targets.is_empty() || targets.iter().any(|target| target.state.is_stale());
        Self {
            repository: location.to_owned(),
            verdict: if stale { StatusVerdict::Stale } else { StatusVerdict::Current },
            targets,
        }
    }
}

impl ExpectedTarget {
    fn fits(&self, target: &TargetStatus) -> bool {
        let fits = |expected: &Option<String>, found: &Option<String>| expected.is_none() || expected == found;
        self.project == target.project
            && self.environment == target.environment
            && fits(&self.account, &target.account)
            && fits(&self.region, &target.region)
    }
}

/// What was found, by the place of the chain.
fn by_target(snapshots: Snapshots, removals: &[(String, Removal)]) -> BTreeMap<String, Found> {
    // `FOLDER/PROJECT/ENVIRONMENT/ACCOUNT/REGION/NAME`, without folder and name.
    let chain = |key: &str| {
        let key = key.split_once('/').map_or(key, |(_, key)| key);
        key.rsplit_once('/').map_or("", |(chain, _)| chain).to_owned()
    };
    let mut targets = BTreeMap::<String, Found>::new();
    for (key, error) in snapshots.damaged {
        let found = targets.entry(chain(&key)).or_default();
        // `manifests/PROJECT/ENVIRONMENT/ACCOUNT/REGION/NAME`, as far as names and keys are written alike.
        let mut parts = key.split('/').skip(1).map(ToOwned::to_owned);
        found.place = std::array::from_fn(|_| parts.next().unwrap_or_default());
        found.damaged.push((key, error));
    }
    // The chains of restores' own snapshots follow no schedule.
    for entry in snapshots.entries.into_iter().filter(|entry| entry.summary.purpose.is_none_or(Purpose::is_whole)) {
        let found = targets.entry(chain(&entry.manifest_key)).or_default();
        let Target { project, environment, account, region, .. } = entry.summary.target.clone();
        found.place = [project, environment, account, region];
        found.entries.push(entry);
    }
    for (key, removal) in removals {
        if let Some(found) = targets.get_mut(&chain(key)) {
            found.removed.push(removal.started_at);
        }
    }
    targets
}

async fn look_at(
    repository: &Repository,
    found: &Found,
    request: &StatusRequest,
) -> Result<TargetStatus, RepositoryError> {
    let mut problems: Vec<Problem> = found.damaged.iter().map(|(key, error)| Problem::damaged(key, error)).collect();
    let is_partial = |problem: &Problem| problem.kind == ProblemKind::Partial;
    let mut newest = None;
    for entry in found.entries.iter().rev() {
        match flaw(repository, entry, request).await? {
            None => {
                newest = Some(GoodSnapshot::of(entry, request.at));
                break;
            }
            // Of those that are partial the newest says it.
            Some(problem) if problem.kind == ProblemKind::Partial && problems.iter().any(is_partial) => {}
            Some(problem) => problems.push(problem),
        }
    }
    let begun = found.entries.iter().map(|entry| entry.summary.started_at);
    let mut points: Vec<_> = begun.chain(found.removed.iter().copied()).collect();
    points.sort_unstable();
    let gaps = rhythm::gaps(&points, request.every, request.at - request.look_back);
    let [project, environment, account, region] = found.place.clone();
    let mut target = TargetStatus {
        project,
        environment,
        account: Some(account),
        region: Some(region),
        state: TargetState::Current,
        newest,
        snapshot_count: found.entries.len() as u64,
        gaps,
        problems,
    };
    target.state = target.judge(request);
    Ok(target)
}

impl TargetStatus {
    fn judge(&self, request: &StatusRequest) -> TargetState {
        if request.expected.as_ref().is_some_and(|expected| !expected.iter().any(|one| one.fits(self))) {
            return TargetState::NotExpected;
        }
        let Some(newest) = &self.newest else { return TargetState::Missing };
        let is_old = request.at.duration_since(newest.started_at) > request.max_age;
        let is_wrong = self.problems.iter().any(|problem| problem.kind.makes_stale());
        match is_old || is_wrong || (request.gaps_count && !self.gaps.is_empty()) {
            true => TargetState::Stale,
            false => TargetState::Current,
        }
    }
}

/// Why a snapshot is not good; nothing where it is.
async fn flaw(
    repository: &Repository,
    entry: &SnapshotEntry,
    request: &StatusRequest,
) -> Result<Option<Problem>, RepositoryError> {
    let summary = &entry.summary;
    let problem = |kind| Ok(Some(Problem::of(kind, entry)));
    if summary.started_at > request.at + CLOCK_TOLERANCE {
        return problem(ProblemKind::FromTheFuture);
    }
    if summary.verdict != Verdict::Complete && !request.accept_partial {
        return problem(ProblemKind::Partial);
    }
    if !request.trusted.accept(&summary.signer) {
        return problem(ProblemKind::NotTrusted);
    }
    let read = match repository.read_manifest(&entry.manifest_key).await {
        Ok(read) => read.manifest.summary,
        Err(RepositoryError::Manifest { source, .. }) => {
            return Ok(Some(Problem::damaged(&entry.manifest_key, &source)));
        }
        Err(error) => return Err(error),
    };
    let document = repository.document(&read).await?;
    match repository.size(&document.object.key).await? {
        None => problem(ProblemKind::DocumentMissing),
        Some(size) if size != document.object.size => problem(ProblemKind::DocumentDiffers),
        Some(_) => Ok(None),
    }
}

#[cfg(test)]
mod tests;
