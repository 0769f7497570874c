//! `parados infra refresh --watch`.

use std::process::{Command, Stdio};

use serde_json::Value;
use testkit::tool;

use crate::infra::{Account, BUCKET, changes};

#[test]
fn a_watch_says_what_is_new_and_mends_it_on_request() {
    let account = Account::new();
    account.infra("up --yes", 0);
    let watch = |more: &str| {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("parados"));
        command.args(format!("infra refresh --environment dev --watch 1 --output json {more}").split_whitespace());
        command.env_clear().envs(account.moto.env()).env("HOME", account.home.path()).current_dir(account.home.path());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let suspend = || {
        account
            .aws(&format!("s3api put-bucket-versioning --bucket {BUCKET} --versioning-configuration Status=Suspended"));
    };
    let stopped = |mut watch: std::process::Child| {
        assert!(tool("kill").arg("-TERM").arg(watch.id().to_string()).status().unwrap().success());
        watch.wait().unwrap().code().unwrap()
    };
    let mut looking = watch("");
    let mut said = serde_json::Deserializer::from_reader(looking.stdout.take().unwrap()).into_iter::<Value>();
    assert_eq!(changes(&said.next().unwrap().unwrap()), []);
    suspend();
    // What comes next is what is new, however often it looked in between.
    assert_eq!(changes(&said.next().unwrap().unwrap()), [("bucket", "update")]);
    let mut mending = watch("--repair --yes");
    let mut mended = serde_json::Deserializer::from_reader(mending.stdout.take().unwrap()).into_iter::<Value>();
    assert_eq!(mended.next().unwrap().unwrap()["verdict"], "complete");
    assert_eq!(changes(&said.next().unwrap().unwrap()), []);
    assert_eq!(stopped(looking), 0);
    assert_eq!(changes(&mended.next().unwrap().unwrap()), []);
    suspend();
    assert_eq!(mended.next().unwrap().unwrap()["verdict"], "complete");
    stopped(mending);
    assert_eq!(account.bucket("bucket-versioning")["Status"], "Enabled");
}
