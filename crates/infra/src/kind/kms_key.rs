//! `aws:kms:Key`: a key. KMS decides what it is called, so it is found by the inventory, and without it by its tags.

use std::collections::BTreeMap;

use aws_sdk_kms::types::{KeyMetadata, KeyState, KeyUsageType, Tag};
use aws_sdk_resourcegroupstagging::types::TagFilter;
use parados_parameter::StoreErrorKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{At, Contents, Created, Live, OWNER_TAG, Outputs, RESOURCE_TAG, Resource, live_tags};
use crate::cloud::{CallError, Cloud, Result, absent};
use crate::policy_document;

/// How long KMS keeps a key that is to be deleted.
const WAITING_DAYS: i32 = 30;
/// The one policy that a key has.
const POLICY: &str = "default";

/// A key of KMS, symmetric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KmsKey {
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Whether KMS makes new key material every year. By default it does.
    #[serde(default = "yes")]
    pub rotation: bool,
    /// Statements of the key's policy beside the one that lets the account's IAM decide, as IAM writes them.
    #[serde(default)]
    pub statements: Vec<Value>,
    /// The tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

impl KmsKey {
    /// The key's policy as a document.
    pub fn document(&self, at: &At) -> Value {
        let root = json!({
            "Sid": "AccountDecides",
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:{}:iam::{}:root", at.partition, at.account)},
            "Action": "kms:*",
            "Resource": "*",
        });
        policy_document::document([root].into_iter().chain(self.statements.iter().cloned()))
    }

    fn all_tags(&self, at: &At) -> BTreeMap<String, String> {
        let mut tags = self.tags.clone();
        tags.insert(OWNER_TAG.to_owned(), at.owner.clone());
        tags.insert(RESOURCE_TAG.to_owned(), at.resource.clone());
        tags
    }
}

impl Resource for KmsKey {
    fn id(&self, _: &At) -> Option<String> {
        None
    }

    fn named(_: &str) -> Option<Value> {
        None
    }

    fn fields(&self, at: &At) -> Vec<(&'static str, Value)> {
        vec![
            ("description", json!(self.description)),
            ("policy", self.document(at)),
            ("tags", json!(self.all_tags(at))),
            ("rotation", json!(self.rotation)),
        ]
    }

    fn created_with(&self) -> &'static [&'static str] {
        &["description", "policy", "tags"]
    }

    fn outputs(&self, _: &At, live: Option<&Live>) -> Outputs {
        ["id", "arn"].map(|name| (name.to_owned(), live.and_then(|live| live.outputs.get(name).cloned()))).into()
    }

    async fn read(&self, cloud: &Cloud, at: &At, id: Option<&str>) -> Result<Option<Live>> {
        let id = match id {
            Some(id) => Some(id.to_owned()),
            None => find(cloud, at).await?,
        };
        let Some(id) = id else { return Ok(None) };
        let id = id.as_str();
        let kms = &cloud.clients()?.kms;
        let rotation =
            cloud.call("kms:GetKeyRotationStatus", id, async || kms.get_key_rotation_status().key_id(id).send().await);
        let policy = cloud
            .call("kms:GetKeyPolicy", id, async || kms.get_key_policy().key_id(id).policy_name(POLICY).send().await);
        let tags = cloud.call("kms:ListResourceTags", id, async || kms.list_resource_tags().key_id(id).send().await);
        let (key, rotation, policy, tags) = futures::join!(describe(cloud, id), rotation, policy, tags);
        let Some(key) = key? else { return Ok(None) };
        let tags = tags?.tags.unwrap_or_default();
        let tags = live_tags(tags.into_iter().map(|tag| (tag.tag_key, tag.tag_value)));
        let policy = policy?.policy.map_or(Value::Null, |text| policy_document::parsed(&text));
        let outputs = [("id", Some(key.key_id.clone())), ("arn", key.arn.clone())];
        Ok(Some(Live {
            id: key.key_id,
            owner: tags.get(OWNER_TAG).cloned(),
            fields: BTreeMap::from([
                ("description".to_owned(), json!(key.description.unwrap_or_default())),
                ("policy".to_owned(), policy),
                ("tags".to_owned(), json!(tags)),
                ("rotation".to_owned(), json!(rotation?.key_rotation_enabled)),
            ]),
            outputs: outputs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect(),
            changed: None,
        }))
    }

    async fn create(&self, cloud: &Cloud, at: &At) -> Result<Created> {
        const OPERATION: &str = "kms:CreateKey";
        let kms = &cloud.clients()?.kms;
        let document = self.document(at).to_string();
        let tags = self.all_tags(at).iter().map(|(key, value)| tag(key, value)).collect::<Result<Vec<_>>>()?;
        // Not again where the answer was lost: there would be two. The next run finds the one that there is by its tags.
        let create = cloud.once(OPERATION, &at.resource, async || {
            kms.create_key()
                .key_usage(KeyUsageType::EncryptDecrypt)
                .description(&self.description)
                .policy(&document)
                .set_tags(Some(tags.clone()))
                .send()
                .await
        });
        let key = create.await?.key_metadata.map(|key| Created::New(key.key_id));
        key.ok_or_else(|| CallError::new(OPERATION, &at.resource, StoreErrorKind::InvalidResponse, "no key"))
    }

    async fn set(&self, cloud: &Cloud, at: &At, id: &str, field: &str) -> Result<()> {
        let kms = &cloud.clients()?.kms;
        match field {
            "description" => {
                let put = cloud.call("kms:UpdateKeyDescription", id, async || {
                    kms.update_key_description().key_id(id).description(&self.description).send().await
                });
                put.await.map(drop)
            }
            "policy" => {
                let document = self.document(at).to_string();
                let put = cloud.settle("kms:PutKeyPolicy", id, async || {
                    kms.put_key_policy().key_id(id).policy_name(POLICY).policy(&document).send().await
                });
                put.await.map(drop)
            }
            "rotation" if self.rotation => {
                let put =
                    cloud.call("kms:EnableKeyRotation", id, async || kms.enable_key_rotation().key_id(id).send().await);
                put.await.map(drop)
            }
            "rotation" => {
                let put = cloud
                    .call("kms:DisableKeyRotation", id, async || kms.disable_key_rotation().key_id(id).send().await);
                put.await.map(drop)
            }
            "tags" => self.set_tags(cloud, at, id).await,
            _ => Ok(()),
        }
    }

    async fn contents(cloud: &Cloud, id: &str) -> Result<Option<Contents>> {
        let key = describe(cloud, id).await?;
        Ok(key.map(|_| Contents {
            what: format!(
                "the key of whatever it encrypted, which nothing opens once its {WAITING_DAYS} days are over"
            ),
        }))
    }

    async fn delete(cloud: &Cloud, id: &str) -> Result<()> {
        let kms = &cloud.clients()?.kms;
        if describe(cloud, id).await?.is_none() {
            return Ok(());
        }
        let delete = cloud.call("kms:ScheduleKeyDeletion", id, async || {
            kms.schedule_key_deletion().key_id(id).pending_window_in_days(WAITING_DAYS).send().await
        });
        absent(delete.await, &["NotFoundException", "KMSInvalidStateException"]).map(drop)
    }
}

