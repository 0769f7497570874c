//! `aws:iam:Role`: who may act as whom.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::iam_policy::{decoded, extra_keys, tags};
use super::{At, Contents, Created, Live, OWNER_TAG, Outputs, Resource, known, live_tags, tag_field};
use crate::cloud::{Cloud, Result, absent};
use crate::policy_document;

/// A role of IAM.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IamRole {
    /// The name.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// Who may assume it.
    pub trust: Trust,
    /// The ARNs of the policies that say what it may do.
    #[serde(default)]
    pub policies: BTreeSet<String>,
    /// For how many seconds it can be assumed at once. By default 3600.
    #[serde(default = "an_hour")]
    pub max_session_seconds: i32,
    /// The tags.
    #[serde(default)]
    pub tags: BTreeMap<String, String>,
}

/// Who may assume a role.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Trust {
    /// Services, as `ec2.amazonaws.com`.
    #[serde(default)]
    pub services: BTreeSet<String>,
    /// The ARNs of accounts, users and roles.
    #[serde(default)]
    pub principals: BTreeSet<String>,
    /// What those have to say to be let in.
    #[serde(default)]
    pub external_id: Option<String>,
    /// Further statements, as IAM writes them.
    #[serde(default)]
    pub statements: Vec<Value>,
}

impl Trust {
    /// As a document.
    pub fn document(&self) -> Value {
        let mut statements = Vec::new();
        if !self.services.is_empty() {
            statements.push(json!({
                "Effect": "Allow", "Principal": {"Service": self.services}, "Action": "sts:AssumeRole",
            }));
        }
        if !self.principals.is_empty() {
            let mut statement = json!({
                "Effect": "Allow", "Principal": {"AWS": self.principals}, "Action": "sts:AssumeRole",
            });
            if let Some(id) = &self.external_id {
                statement["Condition"] = json!({"StringEquals": {"sts:ExternalId": id}});
            }
            statements.push(statement);
        }
        statements.extend(self.statements.iter().cloned());
        policy_document::document(statements)
    }
}

impl Resource for IamRole {
    fn id(&self, _: &At) -> Option<String> {
        Some(self.name.clone())
    }

    fn named(id: &str) -> Option<Value> {
        Some(json!({"name": id, "trust": {}}))
    }

    fn declared(field: &str, live: &Value) -> Option<(&'static str, Value)> {
        (field == "trust").then(|| ("trust", json!({"statements": live["Statement"]})))
    }

    fn fields(&self, at: &At) -> Vec<(&'static str, Value)> {
        vec![
            ("description", json!(self.description)),
            ("trust", self.trust.document()),
            ("max_session_seconds", json!(self.max_session_seconds)),
            ("tags", tag_field(&self.tags, at)),
            ("policies", json!(self.policies)),
        ]
    }

