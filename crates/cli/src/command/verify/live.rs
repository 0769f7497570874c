//! The snapshot beside the store as it is now.

use std::sync::Arc;

use parados_backup::compare::{CompareContext, DiffReport, DiffRequest, DifferenceKind, Side, diff};
use parados_backup::event::Observer;
use parados_backup::repository::{Repository, SnapshotEntry};
use parados_backup::seal::Identities;
use parados_backup::signature::SigningKey;
use parados_backup::verify::{Unchecked, VerifyReport};

use crate::command::diff::DiffView;
use crate::command::side::SideFlags;
use crate::error::{Failure, Result};

/// A snapshot that is compared with the store as it is now.
pub(super) struct Comparison<'a> {
    pub(super) flags: SideFlags<'a>,
    pub(super) repository: Arc<Repository>,
    pub(super) entry: &'a SnapshotEntry,
    pub(super) identities: Identities,
}

/// What came of comparing.
pub(super) struct Compared {
    pub(super) view: DiffView,
    pub(super) report: DiffReport,
}

impl Comparison<'_> {
    /// Compares. Where that fails and damage was found, the damage is what is said, and the failure is named beside it.
    pub(super) async fn beside(
        self,
        report: &mut VerifyReport,
        signing_key: Option<SigningKey>,
        observer: &dyn Observer,
    ) -> Result<Option<Compared>> {
        match self.compare(signing_key, observer).await {
            Ok(compared) => {
                report.unchecked.extend(unread(&compared.report));
                Ok(Some(compared))
            }
            Err(failure) if report.findings.is_empty() => Err(failure),
            Err(failure) => {
                report.unchecked.push(Unchecked { object: "live".into(), reason: failure.message().to_owned() });
                Ok(None)
            }
        }
    }

    async fn compare(self, signing_key: Option<SigningKey>, observer: &dyn Observer) -> Result<Compared, Failure> {
        let live = self.flags.live(Some(&self.entry.summary.target)).await?;
        let before = Side::Snapshot { repository: self.repository, entry: Box::new(self.entry.clone()) };
        let after = Side::Live(Box::new(live));
        let context = CompareContext { identities: self.identities, signing_key, random: rand::random() };
        let report = diff(&context, &before, &after, &DiffRequest::default(), observer).await?;
        Ok(Compared { view: DiffView::of(&before, &after, &report), report })
    }
}

/// What could not be compared was not checked.
fn unread(report: &DiffReport) -> impl Iterator<Item = Unchecked> {
    let unread = report.differences.iter().filter(|one| one.kind == DifferenceKind::Unread);
    unread.map(|one| Unchecked { object: one.name.to_string(), reason: one.reason.clone().unwrap_or_default() })
}
