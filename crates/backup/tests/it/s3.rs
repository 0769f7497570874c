//! The repository in S3, with moto on the other side and the AWS CLI reading back what was put.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use object_store::StaticCredentialProvider;
use object_store::aws::AwsCredential;
use object_store::client::ReqwestConnector;
use parados_backup::repository::{
    Access, Finished, OpenOptions, PART_BYTES, RemovalDraft, Repository, RepositoryError, RepositoryUrl, S3Options,
    ServerSideEncryption, SnapshotFilter,
};
use parados_backup::signature::SigningKey;
use rstest::rstest;
use testkit::Moto;

use crate::snapshots::{draft, now, target};

fn options(endpoint: String, server_side_encryption: ServerSideEncryption) -> OpenOptions {
    let credential =
        AwsCredential { key_id: "testing".into(), secret_key: "testing".into(), token: Some("testing".into()) };
    OpenOptions {
        s3: Some(S3Options {
            credentials: Arc::new(StaticCredentialProvider::new(credential)),
            connector: Arc::new(ReqwestConnector::default()),
            region: "eu-west-1".into(),
            endpoint: Some(endpoint),
            use_fips: false,
            server_side_encryption,
        }),
        ..OpenOptions::default()
    }
}

async fn open_at(url: &str, endpoint: String, sse: ServerSideEncryption) -> Result<Repository, RepositoryError> {
    let objects = RepositoryUrl::parse(url)?.open(&options(endpoint, sse))?;
    Repository::open_or_init(objects, [7; 16], now()).await
}

async fn open(moto: &Moto, url: &str) -> Result<Repository, RepositoryError> {
    open_at(url, moto.url(), ServerSideEncryption::Aes256).await
}

