//! Planted secrets: whatever command is run, in whichever form and however it goes wrong, no value and no private key is in what it
//! prints, logs, and leaves in files.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use serde_json::{Value, json};
use testkit::Canary;

use crate::parados::Home;

/// Every form in which a command speaks: for a person and for a program, with all that it logs and every event of its progress.
const FORMS: [&str; 2] = ["--log trace --progress json", "--log trace --progress json --output json"];

/// A home whose values are planted.
struct Planted {
    home: Home,
    /// The values: in nothing that is printed or left.
    values: RefCell<Canary>,
    /// The private keys: in nothing that is printed, and in no file but their own.
    keys: Canary,
    /// The commands that were run, by their first words.
    ran: Mutex<Vec<String>>,
}

impl Planted {
    fn new() -> Self {
        let home = Home::new();
        home.run("init").success();
        let (mut values, mut keys) = (Canary::new(), Canary::new());
        for (number, kind) in ["String", "StringList", "SecureString"].into_iter().enumerate() {
            for version in 1..=3 {
                let value = values.plant(&format!("{kind} {version}"));
                let flags =
                    if version == 1 { format!("--type {kind} --tag team=core") } else { "--overwrite".to_owned() };
                home.run_with(&format!("parameter put /shop/dev/p{number} - {flags}"), &value).success();
                home.run(&format!("parameter label /shop/dev/p{number} v{version}")).success();
            }
        }
        let private = home.data().join("keys");
        let identity = std::fs::read_to_string(private.join("identity.age.txt")).unwrap();
        let secret = identity.lines().find_map(|line| line.strip_prefix("AGE-SECRET-KEY-1")).unwrap();
        keys.watch(secret);
        let signing = std::fs::read_to_string(private.join("signing_ed25519")).unwrap();
        keys.watch_openssh_ed25519(&signing);
        for master in master_keys(&home.data()) {
            keys.watch(std::fs::read_to_string(master).unwrap().trim());
        }
        Self { home, values: values.into(), keys, ran: Mutex::default() }
    }

    /// Runs a command in every form, whatever its outcome; what it printed is searched. The codes that it ended with.
    #[track_caller]
    fn run(&self, arguments: &str) -> Vec<i32> {
        FORMS.iter().map(|form| self.once(&format!("{arguments} {form}"), None)).collect()
    }

    /// Runs a command that can be run once only.
    #[track_caller]
    fn once(&self, arguments: &str, stdin: Option<&str>) -> i32 {
        let mut command = self.home.command();
        command.args(arguments.split_whitespace());
        if let Some(stdin) = stdin {
            command.write_stdin(stdin);
        }
        let output = command.output().unwrap();
        for (bytes, place) in [(&output.stdout, "standard output"), (&output.stderr, "standard error")] {
            let place = format!("{place} of `parados {arguments}`");
            self.values.borrow().assert_absent(bytes, &place);
            self.keys.assert_absent(bytes, &place);
        }
        self.ran.lock().unwrap().push(arguments.to_owned());
        output.status.code().unwrap()
    }

    #[track_caller]
    fn succeeds(&self, arguments: &str) {
        let codes = self.run(arguments);
        assert!(codes.iter().all(|code| *code == 0), "{arguments}: {codes:?}");
    }

    #[track_caller]
    fn fails(&self, arguments: &str) {
        let codes = self.run(arguments);
        assert!(codes.iter().all(|code| *code != 0), "{arguments}: {codes:?}");
    }

    /// Everything that was left in files: no value anywhere, and the private keys in their own files alone.
    #[track_caller]
    fn search_files(&self) {
        self.values.borrow().assert_absent_in_tree(self.home.path());
        let keys = self.home.data().join("keys");
        let own = master_keys(&self.home.data());
        let mut folders = vec![self.home.path().to_owned()];
        while let Some(folder) = folders.pop() {
            for path in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                match path.is_dir() {
                    true if path == keys => {}
                    true => folders.push(path),
                    false if own.contains(&path) => {}
                    false => self.keys.assert_absent(&std::fs::read(&path).unwrap(), &path.display().to_string()),
                }
            }
        }
    }

    fn ids(&self) -> Vec<String> {
        let output = self.home.command().args(["snapshots", "--output", "json"]).output().unwrap();
        let listed: Value = serde_json::from_slice(&output.stdout).unwrap();
        let snapshots = listed["snapshots"].as_array().unwrap();
        snapshots.iter().map(|snapshot| snapshot["id"].as_str().unwrap().to_owned()).collect()
    }
}

/// The files of the embedded store that hold its master key.
fn master_keys(data: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(data.join("store")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains("master"))).collect()
}

