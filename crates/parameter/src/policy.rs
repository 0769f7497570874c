//! Parameter policies.

use serde::{Deserialize, Serialize};

use crate::invalid::Invalid;

/// Most policies of one parameter.
pub const MAX_POLICIES: usize = 10;
/// Most characters of PutParameter's `Policies`, which is one string.
pub const MAX_POLICIES_CHARS: usize = 4096;

/// What `PolicyStatus` says of a policy that has not acted.
pub const PENDING: &str = "Pending";
/// What `PolicyStatus` says of a policy that has acted.
pub const FINISHED: &str = "Finished";

/// A policy of an advanced parameter: Expiration, ExpirationNotification or NoChangeNotification.
///
/// DescribeParameters returns a list of these; PutParameter wants one string, which [`join`] makes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    /// The policy itself, JSON: `{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":…}}`.
    pub policy_text: String,
    /// Its `Type`.
    pub policy_type: String,
    /// Pending, InProgress, Finished or Failed, as AWS reports it; not part of what a put sends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_status: Option<String>,
}

impl Policy {
    /// Parses PutParameter's `Policies`: a JSON list of policies. `{}` and `[]` are none.
    ///
    /// # Errors
    /// [`Invalid`] when it is not JSON, not a list of objects with a known `Type`, too long or too many.
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Invalid> {
        let invalid = |rule: String| Invalid::new("policies", text, rule);
        if text.is_empty() || text.chars().count() > MAX_POLICIES_CHARS {
            return Err(invalid("they have 1 to 4096 characters".into()));
        }
        let json: serde_json::Value =
            serde_json::from_str(text).map_err(|error| invalid(format!("not JSON: {error}")))?;
        let list = match &json {
            serde_json::Value::Array(list) => list.as_slice(),
            serde_json::Value::Object(object) if object.is_empty() => &[],
            _ => return Err(invalid("write a JSON list of policies".into())),
        };
        if list.len() > MAX_POLICIES {
            return Err(invalid("at most 10 policies".into()));
        }
        list.iter().map(|policy| Self::from_json(policy).map_err(invalid)).collect()
    }

    fn from_json(policy: &serde_json::Value) -> Result<Self, String> {
        const TYPES: [&str; 3] = ["Expiration", "ExpirationNotification", "NoChangeNotification"];
        let policy_type = policy["Type"].as_str().ok_or("a policy has a \"Type\"")?;
        if !TYPES.contains(&policy_type) {
            return Err(format!("the type {policy_type:?} is not one of {}", TYPES.join(", ")));
        }
        if !policy["Attributes"].is_object() {
            return Err("a policy has \"Attributes\"".into());
        }
        // One text for one policy, however its members were ordered and whatever else the program is built with.
        let mut text = policy.clone();
        text.sort_all_objects();
        Ok(Self { policy_text: text.to_string(), policy_type: policy_type.into(), policy_status: None })
    }
}

/// Whether two lists have the same policies, whatever became of them.
pub fn are_same(policies: &[Policy], others: &[Policy]) -> bool {
    policies.iter().map(|policy| &policy.policy_text).eq(others.iter().map(|policy| &policy.policy_text))
}

/// PutParameter's `Policies` for `policies`: a JSON list in one string; nothing where there are none.
pub fn join(policies: &[Policy]) -> Option<String> {
    let texts: Vec<&str> = policies.iter().map(|policy| policy.policy_text.as_str()).collect();
    (!texts.is_empty()).then(|| format!("[{}]", texts.join(",")))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPIRES: &str =
        r#"[{"Attributes":{"Timestamp":"2030-01-01T00:00:00Z"},"Type":"Expiration","Version":"1.0"}]"#;

    #[test]
    fn a_policy_has_one_text_however_its_members_are_ordered() {
        let other = r#"[{"Version":"1.0", "Type":"Expiration","Attributes":{"Timestamp":"2030-01-01T00:00:00Z"}}]"#;
        assert_eq!(Policy::parse_list(other), Policy::parse_list(EXPIRES));
        assert_eq!(join(&Policy::parse_list(other).unwrap()).unwrap(), EXPIRES);
    }

    #[test]
    fn what_a_put_sends_reads_back_as_a_list() {
        let policies = Policy::parse_list(EXPIRES).unwrap();
        assert_eq!(policies[0].policy_type, "Expiration");
        assert_eq!(join(&policies).unwrap(), EXPIRES);
        assert_eq!(join(&[]), None);
        assert!(Policy::parse_list("{}").unwrap().is_empty());
    }

    #[test]
    fn refuses() {
        for text in ["", "x", "{\"a\":1}", r#"[{"Type":"Other","Attributes":{}}]"#, r#"[{"Type":"Expiration"}]"#] {
            Policy::parse_list(text).unwrap_err();
        }
    }
}
