//! Pulumi: a program in its YAML language, <https://www.pulumi.com/docs/iac/languages-sdks/yaml/>, for version 7 of its provider aws,
//! 9 of gcp and 6 of azure. Those providers are made from Terraform's, so their words follow from those: camel case, and a list of blocks has a plural.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{camel, compact, interpolated, terraform};
use crate::kind::KindName;
use crate::stack::{Observed, Stack};

/// Arguments whose own keys are no words of the provider.
const VERBATIM: [&str; 3] = ["tags", "labels", "metadata"];

/// The provider's types, by Terraform's.
const TYPES: [(&str, &str); 17] = [
    ("aws_s3_bucket", "aws:s3:Bucket"),
    ("aws_s3_bucket_public_access_block", "aws:s3:BucketPublicAccessBlock"),
    ("aws_s3_bucket_ownership_controls", "aws:s3:BucketOwnershipControls"),
    ("aws_s3_bucket_server_side_encryption_configuration", "aws:s3:BucketServerSideEncryptionConfiguration"),
    ("aws_s3_bucket_versioning", "aws:s3:BucketVersioning"),
    ("aws_s3_bucket_object_lock_configuration", "aws:s3:BucketObjectLockConfiguration"),
    ("aws_s3_bucket_policy", "aws:s3:BucketPolicy"),
    ("aws_s3_bucket_lifecycle_configuration", "aws:s3:BucketLifecycleConfiguration"),
    ("aws_s3_bucket_replication_configuration", "aws:s3:BucketReplicationConfig"),
    ("aws_ssm_parameter", "aws:ssm:Parameter"),
    ("aws_iam_policy", "aws:iam:Policy"),
    ("aws_iam_role", "aws:iam:Role"),
    ("aws_iam_role_policy_attachment", "aws:iam:RolePolicyAttachment"),
    ("aws_kms_key", "aws:kms:Key"),
    ("aws_kms_alias", "aws:kms:Alias"),
    ("google_storage_bucket", "gcp:storage:Bucket"),
    ("azurerm_storage_container", "azure:storage:Container"),
];

pub(super) fn reference(kind: KindName, resource: &str, output: &str) -> Option<String> {
    let of_terraform = terraform::reference(kind, resource, output)?;
    Some(reworded(&of_terraform))
}

/// `aws_s3_bucket.bucket.key_id` as `bucket.keyId`.
fn reworded(reference: &str) -> String {
    match reference.split('.').collect::<Vec<_>>().as_slice() {
        [kind, resource, attribute] => format!("{}.{}", name(kind, resource), lower_camel(attribute)),
        _ => reference.to_owned(),
    }
}

pub(super) fn document(stack: &Stack, resources: &[Observed], outputs: &BTreeMap<String, String>) -> Value {
    let mut all = Map::new();
    let resources: Vec<_> = resources.iter().flat_map(terraform::of_resource).collect();
    let has_aws = resources.iter().any(|one| one.kind.starts_with("aws_"));
    for target in stack.targets.keys().filter(|_| has_aws) {
        let properties = json!({"region": stack.targets[target].region});
        all.insert(format!("provider_{target}"), json!({"type": "pulumi:providers:aws", "properties": properties}));
    }
    for one in resources {
        let mut arguments = one.arguments;
        let depends_on = arguments.as_object_mut().and_then(|entries| entries.remove("depends_on"));
        let depends_on = depends_on.as_ref().and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let depends_on: Vec<String> = depends_on
            .filter_map(|text| text.split_once('.'))
            .map(|(kind, resource)| marked(&name(kind, resource)))
            .collect();
        let target = one.target.as_ref().filter(|_| one.kind.starts_with("aws_"));
        let provider = target.map(|target| marked(&format!("provider_{target}")));
        let options = compact(json!({
            "provider": provider,
            "import": one.import,
            "dependsOn": (!depends_on.is_empty()).then_some(depends_on),
        }));
        let kind = TYPES.iter().find(|(of_terraform, _)| *of_terraform == one.kind).map(|(_, kind)| *kind);
        let mut resource = json!({"type": kind, "properties": words(&compact(arguments))});
        if options.as_object().is_some_and(|options| !options.is_empty()) {
            resource["options"] = options;
        }
        all.insert(name(one.kind, &one.name), resource);
    }
    let mut document = json!({
        "name": stack.project,
        "runtime": "yaml",
        "resources": all,
        "outputs": outputs,
    });
    if has_aws {
        document["config"] = json!({"aws:region": {"type": "string", "default": stack.main.region}});
    }
    interpolated(&document, "$${")
}

fn marked(text: &str) -> String {
    format!("{}{text}{}", super::MARKS.0, super::MARKS.1)
}

/// What the program calls a resource: a bucket's settings have names of their own.
fn name(kind: &str, resource: &str) -> String {
    match kind.strip_prefix("aws_s3_bucket_") {
        Some(setting) => format!("{resource}_{setting}"),
        None => resource.to_owned(),
    }
}

/// Arguments in the provider's words.
fn words(value: &Value) -> Value {
    match value {
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| match value {
                _ if VERBATIM.contains(&key.as_str()) => (key.clone(), value.clone()),
                Value::Array(items) => (plural(&lower_camel(key)), items.iter().map(words).collect()),
                value => (lower_camel(key), words(value)),
            });
            Value::Object(entries.collect())
        }
        Value::String(text) => Value::String(referred(text)),
        other => other.clone(),
    }
}

fn plural(name: &str) -> String {
    let ending = if name.ends_with('x') { "es" } else { "s" };
    format!("{name}{ending}")
}

/// References that were written in Terraform's words on the way.
fn referred(text: &str) -> String {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(super::MARKS.0) {
        let (reference, after) = after.split_once(super::MARKS.1).unwrap_or((after, ""));
        let reference = if TYPES.iter().any(|(kind, _)| reference.split('.').next() == Some(kind)) {
            reworded(reference)
        } else {
            reference.to_owned()
        };
        done.push_str(before);
        done.push_str(&marked(&reference));
        rest = after;
    }
    done + rest
}

fn lower_camel(name: &str) -> String {
    let text = camel(name);
    let mut letters = text.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().collect::<String>() + letters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_follow_from_terraform_s() {
        let bucket = marked("aws_s3_bucket.b.id");
        let value = json!({"bucket": bucket, "rule": [{"expired_object": {"a_b": 1}}], "tags": {"a_b": "c"}});
        let expected = json!({"bucket": marked("b.id"), "rules": [{"expiredObject": {"aB": 1}}], "tags": {"a_b": "c"}});
        assert_eq!(words(&value), expected);
        assert_eq!(reworded("aws_kms_key.key.key_id"), "key.keyId");
    }
}
