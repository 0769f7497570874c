//! `parados restore apply` killed wherever its journal stands, and run again.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::parados::{Home, stdout};

const SIGKILL: i32 = 9;
const APPLY: [&str; 6] = ["restore", "apply", "plan.json", "--yes", "--output", "json"];

/// A home with a plan that updates, creates and deletes, in 13 steps, and a copy of how it was before the plan was applied.
struct Planned {
    home: Home,
    before: TempDir,
    steps: usize,
}

impl Planned {
    fn new() -> Self {
        let home = Home::new();
        home.run("init").success();
        for name in ["/shop/dev/made", "/shop/dev/changed"] {
            for version in 1..=3 {
                let flags = if version == 1 { "--tag team=core" } else { "--overwrite" };
                home.run_with(&format!("parameter put {name} - {flags}"), &format!("{name} {version}")).success();
            }
            home.run(&format!("parameter label {name} old --parameter-version 1")).success();
            home.run(&format!("parameter label {name} new --parameter-version 3")).success();
        }
        home.run_with("parameter put /shop/dev/same -", "same").success();
        home.run("backup --environment dev --with-history").success();
        home.run("parameter delete /shop/dev/made --yes").success();
        home.run_with("parameter put /shop/dev/changed - --overwrite", "rotated").success();
        home.run("parameter tag /shop/dev/changed team=web owner=me").success();
        home.run_with("parameter put /shop/dev/extra -", "extra").success();
        home.run(&format!("{PLAN} --out plan.json")).success();
        let plan: Value = serde_json::from_slice(&std::fs::read(home.path().join("plan.json")).unwrap()).unwrap();
        let steps = |change: &Value| change["steps"].as_array().map_or(0, Vec::len);
        let steps = plan["changes"].as_array().unwrap().iter().map(steps).sum();
        let before = tempfile::tempdir().unwrap();
        copy(home.path(), before.path());
        Self { home, before, steps }
    }

    /// Puts the home back to what it was before the plan was applied.
    fn begin_again(&self) {
        for entry in std::fs::read_dir(self.home.path()).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => std::fs::remove_dir_all(path).unwrap(),
                false => std::fs::remove_file(path).unwrap(),
            }
        }
        copy(self.before.path(), self.home.path());
    }

    /// Applies the plan, and kills it when its journal has this many lines. Whether it was killed, and how many lines there are.
    fn killed_after(&self, lines: usize) -> (bool, usize) {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("parados"))
            .env_clear()
            .env("HOME", self.home.path())
            .current_dir(self.home.path())
            .args(APPLY)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while self.journal() < lines && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        (child.wait().unwrap().signal() == Some(SIGKILL), self.journal())
    }

    /// How many whole lines the journal has.
    fn journal(&self) -> usize {
        let Ok(mut plans) = std::fs::read_dir(self.home.data().join("restores")) else { return 0 };
        let journal = plans.next().map(|plan| plan.unwrap().path().join("journal.ndjson"));
        let bytes = journal.and_then(|journal| std::fs::read(journal).ok()).unwrap_or_default();
        bytes.iter().filter(|byte| **byte == b'\n').count()
    }

    /// Applies the plan to its end.
    fn apply(&self) -> Value {
        let run = self.home.command().args(APPLY).assert().success();
        serde_json::from_str(&stdout(&run)).unwrap()
    }

    /// Every version of every parameter: its number, its value and its labels.
    fn versions(&self) -> BTreeMap<String, Vec<(i64, String, Vec<String>)>> {
        let listed: Value =
            serde_json::from_str(&stdout(&self.home.run("parameter list --output json").success())).unwrap();
        let names = listed["Parameters"].as_array().unwrap().iter().map(|one| one["Name"].as_str().unwrap());
        names.map(|name| (name.to_owned(), self.history(name))).collect()
    }

    fn history(&self, name: &str) -> Vec<(i64, String, Vec<String>)> {
        let history = self.home.run(&format!("parameter history {name} --reveal --output json")).success();
        let history: Value = serde_json::from_str(&stdout(&history)).unwrap();
        let version = |version: &Value| {
            let labels = version["Labels"].as_array().unwrap().iter();
            let labels = labels.map(|label| label.as_str().unwrap().to_owned()).collect();
            (version["Version"].as_i64().unwrap(), version["Value"].as_str().unwrap().to_owned(), labels)
        };
        history["Parameters"].as_array().unwrap().iter().map(version).collect()
    }
}

const PLAN: &str = "restore plan latest --delete-extra --with-history --conflict overwrite";

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(copied.success());
}

#[test]
fn a_restore_that_is_killed_anywhere_ends_complete_and_nothing_is_put_twice() {
    let planned = Planned::new();
    let undisturbed = planned.apply();
    assert_eq!((&undisturbed["verdict"], &undisturbed["resumed"]), (&"complete".into(), &false.into()));
    let (restored, lines) = (planned.versions(), planned.journal());
    // Its own first lines, and two of each step.
    assert_eq!((planned.steps, lines), (13, 2 + 2 * 13));
    let numbers = |name: &str| restored[name].iter().map(|(version, ..)| *version).collect::<Vec<_>>();
    assert_eq!(
        numbers("/shop/dev/changed"),
        [1, 2, 3, 4, 5, 6, 7],
        "the three versions, put after the one that was there"
    );
    assert_eq!(numbers("/shop/dev/made"), [1, 2, 3]);
    assert_eq!(numbers("/shop/dev/same"), [1]);

    let mut stood = BTreeSet::new();
    for wanted in (1..lines).step_by(2) {
        planned.begin_again();
        let (killed, journal) = planned.killed_after(wanted);
        assert!(journal >= wanted, "the journal has {journal} lines of {wanted}");
        if killed && journal < lines {
            stood.insert(journal);
        }
        let resumed = planned.apply();
        let at = format!("killed after {journal} lines: {resumed}");
        assert_eq!((&resumed["verdict"], &resumed["resumed"]), (&"complete".into(), &true.into()), "{at}");
        assert_eq!(planned.versions(), restored, "{at}");
        let same = planned.home.run(&format!("{PLAN} --exit-code")).success();
        assert!(stdout(&same).contains("Nothing to do"), "{at}\n{}", stdout(&same));
    }
    // Whoever watches the journal may be late, but not every time.
    assert!(stood.len() >= 5, "it was killed in the middle only after {stood:?} lines");
}
