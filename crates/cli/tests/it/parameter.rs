//! `parados init` and `parados parameter` on the embedded store.

use serde_json::{Value, json};

use crate::parados::{Home, stderr, stdout};

fn json(home: &Home, arguments: &str) -> Value {
    serde_json::from_str(&stdout(&home.run(&format!("{arguments} --output json")).success())).unwrap()
}

fn filled() -> Home {
    let home = Home::new();
    home.run("init").success();
    let put = "parameter put /app/dev/db/password - --type SecureString --description database --tag team=core";
    home.run_with(put, "hunter2-canary\n").success();
    home
}

#[test]
fn a_value_is_put_from_standard_input_and_shown_only_when_asked_for() {
    let home = filled();
    let run = home.run("parameter get /app/dev/db/password").success();
    assert!(!stdout(&run).contains("hunter2") && stdout(&run).contains("redacted"), "{}", stdout(&run));
    assert_eq!(json(&home, "parameter get /app/dev/db/password")["Parameter"]["Value"], Value::Null);
    let revealed = json(&home, "parameter get /app/dev/db/password --reveal");
    assert_eq!(revealed["Parameter"]["Value"], "hunter2-canary", "the newline at the end is left out");
    assert_eq!(revealed["Parameter"]["Type"], "SecureString");
    let listed = json(&home, "parameter list --name-contains /dev/");
    assert_eq!(listed["Parameters"][0]["Description"], "database");
    assert_eq!(json(&home, "parameter list --name-contains /prod/")["Parameters"], json!([]));
}

#[test]
fn a_value_never_comes_from_the_command_line_and_is_never_repeated() {
    let home = filled();
    let run = home.run("parameter put /app/dev/x hunter2-argument").code(2);
    assert!(!stderr(&run).contains("hunter2"), "{}", stderr(&run));
    insta::assert_snapshot!(stderr(&run));
    let run = home.run("parameter put /app/dev/x").code(1);
    assert!(stderr(&run).contains("the value is empty"), "{}", stderr(&run));
    home.run_with("parameter put /app/dev/x", "piped").success();
}

#[test]
fn a_file_gives_a_value_as_it_stands_with_keep_newline() {
    let home = filled();
    std::fs::write(home.path().join("value"), "line\n").unwrap();
    home.run("parameter put /app/dev/pem --value-file value --keep-newline").success();
    assert_eq!(json(&home, "parameter get /app/dev/pem --reveal")["Parameter"]["Value"], "line\n");
    home.run("parameter put /app/dev/pem --value-file missing --overwrite").code(1);
    std::fs::write(home.path().join("binary"), [0xff, 0xfe]).unwrap();
    home.run("parameter put /app/dev/pem --value-file binary --overwrite").code(2);
}

#[test]
fn versions_labels_and_tags() {
    let home = filled();
    let name = "/app/dev/db/password";
    let run = home.run_with(&format!("parameter put {name} -"), "second").code(1);
    insta::assert_snapshot!(stderr(&run));
    home.run_with(&format!("parameter put {name} - --overwrite"), "second").success();
    home.run(&format!("parameter label {name} blue --parameter-version 1")).success();
    let run = home.run(&format!("parameter label {name} green 1st")).code(1);
    assert!(stderr(&run).contains("1st") && stdout(&run).contains("version 2 bears green"), "{}", stdout(&run));
    let revealed = json(&home, &format!("parameter get {name}:blue --reveal"));
    assert_eq!(revealed["Parameter"]["Value"], "hunter2-canary");
    let history = json(&home, &format!("parameter history {name}"));
    assert_eq!(history["Parameters"][0]["Labels"], json!(["blue"]));
    assert_eq!(history["Parameters"][1]["Value"], Value::Null);
    home.run(&format!("parameter unlabel {name} blue --parameter-version 1")).success();
    home.run(&format!("parameter unlabel {name} blue --parameter-version 1")).code(1);
    home.run(&format!("parameter tag {name} team=web owner=me")).success();
    assert_eq!(json(&home, "parameter list --tag team=web")["Parameters"][0]["Name"], name);
    home.run(&format!("parameter untag {name} team")).success();
    assert_eq!(json(&home, "parameter list --tag team=web")["Parameters"], json!([]));
}

#[test]
fn deleting_asks_and_says_what_was_not_there() {
    let home = filled();
    home.run("parameter delete /app/dev/db/password").code(2);
    let run = home.run("parameter delete --yes /app/dev/db/password /nothing --output json").code(1);
    let view: Value = serde_json::from_str(&stdout(&run)).unwrap();
    assert_eq!(view, json!({"DeletedParameters": ["/app/dev/db/password"], "InvalidParameters": ["/nothing"]}));
    let run = home.run("parameter get /app/dev/db/password").code(1);
    insta::assert_snapshot!(stderr(&run));
}

#[test]
fn without_a_store_the_command_that_makes_one_is_named() {
    let run = Home::new().run("parameter list").code(2);
    assert!(stderr(&run).contains("parados init"), "{}", stderr(&run));
}

#[test]
fn init_can_be_repeated_and_makes_private_files() {
    use std::os::unix::fs::PermissionsExt as _;

    let home = Home::new();
    let first = json(&home, "init");
    assert!(first["items"].as_array().unwrap().iter().all(|item| item["made"] == true), "{first}");
    let keys = home.data().join("keys");
    let before = std::fs::read(keys.join("identity.age.txt")).unwrap();
    let again = json(&home, "init");
    assert!(again["items"].as_array().unwrap().iter().all(|item| item["made"] == false), "{again}");
    assert_eq!(first["recipient"], again["recipient"]);
    assert_eq!(before, std::fs::read(keys.join("identity.age.txt")).unwrap());
    for file in ["keys/identity.age.txt", "keys/signing_ed25519", "store/parameters.sqlite3", "store/master.key"] {
        let mode = std::fs::metadata(home.data().join(file)).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{file}");
    }
    let human = stdout(&home.run("init").success());
    assert!(human.contains("age1") && !human.contains("SECRET"), "{human}");
}
