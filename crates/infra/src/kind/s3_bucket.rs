//! `aws:s3:Bucket`: a bucket and everything that S3 keeps beside it.
//!
//! Each of the bucket's settings is a sub-resource with calls of its own, and a service error that says that it is not configured:
//! that error means none, and no other does. Here is what a bucket takes and how it is read; `set` has how each setting is
//! written, `empty` how a bucket is emptied and deleted.

mod empty;
mod lifecycle;
mod replication;
mod set;

use std::collections::BTreeMap;

use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::types::BucketVersioningStatus;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

pub use lifecycle::LifecycleRule;
pub use replication::Replication;

use super::{At, Contents, Created, Live, OWNER_TAG, Outputs, Resource, known, live_tags, tag_field};
use crate::cloud::{Cloud, Result, absent};
use crate::policy_document;

/// A bucket of S3.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct S3Bucket {
    /// The name, which no other bucket of any account may have.
    pub name: String,
    /// Whether older versions of objects are kept. By default not; once it was on, S3 can only suspend it.
    #[serde(default)]
    pub versioning: bool,
    /// How objects are encrypted where a request does not say. By default with AES256.
    #[serde(default)]
    pub encryption: Encryption,
    /// What is removed when.
    #[serde(default)]
    pub lifecycle: Vec<LifecycleRule>,
    /// What keeps the bucket from being public. By default all four.
    #[serde(default)]
    pub public_access_block: PublicAccessBlock,
    /// The bucket's policy. By default none.
    #[serde(default)]
    pub policy: Option<BucketPolicy>,
    /// Who owns what others put into it. By default the bucket's owner, and there are no ACLs.
    #[serde(default)]
    pub ownership: ObjectOwnership,
    /// What keeps versions from being deleted. It can be had from the bucket's beginning only, and never be taken away.
    #[serde(default)]
    pub object_lock: Option<ObjectLock>,
    /// Where objects are copied to.
    #[serde(default)]
    pub replication: Option<Replication>,
    /// The tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// How objects are encrypted at rest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Encryption {
    /// `AES256` or `aws:kms`.
    pub algorithm: EncryptionAlgorithm,
    /// The KMS key, with `aws:kms`.
    #[serde(default)]
    pub key: Option<String>,
    /// Whether the bucket has a key of its own, which spares calls to KMS. By default it has.
    #[serde(default = "yes")]
    pub bucket_key: bool,
}

/// The algorithms of encryption at rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum EncryptionAlgorithm {
    /// Keys that S3 keeps.
    #[serde(rename = "AES256")]
    Aes256,
    /// A key of KMS.
    #[serde(rename = "aws:kms")]
    Kms,
}

impl EncryptionAlgorithm {
    /// As AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aes256 => "AES256",
            Self::Kms => "aws:kms",
        }
    }
}

impl Default for Encryption {
    fn default() -> Self {
        Self { algorithm: EncryptionAlgorithm::Aes256, key: None, bucket_key: true }
    }
}

/// What keeps a bucket from being public.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PublicAccessBlock {
    /// Refuse ACLs that make public.
    #[serde(default = "yes")]
    pub block_public_acls: bool,
    /// Refuse policies that make public.
    #[serde(default = "yes")]
    pub block_public_policy: bool,
    /// Do not look at ACLs that make public.
    #[serde(default = "yes")]
    pub ignore_public_acls: bool,
    /// Let nobody but the account itself in by a policy that makes public.
    #[serde(default = "yes")]
    pub restrict_public_buckets: bool,
}

impl Default for PublicAccessBlock {
    fn default() -> Self {
        Self {
            block_public_acls: true,
            block_public_policy: true,
            ignore_public_acls: true,
            restrict_public_buckets: true,
        }
    }
}

/// A bucket's policy.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BucketPolicy {
    /// Deny every call that comes without TLS.
    #[serde(default)]
    pub require_tls: bool,
    /// Deny every upload whose request does not ask for the bucket's encryption.
    #[serde(default)]
    pub require_encryption: bool,
    /// Further statements, as IAM writes them.
    #[serde(default)]
    pub statements: Vec<Value>,
}

