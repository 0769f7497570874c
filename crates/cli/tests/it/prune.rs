//! `parados prune` and `parados lock` on the embedded store and a local folder.

use std::time::{Duration, SystemTime};

use serde_json::Value;
use testkit::python;

use crate::parados::{Home, stderr, stdout};

/// Four backups of dev, and one of prod.
fn backed_up() -> Home {
    let home = Home::new();
    home.run("init").success();
    for environment in ["dev", "prod"] {
        home.run_with(&format!("parameter put /shop/{environment}/key - --type SecureString"), "canary-prune")
            .success();
    }
    for environment in ["dev", "dev", "dev", "dev", "prod"] {
        home.run(&format!("backup --project shop --environment {environment}")).success();
    }
    home
}

fn json(home: &Home, arguments: &str, code: i32) -> Value {
    let run = home.run(&format!("{arguments} --output json")).code(code);
    serde_json::from_str(&stdout(&run)).unwrap_or_else(|error| panic!("{error}: {} {}", stdout(&run), stderr(&run)))
}

fn count(home: &Home) -> usize {
    json(home, "snapshots", 0)["snapshots"].as_array().unwrap().len()
}

/// The actions of a target, oldest snapshot first.
fn actions(report: &Value, target: usize) -> Vec<&str> {
    let snapshots = report["targets"][target]["snapshots"].as_array().unwrap();
    snapshots.iter().map(|snapshot| snapshot["action"].as_str().unwrap()).collect()
}

#[test]
fn what_is_not_kept_is_marked_and_then_removed() {
    let home = backed_up();
    let dry = json(&home, "prune --keep-last 2 --dry-run", 0);
    assert_eq!((&dry["applied"], actions(&dry, 0)), (&Value::Bool(false), vec!["mark", "mark", "keep", "keep"]));
    assert_eq!(actions(&dry, 1), ["keep"]);
    let text = stdout(&home.run("prune --keep-last 2 --dry-run").success());
    assert!(text.contains("Nothing is done yet") && text.contains("keep last 2: 2 of 4"), "{text}");

    let run = home.run("prune --keep-last 2").code(2);
    assert!(stderr(&run).contains("--yes") && stderr(&run).contains("mark 2"), "{}", stderr(&run));
    let marked = json(&home, "prune --keep-last 2 --yes", 0);
    assert_eq!((actions(&marked, 0), count(&home)), (vec!["mark", "mark", "keep", "keep"], 5));
    assert_eq!(marked["targets"][0]["snapshots"][0]["outcome"]["is"], "done");
    assert_eq!(actions(&json(&home, "prune --keep-last 2 --yes", 0), 0)[..2], ["wait", "wait"]);
    let swept = json(&home, "prune --keep-last 2 --grace 0s --yes", 0);
    assert_eq!((actions(&swept, 0), count(&home)), (vec!["remove", "remove", "keep", "keep"], 3));
    json(&home, "verify --all --read", 0);
    let next = json(&home, "backup --project shop --environment dev", 0);
    assert_eq!(next["sequence"], 5);
    json(&home, "verify --all --read", 0);
}

#[test]
fn what_was_never_completed_in_a_folder_is_named_and_removed_when_it_is_old() {
    let home = backed_up();
    let repository = home.data().join("repository");
    let place = "manifests/shop/dev/000000000000/embedded";
    std::fs::create_dir(repository.join(".staging")).unwrap();
    // Two that a killed process left, one of which an hour ago; then somebody's own, and a link to something else.
    let files = [&format!("{place}/0000000005.manifest#1"), "latest.txt#2", ".staging/0f", "notes#1", "parados.json#x"];
    let ages = [30 * 24, 1, 30 * 24, 30 * 24, 30 * 24];
    for (name, hours) in files.into_iter().zip(ages) {
        let file = std::fs::File::create(repository.join(name)).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_hours(hours)).unwrap();
    }
    let elsewhere = home.path().join("elsewhere");
    std::fs::create_dir(&elsewhere).unwrap();
    let foreign = std::fs::File::create(elsewhere.join("a.lock#1")).unwrap();
    foreign.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    std::os::unix::fs::symlink(&elsewhere, repository.join("locks")).unwrap();

    let text = stdout(&home.run("prune --keep-last 9 --dry-run").success());
    assert!(text.contains("files that were never completed: 3") && text.contains("was due on"), "{text}");
    assert!(text.contains("latest.txt#2") && text.contains("it is too young"), "{text}");
    let there = |home: &Home| files.map(|name| home.data().join("repository").join(name).exists());
    assert_eq!(there(&home), [true; 5], "a plan removes nothing");
    let asked = stderr(&home.run("prune --keep-last 9").code(2));
    assert!(asked.contains("of what nothing names remove 2"), "{asked}");
    // They are of all targets.
    assert!(json(&home, "prune --keep-last 9 --environment dev --yes", 0)["leftovers"].is_null());

    let report = json(&home, "prune --keep-last 9 --yes", 0);
    let staged: Vec<_> = report["leftovers"]["staged"].as_array().unwrap().iter().collect();
    let told: Vec<_> =
        staged.iter().map(|one| (one["key"].as_str().unwrap(), one["action"].as_str().unwrap())).collect();
    assert_eq!(told, [(files[2], "remove"), (files[1], "keep"), (files[0], "remove")]);
    assert_eq!((&staged[0]["outcome"]["is"], &staged[1]["outcome"]), (&"done".into(), &Value::Null));
    assert_eq!(there(&home), [false, true, false, true, true]);
    assert!(elsewhere.join("a.lock#1").exists(), "links are not followed");
    std::fs::remove_file(repository.join("locks")).unwrap();
    json(&home, "verify --all --read", 0);

    // A grace time of nothing does not count for them: an hour is young.
    let young = json(&home, "prune --keep-last 9 --grace 0s --yes", 0);
    assert_eq!(young["leftovers"]["staged"][0]["action"], "keep");
    // Where something is damaged, they still go: nothing can name them.
    let manifest = repository.join(place).join("0000000002.manifest");
    std::fs::remove_file(manifest).unwrap();
    std::fs::File::create(repository.join(files[2])).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let report = json(&home, "prune --keep-last 9 --yes", 3);
    assert!(!report["leftovers"]["refused"].as_array().unwrap().is_empty(), "{report}");
    assert_eq!(there(&home), [false, true, false, true, true]);
}