    fn created_with(&self) -> &'static [&'static str] {
        &["description", "trust", "max_session_seconds", "tags"]
    }

    fn outputs(&self, at: &At, _: Option<&Live>) -> Outputs {
        let arn = format!("arn:{}:iam::{}:role/{}", at.partition, at.account, self.name);
        known([("name", self.name.clone()), ("arn", arn)])
    }

    async fn read(&self, cloud: &Cloud, _: &At, _: Option<&str>) -> Result<Option<Live>> {
        let iam = &cloud.clients()?.iam;
        let name = self.name.as_str();
        let get = cloud.call("iam:GetRole", name, async || iam.get_role().role_name(name).send().await);
        let (get, attached) = futures::join!(get, attached(cloud, name));
        let Some(role) = absent(get, &["NoSuchEntity"])?.and_then(|output| output.role) else { return Ok(None) };
        let tags = live_tags(role.tags.unwrap_or_default().into_iter().map(|tag| (tag.key, tag.value)));
        Ok(Some(Live {
            id: name.to_owned(),
            owner: tags.get(OWNER_TAG).cloned(),
            fields: BTreeMap::from([
                ("description".to_owned(), json!(role.description.unwrap_or_default())),
                ("trust".to_owned(), decoded(&role.assume_role_policy_document.unwrap_or_default())),
                ("max_session_seconds".to_owned(), json!(role.max_session_duration.unwrap_or_else(an_hour))),
                ("tags".to_owned(), json!(tags)),
                ("policies".to_owned(), json!(attached?)),
            ]),
            ..Live::default()
        }))
    }

    async fn create(&self, cloud: &Cloud, at: &At) -> Result<Created> {
        let iam = &cloud.clients()?.iam;
        let trust = self.trust.document().to_string();
        let tags = tags(&self.tags, at);
        let create = cloud.settle("iam:CreateRole", &self.name, async || {
            iam.create_role()
                .role_name(&self.name)
                .assume_role_policy_document(&trust)
                .set_description(Some(self.description.clone()).filter(|text| !text.is_empty()))
                .max_session_duration(self.max_session_seconds)
                .set_tags(Some(tags.clone()))
                .send()
                .await
        });
        Created::of(create.await, &["EntityAlreadyExists"], &self.name)
    }

    async fn set(&self, cloud: &Cloud, at: &At, name: &str, field: &str) -> Result<()> {
        let iam = &cloud.clients()?.iam;
        match field {
            "trust" => {
                let trust = self.trust.document().to_string();
                let put = cloud.settle("iam:UpdateAssumeRolePolicy", name, async || {
                    iam.update_assume_role_policy().role_name(name).policy_document(&trust).send().await
                });
                put.await.map(drop)
            }
            "description" | "max_session_seconds" => {
                let put = cloud.settle("iam:UpdateRole", name, async || {
                    iam.update_role()
                        .role_name(name)
                        .description(&self.description)
                        .max_session_duration(self.max_session_seconds)
                        .send()
                        .await
                });
                put.await.map(drop)
            }
            "tags" => self.set_tags(cloud, at, name).await,
            "policies" => {
                let there = attached(cloud, name).await?;
                for arn in self.policies.difference(&there) {
                    let attach = cloud.settle("iam:AttachRolePolicy", name, async || {
                        iam.attach_role_policy().role_name(name).policy_arn(arn).send().await
                    });
                    attach.await?;
                }
                for arn in there.difference(&self.policies) {
                    detach(cloud, name, arn).await?;
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn contents(_: &Cloud, _: &str) -> Result<Option<Contents>> {
        Ok(None)
    }

    async fn delete(cloud: &Cloud, name: &str) -> Result<()> {
        let iam = &cloud.clients()?.iam;
        for arn in attached(cloud, name).await? {
            detach(cloud, name, &arn).await?;
        }
        let list =
            cloud.call("iam:ListRolePolicies", name, async || iam.list_role_policies().role_name(name).send().await);
        let inline = absent(list.await, &["NoSuchEntity"])?.map(|output| output.policy_names).unwrap_or_default();
        for policy in inline {
            let delete = cloud.call("iam:DeleteRolePolicy", name, async || {
                iam.delete_role_policy().role_name(name).policy_name(&policy).send().await
            });
            absent(delete.await, &["NoSuchEntity"])?;
        }
        let delete = cloud.call("iam:DeleteRole", name, async || iam.delete_role().role_name(name).send().await);
        absent(delete.await, &["NoSuchEntity"]).map(drop)
    }
}

impl IamRole {
    async fn set_tags(&self, cloud: &Cloud, at: &At, name: &str) -> Result<()> {
        let iam = &cloud.clients()?.iam;
        let list = cloud.call("iam:ListRoleTags", name, async || iam.list_role_tags().role_name(name).send().await);
        let extra = extra_keys(list.await?.tags.into_iter().map(|tag| tag.key), &self.tags);
        let tags = tags(&self.tags, at);
        let put = cloud.settle("iam:TagRole", name, async || {
            iam.tag_role().role_name(name).set_tags(Some(tags.clone())).send().await
        });
        put.await?;
        if !extra.is_empty() {
            let untag = cloud.call("iam:UntagRole", name, async || {
                iam.untag_role().role_name(name).set_tag_keys(Some(extra.clone())).send().await
            });
            untag.await?;
        }
        Ok(())
    }
}

/// The ARNs of the policies that are attached to a role; none where there is no role.
async fn attached(cloud: &Cloud, name: &str) -> Result<BTreeSet<String>> {
    let iam = &cloud.clients()?.iam;
    let list = cloud.call("iam:ListAttachedRolePolicies", name, async || {
        iam.list_attached_role_policies().role_name(name).send().await
    });
    let policies = absent(list.await, &["NoSuchEntity"])?.and_then(|output| output.attached_policies);
    Ok(policies.unwrap_or_default().into_iter().filter_map(|policy| policy.policy_arn).collect())
}

async fn detach(cloud: &Cloud, name: &str, arn: &str) -> Result<()> {
    let iam = &cloud.clients()?.iam;
    let detach = cloud.call("iam:DetachRolePolicy", name, async || {
        iam.detach_role_policy().role_name(name).policy_arn(arn).send().await
    });
    absent(detach.await, &["NoSuchEntity"]).map(drop)
}

fn an_hour() -> i32 {
    3600
}
