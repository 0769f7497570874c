//! `parados restore apply` and `parados restore undo` on the embedded store and a local folder.

use serde_json::Value;

use crate::parados::{Home, stderr, stdout};

const CANARY: &str = "canary-61d0aa";

/// A home with a backup, a store that has changed since, and a plan that brings it back.
fn planned() -> Home {
    let home = Home::new();
    home.run("init").success();
    for name in ["/shop/dev/db/password", "/shop/dev/api/key", "/shop/dev/same"] {
        home.run_with(&format!("parameter put {name} - --type SecureString"), &format!("{CANARY} {name}")).success();
    }
    home.run("backup --environment dev").success();
    home.run_with("parameter put /shop/dev/db/password - --overwrite", &format!("{CANARY} rotated")).success();
    home.run("parameter delete /shop/dev/api/key --yes").success();
    home.run_with("parameter put /shop/dev/extra - --type String", &format!("{CANARY} extra")).success();
    home.run("restore plan latest --delete-extra --out plan.json").success();
    home
}

/// The values, by name.
fn values(home: &Home) -> Vec<(String, String)> {
    let listed = stdout(&home.run("parameter list --output json").success());
    let listed: Value = serde_json::from_str(&listed).unwrap();
    let names = listed["Parameters"].as_array().unwrap().iter().map(|one| one["Name"].as_str().unwrap().to_owned());
    names
        .map(|name| {
            let shown = stdout(&home.run(&format!("parameter get {name} --reveal --output json")).success());
            let shown: Value = serde_json::from_str(&shown).unwrap();
            let value = shown["Parameter"]["Value"].as_str().unwrap().strip_prefix(CANARY).unwrap().trim().to_owned();
            (name, value)
        })
        .collect()
}

fn report(home: &Home, arguments: &str, code: i32) -> Value {
    let run = home.run(&format!("restore {arguments} --output json")).code(code);
    assert!(!stdout(&run).contains(CANARY) && !stderr(&run).contains(CANARY));
    serde_json::from_str(&stdout(&run)).unwrap_or_else(|error| panic!("{error}: {} {}", stdout(&run), stderr(&run)))
}

#[test]
fn a_plan_is_applied_and_undone_and_the_undoing_is_undone() {
    let home = planned();
    let changed = values(&home);
    let refused = home.run("restore apply plan.json").code(2);
    assert!(stderr(&refused).contains("--yes"), "{}", stderr(&refused));
    assert_eq!(values(&home), changed);

    let done = report(&home, "apply plan.json --yes", 0);
    assert_eq!((&done["verdict"], &done["counts"]["done"]), (&"complete".into(), &3.into()), "{done}");
    assert_eq!(done["outcomes"].as_array().unwrap().len(), 4);
    let restored = values(&home);
    let names: Vec<_> = restored.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["/shop/dev/api/key", "/shop/dev/db/password", "/shop/dev/same"]);
    assert!(restored.iter().all(|(name, value)| name == value), "{restored:?}");
    let plan = home.run("restore plan latest --delete-extra --exit-code").success();
    assert!(stdout(&plan).contains("Nothing to do"), "{}", stdout(&plan));
    // The snapshot for undo is listed when asked for, and is not the latest.
    assert!(!stdout(&home.run("snapshots").success()).contains("dev.undo"));
    assert!(stdout(&home.run("snapshots --all").success()).contains("dev.undo"));

    let again = report(&home, "apply plan.json --yes", 0);
    assert_eq!((&again["resumed"], &again["calls"]), (&true.into(), &0.into()));

    let undone = report(&home, "undo --yes", 0);
    assert_eq!(undone["verdict"], "complete", "{undone}");
    assert_eq!(values(&home), changed);
    let redone = report(&home, &format!("undo {} --yes", undone["plan"].as_str().unwrap()), 0);
    assert_eq!(redone["verdict"], "complete", "{redone}");
    assert_eq!(values(&home), restored);
}

#[test]
fn only_what_was_approved_is_applied_and_what_others_changed_is_left_alone() {
    let home = planned();
    let hash = parados_backup::document::Digest::of(&std::fs::read(home.path().join("plan.json")).unwrap()).to_string();
    let refused = home.run(&format!("restore apply plan.json --yes --hash sha256:{}", "0".repeat(64))).code(2);
    assert!(stderr(&refused).contains(&hash), "{}", stderr(&refused));
    home.run_with("parameter put /shop/dev/db/password - --overwrite", &format!("{CANARY} theirs")).success();
    let run = home.run(&format!("restore apply plan.json --yes --hash {hash}")).code(3);
    let text = stdout(&run);
    for words in ["/shop/dev/db/password", "changed", "partial: 2 done", "parados restore undo"] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
    assert!(values(&home).contains(&("/shop/dev/db/password".to_owned(), "theirs".to_owned())));
    let unknown = home.run("restore undo 0123456789abcdef --yes").code(2);
    assert!(stderr(&unknown).contains("0123456789abcdef"), "{}", stderr(&unknown));
    let another = Home::new();
    another.run("init").success();
    let store = another.data().join("store");
    let other = home.run(&format!("restore apply plan.json --yes --into embedded:{}", store.display())).code(1);
    assert!(stderr(&other).contains("the plan is for"), "{}", stderr(&other));
}

#[test]
fn a_plan_means_the_same_store_wherever_it_is_applied() {
    let home = planned();
    let data = home.data();
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(data.join("store"), home.path().join("link")).unwrap();
    let config = "version: 1\nproject: parados\nstore: embedded:link\nenvironments: {dev: }\n";
    std::fs::write(home.path().join("parados.yaml"), config).unwrap();
    let repository = format!("--repository file://{}", data.join("repository").display());
    for flags in ["--store embedded:.local/share/parados/store", "--into embedded:link", ""] {
        let flags = format!("{flags} {repository} --environment dev --delete-extra --out plan.json");
        home.run(&format!("restore plan latest {flags}")).success();
        let saved: Value = serde_json::from_slice(&std::fs::read(home.path().join("plan.json")).unwrap()).unwrap();
        let folder = data.join("store").canonicalize().unwrap();
        assert_eq!(saved["into"]["folder"].as_str(), folder.to_str(), "{flags}");
    }
    std::fs::remove_file(home.path().join("parados.yaml")).unwrap();
    let plan = home.path().join("plan.json");
    let mut apply = home.command();
    apply.args(["restore", "apply", "--yes"]).arg(plan).current_dir(elsewhere.path());
    apply.assert().success();
    let restored = values(&home);
    assert!(restored.len() == 3 && restored.iter().all(|(name, value)| name == value), "{restored:?}");
    assert_eq!(std::fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}
