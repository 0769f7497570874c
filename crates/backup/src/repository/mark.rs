//! What says that a snapshot is going to be removed: the first of pruning's two phases. FORMAT.md, "Removal", is normative.

use jiff::Timestamp;
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::record::{Record, Records};
use super::{Repository, RepositoryError, SnapshotFilter, layout};
use crate::document::Digest;
use crate::manifest::{ManifestSummary, SnapshotId};
use crate::signature::SigningKey;
use crate::signed_line::{FORMAT_VERSION, SignedLine};
use crate::target::Target;

/// A snapshot is going to be removed, unless somebody takes the mark away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// The format of signed lines.
    pub format_version: u32,
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// What it is of.
    pub target: Target,
    /// Its place in the target's chain.
    pub sequence: u64,
    /// Of its manifest.
    pub manifest_digest: Digest,
    /// When it was marked. The grace time counts from here.
    pub marked_at: Timestamp,
    /// What wrote it.
    pub tool: String,
    /// The public key that signed, in OpenSSH's form.
    pub signer: String,
}

impl SignedLine for Mark {
    const NAMESPACE: &'static str = "parados-mark";

    fn signer(&self) -> &str {
        &self.signer
    }
}

impl Record for Mark {
    fn place(&self) -> Path {
        layout::mark(&self.target, self.sequence)
    }

    fn check(&self) -> Result<(), &'static str> {
        match self.sequence {
            0 => Err("a chain is numbered from 1"),
            _ => Ok(()),
        }
    }
}

impl Repository {
    /// Marks a snapshot, whose manifest has this digest. A mark that is there stays as it is.
    ///
    /// # Errors
    /// Those of writing.
    pub async fn mark(
        &self,
        summary: &ManifestSummary,
        manifest_digest: Digest,
        marked_at: Timestamp,
        tool: &str,
        key: &SigningKey,
    ) -> Result<(), RepositoryError> {
        let mark = Mark {
            format_version: FORMAT_VERSION,
            snapshot: summary.id,
            target: summary.target.clone(),
            sequence: summary.sequence,
            manifest_digest,
            marked_at,
            tool: tool.to_owned(),
            signer: key.public_line(),
        };
        match self.write_record(&mark, key).await {
            Ok(_) | Err(RepositoryError::AlreadyExists { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Takes the mark at this place of a chain away; that there is none is as good.
    ///
    /// # Errors
    /// Those of deleting.
    pub async fn unmark(&self, target: &Target, sequence: u64) -> Result<(), RepositoryError> {
        self.objects.delete(&layout::mark(target, sequence)).await
    }

    /// Lists the marks of the targets that `filter` lets through.
    ///
    /// # Errors
    /// Those of the place. One that cannot be used is listed as damaged.
    pub async fn marks(&self, filter: &SnapshotFilter) -> Result<Records<Mark>, RepositoryError> {
        let is_one = |key: &Path| layout::marked(key).is_some() && filter.lets_through(key);
        self.list_records(&filter.below(layout::marks()), is_one).await
    }

    /// The time of day in the place where the repository is, by an object that is written for it and taken away: a folder says what
    /// this machine's clock says, a bucket what its own does. `number` is random.
    ///
    /// # Errors
    /// Those of writing, reading and deleting.
    pub async fn time_of_place(&self, number: u32) -> Result<Timestamp, RepositoryError> {
        let probe = layout::clock(number);
        self.objects.create(&probe, "now\n".into()).await?;
        let modified = self.objects.modified_at(&probe).await;
        self.objects.delete(&probe).await?;
        modified
    }
}