fn aws(moto: &Moto, arguments: &[&str]) -> String {
    let output = testkit::aws_cli(moto).args(arguments).output().unwrap();
    assert!(output.status.success(), "aws {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn start() -> Moto {
    let moto = Moto::start();
    let place = "LocationConstraint=eu-west-1";
    aws(&moto, &["s3api", "create-bucket", "--bucket", "backups", "--create-bucket-configuration", place]);
    moto
}

async fn write(repository: &Repository, key: &str, bytes: Vec<u8>) -> Result<Finished, RepositoryError> {
    let mut upload = repository.upload(key)?;
    let written = tokio::task::spawn_blocking(move || upload.write_all(&bytes).map(|()| upload)).await.unwrap();
    match written {
        Ok(upload) => upload.finish().await,
        Err(error) => Err(*error.into_inner().unwrap().downcast::<RepositoryError>().unwrap()),
    }
}

/// A backup as the repository sees one: a data object, a manifest, the hint.
async fn back_up(repository: &Repository, size: usize) -> Result<String, RepositoryError> {
    let (key, _) = repository.free_data_key("dev", now(), false).await?;
    let key = write(repository, &key, vec![b'x'; size]).await?.key;
    let mut draft = draft(1);
    draft.document.key = key.clone();
    repository.commit(draft, &SigningKey::from_seed(&[1; 32], "parados")).await?;
    repository.write_latest(&key).await?;
    Ok(key)
}

#[rstest]
#[tokio::test(flavor = "multi_thread")]
async fn every_object_is_encrypted_as_configured_and_what_was_put(#[values(false, true)] kms: bool) {
    let moto = start();
    let (url, sse, expected) = match kms {
        false => ("s3://backups/aes", ServerSideEncryption::Aes256, "AES256".to_owned()),
        true => {
            let key = aws(&moto, &["kms", "create-key", "--query", "KeyMetadata.Arn", "--output", "text"]);
            ("s3://backups/kms", ServerSideEncryption::AwsKms(key.parse().unwrap()), format!("aws:kms\t{key}"))
        }
    };
    let repository = open_at(url, moto.url(), sse).await.unwrap();
    let small = back_up(&repository, 10).await.unwrap();
    let large = back_up(&repository, 2 * PART_BYTES + 5).await.unwrap();
    assert_ne!(small, large);
    let prefix = url.strip_prefix("s3://backups/").unwrap();
    let listed = aws(
        &moto,
        &[
            "s3api",
            "list-objects-v2",
            "--bucket",
            "backups",
            "--prefix",
            prefix,
            "--query",
            "Contents[].Key",
            "--output",
            "text",
        ],
    );
    let listed: Vec<_> = listed.split('\t').collect();
    assert_eq!(listed.len(), 6, "marker, two data objects, two manifests, latest.txt: {listed:?}");
    for key in listed {
        let query = "[ServerSideEncryption, SSEKMSKeyId]";
        let head = aws(
            &moto,
            &["s3api", "head-object", "--bucket", "backups", "--key", key, "--query", query, "--output", "text"],
        );
        assert_eq!(head.trim_end_matches("\tNone"), expected, "{key}");
    }
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("large");
    aws(&moto, &["s3", "cp", "--quiet", &format!("{url}/{large}"), file.to_str().unwrap()]);
    assert_eq!(std::fs::read(file).unwrap(), vec![b'x'; 2 * PART_BYTES + 5]);
    assert_eq!(aws(&moto, &["s3", "cp", &format!("{url}/latest.txt"), "-"]), large);
    assert_eq!(repository.snapshots(&SnapshotFilter::target(&target())).await.unwrap().entries.len(), 2);
}

/// Under a prefix, as many repositories can be in one bucket.
#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_marked_and_removed_and_the_bucket_tells_the_time() {
    let moto = start();
    let repository = open(&moto, "s3://backups/prefix").await.unwrap();
    let key = SigningKey::from_seed(&[1; 32], "parados");
    let (first, second) = (back_up(&repository, 10).await.unwrap(), back_up(&repository, 10).await.unwrap());
    let found = repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries;
    let wanted = found.iter().find(|entry| entry.summary.document.key == first).unwrap();
    let manifest = repository.read_manifest(&wanted.manifest_key).await.unwrap();
    repository.mark(&wanted.summary, manifest.digest, now(), "test", &key).await.unwrap();
    assert_eq!(repository.marks(&SnapshotFilter::default()).await.unwrap().entries.len(), 1);
    let tool = "test".to_owned();
    let draft = RemovalDraft { reason: "test".into(), marked_at: now(), removed_at: now(), tool };
    let removal = repository.begin_removal(&manifest, draft, &key).await.unwrap();
    for _ in 0..2 {
        repository.finish_removal(&removal, &BTreeSet::new()).await.unwrap();
    }
    let time = repository.time_of_place(7).await.unwrap();
    assert!(time.duration_since(Timestamp::now()).abs() < SignedDuration::from_mins(5), "{time}");
    assert_eq!(back_up(&repository, 10).await.unwrap().len(), first.len());

    let listed = ["s3api", "list-objects-v2", "--bucket", "backups", "--query", "Contents[].Key", "--output", "text"];
    let listed = aws(&moto, &listed);
    assert!(!listed.contains(&first) || first == second, "{listed}");
    assert!(listed.contains(&second) && listed.contains("/0000000001.removed"), "{listed}");
    for gone in ["0000000001.manifest", ".mark", ".clock"] {
        assert!(!listed.contains(gone), "{gone}: {listed}");
    }
    assert!(listed.contains("0000000003.manifest"), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_upload_has_a_checksum_as_a_bucket_under_object_lock_wants_it() {
    let moto = start();
    moto.require_checksum();
    let unchecked = ["put-object", "--bucket", "backups", "--key", "x", "--checksum-algorithm", "CRC32"];
    let refused = testkit::aws_cli(&moto).arg("s3api").args(unchecked).output().unwrap();
    let words = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success() && words.contains("x-amz-checksum-"), "{words}");

    let repository = open(&moto, "s3://backups").await.unwrap();
    back_up(&repository, 10).await.unwrap();
    let large = back_up(&repository, PART_BYTES + 1).await.unwrap();
    let head = ["s3api", "head-object", "--bucket", "backups", "--checksum-mode", "ENABLED", "--key", &large];
    let checksum = aws(&moto, &[&head[..], &["--query", "ChecksumSHA256", "--output", "text"]].concat());
    assert_ne!(checksum, "None", "S3 keeps it with the object");
}

#[rstest]
#[case::in_one_part(10)]
#[case::in_two_parts(PART_BYTES + 1)]
#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_there_is_not_replaced(#[case] size: usize) {
    let moto = start();
    let repository = open(&moto, "s3://backups").await.unwrap();
    write(&repository, "2025-10-15/a.json", b"first".to_vec()).await.unwrap();
    let error = write(&repository, "2025-10-15/a.json", vec![b'x'; size]).await.unwrap_err();
    assert!(matches!(error, RepositoryError::AlreadyExists { .. }), "{error:?}");
    assert_eq!(aws(&moto, &["s3", "cp", "s3://backups/2025-10-15/a.json", "-"]), "first");
    let uploads = aws(&moto, &["s3api", "list-multipart-uploads", "--bucket", "backups", "--query", "Uploads"]);
    assert_eq!(uploads, "null", "the parts were taken back");
}

