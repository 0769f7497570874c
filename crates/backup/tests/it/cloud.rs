//! What objects in any cloud have to do: be written once, whole, and be read in parts.

use std::io::Write as _;

use futures::TryStreamExt as _;
use parados_backup::repository::{Finished, OpenOptions, PART_BYTES, Repository, RepositoryError, RepositoryUrl};

use crate::snapshots::now;

async fn write(repository: &Repository, key: &str, bytes: Vec<u8>) -> Result<Finished, RepositoryError> {
    let mut upload = repository.upload(key)?;
    let written = tokio::task::spawn_blocking(move || upload.write_all(&bytes).map(|()| upload)).await.unwrap();
    match written {
        Ok(upload) => upload.finish().await,
        Err(error) => Err(*error.into_inner().unwrap().downcast::<RepositoryError>().unwrap()),
    }
}

/// Bytes of which no two parts are the same.
fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8 ^ (at >> 16) as u8).collect()
}

/// At `url`, with these settings.
pub(crate) async fn keeps_objects(url: &str, settings: Vec<(&'static str, String)>) {
    let settings: Vec<_> = settings.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let open = || {
        let options = OpenOptions { settings: settings.clone(), ..OpenOptions::default() };
        RepositoryUrl::parse(url).unwrap().open(&options).unwrap()
    };
    // A first backup that only looks leaves nothing, and of two the first one's id is both's.
    let first = Repository::open_or_begin(open(), [1; 16], now()).await.unwrap();
    let second = Repository::open_or_begin(open(), [2; 16], now()).await.unwrap();
    first.check_begun().await.unwrap();
    let error = Repository::open(open()).await.unwrap_err();
    assert!(matches!(error, RepositoryError::NotARepository { .. }), "{error}");
    assert!(first.establish().await.unwrap() && !second.establish().await.unwrap());
    assert_eq!(second.id(), first.id());

    for (key, length) in [
        ("2025-10-15/small.json", 10),
        ("2025-10-15/part.json", PART_BYTES),
        ("2025-10-15/parts.json", 2 * PART_BYTES + 5),
    ] {
        let written = bytes(length);
        let finished = write(&first, key, written.clone()).await.unwrap();
        assert_eq!(finished, Finished { key: key.into(), size: length as u64 });
        assert_eq!(first.size(key).await.unwrap(), Some(length as u64));
        let read: Vec<_> = second.download(key).await.unwrap().try_collect().await.unwrap();
        assert!(read.concat() == written, "{key}");
        // What is there is not replaced, in one piece or in many, from anywhere.
        let error = write(&second, key, bytes(length + 1)).await.unwrap_err();
        assert!(matches!(error, RepositoryError::AlreadyExists { .. }), "{key}: {error}");
        assert_eq!(first.size(key).await.unwrap(), Some(length as u64));
    }

    // The hint alone is replaced.
    for key in ["2025-10-15/small.json", "2025-10-15/parts.json"] {
        first.write_latest(key).await.unwrap();
        assert_eq!(second.read_latest().await.unwrap().as_deref(), Some(key));
    }
    assert!(matches!(first.download("2025-10-15/none.json").await.err(), Some(RepositoryError::NotFound { .. })));
    assert_eq!(first.size("2025-10-15/none.json").await.unwrap(), None);
    for (access, outcome) in first.check_access().await {
        outcome.unwrap_or_else(|error| panic!("{access}: {error}"));
    }
}
