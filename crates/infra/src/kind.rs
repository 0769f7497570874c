//! The kinds of resources. A kind is one file: what it takes, how it is read, compared, made, changed and deleted.
//!
//! A kind says what it wants field by field (`Resource::fields`) and reads what is there in the same words (`Resource::read`), so
//! that comparing is one function for all of them ([`difference`](crate::difference)). Making one is a call that makes it with as
//! little as there can be, and then the same `Resource::set` for each field that mends a drift: what was interrupted is finished by
//! the way that everything is mended.

pub mod azure_container;
pub mod gcs_bucket;
pub mod iam_policy;
pub mod iam_role;
pub mod kms_alias;
pub mod kms_key;
pub mod local_folder;
pub mod s3_bucket;
pub mod ssm_parameter;
pub mod store_parameter;

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cloud::{Cloud, Result};
use crate::declaration::{DeclarationError, Node};

/// The tag that says whose a resource is.
pub const OWNER_TAG: &str = "parados:owner";
/// The tag that says what the declaration calls it, where nothing else identifies it.
pub const RESOURCE_TAG: &str = "parados:resource";

/// Where and whose a resource is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct At {
    /// What the owner tag of the stack's resources says.
    pub owner: String,
    /// What the declaration calls the resource.
    pub resource: String,
    /// The account.
    pub account: String,
    /// The Region.
    pub region: String,
    /// `aws`, `aws-cn`, …
    pub partition: String,
}

/// A resource as it is.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Live {
    /// What the cloud calls it.
    pub id: String,
    /// Whose it says that it is.
    pub owner: Option<String>,
    /// Its fields, in the words of the declaration; what is not configured is `null` or absent.
    pub fields: BTreeMap<String, Value>,
    /// What only the cloud knows of it.
    pub outputs: BTreeMap<String, String>,
    /// Who changed it last, where the cloud tells.
    pub changed: Option<LastChange>,
}

/// Who changed something, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LastChange {
    /// The ARN, or a user's name.
    pub by: String,
    /// When, RFC 3339.
    pub at: String,
}

/// What a resource tells others, by name; `None` is what will be known when it is made.
pub type Outputs = BTreeMap<String, Option<String>>;

/// What deleting something loses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// In words, as `12 objects`.
    pub what: String,
}

/// What the cloud calls a resource that was to be made, and whether that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Created {
    /// It is new.
    New(String),
    /// One was there: another's, made since that was looked for, or this one, where the answer to a first try was lost. Whose it is
    /// its owner tag says; where it has none, it can be ours only if a try before told nothing of its outcome.
    There {
        /// What the cloud calls it.
        id: String,
        /// Whether there was such a try.
        may_be_ours: bool,
    },
}

impl Created {
    /// The outcome of making `id`, where an error with one of `codes` says that it is there.
    pub(crate) fn of<T>(outcome: Result<T>, codes: &[&str], id: &str) -> Result<Self> {
        match outcome {
            Ok(_) => Ok(Self::New(id.to_owned())),
            Err(error) if error.is(codes) => Ok(Self::There { id: id.to_owned(), may_be_ours: error.may_be_done }),
            Err(error) => Err(error),
        }
    }
}

/// A resource as it is declared, its expressions rendered.
///
/// Everything that calls is safe to do again: what was done already is no error.
pub(crate) trait Resource {
    /// What the cloud calls it, where the declaration decides that.
    fn id(&self, at: &At) -> Option<String>;

    /// The least declaration of what the cloud calls `id`, by which it can be read; none where no declaration can say which it is.
    fn named(id: &str) -> Option<Value>;

    /// A field that was read, as the declaration's key and what is said there; none where it is said as it was read.
    fn declared(_field: &str, _live: &Value) -> Option<(&'static str, Value)> {
        None
    }

    /// What it wants, field by field, in the order in which they are set. `null` is a field that is to be absent.
    fn fields(&self, at: &At) -> Vec<(&'static str, Value)>;

    /// The fields that cannot be changed once it is there.
    fn fixed(&self) -> &'static [&'static str] {
        &[]
    }

    /// What it tells others.
    fn outputs(&self, at: &At, live: Option<&Live>) -> Outputs;

    /// Reads it: once each call, at the same time where they do not need each other. `id` is what the inventory says that it is called.
    async fn read(&self, cloud: &Cloud, at: &At, id: Option<&str>) -> Result<Option<Live>>;

    /// Makes it, with as little as there can be. Changes nothing of one that is there.
    async fn create(&self, cloud: &Cloud, at: &At) -> Result<Created>;

    /// The fields that making it sets already.
    fn created_with(&self) -> &'static [&'static str] {
        &[]
    }

    /// Sets one field of `id` to what is declared.
    async fn set(&self, cloud: &Cloud, at: &At, id: &str, field: &str) -> Result<()>;

    /// What deleting `id` would lose; none where that is nothing, or where it is not there.
    async fn contents(cloud: &Cloud, id: &str) -> Result<Option<Contents>>;

    /// Deletes `id`, with what is in it. That it is not there is no error.
    async fn delete(cloud: &Cloud, id: &str) -> Result<()>;
}

