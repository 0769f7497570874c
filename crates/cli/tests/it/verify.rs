//! `parados verify` on the embedded store and a local folder.

use std::path::PathBuf;

use serde_json::Value;

use crate::parados::{Home, stderr, stdout};

const CANARY: &str = "canary-verify-5c31";

/// Two backups of two parameters.
fn backed_up() -> Home {
    let home = Home::new();
    home.run("init").success();
    for name in ["/shop/dev/db/password", "/shop/dev/api/key"] {
        home.run_with(&format!("parameter put {name} - --type SecureString"), &format!("{CANARY} {name}")).success();
    }
    home.run("backup --environment dev").success();
    home.run_with("parameter put /shop/dev/api/key - --overwrite", CANARY).success();
    home.run("backup --environment dev").success();
    home
}

fn repository(home: &Home) -> PathBuf {
    home.data().join("repository")
}

fn manifest(home: &Home, number: u32) -> PathBuf {
    let chain = "manifests/default/dev/000000000000/embedded";
    repository(home).join(format!("{chain}/{number:010}.manifest"))
}

/// The data objects, oldest first.
fn documents(home: &Home) -> Vec<PathBuf> {
    let listed: Value = serde_json::from_str(&stdout(&home.run("snapshots --output json").success())).unwrap();
    let snapshots = listed["snapshots"].as_array().unwrap();
    snapshots.iter().map(|snapshot| repository(home).join(snapshot["key"].as_str().unwrap())).collect()
}

fn report(home: &Home, arguments: &str, code: i32) -> Value {
    let run = home.run(&format!("verify --output json {arguments}")).code(code);
    serde_json::from_str(&stdout(&run)).unwrap_or_else(|error| panic!("{error}: {} {}", stdout(&run), stderr(&run)))
}

#[test]
fn a_whole_repository_is_right_and_what_is_inside_is_compared() {
    let home = backed_up();
    let report = report(&home, "--all --read", 0);
    assert_eq!(report["outcome"], "right");
    let checked = &report["checked"];
    assert_eq!((&checked["manifests"], &checked["documents"], &checked["opened"]), (&2.into(), &2.into(), &2.into()));
    assert_eq!(checked["parameters"], 4);
    assert_eq!(report["signers"][0]["trusted"], true);
    let text = stdout(&home.run("verify").success());
    assert!(text.contains("right") && text.contains("2 manifests, 1 data objects"), "{text}");
    assert!(!text.contains(CANARY));
}