/// Who owns objects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum ObjectOwnership {
    /// The bucket's owner; ACLs are off.
    #[default]
    BucketOwnerEnforced,
    /// The bucket's owner, where the writer grants it.
    BucketOwnerPreferred,
    /// The writer.
    ObjectWriter,
}

impl ObjectOwnership {
    /// As AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::BucketOwnerEnforced => "BucketOwnerEnforced",
            Self::BucketOwnerPreferred => "BucketOwnerPreferred",
            Self::ObjectWriter => "ObjectWriter",
        }
    }
}

/// What keeps versions from being deleted. Without `days` and `years` the bucket has object lock, and retains nothing by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ObjectLock {
    /// Whether somebody with a permission for it may delete all the same.
    #[serde(default)]
    pub mode: RetentionMode,
    /// For how many days each new version is retained.
    #[serde(default)]
    pub days: Option<i32>,
    /// For how many years each new version is retained.
    #[serde(default)]
    pub years: Option<i32>,
}

/// Who may delete what is retained.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum RetentionMode {
    /// Who has s3:BypassGovernanceRetention.
    #[default]
    #[serde(rename = "GOVERNANCE")]
    Governance,
    /// Nobody.
    #[serde(rename = "COMPLIANCE")]
    Compliance,
}

impl RetentionMode {
    /// As AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Governance => "GOVERNANCE",
            Self::Compliance => "COMPLIANCE",
        }
    }
}

impl S3Bucket {
    /// The ARN.
    pub fn arn(&self, at: &At) -> String {
        format!("arn:{}:s3:::{}", at.partition, self.name)
    }

