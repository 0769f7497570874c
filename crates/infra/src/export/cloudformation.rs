//! CloudFormation: a template, <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/>.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{MARKS, camel, compact, interpolate};
use crate::kind::s3_bucket::{LifecycleRule, S3Bucket};
use crate::kind::{KindName, RESOURCE_TAG, Spec, tag_field};
use crate::stack::{Observed, Stack};

pub(super) fn reference(kind: KindName, resource: &str, output: &str) -> Option<String> {
    let id = camel(resource);
    Some(match (kind, output) {
        (KindName::S3Bucket | KindName::SsmParameter | KindName::IamRole | KindName::KmsAlias, "name")
        | (KindName::KmsKey, "id")
        | (KindName::IamPolicy, "arn") => id,
        (KindName::S3Bucket | KindName::IamRole | KindName::KmsKey, "arn") => format!("{id}.Arn"),
        (KindName::SsmParameter, "value") => format!("{id}.Value"),
        _ => return None,
    })
}

pub(super) fn document(stack: &Stack, resources: &[Observed], outputs: &BTreeMap<String, String>) -> Value {
    let mut all = Map::new();
    for one in resources {
        all.extend(of_resource(one));
    }
    let outputs: Map<String, Value> =
        outputs.iter().map(|(name, value)| (camel(name), json!({ "Value": value }))).collect();
    let mut document = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("{} {}, exported by parados", stack.project, stack.environment),
        "Resources": all,
        "Outputs": outputs,
    });
    super::without_empty(&mut document, &["Outputs"]);
    substituted(&compact(document))
}

/// A text with references becomes `Fn::Sub`, and one that is a reference alone `Ref` or `Fn::GetAtt`.
fn substituted(value: &Value) -> Value {
    match value {
        Value::String(text) if text.contains(MARKS.0) => {
            let alone = text.strip_prefix(MARKS.0).and_then(|rest| rest.strip_suffix(MARKS.1));
            match alone.filter(|one| !one.contains(MARKS.0)) {
                Some(reference) => match reference.split_once('.') {
                    Some((id, attribute)) => json!({"Fn::GetAtt": [id, attribute]}),
                    None => json!({"Ref": reference}),
                },
                None => json!({"Fn::Sub": interpolate(text, "${!")}),
            }
        }
        Value::Array(items) => items.iter().map(substituted).collect(),
        Value::Object(entries) => entries.iter().map(|(key, item)| (key.clone(), substituted(item))).collect(),
        other => other.clone(),
    }
}

fn of_resource(one: &Observed) -> Vec<(String, Value)> {
    let id = camel(&one.resource);
    let tags = |tags: &BTreeMap<String, String>| list(&tag_field(tags, &one.at));
    let plain = |kind: &str, properties: Value| json!({"Type": kind, "Properties": properties});
    // What holds something is not deleted with the stack.
    let retained = |kind: &str, properties: Value| json!({"Type": kind, "DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain", "Properties": properties});
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    match &one.spec {
        Spec::S3Bucket(bucket) => {
            let mut all = vec![(id.clone(), retained("AWS::S3::Bucket", of_bucket(bucket, tags(&bucket.tags))))];
            if let Some(document) = bucket.policy_document(&one.at) {
                let properties = json!({"Bucket": {"Ref": id}, "PolicyDocument": document});
                all.push((format!("{id}Policy"), plain("AWS::S3::BucketPolicy", properties)));
            }
            all
        }
        Spec::SsmParameter(parameter) => {
            let properties = json!({
                "Name": parameter.name,
                "Type": parameter.parameter_type,
                "Value": parameter.value,
                "Description": some(&parameter.description),
                "Tags": tag_field(&parameter.tags, &one.at),
            });
            vec![(id, plain("AWS::SSM::Parameter", properties))]
        }
        Spec::IamPolicy(policy) => {
            let properties = json!({
                "ManagedPolicyName": policy.name,
                "Description": some(&policy.description),
                "PolicyDocument": policy.document(&one.at),
            });
            vec![(id, plain("AWS::IAM::ManagedPolicy", properties))]
        }
        Spec::IamRole(role) => {
            let properties = json!({
                "RoleName": role.name,
                "Description": some(&role.description),
                "AssumeRolePolicyDocument": role.trust.document(),
                "MaxSessionDuration": role.max_session_seconds,
                "ManagedPolicyArns": role.policies,
                "Tags": tags(&role.tags),
            });
            vec![(id, plain("AWS::IAM::Role", properties))]
        }
        Spec::KmsKey(key) => {
            let mut all_tags = key.tags.clone();
            all_tags.insert(RESOURCE_TAG.to_owned(), one.at.resource.clone());
            let properties = json!({
                "Description": some(&key.description),
                "EnableKeyRotation": key.rotation,
                "KeyPolicy": key.document(&one.at),
                "Tags": tags(&all_tags),
            });
            vec![(id, retained("AWS::KMS::Key", properties))]
        }
        Spec::KmsAlias(alias) => {
            let properties = json!({"AliasName": alias.name, "TargetKeyId": alias.key});
            vec![(id, plain("AWS::KMS::Alias", properties))]
        }
        Spec::LocalFolder(_) | Spec::StoreParameter(_) | Spec::GcsBucket(_) | Spec::AzureContainer(_) => Vec::new(),
    }
}

