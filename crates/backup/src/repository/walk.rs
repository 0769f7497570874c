//! Reads a manifest without keeping it.

use tokio::task::spawn_blocking;

use super::chain::check_place;
use super::{Repository, RepositoryError};
use crate::manifest::{MAX_MANIFEST_BYTES, Manifest, ManifestSummary, ParameterEntry};

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
}
