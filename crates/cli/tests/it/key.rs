//! `parados key`: who can open snapshots, and sealing them again.

use std::path::PathBuf;

use serde_json::Value;

use crate::parados::{Home, stderr, stdout};

const CANARY: &str = "canary-91b3fa";

/// A home with two snapshots.
fn backed_up() -> Home {
    let home = Home::new();
    home.run("init").success();
    home.run_with("parameter put /jenkins/dev/key - --type SecureString", CANARY).success();
    for _ in 0..2 {
        home.run("backup --environment dev").success();
    }
    home
}

/// A second key: its file, and its public half.
fn second(home: &Home) -> (PathBuf, String) {
    let file = home.path().join("second.txt");
    assert!(testkit::tool("age-keygen").arg("-o").arg(&file).output().unwrap().status.success());
    let public = testkit::tool("age-keygen").arg("-y").arg(&file).output().unwrap();
    (file, String::from_utf8(public.stdout).unwrap().trim().to_owned())
}

fn json(home: &Home, arguments: &str, code: i32) -> Value {
    let run = home.run(&format!("{arguments} --output json")).code(code);
    serde_json::from_str(&stdout(&run)).unwrap_or_else(|error| panic!("{error}: {} {}", stdout(&run), stderr(&run)))
}

fn opened(checked: &Value) -> usize {
    checked["snapshots"].as_array().unwrap().iter().filter(|one| one["opens"] == true).count()
}

#[test]
fn a_key_is_added_for_old_and_new_snapshots_and_the_first_can_go() {
    let home = backed_up();
    let (file, public) = second(&home);
    let with_second = format!("key check --identity {}", file.display());
    assert_eq!(opened(&json(&home, "key check", 0)), 2);
    assert_eq!(opened(&json(&home, &with_second, 3)), 0);

    let said = json(&home, &format!("key add {public} --dry-run"), 0);
    assert_eq!((said["plan"]["snapshots"].as_array().unwrap().len(), &said["report"]), (2, &Value::Null));
    assert_eq!(opened(&json(&home, &with_second, 3)), 0, "a dry run writes nothing");
    let run = home.run(&format!("key add {public}")).code(2);
    assert!(stderr(&run).contains("Seal 2 snapshots") && stderr(&run).contains("--yes"), "{}", stderr(&run));

    let done = json(&home, &format!("key add {public} --yes"), 0);
    assert_eq!(done["report"]["verdict"], "complete", "{done}");
    assert_eq!(done["new_snapshots"].as_array().unwrap().len(), 2);
    home.run("backup --environment dev").success();
    assert_eq!(opened(&json(&home, &with_second, 0)), 3, "old ones and the new one");
    home.run("verify --all --read").success();
    let shown = json(&home, "show latest", 0);
    assert!(shown["snapshot"]["recipients"].as_array().unwrap().contains(&public.as_str().into()), "{shown}");
    assert_eq!(json(&home, &format!("key add {public} --yes"), 0)["plan"]["unchanged"], 3);

    let first = json(&home, "key check", 0)["identities"][0].as_str().unwrap().to_owned();
    json(&home, &format!("key remove {first} --yes"), 0);
    assert_eq!(opened(&json(&home, "key check", 3)), 0);
    let checked = json(&home, &with_second, 0);
    assert_eq!(opened(&checked), 3);
    assert!(checked["snapshots"].as_array().unwrap().iter().all(|one| one["as_configured"] == true), "{checked}");
    let run = home.run(&format!("key remove {public} --yes")).code(2);
    assert!(stderr(&run).contains("nobody would be left"), "{}", stderr(&run));
    let shown = json(&home, "show latest", 0);
    assert_eq!(shown["snapshot"]["recipients"], serde_json::json!([public]), "as it was last sealed");
    let rotated = json(&home, &format!("key rotate {public} {first} --yes --identity {}", file.display()), 0);
    assert_eq!(rotated["report"]["verdict"], "complete");
    assert_eq!(opened(&json(&home, "key check", 0)), 3);
    let text = stdout(&home.run("key check").success());
    assert!(text.lines().all(|line| line.contains("\topens\t")) && !text.contains(CANARY), "{text}");
}

#[test]
fn a_configuration_is_its_owner_s_to_change_and_rotating_follows_it() {
    let home = backed_up();
    let (file, public) = second(&home);
    let first = json(&home, "key check", 0)["identities"][0].as_str().unwrap().to_owned();
    let write = |recipients: &str| {
        let text = format!(
            "version: 1\nproject: default\nstore: embedded\nrepository: .local/share/parados/repository\n\
                            recipients: [{recipients}]\nenvironments: {{dev: {{}}}}\n"
        );
        std::fs::write(home.path().join("parados.yaml"), text).unwrap();
    };
    write(&first);
    let added = json(&home, &format!("key add {public} --yes"), 0);
    let hint = added["hints"][0].as_str().unwrap();
    assert!(
        hint.contains("parados.yaml") && hint.contains(&format!("recipients: [\"{first}\", \"{public}\"]")),
        "{hint}"
    );
    assert!(!home.data().join("keys/recipients.txt").exists());

    write(&public);
    let text = stderr(&home.run("key check").code(0));
    assert!(text.contains("2 snapshots are sealed to others") && text.contains("parados key rotate"), "{text}");
    json(&home, "key rotate --yes", 0);
    let checked = json(&home, &format!("key check --identity {}", file.display()), 0);
    assert!(
        checked["snapshots"].as_array().unwrap().iter().all(|one| one["recipients"] == serde_json::json!([public]))
    );
    assert_eq!(opened(&json(&home, "key check", 3)), 0);
    write("");
    let run = home.run("key rotate --yes").code(2);
    assert!(stderr(&run).contains("not sealed"), "{}", stderr(&run));
}

#[test]
fn a_key_can_be_a_file_and_a_private_one_is_refused_and_not_shown() {
    let home = backed_up();
    let (file, public) = second(&home);
    std::fs::write(home.path().join("second.pub"), format!("# mine\n{public}\n")).unwrap();
    let done = json(&home, "key add second.pub --dry-run", 0);
    assert_eq!(done["new_snapshots"][1], public.as_str());
    let run = home.run(&format!("key add {}", file.display())).code(2);
    assert!(stderr(&run).contains("private key") && !stderr(&run).contains("AGE-SECRET"), "{}", stderr(&run));
    let run = home.run("key rotate second.pub").code(2);
    assert!(stderr(&run).contains("NEW"), "{}", stderr(&run));
}
