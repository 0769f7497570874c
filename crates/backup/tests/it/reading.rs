//! Reading the document of a snapshot against its manifest.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parados_backup::document::Digest;
use parados_backup::manifest::ManifestSummary;
use parados_backup::repository::{OpenOptions, Repository, RepositoryUrl, SnapshotFilter};
use parados_backup::seal::Identities;
use parados_backup::snapshot::{self, DocumentPart, SnapshotError};

fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/golden/v1")
}

async fn newest_of_dev() -> (Arc<Repository>, ManifestSummary, Identities) {
    let objects = RepositoryUrl::Folder(golden().join("sealed")).open(&OpenOptions::default()).unwrap();
    let repository = Arc::new(Repository::open(objects).await.unwrap());
    let filter = SnapshotFilter { environment: Some("dev".into()), ..SnapshotFilter::default() };
    let summary = repository.snapshots(&filter).await.unwrap().entries.pop().unwrap().summary;
    (repository, summary, Identities::load(&[golden().join("identity_age")], None).unwrap())
}

async fn names(change: impl FnOnce(&mut ManifestSummary)) -> Result<Vec<String>, SnapshotError> {
    let (repository, mut summary, identities) = newest_of_dev().await;
    change(&mut summary);
    snapshot::fold(&repository, &summary, &identities, Vec::new(), |names: &mut Vec<String>, record| {
        names.push(record.name.to_string());
        ControlFlow::Continue(())
    })
    .await
}

#[tokio::test]
async fn every_record_is_given_once() {
    let (_, summary, _) = newest_of_dev().await;
    let mut names = names(|_| {}).await.unwrap();
    assert_eq!(names.len() as u64, summary.counts.parameters);
    names.dedup();
    assert_eq!(names.len() as u64, summary.counts.parameters);
}

#[tokio::test]
async fn whatever_the_manifest_says_of_the_document_is_checked() {
    type Case = (DocumentPart, fn(&mut ManifestSummary));
    let cases: [Case; 5] = [
        (DocumentPart::Size, |summary| summary.document.size += 1),
        (DocumentPart::Digest, |summary| summary.document.digest = Digest::of(b"x")),
        (DocumentPart::ContentSize, |summary| summary.document.content_size -= 1),
        (DocumentPart::ContentDigest, |summary| summary.document.content_digest = Digest::of(b"x")),
        (DocumentPart::Parameters, |summary| summary.counts.parameters += 1),
    ];
    for (expected, change) in cases {
        let error = names(change).await.unwrap_err();
        assert!(matches!(error, SnapshotError::Differs { part, .. } if part == expected), "{expected}: {error}");
    }
}

#[tokio::test]
async fn what_cannot_be_had_or_opened_is_told_apart() {
    let gone = names(|summary| summary.document.key = "2025-10-15/none.json".into()).await.unwrap_err();
    assert!(matches!(gone, SnapshotError::Download(_)), "{gone}");
    let (repository, summary, identities) = newest_of_dev().await;
    snapshot::probe(&repository, &summary, &identities).await.unwrap();
    let nobody = Identities::default();
    let refused = snapshot::probe(&repository, &summary, &nobody).await.unwrap_err();
    assert!(matches!(refused, SnapshotError::Open { .. }), "{refused}");
    let refused =
        snapshot::fold(&repository, &summary, &nobody, (), |(), _| ControlFlow::Continue(())).await.unwrap_err();
    assert!(matches!(refused, SnapshotError::Open { .. }), "{refused}");
    // Opened as if it were not sealed.
    let damaged = names(|summary| summary.recipients.clear()).await.unwrap_err();
    assert!(matches!(damaged, SnapshotError::Document { .. }), "{damaged}");
}

#[tokio::test]
async fn whoever_wants_no_more_gets_no_more() {
    let (repository, summary, identities) = newest_of_dev().await;
    let mut given = 0;
    let stopped = snapshot::fold(&repository, &summary, &identities, (), move |(), _| {
        given += 1;
        assert_eq!(given, 1);
        ControlFlow::Break(())
    });
    assert!(matches!(stopped.await, Err(SnapshotError::Stopped)));
}
