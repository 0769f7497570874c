//! `parados drill --into aws`: under a scratch prefix of a real account, which is as it was afterwards.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::json;

use crate::aws_account::{Account, BUCKET};
use crate::aws_stop::{Gate, Kept};

/// What is there, by the AWS CLI.
fn there(account: &Account) -> serde_json::Value {
    let mut said = account.cli(&["ssm", "describe-parameters"])["Parameters"].take();
    said.as_array_mut().unwrap().sort_by_key(|one| one["Name"].as_str().unwrap().to_owned());
    said
}

#[test]
fn a_drill_on_aws_leaves_nothing_when_it_passes_and_when_it_is_stopped() {
    let account = Account::filled(6);
    account.back_up("--recipient none", 0);
    let before = there(&account);

    let evidence = account.home.path().join("evidence");
    let drill = format!(
        "drill --project jenkins --environment dev --store aws --repository s3://{BUCKET} --into aws --output json --evidence {}",
        evidence.display()
    );
    let report = account.run(&drill, 0).json();
    assert_eq!((&report["verdict"], &report["counts"]["equal"]), (&json!("passed"), &json!(6)), "{report:#}");
    assert!(report["into"]["prefix"].as_str().unwrap().starts_with("/parados-drill/"), "{report:#}");
    assert_eq!(there(&account), before);
    assert_eq!(fs::read_dir(&evidence).unwrap().count(), 3);

    for kept in [Kept::OnTheWay, Kept::AtTheAnswer] {
        let gate = Gate::before(&account.moto.url(), "AmazonSSM.PutParameter", kept);
        let mut child = Command::new(assert_cmd::cargo::cargo_bin("parados"))
            .env_clear()
            .envs(account.moto.env())
            .env("HOME", account.home.path())
            .env("AWS_ENDPOINT_URL", &gate.url)
            .args(drill.split(' '))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        gate.stalled.recv().unwrap();
        assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
        assert_eq!(child.wait().unwrap().code(), Some(130), "{kept:?}");
        assert_eq!(there(&account), before, "{kept:?}");
        assert_eq!(fs::read_dir(&evidence).unwrap().count(), 3, "what was stopped is no evidence");
    }
}
