//! `parados copy`, `key rotate` and `prune` killed in the middle, and run again: the real process, by SIGKILL.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use crate::parados::{Home, stderr, stdout};

const SIGKILL: i32 = 9;
/// Snapshots of dev.
const SNAPSHOTS: usize = 8;

/// A home, and a copy of how it was before what is killed.
struct Scene {
    home: Home,
    before: TempDir,
}

impl Scene {
    /// With some snapshots, and whatever `prepare` does.
    fn new(prepare: impl FnOnce(&Home)) -> Self {
        let home = Home::new();
        home.run("init").success();
        for number in 0..SNAPSHOTS {
            let flags = if number == 0 { "" } else { "--overwrite" };
            home.run_with(&format!("parameter put /shop/dev/key - {flags}"), &format!("value {number}")).success();
            home.run("backup --environment dev").success();
        }
        prepare(&home);
        let before = tempfile::tempdir().unwrap();
        copy(home.path(), before.path());
        Self { home, before }
    }

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

    /// Runs `arguments`, and kills the process when `is_there` says so. Whether it was killed.
    fn killed(&self, arguments: &str, is_there: impl Fn() -> bool) -> bool {
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("parados"))
            .env_clear()
            .env("HOME", self.home.path())
            .current_dir(self.home.path())
            .args(arguments.split_whitespace())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while !is_there() && child.try_wait().unwrap().is_none() {
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap().signal() == Some(SIGKILL)
    }

    fn repository(&self) -> PathBuf {
        self.home.data().join("repository")
    }

    fn json(&self, arguments: &str, code: i32) -> Value {
        let run = self.home.run(&format!("{arguments} --output json")).code(code);
        serde_json::from_str(&stdout(&run)).unwrap_or_else(|error| panic!("{error}: {} {}", stdout(&run), stderr(&run)))
    }

    /// How many snapshots are listed; each is whole.
    fn whole(&self, repository: &Path) -> usize {
        let at = format!("--repository {}", repository.display());
        let snapshots = self.json(&format!("snapshots {at}"), 0)["snapshots"].as_array().unwrap().len();
        if snapshots > 0 {
            self.home.run(&format!("verify --all --read {at}")).success();
        }
        snapshots
    }
}

fn copy(from: &Path, to: &Path) {
    assert!(Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap().success());
}

/// The files below a folder, but for those that are not complete: what a process that was killed was writing has a number behind a #.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(one) = folders.pop() {
        // Something else may make and take away folders at this moment.
        for path in std::fs::read_dir(&one).into_iter().flatten().flatten().map(|entry| entry.path()) {
            match path.is_dir() {
                true if path.ends_with(".staging") => {}
                true => folders.push(path),
                false if path.to_string_lossy().contains('#') => {}
                false => drop(found.insert(path.clone(), std::fs::read(&path).unwrap_or_default())),
            }
        }
    }
    found.into_iter().map(|(path, bytes)| (path.strip_prefix(folder).unwrap().to_owned(), bytes)).collect()
}

/// What [`files`] leaves out.
fn staged(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        match path.is_dir() {
            true => found.extend(staged(&path)),
            false => found.extend(Some(path).filter(|path| {
                let path = path.to_string_lossy();
                path.contains('#') || path.contains("/.staging/")
            })),
        }
    }
    found
}

fn count(folder: &Path, ending: &str) -> usize {
    files(folder).keys().filter(|path| path.to_string_lossy().ends_with(ending)).count()
}

#[test]
fn a_copy_that_is_killed_anywhere_is_ended_by_the_next_and_is_the_same() {
    let scene = Scene::new(|_| {});
    let there = scene.home.path().join("second");
    scene.json("copy --to second", 0);
    let expected = files(&there);
    assert!(expected == files(&scene.repository()));
    let (mut stood, mut left_over) = (BTreeSet::new(), 0);
    for wanted in (1..expected.len()).step_by(3) {
        scene.begin_again();
        let killed = scene.killed("copy --to second", || files(&there).len() >= wanted);
        let arrived = files(&there).len();
        if killed && arrived < expected.len() {
            stood.insert(arrived);
        }
        // Of the repository that it is a copy of this machine has seen more, and would say so.
        std::fs::remove_dir_all(scene.home.data().join("pins")).ok();
        if there.join("parados.json").exists() {
            assert!(scene.whole(&there) <= SNAPSHOTS, "what is listed is whole, after {arrived} objects");
        }
        assert_eq!(scene.json("copy --to second", 0)["verdict"], "complete");
        let (found, names) = (files(&there), expected.keys().collect::<Vec<_>>());
        assert_eq!(found.keys().collect::<Vec<_>>(), names, "killed after {arrived} objects");
        assert!(found == expected, "killed after {arrived} objects");

        // What it was writing stays as long as it is young, and is swept when it is not.
        const PRUNE: &str = "prune --keep-last 99 --repository second --yes";
        let unfinished = staged(&there);
        let young = scene.json(PRUNE, 0)["leftovers"]["staged"].clone();
        let is_kept = |one: &Value| one["action"] == "keep" && one["outcome"].is_null();
        assert!(young.as_array().unwrap().iter().all(is_kept) && staged(&there) == unfinished, "{young}");
        for path in &unfinished {
            let aged = SystemTime::now() - Duration::from_hours(30 * 24);
            std::fs::File::options().write(true).open(path).unwrap().set_modified(aged).unwrap();
        }
        let swept = scene.json(PRUNE, 0)["leftovers"]["staged"].clone();
        let is_gone = |one: &Value| one["action"] == "remove" && one["outcome"]["is"] == "done";
        assert!(swept.as_array().unwrap().iter().all(is_gone), "{swept}");
        assert_eq!((swept.as_array().unwrap().len(), staged(&there)), (unfinished.len(), Vec::new()));
        assert!(files(&there) == expected, "and nothing else went");
        left_over += unfinished.len();
    }
    assert_eq!(scene.whole(&there), SNAPSHOTS);
    assert!(left_over > 0, "not once was it killed in the middle of writing a file");
    // Whoever watches may be late, but not every time.
    assert!(stood.len() >= 3, "it was killed in the middle only after {stood:?} objects");
}

