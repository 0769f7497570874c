//! The rules by which S3 removes objects.

use aws_sdk_s3::error::BuildError;
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, ExpirationStatus, LifecycleExpiration, LifecycleRule as SdkRule,
    LifecycleRuleFilter, NoncurrentVersionExpiration,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A rule by which S3 removes objects.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LifecycleRule {
    /// What it is called.
    pub id: String,
    /// Whether it is in force. By default it is.
    #[serde(default = "super::yes")]
    pub enabled: bool,
    /// Of which keys: those that begin with this. By default of all.
    #[serde(default)]
    pub prefix: String,
    /// After how many days an object is removed; in a bucket with versions it becomes a noncurrent one.
    #[serde(default)]
    pub expiration_days: Option<i32>,
    /// Whether a marker of a deletion is removed when no version is left under it. Not together with `expiration_days`.
    #[serde(default)]
    pub expired_delete_markers: bool,
    /// After how many days a noncurrent version is removed.
    #[serde(default)]
    pub noncurrent_expiration_days: Option<i32>,
    /// How many of the newest noncurrent versions stay all the same.
    #[serde(default)]
    pub noncurrent_versions_kept: Option<i32>,
    /// After how many days an upload that was begun and not completed is given up.
    #[serde(default)]
    pub abort_uploads_days: Option<i32>,
}

impl LifecycleRule {
    pub(super) fn to_sdk(&self) -> Result<SdkRule, BuildError> {
        let status = match self.enabled {
            true => ExpirationStatus::Enabled,
            false => ExpirationStatus::Disabled,
        };
        let markers = self.expired_delete_markers.then_some(true);
        let expiration = (self.expiration_days.is_some() || markers.is_some()).then(|| {
            LifecycleExpiration::builder()
                .set_days(self.expiration_days)
                .set_expired_object_delete_marker(markers)
                .build()
        });
        let noncurrent = self.noncurrent_expiration_days.map(|days| {
            NoncurrentVersionExpiration::builder()
                .noncurrent_days(days)
                .set_newer_noncurrent_versions(self.noncurrent_versions_kept)
                .build()
        });
        let uploads = self
            .abort_uploads_days
            .map(|days| AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build());
        SdkRule::builder()
            .id(&self.id)
            .status(status)
            .filter(LifecycleRuleFilter::builder().prefix(&self.prefix).build())
            .set_expiration(expiration)
            .set_noncurrent_version_expiration(noncurrent)
            .set_abort_incomplete_multipart_upload(uploads)
            .build()
    }
}

/// A rule as it is. What a declaration cannot say of one is named under `other`, so that it is seen as a difference.
pub(super) fn observed(rule: &SdkRule) -> Value {
    let filter = rule.filter.as_ref();
    let expiration = rule.expiration.as_ref();
    let noncurrent = rule.noncurrent_version_expiration.as_ref();
    #[expect(deprecated, reason = "a rule that somebody made long ago has its prefix here")]
    let prefix = filter.and_then(|one| one.prefix.clone()).or_else(|| rule.prefix.clone()).unwrap_or_default();
    let has_other_filter = filter.is_some_and(|one| {
        one.tag.is_some()
            || one.and.is_some()
            || one.object_size_greater_than.is_some()
            || one.object_size_less_than.is_some()
    });
    let other: Vec<&str> = [
        (has_other_filter, "a filter by more than a prefix"),
        (rule.transitions.as_ref().is_some_and(|list| !list.is_empty()), "transitions"),
        (
            rule.noncurrent_version_transitions.as_ref().is_some_and(|list| !list.is_empty()),
            "transitions of noncurrent versions",
        ),
        (expiration.is_some_and(|one| one.date.is_some()), "an expiration at a date"),
    ]
    .into_iter()
    .filter_map(|(there, what)| there.then_some(what))
    .collect();
    // moto gives a 0 for what is absent.
    let positive = |number: Option<i32>| number.filter(|number| *number > 0);
    let mut value = json!(LifecycleRule {
        id: rule.id.clone().unwrap_or_default(),
        enabled: rule.status == ExpirationStatus::Enabled,
        prefix,
        expiration_days: positive(expiration.and_then(|one| one.days)),
        expired_delete_markers: expiration.and_then(|one| one.expired_object_delete_marker).unwrap_or_default(),
        noncurrent_expiration_days: positive(noncurrent.and_then(|one| one.noncurrent_days)),
        noncurrent_versions_kept: positive(noncurrent.and_then(|one| one.newer_noncurrent_versions)),
        abort_uploads_days: rule.abort_incomplete_multipart_upload.as_ref().and_then(|one| one.days_after_initiation),
    });
    if !other.is_empty() {
        value["other"] = json!(other);
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_read_as_it_was_written() {
        let rule = LifecycleRule {
            id: "delete-old-backups".into(),
            enabled: true,
            prefix: "20".into(),
            expiration_days: Some(30),
            expired_delete_markers: false,
            noncurrent_expiration_days: Some(7),
            noncurrent_versions_kept: None,
            abort_uploads_days: Some(1),
        };
        assert_eq!(observed(&rule.to_sdk().unwrap()), json!(rule));
        let markers = LifecycleRule { expiration_days: None, expired_delete_markers: true, enabled: false, ..rule };
        assert_eq!(observed(&markers.to_sdk().unwrap()), json!(markers));
    }
}
