//! `parados import`: a folder of the old pipeline's documents becomes snapshots.

use std::path::Path;

use serde_json::Value;

use crate::parados::{Home, stderr, stdout};

fn old_folder(home: &Home) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../backup/tests/fixtures/old");
    let old = home.path().join("old");
    for (folder, file, fixture) in [
        ("2025-10-15", "ssm-backup-dev-20251015_120045.json", "aws_cli_v2.json"),
        ("2021-03-04", "ssm-backup-prod-20210304_220405.json", "aws_cli_v1.json"),
    ] {
        std::fs::create_dir_all(old.join(folder)).unwrap();
        std::fs::copy(fixtures.join(fixture), old.join(folder).join(file)).unwrap();
    }
    std::fs::write(old.join("latest.txt"), "2025-10-15/ssm-backup-dev-20251015_120045.json\n").unwrap();
}

fn view(home: &Home, arguments: &str, code: i32) -> Value {
    let run = home.run(&format!("import old --project jenkins --output json {arguments}")).code(code);
    serde_json::from_str(&stdout(&run)).unwrap_or_else(|error| panic!("{error}: {} {}", stdout(&run), stderr(&run)))
}

#[test]
fn a_team_arrives_with_its_history_and_arriving_again_changes_nothing() {
    let home = Home::new();
    home.run("init").success();
    old_folder(&home);
    let planned = view(&home, "--dry-run", 0);
    assert_eq!(planned["environments"][0]["documents"][0]["outcome"], "planned");
    assert!(stdout(&home.run("snapshots").success()).is_empty(), "a dry run writes nothing");

    let first = view(&home, "", 0);
    assert_eq!(first["verdict"], "complete");
    let listed: Value = serde_json::from_str(&stdout(&home.run("snapshots --output json").success())).unwrap();
    let begun: Vec<_> =
        listed["snapshots"].as_array().unwrap().iter().map(|one| one["started_at"].as_str().unwrap()).collect();
    assert_eq!(begun[1], "2025-10-15T12:00:45Z");
    assert!(begun[0].starts_with("2021-03-04T"), "{begun:?}");
    assert_eq!(listed["snapshots"][1]["purpose"], "import");
    assert!(listed["snapshots"][1]["key"].as_str().unwrap().ends_with(".json.zst.age"), "sealed as a backup is");

    let shown = stdout(&home.run("show @2025-10-15 --environment dev").success());
    assert!(shown.contains("/jenkins/dev/github/app-private-key"), "{shown}");
    home.run("verify --all --read").success();

    let again = view(&home, "", 0);
    assert_eq!(again["environments"][0]["documents"][0]["outcome"], "present");
    let text = stdout(&home.run("import old --project jenkins --environment prod").success());
    assert!(text.contains("There before\t1"), "{text}");
    let listed = stdout(&home.run("snapshots").success());
    assert_eq!(listed.lines().count(), 2, "{listed}");
}

#[test]
fn a_damaged_document_is_named_with_code_3_and_the_others_are_taken_over() {
    let home = Home::new();
    home.run("init").success();
    old_folder(&home);
    let damaged = home.path().join("old/2025-10-15/ssm-backup-dev-20251015_130000.json");
    std::fs::write(damaged, r#"{"parameters":[{"Name":"/a","Value":"hunter2""#).unwrap();
    let run = home.run("import old --project jenkins").code(3);
    let text = stdout(&run);
    assert!(text.contains("ssm-backup-dev-20251015_130000.json\trefused\t") && text.contains("Imported\t2"), "{text}");
    assert!(!text.contains("hunter2") && !stderr(&run).contains("hunter2"), "{text}");
    home.run("import old --environment stage").code(3);
    let missing = home.run("import nowhere").code(1);
    assert!(stderr(&missing).contains("nowhere"), "{}", stderr(&missing));
}

#[test]
fn an_environment_that_the_configuration_does_not_have_is_named() {
    let home = Home::new();
    home.run("init").success();
    old_folder(&home);
    let file =
        "version: 1\nproject: jenkins\nstore: embedded\nrecipients: []\nrepository: backups\nenvironments: {dev: {}}\n";
    std::fs::write(home.path().join("parados.yaml"), file).unwrap();
    let run = home.run("import old --output json").code(3);
    let view: Value = serde_json::from_str(&stdout(&run)).unwrap();
    assert!(view["refused"][0]["reason"].as_str().unwrap().contains("no environment `prod`"), "{view}");
    let document = home.path().join("backups").join("2025-10-15/ssm-backup-dev-20251015_120045.json");
    let original = home.path().join("old/2025-10-15/ssm-backup-dev-20251015_120045.json");
    assert_eq!(std::fs::read(document).unwrap(), std::fs::read(original).unwrap(), "not sealed: byte for byte");
    home.run("import old --environment prod").code(2);
}
