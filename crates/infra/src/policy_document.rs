//! Policies of IAM and of buckets, in one form: AWS gives a policy back with lists of one as texts, in another order, and with
//! spaces, so that two that mean the same are only equal when both are brought into it.

use serde_json::{Map, Value, json};

/// The keys of a statement that hold one text or several, in no order.
const SETS: [&str; 4] = ["Action", "NotAction", "Resource", "NotResource"];

/// A policy with these statements, in its one form.
pub(crate) fn document(statements: impl IntoIterator<Item = Value>) -> Value {
    canonical(&json!({"Version": "2012-10-17", "Statement": statements.into_iter().collect::<Vec<_>>()}))
}

/// The one form of a policy that AWS gave; `null` where it is none.
pub(crate) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).map_or(Value::Null, |value| canonical(&value))
}

/// The one form of a policy.
pub(crate) fn canonical(policy: &Value) -> Value {
    let statements = list(policy.get("Statement").unwrap_or(&Value::Null)).iter().map(statement).collect::<Vec<_>>();
    json!({
        "Version": policy.get("Version").cloned().unwrap_or_else(|| json!("2008-10-17")),
        "Statement": statements,
    })
}

fn statement(statement: &Value) -> Value {
    let Some(keys) = statement.as_object() else { return statement.clone() };
    let keys = keys.iter().map(|(key, value)| {
        let value = match key.as_str() {
            key if SETS.contains(&key) => set(value),
            "Principal" | "NotPrincipal" => principal(value),
            "Condition" => condition(value),
            _ => value.clone(),
        };
        (key.clone(), value)
    });
    Value::Object(keys.collect())
}

fn principal(value: &Value) -> Value {
    match value.as_object() {
        None => value.clone(),
        Some(kinds) if kinds.len() == 1 && kinds.get("AWS") == Some(&json!("*")) => json!("*"),
        Some(kinds) => Value::Object(kinds.iter().map(|(kind, who)| (kind.clone(), set(who))).collect()),
    }
}

fn condition(value: &Value) -> Value {
    let Some(operators) = value.as_object() else { return value.clone() };
    let operators = operators.iter().map(|(operator, keys)| {
        let keys: Map<String, Value> = keys
            .as_object()
            .map(|keys| keys.iter().map(|(key, value)| (key.clone(), set(value))).collect())
            .unwrap_or_default();
        (operator.clone(), Value::Object(keys))
    });
    Value::Object(operators.collect())
}

fn list(value: &Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items.clone(),
        Value::Null => Vec::new(),
        one => vec![one.clone()],
    }
}

/// Texts in order, each once; one of them as itself.
fn set(value: &Value) -> Value {
    let mut items: Vec<String> = list(value)
        .iter()
        .map(|item| match item {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        })
        .collect();
    items.sort();
    items.dedup();
    match items.as_slice() {
        [one] => json!(one),
        several => json!(several),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_the_same_has_one_form() {
        let ours = json!({"Version": "2012-10-17", "Statement": [{
            "Effect": "Deny", "Principal": "*", "Action": ["s3:Put*", "s3:Get*"], "Resource": ["b"],
            "Condition": {"Bool": {"aws:SecureTransport": false}},
        }]});
        let theirs = r#"{"Statement":{"Principal":{"AWS":"*"},"Effect":"Deny","Resource":"b","Action":["s3:Get*","s3:Put*"],
            "Condition":{"Bool":{"aws:SecureTransport":["false"]}}},"Version":"2012-10-17"}"#;
        assert_eq!(canonical(&ours), parsed(theirs));
        assert_ne!(canonical(&ours), parsed(&theirs.replace("Deny", "Allow")));
        assert_eq!(parsed("no JSON"), Value::Null);
    }
}
