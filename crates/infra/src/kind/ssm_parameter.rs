//! `aws:ssm:Parameter`: a parameter that names something for others. Secrets do not belong in a declaration, so it is never a
//! SecureString.

use std::collections::BTreeMap;

use aws_sdk_ssm::types::{ParameterStringFilter, ParameterType as SdkType, ResourceTypeForTagging, Tag};
use parados_parameter::StoreErrorKind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{At, Contents, Created, LastChange, Live, OWNER_TAG, Outputs, Resource, known, live_tags, tag_field};
use crate::cloud::{CallError, Cloud, Result, absent};

/// A parameter of Parameter Store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SsmParameter {
    /// The name, as `/jenkins/dev/backup/s3-bucket-name`.
    pub name: String,
    /// The value. It is no secret: it stands in the declaration and in plans.
    pub value: String,
    /// `String` or `StringList`. By default `String`.
    #[serde(default, rename = "type")]
    pub parameter_type: PlainType,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// The types of values that are no secrets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum PlainType {
    /// One text.
    #[default]
    String,
    /// Texts with commas between them.
    StringList,
}

impl PlainType {
    /// As AWS writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::String => "String",
            Self::StringList => "StringList",
        }
    }
}

impl Resource for SsmParameter {
    fn id(&self, _: &At) -> Option<String> {
        Some(self.name.clone())
    }

    fn named(id: &str) -> Option<Value> {
        Some(json!({"name": id, "value": ""}))
    }

    fn fields(&self, at: &At) -> Vec<(&'static str, Value)> {
        vec![
            ("type", json!(self.parameter_type)),
            ("value", json!(self.value)),
            ("description", json!(self.description)),
            ("tags", tag_field(&self.tags, at)),
        ]
    }

