//! `parados demo` and `parados doctor`.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use testkit::{Canary, tool};

use crate::parados::{Home, stderr, stdout};

/// The folder that the binary is in.
fn binaries() -> PathBuf {
    assert_cmd::cargo::cargo_bin("parados").parent().unwrap().to_owned()
}

/// Runs `script` as a person would, with `parados` on the path or without it.
fn shell(home: &Home, with_parados: bool, script: &str) -> Output {
    let path = std::env::var_os("PATH").unwrap();
    let folders = with_parados.then(binaries).into_iter().chain(std::env::split_paths(&path));
    let mut sh = Command::new("sh");
    sh.env_clear().env("HOME", home.path()).env("PATH", std::env::join_paths(folders).unwrap());
    sh.args(["-euc", script]).current_dir(home.path()).output().unwrap()
}

/// The commands in what the demo printed: each line that is indented by four, with those that are indented by more below it.
fn commands(text: &str) -> Vec<String> {
    let (_, steps) = text.split_once("Look around").unwrap();
    let mut commands: Vec<String> = Vec::new();
    for command in steps.lines().filter_map(|line| line.strip_prefix("    ")) {
        match (command.starts_with(' '), commands.last_mut()) {
            (true, Some(last)) => *last += &format!("\n{command}"),
            _ => commands.push(command.to_owned()),
        }
    }
    commands
}

/// The values of the SecureStrings in all snapshots of the demo.
fn secrets(folder: &Path) -> Canary {
    let script = "for one in repository/*/*.age; do age -d -i keys/identity.age.txt $one | zstd -d; done |
        jq -r '.parameters[] | (., .History[]?) | select(.Type == \"SecureString\") | .Value'";
    let opened = tool("sh").args(["-euc", script]).current_dir(folder).output().unwrap();
    let mut canary = Canary::new();
    let values = String::from_utf8(opened.stdout).unwrap();
    assert!(values.lines().count() > 28, "{}", String::from_utf8_lossy(&opened.stderr));
    values.lines().for_each(|value| canary.watch(value));
    canary
}

#[test]
fn the_demo_backs_up_changes_and_backs_up_again() {
    let home = Home::new();
    let run = home.run("demo --output json").success();
    let view: Value = serde_json::from_str(&stdout(&run)).unwrap();
    let schema = serde_json::from_str(&stdout(&home.run("schema demo").success())).unwrap();
    assert!(jsonschema::is_valid(&schema, &view), "{view}");
    let of = |field: &str| view["backups"].as_array().unwrap().iter().map(|one| one[field].clone()).collect::<Vec<_>>();
    assert_eq!(of("verdict"), ["complete"; 4]);
    assert_eq!(of("parameter_count"), [30; 4]);
    assert_eq!(
        of("reused"),
        [0, 0, 29, 26],
        "one parameter of dev changed, and of prod two, one is new, and one has another label"
    );
    assert!(of("calls")[2].as_u64() < of("calls")[0].as_u64());
    assert_eq!((&view["parameters"], view["changes"].as_array().unwrap().len()), (&60.into(), 6));

    let folder = home.path().join("parados-demo");
    let canary = secrets(&folder);
    canary.assert_absent(stdout(&run).as_bytes(), "what the demo printed");
    canary.assert_absent(stderr(&run).as_bytes(), "what the demo said");
    canary.assert_absent_in_tree(&folder);
    let revealed = shell(&home, true, "cd parados-demo; parados parameter get /shop/dev/payments/api-key --reveal");
    assert!(canary.is_in(&revealed.stdout), "the search finds what is there");
}

#[test]
fn the_demo_is_told_to_a_person() {
    let home = Home::new();
    let run = home.run("demo --dir told").success();
    let text = stdout(&run);
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    for words in ["60 parameters", "/shop/prod/payments/refund-url", "stays there", "in told"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(!text.contains('\u{1b}') && stderr(&run).is_empty(), "{text}");
    secrets(&home.path().join("told")).assert_absent(text.as_bytes(), "what the demo printed");
}

#[test]
fn a_terminal_gets_styles_unless_it_wants_none() {
    let home = Home::new();
    let on_a_terminal = |dir: &str, environment: &[(&str, &str)]| {
        let parados = format!("'{}' demo --dir {dir}", binaries().join("parados").display());
        let mut script = tool("script");
        script.args(["-qec", &parados, "/dev/null"]).current_dir(home.path()).env_clear().envs(environment.to_vec());
        let output = script.env("HOME", home.path()).env("TERM", "xterm").env("SHELL", "/bin/sh").output().unwrap();
        assert!(output.status.success());
        String::from_utf8(output.stdout).unwrap()
    };
    assert!(on_a_terminal("styled", &[]).contains("\u{1b}[1m1. Filled"));
    let plain = on_a_terminal("plain", &[("NO_COLOR", "1")]);
    assert!(plain.contains("1. Filled") && !plain.contains('\u{1b}'), "{plain}");
}

#[test]
fn every_command_that_the_demo_prints_works() {
    let home = Home::new();
    let told = shell(&home, true, "parados demo --dir 'my demo'");
    let printed = commands(&String::from_utf8(told.stdout).unwrap());
    let (entrance, printed) = printed.split_first().unwrap();
    assert_eq!(entrance, "cd 'my demo'");
    let said: Vec<(&String, String)> = printed
        .iter()
        .map(|command| {
            let output = shell(&home, true, &format!("{entrance}\n{command}"));
            let said = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success() && !said.is_empty(), "{command}: {said}{:?}", output.stderr);
            (command, said)
        })
        .collect();
    let of =
        |part: &str| &said.iter().find(|(command, _)| command.contains(part)).unwrap_or_else(|| panic!("{part}")).1;
    assert_eq!(of("snapshots").lines().count(), 4);
    assert!(of("show latest").contains("/shop/prod/payments/refund-url"));
    assert_eq!(of("parameter list").lines().count(), 30);
    assert!(of("parameter history").contains("stable"));
    assert!(of("--dry-run").contains("nothing was written"));
    assert!(of("doctor").lines().all(|line| line.starts_with("ok")));
    assert!(of("ssh-keygen").contains("Good \"parados-manifest\" signature for parados"));
    let opened: Value = serde_json::from_str(of("age -d")).unwrap();
    assert!(of("--reveal").contains(opened["Value"].as_str().unwrap()));
    assert_eq!(
        opened["History"].as_array().unwrap().len(),
        2,
        "of prod all versions are kept: {:?}",
        opened["Version"]
    );
}

