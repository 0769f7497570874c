//! Checks of policies and roles.

use serde_json::Value;

use super::Found;
use crate::kind::At;
use crate::kind::iam_policy::IamPolicy;
use crate::kind::iam_role::IamRole;

pub(super) fn check_policy(policy: &IamPolicy, at: &At) -> Found {
    let mut found = Found::new();
    let document = policy.document(at);
    let statements = document["Statement"].as_array().cloned().unwrap_or_default();
    if statements.is_empty() {
        found.push(("IAM-WILDCARD", "it allows nothing, which IAM does not take".to_owned()));
    }
    if statements.iter().any(allows_everything) {
        found.push(("IAM-WILDCARD", "a statement allows every action on every resource".to_owned()));
    }
    if policy.for_backup.is_some() && policy.for_prune.is_some() {
        found.push(("IAM-SEPARATION", "it is for backups and for pruning".to_owned()));
    }
    found
}

pub(super) fn check_role(role: &IamRole) -> Found {
    let document = role.trust.document();
    let statements = document["Statement"].as_array().cloned().unwrap_or_default();
    let trusts_anybody = |statement: &Value| {
        let principal = &statement["Principal"];
        (principal == "*" || principal["AWS"] == "*") && statement.get("Condition").is_none()
    };
    match () {
        () if statements.is_empty() => vec![("IAM-TRUST", "`trust` names nobody".to_owned())],
        () if statements.iter().any(trusts_anybody) => vec![("IAM-TRUST", "anybody may assume it".to_owned())],
        () => Found::new(),
    }
}

fn allows_everything(statement: &Value) -> bool {
    statement["Effect"] == "Allow" && statement["Action"] == "*" && statement["Resource"] == "*"
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_check_finds_what_it_is_for() {
        let at = At {
            owner: "a/b".into(),
            resource: "p".into(),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            partition: "aws".into(),
        };
        let of_policy = |policy: Value| {
            let policy = serde_json::from_value(policy).unwrap();
            check_policy(&policy, &at).into_iter().map(|(check, _)| check).collect::<Vec<_>>()
        };
        let grant = json!({"bucket": "arn:aws:s3:::b"});
        assert_eq!(of_policy(json!({"name": "p", "for_backup": grant})), Vec::<&str>::new());
        assert_eq!(of_policy(json!({"name": "p", "for_backup": grant, "for_prune": grant})), ["IAM-SEPARATION"]);
        let all = json!([{"Effect": "Allow", "Action": ["*"], "Resource": "*"}]);
        assert_eq!(of_policy(json!({"name": "p", "statements": all})), ["IAM-WILDCARD"]);
        let of_role =
            |trust: Value| check_role(&serde_json::from_value(json!({"name": "r", "trust": trust})).unwrap()).len();
        assert_eq!(of_role(json!({"services": ["ec2.amazonaws.com"]})), 0);
        assert_eq!(of_role(json!({})), 1);
        assert_eq!(of_role(json!({"principals": ["*"]})), 1);
        assert_eq!(of_role(json!({"principals": ["*"], "external_id": "x"})), 0);
    }
}
