//! Drills, as whoever has `parados` alone runs them: on a schedule, by exit code.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::parados::{Home, stderr, stdout};

/// A home with three parameters in a store, and a snapshot of them.
fn backed_up() -> Home {
    let home = Home::new();
    home.run("init").success();
    home.run_with(
        "parameter put /shop/dev/password --type SecureString --description secret --tag team=blue",
        "canary-drill-1",
    )
    .success();
    home.run_with("parameter put /shop/dev/host --type String", "one").success();
    home.run_with("parameter put /shop/dev/host --overwrite", "two").success();
    home.run_with("parameter put /shop/dev/list --type StringList", "a,b").success();
    home.run("backup --environment dev --with-history").success();
    home
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn a_drill_passes_and_leaves_signed_evidence_and_nothing_else() {
    let home = backed_up();
    let run = home.run("drill --output json").success();
    let view: Value = serde_json::from_str(&stdout(&run)).unwrap();
    assert_eq!(
        (&view["verdict"], &view["counts"]["equal"], &view["counts"]["versions"]),
        (&"passed".into(), &3.into(), &4.into())
    );
    assert_eq!(view["snapshot"]["sequence"], 1);

    let left = files(&home.data().join("drills"));
    let extensions: Vec<_> = left.iter().map(|path| path.to_str().unwrap().split_once('.').unwrap().1).collect();
    assert_eq!(left.len(), 3, "{extensions:?}");
    assert_eq!(files(&home.data().join("scratch")), Vec::<PathBuf>::new(), "the store is thrown away");
    let line = fs::read_to_string(view["files"]["evidence"].as_str().unwrap()).unwrap();
    let evidence: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(evidence["verdict"], "passed");
    let page = fs::read_to_string(view["files"]["page"].as_str().unwrap()).unwrap();
    assert!(page.contains("Recovery proved"));
    for text in [&line, &page, &stdout(&run), &stderr(&run)] {
        assert!(!text.contains("canary-drill-1"), "{text}");
    }

    let allowed = home.path().join("allowed_signers");
    let public = fs::read_to_string(home.data().join("keys/signing_ed25519.pub")).unwrap();
    fs::write(&allowed, format!("ops {public}")).unwrap();
    let mut ssh_keygen = testkit::tool("ssh-keygen");
    ssh_keygen.args(["-Y", "verify", "-I", "ops", "-n", "parados-evidence", "-f"]).arg(&allowed);
    ssh_keygen.args(["-s", view["files"]["signature"].as_str().unwrap()]);
    ssh_keygen.stdin(fs::File::open(view["files"]["evidence"].as_str().unwrap()).unwrap());
    assert!(ssh_keygen.output().unwrap().status.success());
}

#[test]
fn a_drill_reads_well_and_takes_a_folder_and_a_selection() {
    let home = backed_up();
    let folder = home.path().join("evidence");
    let run = home.run(&format!("drill latest --evidence {} --name-contains host", folder.display())).success();
    let text = stdout(&run);
    assert!(text.contains("passed: all of 1 parameters came back as they were"), "{text}");
    assert!(text.contains("thrown away since") && text.contains(".html"), "{text}");
    assert_eq!(files(&folder).len(), 3);
    home.run("drill --name-contains nothing-like-it").code(1);
}

#[test]
fn under_a_prefix_of_a_real_store_nothing_is_left_and_clean_up_removes_what_was_killed() {
    let home = backed_up();
    let other = home.path().join("other");
    home.run(&format!("init --store embedded:{}", other.display())).success();
    let store = format!("embedded:{}", other.display());
    let put = |name: &str| {
        home.run_with(&format!("parameter put {name} --type String --store {store}"), "v").success();
    };
    put("/shop/dev/mine");
    let run = home.run(&format!("drill --environment dev --into {store} --output json")).success();
    let view: Value = serde_json::from_str(&stdout(&run)).unwrap();
    assert!(view["into"]["prefix"].as_str().unwrap().starts_with("/parados-drill/"), "{view:#}");
    let names = || stdout(&home.run(&format!("parameter list --store {store}")).success());
    assert!(names().contains("/shop/dev/mine") && !names().contains("/parados-drill/"), "{}", names());

    put("/parados-drill/0123456789abcdef/shop/dev/left");
    put("/parados-drill/notes");
    fs::create_dir_all(home.data().join("scratch/scratch-0123456789abcdef")).unwrap();
    let clean_up = format!("drill --clean-up --environment dev --into {store}");
    let asked = home.run(&clean_up).code(2);
    assert!(stderr(&asked).contains("--yes"), "{}", stderr(&asked));
    let run = home.run(&format!("{clean_up} --yes")).success();
    assert!(stderr(&run).contains("deleted 1 under /parados-drill/0123456789abcdef/"), "{}", stderr(&run));
    assert!(!names().contains("0123456789abcdef") && names().contains("/parados-drill/notes"), "{}", names());
    assert_eq!(files(&home.data().join("scratch")), Vec::<PathBuf>::new());
}

#[test]
fn a_drill_of_what_cannot_be_opened_fails_and_is_evidence_too() {
    let home = backed_up();
    let identity = home.data().join("keys/identity.age.txt");
    let elsewhere = home.path().join("moved");
    fs::rename(&identity, &elsewhere).unwrap();
    let run = home.run("drill").code(1);
    assert!(stdout(&run).contains("FAILED"), "{}{}", stdout(&run), stderr(&run));
    fs::rename(&elsewhere, &identity).unwrap();

    // A document whose bytes are others.
    let repository = home.data().join("repository");
    let object = repository.join(fs::read_to_string(repository.join("latest.txt")).unwrap().trim());
    let mut bytes = fs::read(&object).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&object, bytes).unwrap();
    let run = home.run("drill --output json").code(1);
    let view: Value = serde_json::from_str(&stdout(&run)).unwrap();
    assert_eq!(view["verdict"], "failed");
    assert_eq!(files(&home.data().join("scratch")), Vec::<PathBuf>::new());
}