#[test]
fn the_demo_says_how_parados_is_found_where_the_path_does_not() {
    let home = Home::new();
    let text = stdout(&home.command().env("PARADOS_CONFIG", "/elsewhere").arg("demo").assert().success());
    let printed = commands(&text);
    assert_eq!(printed[0], "cd parados-demo");
    assert!(printed[1].starts_with("export PATH=") && printed[2] == "unset PARADOS_CONFIG", "{printed:?}");
    let script = format!("export PARADOS_CONFIG=/elsewhere\n{}", printed[..4].join("\n"));
    let output = shell(&home, false, &script);
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn the_demo_takes_no_folder_that_holds_something() {
    let home = Home::new();
    std::fs::create_dir(home.path().join("empty")).unwrap();
    home.run("demo --dir empty").success();
    let before = std::fs::read(home.path().join("empty/parados.yaml")).unwrap();
    let run = home.run("demo --dir empty").code(2);
    assert!(stderr(&run).contains("holds something") && stderr(&run).contains("--dir"), "{}", stderr(&run));
    assert_eq!(std::fs::read(home.path().join("empty/parados.yaml")).unwrap(), before);
    std::fs::write(home.path().join("file"), "").unwrap();
    let run = home.run("demo --dir file").code(2);
    assert!(stderr(&run).contains("is not a folder"), "{}", stderr(&run));
}

#[test]
fn the_doctor_says_what_to_do() {
    let home = Home::new();
    let run = home.run("doctor").code(1);
    assert!(stdout(&run).contains("parados init"), "{}", stdout(&run));
    home.run("init").success();
    home.run("doctor").success();
    std::fs::write(home.data().join("repository/parados.json"), "{}").unwrap();
    let run = home.run("doctor --output json").code(1);
    let view: Value = serde_json::from_str(&stdout(&run)).unwrap();
    let bad: Vec<_> = view["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false).collect();
    assert_eq!(bad.len(), 1, "{view}");
    assert_eq!(bad[0]["what"], "repository");
}

/// What `doctor` finds in the way, by what it is called.
fn in_the_way(home: &Home) -> Vec<String> {
    let run = home.command_under_modes("doctor --environment dev --output json").output().unwrap();
    let view: Value = serde_json::from_slice(&run.stdout).unwrap();
    let bad = view["checks"].as_array().unwrap().iter().filter(|check| check["ok"] == false);
    let bad: Vec<_> = bad.map(|check| check["what"].as_str().unwrap().to_owned()).collect();
    assert_eq!(run.status.code(), Some(if bad.is_empty() { 0 } else { 1 }), "{view}");
    bad
}

#[test]
fn the_doctor_tries_to_write_into_a_folder_and_leaves_nothing() {
    let home = Home::new();
    home.run("init").success();
    let repository = home.data().join("repository");
    let mode = |path: &Path, mode| std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    let files = || {
        let found = testkit::tool("find").arg(&repository).output().unwrap();
        String::from_utf8(found.stdout).unwrap()
    };
    // Before the first backup, and after it; the folder itself, and that of a target's manifests, which another user may have made.
    std::fs::create_dir_all(&repository).unwrap();
    for established in [false, true] {
        if established {
            home.run_with("parameter put /shop/dev/key -", "x").success();
            home.run("backup --environment dev").success();
        }
        let manifests = files()
            .lines()
            .find(|path| path.ends_with(".manifest"))
            .map(|path| Path::new(path).parent().unwrap().to_owned());
        assert_eq!(manifests.is_some(), established);
        let before = files();
        assert_eq!(in_the_way(&home), [""; 0]);
        for folder in [Some(&repository), manifests.as_ref()].into_iter().flatten() {
            mode(folder, 0o500);
            assert_eq!(in_the_way(&home), ["repository: write"], "{}", folder.display());
            mode(folder, 0o700);
        }
        assert_eq!(files(), before, "nothing is left");
    }
}
