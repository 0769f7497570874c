//! What a plan says of one parameter.

use jiff::Timestamp;
use parados_parameter::{
    AllowedPattern, DataType, Description, KeyId, Label, ParameterName, ParameterType, Policy, Tag, Tier, Version,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::field::Field;
use crate::fingerprint::Fingerprint;

/// What is to become of one parameter. There is one for each parameter that is wanted or to be deleted, also where nothing is to
/// be done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Change {
    /// Its name in the store.
    #[schemars(with = "String")]
    pub name: ParameterName,
    /// Its name in the snapshot; absent where it is not there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub source: Option<ParameterName>,
    /// What is done.
    pub action: Action,
    /// What differs. Of a create, nothing is listed: it is all new.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// What the store had when the plan was made; absent where it had none of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LiveState>,
    /// What the snapshot has; absent where it has none of this name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wanted: Option<WantedState>,
    /// What is done, in this order, and nothing else. Empty for an action that writes nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<Step>,
    /// Why it is skipped, in conflict, or impossible.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What whoever approves the plan should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
}

/// What is done with a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It is not there and is made.
    Create,
    /// It is there and differs, and is put or annotated.
    Update,
    /// It is deleted and made again, because no put makes what is wanted of it: Advanced to Standard.
    Replace,
    /// It is there and not in the snapshot, and is deleted, because that was asked for.
    Delete,
    /// It is as it is wanted.
    Unchanged,
    /// It is there and differs, and stays as it is, because that was asked for.
    Skip,
    /// It is there and differs, and the plan is not to be applied because of it.
    Conflict,
    /// It cannot be restored; the reason says why.
    Impossible,
}

impl Action {
    /// Whether it changes the store.
    pub fn writes(self) -> bool {
        matches!(self, Self::Create | Self::Update | Self::Replace | Self::Delete)
    }
}

/// One field that differs. Of a value it is only said that it differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FieldChange {
    /// The field.
    pub field: Field,
    /// What the store has, in words; absent for none, and for a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What is wanted, in words; absent for none, and for a value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// What a parameter was in the store when the plan was made. Whoever applies the plan looks again: another version or date means
/// that somebody changed it since, and it is left alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LiveState {
    /// Its newest version.
    #[schemars(with = "i64")]
    pub version: Version,
    /// When that was put.
    #[schemars(with = "String")]
    pub last_modified_date: Timestamp,
    /// Of its value, under the plan's fingerprint key.
    #[schemars(with = "String")]
    pub fingerprint: Fingerprint,
}

/// What a parameter is in the snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WantedState {
    /// The version whose value is restored: the newest, or with a time the one of then.
    #[schemars(with = "i64")]
    pub version: Version,
    /// When that was put.
    #[schemars(with = "String")]
    pub last_modified_date: Timestamp,
    /// Of its value, under the plan's fingerprint key.
    #[schemars(with = "String")]
    pub fingerprint: Fingerprint,
}

/// One write, or what stands between two. Nothing in it is a value: that is found in the snapshot by the change's `source` and the
/// step's `source_version`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "step", rename_all = "kebab-case")]
pub enum Step {
    /// DeleteParameter.
    Delete,
    /// Nothing for so long: a name that was deleted is not free at once.
    Wait {
        /// How long.
        seconds: u32,
    },
    /// PutParameter.
    Put {
        /// The version of the source whose value is put.
        #[schemars(with = "i64")]
        source_version: Version,
        /// Of that value, under the plan's fingerprint key.
        #[schemars(with = "String")]
        fingerprint: Fingerprint,
        /// The version that the put makes: 1, or one more than there is.
        #[schemars(with = "i64")]
        makes: Version,
        /// Everything else that is put.
        put: Box<PutFields>,
    },
    /// Reads until the version is there: AWS checks an `aws:ec2:image` after a put has returned, and drops what is none.
    Await {
        /// The version.
        #[schemars(with = "i64")]
        version: Version,
    },
    /// LabelParameterVersion; takes the labels off whichever version bears them.
    Label {
        /// The version in the store.
        #[schemars(with = "i64")]
        version: Version,
        /// At most 10.
        #[schemars(with = "Vec<String>")]
        labels: Vec<Label>,
    },
    /// UnlabelParameterVersion.
    Unlabel {
        /// The version in the store.
        #[schemars(with = "i64")]
        version: Version,
        /// At most 10.
        #[schemars(with = "Vec<String>")]
        labels: Vec<Label>,
    },
    /// AddTagsToResource.
    Tag {
        /// What is added, or given another value.
        #[schemars(with = "Vec<std::collections::BTreeMap<String, String>>")]
        tags: Vec<Tag>,
    },
    /// RemoveTagsFromResource.
    Untag {
        /// What is taken off.
        keys: Vec<String>,
    },
}

/// What a put sends beside name and value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PutFields {
    /// Whether it is put over one that is there. A put that is not makes the parameter, and its tags with it.
    pub overwrite: bool,
    /// The type.
    #[serde(rename = "type")]
    #[schemars(with = "String")]
    pub parameter_type: ParameterType,
    /// The key; always there for a SecureString whose key is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub key_id: Option<KeyId>,
    /// What it is for; empty takes away what is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub description: Option<Description>,
    /// What values must match; empty takes away what is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub allowed_pattern: Option<AllowedPattern>,
    /// The tier; absent where the source does not say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub tier: Option<Tier>,
    /// The policies; an empty list takes away those that are there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Vec<serde_json::Value>>")]
    pub policies: Option<Vec<Policy>>,
    /// What the value means.
    #[schemars(with = "String")]
    pub data_type: DataType,
    /// The tags; only where it is not put over one that is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<std::collections::BTreeMap<String, String>>")]
    pub tags: Vec<Tag>,
}

/// Something that whoever approves a plan should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Warning {
    /// What a caller can act on.
    pub kind: WarningKind,
    /// In words.
    pub message: String,
}

/// The kinds of warning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WarningKind {
    /// The live value is newer than the snapshot and another: it was rotated since, and restoring it brings back the old secret.
    StaleSecret,
    /// A policy expires the parameter soon, or would have already.
    ExpiringPolicy,
    /// A policy was left out because it would delete the parameter at once.
    DroppedPolicy,
    /// A key is missing or cannot be used.
    UnusableKey,
    /// The key is not known, and the store's own is taken.
    UnknownKey,
    /// A tier, or the number of parameters in it.
    Tier,
    /// Labels or older versions that cannot come back as they were.
    Versions,
    /// Tags that cannot be written (`aws:`), or were not in the snapshot.
    Tags,
    /// Something of it was not read when the snapshot was made, or could not be read now.
    Incomplete,
    /// Who signed the snapshot is not known here.
    Signer,
    /// A quota: so many calls that it takes long.
    Quota,
}