#[test]
fn sealing_again_that_is_killed_anywhere_is_ended_by_the_next_and_what_it_left_is_found() {
    let scene = Scene::new(|home| {
        let made = testkit::tool("age-keygen").arg("-o").arg(home.path().join("second.txt")).output().unwrap();
        assert!(made.status.success());
    });
    let public = testkit::tool("age-keygen").arg("-y").arg(scene.home.path().join("second.txt")).output().unwrap();
    let public = String::from_utf8(public.stdout).unwrap().trim().to_owned();
    let first = scene.json("key check", 0)["identities"][0].as_str().unwrap().to_owned();
    let rotate = format!("key rotate {first} {public} --yes");
    let opens = |identity: &str| {
        let checked = scene.home.run(&format!("key check --output json {identity}"));
        let checked: Value = serde_json::from_str(&stdout(&checked)).unwrap();
        checked["snapshots"].as_array().unwrap().iter().filter(|one| one["opens"] == true).count()
    };
    let repository = scene.repository();
    let mut stood = BTreeSet::new();
    let mut left_over = 0;
    for wanted in (1..SNAPSHOTS).step_by(2) {
        for of_amendments in [false, true] {
            scene.begin_again();
            let documents = count(&repository, ".json.zst.age");
            let killed = scene.killed(&rotate, || match of_amendments {
                true => count(&repository, ".amendment") >= wanted,
                false => count(&repository, ".json.zst.age") >= documents + wanted,
            });
            let amended = count(&repository, ".amendment");
            if killed && amended < SNAPSHOTS {
                stood.insert(amended);
            }
            // Each is sealed to the one or to the other, and none to nobody.
            let (first, second) = (opens(""), opens("--identity second.txt"));
            assert_eq!((first, second), (SNAPSHOTS - amended, amended), "after {amended} amendments");
            let again = scene.json(
                &format!("{rotate} --identity second.txt --identity .local/share/parados/keys/identity.age.txt"),
                0,
            );
            assert_eq!(opens("--identity second.txt"), SNAPSHOTS, "{again}");
            scene.home.run("verify --all --read --identity second.txt").success();

            // What it wrote and did not name is found by prune, which leaves it as long as it is young.
            let unnamed = count(&repository, ".json.zst.age") - documents - SNAPSHOTS;
            let plan = scene.json("prune --keep-last 99 --dry-run", 0);
            let found = plan["leftovers"]["objects"].as_array().unwrap();
            assert!(found.len() == unnamed && found.iter().all(|one| one["action"] == "keep"), "{plan}");
            left_over += unnamed;
        }
    }
    assert!(stood.len() >= 2, "it was killed in the middle only after {stood:?} amendments");
    assert!(left_over > 0, "not once was it killed between an object and its amendment");
}

#[test]
fn pruning_that_is_killed_anywhere_keeps_what_is_kept_and_is_ended_by_the_next() {
    const PRUNE: &str = "prune --keep-last 2 --grace 0s --yes";
    let scene = Scene::new(|home| drop(home.run(PRUNE).success()));
    let repository = scene.repository();
    let marked = files(&repository);
    scene.json(PRUNE, 0);
    let expected: BTreeSet<_> = files(&repository).into_keys().collect();
    assert_eq!(scene.whole(&repository), 2);
    let goes = marked.keys().filter(|key| !expected.contains(*key)).count();
    assert_eq!(goes, 3 * (SNAPSHOTS - 2), "a manifest, a document and a mark of each");
    let mut stood = BTreeSet::new();
    for wanted in (1..goes).step_by(2) {
        scene.begin_again();
        let gone = || {
            let left = files(&repository);
            marked.keys().filter(|key| !left.contains_key(*key)).count()
        };
        let killed = scene.killed(PRUNE, || gone() >= wanted);
        let at = gone();
        if killed && at < goes {
            stood.insert(at);
        }
        // No manifest stands without its document, and the chain is whole.
        assert!((2..=SNAPSHOTS).contains(&scene.whole(&repository)), "{at} objects are gone");
        assert_eq!(scene.json(PRUNE, 0)["verdict"], "complete");
        assert_eq!(files(&repository).into_keys().collect::<BTreeSet<_>>(), expected, "{at} objects were gone");
        assert_eq!(scene.whole(&repository), 2);
    }
    assert!(stood.len() >= 3, "it was killed in the middle only after {stood:?} objects were gone");
}
