//! Terraform: its JSON syntax, <https://developer.hashicorp.com/terraform/language/syntax/json>, for the providers
//! hashicorp/aws, hashicorp/google and hashicorp/azurerm.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{compact, interpolated};
use crate::kind::azure_container::PublicAccess;
use crate::kind::gcs_bucket::GcsBucket;
use crate::kind::s3_bucket::S3Bucket;
use crate::kind::{KindName, Spec, tag_field};
use crate::stack::{Observed, Stack};

/// One resource in the provider's words. What is a list here is several blocks, what is a mapping is one.
pub(super) struct ProviderResource {
    /// The provider's type, as `aws_s3_bucket_policy`.
    pub(super) kind: &'static str,
    /// What the engine calls it.
    pub(super) name: String,
    /// Its arguments; `null` is one that is not given.
    pub(super) arguments: Value,
    /// How the provider finds one that is there.
    pub(super) import: Option<String>,
    /// The target, where it is not in the environment's own place.
    pub(super) target: Option<String>,
}

pub(super) fn reference(kind: KindName, resource: &str, output: &str) -> Option<String> {
    let (provider, attribute) = match (kind, output) {
        (KindName::S3Bucket, "name") => ("aws_s3_bucket", "bucket"),
        (KindName::S3Bucket, "arn" | "region") => ("aws_s3_bucket", output),
        (KindName::SsmParameter, "name" | "arn") => ("aws_ssm_parameter", output),
        (KindName::IamRole, "name" | "arn") => ("aws_iam_role", output),
        (KindName::IamPolicy, "name" | "arn") => ("aws_iam_policy", output),
        (KindName::KmsKey, "id") => ("aws_kms_key", "key_id"),
        (KindName::KmsKey, "arn") => ("aws_kms_key", "arn"),
        (KindName::KmsAlias, "name" | "arn") => ("aws_kms_alias", output),
        (KindName::GcsBucket, "name" | "url") => ("google_storage_bucket", output),
        (KindName::AzureContainer, "name") => ("azurerm_storage_container", "name"),
        (KindName::AzureContainer, "account") => ("azurerm_storage_container", "storage_account_name"),
        _ => return None,
    };
    Some(format!("{provider}.{resource}.{attribute}"))
}

pub(super) fn document(stack: &Stack, resources: &[Observed], outputs: &BTreeMap<String, String>) -> Value {
    let mut blocks: Map<String, Value> = Map::new();
    let mut imports = Vec::new();
    for one in resources.iter().flat_map(of_resource) {
        let mut arguments = compact(one.arguments);
        if let Some(target) = one.target.as_ref().filter(|_| one.kind.starts_with("aws_")) {
            arguments["provider"] = json!(format!("aws.{target}"));
        }
        if let Some(id) = &one.import {
            imports.push(json!({"to": format!("{}.{}", one.kind, one.name), "id": id}));
        }
        let of_kind = blocks.entry(one.kind).or_insert_with(|| json!({}));
        of_kind[one.name] = arguments;
    }
    let (required, providers) = providers(stack, &blocks);
    let outputs: Map<String, Value> =
        outputs.iter().map(|(name, value)| (name.clone(), json!({ "value": value }))).collect();
    let mut document = json!({
        "terraform": {"required_providers": required},
        "provider": providers,
        "resource": blocks,
        "output": outputs,
    });
    if !imports.is_empty() {
        document["import"] = json!(imports);
    }
    super::without_empty(&mut document, &["resource", "output"]);
    interpolated(&document, "$${")
}

/// Which providers the resources need, and how each is set up: what is said nowhere here they take out of the environment.
fn providers(stack: &Stack, blocks: &Map<String, Value>) -> (Value, Value) {
    let (mut required, mut providers) = (json!({}), json!({}));
    let is_used = |prefix: &str| blocks.keys().any(|kind| kind.starts_with(prefix));
    if is_used("aws_") {
        let own = json!({"region": stack.main.region});
        let others = stack.targets.iter().map(|(name, cloud)| json!({"alias": name, "region": cloud.region}));
        required["aws"] = json!({"source": "hashicorp/aws", "version": ">= 5.0"});
        providers["aws"] = [own].into_iter().chain(others).collect();
    }
    if is_used("google_") {
        required["google"] = json!({"source": "hashicorp/google", "version": ">= 6.0"});
        providers["google"] = json!({});
    }
    if is_used("azurerm_") {
        // Version 5 takes a storage account by its id alone, which has the resource group in it.
        required["azurerm"] = json!({"source": "hashicorp/azurerm", "version": "~> 4.0"});
        providers["azurerm"] = json!({"features": {}});
    }
    (required, providers)
}