fn flip(path: &Path) {
    let mut bytes = std::fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn no_command_shows_or_leaves_a_value_or_a_private_key() {
    let planted = Planted::new();
    let home = planted.home.path().to_owned();
    assert!(!master_keys(&planted.home.data()).is_empty());

    // Of the store.
    for verb in ["list", "get /shop/dev/p2", "history /shop/dev/p2", "tag /shop/dev/p0 a=b", "untag /shop/dev/p0 a"] {
        planted.succeeds(&format!("parameter {verb}"));
    }
    planted.succeeds("parameter label /shop/dev/p1 w");
    planted.run("parameter unlabel /shop/dev/p1 w --parameter-version 3");
    planted.fails("parameter get /shop/dev/none");

    // Snapshots, and looking at them.
    planted.succeeds("doctor --environment dev");
    planted.succeeds("backup --environment dev --dry-run");
    planted.succeeds("backup --environment dev --with-history");
    planted.once("parameter put /shop/dev/p2 - --overwrite --log trace", Some("not planted, and searched for below"));
    planted.fails("parameter delete /shop/dev/none --yes");
    planted.succeeds("backup --environment dev --with-history");
    let first = planted.ids()[0].clone();
    for command in [
        "snapshots --all".to_owned(),
        "show latest".to_owned(),
        "verify --all --read".to_owned(),
        "log /shop/dev/".to_owned(),
        "log /shop/dev/p2 --live".to_owned(),
        "search /shop/** --all".to_owned(),
        "search --same-value-as /shop/dev/p1".to_owned(),
        format!("diff {first} latest"),
        format!("diff {first} latest --details"),
        format!("diff {first} live --details"),
        "key check".to_owned(),
        "status".to_owned(),
        format!("status --prometheus {}", home.join("parados.prom").display()),
        format!("lock add {first} --reason audit"),
        "lock list".to_owned(),
        "drill".to_owned(),
        "copy --to second".to_owned(),
        "schema config".to_owned(),
        "completions bash".to_owned(),
    ] {
        planted.succeeds(&command);
    }
    planted.run("verify latest --live --environment dev");

    // A restore, planned, done and undone.
    planted.once("restore plan latest --delete-extra --with-history --out before.json --log trace", None);
    planted.once(&format!("restore plan {first} --with-history --out plan.json --log trace --progress json"), None);
    assert_eq!(planted.once("restore apply plan.json --yes --log trace --progress json", None), 0);
    assert_eq!(planted.once("restore apply plan.json --yes --output json --log trace", None), 0, "again");
    assert_eq!(planted.once("restore undo --yes --log trace --progress json", None), 0);
    assert_eq!(planted.once("restore undo --yes --output json --log trace --progress json", None), 0);

    // Keys, and what is kept.
    let made = testkit::tool("age-keygen").arg("-o").arg(home.join("other.txt")).output().unwrap();
    assert!(made.status.success());
    let public = testkit::tool("age-keygen").arg("-y").arg(home.join("other.txt")).output().unwrap();
    let public = String::from_utf8(public.stdout).unwrap().trim().to_owned();
    planted.succeeds(&format!("key add {public} --yes"));
    planted.succeeds(&format!("key remove {public} --yes"));
    planted.succeeds("prune --keep-last 1 --dry-run");
    planted.succeeds("prune --keep-last 1 --grace 0s --yes");
    planted.succeeds("prune --keep-last 1 --grace 0s --yes");
    planted.run(&format!("lock remove {first}"));
    planted.succeeds("verify --all --read");
    stack(&planted);
    old_documents(&planted);
    planted.search_files();

    // Now things go wrong, one after the other.
    planted.fails("backup --environment dev --recipient AGE-SECRET-KEY-1NOBODY");
    planted.run("restore apply before.json --yes");
    planted.fails("restore plan nothing");
    planted.fails("import nowhere --environment dev");
    planted.fails("diff latest nothing");
    planted.fails("key add signing --yes");
    planted.fails("infra preview --environment dev");
    planted.fails("status --max-age 0s");
    let repository = planted.home.data().join("repository");
    documents(&repository).iter().for_each(|document| flip(document));
    for command in [
        "verify --all --read",
        "restore plan latest",
        "drill",
        "diff latest live",
        "log /shop/dev/p2",
        "copy --to third",
        &format!("key add {public} --yes"),
        "backup --environment dev",
        "prune --keep-last 1 --yes",
    ] {
        planted.run(command);
    }
    for document in documents(&repository) {
        std::fs::write(document, "not a document").unwrap();
    }
    planted.fails("verify latest --read");
    std::fs::write(repository.join("parados.json"), "{\"format_version\":9}").unwrap();
    planted.fails("snapshots");
    planted.fails("backup --environment dev");
    let database = planted.home.data().join("store/parameters.sqlite3");
    flip(&database);
    planted.run("parameter list");
    planted.run("backup --environment dev --repository fourth");
    planted.search_files();

    // Each command is among them.
    let ran = planted.ran.lock().unwrap();
    let help = planted.home.command().arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    // A line of a command is indented by two; what goes on in the next line is so by more.
    let lines = help.split("Commands:\n").nth(1).unwrap().lines().take_while(|line| !line.is_empty());
    let lines = lines.filter_map(|line| line.strip_prefix("  ").filter(|rest| !rest.starts_with(' ')));
    let commands: Vec<_> = lines.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect();
    assert!(commands.len() > 15, "{help}");
    // These know of no value: they make what is not there yet, or print what they were built with. The server has its own search.
    let without = ["init", "demo", "man", "store", "help"];
    for command in commands.iter().filter(|command| !without.contains(&command.as_str())) {
        assert!(ran.iter().any(|one| one.starts_with(command)), "`parados {command}` was not run");
    }
}

/// A stack of a folder and a parameter that names it, made, drawn and looked at.
fn stack(planted: &Planted) {
    let home = planted.home.path();
    let declaration = json!({"version": 1, "resources": {
        "folder": {"kind": "local:Folder", "path": home.join("declared")},
        "place": {"kind": "parados:store:Parameter", "name": "/shop/dev/backup/folder", "value": "{{ resources.folder.url }}"},
    }});
    std::fs::create_dir(home.join("infra")).unwrap();
    std::fs::write(home.join("infra/folder.yaml"), declaration.to_string()).unwrap();
    let flags = "--project shop --environment dev --store embedded";
    let picture = home.join("plan.svg");
    planted.succeeds(&format!("infra preview {flags} --graph {}", picture.display()));
    assert!(std::fs::read_to_string(&picture).unwrap().starts_with("<svg "));
    planted.succeeds(&format!("infra up {flags} --yes"));
    assert!(home.join("declared").is_dir());
    planted.succeeds("parameter get /shop/dev/backup/folder");
    for verb in ["refresh", "outputs"] {
        planted.succeeds(&format!("infra {verb} {flags}"));
    }
}

/// Documents of the old pipeline, unsealed as they are, become sealed snapshots. Their values are planted where the documents are not.
fn old_documents(planted: &Planted) {
    let folder = tempfile::tempdir().unwrap();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../backup/tests/fixtures/old");
    let day = folder.path().join("2025-10-15");
    std::fs::create_dir(&day).unwrap();
    let mut document: Value =
        serde_json::from_slice(&std::fs::read(fixtures.join("aws_cli_v2.json")).unwrap()).unwrap();
    let secure = document["parameters"].as_array_mut().unwrap().iter_mut().find(|one| one["Type"] == "SecureString");
    secure.unwrap()["Value"] = planted.values.borrow_mut().plant("old document").into();
    std::fs::write(day.join("ssm-backup-dev-20251015_120045.json"), document.to_string()).unwrap();
    let import = format!("import {} --project jenkins --environment dev", folder.path().display());
    planted.succeeds(&format!("{import} --dry-run"));
    planted.succeeds(&import);
    planted.succeeds("show @2025-10-15 --project jenkins --environment dev");
}

/// The data objects of a folder.
fn documents(repository: &Path) -> Vec<PathBuf> {
    let is_day = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("20"));
    let days = std::fs::read_dir(repository).unwrap().map(|entry| entry.unwrap().path()).filter(is_day);
    days.flat_map(|day| std::fs::read_dir(day).unwrap().map(|entry| entry.unwrap().path())).collect()
}

/// What the demo makes is no secret of anybody's; it prints none of it all the same.
#[test]
fn the_demo_prints_no_value() {
    let home = Home::new();
    let run = home.command().args(["demo", "--log", "trace", "--progress", "json"]).output().unwrap();
    assert!(run.status.success());
    let folder = home.path().join("parados-demo");
    let shown = |name: &str| {
        let mut command = home.command();
        command.current_dir(&folder).args(["parameter", "get", name, "--reveal", "--output", "json"]);
        let shown: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
        shown["Parameter"]["Value"].as_str().unwrap().to_owned()
    };
    let mut canary = Canary::new();
    canary.watch(shown("/shop/prod/db/password"));
    canary.assert_absent(&run.stdout, "standard output of the demo");
    canary.assert_absent(&run.stderr, "standard error of the demo");
    canary.assert_absent_in_tree(&folder.join("repository"));
}
