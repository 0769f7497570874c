//! Where the parameters of a restore come from.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;
use tokio::task::spawn_blocking;
use zeroize::Zeroizing;

use super::plan::PlanSource;

use crate::document::{self, Digest, DocumentError, Measured, ParameterRecord};
use crate::fingerprint::FingerprintKey;
use crate::fingerprint_key;
use crate::repository::{ReadManifest, Repository};
use crate::seal::{Identities, OpenError};
use crate::signature::SigningKey;
use crate::snapshot::{self, SnapshotError};

/// A snapshot, or a document in a file: one of the old pipeline, or one that was taken out of a repository.
#[derive(Clone, Debug)]
pub enum RestoreSource {
    /// A snapshot, by its manifest, which was read whole.
    Snapshot {
        /// Where it is.
        repository: Arc<Repository>,
        /// Its manifest.
        manifest: Arc<ReadManifest>,
    },
    /// A document in a file: `.json`, or sealed.
    Document {
        /// The file.
        path: PathBuf,
        /// Of its bytes, so that it is the same one when it is read again.
        digest: Digest,
    },
    /// A document that is in memory, such as one that came through a pipe: plain, or sealed with age.
    Held {
        /// Its bytes.
        bytes: HeldDocument,
        /// Their digest.
        digest: Digest,
    },
}

/// The bytes of a document. They may hold values, so they are zeroed when dropped, and are not shown.
#[derive(Clone)]
pub struct HeldDocument(Arc<Zeroizing<Vec<u8>>>);

impl fmt::Debug for HeldDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeldDocument({} bytes)", self.0.len())
    }
}

/// How much of a file is read at once.
const BUFFER_BYTES: usize = 128 * 1024;

/// What plans and errors call a document that is in memory.
const HELD: &str = "-";
/// How a file that age sealed begins, and no JSON does.
const SEALED: &[u8] = b"age-encryption.org/";

/// A source that cannot be read.
#[derive(Debug, Error)]
pub enum SourceError {
    /// The snapshot cannot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The file cannot.
    #[error("reading {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file is sealed, and cannot be opened.
    #[error("opening {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<OpenError>,
    },
    /// The file holds no document, or not a whole one.
    #[error("{} cannot be read as a document", path.display())]
    Document {
        /// The file.
        path: PathBuf,
        /// Why.
        source: DocumentError,
    },
    /// The file changed since it was first read.
    #[error("{} is not the file that it was when the plan was made", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// The process is ending.
    #[error("stopped while {} was read", path.display())]
    Stopped {
        /// The file.
        path: PathBuf,
    },
}

impl RestoreSource {
    /// The document in the file `path`. Reads the file once, for its digest. Blocks.
    ///
    /// # Errors
    /// [`SourceError::File`].
    pub fn document(path: &Path) -> Result<Self, SourceError> {
        let unreadable = |source| SourceError::File { path: path.to_owned(), source };
        let mut bytes = Measured::new(File::open(path).map_err(unreadable)?);
        io::copy(&mut bytes, &mut io::sink()).map_err(unreadable)?;
        let (_, _, digest) = bytes.finish();
        Ok(Self::Document { path: path.to_owned(), digest })
    }

    /// A document that is in memory.
    pub fn held(bytes: Zeroizing<Vec<u8>>) -> Self {
        let digest = Digest::of(&bytes);
        Self::Held { bytes: HeldDocument(Arc::new(bytes)), digest }
    }

    /// What a plan says of it.
    pub fn planned(&self) -> PlanSource {
        match self {
            Self::Snapshot { repository, manifest } => {
                let summary = &manifest.manifest.summary;
                PlanSource::Snapshot {
                    repository: repository.location().to_owned(),
                    repository_id: repository.id(),
                    snapshot: summary.id,
                    manifest_key: manifest.key.clone(),
                    manifest_digest: manifest.digest,
                    target: summary.target.clone(),
                    started_at: summary.started_at,
                }
            }
            Self::Document { path, digest } => {
                PlanSource::Document { path: path.display().to_string(), digest: *digest }
            }
            Self::Held { digest, .. } => PlanSource::Document { path: HELD.to_owned(), digest: *digest },
        }
    }

    /// The key of the fingerprints of plans from this source. Of a snapshot it is the snapshot's own, for whoever can open that or
    /// has the key that signed it, so that a plan may be applied elsewhere; otherwise it comes from `signing_key`. None where
    /// nothing leads to one.
    pub async fn fingerprint_key(
        &self,
        signing_key: Option<&SigningKey>,
        identities: &Identities,
    ) -> Option<Arc<FingerprintKey>> {
        let salt = match self {
            Self::Snapshot { repository, manifest } => {
                let id = &manifest.manifest.summary.fingerprint_key;
                if let Some(own) = fingerprint_key::find(repository, id, signing_key, identities).await {
                    return Some(own);
                }
                repository.id()
            }
            Self::Document { .. } | Self::Held { .. } => "document".to_owned(),
        };
        signing_key.map(|key| Arc::new(key.fingerprint_key(&salt)))
    }

