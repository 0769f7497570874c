//! Reads a manifest without keeping it.

use futures::TryStreamExt as _;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::chain::check_place;
use super::pieces::{PIECES_WAITING, Piece, PieceReader};
use super::{Repository, RepositoryError};
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest, ManifestSummary, ParameterEntry, WalkedManifest};

impl Repository {
    /// Reads one manifest and checks it as [`read_manifest`](Self::read_manifest) does; `each` gets its parameters in order, on a
    /// thread where it may block. What was made of them is given back, and counts, only when this succeeds.
    ///
    /// # Errors
    /// Those of [`read_manifest`](Self::read_manifest).
    pub async fn fold_manifest<T: Send + 'static>(
        &self,
        key: &str,
        initial: T,
        mut each: impl FnMut(&mut T, ParameterEntry) + Send + 'static,
    ) -> Result<(ManifestSummary, T), RepositoryError> {
        let path = self.path(key)?;
        let bytes = self.objects.read(&path, MAX_MANIFEST_BYTES).await?;
        let repository = self.location().to_owned();
        let interrupted = |_| RepositoryError::Damaged {
            key: key.into(),
            repository: repository.clone(),
            reason: "reading it was interrupted".into(),
        };
        let walk = move || {
            let mut made = initial;
            Manifest::walk(&bytes, |entry| each(&mut made, entry)).map(|summary| (summary, made))
        };
        let walked = spawn_blocking(walk).await.map_err(interrupted)?;
        walked
            .and_then(|(summary, made)| check_place(&path, &summary).map(|()| (summary, made)))
            .map_err(|source| RepositoryError::Manifest { key: key.into(), repository: repository.clone(), source })
    }

    /// Reads one manifest as it comes, piece by piece, and checks it by itself, though not its place; `each` gets its parameters in
    /// order, on a thread where it may block. Nothing where it could not be read, or is not certainly right: then it has to be read
    /// whole, and what was made of its parameters counts for nothing. See [`Manifest::walk_stream`].
    pub(crate) async fn stream_manifest(
        &self,
        key: &str,
        each: impl FnMut(ParameterEntry) + Send + 'static,
    ) -> Option<WalkedManifest> {
        let (pieces, receiver) = mpsc::channel(PIECES_WAITING);
        let walking = spawn_blocking(move || Manifest::walk_stream(PieceReader::new(receiver), each));
        let mut stream = std::pin::pin!(self.download(key).await.ok()?);
        while let Some(bytes) = stream.try_next().await.ok()? {
            if pieces.send(Piece::Bytes(bytes)).await.is_err() {
                break;
            }
        }
        pieces.send(Piece::End).await.ok();
        walking.await.ok()?
    }
}
