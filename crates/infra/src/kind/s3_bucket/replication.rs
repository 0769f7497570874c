//! Where S3 copies objects to.

use aws_sdk_s3::error::BuildError;
use aws_sdk_s3::types::{
    DeleteMarkerReplication, DeleteMarkerReplicationStatus, Destination, EncryptionConfiguration,
    ReplicationConfiguration, ReplicationRule, ReplicationRuleFilter, ReplicationRuleStatus, SourceSelectionCriteria,
    SseKmsEncryptedObjects, SseKmsEncryptedObjectsStatus,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What the one rule is called.
const RULE: &str = "parados";

/// Where objects are copied to. Both buckets need versioning.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Replication {
    /// The ARN of the role that S3 copies as.
    pub role: String,
    /// The ARN of the bucket that is copied to.
    pub destination: String,
    /// The KMS key that copies are encrypted with; what KMS encrypts here is only copied where one is said.
    #[serde(default)]
    pub key: Option<String>,
    /// Of which keys: those that begin with this. By default of all.
    #[serde(default)]
    pub prefix: String,
    /// Whether markers of deletions are copied too. By default not, so that the copy outlives a mistake.
    #[serde(default)]
    pub delete_markers: bool,
}

impl Replication {
    pub(super) fn to_sdk(&self) -> Result<ReplicationConfiguration, BuildError> {
        let encryption =
            self.key.as_ref().map(|key| EncryptionConfiguration::builder().replica_kms_key_id(key).build());
        let destination =
            Destination::builder().bucket(&self.destination).set_encryption_configuration(encryption).build()?;
        let markers = match self.delete_markers {
            true => DeleteMarkerReplicationStatus::Enabled,
            false => DeleteMarkerReplicationStatus::Disabled,
        };
        let of_kms = match self.key {
            None => None,
            Some(_) => {
                let of_kms = SseKmsEncryptedObjects::builder().status(SseKmsEncryptedObjectsStatus::Enabled).build()?;
                Some(SourceSelectionCriteria::builder().sse_kms_encrypted_objects(of_kms).build())
            }
        };
        let rule = ReplicationRule::builder()
            .id(RULE)
            .priority(1)
            .status(ReplicationRuleStatus::Enabled)
            .filter(ReplicationRuleFilter::builder().prefix(&self.prefix).build())
            .delete_marker_replication(DeleteMarkerReplication::builder().status(markers).build())
            .set_source_selection_criteria(of_kms)
            .destination(destination)
            .build()?;
        ReplicationConfiguration::builder().role(&self.role).rules(rule).build()
    }
}

/// What is configured, in the words of the declaration; several rules are all shown.
pub(super) fn observed(configuration: Option<ReplicationConfiguration>) -> Value {
    let Some(configuration) = configuration else { return Value::Null };
    let mut rules: Vec<Value> = configuration.rules.iter().map(|rule| of_rule(&configuration.role, rule)).collect();
    match rules.len() {
        1 => rules.remove(0),
        _ => json!(rules),
    }
}

fn of_rule(role: &str, rule: &ReplicationRule) -> Value {
    let destination = rule.destination.as_ref();
    let markers = rule.delete_marker_replication.as_ref().and_then(|one| one.status.clone());
    let mut value = json!(Replication {
        role: role.to_owned(),
        destination: destination.map(|one| one.bucket.clone()).unwrap_or_default(),
        key: destination
            .and_then(|one| one.encryption_configuration.as_ref())
            .and_then(|one| one.replica_kms_key_id.clone()),
        prefix: rule.filter.as_ref().and_then(|one| one.prefix.clone()).unwrap_or_default(),
        delete_markers: markers == Some(DeleteMarkerReplicationStatus::Enabled),
    });
    if rule.status != ReplicationRuleStatus::Enabled {
        value["enabled"] = json!(false);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replication_is_read_as_it_was_written() {
        let replication = Replication {
            role: "arn:aws:iam::123456789012:role/copy".into(),
            destination: "arn:aws:s3:::copy".into(),
            key: Some("arn:aws:kms:eu-central-1:123456789012:key/1".into()),
            prefix: "20".into(),
            delete_markers: true,
        };
        assert_eq!(observed(Some(replication.to_sdk().unwrap())), json!(replication));
        let plain = Replication { key: None, delete_markers: false, ..replication };
        assert_eq!(observed(Some(plain.to_sdk().unwrap())), json!(plain));
        assert_eq!(observed(None), Value::Null);
    }
}
