//! Checks of buckets.

use std::collections::BTreeSet;

use globset::Glob;
use serde_json::Value;

use super::{CheckSettings, Found};
use crate::kind::s3_bucket::{LifecycleRule, S3Bucket};

const MINIMUM_RETENTION_DAYS: i32 = 7;

pub(super) fn check(bucket: &S3Bucket, settings: &CheckSettings) -> Found {
    let mut found = Found::new();
    let mut expect = |holds: bool, check, message: &str| {
        if !holds {
            found.push((check, message.to_owned()));
        }
    };
    let block = bucket.public_access_block;
    let is_blocked = block.block_public_acls
        && block.block_public_policy
        && block.ignore_public_acls
        && block.restrict_public_buckets;
    expect(is_blocked, "S3-PUBLIC-ACCESS", "`public_access_block` leaves a way to make it public");
    let policy = bucket.policy.clone().unwrap_or_default();
    expect(policy.require_tls, "S3-TLS", "`policy.require_tls` is not on");
    expect(policy.require_encryption, "S3-ENCRYPTION", "`policy.require_encryption` is not on");
    let is_public = policy.statements.iter().any(lets_anybody_in);
    expect(!is_public, "S3-PUBLIC-POLICY", "a statement allows something to everybody, without a condition");
    expect(bucket.versioning, "S3-VERSIONING", "`versioning` is not on: what is overwritten is lost");
    let can_replicate = bucket.replication.is_none() || bucket.versioning;
    expect(can_replicate, "S3-LIFECYCLE", "`replication` needs `versioning`");
    found.extend(name(&bucket.name, settings));
    found.extend(bucket.lifecycle.iter().flat_map(|rule| of_rule(rule, settings)));
    let ids: BTreeSet<&str> = bucket.lifecycle.iter().map(|rule| rule.id.as_str()).collect();
    if ids.len() < bucket.lifecycle.len() {
        found.push(("S3-LIFECYCLE", "two rules have the same id".to_owned()));
    }
    found
}

fn lets_anybody_in(statement: &Value) -> bool {
    let is_anybody = |principal: &Value| {
        let all =
            |value: &Value| value == "*" || value.as_array().is_some_and(|list| list.iter().any(|one| one == "*"));
        all(principal) || principal.get("AWS").is_some_and(all)
    };
    statement["Effect"] == "Allow"
        && (is_anybody(&statement["Principal"]) || statement.get("NotPrincipal").is_some())
        && statement.get("Condition").is_none()
}

/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html>
fn name(name: &str, settings: &CheckSettings) -> Found {
    let mut found = Found::new();
    let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let is_name = (3..=63).contains(&name.len())
        && name.chars().all(|c| is_edge(c) || c == '-' || c == '.')
        && name.starts_with(is_edge)
        && name.ends_with(is_edge)
        && !name.contains("..");
    if !is_name {
        let rule = "S3 takes 3 to 63 lower-case letters, digits, `-` and `.`, a letter or digit first and last";
        found.push(("S3-NAME", format!("`{name}` has {} characters; {rule}", name.len())));
    }
    if let Some(pattern) = &settings.bucket_names
        && !Glob::new(pattern).is_ok_and(|glob| glob.compile_matcher().is_match(name))
    {
        found.push(("S3-NAME", format!("`{name}` does not match `{pattern}`")));
    }
    found
}

fn of_rule(rule: &LifecycleRule, settings: &CheckSettings) -> Found {
    let mut found = Found::new();
    let minimum = settings.minimum_retention_days.unwrap_or(MINIMUM_RETENTION_DAYS);
    let id = &rule.id;
    if rule.enabled && rule.expiration_days.is_some_and(|days| days < minimum) {
        found.push(("S3-RETENTION", format!("the rule {id} removes objects before {minimum} days")));
    }
    if rule.enabled && rule.expiration_days.is_some() && rule.prefix.is_empty() {
        let message =
            format!("the rule {id} removes every object, manifests and parados.json too; give it `prefix: \"20\"`");
        found.push(("S3-REPOSITORY", message));
    }
    if rule.expiration_days.is_some() && rule.expired_delete_markers {
        let message =
            format!("the rule {id} has `expiration_days` and `expired_delete_markers`; S3 wants two rules for that");
        found.push(("S3-LIFECYCLE", message));
    }
    let days = [rule.expiration_days, rule.noncurrent_expiration_days, rule.abort_uploads_days];
    if days.iter().flatten().any(|days| *days < 1) {
        found.push(("S3-LIFECYCLE", format!("the rule {id} has days below 1")));
    }
    if days.iter().all(Option::is_none) && !rule.expired_delete_markers {
        found.push(("S3-LIFECYCLE", format!("the rule {id} does nothing")));
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn checks(over: Value) -> Vec<&'static str> {
        let mut bucket = json!({
            "name": "jenkins-backup",
            "versioning": true,
            "policy": {"require_tls": true, "require_encryption": true},
            "lifecycle": [{"id": "old", "prefix": "20", "expiration_days": 30}],
        });
        for (key, value) in over.as_object().unwrap() {
            bucket[key] = value.clone();
        }
        let settings = CheckSettings { bucket_names: Some("jenkins-*".into()), ..CheckSettings::default() };
        check(&serde_json::from_value(bucket).unwrap(), &settings).into_iter().map(|(check, _)| check).collect()
    }

    #[test]
    fn each_check_finds_what_it_is_for() {
        assert_eq!(checks(json!({})), Vec::<&str>::new());
        assert_eq!(checks(json!({"public_access_block": {"block_public_acls": false}})), ["S3-PUBLIC-ACCESS"]);
        assert_eq!(checks(json!({"policy": {"require_encryption": true}})), ["S3-TLS"]);
        assert_eq!(checks(json!({"policy": {"require_tls": true}})), ["S3-ENCRYPTION"]);
        let open = json!([{"Effect": "Allow", "Principal": {"AWS": ["*"]}, "Action": "s3:*", "Resource": "*"}]);
        let policy = json!({"require_tls": true, "require_encryption": true, "statements": open});
        assert_eq!(checks(json!({ "policy": policy })), ["S3-PUBLIC-POLICY"]);
        assert_eq!(checks(json!({"versioning": false})), ["S3-VERSIONING"]);
        assert_eq!(checks(json!({"name": "jenkins-Backup"})), ["S3-NAME"]);
        assert_eq!(checks(json!({"name": "other-backup"})), ["S3-NAME"]);
        let rule = |over: Value| {
            let mut rule = json!({"id": "r", "prefix": "20", "expiration_days": 30});
            for (key, value) in over.as_object().unwrap() {
                rule[key] = value.clone();
            }
            checks(json!({"lifecycle": [rule]}))
        };
        assert_eq!(rule(json!({"expiration_days": 1})), ["S3-RETENTION"]);
        assert_eq!(rule(json!({"prefix": ""})), ["S3-REPOSITORY"]);
        assert_eq!(rule(json!({"expired_delete_markers": true})), ["S3-LIFECYCLE"]);
        assert_eq!(rule(json!({"expiration_days": null})), ["S3-LIFECYCLE"]);
    }
}