    /// The policy as a document; none where there is none.
    pub fn policy_document(&self, at: &At) -> Option<Value> {
        let policy = self.policy.as_ref()?;
        let arn = self.arn(at);
        let mut statements = Vec::new();
        if policy.require_tls {
            statements.push(json!({
                "Sid": "DenyInsecureConnections",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [arn, format!("{arn}/*")],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }));
        }
        if policy.require_encryption {
            statements.push(json!({
                "Sid": "DenyUnencryptedObjectUploads",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": format!("{arn}/*"),
                "Condition": {
                    "StringNotEquals": {"s3:x-amz-server-side-encryption": self.encryption.algorithm.as_str()},
                },
            }));
        }
        statements.extend(policy.statements.iter().cloned());
        (!statements.is_empty()).then(|| policy_document::document(statements))
    }
}

impl Resource for S3Bucket {
    fn id(&self, _: &At) -> Option<String> {
        Some(self.name.clone())
    }

    fn named(id: &str) -> Option<Value> {
        Some(json!({ "name": id }))
    }

    fn declared(field: &str, live: &Value) -> Option<(&'static str, Value)> {
        (field == "policy").then(|| ("policy", json!({"statements": live["Statement"]})))
    }

    fn fields(&self, at: &At) -> Vec<(&'static str, Value)> {
        vec![
            ("tags", tag_field(&self.tags, at)),
            ("public_access_block", json!(self.public_access_block)),
            ("ownership", json!(self.ownership)),
            ("encryption", json!(self.encryption)),
            ("versioning", json!(self.versioning)),
            ("object_lock", json!(self.object_lock)),
            ("policy", json!(self.policy_document(at))),
            ("lifecycle", json!(self.lifecycle)),
            ("replication", json!(self.replication)),
        ]
    }

    fn outputs(&self, at: &At, _: Option<&Live>) -> Outputs {
        known([("name", self.name.clone()), ("arn", self.arn(at)), ("region", at.region.clone())])
    }

    async fn read(&self, cloud: &Cloud, _: &At, id: Option<&str>) -> Result<Option<Live>> {
        let s3 = &cloud.clients()?.s3;
        let name = self.name.as_str();
        let tags = async || {
            let outcome =
                cloud.call("s3:GetBucketTagging", name, async || s3.get_bucket_tagging().bucket(name).send().await);
            match outcome.await {
                Ok(output) => Ok(Some(live_tags(output.tag_set.into_iter().map(|tag| (tag.key, tag.value))))),
                Err(error) if error.is(&["NoSuchTagSet"]) => Ok(Some(BTreeMap::new())),
                Err(error) if error.is(&["NoSuchBucket"]) => Ok(None),
                Err(error) => Err(error),
            }
        };
        // What the inventory does not know is most likely not there, so one call finds out.
        let (tags, settings) = match id {
            Some(_) => futures::join!(tags(), read_settings(cloud, name)),
            None => match tags().await? {
                None => return Ok(None),
                tags => (Ok(tags), read_settings(cloud, name).await),
            },
        };
        let Some(tags) = tags? else { return Ok(None) };
        let mut fields = settings?;
        fields.insert("tags".to_owned(), json!(tags));
        let owner = tags.get(OWNER_TAG).cloned();
        Ok(Some(Live { id: name.to_owned(), owner, fields, ..Live::default() }))
    }

    async fn create(&self, cloud: &Cloud, _: &At) -> Result<Created> {
        set::create(self, cloud).await
    }

    async fn set(&self, cloud: &Cloud, at: &At, _: &str, field: &str) -> Result<()> {
        set::field(self, cloud, at, field).await
    }

    async fn contents(cloud: &Cloud, id: &str) -> Result<Option<Contents>> {
        empty::contents(cloud, id).await
    }

    async fn delete(cloud: &Cloud, id: &str) -> Result<()> {
        empty::delete(cloud, id).await
    }
}

/// Whether versions are kept, by an answer that the SDK cannot read. A server that is not AWS's may call the root of its answer something
/// else than the SDK expects, which other clients do not look at; what was asked is in it all the same.
fn is_versioned<E>(error: &SdkError<E>) -> Option<bool> {
    let raw = error.raw_response().filter(|raw| raw.status().is_success())?;
    let text = String::from_utf8_lossy(raw.body().bytes()?);
    text.contains("BucketVersioning").then(|| text.contains("<Status>Enabled</Status>"))
}

/// Reads every setting but the tags, all at the same time.
async fn read_settings(cloud: &Cloud, name: &str) -> Result<BTreeMap<String, Value>> {
    let s3 = &cloud.clients()?.s3;
    let versioning = async {
        let call = cloud.call("s3:GetBucketVersioning", name, async || {
            match s3.get_bucket_versioning().bucket(name).send().await {
                Ok(output) => Ok(output.status == Some(BucketVersioningStatus::Enabled)),
                Err(error) => is_versioned(&error).ok_or(error),
            }
        });
        Ok(json!(absent(call.await, &["NoSuchBucket"])?.unwrap_or_default()))
    };
    let encryption = async {
        let call = cloud
            .call("s3:GetEncryptionConfiguration", name, async || s3.get_bucket_encryption().bucket(name).send().await);
        let output = absent(call.await, &["ServerSideEncryptionConfigurationNotFoundError", "NoSuchBucket"])?;
        let rules = output.and_then(|output| output.server_side_encryption_configuration).map(|one| one.rules);
        let Some(rule) = rules.unwrap_or_default().into_iter().next() else { return Ok(Value::Null) };
        let by_default = rule.apply_server_side_encryption_by_default;
        Ok(json!({
            "algorithm": by_default.as_ref().map(|one| one.sse_algorithm.as_str()),
            "key": by_default.as_ref().and_then(|one| one.kms_master_key_id.clone()),
            "bucket_key": rule.bucket_key_enabled.unwrap_or_default(),
        }))
    };
    let lifecycle = async {
        let call = cloud.call("s3:GetLifecycleConfiguration", name, async || {
            s3.get_bucket_lifecycle_configuration().bucket(name).send().await
        });
        let output = absent(call.await, &["NoSuchLifecycleConfiguration", "NoSuchBucket"])?;
        let rules = output.and_then(|output| output.rules).unwrap_or_default();
        Ok(json!(rules.iter().map(lifecycle::observed).collect::<Vec<_>>()))
    };
    let public_access_block = async {
        let call = cloud.call("s3:GetBucketPublicAccessBlock", name, async || {
            s3.get_public_access_block().bucket(name).send().await
        });
        let output = absent(call.await, &["NoSuchPublicAccessBlockConfiguration", "NoSuchBucket"])?;
        let Some(block) = output.and_then(|output| output.public_access_block_configuration) else {
            return Ok(Value::Null);
        };
        Ok(json!({
            "block_public_acls": block.block_public_acls.unwrap_or_default(),
            "block_public_policy": block.block_public_policy.unwrap_or_default(),
            "ignore_public_acls": block.ignore_public_acls.unwrap_or_default(),
            "restrict_public_buckets": block.restrict_public_buckets.unwrap_or_default(),
        }))
    };
    let policy = async {
        let call = cloud.call("s3:GetBucketPolicy", name, async || s3.get_bucket_policy().bucket(name).send().await);
        let text = absent(call.await, &["NoSuchBucketPolicy", "NoSuchBucket"])?.and_then(|output| output.policy);
        Ok(text.map_or(Value::Null, |text| policy_document::parsed(&text)))
    };
    let ownership = async {
        let call = cloud.call("s3:GetBucketOwnershipControls", name, async || {
            s3.get_bucket_ownership_controls().bucket(name).send().await
        });
        let output = absent(call.await, &["OwnershipControlsNotFoundError", "NoSuchBucket"])?;
        let rules = output.and_then(|output| output.ownership_controls).map(|one| one.rules).unwrap_or_default();
        Ok(json!(rules.first().map(|rule| rule.object_ownership.as_str())))
    };
    let object_lock = async {
        let call = cloud.call("s3:GetBucketObjectLockConfiguration", name, async || {
            s3.get_object_lock_configuration().bucket(name).send().await
        });
        let codes = ["ObjectLockConfigurationNotFoundError", "NoSuchObjectLockConfiguration", "NoSuchBucket"];
        let Some(lock) = absent(call.await, &codes)?.and_then(|output| output.object_lock_configuration) else {
            return Ok(Value::Null);
        };
        let retention = lock.rule.and_then(|rule| rule.default_retention);
        let mode = retention.as_ref().and_then(|one| one.mode.as_ref()).map_or("GOVERNANCE", |mode| mode.as_str());
        // moto says 0 for what is not there.
        let number = |number: Option<i32>| number.filter(|number| *number > 0);
        Ok(json!({
            "mode": mode,
            "days": number(retention.as_ref().and_then(|one| one.days)),
            "years": number(retention.as_ref().and_then(|one| one.years)),
        }))
    };
    let replication = async {
        let call = cloud.call("s3:GetReplicationConfiguration", name, async || {
            s3.get_bucket_replication().bucket(name).send().await
        });
        let output = absent(call.await, &["ReplicationConfigurationNotFoundError", "NoSuchBucket"])?;
        Ok(replication::observed(output.and_then(|output| output.replication_configuration)))
    };
    let settings = futures::try_join!(
        versioning,
        encryption,
        lifecycle,
        public_access_block,
        policy,
        ownership,
        object_lock,
        replication
    )?;
    let (versioning, encryption, lifecycle, public_access_block, policy, ownership, object_lock, replication) =
        settings;
    let fields = [
        ("versioning", versioning),
        ("encryption", encryption),
        ("lifecycle", lifecycle),
        ("public_access_block", public_access_block),
        ("policy", policy),
        ("ownership", ownership),
        ("object_lock", object_lock),
        ("replication", replication),
    ];
    Ok(fields.map(|(name, value)| (name.to_owned(), value)).into())
}

fn yes() -> bool {
    true
}
