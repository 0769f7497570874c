//! `parados demo` and `parados doctor`.

use serde_json::Value;

use crate::parados::{Home, stderr, stdout};

#[test]
fn the_demo_leaves_a_company_that_can_be_looked_at() {
    let home = Home::new();
    let view: Value = serde_json::from_str(&stdout(&home.run("demo --output json").success())).unwrap();
    let backups = view["backups"].as_array().unwrap();
    assert!(backups.iter().all(|report| report["verdict"] == "complete"), "{view}");
    let counts: Vec<_> = backups.iter().map(|report| report["parameter_count"].as_u64().unwrap()).collect();
    assert_eq!(counts, [32, 32, 32, 31]);
    assert_eq!(backups[2]["reused"], 32, "dev did not change");
    let run = home.run("demo").code(2);
    assert!(stderr(&run).contains("--dir"), "{}", stderr(&run));

    let file = home.path().join("parados-demo/parados.yaml");
    let with = |arguments: &str| stdout(&home.run(&format!("{arguments} --config {}", file.display())).success());
    assert_eq!(with("snapshots").lines().count(), 4);
    assert!(with("show latest --environment prod").contains("/acme/prod/shop/db/password"));
    assert!(with("doctor --environment dev").lines().all(|line| line.starts_with("ok")));
    assert!(with("backup --environment dev --dry-run").contains("nothing was written"));
    let text = stdout(&home.run("demo --dir other").success());
    assert!(text.contains("parados snapshots") && text.contains("zstd -d"), "{text}");
}

#[test]
fn the_doctor_says_what_to_do() {
    let home = Home::new();
    let run = home.run("doctor").code(1);
    assert!(stdout(&run).contains("parados init"), "{}", stdout(&run));
    home.run("init").success();
    home.run("doctor").success();
    std::fs::write(home.data().join("repository/parados.json"), "{}").unwrap();
    let run = home.run("doctor --output json").code(1);
    let view: Value = serde_json::from_str(&stdout(&run)).unwrap();
    let bad: Vec<_> = view["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
    assert_eq!(bad.len(), 1, "{view}");
    assert_eq!(bad[0]["what"], "repository");
}