/// A resource in the provider's words: a bucket is one for each of its settings.
pub(super) fn of_resource(one: &Observed) -> Vec<ProviderResource> {
    let tags = |tags| tag_field(tags, &one.at);
    let there = one.live.as_ref().map(|live| live.id.clone());
    let build = |kind, arguments, import: Option<String>| ProviderResource {
        kind,
        name: one.resource.clone(),
        arguments,
        import,
        target: one.target.clone(),
    };
    match &one.spec {
        Spec::S3Bucket(bucket) => {
            of_bucket(bucket, one).into_iter().map(|(kind, arguments)| build(kind, arguments, there.clone())).collect()
        }
        Spec::SsmParameter(parameter) => {
            let arguments = json!({
                "name": parameter.name,
                "type": parameter.parameter_type,
                "value": parameter.value,
                "description": some(&parameter.description),
                "tags": tags(&parameter.tags),
            });
            vec![build("aws_ssm_parameter", arguments, there)]
        }
        Spec::IamPolicy(policy) => {
            let arguments = json!({
                "name": policy.name,
                "description": some(&policy.description),
                "policy": policy.document(&one.at).to_string(),
                "tags": tags(&policy.tags),
            });
            vec![build("aws_iam_policy", arguments, there)]
        }
        Spec::IamRole(role) => {
            let arguments = json!({
                "name": role.name,
                "description": some(&role.description),
                "assume_role_policy": role.trust.document().to_string(),
                "max_session_duration": role.max_session_seconds,
                "tags": tags(&role.tags),
            });
            let mut all = vec![build("aws_iam_role", arguments, there.clone())];
            let attached = one.live.as_ref().and_then(|live| live.fields.get("policies")).cloned().unwrap_or_default();
            for (index, policy) in role.policies.iter().enumerate() {
                let role_name = format!("{}aws_iam_role.{}.name{}", super::MARKS.0, one.resource, super::MARKS.1);
                let arguments = json!({"role": role_name, "policy_arn": policy});
                let import = there.as_ref().and_then(|role| Some(format!("{role}/{}", attached.get(index)?.as_str()?)));
                let attachment = build("aws_iam_role_policy_attachment", arguments, import);
                all.push(ProviderResource { name: format!("{}_{index}", one.resource), ..attachment });
            }
            all
        }
        Spec::KmsKey(key) => {
            let mut all_tags = key.tags.clone();
            all_tags.insert(crate::kind::RESOURCE_TAG.to_owned(), one.at.resource.clone());
            let arguments = json!({
                "description": some(&key.description),
                "enable_key_rotation": key.rotation,
                "policy": key.document(&one.at).to_string(),
                "tags": tags(&all_tags),
            });
            vec![build("aws_kms_key", arguments, there)]
        }
        Spec::KmsAlias(alias) => {
            vec![build("aws_kms_alias", json!({"name": alias.name, "target_key_id": alias.key}), there)]
        }
        Spec::GcsBucket(bucket) => {
            let import = there.map(|name| format!("{}/{name}", bucket.project));
            vec![build("google_storage_bucket", of_google_bucket(bucket, one), import)]
        }
        Spec::AzureContainer(container) => {
            let access = match container.public_access {
                PublicAccess::None => "private",
                PublicAccess::Blob => "blob",
                PublicAccess::Container => "container",
            };
            let arguments = json!({
                "name": container.name,
                "storage_account_name": container.account,
                "container_access_type": access,
                "metadata": container.all_metadata(&one.at),
            });
            let import =
                there.map(|_| format!("https://{}.blob.core.windows.net/{}", container.account, container.name));
            vec![build("azurerm_storage_container", arguments, import)]
        }
        Spec::LocalFolder(_) | Spec::StoreParameter(_) => Vec::new(),
    }
}

fn of_google_bucket(bucket: &GcsBucket, one: &Observed) -> Value {
    let rules = bucket.lifecycle.iter().map(|rule| {
        let (action, age) = rule.action();
        let condition = json!({
            "age": age,
            "days_since_noncurrent_time": rule.noncurrent_expiration_days,
            "matches_prefix": some(&rule.prefix).map(|prefix| [prefix]),
        });
        json!({"action": {"type": action}, "condition": condition})
    });
    let rules: Vec<Value> = rules.collect();
    json!({
        "project": bucket.project,
        "name": bucket.name,
        "location": bucket.location.to_uppercase(),
        "storage_class": bucket.storage_class,
        "uniform_bucket_level_access": bucket.access.uniform,
        "public_access_prevention": bucket.access.prevention(),
        "versioning": {"enabled": bucket.versioning},
        "retention_policy": bucket.retention_seconds().map(|seconds| json!({"retention_period": seconds})),
        "lifecycle_rule": (!rules.is_empty()).then_some(rules),
        "labels": bucket.all_labels(&one.at),
    })
}

