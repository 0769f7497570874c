//! `parados:store:Parameter`: a parameter of the environment's store, whichever that is: the embedded one, a server's, or AWS's.

use std::collections::BTreeMap;

use parados_parameter::{
    DescribeRequest, Description, Filter, FilterKey, FilterOption, ParameterName, ParameterReference, ParameterType,
    PutRequest, Secret, StoreErrorKind, Tag,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::ssm_parameter::PlainType;
use super::{At, Contents, Created, LastChange, Live, OWNER_TAG, Outputs, Resource, known, live_tags, tag_field};
use crate::cloud::{CallError, Cloud, Result, absent};

/// A parameter of the environment's store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StoreParameter {
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

impl StoreParameter {
    fn put(&self, name: ParameterName, tags: Vec<Tag>, overwrite: bool) -> Result<PutRequest> {
        let description = Description::parse(&self.description).map_err(|error| {
            CallError::new("PutParameter", &self.name, StoreErrorKind::Validation, error.to_string())
        })?;
        let parameter_type = match self.parameter_type {
            PlainType::String => ParameterType::String,
            PlainType::StringList => ParameterType::StringList,
        };
        Ok(PutRequest {
            parameter_type: (!overwrite).then_some(parameter_type),
            description: (overwrite || !self.description.is_empty()).then_some(description),
            tags,
            overwrite,
            ..PutRequest::new(name, Secret::new(self.value.clone()))
        })
    }
}

impl Resource for StoreParameter {
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

    fn outputs(&self, _: &At, _: Option<&Live>) -> Outputs {
        known([("name", self.name.clone()), ("value", self.value.clone())])
    }

    async fn read(&self, cloud: &Cloud, _: &At, _: Option<&str>) -> Result<Option<Live>> {
        let name = parse(&self.name)?;
        let reference = ParameterReference::newest(name.clone());
        let get = cloud.store_call("GetParameter", &self.name, async || cloud.store.get(&reference).await);
        let Some(parameter) = absent(get.await, &["ParameterNotFound"])? else { return Ok(None) };
        let filter = Filter { key: FilterKey::Name, option: FilterOption::Equals, values: vec![self.name.clone()] };
        let request = DescribeRequest { filters: vec![filter], ..DescribeRequest::default() };
        let describe =
            cloud.store_call("DescribeParameters", &self.name, async || cloud.store.describe(&request).await);
        let tags = cloud.store_call("ListTagsForResource", &self.name, async || cloud.store.list_tags(&name).await);
        let (describe, tags) = futures::join!(describe, tags);
        let metadata = describe?.items.into_iter().next();
        let tags = live_tags(tags?.into_iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())));
        let changed = metadata.as_ref().and_then(|one| {
            Some(LastChange { by: one.last_modified_user.clone()?, at: one.last_modified_date.to_string() })
        });
        let is_secret = parameter.parameter_type == ParameterType::SecureString;
        let description = metadata.and_then(|one| one.description).map(|text| text.as_str().to_owned());
        Ok(Some(Live {
            id: self.name.clone(),
            owner: tags.get(OWNER_TAG).cloned(),
            fields: BTreeMap::from([
                ("type".to_owned(), json!(parameter.parameter_type.to_string())),
                // A secret is in no plan.
                ("value".to_owned(), json!((!is_secret).then(|| parameter.value.reveal()))),
                ("description".to_owned(), json!(description.unwrap_or_default())),
                ("tags".to_owned(), json!(tags)),
            ]),
            outputs: BTreeMap::new(),
            changed,
        }))
    }

    async fn create(&self, cloud: &Cloud, at: &At) -> Result<Created> {
        let put = self.put(parse(&self.name)?, wanted_tags(&self.tags, at), false)?;
        let call = cloud.store_call("PutParameter", &self.name, async || cloud.store.put(&put).await);
        Created::of(call.await, &["ParameterAlreadyExists"], &self.name)
    }

    async fn set(&self, cloud: &Cloud, at: &At, id: &str, field: &str) -> Result<()> {
        let name = parse(id)?;
        if field != "tags" {
            let put = self.put(name, Vec::new(), true)?;
            return cloud.store_call("PutParameter", id, async || cloud.store.put(&put).await).await.map(drop);
        }
        let wanted = wanted_tags(&self.tags, at);
        let there = cloud.store_call("ListTagsForResource", id, async || cloud.store.list_tags(&name).await).await?;
        let extra: Vec<String> = there
            .iter()
            .map(|tag| tag.key().to_owned())
            .filter(|key| !key.starts_with("aws:") && !wanted.iter().any(|tag| tag.key() == key))
            .collect();
        cloud.store_call("AddTagsToResource", id, async || cloud.store.tag(&name, &wanted).await).await?;
        if !extra.is_empty() {
            let untag = cloud.store_call("RemoveTagsFromResource", id, async || cloud.store.untag(&name, &extra).await);
            untag.await?;
        }
        Ok(())
    }

    async fn contents(_: &Cloud, _: &str) -> Result<Option<Contents>> {
        Ok(None)
    }

    async fn delete(cloud: &Cloud, id: &str) -> Result<()> {
        let name = parse(id)?;
        let call = cloud.store_call("DeleteParameter", id, async || cloud.store.delete(&name).await);
        absent(call.await, &["ParameterNotFound"]).map(drop)
    }
}

fn parse(name: &str) -> Result<ParameterName> {
    ParameterName::parse(name)
        .map_err(|error| CallError::new("GetParameter", name, StoreErrorKind::Validation, error.to_string()))
}

fn wanted_tags(tags: &BTreeMap<String, String>, at: &At) -> Vec<Tag> {
    let own = tags.iter().map(|(key, value)| (key.as_str(), value.as_str()));
    own.chain([(OWNER_TAG, at.owner.as_str())]).map(|(key, value)| Tag::observed(key, value)).collect()
}