fn of_bucket(bucket: &S3Bucket, tags: Value) -> Value {
    let encryption = &bucket.encryption;
    let block = bucket.public_access_block;
    let lock = bucket.object_lock.map(|lock| {
        let retention = json!({"Mode": lock.mode, "Days": lock.days, "Years": lock.years});
        let has_rule = lock.days.is_some() || lock.years.is_some();
        json!({"ObjectLockEnabled": "Enabled", "Rule": has_rule.then(|| json!({"DefaultRetention": retention}))})
    });
    let replication = bucket.replication.as_ref().map(|replication| {
        let key = replication.key.as_ref();
        let markers = if replication.delete_markers { "Enabled" } else { "Disabled" };
        json!({"Role": replication.role, "Rules": [{
            "Id": "parados",
            "Priority": 1,
            "Status": "Enabled",
            "Filter": {"Prefix": replication.prefix},
            "DeleteMarkerReplication": {"Status": markers},
            "SourceSelectionCriteria": key.map(|_| json!({"SseKmsEncryptedObjects": {"Status": "Enabled"}})),
            "Destination": {
                "Bucket": replication.destination,
                "EncryptionConfiguration": key.map(|key| json!({"ReplicaKmsKeyID": key})),
            },
        }]})
    });
    let rules: Vec<Value> = bucket.lifecycle.iter().map(of_rule).collect();
    json!({
        "BucketName": bucket.name,
        "VersioningConfiguration": bucket.versioning.then(|| json!({"Status": "Enabled"})),
        "BucketEncryption": {"ServerSideEncryptionConfiguration": [{
            "ServerSideEncryptionByDefault": {"SSEAlgorithm": encryption.algorithm, "KMSMasterKeyID": encryption.key},
            "BucketKeyEnabled": encryption.bucket_key,
        }]},
        "PublicAccessBlockConfiguration": {
            "BlockPublicAcls": block.block_public_acls,
            "BlockPublicPolicy": block.block_public_policy,
            "IgnorePublicAcls": block.ignore_public_acls,
            "RestrictPublicBuckets": block.restrict_public_buckets,
        },
        "OwnershipControls": {"Rules": [{"ObjectOwnership": bucket.ownership}]},
        "LifecycleConfiguration": (!rules.is_empty()).then(|| json!({ "Rules": rules })),
        "ObjectLockEnabled": lock.as_ref().map(|_| true),
        "ObjectLockConfiguration": lock,
        "ReplicationConfiguration": replication,
        "Tags": tags,
    })
}

fn of_rule(rule: &LifecycleRule) -> Value {
    json!({
        "Id": rule.id,
        "Status": if rule.enabled { "Enabled" } else { "Disabled" },
        "Prefix": Some(&rule.prefix).filter(|prefix| !prefix.is_empty()),
        "ExpirationInDays": rule.expiration_days,
        "ExpiredObjectDeleteMarker": rule.expired_delete_markers.then_some(true),
        "NoncurrentVersionExpiration": rule.noncurrent_expiration_days.map(|days| json!({
            "NoncurrentDays": days, "NewerNoncurrentVersions": rule.noncurrent_versions_kept,
        })),
        "AbortIncompleteMultipartUpload": rule.abort_uploads_days.map(|days| json!({"DaysAfterInitiation": days})),
    })
}

fn list(tags: &Value) -> Value {
    let tags = tags.as_object().into_iter().flatten();
    tags.map(|(key, value)| json!({"Key": key, "Value": value})).collect()
}
