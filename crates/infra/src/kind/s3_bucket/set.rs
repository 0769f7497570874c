//! Writes a bucket's settings, each by the calls that it has.

use aws_sdk_s3::error::BuildError;
use aws_sdk_s3::types::{
    BucketLifecycleConfiguration, BucketLocationConstraint, BucketVersioningStatus, CreateBucketConfiguration,
    DefaultRetention, ObjectLockConfiguration, ObjectLockEnabled, ObjectLockRetentionMode, ObjectLockRule,
    ObjectOwnership as SdkOwnership, OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration,
    ServerSideEncryption, ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule,
    Tag, Tagging, VersioningConfiguration,
};
use parados_parameter::StoreErrorKind;

use super::S3Bucket;
use crate::cloud::{CallError, Cloud, Result, absent};
use crate::kind::{At, Created, OWNER_TAG};

/// The Region whose buckets have no location constraint.
const FIRST_REGION: &str = "us-east-1";

/// Makes the bucket. Whether there is one was asked before, by a read: in us-east-1 the answer of this call is the same for a new bucket
/// and for one that this account has. One that has tags is not new.
pub(super) async fn create(bucket: &S3Bucket, cloud: &Cloud) -> Result<Created> {
    const OPERATION: &str = "s3:CreateBucket";
    let s3 = &cloud.clients()?.s3;
    let location = (cloud.region != FIRST_REGION).then(|| {
        let region = BucketLocationConstraint::from(cloud.region.as_str());
        CreateBucketConfiguration::builder().location_constraint(region).build()
    });
    let create = cloud.call(OPERATION, &bucket.name, async || {
        s3.create_bucket()
            .bucket(&bucket.name)
            .set_create_bucket_configuration(location.clone())
            .set_object_lock_enabled_for_bucket(bucket.object_lock.map(|_| true))
            .send()
            .await
    });
    let created = Created::of(create.await, &["BucketAlreadyOwnedByYou"], &bucket.name)?;
    match created {
        Created::New(name) if cloud.region == FIRST_REGION && !read_tags(&bucket.name, cloud).await?.is_empty() => {
            Ok(Created::There { id: name, may_be_ours: false })
        }
        created => Ok(created),
    }
}

/// Writes one setting.
pub(super) async fn field(bucket: &S3Bucket, cloud: &Cloud, at: &At, field: &str) -> Result<()> {
    let s3 = &cloud.clients()?.s3;
    let name = bucket.name.as_str();
    match field {
        "tags" => tags(bucket, cloud, at).await,
        "versioning" => {
            let status = match bucket.versioning {
                true => BucketVersioningStatus::Enabled,
                false => BucketVersioningStatus::Suspended,
            };
            let configuration = VersioningConfiguration::builder().status(status).build();
            let put = cloud.settle("s3:PutBucketVersioning", name, async || {
                s3.put_bucket_versioning().bucket(name).versioning_configuration(configuration.clone()).send().await
            });
            put.await.map(drop)
        }
        "encryption" => encryption(bucket, cloud).await,
        "lifecycle" => lifecycle(bucket, cloud).await,
        "public_access_block" => {
            let block = bucket.public_access_block;
            let configuration = PublicAccessBlockConfiguration::builder()
                .block_public_acls(block.block_public_acls)
                .block_public_policy(block.block_public_policy)
                .ignore_public_acls(block.ignore_public_acls)
                .restrict_public_buckets(block.restrict_public_buckets)
                .build();
            let put = cloud.settle("s3:PutBucketPublicAccessBlock", name, async || {
                s3.put_public_access_block()
                    .bucket(name)
                    .public_access_block_configuration(configuration.clone())
                    .send()
                    .await
            });
            put.await.map(drop)
        }
        "policy" => match bucket.policy_document(at) {
            Some(document) => {
                let put = cloud.settle("s3:PutBucketPolicy", name, async || {
                    s3.put_bucket_policy().bucket(name).policy(document.to_string()).send().await
                });
                put.await.map(drop)
            }
            None => {
                let delete = cloud
                    .call("s3:DeleteBucketPolicy", name, async || s3.delete_bucket_policy().bucket(name).send().await);
                delete.await.map(drop)
            }
        },
        "ownership" => {
            let rule = OwnershipControlsRule::builder()
                .object_ownership(SdkOwnership::from(bucket.ownership.as_str()))
                .build()
                .map_err(|error| unbuildable(name, &error))?;
            let controls =
                OwnershipControls::builder().rules(rule).build().map_err(|error| unbuildable(name, &error))?;
            let put = cloud.settle("s3:PutBucketOwnershipControls", name, async || {
                s3.put_bucket_ownership_controls().bucket(name).ownership_controls(controls.clone()).send().await
            });
            put.await.map(drop)
        }
        "object_lock" => object_lock(bucket, cloud).await,
        "replication" => replication(bucket, cloud).await,
        _ => Ok(()),
    }
}

