//! `parados restore` on the embedded store and a local folder.

use serde_json::Value;

use crate::parados::{Home, stderr, stdout};

const CANARY: &str = "canary-2b9f41";

/// A home with a backup, and a store that has changed since.
fn changed() -> Home {
    let home = Home::new();
    home.run("init").success();
    for name in ["/shop/dev/db/password", "/shop/dev/api/key", "/shop/dev/same", "/shop/prod/db/password"] {
        home.run_with(&format!("parameter put {name} - --type SecureString"), &format!("{CANARY} {name}")).success();
    }
    home.run("backup --environment dev").success();
    home.run_with("parameter put /shop/dev/db/password - --overwrite", "rotated").success();
    home.run("parameter delete /shop/dev/api/key --yes").success();
    home.run_with("parameter put /shop/dev/extra - --type String", "extra").success();
    home
}

fn plan(home: &Home, arguments: &str, code: i32) -> Value {
    let run = home.run(&format!("restore plan latest --output json {arguments}")).code(code);
    assert!(!stdout(&run).contains(CANARY) && !stderr(&run).contains(CANARY));
    serde_json::from_str(&stdout(&run)).unwrap_or_else(|error| panic!("{error}: {} {}", stdout(&run), stderr(&run)))
}

fn actions(plan: &Value) -> Vec<(&str, &str)> {
    let changes = plan["changes"].as_array().unwrap().iter();
    changes.map(|change| (change["name"].as_str().unwrap(), change["action"].as_str().unwrap())).collect()
}

#[test]
fn a_plan_says_what_a_restore_would_do_and_is_saved_as_it_is_hashed() {
    let home = changed();
    let run = home.run("restore plan latest --delete-extra --out plan.json").success();
    let text = stdout(&run);
    assert!(!text.contains(CANARY), "{text}");
    for words in [
        "/shop/dev/\n",
        "  - extra\n",
        "  + key  SecureString, Standard, under alias/aws/ssm\n",
        "  ~ password\n      value: another\n      warning: its value was changed at",
        "Plan: 1 to create, 1 to update, 1 to delete, 1 unchanged.",
        "It is saved in plan.json; do it with: parados restore apply plan.json",
    ] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
    let saved = std::fs::read(home.path().join("plan.json")).unwrap();
    let summed = std::process::Command::new("sha256sum").arg(home.path().join("plan.json")).output().unwrap();
    let hash = String::from_utf8(summed.stdout).unwrap().split(' ').next().unwrap().to_owned();
    assert!(hash.len() == 64 && text.contains(&hash), "{hash} is not in {text}");
    let saved: Value = serde_json::from_slice(&saved).unwrap();
    assert_eq!(saved["source"]["kind"], "snapshot");
    let expected = [
        ("/shop/dev/api/key", "create"),
        ("/shop/dev/db/password", "update"),
        ("/shop/dev/extra", "delete"),
        ("/shop/dev/same", "unchanged"),
    ];
    assert_eq!(actions(&saved), expected);
    assert_eq!(actions(&plan(&home, "--delete-extra", 0)), expected);
}

#[test]
fn a_plan_of_nothing_to_do_says_so_and_differences_have_a_code() {
    let home = changed();
    plan(&home, "--exit-code", 4);
    plan(&home, "--path /nothing", 3);
    plan(&home, "--conflict fail", 1);
    let same = plan(&home, "--include /shop/dev/same --exit-code", 0);
    assert_eq!(actions(&same), [("/shop/dev/same", "unchanged")]);
    let text = stdout(&home.run("restore plan latest --include /shop/dev/same").success());
    assert!(text.contains("Nothing to do: 1 unchanged."), "{text}");
}

#[test]
fn a_restore_goes_into_another_store_under_other_names() {
    let home = changed();
    let into = format!("--into embedded:{}", home.path().join("other").display());
    let made = home.run(&format!("restore plan latest {into}")).code(2);
    assert!(stderr(&made).contains("other"), "{}", stderr(&made));
    home.run(&format!("init --store embedded:{}", home.path().join("other").display())).success();
    let other = plan(&home, &into, 0);
    assert_eq!(actions(&other).len(), 3, "{other}");
    assert!(actions(&other).iter().all(|(_, action)| *action == "create"));
    assert!(other["into"]["folder"].as_str().unwrap().ends_with("/other"), "{other}");
    let mapped = plan(&home, "--map /shop/dev/=/shop/staging/", 0);
    let expected = ["/shop/staging/api/key", "/shop/staging/db/password", "/shop/staging/same"];
    assert_eq!(actions(&mapped), expected.map(|name| (name, "create")));
    assert_eq!(mapped["changes"][0]["source"], "/shop/dev/api/key");
    let refused = home.run("restore plan latest --into postgres://me:secret@host/db").code(2);
    assert!(stderr(&refused).contains("PARADOS_DATABASE_URL") && !stderr(&refused).contains("secret"));
    let one = home.run("restore plan latest --map /shop/dev/db/password=/x --map /shop/dev/api/key=/x").code(2);
    assert!(stderr(&one).contains("both become /x"), "{}", stderr(&one));
}

#[test]
fn a_document_of_the_old_pipeline_is_planned_as_it_stands() {
    let home = changed();
    let document = r#"{"backup_date":"2025-10-15","backup_timestamp":"20251015_120045","environment":"dev","parameter_count":1,
        "parameters":[{"Name":"/shop/dev/api/key","Type":"String","Value":"old","Version":3,
        "LastModifiedDate":"2025-10-15T12:00:45.760000+00:00","DataType":"text"}]}"#;
    std::fs::write(home.path().join("old.json"), document).unwrap();
    let run = home.run("restore plan old.json --environment dev --output json").success();
    let plan: Value = serde_json::from_str(&stdout(&run)).unwrap();
    assert_eq!(actions(&plan), [("/shop/dev/api/key", "create")]);
    assert_eq!(plan["source"]["kind"], "document");
    let path = std::path::Path::new(plan["source"]["path"].as_str().unwrap());
    assert!(path.is_absolute() && path.ends_with("old.json"), "{plan}");
    let gone = home.run("restore plan ./gone.json --environment dev").code(1);
    assert!(stderr(&gone).contains("gone.json") && stderr(&gone).contains("hint:"), "{}", stderr(&gone));
}
