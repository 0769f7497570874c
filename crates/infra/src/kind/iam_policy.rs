//! `aws:iam:Policy`: what somebody may do. The statements for the backup job and, apart from it, for pruning are made here, so that
//! neither may more than it needs.

use std::collections::BTreeMap;

use aws_sdk_iam::types::Tag;
use percent_encoding::percent_decode_str;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{At, Contents, Created, Live, OWNER_TAG, Outputs, Resource, known, live_tags, tag_field};
use crate::cloud::{CallError, Cloud, Result, absent};
use crate::policy_document;

/// IAM keeps this many versions of a policy.
const MAX_VERSIONS: usize = 5;

/// A policy of IAM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IamPolicy {
    /// The name.
    pub name: String,
    /// What it is for. It cannot be changed.
    #[serde(default)]
    pub description: String,
    /// What a backup needs, and nothing else: it deletes nothing.
    #[serde(default)]
    pub for_backup: Option<BackupGrant>,
    /// What pruning needs beside that.
    #[serde(default)]
    pub for_prune: Option<PruneGrant>,
    /// Further statements, as IAM writes them.
    #[serde(default)]
    pub statements: Vec<Value>,
    /// The tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// What a backup is of and where it goes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BackupGrant {
    /// The ARN of the bucket.
    pub bucket: String,
    /// The ARN of the KMS key that S3 encrypts with, where it does.
    #[serde(default)]
    pub bucket_key: Option<String>,
    /// The ARNs of the KMS keys that snapshots are sealed to.
    #[serde(default)]
    pub recipient_keys: Vec<String>,
}

/// Where snapshots are removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PruneGrant {
    /// The ARN of the bucket.
    pub bucket: String,
}

impl IamPolicy {
    /// The policy as a document.
    pub fn document(&self, at: &At) -> Value {
        let mut statements = Vec::new();
        if let Some(grant) = &self.for_backup {
            statements.extend(backup_statements(grant, at));
        }
        if let Some(grant) = &self.for_prune {
            statements.extend(prune_statements(grant));
        }
        statements.extend(self.statements.iter().cloned());
        policy_document::document(statements)
    }

    fn arn(&self, at: &At) -> String {
        format!("arn:{}:iam::{}:policy/{}", at.partition, at.account, self.name)
    }
}

