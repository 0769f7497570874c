//! What differs between two values, each with the path to it: `tags.Team`, `lifecycle[delete-old-backups].expiration_days`.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Keys by which the items of a list are told apart.
const ITEM_KEYS: [&str; 3] = ["id", "Sid", "name"];

/// One thing that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Difference {
    /// Which, from the field inwards.
    pub path: String,
    /// What is there; `null` where there is nothing.
    pub live: Value,
    /// What is declared; `null` where nothing is.
    pub desired: Value,
}

impl Difference {
    /// The field that it is in.
    pub fn field(&self) -> &str {
        self.path.split(['.', '[']).next().unwrap_or(&self.path)
    }
}

/// What differs in `field`.
pub(crate) fn differences(field: &str, live: &Value, desired: &Value) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(field.to_owned(), live, desired, &mut found);
    found
}

fn compare(path: String, live: &Value, desired: &Value, found: &mut Vec<Difference>) {
    if is_nothing(live) && is_nothing(desired) || live == desired {
        return;
    }
    let (empty_map, empty_list) = (Value::Object(serde_json::Map::new()), Value::Array(Vec::new()));
    // What is there as a whole or not at all is shown piece by piece too, but for a policy, which is read as one.
    let (live, desired) = match (live, desired) {
        (Value::Null, Value::Object(entries)) if !entries.contains_key("Statement") => (&empty_map, desired),
        (Value::Object(entries), Value::Null) if !entries.contains_key("Statement") => (live, &empty_map),
        (Value::Null, Value::Array(items)) if is_keyed(items) => (&empty_list, desired),
        (Value::Array(items), Value::Null) if is_keyed(items) => (live, &empty_list),
        pair => pair,
    };
    match (live, desired) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for key in keys {
                let get = |map: &serde_json::Map<String, Value>| map.get(key).cloned().unwrap_or(Value::Null);
                compare(format!("{path}.{key}"), &get(a), &get(b), found);
            }
        }
        (Value::Array(a), Value::Array(b)) if is_keyed(a) && is_keyed(b) => {
            let keys: BTreeSet<&str> = a.iter().chain(b).filter_map(item_key).collect();
            for key in keys {
                let get = |list: &[Value]| {
                    list.iter().find(|item| item_key(item) == Some(key)).cloned().unwrap_or(Value::Null)
                };
                compare(format!("{path}[{key}]"), &get(a), &get(b), found);
            }
        }
        _ => found.push(Difference { path, live: live.clone(), desired: desired.clone() }),
    }
}

/// A list whose items each have a key of their own.
fn is_keyed(list: &[Value]) -> bool {
    let keys: BTreeSet<&str> = list.iter().filter_map(item_key).collect();
    keys.len() == list.len()
}

fn item_key(item: &Value) -> Option<&str> {
    ITEM_KEYS.iter().find_map(|key| item.get(key)?.as_str())
}

/// Nothing is said in several ways: no value, and a list or a mapping with nothing in it.
pub(crate) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.values().all(is_nothing),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn paths(live: &Value, desired: &Value) -> Vec<String> {
        differences("f", live, desired).into_iter().map(|one| one.path).collect()
    }

    #[test]
    fn each_difference_has_its_path() {
        assert_eq!(paths(&json!({"a": 1, "b": {"c": 2}}), &json!({"a": 1, "b": {"c": 3}, "d": 4})), ["f.b.c", "f.d"]);
        let (live, desired) =
            (json!([{"id": "x", "days": 1}, {"id": "y"}]), json!([{"id": "y"}, {"id": "x", "days": 2}]));
        assert_eq!(paths(&live, &desired), ["f[x].days"]);
        assert_eq!(paths(&json!([1, 2]), &json!([2, 1])), ["f"]);
        assert_eq!(paths(&json!([{"id": "x", "days": 1}]), &json!(null)), ["f[x].days", "f[x].id"]);
        assert_eq!(paths(&json!(null), &json!({"Version": "1", "Statement": []})), ["f"]);
        let one = &differences("lifecycle", &live, &desired)[0];
        assert_eq!((one.field(), &one.live, &one.desired), ("lifecycle", &json!(1), &json!(2)));
    }

    #[test]
    fn nothing_is_nothing_however_it_is_said() {
        for (a, b) in
            [(json!(null), json!([])), (json!({"a": null}), json!(null)), (json!({"a": 1, "b": null}), json!({"a": 1}))]
        {
            assert_eq!(differences("f", &a, &b), []);
        }
        assert_eq!(paths(&json!(null), &json!(false)), ["f"]);
    }
}
