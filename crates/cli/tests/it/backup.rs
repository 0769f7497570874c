//! `parados backup`, `snapshots` and `show` on the embedded store and a local folder.

use serde_json::Value;

use crate::parados::{Home, stderr, stdout};

const CANARY: &str = "canary-7d1e9b";

fn filled() -> Home {
    let home = Home::new();
    home.run("init").success();
    for name in ["/jenkins/dev/db/password", "/jenkins/dev/api/key", "/jenkins/prod/db/password"] {
        home.run_with(&format!("parameter put {name} - --type SecureString"), &format!("{CANARY} {name}")).success();
    }
    home
}

fn report(home: &Home, arguments: &str, code: i32) -> Value {
    let run = home.run(&format!("backup --project jenkins --output json {arguments}")).code(code);
    serde_json::from_str(&stdout(&run)).unwrap_or_else(|error| panic!("{error}: {} {}", stdout(&run), stderr(&run)))
}

/// The files in a folder, without those that SQLite makes and takes away beside its own for a reader too.
fn tree(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(tree(&path)),
            // SQLite's own, there while the store is open and gone when the last one has closed it.
            false if path.to_string_lossy().ends_with("-wal") || path.to_string_lossy().ends_with("-shm") => {}
            false => found.push(path),
        }
    }
    found.sort();
    found
}

#[test]
fn a_backup_is_sealed_and_listed_and_shown_without_values() {
    let home = filled();
    let report = report(&home, "--environment dev", 0);
    assert_eq!((&report["verdict"], &report["parameter_count"]), (&"complete".into(), &2.into()));
    for field in ["snapshot", "key", "missing", "calls", "seconds"] {
        assert!(!report[field].is_null(), "{field}: {report}");
    }
    let data = home.data().join("repository").join(report["key"].as_str().unwrap());
    assert!(data.to_str().unwrap().ends_with(".json.zst.age"), "{data:?}");
    let listed: Value = serde_json::from_str(&stdout(&home.run("snapshots --output json").success())).unwrap();
    assert_eq!(listed["snapshots"][0]["id"], report["snapshot"]);
    for shown in [stdout(&home.run("show latest").success()), stdout(&home.run("show latest --output json").success())]
    {
        assert!(shown.contains("/jenkins/dev/db/password") && !shown.contains("/prod/"), "{shown}");
        assert!(!shown.contains(CANARY));
    }
    for path in tree(&home.data()) {
        let bytes = std::fs::read(&path).unwrap();
        assert!(!bytes.windows(CANARY.len()).any(|window| window == CANARY.as_bytes()), "{path:?}");
    }
}

#[test]
fn the_second_backup_takes_over_what_did_not_change() {
    let home = filled();
    report(&home, "--environment dev", 0);
    assert_eq!(report(&home, "--environment dev", 0)["reused"], 2);
    assert_eq!(report(&home, "--environment dev --full", 0)["reused"], 0);
    home.run_with("parameter put /jenkins/dev/api/key - --overwrite", "new").success();
    let third = report(&home, "--environment dev", 0);
    assert_eq!((&third["reused"], &third["sequence"]), (&1.into(), &4.into()));
}

#[test]
fn a_dry_run_writes_nothing() {
    let home = filled();
    std::fs::remove_dir_all(home.data().join("repository")).unwrap();
    std::fs::remove_file(home.data().join("keys/signing_ed25519")).unwrap();
    let before = tree(&home.data());
    let report = report(&home, "--environment dev --dry-run", 0);
    assert_eq!((&report["dry_run"], &report["parameter_count"]), (&true.into(), &2.into()));
    assert!(report["key"].as_str().unwrap().contains("/ssm-backup-dev-") && report["snapshot"].is_null(), "{report}");
    assert_eq!(tree(&home.data()), before);
    let text = stdout(&home.run("backup --environment dev --dry-run").success());
    assert!(text.contains("nothing was written") && text.contains("ssm-backup-dev-"), "{text}");
}

#[test]
fn nothing_matched_is_code_3_and_writes_nothing() {
    let home = filled();
    let before = tree(&home.data().join("repository"));
    let report = report(&home, "--environment stage", 3);
    assert_eq!((&report["verdict"], &report["snapshot"]), (&"nothing-matched".into(), &Value::Null));
    assert_eq!(tree(&home.data().join("repository")), before);
}

#[test]
fn without_recipients_the_document_is_plain_json() {
    let home = filled();
    let flags = "--environment dev --store embedded --recipient none --name-contains /dev/ --repository";
    let report = report(&home, &format!("{flags} {}", home.path().join("plain").display()), 0);
    let data = home.path().join("plain").join(report["key"].as_str().unwrap());
    let document: Value = serde_json::from_slice(&std::fs::read(data).unwrap()).unwrap();
    assert_eq!(document["environment"], "dev");
    assert_eq!(document["parameter_count"], 2);
    assert!(document["parameters"][0]["Value"].as_str().unwrap().starts_with(CANARY));
    let latest = std::fs::read_to_string(home.path().join("plain/latest.txt")).unwrap();
    assert_eq!(latest.trim_end(), report["key"].as_str().unwrap());
}

#[test]
fn progress_is_a_stream_of_events_on_request() {
    let home = filled();
    let run = home.run("backup --environment dev --progress json").success();
    let events: Vec<Value> = stderr(&run).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events.first().unwrap()["event"], "started");
    assert_eq!(events.last().unwrap()["event"], "finished");
    assert!(!stderr(&run).contains(CANARY));
    let quiet = home.run("backup --environment dev").success();
    assert_eq!(stderr(&quiet), "", "no bar where there is no terminal");
}

#[test]
fn a_configuration_says_what_the_flags_would() {
    let home = filled();
    let file = "version: 1\nproject: jenkins\nstore: embedded\nrepository: file:///tmp/nowhere\nenvironments:\n  dev:\n    \
                repository: REPOSITORY\n    recipients: []\n  prod: {}\n";
    let file = file.replace("REPOSITORY", &format!("file://{}", home.path().join("from-file").display()));
    std::fs::write(home.path().join("parados.yaml"), file).unwrap();
    let run = home.run("backup").code(2);
    assert!(stderr(&run).contains("one of dev, prod"), "{}", stderr(&run));
    let run = home.run("backup --environment stage").code(2);
    assert!(stderr(&run).contains("no environment `stage`"), "{}", stderr(&run));
    home.run("backup --environment dev").success();
    let listed = stdout(&home.run("snapshots --environment dev").success());
    assert_eq!(listed.lines().count(), 1, "{listed}");
    assert!(home.path().join("from-file/parados.json").exists());
}

#[test]
fn what_is_missing_is_said_before_anything_is_written() {
    let home = Home::new();
    let run = home.run("backup --environment dev").code(2);
    assert!(stderr(&run).contains("parados init"), "{}", stderr(&run));
    home.run("init").success();
    let run = home.run("show latest").code(1);
    assert!(stderr(&run).contains("parados backup"), "{}", stderr(&run));
    let key = home.data().join("keys/signing_ed25519");
    std::fs::write(&key, "not a key").unwrap();
    let run = home.run("backup --environment dev").code(2);
    assert!(stderr(&run).contains("signing_ed25519"), "{}", stderr(&run));
    let marker = home.data().join("repository/parados.json");
    std::fs::remove_file(&key).unwrap();
    std::fs::write(&marker, r#"{"format_version": 2, "id": "00000000000000000000000000000000"}"#).unwrap();
    let run = home.run("backup --environment dev").code(1);
    assert!(stderr(&run).contains("newer Parados"), "{}", stderr(&run));
}