fn allow(sid: &str, actions: &[&str], resource: Value) -> Value {
    json!({"Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resource})
}

/// See README, "The least policy".
fn backup_statements(grant: &BackupGrant, at: &At) -> Vec<Value> {
    let At { account, partition, .. } = at;
    let bucket = &grant.bucket;
    let mut decrypt =
        allow("DecryptSecureStrings", &["kms:Decrypt"], json!(format!("arn:{partition}:kms:*:{account}:key/*")));
    decrypt["Condition"] = json!({"StringLike": {"kms:ViaService": "ssm.*.amazonaws.com"}});
    let parameters = json!(format!("arn:{partition}:ssm:*:{account}:parameter/*"));
    let mut statements = vec![
        allow("ListAndAnnotate", &["ssm:DescribeParameters", "tag:GetResources"], json!("*")),
        allow(
            "Read",
            &["ssm:GetParameters", "ssm:GetParameter", "ssm:GetParameterHistory", "ssm:ListTagsForResource"],
            parameters,
        ),
        decrypt,
        allow("ListRepository", &["s3:ListBucket"], json!(bucket)),
        allow(
            "WriteRepository",
            &["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"],
            json!(format!("{bucket}/*")),
        ),
    ];
    if let Some(key) = &grant.bucket_key {
        statements.push(allow("EncryptRepository", &["kms:GenerateDataKey", "kms:Decrypt"], json!(key)));
    }
    if !grant.recipient_keys.is_empty() {
        statements.push(allow("Seal", &["kms:Encrypt"], json!(grant.recipient_keys)));
    }
    statements
}

fn prune_statements(grant: &PruneGrant) -> Vec<Value> {
    let bucket = &grant.bucket;
    let objects = json!(format!("{bucket}/*"));
    vec![
        allow("ListToPrune", &["s3:ListBucket"], json!(bucket)),
        allow("Prune", &["s3:GetObject", "s3:PutObject", "s3:DeleteObject"], objects),
    ]
}

impl Resource for IamPolicy {
    fn id(&self, at: &At) -> Option<String> {
        Some(self.arn(at))
    }

    fn named(id: &str) -> Option<Value> {
        Some(json!({ "name": id.rsplit('/').next() }))
    }

    fn declared(field: &str, live: &Value) -> Option<(&'static str, Value)> {
        (field == "document").then(|| ("statements", live["Statement"].clone()))
    }

    fn fields(&self, at: &At) -> Vec<(&'static str, Value)> {
        vec![
            ("description", json!(self.description)),
            ("document", self.document(at)),
            ("tags", tag_field(&self.tags, at)),
        ]
    }

    fn fixed(&self) -> &'static [&'static str] {
        &["description"]
    }

    fn created_with(&self) -> &'static [&'static str] {
        &["description", "document", "tags"]
    }

    fn outputs(&self, at: &At, _: Option<&Live>) -> Outputs {
        known([("name", self.name.clone()), ("arn", self.arn(at))])
    }

    async fn read(&self, cloud: &Cloud, at: &At, _: Option<&str>) -> Result<Option<Live>> {
        let iam = &cloud.clients()?.iam;
        let arn = self.arn(at);
        let get = cloud.call("iam:GetPolicy", &arn, async || iam.get_policy().policy_arn(&arn).send().await);
        let Some(policy) = absent(get.await, &["NoSuchEntity"])?.and_then(|output| output.policy) else {
            return Ok(None);
        };
        let version = policy.default_version_id.clone().unwrap_or_default();
        let get = cloud.call("iam:GetPolicyVersion", &arn, async || {
            iam.get_policy_version().policy_arn(&arn).version_id(&version).send().await
        });
        let text = get.await?.policy_version.and_then(|version| version.document).unwrap_or_default();
        let tags = live_tags(policy.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)));
        Ok(Some(Live {
            id: arn,
            owner: tags.get(OWNER_TAG).cloned(),
            fields: BTreeMap::from([
                ("description".to_owned(), json!(policy.description.unwrap_or_default())),
                ("document".to_owned(), decoded(&text)),
                ("tags".to_owned(), json!(tags)),
            ]),
            ..Live::default()
        }))
    }

    async fn create(&self, cloud: &Cloud, at: &At) -> Result<Created> {
        let iam = &cloud.clients()?.iam;
        let document = self.document(at).to_string();
        let tags = tags(&self.tags, at);
        let create = cloud.settle("iam:CreatePolicy", &self.name, async || {
            iam.create_policy()
                .policy_name(&self.name)
                .set_description(Some(self.description.clone()).filter(|text| !text.is_empty()))
                .policy_document(&document)
                .set_tags(Some(tags.clone()))
                .send()
                .await
        });
        Created::of(create.await, &["EntityAlreadyExists"], &self.arn(at))
    }

    async fn set(&self, cloud: &Cloud, at: &At, arn: &str, field: &str) -> Result<()> {
        let iam = &cloud.clients()?.iam;
        match field {
            "document" => {
                make_room(cloud, arn).await?;
                let document = self.document(at).to_string();
                let put = cloud.settle("iam:CreatePolicyVersion", arn, async || {
                    iam.create_policy_version()
                        .policy_arn(arn)
                        .policy_document(&document)
                        .set_as_default(true)
                        .send()
                        .await
                });
                put.await.map(drop)
            }
            "tags" => {
                let list =
                    cloud.call("iam:ListPolicyTags", arn, async || iam.list_policy_tags().policy_arn(arn).send().await);
                let there = list.await?.tags.into_iter().map(|tag| tag.key);
                let extra = extra_keys(there, &self.tags);
                let tags = tags(&self.tags, at);
                let put = cloud.call("iam:TagPolicy", arn, async || {
                    iam.tag_policy().policy_arn(arn).set_tags(Some(tags.clone())).send().await
                });
                put.await?;
                if !extra.is_empty() {
                    let untag = cloud.call("iam:UntagPolicy", arn, async || {
                        iam.untag_policy().policy_arn(arn).set_tag_keys(Some(extra.clone())).send().await
                    });
                    untag.await?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn contents(_: &Cloud, _: &str) -> Result<Option<Contents>> {
        Ok(None)
    }

    async fn delete(cloud: &Cloud, arn: &str) -> Result<()> {
        let iam = &cloud.clients()?.iam;
        let list =
            cloud.call("iam:ListPolicyVersions", arn, async || iam.list_policy_versions().policy_arn(arn).send().await);
        let Some(output) = absent(list.await, &["NoSuchEntity"])? else { return Ok(()) };
        for version in output.versions.unwrap_or_default() {
            if !version.is_default_version {
                delete_version(cloud, arn, version.version_id.as_deref().unwrap_or_default()).await?;
            }
        }
        let delete = cloud.call("iam:DeletePolicy", arn, async || iam.delete_policy().policy_arn(arn).send().await);
        absent(delete.await, &["NoSuchEntity"]).map(drop)
    }
}

/// Deletes the oldest version that is not in force, where no further one would fit.
async fn make_room(cloud: &Cloud, arn: &str) -> Result<()> {
    let iam = &cloud.clients()?.iam;
    let list =
        cloud.call("iam:ListPolicyVersions", arn, async || iam.list_policy_versions().policy_arn(arn).send().await);
    let versions = list.await?.versions.unwrap_or_default();
    if versions.len() < MAX_VERSIONS {
        return Ok(());
    }
    let oldest = versions
        .iter()
        .filter(|version| !version.is_default_version)
        .min_by_key(|version| version.create_date.map(|date| date.as_nanos()));
    match oldest.and_then(|version| version.version_id.as_deref()) {
        Some(version) => delete_version(cloud, arn, version).await,
        None => Ok(()),
    }
}

async fn delete_version(cloud: &Cloud, arn: &str, version: &str) -> Result<(), CallError> {
    let iam = &cloud.clients()?.iam;
    let delete = cloud.call("iam:DeletePolicyVersion", arn, async || {
        iam.delete_policy_version().policy_arn(arn).version_id(version).send().await
    });
    absent(delete.await, &["NoSuchEntity"]).map(drop)
}

/// IAM gives documents percent-encoded.
pub(super) fn decoded(text: &str) -> Value {
    policy_document::parsed(&percent_decode_str(text).decode_utf8_lossy())
}

/// The tags that are declared, and whose it is.
pub(super) fn tags(tags: &BTreeMap<String, String>, at: &At) -> Vec<Tag> {
    let all = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).chain([(OWNER_TAG, at.owner.as_str())]);
    all.filter_map(|(key, value)| Tag::builder().key(key).value(value).build().ok()).collect()
}

/// The keys of tags that are there and are not declared.
pub(super) fn extra_keys(there: impl Iterator<Item = String>, wanted: &BTreeMap<String, String>) -> Vec<String> {
    there.filter(|key| !key.starts_with("aws:") && key != OWNER_TAG && !wanted.contains_key(key)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn actions(policy: &IamPolicy) -> String {
        let at = At {
            owner: "a/b".into(),
            resource: "p".into(),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            partition: "aws".into(),
        };
        policy.document(&at)["Statement"].to_string()
    }

    #[test]
    fn a_backup_may_not_delete_and_pruning_may() {
        let backup: IamPolicy =
            serde_json::from_value(json!({"name": "b", "for_backup": {"bucket": "arn:aws:s3:::b"}})).unwrap();
        assert!(actions(&backup).contains("s3:PutObject") && !actions(&backup).contains("Delete"));
        let prune: IamPolicy =
            serde_json::from_value(json!({"name": "p", "for_prune": {"bucket": "arn:aws:s3:::b"}})).unwrap();
        assert!(actions(&prune).contains("s3:DeleteObject") && !actions(&prune).contains("ssm:"));
    }
}