    fn fixed(&self) -> &'static [&'static str] {
        &["type"]
    }

    fn created_with(&self) -> &'static [&'static str] {
        &["type", "value", "description", "tags"]
    }

    fn outputs(&self, at: &At, _: Option<&Live>) -> Outputs {
        let arn = format!(
            "arn:{}:ssm:{}:{}:parameter/{}",
            at.partition,
            at.region,
            at.account,
            self.name.trim_start_matches('/')
        );
        known([("name", self.name.clone()), ("value", self.value.clone()), ("arn", arn)])
    }

    async fn read(&self, cloud: &Cloud, _: &At, _: Option<&str>) -> Result<Option<Live>> {
        let ssm = &cloud.clients()?.ssm;
        let name = self.name.as_str();
        let filter = ParameterStringFilter::builder().key("Name").option("Equals").values(name).build();
        let filter = filter.map_err(|error| {
            CallError::new("ssm:DescribeParameters", name, StoreErrorKind::Validation, error.to_string())
        })?;
        let get = cloud.call("ssm:GetParameter", name, async || ssm.get_parameter().name(name).send().await);
        let describe = cloud.call("ssm:DescribeParameters", name, async || {
            ssm.describe_parameters().parameter_filters(filter.clone()).send().await
        });
        let tags = cloud.call("ssm:ListTagsForResource", name, async || {
            ssm.list_tags_for_resource().resource_type(ResourceTypeForTagging::Parameter).resource_id(name).send().await
        });
        let (get, describe, tags) = futures::join!(get, describe, tags);
        let Some(parameter) = absent(get, &["ParameterNotFound"])?.and_then(|output| output.parameter) else {
            return Ok(None);
        };
        let metadata = describe?.parameters.unwrap_or_default().into_iter().next();
        let tags = absent(tags, &["InvalidResourceId"])?.and_then(|output| output.tag_list).unwrap_or_default();
        let tags = live_tags(tags.into_iter().map(|tag| (tag.key, tag.value)));
        let is_secret = parameter.r#type == Some(SdkType::SecureString);
        let changed = metadata.as_ref().and_then(|metadata| {
            let at = metadata.last_modified_date?;
            let at = jiff::Timestamp::from_second(at.secs()).ok()?;
            Some(LastChange { by: metadata.last_modified_user.clone()?, at: at.to_string() })
        });
        Ok(Some(Live {
            id: name.to_owned(),
            owner: tags.get(OWNER_TAG).cloned(),
            fields: BTreeMap::from([
                ("type".to_owned(), json!(parameter.r#type.map(|one| one.as_str().to_owned()))),
                // It is read encrypted, which says nothing.
                ("value".to_owned(), json!(parameter.value.filter(|_| !is_secret))),
                ("description".to_owned(), json!(metadata.and_then(|one| one.description).unwrap_or_default())),
                ("tags".to_owned(), json!(tags)),
            ]),
            outputs: BTreeMap::new(),
            changed,
        }))
    }

    async fn create(&self, cloud: &Cloud, at: &At) -> Result<Created> {
        let ssm = &cloud.clients()?.ssm;
        let name = self.name.as_str();
        let mut tags: Vec<_> = self.tags.iter().map(|(key, value)| tag(key, value)).collect();
        tags.push(tag(OWNER_TAG, &at.owner));
        let tags: Vec<Tag> = tags.into_iter().collect::<Result<_>>()?;
        let put = cloud.call("ssm:PutParameter", name, async || {
            ssm.put_parameter()
                .name(name)
                .value(&self.value)
                .r#type(SdkType::from(self.parameter_type.as_str()))
                .set_description(Some(self.description.clone()).filter(|text| !text.is_empty()))
                .set_tags(Some(tags.clone()))
                .send()
                .await
        });
        Created::of(put.await, &["ParameterAlreadyExists"], &self.name)
    }

    async fn set(&self, cloud: &Cloud, at: &At, name: &str, field: &str) -> Result<()> {
        let ssm = &cloud.clients()?.ssm;
        if field == "tags" {
            return self.set_tags(cloud, at, name).await;
        }
        let put = cloud.call("ssm:PutParameter", name, async || {
            ssm.put_parameter()
                .name(name)
                .value(&self.value)
                .description(&self.description)
                .overwrite(true)
                .send()
                .await
        });
        put.await.map(drop)
    }

    async fn contents(_: &Cloud, _: &str) -> Result<Option<Contents>> {
        Ok(None)
    }

    async fn delete(cloud: &Cloud, name: &str) -> Result<()> {
        let ssm = &cloud.clients()?.ssm;
        let delete = cloud.call("ssm:DeleteParameter", name, async || ssm.delete_parameter().name(name).send().await);
        absent(delete.await, &["ParameterNotFound"]).map(drop)
    }
}

impl SsmParameter {
    async fn set_tags(&self, cloud: &Cloud, at: &At, name: &str) -> Result<()> {
        let ssm = &cloud.clients()?.ssm;
        const KIND: ResourceTypeForTagging = ResourceTypeForTagging::Parameter;
        let there = cloud.call("ssm:ListTagsForResource", name, async || {
            ssm.list_tags_for_resource().resource_type(KIND).resource_id(name).send().await
        });
        let there = there.await?.tag_list.unwrap_or_default();
        let there = live_tags(there.into_iter().map(|tag| (tag.key, tag.value)));
        let mut wanted = self.tags.clone();
        wanted.insert(OWNER_TAG.to_owned(), at.owner.clone());
        let extra: Vec<String> = there.into_keys().filter(|key| !wanted.contains_key(key)).collect();
        let wanted: Vec<Tag> = wanted.iter().map(|(key, value)| tag(key, value)).collect::<Result<_>>()?;
        let add = cloud.call("ssm:AddTagsToResource", name, async || {
            ssm.add_tags_to_resource().resource_type(KIND).resource_id(name).set_tags(Some(wanted.clone())).send().await
        });
        add.await?;
        if !extra.is_empty() {
            let remove = cloud.call("ssm:RemoveTagsFromResource", name, async || {
                ssm.remove_tags_from_resource()
                    .resource_type(KIND)
                    .resource_id(name)
                    .set_tag_keys(Some(extra.clone()))
                    .send()
                    .await
            });
            remove.await?;
        }
        Ok(())
    }
}

fn tag(key: &str, value: &str) -> Result<Tag> {
    Tag::builder()
        .key(key)
        .value(value)
        .build()
        .map_err(|error| CallError::new("ssm:AddTagsToResource", key, StoreErrorKind::Validation, error.to_string()))
}
