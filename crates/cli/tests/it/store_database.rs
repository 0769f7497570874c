//! `parados store …` with a store in PostgreSQL, on which servers run meanwhile.

use std::fs;
use std::path::PathBuf;

use assert_cmd::assert::Assert;
use serde_json::{Value, json};
use testkit::{Canary, Moto, Postgres, aws_cli};

use crate::parados::{Home, stderr, stdout};
use crate::serve::Server;

/// A home, and the database of its commands, whose master key is in `master.key`.
struct Scene {
    home: Home,
    postgres: Postgres,
    database: String,
}

impl Scene {
    fn new() -> Self {
        let postgres = Postgres::start();
        let database = postgres.new_database() + "&account=123456789012&region=eu-west-1";
        Self { home: Home::new(), postgres, database }
    }

    fn place(&self) -> [&str; 4] {
        ["--database", &self.database, "--master-key", "master.key"]
    }

    /// Runs `parados store …`.
    fn store(&self, arguments: &str, stdin: &str) -> Assert {
        let mut command = self.home.command();
        command.arg("store").args(arguments.split_whitespace()).args(self.place()).write_stdin(stdin).assert()
    }

    fn json(&self, arguments: &str) -> Value {
        serde_json::from_str(&stdout(&self.store(&format!("{arguments} --output json"), "").success())).unwrap()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    fn serve(&self, arguments: &[&str], environment: &[(&'static str, String)]) -> Server {
        Server::start_in(&self.home, arguments, environment)
    }
}

/// A document with two parameters, one of which has a history and a label.
fn document() -> String {
    let home = Home::new();
    home.run("init").success();
    home.run_with("parameter put /shop/db --type SecureString --tag team=blue", "first").success();
    home.run_with("parameter put /shop/db --overwrite", "second").success();
    home.run("parameter label /shop/db current").success();
    home.run_with("parameter put /shop/url", "https://shop.example").success();
    stdout(&home.run("store export --plain").success())
}

#[test]
fn what_is_imported_is_served_and_exported_again() {
    let scene = Scene::new();
    let unmade = scene.store("export --plain", "").code(2);
    assert!(stderr(&unmade).contains("parados store init"), "{}", stderr(&unmade));
    scene.store("init", "").success();
    let document = document();
    let plan = scene.store("import - --dry-run", &document).success();
    assert!(stdout(&plan).contains("2 to create"), "{}", stdout(&plan));
    scene.store("import - --yes", &document).success();
    let server = scene.serve(&[&scene.place()[..], &["--dev"]].concat(), &[]);
    let got = server.aws(&["ssm", "get-parameter", "--name", "/shop/db:current", "--with-decryption"]).unwrap();
    assert_eq!((&got["Parameter"]["Value"], &got["Parameter"]["Version"]), (&json!("second"), &json!(2)));
    let exported: Value = serde_json::from_str(&stdout(&scene.store("export --plain", "").success())).unwrap();
    assert_eq!(exported["parameters"][0]["ARN"], "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/db");
    assert_eq!(exported["parameters"][0]["History"].as_array().unwrap().len(), 1);
    assert_eq!(exported["parameters"][0]["Tags"], json!([{"Key": "team", "Value": "blue"}]));
    let other = scene.store("export --plain --of 210987654321/eu-west-1", "").code(3);
    assert!(stderr(&other).contains("nothing of the store is selected"), "{}", stderr(&other));
    let mixed = scene.home.run("store export --plain --data data --master-key master.key").code(2);
    assert!(stderr(&mixed).contains("--master-key is for a store in PostgreSQL"), "{}", stderr(&mixed));
    let named = scene
        .home
        .command()
        .env("PARADOS_MASTER_KEY", "master.key")
        .args(["store", "key", "list"])
        .arg("--data=d")
        .assert();
    named.success();
}

#[test]
fn keys_and_policies_are_made_for_the_servers_of_a_database() {
    let scene = Scene::new();
    let made = scene.json("key create admin --account 123456789012");
    let reader = scene.json("key create reader --account 123456789012 --grant read");
    let call = |server: &Server, key: &Value, arguments: &[&str]| {
        let text = |name: &str| key[name].as_str().unwrap();
        server.aws_as(text("access_key_id"), text("secret_access_key"), arguments)
    };
    let servers = [scene.serve(&scene.place(), &[]), scene.serve(&scene.place(), &[])];
    let put = ["ssm", "put-parameter", "--name", "/shop/x", "--value", "hunter2", "--type", "SecureString"];
    call(&servers[0], &made, &put).unwrap();
    let get = ["ssm", "get-parameter", "--name", "/shop/x", "--with-decryption"];
    assert_eq!(call(&servers[1], &reader, &get).unwrap()["Parameter"]["Value"], "hunter2");
    assert!(call(&servers[1], &reader, &put).unwrap_err().contains("(AccessDeniedException)"));
    scene.store("policy set no-shop -", "forbid(principal, action, resource in Path::\"/shop\");").success();
    let checked =
        scene.json("policy check reader /shop/x --account 123456789012 --region eu-west-1 --action ssm:GetParameter");
    assert_eq!((&checked[0]["decision"], &checked[0]["because"]), (&json!("forbidden"), &json!(["no-shop"])));
    let denied = (0..100).find_map(|_| call(&servers[1], &reader, &get).err());
    assert!(denied.as_ref().is_some_and(|denied| denied.contains("explicit deny")), "{denied:?}");
    scene.store("policy delete no-shop", "").success();
    let id = reader["access_key_id"].as_str().unwrap();
    scene.store(&format!("key revoke {id}"), "").success();
    let listed = scene.json("key list");
    assert_eq!(listed[1]["keys"][0]["state"], "revoked", "{listed}");
    let secret = made["secret_access_key"].as_str().unwrap();
    assert!(!listed.to_string().contains(secret));
    scene.postgres.psql("test_0", "CHECKPOINT");
    let mut canary = Canary::new();
    canary.watch(secret);
    canary.assert_absent_in_tree(&scene.postgres.data());
    canary.assert_absent(scene.postgres.log().as_bytes(), "PostgreSQL's log");
}

#[test]
fn a_database_gets_a_new_master_key_while_its_servers_run() {
    let scene = Scene::new();
    scene.store("init", "").success();
    scene.store("import - --yes", &document()).success();
    fs::create_dir(scene.file("other")).unwrap();
    let other_key = scene.file("other/master.key");
    fs::copy(scene.file("master.key"), &other_key).unwrap();
    let place = ["--database", &scene.database, "--master-key", other_key.to_str().unwrap(), "--dev"];
    let server = scene.serve(&place, &[]);
    let refused = scene.store("rekey --wait 12s", "").code(1);
    let said = stderr(&refused);
    assert!(said.contains("this machine (process") && said.contains("other/master.key.next is not there"), "{said}");
    assert!(said.contains("put a copy of master.key.next beside") && said.contains("goes on where"), "{said}");
    fs::copy(scene.file("master.key.next"), scene.file("other/master.key.next")).unwrap();
    let report = scene.json("rekey --wait 12s");
    assert_eq!((&report["wrapped"], &report["damaged"]), (&json!(2), &json!(0)), "{report}");
    // Nothing of the cache: what is read anew is read under the new key.
    let get = ["ssm", "get-parameter-history", "--name", "/shop/db", "--with-decryption"];
    assert_eq!(server.aws(&get).unwrap()["Parameters"][1]["Value"], "second");
    fs::rename(scene.file("other/master.key.next"), &other_key).unwrap();
    assert!(server.stop().success());
    let server = scene.serve(&place, &[]);
    assert_eq!(server.aws(&get).unwrap()["Parameters"][0]["Value"], "first");
}

#[test]
fn a_master_key_comes_under_kms_and_no_plain_one_is_left() {
    let (scene, moto) = (Scene::new(), Moto::start());
    let created = aws_cli(&moto).args(["kms", "create-key"]).output().unwrap();
    let created: Value = serde_json::from_slice(&created.stdout).unwrap();
    let kms_key = created["KeyMetadata"]["KeyId"].as_str().unwrap();
    let with_kms = |arguments: &str| {
        let mut command = scene.home.command();
        command.envs(moto.env()).env("HOME", scene.home.path()).arg("store").args(arguments.split_whitespace());
        command.args(scene.place()).write_stdin(document()).assert()
    };
    scene.store("init", "").success();
    with_kms("import - --yes").success();
    assert_eq!(moto.calls().keys().collect::<Vec<_>>(), ["KMS.CreateKey"], "a plain key needs no AWS");
    let plain = fs::read_to_string(scene.file("master.key")).unwrap();
    let (_, bytes) = plain.trim().split_once(':').unwrap();
    with_kms(&format!("rekey --wait 0s --to-kms-key {kms_key}")).success();
    assert!(fs::read_to_string(scene.file("master.key")).unwrap().contains(kms_key));
    assert!(!scene.file("master.key.next").exists());
    let mut canary = Canary::new();
    canary.watch(bytes);
    canary.assert_absent_in_tree(scene.home.path());
    let refused = scene.store("export --plain", "").failure();
    assert!(stderr(&refused).contains(kms_key), "{}", stderr(&refused));

    let server = scene.serve(&[&scene.place()[..], &["--dev"]].concat(), &moto.env());
    let get = ["ssm", "get-parameter", "--name", "/shop/db", "--with-decryption"];
    assert_eq!(server.aws(&get).unwrap()["Parameter"]["Value"], "second");
    let decrypts = moto.calls()["KMS.Decrypt"];
    server.aws(&get).unwrap();
    assert_eq!(moto.calls()["KMS.Decrypt"], decrypts, "no call needs KMS");
    let from_the_first = Scene::new();
    let init = format!("store init --key-id {kms_key}");
    let mut command = from_the_first.home.command();
    command.envs(moto.env()).env("HOME", from_the_first.home.path()).args(init.split_whitespace());
    command.args(from_the_first.place()).assert().success();
    assert!(fs::read_to_string(from_the_first.file("master.key")).unwrap().contains(kms_key));
    moto.deny("KMS.Decrypt");
    let denied = with_kms("export --plain").failure();
    assert!(stderr(&denied).contains("AccessDenied"), "{}", stderr(&denied));
}

#[test]
fn a_folder_gets_a_master_key_under_kms() {
    let (home, moto) = (Home::new(), Moto::start());
    let created = aws_cli(&moto).args(["kms", "create-key"]).output().unwrap();
    let created: Value = serde_json::from_slice(&created.stdout).unwrap();
    let kms_key = created["KeyMetadata"]["Arn"].as_str().unwrap();
    home.run("init").success();
    home.run_with("parameter put /shop/x --type SecureString", "hunter2").success();
    let run = |arguments: &str| {
        home.command().envs(moto.env()).env("HOME", home.path()).args(arguments.split_whitespace()).assert()
    };
    let missing = run("store rekey --to-kms-key alias/none").failure();
    assert!(stderr(&missing).contains("alias/none"), "{}", stderr(&missing));
    run(&format!("store rekey --to-kms-key {kms_key}")).success();
    let files = |name: &str| home.data().join("store").join(name).exists();
    assert_eq!((files("master.key"), files("master.key.kms"), files("master.key.kms.next")), (false, true, false));
    assert!(stdout(&run("parameter get /shop/x --reveal").success()).contains("hunter2"));
    let without = home.run("parameter get /shop/x --reveal").failure();
    assert!(stderr(&without).contains(kms_key), "{}", stderr(&without));
    run("store rekey").success();
    assert_eq!((files("master.key"), files("master.key.kms")), (true, false));
    assert!(stdout(&home.run("parameter get /shop/x --reveal").success()).contains("hunter2"));
}

#[test]
fn a_name_that_was_deleted_waits_on_a_server_that_was_started_since() {
    let scene = Scene::new();
    let folder = ["--data", "data"];
    for place in [&folder[..], &scene.place()[..]] {
        let mut command = scene.home.command();
        command.args(["store", "key", "create", "admin", "--account", "123456789012", "--output", "json"]).args(place);
        let made: Value = serde_json::from_str(&stdout(&command.assert().success())).unwrap();
        let text = |name: &str| made[name].as_str().unwrap();
        let (key, secret) = (text("access_key_id"), text("secret_access_key"));
        let put = ["ssm", "put-parameter", "--name", "/shop/x", "--value", "v", "--type", "String"];
        let first = scene.serve(place, &[]);
        first.aws_as(key, secret, &put).unwrap();
        first.aws_as(key, secret, &["ssm", "delete-parameter", "--name", "/shop/x"]).unwrap();
        assert!(first.stop().success());
        let second = scene.serve(place, &[]);
        let refused = second.aws_as(key, secret, &put).unwrap_err();
        assert!(refused.contains("(TooManyUpdates)"), "{refused}");
    }
}