    /// Reads it to its end; `each` gets every record, on a thread where it may block. What was made of the records counts only
    /// when this succeeds: digests and counts are checked at the end.
    ///
    /// # Errors
    /// [`SourceError`].
    pub async fn fold<T: Send + 'static>(
        &self,
        identities: &Identities,
        initial: T,
        each: impl FnMut(&mut T, ParameterRecord) -> ControlFlow<()> + Send + 'static,
    ) -> Result<T, SourceError> {
        match self {
            Self::Snapshot { repository, manifest } => {
                Ok(snapshot::fold(repository, &manifest.manifest.summary, identities, initial, each).await?)
            }
            Self::Document { path, digest } => {
                let (path, digest, identities) = (path.clone(), *digest, identities.clone());
                let stopped = SourceError::Stopped { path: path.clone() };
                let read = move || fold_file(&path, digest, &identities, initial, each);
                spawn_blocking(read).await.map_err(|_| stopped)?
            }
            Self::Held { bytes, .. } => {
                let (bytes, identities) = (bytes.clone(), identities.clone());
                let read = move || {
                    let sealed = bytes.0.starts_with(SEALED);
                    fold_document(Path::new(HELD), bytes.0.as_slice(), sealed, &identities, initial, each)
                };
                spawn_blocking(read).await.map_err(|_| SourceError::Stopped { path: HELD.into() })?
            }
        }
    }
}

fn fold_document<T>(
    path: &Path,
    bytes: impl BufRead + Send,
    sealed: bool,
    identities: &Identities,
    initial: T,
    mut each: impl FnMut(&mut T, ParameterRecord) -> ControlFlow<()>,
) -> Result<T, SourceError> {
    let content = document::decode(bytes, sealed, identities)
        .map_err(|source| SourceError::Open { path: path.to_owned(), source: Box::new(source) })?;
    let mut made = initial;
    document::read(content, |record| each(&mut made, record))
        .map_err(|source| SourceError::Document { path: path.to_owned(), source })?;
    Ok(made)
}

fn fold_file<T>(
    path: &Path,
    digest: Digest,
    identities: &Identities,
    initial: T,
    each: impl FnMut(&mut T, ParameterRecord) -> ControlFlow<()>,
) -> Result<T, SourceError> {
    let unreadable = |source| SourceError::File { path: path.to_owned(), source };
    let mut bytes = Measured::new(File::open(path).map_err(unreadable)?);
    let sealed = path.extension().is_none_or(|extension| extension != "json");
    let made =
        fold_document(path, BufReader::with_capacity(BUFFER_BYTES, &mut bytes), sealed, identities, initial, each)?;
    io::copy(&mut bytes, &mut io::sink()).map_err(unreadable)?;
    let (_, _, found) = bytes.finish();
    match found == digest {
        true => Ok(made),
        false => Err(SourceError::Changed { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const OLD: &str = r#"{"backup_date":"2025-10-15","backup_timestamp":"20251015_120045","environment":"dev","parameter_count":1,
        "parameters":[{"Name":"/a/dev/b","Type":"String","Value":"v","Version":3,"LastModifiedDate":"2025-10-15T12:00:45.760000+00:00",
        "ARN":"arn:aws:ssm:eu-west-1:123456789012:parameter/a/dev/b","DataType":"text"}]}"#;

    async fn names(source: &RestoreSource) -> Result<Vec<String>, SourceError> {
        let collect = |names: &mut Vec<String>, record: ParameterRecord| {
            names.push(record.name.to_string());
            ControlFlow::Continue(())
        };
        source.fold(&Identities::default(), Vec::new(), collect).await
    }

    #[tokio::test]
    async fn a_document_of_the_old_pipeline_is_a_source_as_it_stands_and_only_as_long_as_it_stays_so() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ssm-backup-dev-20251015_120045.json");
        fs::write(&path, OLD).unwrap();
        let source = RestoreSource::document(&path).unwrap();
        assert_eq!(names(&source).await.unwrap(), ["/a/dev/b"]);

        let held = RestoreSource::held(OLD.as_bytes().to_vec().into());
        assert_eq!(names(&held).await.unwrap(), ["/a/dev/b"]);
        assert!(!format!("{held:?}").contains("Value"));
        let cut = RestoreSource::held(OLD.as_bytes()[..100].to_vec().into());
        assert!(matches!(names(&cut).await, Err(SourceError::Document { .. })));

        fs::write(&path, OLD.replace("\"v\"", "\"w\"")).unwrap();
        assert!(matches!(names(&source).await, Err(SourceError::Changed { .. })));
        fs::write(&path, &OLD[..100]).unwrap();
        assert!(matches!(names(&source).await, Err(SourceError::Document { .. })));
        fs::remove_file(&path).unwrap();
        assert!(matches!(names(&source).await, Err(SourceError::File { .. })));
        assert!(matches!(RestoreSource::document(&path), Err(SourceError::File { .. })));
    }
}