#[rstest]
#[case::in_one_part(10)]
#[case::in_two_parts(PART_BYTES + 1)]
#[tokio::test(flavor = "multi_thread")]
async fn a_data_key_that_another_process_took_meanwhile_gives_way_to_the_next_second(#[case] size: usize) {
    let moto = start();
    let mut keys = Vec::new();
    let (one, other) = (open(&moto, "s3://backups").await.unwrap(), open(&moto, "s3://backups").await.unwrap());
    for repository in [&one, &other] {
        keys.push(repository.free_data_key("dev", now(), false).await.unwrap().0);
    }
    assert_eq!(keys[0], keys[1]);
    let first = write(&one, &keys[0], vec![b'1'; size]).await.unwrap();
    let second = write(&other, &keys[1], vec![b'2'; size]).await.unwrap();
    assert_eq!(first.key, keys[0]);
    assert!(second.key > first.key, "{second:?}");
    assert_eq!(aws(&moto, &["s3", "cp", &format!("s3://backups/{}", first.key), "-"]), "1".repeat(size));
    assert_eq!(aws(&moto, &["s3", "cp", &format!("s3://backups/{}", second.key), "-"]), "2".repeat(size));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_bucket_is_named_with_the_command_that_makes_it() {
    let moto = Moto::start();
    let error = open(&moto, "s3://nobodys/p").await.unwrap_err();
    assert!(matches!(error, RepositoryError::BucketMissing { .. }), "{error:?}");
    let end =
        "create-bucket --bucket nobodys --region eu-west-1 --create-bucket-configuration LocationConstraint=eu-west-1";
    assert!(error.hints()[0].ends_with(end), "{:?}", error.hints());
}

#[rstest]
#[case("S3.GetObject", Access::Read, "s3:GetObject")]
#[case("S3.PutObject", Access::Write, "s3:PutObject")]
#[case("S3.ListObjectsV2", Access::List, "s3:ListBucket")]
#[case("S3.CreateMultipartUpload", Access::Write, "s3:PutObject")]
#[tokio::test(flavor = "multi_thread")]
async fn each_permission_that_is_missing_is_named(
    #[case] operation: &str,
    #[case] access: Access,
    #[case] permission: &str,
) {
    let moto = start();
    let repository = open(&moto, "s3://backups").await.unwrap();
    moto.deny(operation);
    let outcome = async {
        let repository = open(&moto, "s3://backups").await?;
        back_up(&repository, PART_BYTES + 1).await
    };
    let error = outcome.await.unwrap_err();
    let RepositoryError::Denied { access: denied, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*denied, access, "{error}");
    assert!(error.hints()[0].contains(permission), "{:?}", error.hints());
    moto.fail(operation, "None", 500, 0, 0);
    let snapshots = repository.snapshots(&SnapshotFilter::default()).await.unwrap();
    assert!(snapshots.entries.is_empty(), "what was refused is not committed: {snapshots:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_are_told_from_missing_permissions() {
    let moto = start();
    moto.fail("S3.GetObject", "InvalidAccessKeyId", 403, 0, 100);
    let error = open(&moto, "s3://backups").await.unwrap_err();
    assert!(matches!(error, RepositoryError::Credentials { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_fails_for_a_while_is_asked_again() {
    let moto = start();
    let repository = open(&moto, "s3://backups").await.unwrap();
    moto.fail("S3.UploadPart", "InternalError", 500, 1, 2);
    back_up(&repository, 3 * PART_BYTES).await.unwrap();
    moto.fail("S3.PutObject", "SlowDown", 503, 0, 2);
    back_up(&repository, 10).await.unwrap();
    assert_eq!(repository.snapshots(&SnapshotFilter::default()).await.unwrap().entries.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_at_the_endpoint_is_unreachable() {
    // A port that was free a moment ago, and that nobody listens on.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let endpoint = format!("http://127.0.0.1:{port}");
    let error = open_at("s3://backups", endpoint, ServerSideEncryption::Aes256).await.unwrap_err();
    assert!(matches!(error, RepositoryError::Unreachable { .. }), "{error:?}");
}
