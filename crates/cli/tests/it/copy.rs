//! `parados copy`.

use serde_json::Value;

use crate::parados::{Home, stderr, stdout};

/// A home with two snapshots.
fn backed_up() -> Home {
    let home = Home::new();
    home.run("init").success();
    home.run_with("parameter put /jenkins/dev/key - --type SecureString", "canary-5e0c1d").success();
    for _ in 0..2 {
        home.run("backup --environment dev").success();
    }
    home
}

fn json(home: &Home, arguments: &str, code: i32) -> Value {
    let run = home.run(&format!("{arguments} --output json")).code(code);
    serde_json::from_str(&stdout(&run)).unwrap_or_else(|error| panic!("{error}: {} {}", stdout(&run), stderr(&run)))
}

#[test]
fn a_copy_stands_in_for_the_repository() {
    let home = backed_up();
    let said = json(&home, "copy --to second --dry-run", 0);
    assert_eq!((&said["copied"], &said["dry_run"]), (&2.into(), &true.into()));
    assert!(!home.path().join("second").exists(), "a dry run writes nothing");

    let report = json(&home, "copy --to second", 0);
    assert_eq!((&report["verdict"], &report["copied"]), (&"complete".into(), &2.into()), "{report}");
    let again = json(&home, "copy --to second --check", 0);
    assert_eq!((&again["copied"], &again["bytes"]), (&0.into(), &0.into()));
    let text = stdout(&home.run("copy --to second").success());
    assert!(text.contains("There before\t2\n"), "{text}");

    let shown = |repository: &str| json(&home, &format!("show latest{repository}"), 0);
    assert_eq!(shown(" --repository second"), shown(""));
    let snapshots = json(&home, "snapshots", 0);
    std::fs::remove_dir_all(home.data().join("repository")).unwrap();
    assert_eq!(json(&home, "snapshots --repository second", 0)["snapshots"], snapshots["snapshots"]);
}

#[test]
fn what_cannot_be_copied_is_said_with_a_code_of_its_own() {
    let home = backed_up();
    let data = json(&home, "snapshots", 0)["snapshots"][0]["key"].as_str().unwrap().to_owned();
    let data = home.data().join("repository").join(data);
    let mut bytes = std::fs::read(&data).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&data, bytes).unwrap();
    let report = json(&home, "copy --to second", 3);
    assert_eq!(report["verdict"], "partial");
    let failed = report["snapshots"].as_array().unwrap().iter().find(|one| one["outcome"] == "failed").unwrap();
    assert!(failed["reason"].as_str().unwrap().contains("not what its manifest says"), "{failed}");

    home.run("copy --to third --environment stage").code(3);
    let run = home.run("copy --to second --repository second").code(2);
    assert!(stderr(&run).contains("--to is the repository"), "{}", stderr(&run));
    home.run("init --repository other").success();
    let run = home.run("copy --to other").code(1);
    assert!(stderr(&run).contains("repository of its own") && stderr(&run).contains("hint:"), "{}", stderr(&run));
}
