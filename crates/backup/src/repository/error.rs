//! What can go wrong with a repository, and what to do about it.

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::path::PathBuf;

use object_store::client::{HttpError, HttpErrorKind};
use thiserror::Error;

use crate::manifest::ManifestError;
use crate::target::Target;

/// What was asked of the place where the repository is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// To list objects.
    List,
    /// To read an object.
    Read,
    /// To write an object.
    Write,
    /// To delete an object.
    Delete,
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Write => "write",
            Self::Delete => "delete",
        })
    }
}

/// An operation on a repository that failed. [`hints`](Self::hints) says what to do about it.
#[derive(Debug, Error)]
pub enum RepositoryError {
    /// The text is not the URL of a repository.
    #[error("{url:?} is not the URL of a repository: {rule}")]
    InvalidUrl {
        /// The text.
        url: String,
        /// What is wrong with it, and what to write.
        rule: String,
    },
    /// The repository's place cannot be reached with what was given: an option is missing or wrong.
    #[error("cannot use {repository}: {reason}")]
    Configuration {
        /// The repository.
        repository: String,
        /// What is missing or wrong.
        reason: String,
    },
    /// The bucket or container does not exist.
    #[error("the bucket of {repository} does not exist")]
    BucketMissing {
        /// The repository.
        repository: String,
        /// The Region that was asked, for S3.
        region: Option<String>,
        /// The store's words.
        #[source]
        source: object_store::Error,
    },
    /// The folder does not exist.
    #[error("the folder {} does not exist", path.display())]
    FolderMissing {
        /// The folder.
        path: PathBuf,
    },
    /// The folder cannot be made or opened.
    #[error("cannot open the folder {}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The bucket belongs to somebody else, or the caller has no permission for this access.
    #[error("not allowed to {access} {subject} in {repository}")]
    Denied {
        /// What was tried.
        access: Access,
        /// The object or prefix.
        subject: String,
        /// The repository.
        repository: String,
        /// The store's words.
        #[source]
        source: object_store::Error,
    },
    /// The credentials are missing, expired or wrong.
    #[error("the credentials for {repository} were refused")]
    Credentials {
        /// The repository.
        repository: String,
        /// The store's words.
        #[source]
        source: object_store::Error,
    },
    /// The bucket is in another Region.
    #[error("the bucket of {repository} is in another Region than the one that was asked")]
    WrongRegion {
        /// The repository.
        repository: String,
        /// The store's words.
        #[source]
        source: object_store::Error,
    },
    /// No connection, or no answer in time.
    #[error("cannot reach {repository} to {access} {subject}")]
    Unreachable {
        /// What was tried.
        access: Access,
        /// The object or prefix.
        subject: String,
        /// The repository.
        repository: String,
        /// How it failed.
        #[source]
        source: object_store::Error,
    },
    /// The disk is full, or the quota on it is used up.
    #[error("the disk of {repository} is full: cannot write {subject}")]
    DiskFull {
        /// The object.
        subject: String,
        /// The repository.
        repository: String,
        /// The system's words.
        #[source]
        source: object_store::Error,
    },
    /// Any other failure of the place.
    #[error("cannot {access} {subject} in {repository}")]
    Failed {
        /// What was tried.
        access: Access,
        /// The object or prefix.
        subject: String,
        /// The repository.
        repository: String,
        /// How it failed.
        #[source]
        source: object_store::Error,
    },
    /// There is a bucket or folder, and no repository in it.
    #[error("there is no repository in {repository}")]
    NotARepository {
        /// The place.
        repository: String,
    },
    /// What says that this is a repository is gone, and its manifests are there.
    #[error("{key} is gone from {repository}, which has manifests")]
    MarkerMissing {
        /// Its key.
        key: String,
        /// The place.
        repository: String,
    },
    /// An object ends too early.
    #[error("{key} in {repository} is cut off")]
    CutOff {
        /// The object.
        key: String,
        /// The repository.
        repository: String,
    },
    /// A newer Parados wrote the repository.
    #[error("{repository} is of format {found}, and this Parados reads and writes up to format {supported}")]
    NewerFormat {
        /// The repository.
        repository: String,
        /// Its format.
        found: u32,
        /// Ours.
        supported: u32,
    },
    /// An object is not what it has to be.
    #[error("{key} in {repository} is damaged: {reason}")]
    Damaged {
        /// The object.
        key: String,
        /// The repository.
        repository: String,
        /// In what way.
        reason: String,
    },
    /// A manifest cannot be used.
    #[error("the manifest {key} in {repository} cannot be used")]
    Manifest {
        /// The object; of a manifest that is not written yet, its snapshot.
        key: String,
        /// The repository.
        repository: String,
        /// Why.
        source: ManifestError,
    },
    /// There is an object of that key, with other content. Nothing was overwritten.
    #[error("{key} is already in {repository}")]
    AlreadyExists {
        /// The object.
        key: String,
        /// The repository.
        repository: String,
    },
    /// There is an object of that key, and it is not the one that was to be copied there.
    #[error("{key} in {repository} is another one than in the repository that is copied")]
    Diverged {
        /// The object.
        key: String,
        /// The repository that is copied to.
        repository: String,
    },
    /// It is a repository of its own, and no copy of the one that is copied.
    #[error("{repository} is a repository of its own and no copy: its id is {found}, and not {expected}")]
    AnotherRepository {
        /// The repository.
        repository: String,
        /// Its id.
        found: String,
        /// The id of the one that is copied.
        expected: String,
    },
    /// There is no such object.
    #[error("{key} is not in {repository}")]
    NotFound {
        /// The object.
        key: String,
        /// The repository.
        repository: String,
    },
    /// Other backups of the same target took every place in the chain that this one tried for. It is not committed.
    #[error("other backups of {target} were committed first, {attempts} times in a row")]
    Contended {
        /// The target.
        target: Target,
        /// How often it tried.
        attempts: u32,
    },
    /// The manifest's write failed, and so did reading back whether it happened: it may or may not be committed.
    #[error("it is not known whether {key} was written to {repository}")]
    CommitUnknown {
        /// The manifest.
        key: String,
        /// The repository.
        repository: String,
        /// Why the write failed.
        source: Box<RepositoryError>,
    },
    /// An upload was given up before it was finished, or its task ended early.
    #[error("the upload of {key} was not finished")]
    Unfinished {
        /// The object.
        key: String,
    },
}

