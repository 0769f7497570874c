//! Holds the constraints of every request against botocore's model of the service.

use serde_json::Value;
use testkit::python;

use super::REQUESTS;
use crate::Action;
use crate::wire::{Constraint, Kind, Member, MemberTable};

/// Where AWS itself is stricter than its model: the member, what its model says, what is checked here.
const STRICTER: &[&str] = &[
    // The service answers "Member must have length greater than or equal to 1".
    "PutParameter.Value min",
];

/// The shapes of botocore's models, as JSON.
fn model() -> Value {
    const SCRIPT: &str = "import json, botocore.session as s; session = s.get_session(); loader = session.get_component('data_loader');\n\
         print(json.dumps({n: loader.load_service_model(n, 'service-2') for n in ('ssm', 'resourcegroupstaggingapi')}))";
    let output = python().args(["-c", SCRIPT]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn every_constraint_is_the_model_s() {
    let models = model();
    let mut wrong = Vec::new();
    for (operation, members) in REQUESTS {
        let service = match Action::ALL.iter().find(|action| action.name() == *operation).unwrap().service() {
            crate::Service::Tagging => "resourcegroupstaggingapi",
            _ => "ssm",
        };
        let shapes = &models[service]["shapes"];
        let input = models[service]["operations"][*operation]["input"]["shape"].as_str().unwrap();
        compare_structure(operation, &shapes[input], members, shapes, &mut wrong);
    }
    wrong.retain(|one| !STRICTER.iter().any(|known| one.starts_with(known)));
    assert!(wrong.is_empty(), "{} differ from the model:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(REQUESTS.len(), Action::ALL.len() - 1, "all but GetCallerIdentity, which has no member");
}

fn compare_structure(at: &str, shape: &Value, members: MemberTable, shapes: &Value, wrong: &mut Vec<String>) {
    let modelled = shape["members"].as_object().unwrap();
    let required: Vec<&str> =
        shape["required"].as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    for name in modelled.keys().filter(|name| !members.iter().any(|member| member.name == *name)) {
        wrong.push(format!("{at}.{name} is not read"));
    }
    for member in members {
        let at = format!("{at}.{}", member.name);
        let Some(reference) = modelled.get(member.name) else {
            wrong.push(format!("{at} is not in the model"));
            continue;
        };
        if required.contains(&member.name) != member.constraint.is_required {
            wrong.push(format!("{at} required: {}", required.contains(&member.name)));
        }
        compare(&at, &shapes[reference["shape"].as_str().unwrap()], member, shapes, wrong);
    }
}

fn compare(at: &str, shape: &Value, member: &Member, shapes: &Value, wrong: &mut Vec<String>) {
    compare_constraint(at, shape, &member.constraint, wrong);
    if shape["type"] == "list" {
        let item = &shapes[shape["member"]["shape"].as_str().unwrap()];
        let at = format!("{at}[]");
        match (item["type"].as_str(), member.constraint.item) {
            (Some("structure"), None) => compare_structure(&at, item, member.items, shapes, wrong),
            (Some("string"), Some(constraint)) => compare_constraint(&at, item, constraint, wrong),
            (found, _) => wrong.push(format!("{at} is a {found:?}")),
        }
    }
}

fn compare_constraint(at: &str, shape: &Value, constraint: &Constraint, wrong: &mut Vec<String>) {
    let kind = match shape["type"].as_str().unwrap() {
        "string" => Kind::Text,
        "integer" | "long" => Kind::Number,
        "boolean" => Kind::Boolean,
        "list" => Kind::List,
        other => panic!("{at}: the model has a {other}"),
    };
    let mut expect = |what: &str, same: bool, modelled: &Value| {
        if !same {
            wrong.push(format!("{at} {what}: the model says {modelled}"));
        }
    };
    expect("kind", kind == constraint.kind, &shape["type"]);
    // A least length of 0 says nothing.
    let least = |number: Option<i64>| number.filter(|least| *least > 0 || kind == Kind::Number);
    expect("min", least(shape["min"].as_i64()) == least(constraint.least), &shape["min"]);
    expect("max", shape["max"].as_i64() == constraint.most, &shape["max"]);
    let pattern = constraint.pattern.as_ref().map(|pattern| pattern.text);
    expect("pattern", shape["pattern"].as_str() == pattern, &shape["pattern"]);
    let mut values: Vec<&str> =
        shape["enum"].as_array().map(|list| list.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    let mut ours = constraint.one_of.to_vec();
    values.sort_unstable();
    ours.sort_unstable();
    expect("enum", values == ours, &shape["enum"]);
    expect(
        "sensitive",
        shape["sensitive"].as_bool().unwrap_or_default() == constraint.is_sensitive,
        &shape["sensitive"],
    );
}
