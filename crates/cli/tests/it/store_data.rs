//! `parados store import`, `export` and `rekey`.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use testkit::Canary;

use crate::parados::{Home, stderr, stdout};

/// A home with a store that has everything that a parameter can have.
fn filled() -> Home {
    let home = Home::new();
    home.run("init").success();
    home.run_with("parameter put /shop/dev/db/password --type SecureString --tag team=blue", "first").success();
    home.run_with("parameter put /shop/dev/db/password --overwrite --description database", "second").success();
    home.run("parameter label /shop/dev/db/password current").success();
    home.run_with("parameter put /shop/prod/url", "https://shop.example").success();
    home
}

/// The parameters of a plain export, without what each store gives itself.
fn exported(home: &Home, arguments: &str) -> Vec<Value> {
    let run = home.run(&format!("store export --plain {arguments}")).success();
    let document: Value = serde_json::from_str(&stdout(&run)).unwrap();
    let mut parameters = document["parameters"].as_array().unwrap().clone();
    for parameter in &mut parameters {
        let own = parameter.as_object_mut().unwrap();
        own.retain(|field, _| !["LastModifiedDate", "LastModifiedUser"].contains(&field.as_str()));
        for version in own.get_mut("History").and_then(Value::as_array_mut).into_iter().flatten() {
            version.as_object_mut().unwrap().remove("LastModifiedDate");
            version.as_object_mut().unwrap().remove("LastModifiedUser");
        }
    }
    parameters
}

#[test]
fn what_is_exported_is_imported_whole() {
    let (from, to) = (filled(), Home::new());
    let made: Value = serde_json::from_str(&stdout(&to.run("init --output json").success())).unwrap();
    let recipient = made["recipient"].as_str().unwrap();
    let file = from.path().join("store.json.zst.age");
    let export = from.run(&format!("store export --recipient {recipient} --to {}", file.display())).success();
    assert!(stdout(&export).contains("2 parameters"), "{}", stdout(&export));
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    from.run(&format!("store export --recipient {recipient} --to {}", file.display())).code(2);

    let plan = to.run(&format!("store import {} --dry-run", file.display())).success();
    assert!(stdout(&plan).contains("2 to create"), "{}", stdout(&plan));
    to.run("parameter get /shop/prod/url").code(1);
    let asked = to.run(&format!("store import {}", file.display())).code(2);
    assert!(stderr(&asked).contains("--yes"), "{}", stderr(&asked));
    to.run(&format!("store import {} --yes", file.display())).success();
    let (expected, found) = (exported(&from, ""), exported(&to, ""));
    assert_eq!(expected, found);
    assert_eq!(expected[0]["History"].as_array().unwrap().len(), 1);
    assert_eq!(expected[0]["Labels"], json!(["current"]));
    assert_eq!(exported(&to, "--path /shop/prod").len(), 1);
    let none = to.run("store export --plain --path /nothing").code(3);
    assert!(stderr(&none).contains("nothing of the store is selected"), "{}", stderr(&none));
}

#[test]
fn what_is_there_stays_unless_it_is_to_be_overwritten() {
    let home = filled();
    let old = json!({"backup_date": "2025-10-15", "backup_timestamp": "20251015_120045", "environment": "dev", "parameter_count": 1,
        "parameters": [{"Name": "/shop/prod/url", "Type": "String", "Value": "https://old.example", "Version": 3,
        "LastModifiedDate": "2025-10-15T12:00:45.760000+00:00", "DataType": "text",
        "ARN": "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/prod/url"}]});
    let import = |arguments: &str| home.run_with(&format!("store import - {arguments}"), &old.to_string());
    let asked = import("").code(2);
    assert!(stderr(&asked).contains("--yes"), "{}", stderr(&asked));
    let stays = import("--yes").success();
    assert!(stderr(&stays).contains("1 parameters are there and differ"), "{}", stderr(&stays));
    assert!(stdout(&home.run("parameter get /shop/prod/url --reveal").success()).contains("https://shop.example"));
    import("--yes --overwrite").success();
    assert!(stdout(&home.run("parameter get /shop/prod/url --reveal").success()).contains("https://old.example"));
    home.run_with("store import - --yes", "{\"parameters\": [").code(1);
}

#[test]
fn a_store_of_another_account_is_another_store() {
    let home = filled();
    let document = stdout(&home.run("store export --plain").success());
    home.run_with("store import - --yes --of 123456789012/eu-west-1", &document).success();
    let other = exported(&home, "--of 123456789012/eu-west-1");
    assert_eq!(other.len(), 2);
    assert_eq!(other[0]["ARN"], "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/dev/db/password");
    home.run("store export --plain --of eu-west-1").code(2);
}

#[test]
fn an_export_is_sealed_or_said_to_be_plain() {
    let home = filled();
    let refused = home.run("store export").code(2);
    assert!(stderr(&refused).contains("--recipient"), "{}", stderr(&refused));
    let file = home.path().join("plain.json");
    let plain = home.run(&format!("store export --plain --to {}", file.display())).success();
    assert!(stderr(&plain).contains("not sealed"), "{}", stderr(&plain));
    assert!(fs::read_to_string(&file).unwrap().contains("second"));
}

#[test]
fn a_store_gets_a_new_master_key() {
    let mut canary = Canary::new();
    let home = filled();
    home.run_with("parameter put /shop/dev/canary --type SecureString", &canary.plant("rekeyed")).success();
    let key = home.data().join("store/master.key");
    let old = fs::read(&key).unwrap();
    let logged = home.run("parameter get /shop/dev/canary --log trace").success();
    canary.assert_absent(stderr(&logged).as_bytes(), "the log");
    let run = home.run("store rekey --output json --log trace").success();
    canary.assert_absent(stderr(&run).as_bytes(), "the log");
    let view: Value = serde_json::from_str(&stdout(&run)).unwrap();
    assert_eq!((&view["wrapped"], &view["nothing_is_left"]), (&json!(3), &json!(true)));
    let new = fs::read(&key).unwrap();
    assert_ne!(old, new);
    let elsewhere = home.path().join("elsewhere.key");
    home.run(&format!("store rekey --to-key-file {}", elsewhere.display())).success();
    assert_eq!(fs::read_link(&key).unwrap(), elsewhere);
    let same = home.run(&format!("store rekey --to-key-file {}", elsewhere.display())).code(1);
    assert!(stderr(&same).contains("in use already"), "{}", stderr(&same));
    assert!(stdout(&home.run("parameter get /shop/dev/db/password --reveal").success()).contains("second"));
    canary.assert_absent_in_tree(home.path());

    for stale in [old, new] {
        fs::write(&elsewhere, stale).unwrap();
        let unreadable = home.run("parameter get /shop/dev/db/password --reveal").code(1);
        assert!(stderr(&unreadable).contains("master key"), "{}", stderr(&unreadable));
        home.run("store rekey").code(1);
    }
}