macro_rules! kinds {
    ($($(#[$meta:meta])* $variant:ident($type:ty) = $name:literal,)+) => {
        /// What a resource is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
        pub enum KindName {
            $($(#[$meta])* #[serde(rename = $name)] $variant,)+
        }

        /// A resource of any kind, as it is declared, its expressions rendered.
        #[derive(Clone, Debug)]
        pub enum Spec {
            $($(#[$meta])* $variant($type),)+
        }

        impl KindName {
            /// Every kind.
            pub const ALL: [Self; [$($name),+].len()] = [$(Self::$variant),+];

            /// As it is written.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// The kind's own keys, as a type.
            pub(crate) fn parse(self, node: &Node) -> Result<Spec, DeclarationError> {
                Ok(match self { $(Self::$variant => Spec::$variant(node.typed()?),)+ })
            }

            /// The kind's own keys, where no file has them.
            pub(crate) fn of_keys(self, keys: &Value) -> Result<Spec, serde_json::Error> {
                Ok(match self { $(Self::$variant => Spec::$variant(<$type>::deserialize(keys)?),)+ })
            }

            pub(crate) fn named(self, id: &str) -> Option<Value> {
                match self { $(Self::$variant => <$type>::named(id),)+ }
            }

            pub(crate) fn declared(self, field: &str, live: &Value) -> Option<(&'static str, Value)> {
                match self { $(Self::$variant => <$type>::declared(field, live),)+ }
            }

            /// The schema of the kind's own keys.
            pub(crate) fn schema(self, generator: &mut SchemaGenerator) -> Schema {
                match self { $(Self::$variant => <$type>::json_schema(generator),)+ }
            }

            // Each kind is a future of its own, or together they are one that is too deep for the compiler.
            pub(crate) async fn contents(self, cloud: &Cloud, id: &str) -> Result<Option<Contents>> {
                match self { $(Self::$variant => Box::pin(<$type>::contents(cloud, id)).await,)+ }
            }

            pub(crate) async fn delete(self, cloud: &Cloud, id: &str) -> Result<()> {
                match self { $(Self::$variant => Box::pin(<$type>::delete(cloud, id)).await,)+ }
            }
        }

        impl Spec {
            /// What it is.
            pub fn kind(&self) -> KindName {
                match self { $(Self::$variant(_) => KindName::$variant,)+ }
            }

            pub(crate) fn id(&self, at: &At) -> Option<String> {
                match self { $(Self::$variant(one) => one.id(at),)+ }
            }

            pub(crate) fn fields(&self, at: &At) -> Vec<(&'static str, Value)> {
                match self { $(Self::$variant(one) => one.fields(at),)+ }
            }

            pub(crate) fn fixed(&self) -> &'static [&'static str] {
                match self { $(Self::$variant(one) => one.fixed(),)+ }
            }

            pub(crate) fn created_with(&self) -> &'static [&'static str] {
                match self { $(Self::$variant(one) => one.created_with(),)+ }
            }

            /// Whether the call that makes it says whose it is, so that there is no moment at which it is there and nobody's.
            pub(crate) fn is_owned_from_the_start(&self) -> bool {
                self.created_with().contains(&"tags")
            }

            pub(crate) fn outputs(&self, at: &At, live: Option<&Live>) -> Outputs {
                match self { $(Self::$variant(one) => one.outputs(at, live),)+ }
            }

            pub(crate) async fn read(&self, cloud: &Cloud, at: &At, id: Option<&str>) -> Result<Option<Live>> {
                match self { $(Self::$variant(one) => Box::pin(one.read(cloud, at, id)).await,)+ }
            }

            pub(crate) async fn create(&self, cloud: &Cloud, at: &At) -> Result<Created> {
                match self { $(Self::$variant(one) => Box::pin(one.create(cloud, at)).await,)+ }
            }

            pub(crate) async fn set(&self, cloud: &Cloud, at: &At, id: &str, field: &str) -> Result<()> {
                match self { $(Self::$variant(one) => Box::pin(one.set(cloud, at, id, field)).await,)+ }
            }
        }
    };
}

kinds! {
    /// A bucket of S3.
    S3Bucket(s3_bucket::S3Bucket) = "aws:s3:Bucket",
    /// A parameter of Parameter Store.
    SsmParameter(ssm_parameter::SsmParameter) = "aws:ssm:Parameter",
    /// A role of IAM.
    IamRole(iam_role::IamRole) = "aws:iam:Role",
    /// A policy of IAM.
    IamPolicy(iam_policy::IamPolicy) = "aws:iam:Policy",
    /// A key of KMS.
    KmsKey(kms_key::KmsKey) = "aws:kms:Key",
    /// A name for a key of KMS.
    KmsAlias(kms_alias::KmsAlias) = "aws:kms:Alias",
    /// A bucket of Google Cloud Storage.
    GcsBucket(gcs_bucket::GcsBucket) = "gcp:storage:Bucket",
    /// A container of Azure's Blob Storage.
    AzureContainer(azure_container::AzureContainer) = "azure:storage:Container",
    /// A folder of this machine.
    LocalFolder(local_folder::LocalFolder) = "local:Folder",
    /// A parameter of the environment's store.
    StoreParameter(store_parameter::StoreParameter) = "parados:store:Parameter",
}

/// Tags as they are compared and shown: those that are declared, and whose the resource is.
pub(crate) fn tag_field(tags: &BTreeMap<String, String>, at: &At) -> Value {
    let mut all: BTreeMap<&str, &str> = tags.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
    all.insert(OWNER_TAG, &at.owner);
    serde_json::to_value(all).expect("texts are JSON")
}

/// The tags of a resource as they are, without those that AWS keeps for itself.
pub(crate) fn live_tags(tags: impl IntoIterator<Item = (String, String)>) -> BTreeMap<String, String> {
    tags.into_iter().filter(|(key, _)| !key.starts_with("aws:")).collect()
}

/// What is known before the resource is there.
pub(crate) fn known(outputs: impl IntoIterator<Item = (&'static str, String)>) -> Outputs {
    outputs.into_iter().map(|(name, value)| (name.to_owned(), Some(value))).collect()
}
