//! `azure:storage:Container`: a container of Azure's Blob Storage, in a storage account that is there. Versions, encryption and immutability
//! are the account's, and are declared where that is.

use std::collections::BTreeMap;

use http::Method;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{At, Contents, Created, Live, Outputs, Resource, known};
use crate::cloud::{Cloud, Result, absent};
use crate::object_storage::Answer;

/// The version of the service's interface.
const VERSION: (&str, &str) = ("x-ms-version", "2021-12-02");
/// What a container says whose it is by: names of metadata have letters, digits and `_`.
const OWNER: &str = "parados_owner";
/// What begins a header of metadata.
const METADATA: &str = "x-ms-meta-";
const PUBLIC_ACCESS: &str = "x-ms-blob-public-access";
const GONE: [&str; 2] = ["ContainerNotFound", "404"];

/// A container of Azure's Blob Storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AzureContainer {
    /// The storage account that it is in.
    pub account: String,
    /// The name.
    pub name: String,
    /// Who may read without being asked who it is. By default nobody.
    #[serde(default)]
    pub public_access: PublicAccess,
    /// What it says of itself. The names have lower-case letters, digits and `_`.
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
}

/// Who may read a container without being asked who it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum PublicAccess {
    /// Nobody.
    #[default]
    None,
    /// Everybody, what it knows the name of.
    Blob,
    /// Everybody, and the list of what there is.
    Container,
}

impl PublicAccess {
    fn as_str(self) -> Option<&'static str> {
        match self {
            Self::None => None,
            Self::Blob => Some("blob"),
            Self::Container => Some("container"),
        }
    }
}

impl AzureContainer {
    pub(crate) fn all_metadata(&self, at: &At) -> BTreeMap<String, String> {
        let mut metadata = self.metadata.clone();
        metadata.insert(OWNER.to_owned(), at.owner.clone());
        metadata
    }
}

impl Resource for AzureContainer {
    fn id(&self, _: &At) -> Option<String> {
        Some(format!("{}/{}", self.account, self.name))
    }

    fn named(id: &str) -> Option<Value> {
        let (account, name) = id.split_once('/').unwrap_or(("", id));
        Some(json!({"account": account, "name": name}))
    }

    fn fields(&self, at: &At) -> Vec<(&'static str, Value)> {
        vec![("public_access", json!(self.public_access)), ("metadata", json!(self.all_metadata(at)))]
    }

    fn outputs(&self, _: &At, _: Option<&Live>) -> Outputs {
        let url = format!("az://{}", self.name);
        known([("name", self.name.clone()), ("account", self.account.clone()), ("url", url)])
    }

    async fn read(&self, cloud: &Cloud, at: &At, _: Option<&str>) -> Result<Option<Live>> {
        let id = self.id(at).unwrap_or_default();
        let get = call(cloud, "azure:GetContainerProperties", &id, (Method::GET, ""), &[], "").await;
        let Some(answer) = absent(get, &GONE)? else { return Ok(None) };
        let text = |value: &http::HeaderValue| value.to_str().unwrap_or_default().to_owned();
        let metadata: BTreeMap<String, String> = answer
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.as_str().strip_prefix(METADATA)?.to_owned(), text(value))))
            .collect();
        let public_access = answer.headers.get(PUBLIC_ACCESS).map_or_else(|| "none".to_owned(), text);
        Ok(Some(Live {
            owner: metadata.get(OWNER).cloned(),
            fields: BTreeMap::from([
                ("public_access".to_owned(), json!(public_access)),
                ("metadata".to_owned(), json!(metadata)),
            ]),
            id,
            ..Live::default()
        }))
    }

    async fn create(&self, cloud: &Cloud, at: &At) -> Result<Created> {
        let id = self.id(at).unwrap_or_default();
        let create = call(cloud, "azure:CreateContainer", &id, (Method::PUT, ""), &[], "").await;
        Created::of(create, &["ContainerAlreadyExists"], &id)
    }

    async fn set(&self, cloud: &Cloud, at: &At, id: &str, field: &str) -> Result<()> {
        match field {
            "metadata" => {
                let fields = self.fields(at);
                let all = fields.iter().find(|(name, _)| *name == "metadata").and_then(|(_, value)| value.as_object());
                let headers: Vec<(String, String)> = all
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (format!("{METADATA}{name}"), value.as_str().unwrap_or_default().to_owned()))
                    .collect();
                let put = call(cloud, "azure:SetContainerMetadata", id, (Method::PUT, "&comp=metadata"), &headers, "");
                put.await.map(drop)
            }
            "public_access" => {
                // The policies for signed links are written by the same call, so those that there are have to be written back.
                let policies = call(cloud, "azure:GetContainerAcl", id, (Method::GET, "&comp=acl"), &[], "").await?;
                let body = policies.body.trim_start_matches('\u{feff}');
                let access = self.public_access.as_str().map(|access| (PUBLIC_ACCESS.to_owned(), access.to_owned()));
                let headers: Vec<_> = access.into_iter().collect();
                let put = call(cloud, "azure:SetContainerAcl", id, (Method::PUT, "&comp=acl"), &headers, body);
                put.await.map(drop)
            }
            _ => Ok(()),
        }
    }

    async fn contents(cloud: &Cloud, id: &str) -> Result<Option<Contents>> {
        let list = call(cloud, "azure:ListBlobs", id, (Method::GET, "&comp=list&maxresults=1000"), &[], "").await;
        let Some(answer) = absent(list, &GONE)? else { return Ok(None) };
        let count = answer.body.matches("<Blob>").count();
        let more = if answer.body.contains("<NextMarker>") { "more than " } else { "" };
        Ok((count > 0).then(|| Contents { what: format!("{more}{count} blobs") }))
    }

    async fn delete(cloud: &Cloud, id: &str) -> Result<()> {
        let delete = call(cloud, "azure:DeleteContainer", id, (Method::DELETE, ""), &[], "").await;
        absent(delete, &GONE).map(drop)
    }
}

/// One call for a container; `more` is what of the query follows that it is one.
async fn call(
    cloud: &Cloud,
    operation: &'static str,
    id: &str,
    (method, more): (Method, &str),
    headers: &[(String, String)],
    body: &str,
) -> Result<Answer> {
    let (account, name) = id.split_once('/').unwrap_or(("", id));
    let path = format!("/{name}?restype=container{more}");
    let mut headers = headers.to_vec();
    headers.push((VERSION.0.to_owned(), VERSION.1.to_owned()));
    let send = async || {
        let account = cloud.object_storage.azure(account)?;
        account.send(operation, (method.clone(), &path), &headers, body).await
    };
    cloud.http_call(operation, id, send).await
}