#[test]
fn a_lock_is_made_listed_and_taken_away() {
    let home = backed_up();
    let listed = json(&home, "snapshots --environment dev", 0);
    let first = listed["snapshots"][0]["id"].as_str().unwrap().to_owned();
    let lock = json(&home, &format!("lock add {first} --reason audit"), 0);
    assert_eq!((&lock["locks"][0]["snapshot"], &lock["locks"][0]["holds"]), (&first.clone().into(), &true.into()));
    json(&home, &format!("lock add {first} --reason again --for 30d"), 0);
    assert_eq!(json(&home, "lock list", 0)["locks"].as_array().unwrap().len(), 2);
    let report = json(&home, "prune --environment dev --keep-last 1 --yes", 0);
    assert_eq!(actions(&report, 0), ["keep", "mark", "mark", "keep"]);
    assert_eq!(report["targets"][0]["snapshots"][0]["kept_by"][0], "locked");
    assert_eq!(report["targets"].as_array().unwrap().len(), 1, "only what was asked for");
    let gone = json(&home, &format!("lock remove {first}"), 0);
    assert_eq!(gone["locks"].as_array().unwrap().len(), 2);
    assert!(stderr(&home.run(&format!("lock remove {first}")).code(1)).contains("is not locked"));
    assert_eq!(actions(&json(&home, "prune --environment dev --keep-last 1 --dry-run", 0), 0)[0], "mark");
}

#[test]
fn what_is_kept_is_said_in_the_configuration() {
    let home = backed_up();
    let config = "version: 1\nproject: shop\nstore: embedded\nkeep: { last: 3 }\nenvironments:\n  dev: {}\n  prod:\n    keep: { daily: 7, grace: 30d }\n";
    std::fs::write(home.path().join("parados.yaml"), config).unwrap();
    let place = format!("--repository {}", home.data().join("repository").display());
    let report = json(&home, &format!("prune --dry-run {place}"), 0);
    assert_eq!(report["targets"][0]["policy"], "last 3");
    assert_eq!(report["targets"][1]["policy"], "daily 7");
    assert_eq!(actions(&report, 0), ["mark", "keep", "keep", "keep"]);
    let report = json(&home, &format!("prune --dry-run --keep-last 1 {place}"), 0);
    assert_eq!(report["targets"][0]["policy"], "last 1");
}

#[test]
fn nothing_is_pruned_without_a_policy_a_key_or_a_whole_chain() {
    let home = backed_up();
    assert!(stderr(&home.run("prune --yes").code(2)).contains("--keep-last 7"));
    json(&home, "prune --project other --keep-last 1 --yes", 3);
    let manifest = home.data().join("repository/manifests/shop/dev/000000000000/embedded/0000000002.manifest");
    std::fs::remove_file(manifest).unwrap();
    let report = json(&home, "prune --keep-last 1 --yes", 3);
    assert!(report["targets"][0]["refused"][0].as_str().unwrap().contains("removed"), "{report}");
    assert_eq!(report["verdict"], "partial");
    assert!(stderr(&home.run("prune --keep-last 1 --yes --environment dev").code(1)).contains("parados verify --all"));
    assert_eq!(count(&home), 4);
    std::fs::remove_file(home.data().join("keys/signing_ed25519")).unwrap();
    assert!(stderr(&home.run("prune --keep-last 1 --yes").code(2)).contains("no key to sign with"));
}

/// What `prune` says and its code, on a terminal where `keys` are typed at its question.
fn at_the_terminal(home: &Home, keys: &str) -> (i32, String) {
    let command = home.command();
    let mut python = python();
    python
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/at_the_terminal.py"))
        .arg(keys)
        .arg(command.get_program())
        .args(["prune", "--keep-last", "2"]);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => python.env(name, value),
            None => python.env_remove(name),
        };
    }
    let run = python.output().unwrap();
    (run.status.code().unwrap(), String::from_utf8_lossy(&run.stdout).into_owned())
}

#[test]
fn the_question_is_answered_or_ended_by_a_signal() {
    let home = backed_up();
    let waits = |home: &Home| actions(&json(home, "prune --keep-last 2 --dry-run", 0), 0)[0] == "wait";
    // Ctrl-C: no Enter comes behind it, so what waited for one would wait for ever.
    let (code, said) = at_the_terminal(&home, "03");
    assert!(code == 130 && said.contains("stopped") && !waits(&home), "{code}: {said}");
    // n, Enter.
    let (code, said) = at_the_terminal(&home, "6e0a");
    assert!(code == 1 && said.contains("nothing was pruned") && !waits(&home), "{code}: {said}");
    // y, Enter.
    let (code, said) = at_the_terminal(&home, "790a");
    assert!(code == 0 && waits(&home), "{code}: {said}");
}