impl RepositoryError {
    /// What a person can do about it, a line each.
    pub fn hints(&self) -> Vec<String> {
        let one = |hint: &str| vec![hint.to_owned()];
        match self {
            Self::InvalidUrl { .. } => one(
                "write s3://BUCKET[/PREFIX], gs://BUCKET[/PREFIX], az://CONTAINER[/PREFIX], file:///FOLDER or a folder",
            ),
            Self::BucketMissing { repository, region, .. } => match repository.strip_prefix("s3://") {
                Some(rest) => {
                    let bucket = rest.split('/').next().unwrap_or(rest);
                    let region = region.as_deref().unwrap_or("REGION");
                    // S3 refuses to be told the Region that it takes for granted.
                    let place = match region {
                        "us-east-1" => String::new(),
                        region => format!(" --create-bucket-configuration LocationConstraint={region}"),
                    };
                    vec![format!("make the bucket: aws s3api create-bucket --bucket {bucket} --region {region}{place}")]
                }
                None => one("make the bucket, or correct the repository's URL"),
            },
            Self::FolderMissing { .. } => one("correct the path, or make the repository with: parados init"),
            Self::Denied { access, repository, source, .. } if repository.starts_with("s3://") => {
                let permission = match access {
                    Access::List => "s3:ListBucket on the bucket",
                    Access::Read => {
                        "s3:GetObject on its objects (and s3:ListBucket, without which a missing object is also refused), and kms:Decrypt on the key where it is encrypted under one"
                    }
                    Access::Write => {
                        "s3:PutObject on its objects (and s3:AbortMultipartUpload, to take back what was not ended), and kms:GenerateDataKey on the key where it is encrypted under one"
                    }
                    Access::Delete => {
                        "s3:DeleteObject on its objects; where the bucket is under object lock, nothing is deleted before its retention is over"
                    }
                };
                let mut hints = vec![
                    format!("allow the caller {permission}"),
                    "or the bucket is another account's: check its name, and its policy".to_owned(),
                ];
                // The store's words name the URL that was called.
                if words(source).contains(" http://") {
                    let hint = "or its policy denies this: the endpoint has no TLS, which `require_tls` of a declared bucket denies; and emulators, \
                                moto among them, take a statement with a condition for one that always denies";
                    hints.push(hint.to_owned());
                }
                hints
            }
            Self::Denied { access, .. } => {
                vec![format!("allow the caller to {access} there, or correct the repository's URL")]
            }
            Self::Credentials { .. } => one("log in again, or check the credentials and the clock"),
            Self::WrongRegion { .. } => {
                one("give the bucket's own Region: repository_region in the configuration, or --repository-region")
            }
            Self::Unreachable { .. } => {
                one("check the network, the proxy and the endpoint; nothing was committed, so run it again")
            }
            Self::DiskFull { .. } => one("make room on the disk and run it again; nothing was committed"),
            Self::NotARepository { .. } => {
                one("correct the repository's URL, or make the repository with: parados init")
            }
            Self::NewerFormat { .. } => one("install a newer Parados"),
            Self::Manifest { source: ManifestError::NewerFormat { .. }, .. } => one("install a newer Parados"),
            Self::Damaged { key, .. }
            | Self::Manifest { key, .. }
            | Self::MarkerMissing { key, .. }
            | Self::CutOff { key, .. } => {
                vec![format!("restore {key} from an older version or a copy of the repository")]
            }
            Self::Contended { .. } => one("run it again when fewer backups of this target run at once"),
            Self::CommitUnknown { .. } => {
                one("look with: parados snapshots; and run it again where the snapshot is not there")
            }
            Self::Diverged { key, .. } => vec![
                format!("something else wrote {key} there: compare the two, and move the wrong one out of the way"),
                "back up into one repository only, and copy from it".to_owned(),
            ],
            Self::AnotherRepository { .. } => one("copy to an empty bucket or folder, or to a copy of this repository"),
            Self::AlreadyExists { .. } => one("run it again: the next one gets a name of its own"),
            Self::Configuration { .. }
            | Self::Folder { .. }
            | Self::Failed { .. }
            | Self::NotFound { .. }
            | Self::Unfinished { .. } => Vec::new(),
        }
    }