#[test]
fn each_kind_of_damage_has_its_code() {
    type Damage = (i32, &'static str, fn(&Home));
    let damages: [Damage; 6] = [
        (10, "changed", |home| {
            let path = &documents(home)[1];
            let mut bytes = std::fs::read(path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            std::fs::write(path, bytes).unwrap();
        }),
        (11, "truncated", |home| {
            let path = &documents(home)[1];
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        (12, "swapped", |home| {
            let paths = documents(home);
            std::fs::copy(&paths[0], &paths[1]).map(drop).unwrap();
        }),
        (13, "replayed", |home| std::fs::remove_file(manifest(home, 2)).unwrap()),
        (14, "removed", |home| std::fs::remove_file(&documents(home)[1]).unwrap()),
        (15, "forged", |home| {
            let seed = home.path().join("other");
            std::fs::create_dir(&seed).unwrap();
            let key = home.data().join("keys/signing_ed25519");
            std::fs::rename(&key, seed.join("key")).unwrap();
            std::fs::remove_file(key.with_extension("pub")).unwrap();
            home.run("backup --environment dev").success();
            std::fs::rename(seed.join("key"), &key).unwrap();
        }),
    ];
    for (code, kind, damage) in damages {
        let home = backed_up();
        report(&home, "--all", 0);
        damage(&home);
        let report = report(&home, "--all", code);
        assert_eq!((&report["outcome"], &report["findings"][0]["kind"]), (&"damaged".into(), &kind.into()), "{report}");
        let text = stdout(&home.run("verify --all").code(code));
        assert!(text.contains("DAMAGED") && text.contains(kind), "{text}");
    }
}

#[test]
fn what_cannot_be_opened_is_said_and_not_taken_for_right() {
    let home = backed_up();
    std::fs::remove_file(home.data().join("keys/identity.age.txt")).unwrap();
    assert_eq!(report(&home, "", 0)["outcome"], "right");
    let report = report(&home, "--read", 3);
    assert_eq!(report["outcome"], "partial");
    assert!(report["unchecked"][0]["reason"].as_str().unwrap().contains("no identity opens this"), "{report}");
}

#[test]
fn a_repository_without_its_marker_is_damaged_and_not_made_anew() {
    let home = backed_up();
    std::fs::remove_file(repository(&home).join("parados.json")).unwrap();
    assert_eq!(report(&home, "", 14)["findings"][0]["object"], "parados.json");
    let run = home.run("backup --environment dev").code(1);
    assert!(stderr(&run).contains("parados.json is gone"), "{}", stderr(&run));
    std::fs::write(repository(&home).join("parados.json"), "{\"format_version\":1,").unwrap();
    report(&home, "", 11);
}

#[test]
fn trusted_signers_are_named_by_key_or_by_file() {
    let home = backed_up();
    let key = home.data().join("keys/signing_ed25519");
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    std::fs::remove_file(&key).unwrap();
    let unknown = report(&home, "", 0);
    assert!(unknown["notes"][0].as_str().unwrap().contains("every signer was accepted"), "{unknown}");
    std::fs::write(home.path().join("signers"), format!("# ours\n{public}")).unwrap();
    assert_eq!(report(&home, "--trusted-signer signers", 0)["signers"][0]["trusted"], true);
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDS02QQxVsttzwvrCilJt1WclA0ry22+jFOpswJ446dG";
    std::fs::write(home.path().join("others"), other).unwrap();
    let stranger = report(&home, "--trusted-signer others", 15);
    let fields: Vec<_> = public.split_whitespace().take(2).collect();
    let hint = format!("--trusted-signer '{}', or the same under trusted_signers:", fields.join(" "));
    assert!(stranger["findings"][0]["hint"].as_str().unwrap().contains(&hint), "{stranger}");
    let text = stdout(&home.run("verify --trusted-signer others").code(15));
    assert_eq!(text.matches(&hint).count(), 1, "said once for both manifests: {text}");
    let as_said = home.command().args(["verify", "--trusted-signer", &fields.join(" ")]).assert();
    as_said.success();
    let mut command = home.command();
    command.args(["verify", "--trusted-signer", other]).assert().code(15);
    let run = home.run("verify --trusted-signer nowhere").code(2);
    assert!(stderr(&run).contains("nowhere"), "{}", stderr(&run));
}

#[test]
fn a_backup_remembers_what_it_wrote_and_says_when_the_repository_was_put_back() {
    let home = backed_up();
    let saved = home.path().join("saved");
    let copy = |from: &std::path::Path, to: &std::path::Path| {
        let status = std::process::Command::new("cp").args(["-a".as_ref(), from, to]).status().unwrap();
        assert!(status.success());
    };
    copy(&repository(&home), &saved);
    home.run("backup --environment dev").success();
    home.run("backup --environment dev").success();
    std::fs::remove_dir_all(repository(&home)).unwrap();
    copy(&saved, &repository(&home));
    // No check has run before: the backups themselves were remembered.
    let rolled_back = report(&home, "", 13);
    let message = rolled_back["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("this machine saw number 4") && message.contains("newest is number 2"), "{message}");
    let run = home.run("backup --environment dev").success();
    assert!(stderr(&run).contains("put back to an older state"), "{}", stderr(&run));
    report(&home, "", 13);
}

#[test]
fn the_store_is_compared_with_a_snapshot_and_damage_is_worse_than_a_difference() {
    let home = backed_up();
    let same = report(&home, "--live", 0);
    assert_eq!((&same["outcome"], &same["live"]["equal"]), (&"right".into(), &true.into()), "{same}");
    assert_eq!(same["live"]["unchanged"], 2);
    assert!(report(&home, "", 0).get("live").is_none(), "nobody asked");

    home.run_with("parameter put /shop/dev/api/key - --overwrite", "other").success();
    home.run("parameter delete /shop/dev/db/password --yes").success();
    let differs = report(&home, "--live", 4);
    assert_eq!((&differs["outcome"], &differs["live"]["after"]["kind"]), (&"different".into(), &"live".into()));
    assert_eq!(differs["live"]["counts"], serde_json::json!({"changed": 1, "deleted": 1}));
    assert_eq!(differs["findings"], serde_json::json!([]), "a difference is no damage");
    let text = stdout(&home.run("verify --live").code(4));
    for said in ["different: ", "changed\t/shop/dev/api/key\t2 → 3", "deleted\t/shop/dev/db/password\t1", "0 unchanged"]
    {
        assert!(text.contains(said), "{text}");
    }
    assert!(!text.contains(CANARY) && !differs.to_string().contains(CANARY));
    // The first snapshot has another value of the one that was changed before the second.
    let first = std::fs::read(manifest(&home, 1)).unwrap();
    let first: Value = serde_json::from_slice(first.split(|byte| *byte == b'\n').next().unwrap()).unwrap();
    let id = first["id"].as_str().unwrap();
    assert_eq!(report(&home, &format!("{id} --live"), 4)["live"]["before"]["id"], id);

    std::fs::remove_file(&documents(&home)[0]).unwrap();
    let damaged = report(&home, &format!("{id} --live"), 14);
    assert_eq!((&damaged["outcome"], &damaged["live"]["counts"]["changed"]), (&"damaged".into(), &1.into()));
    home.run("verify --live --all").code(2);
}

#[test]
fn where_the_store_cannot_be_read_damage_is_said_all_the_same() {
    let home = backed_up();
    // There are no credentials.
    let unreadable = "--live --region eu-west-1 --store aws";
    home.run(&format!("verify {unreadable}")).code(1);
    std::fs::remove_file(&documents(&home)[1]).unwrap();
    let report = report(&home, unreadable, 14);
    assert_eq!(report["unchecked"][0]["object"], "live", "{report}");
}

#[test]
fn of_several_kinds_of_damage_the_worst_decides_and_all_are_named() {
    let home = backed_up();
    let flip = |path: &std::path::Path| {
        let mut bytes = std::fs::read(path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    let kinds = |report: &Value| {
        let findings = report["findings"].as_array().unwrap();
        findings.iter().map(|finding| finding["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let paths = documents(&home);
    flip(&paths[0]);
    assert_eq!(kinds(&report(&home, "--all", 10)), ["changed"]);
    let whole = std::fs::read(&paths[1]).unwrap();
    std::fs::write(&paths[1], &whole[..whole.len() - 1]).unwrap();
    assert_eq!(kinds(&report(&home, "--all", 11)), ["truncated", "changed"]);
    std::fs::remove_file(&paths[1]).unwrap();
    assert_eq!(kinds(&report(&home, "--all", 14)), ["removed", "changed"]);
    std::fs::remove_file(manifest(&home, 2)).unwrap();
    assert_eq!(kinds(&report(&home, "--all", 13)), ["replayed", "changed"], "of what is gone nothing names the object");
    let other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIDS02QQxVsttzwvrCilJt1WclA0ry22+jFOpswJ446dG";
    std::fs::write(home.path().join("others"), other).unwrap();
    std::fs::remove_file(home.data().join("keys/signing_ed25519")).unwrap();
    let forged = report(&home, "--all --trusted-signer others", 15);
    assert_eq!(kinds(&forged), ["forged", "replayed", "changed"]);
    let text = stdout(&home.run("verify --all --trusted-signer others").code(15));
    assert!(
        ["DAMAGED: 3 findings", "forged\t", "replayed\t", "changed\t"].into_iter().all(|said| text.contains(said)),
        "{text}"
    );
}
