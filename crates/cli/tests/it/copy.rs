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
fn what_somebody_signed_who_is_not_trusted_is_not_copied() {
    let home = backed_up();
    // Somebody else, with a key of their own, commits to the same repository.
    let keys = home.data().join("keys/signing_ed25519");
    let own = json(&home, "snapshots", 0)["snapshots"][0]["signer"].as_str().unwrap().to_owned();
    let kept = std::fs::read(&keys).unwrap();
    std::fs::remove_file(&keys).unwrap();
    home.run("backup --environment dev").success();
    std::fs::write(&keys, kept).unwrap();
    let signer = home.path().join("signers");
    std::fs::write(&signer, &own).unwrap();

    let report = json(&home, &format!("copy --to second --trusted-signer {}", signer.display()), 3);
    assert_eq!((&report["verdict"], &report["copied"]), (&"partial".into(), &2.into()), "{report}");
    let failed = report["snapshots"].as_array().unwrap().iter().find(|one| one["outcome"] == "failed").unwrap();
    assert!(failed["reason"].as_str().unwrap().contains("its signer is not trusted"), "{failed}");
    let all = json(&home, "snapshots", 0)["snapshots"].as_array().unwrap().clone();
    assert_eq!(all.len(), 3);
    let there = |one: &Value| home.path().join("second").join(one["key"].as_str().unwrap()).exists();
    for one in &all {
        assert_eq!(there(one), one["signer"] == *own, "its document is not brought either: {one}");
    }
    assert_eq!(json(&home, "snapshots --repository second", 0)["snapshots"].as_array().unwrap().len(), 2);

    // Where nobody says whom to trust, all of it is copied; whom to trust is decided by who reads it.
    assert_eq!(json(&home, "copy --to third", 0)["copied"], 3);
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
