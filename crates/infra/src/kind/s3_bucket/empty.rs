//! Empties a bucket and deletes it.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use parados_parameter::StoreErrorKind;

use crate::cloud::{CallError, Cloud, Result, absent};
use crate::kind::Contents;

/// What deleting the bucket would lose.
pub(super) async fn contents(cloud: &Cloud, name: &str) -> Result<Option<Contents>> {
    let s3 = &cloud.clients()?.s3;
    let list = cloud.call("s3:ListBucketVersions", name, async || {
        s3.list_object_versions().bucket(name).max_keys(1000).send().await
    });
    let Some(output) = absent(list.await, &["NoSuchBucket"])? else { return Ok(None) };
    let count = output.versions().len();
    let more = match output.is_truncated {
        Some(true) => "more than ",
        _ => "",
    };
    Ok((count > 0).then(|| Contents { what: format!("{more}{count} versions of objects") }))
}

/// Deletes every version, every marker and every upload that was not completed, and then the bucket.
pub(super) async fn delete(cloud: &Cloud, name: &str) -> Result<()> {
    match absent(empty(cloud, name).await, &["NoSuchBucket"])? {
        None => Ok(()),
        Some(()) => {
            let s3 = &cloud.clients()?.s3;
            let delete = cloud.call("s3:DeleteBucket", name, async || s3.delete_bucket().bucket(name).send().await);
            absent(delete.await, &["NoSuchBucket"]).map(drop)
        }
    }
}

async fn empty(cloud: &Cloud, name: &str) -> Result<()> {
    let s3 = &cloud.clients()?.s3;
    loop {
        // From the beginning each time: what was listed is gone.
        let list =
            cloud.call("s3:ListBucketVersions", name, async || s3.list_object_versions().bucket(name).send().await);
        let output = list.await?;
        let versions = output.versions().iter().map(|one| (one.key(), one.version_id()));
        let markers = output.delete_markers().iter().map(|one| (one.key(), one.version_id()));
        let found = versions.chain(markers).filter_map(|(key, version)| {
            ObjectIdentifier::builder().key(key?).set_version_id(version.map(str::to_owned)).build().ok()
        });
        let found: Vec<ObjectIdentifier> = found.collect();
        if found.is_empty() {
            break;
        }
        delete_versions(cloud, name, found).await?;
    }
    let list = cloud
        .call("s3:ListBucketMultipartUploads", name, async || s3.list_multipart_uploads().bucket(name).send().await);
    for upload in list.await?.uploads() {
        let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) else { continue };
        let abort = cloud.call("s3:AbortMultipartUpload", name, async || {
            s3.abort_multipart_upload().bucket(name).key(key).upload_id(id).send().await
        });
        absent(abort.await, &["NoSuchUpload"])?;
    }
    Ok(())
}

async fn delete_versions(cloud: &Cloud, name: &str, versions: Vec<ObjectIdentifier>) -> Result<()> {
    const OPERATION: &str = "s3:DeleteObjectVersion";
    let s3 = &cloud.clients()?.s3;
    let failed = |message: String| CallError::new(OPERATION, name, StoreErrorKind::Other, message);
    let delete = Delete::builder().set_objects(Some(versions)).quiet(true).build();
    let delete = delete.map_err(|error| failed(error.to_string()))?;
    let call =
        cloud.call(OPERATION, name, async || s3.delete_objects().bucket(name).delete(delete.clone()).send().await);
    match call.await?.errors().first() {
        None => Ok(()),
        Some(error) => Err(failed(format!(
            "{} of {}: {}",
            error.code().unwrap_or_default(),
            error.key().unwrap_or_default(),
            error.message().unwrap_or_default()
        ))),
    }
}