/// The tags are written all at once, so those that AWS keeps for itself have to be written back.
async fn tags(bucket: &S3Bucket, cloud: &Cloud, at: &At) -> Result<()> {
    let s3 = &cloud.clients()?.s3;
    let name = bucket.name.as_str();
    let there = read_tags(name, cloud).await?;
    let mut tags: Vec<Tag> = there.into_iter().filter(|tag| tag.key.starts_with("aws:")).collect();
    let wanted = bucket.tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    for (key, value) in wanted.chain([(OWNER_TAG, at.owner.as_str())]) {
        tags.push(Tag::builder().key(key).value(value).build().map_err(|error| unbuildable(name, &error))?);
    }
    let tagging = Tagging::builder().set_tag_set(Some(tags)).build().map_err(|error| unbuildable(name, &error))?;
    let put = cloud.settle("s3:PutBucketTagging", name, async || {
        s3.put_bucket_tagging().bucket(name).tagging(tagging.clone()).send().await
    });
    put.await.map(drop)
}

async fn read_tags(name: &str, cloud: &Cloud) -> Result<Vec<Tag>> {
    let s3 = &cloud.clients()?.s3;
    let get = cloud.settle("s3:GetBucketTagging", name, async || s3.get_bucket_tagging().bucket(name).send().await);
    Ok(absent(get.await, &["NoSuchTagSet"])?.map(|output| output.tag_set).unwrap_or_default())
}

async fn encryption(bucket: &S3Bucket, cloud: &Cloud) -> Result<()> {
    let s3 = &cloud.clients()?.s3;
    let name = bucket.name.as_str();
    let by_default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::from(bucket.encryption.algorithm.as_str()))
        .set_kms_master_key_id(bucket.encryption.key.clone())
        .build()
        .map_err(|error| unbuildable(name, &error))?;
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(by_default)
        .bucket_key_enabled(bucket.encryption.bucket_key)
        .build();
    let configuration =
        ServerSideEncryptionConfiguration::builder().rules(rule).build().map_err(|error| unbuildable(name, &error))?;
    let put = cloud.settle("s3:PutEncryptionConfiguration", name, async || {
        s3.put_bucket_encryption().bucket(name).server_side_encryption_configuration(configuration.clone()).send().await
    });
    put.await.map(drop)
}

async fn lifecycle(bucket: &S3Bucket, cloud: &Cloud) -> Result<()> {
    let s3 = &cloud.clients()?.s3;
    let name = bucket.name.as_str();
    if bucket.lifecycle.is_empty() {
        let delete = cloud.call("s3:PutLifecycleConfiguration", name, async || {
            s3.delete_bucket_lifecycle().bucket(name).send().await
        });
        return delete.await.map(drop);
    }
    let rules = bucket.lifecycle.iter().map(super::LifecycleRule::to_sdk).collect::<Result<_, _>>();
    let rules = rules.map_err(|error| unbuildable(name, &error))?;
    let configuration = BucketLifecycleConfiguration::builder()
        .set_rules(Some(rules))
        .build()
        .map_err(|error| unbuildable(name, &error))?;
    let put = cloud.settle("s3:PutLifecycleConfiguration", name, async || {
        s3.put_bucket_lifecycle_configuration().bucket(name).lifecycle_configuration(configuration.clone()).send().await
    });
    put.await.map(drop)
}

async fn object_lock(bucket: &S3Bucket, cloud: &Cloud) -> Result<()> {
    let s3 = &cloud.clients()?.s3;
    let name = bucket.name.as_str();
    let Some(lock) = bucket.object_lock else {
        const MESSAGE: &str = "object lock cannot be taken away from a bucket";
        return Err(CallError::new("s3:PutBucketObjectLockConfiguration", name, StoreErrorKind::Validation, MESSAGE));
    };
    let rule = (lock.days.is_some() || lock.years.is_some()).then(|| {
        let retention = DefaultRetention::builder()
            .mode(ObjectLockRetentionMode::from(lock.mode.as_str()))
            .set_days(lock.days)
            .set_years(lock.years)
            .build();
        ObjectLockRule::builder().default_retention(retention).build()
    });
    let configuration =
        ObjectLockConfiguration::builder().object_lock_enabled(ObjectLockEnabled::Enabled).set_rule(rule).build();
    let put = cloud.settle("s3:PutBucketObjectLockConfiguration", name, async || {
        s3.put_object_lock_configuration().bucket(name).object_lock_configuration(configuration.clone()).send().await
    });
    put.await.map(drop)
}

async fn replication(bucket: &S3Bucket, cloud: &Cloud) -> Result<()> {
    const OPERATION: &str = "s3:PutReplicationConfiguration";
    let s3 = &cloud.clients()?.s3;
    let name = bucket.name.as_str();
    let Some(replication) = &bucket.replication else {
        let delete = cloud.call(OPERATION, name, async || s3.delete_bucket_replication().bucket(name).send().await);
        return delete.await.map(drop);
    };
    let configuration = replication.to_sdk().map_err(|error| unbuildable(name, &error))?;
    let put = cloud.settle(OPERATION, name, async || {
        s3.put_bucket_replication().bucket(name).replication_configuration(configuration.clone()).send().await
    });
    put.await.map(drop)
}

fn unbuildable(name: &str, error: &BuildError) -> CallError {
    CallError::new("s3", name, StoreErrorKind::Validation, error.to_string())
}
