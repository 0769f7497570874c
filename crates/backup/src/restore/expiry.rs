//! When a parameter's policies delete it.

use jiff::{SignedDuration, Timestamp};
use parados_parameter::Policy;
use serde_json::Value;

/// How long before it happens an expiration is warned of.
const SOON: SignedDuration = SignedDuration::from_hours(30 * 24);

/// When the first of these expires the parameter.
pub(super) fn expires_at(policies: &[Policy]) -> Option<Timestamp> {
    policies.iter().filter_map(expiration).min()
}

/// These without what is past, and without the notifications of it; nothing where nothing is past.
pub(super) fn without_expired(policies: &[Policy], now: Timestamp) -> Option<Vec<Policy>> {
    let is_past = expires_at(policies).is_some_and(|at| at <= now);
    let stays = |policy: &&Policy| !["Expiration", "ExpirationNotification"].contains(&policy.policy_type.as_str());
    is_past.then(|| policies.iter().filter(stays).cloned().collect())
}

/// Whether it is worth a warning that something expires `at`.
pub(super) fn is_soon(at: Timestamp, now: Timestamp) -> bool {
    at.duration_since(now) <= SOON
}

fn expiration(policy: &Policy) -> Option<Timestamp> {
    let json: Value = serde_json::from_str(&policy.policy_text).ok()?;
    let at = (policy.policy_type == "Expiration").then(|| json["Attributes"]["Timestamp"].as_str())??;
    at.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_expiration_goes_with_its_notifications_and_leaves_the_rest() {
        let policies = Policy::parse_list(
            r#"[{"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-01-01T00:00:00.000Z"}},
                {"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":"2","Unit":"Days"}},
                {"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"2","Unit":"Days"}}]"#,
        )
        .unwrap();
        assert_eq!(expires_at(&policies), Some(at("2030-01-01T00:00:00Z")));
        assert_eq!(without_expired(&policies, at("2029-12-31T23:59:59Z")), None);
        assert_eq!(without_expired(&policies, at("2030-01-01T00:00:00Z")), Some(vec![policies[2].clone()]));
        assert_eq!(expires_at(&policies[1..]), None);
        assert!(is_soon(at("2030-01-01T00:00:00Z"), at("2029-12-15T00:00:00Z")));
        assert!(!is_soon(at("2030-01-01T00:00:00Z"), at("2029-11-15T00:00:00Z")));
    }
}