fn of_bucket(bucket: &S3Bucket, one: &Observed) -> Vec<(&'static str, Value)> {
    let name = format!("{}aws_s3_bucket.{}.id{}", super::MARKS.0, one.resource, super::MARKS.1);
    let encryption = &bucket.encryption;
    let block = bucket.public_access_block;
    let mut all = vec![
        (
            "aws_s3_bucket",
            json!({
                "bucket": bucket.name,
                "object_lock_enabled": bucket.object_lock.map(|_| true),
                "tags": tag_field(&bucket.tags, &one.at),
            }),
        ),
        (
            "aws_s3_bucket_public_access_block",
            json!({
                "bucket": name,
                "block_public_acls": block.block_public_acls,
                "block_public_policy": block.block_public_policy,
                "ignore_public_acls": block.ignore_public_acls,
                "restrict_public_buckets": block.restrict_public_buckets,
            }),
        ),
        ("aws_s3_bucket_ownership_controls", json!({"bucket": name, "rule": {"object_ownership": bucket.ownership}})),
        (
            "aws_s3_bucket_server_side_encryption_configuration",
            json!({"bucket": name, "rule": [{
                "apply_server_side_encryption_by_default": {
                    "sse_algorithm": encryption.algorithm, "kms_master_key_id": encryption.key,
                },
                "bucket_key_enabled": encryption.bucket_key,
            }]}),
        ),
    ];
    if bucket.versioning {
        let arguments = json!({"bucket": name, "versioning_configuration": {"status": "Enabled"}});
        all.push(("aws_s3_bucket_versioning", arguments));
    }
    if let Some(lock) = bucket.object_lock.filter(|lock| lock.days.is_some() || lock.years.is_some()) {
        let retention = json!({"mode": lock.mode, "days": lock.days, "years": lock.years});
        let arguments = json!({"bucket": name, "rule": {"default_retention": retention}});
        all.push(("aws_s3_bucket_object_lock_configuration", arguments));
    }
    if let Some(policy) = bucket.policy_document(&one.at) {
        all.push(("aws_s3_bucket_policy", json!({"bucket": name, "policy": policy.to_string()})));
    }
    if !bucket.lifecycle.is_empty() {
        let rules: Vec<Value> = bucket.lifecycle.iter().map(of_rule).collect();
        all.push(("aws_s3_bucket_lifecycle_configuration", json!({"bucket": name, "rule": rules})));
    }
    if let Some(replication) = &bucket.replication {
        let status = |on: bool| if on { "Enabled" } else { "Disabled" };
        let key = replication.key.as_ref();
        let rule = json!({
            "id": "parados",
            "priority": 1,
            "status": "Enabled",
            "filter": {"prefix": replication.prefix},
            "delete_marker_replication": {"status": status(replication.delete_markers)},
            "source_selection_criteria": key.map(|_| json!({"sse_kms_encrypted_objects": {"status": "Enabled"}})),
            "destination": {
                "bucket": replication.destination,
                "encryption_configuration": key.map(|key| json!({"replica_kms_key_id": key})),
            },
        });
        let versioning = format!("aws_s3_bucket_versioning.{}", one.resource);
        let arguments = json!({"bucket": name, "role": replication.role, "rule": [rule], "depends_on": [versioning]});
        all.push(("aws_s3_bucket_replication_configuration", arguments));
    }
    all
}

fn of_rule(rule: &crate::kind::s3_bucket::LifecycleRule) -> Value {
    let expiration = match (rule.expiration_days, rule.expired_delete_markers) {
        (None, false) => Value::Null,
        (days, markers) => json!({"days": days, "expired_object_delete_marker": markers.then_some(true)}),
    };
    json!({
        "id": rule.id,
        "status": if rule.enabled { "Enabled" } else { "Disabled" },
        "filter": {"prefix": rule.prefix},
        "expiration": expiration,
        "noncurrent_version_expiration": rule.noncurrent_expiration_days.map(|days| json!({
            "noncurrent_days": days, "newer_noncurrent_versions": rule.noncurrent_versions_kept,
        })),
        "abort_incomplete_multipart_upload":
            rule.abort_uploads_days.map(|days| json!({"days_after_initiation": days})),
    })
}

fn some(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}
