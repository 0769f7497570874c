//! `aws:kms:Alias`: a name for a key. KMS gives it no tags, so whose it is the inventory says.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{At, Contents, Created, Live, Outputs, Resource, kms_key, known};
use crate::cloud::{Cloud, Result, absent};

/// A name for a key of KMS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KmsAlias {
    /// The name, which begins with `alias/`.
    pub name: String,
    /// The id of the key.
    pub key: String,
}

impl Resource for KmsAlias {
    fn id(&self, _: &At) -> Option<String> {
        Some(self.name.clone())
    }

    fn named(id: &str) -> Option<Value> {
        Some(json!({"name": id, "key": ""}))
    }

    fn fields(&self, _: &At) -> Vec<(&'static str, Value)> {
        // The id of a key is the end of its ARN.
        vec![("key", json!(self.key.rsplit('/').next().unwrap_or(&self.key)))]
    }

    fn created_with(&self) -> &'static [&'static str] {
        &["key"]
    }

    fn outputs(&self, at: &At, _: Option<&Live>) -> Outputs {
        let arn = format!("arn:{}:kms:{}:{}:{}", at.partition, at.region, at.account, self.name);
        known([("name", self.name.clone()), ("arn", arn)])
    }

    async fn read(&self, cloud: &Cloud, _: &At, _: Option<&str>) -> Result<Option<Live>> {
        let key = kms_key::describe(cloud, &self.name).await?;
        Ok(key.map(|key| Live {
            id: self.name.clone(),
            fields: BTreeMap::from([("key".to_owned(), json!(key.key_id))]),
            ..Live::default()
        }))
    }

    async fn create(&self, cloud: &Cloud, at: &At) -> Result<Created> {
        let kms = &cloud.clients()?.kms;
        let create = cloud.call("kms:CreateAlias", &self.name, async || {
            kms.create_alias().alias_name(&self.name).target_key_id(&self.key).send().await
        });
        let created = Created::of(create.await, &["AlreadyExistsException"], &self.name)?;
        if let Created::There { id, .. } = created {
            match kms_key::describe(cloud, &self.name).await? {
                Some(key) if key.key_id != self.key => return Ok(Created::There { id, may_be_ours: false }),
                // Of this key, where an answer was lost; or of one that is going to be deleted, which is not seen as one.
                _ => self.set(cloud, at, &self.name, "key").await?,
            }
        }
        Ok(Created::New(self.name.clone()))
    }

    async fn set(&self, cloud: &Cloud, _: &At, name: &str, _: &str) -> Result<()> {
        let kms = &cloud.clients()?.kms;
        let put = cloud.call("kms:UpdateAlias", name, async || {
            kms.update_alias().alias_name(name).target_key_id(&self.key).send().await
        });
        put.await.map(drop)
    }

    async fn contents(_: &Cloud, _: &str) -> Result<Option<Contents>> {
        Ok(None)
    }

    async fn delete(cloud: &Cloud, name: &str) -> Result<()> {
        let kms = &cloud.clients()?.kms;
        let delete = cloud.call("kms:DeleteAlias", name, async || kms.delete_alias().alias_name(name).send().await);
        absent(delete.await, &["NotFoundException"]).map(drop)
    }
}
