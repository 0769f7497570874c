//! When a parameter's policies act.

use jiff::{SignedDuration, Timestamp};
use parados_parameter::Policy;
use serde_json::Value;

use crate::change::ChangeKind;

/// A moment at which a policy acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    /// Which of the parameter's policies, from 0.
    pub(crate) position: usize,
    /// What happens then.
    pub(crate) kind: ChangeKind,
    /// When.
    pub(crate) at: Timestamp,
}

impl Due {
    /// Whether a further version moves it though the policies stay as they are.
    pub(crate) fn moves_with_the_version(&self) -> bool {
        self.kind == ChangeKind::NoChangeNotification
    }
}

/// When `policies` of a version that was put at `modified` act. One that does not say when never does.
///
/// The attributes are those of AWS's user guide, "Assigning parameter policies"; a day has 24 hours.
pub(crate) fn due(policies: &[Policy], modified: Timestamp) -> Vec<Due> {
    let parsed: Vec<Value> =
        policies.iter().map(|policy| serde_json::from_str(&policy.policy_text).unwrap_or_default()).collect();
    let of_type = |value: &Value, name: &str| value["Type"].as_str() == Some(name);
    let expiration =
        |value: &Value| -> Option<Timestamp> { value["Attributes"]["Timestamp"].as_str()?.trim().parse().ok() };
    let expires = parsed.iter().find(|value| of_type(value, "Expiration")).and_then(expiration);
    let act = |(position, value): (usize, &Value)| {
        let attributes = &value["Attributes"];
        let (kind, at) = match value["Type"].as_str()? {
            "Expiration" => (ChangeKind::Expiration, expiration(value)?),
            "ExpirationNotification" => {
                let before = span(&attributes["Before"], &attributes["Unit"])?;
                (ChangeKind::ExpirationNotification, expires?.checked_sub(before).ok()?)
            }
            "NoChangeNotification" => {
                let after = span(&attributes["After"], &attributes["Unit"])?;
                (ChangeKind::NoChangeNotification, modified.checked_add(after).ok()?)
            }
            _ => return None,
        };
        Some(Due { position, kind, at })
    };
    parsed.iter().enumerate().filter_map(act).collect()
}

fn span(number: &Value, unit: &Value) -> Option<SignedDuration> {
    let number = match number {
        Value::String(text) => text.trim().parse().ok()?,
        other => other.as_i64()?,
    };
    let hours = match unit.as_str()? {
        "Days" => 24,
        "Hours" => 1,
        _ => return None,
    };
    let hours = i64::checked_mul(number, hours)?;
    (hours.unsigned_abs() < 1_000_000).then(|| SignedDuration::from_hours(hours))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moments(policies: &str) -> Vec<(usize, ChangeKind, String)> {
        let policies = Policy::parse_list(policies).unwrap();
        let modified = "2030-01-01T00:00:00Z".parse().unwrap();
        due(&policies, modified).into_iter().map(|due| (due.position, due.kind, due.at.to_string())).collect()
    }

    #[test]
    fn each_policy_acts_at_the_moment_that_it_names() {
        let found = moments(
            r#"[{"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":"15","Unit":"Days"}},
                {"Type":"Expiration","Version":"1.0","Attributes":{"Timestamp":"2030-03-01T00:00:00.000Z"}},
                {"Type":"ExpirationNotification","Version":"1.0","Attributes":{"Before":2,"Unit":"Hours"}},
                {"Type":"NoChangeNotification","Version":"1.0","Attributes":{"After":"20","Unit":"Days"}}]"#,
        );
        let expected = [
            (0, ChangeKind::ExpirationNotification, "2030-02-14T00:00:00Z"),
            (1, ChangeKind::Expiration, "2030-03-01T00:00:00Z"),
            (2, ChangeKind::ExpirationNotification, "2030-02-28T22:00:00Z"),
            (3, ChangeKind::NoChangeNotification, "2030-01-21T00:00:00Z"),
        ];
        assert_eq!(found, expected.map(|(position, kind, at)| (position, kind, at.to_owned())));
    }

    #[test]
    fn a_policy_that_does_not_say_when_never_acts() {
        let found = moments(
            r#"[{"Type":"Expiration","Attributes":{"Timestamp":"soon"}},
                {"Type":"ExpirationNotification","Attributes":{"Before":"15","Unit":"Days"}},
                {"Type":"NoChangeNotification","Attributes":{"After":"20","Unit":"Moons"}},
                {"Type":"NoChangeNotification","Attributes":{"After":"999999999999","Unit":"Days"}}]"#,
        );
        assert_eq!(found, []);
    }
}