impl KmsKey {
    async fn set_tags(&self, cloud: &Cloud, at: &At, id: &str) -> Result<()> {
        let kms = &cloud.clients()?.kms;
        let list = cloud.call("kms:ListResourceTags", id, async || kms.list_resource_tags().key_id(id).send().await);
        let wanted = self.all_tags(at);
        let there = live_tags(list.await?.tags.unwrap_or_default().into_iter().map(|tag| (tag.tag_key, tag.tag_value)));
        let extra: Vec<String> = there.into_keys().filter(|key| !wanted.contains_key(key)).collect();
        let tags = wanted.iter().map(|(key, value)| tag(key, value)).collect::<Result<Vec<_>>>()?;
        let put = cloud.call("kms:TagResource", id, async || {
            kms.tag_resource().key_id(id).set_tags(Some(tags.clone())).send().await
        });
        put.await?;
        if !extra.is_empty() {
            let untag = cloud.call("kms:UntagResource", id, async || {
                kms.untag_resource().key_id(id).set_tag_keys(Some(extra.clone())).send().await
            });
            untag.await?;
        }
        Ok(())
    }
}

/// A key that is there; one that is going to be deleted is not.
pub(super) async fn describe(cloud: &Cloud, id: &str) -> Result<Option<KeyMetadata>> {
    let kms = &cloud.clients()?.kms;
    let call = cloud.call("kms:DescribeKey", id, async || kms.describe_key().key_id(id).send().await);
    let key = absent(call.await, &["NotFoundException"])?.and_then(|output| output.key_metadata);
    Ok(key.filter(|key| !matches!(key.key_state, Some(KeyState::PendingDeletion))))
}

/// The key of the stack's resource, by its tags.
async fn find(cloud: &Cloud, at: &At) -> Result<Option<String>> {
    let tagging = &cloud.clients()?.tagging;
    let filter = |key: &str, value: &str| TagFilter::builder().key(key).values(value).build();
    let call = cloud.call("tag:GetResources", &at.resource, async || {
        tagging
            .get_resources()
            .resource_type_filters("kms:key")
            .tag_filters(filter(OWNER_TAG, &at.owner))
            .tag_filters(filter(RESOURCE_TAG, &at.resource))
            .send()
            .await
    });
    let found = call.await?.resource_tag_mapping_list.unwrap_or_default();
    let mut arns: Vec<String> = found.into_iter().filter_map(|one| one.resource_arn).collect();
    arns.sort();
    for arn in arns {
        if let Some(key) = describe(cloud, &arn).await? {
            return Ok(Some(key.key_id));
        }
    }
    Ok(None)
}

fn tag(key: &str, value: &str) -> Result<Tag> {
    Tag::builder()
        .tag_key(key)
        .tag_value(value)
        .build()
        .map_err(|error| CallError::new("kms:TagResource", key, StoreErrorKind::Validation, error.to_string()))
}

fn yes() -> bool {
    true
}