    /// What an [`Upload`](super::Upload) of `key` says as a [`Write`](io::Write) that fails.
    pub(crate) fn of_upload(key: &str, error: io::Error) -> Self {
        let inner = error.into_inner().and_then(|inner| inner.downcast::<Self>().ok());
        inner.map_or_else(|| Self::Unfinished { key: key.into() }, |error| *error)
    }

    /// Whether a write that failed like this may have happened all the same.
    pub(super) fn leaves_a_write_open(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Failed { .. })
    }
}

/// Sorts an error of the object store by what can be done about it.
pub(super) fn sort(access: Access, subject: &str, repository: &str, source: object_store::Error) -> RepositoryError {
    use object_store::Error as E;
    let (subject, repository) = (subject.to_owned(), repository.to_owned());
    let words = words(&source);
    let says = |texts: &[&str]| texts.iter().any(|text| words.contains(text));
    match io_kind(&source) {
        Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge) => {
            return RepositoryError::DiskFull { subject, repository, source };
        }
        Some(io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem) => {
            return RepositoryError::Denied { access, subject, repository, source };
        }
        _ => {}
    }
    if says(&["NoSuchBucket", "ContainerNotFound", "The specified bucket does not exist"]) {
        return RepositoryError::BucketMissing { repository, region: None, source };
    }
    if says(&["PermanentRedirect", "AuthorizationHeaderMalformed", "incorrectly configured region", "301 Moved"]) {
        return RepositoryError::WrongRegion { repository, source };
    }
    if says(&["InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "RequestTimeTooSkewed"]) {
        return RepositoryError::Credentials { repository, source };
    }
    match source {
        E::NotFound { .. } => RepositoryError::NotFound { key: subject, repository },
        E::AlreadyExists { .. } | E::Precondition { .. } | E::NotModified { .. } => {
            RepositoryError::AlreadyExists { key: subject, repository }
        }
        E::Unauthenticated { .. } => RepositoryError::Credentials { repository, source },
        E::PermissionDenied { .. } => RepositoryError::Denied { access, subject, repository, source },
        // Listings come without the status in the error's kind.
        _ if says(&["AccessDenied", "403 Forbidden"]) => {
            RepositoryError::Denied { access, subject, repository, source }
        }
        _ if is_connection(&source) => RepositoryError::Unreachable { access, subject, repository, source },
        _ => RepositoryError::Failed { access, subject, repository, source },
    }
}

