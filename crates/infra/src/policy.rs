//! Checks of what is declared, before anything is done. Each has an id, and a resource is excused from it by a waiver that says why.

mod bucket;
mod object_storage;
mod permission;

use jiff::civil::Date;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::declaration::Waiver;
use crate::kind::Spec;
use crate::stack::{Observation, Observed, Stack};

/// A check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Check {
    /// What waivers call it.
    pub id: &'static str,
    /// What it asks for.
    pub rule: &'static str,
}

/// Every check.
pub const CHECKS: &[Check] = &[
    Check { id: "S3-NAME", rule: "a bucket's name is one that S3 takes, and matches `bucket_names`" },
    Check { id: "S3-PUBLIC-ACCESS", rule: "a bucket blocks public access in all four ways" },
    Check { id: "S3-PUBLIC-POLICY", rule: "a bucket's policy lets nobody in who is anybody" },
    Check { id: "S3-TLS", rule: "a bucket denies what comes without TLS" },
    Check { id: "S3-ENCRYPTION", rule: "a bucket denies uploads that do not ask for its encryption" },
    Check { id: "S3-VERSIONING", rule: "a bucket keeps versions" },
    Check { id: "S3-RETENTION", rule: "no rule removes objects before `minimum_retention_days`" },
    Check { id: "S3-LIFECYCLE", rule: "the rules of a bucket are ones that S3 takes" },
    Check { id: "S3-REPOSITORY", rule: "no rule removes what makes a bucket a repository: an expiration has a prefix" },
    Check {
        id: "GS-PUBLIC-ACCESS",
        rule: "nobody can be let into a bucket of Google's who is anybody, and IAM alone decides",
    },
    Check { id: "GS-VERSIONING", rule: "a bucket of Google's keeps older generations" },
    Check { id: "AZ-PUBLIC-ACCESS", rule: "a container of Azure's is read by nobody who is anybody" },
    Check { id: "IAM-WILDCARD", rule: "a policy does not allow everything" },
    Check { id: "IAM-TRUST", rule: "a role trusts somebody in particular" },
    Check { id: "IAM-SEPARATION", rule: "what backs up may not prune: each has a policy of its own" },
    Check { id: "KMS-ROTATION", rule: "a key is rotated" },
    Check { id: "FOLDER-MODE", rule: "a folder is for its owner alone" },
    Check { id: "WAIVER", rule: "a waiver names a check, says why, and is not over" },
];

/// How the checks are set.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CheckSettings {
    /// For how many days at least objects have to stay before a rule removes them. By default 7.
    pub minimum_retention_days: Option<i32>,
    /// What names of buckets have to match: a glob, as `jenkins-*`.
    pub bucket_names: Option<String>,
}

/// What a check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Finding {
    /// The id of the check.
    pub check: String,
    /// The resource.
    pub resource: String,
    /// What is wrong.
    pub message: String,
    /// Why it does not count, where it is waived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiver: Option<String>,
}

/// What is wrong, by the id of the check.
type Found = Vec<(&'static str, String)>;

/// Checks what is declared. `today` decides which waivers are over.
pub fn check(stack: &Stack, observation: &Observation, today: Date) -> Vec<Finding> {
    let settings = &stack.declaration.checks;
    let findings = observation.resources.iter().flat_map(|one| {
        let waivers = &stack.declared(&one.resource).waivers;
        let found = of_resource(one, settings).into_iter().chain(of_waivers(waivers, today));
        found.map(|(check, message)| {
            let waiver = waivers.iter().find(|waiver| waiver.check == check && !is_over(waiver, today));
            Finding {
                check: check.to_owned(),
                resource: one.resource.clone(),
                message,
                waiver: waiver.map(|waiver| waiver.reason.clone()),
            }
        })
    });
    findings.collect()
}

fn of_resource(one: &Observed, settings: &CheckSettings) -> Found {
    match &one.spec {
        Spec::S3Bucket(bucket) => bucket::check(bucket, settings),
        Spec::IamPolicy(policy) => permission::check_policy(policy, &one.at),
        Spec::IamRole(role) => permission::check_role(role),
        Spec::GcsBucket(bucket) => object_storage::check_gcs(bucket),
        Spec::AzureContainer(container) => object_storage::check_azure(container),
        Spec::KmsKey(key) if !key.rotation => vec![("KMS-ROTATION", "its key material is never made anew".to_owned())],
        Spec::LocalFolder(folder) if !folder.mode.ends_with("00") => {
            vec![("FOLDER-MODE", format!("the mode {} lets others in", folder.mode))]
        }
        _ => Found::new(),
    }
}

fn of_waivers(waivers: &[Waiver], today: Date) -> Found {
    let wrong = waivers.iter().filter_map(|waiver| match () {
        () if !CHECKS.iter().any(|check| check.id == waiver.check) => {
            Some(format!("there is no check {}", waiver.check))
        }
        () if waiver.reason.trim().is_empty() => Some(format!("the waiver of {} does not say why", waiver.check)),
        () => match &waiver.until {
            Some(until) if until.parse::<Date>().is_err() => Some(format!("`{until}` is no day; write YYYY-MM-DD")),
            Some(until) if is_over(waiver, today) => Some(format!("the waiver of {} was until {until}", waiver.check)),
            _ => None,
        },
    });
    wrong.map(|message| ("WAIVER", message)).collect()
}

fn is_over(waiver: &Waiver, today: Date) -> bool {
    let until = waiver.until.as_ref().map(|until| until.parse::<Date>());
    until.is_some_and(|until| until.map_or(true, |until| until < today))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiver_has_to_say_what_why_and_until_when() {
        let today = "2026-03-01".parse().unwrap();
        let waiver = |check: &str, reason: &str, until: Option<&str>| Waiver {
            check: check.into(),
            reason: reason.into(),
            until: until.map(str::to_owned),
        };
        assert_eq!(of_waivers(&[waiver("S3-TLS", "old clients", Some("2026-03-01"))], today), []);
        for (waiver, word) in [
            (waiver("S3-TLX", "x", None), "no check"),
            (waiver("S3-TLS", " ", None), "why"),
            (waiver("S3-TLS", "x", Some("soon")), "YYYY"),
            (waiver("S3-TLS", "x", Some("2026-02-28")), "was until"),
        ] {
            let found = of_waivers(&[waiver], today);
            assert!(found.len() == 1 && found[0].1.contains(word), "{found:?}");
        }
    }

    #[test]
    fn every_check_has_one_id() {
        let mut ids: Vec<_> = CHECKS.iter().map(|check| check.id).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), CHECKS.len());
    }
}