/// The error and its sources, outermost first.
fn chain(error: &object_store::Error) -> impl Iterator<Item = &(dyn StdError + 'static)> {
    let first: &(dyn StdError + 'static) = error;
    std::iter::successors(Some(first), |error| (*error).source())
}

/// What the error and its sources say. `object_store` gives the service's answer as text only.
fn words(error: &object_store::Error) -> String {
    chain(error).map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

fn io_kind(error: &object_store::Error) -> Option<io::ErrorKind> {
    chain(error).find_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind)
}

fn is_connection(error: &object_store::Error) -> bool {
    use HttpErrorKind as K;
    chain(error).any(|error| match error.downcast_ref::<HttpError>() {
        Some(error) => matches!(error.kind(), K::Connect | K::Timeout | K::Request | K::Interrupted),
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn generic(text: &str) -> object_store::Error {
        object_store::Error::Generic { store: "S3", source: text.into() }
    }

    fn wrapped(kind: io::ErrorKind) -> object_store::Error {
        object_store::Error::Generic { store: "LocalFileSystem", source: Box::new(io::Error::from(kind)) }
    }

    fn http(kind: HttpErrorKind) -> object_store::Error {
        object_store::Error::Generic {
            store: "S3",
            source: Box::new(HttpError::new(kind, io::Error::other("refused"))),
        }
    }

    #[rstest]
    #[case(generic("404 Not Found: <Code>NoSuchBucket</Code>"), "BucketMissing", "create-bucket --bucket b ")]
    #[case(generic("status code: 403 Forbidden"), "Denied", "s3:PutObject")]
    #[case(generic("<Code>ExpiredToken</Code> 403 Forbidden"), "Credentials", "log in again")]
    #[case(generic("this normally indicates an incorrectly configured region"), "WrongRegion", "--repository-region")]
    #[case(generic("Error performing PUT http://127.0.0.1:5000/b/k - 403 Forbidden"), "Denied", "`require_tls`")]
    #[case(wrapped(io::ErrorKind::StorageFull), "DiskFull", "make room")]
    #[case(wrapped(io::ErrorKind::QuotaExceeded), "DiskFull", "make room")]
    #[case(wrapped(io::ErrorKind::ReadOnlyFilesystem), "Denied", "another account's")]
    #[case(http(HttpErrorKind::Connect), "Unreachable", "network")]
    #[case(http(HttpErrorKind::Timeout), "Unreachable", "network")]
    fn each_kind_of_failure_says_what_to_do(
        #[case] source: object_store::Error,
        #[case] kind: &str,
        #[case] hint: &str,
    ) {
        let error = sort(Access::Write, "latest.txt", "s3://b/p", source);
        assert!(format!("{error:?}").starts_with(kind), "{error:?}");
        assert!(error.hints().join("\n").contains(hint), "{:?}", error.hints());
        assert!(error.to_string().contains("s3://b/p"), "{error}");
    }

    #[test]
    fn over_tls_nothing_is_said_of_an_endpoint_without_it() {
        let source = generic("Error performing PUT https://b.s3.amazonaws.com/k - 403 Forbidden");
        let hints = sort(Access::Write, "k", "s3://b", source).hints().join("\n");
        assert!(hints.contains("another account's") && !hints.contains("TLS"), "{hints}");
    }

    #[rstest]
    #[case(Some("us-east-1"), "--bucket b --region us-east-1")]
    #[case(Some("eu-west-1"), "--region eu-west-1 --create-bucket-configuration LocationConstraint=eu-west-1")]
    #[case(None, "LocationConstraint=REGION")]
    fn a_bucket_is_made_as_its_region_wants_it(#[case] region: Option<&str>, #[case] end: &str) {
        let (repository, region) = ("s3://b/p".into(), region.map(Into::into));
        let error = RepositoryError::BucketMissing { repository, region, source: generic("NoSuchBucket") };
        assert!(error.hints()[0].ends_with(end), "{:?}", error.hints());
    }

    #[test]
    fn a_read_that_is_refused_names_the_key_s_permission_too() {
        let error = sort(Access::Read, "parados.json", "s3://b/p", generic("<Code>AccessDenied</Code>"));
        assert!(error.hints()[0].contains("kms:Decrypt"), "{:?}", error.hints());
    }
}
