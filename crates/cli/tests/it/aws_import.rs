//! `parados import` from the bucket in which the old pipeline kept its documents by date.

use std::path::Path;

use serde_json::{Value, json};

use crate::aws_account::{Account, BUCKET};

const OLD: &str = "jenkins-ssm-backup-old";
const DEV: &str = "2025-10-15/ssm-backup-dev-20251015_120045.json";
const PROD: &str = "2021-03-04/ssm-backup-prod-20210304_220405.json";

/// The documents in `bucket` below `prefix`, as the old pipeline put them, and its hint at the newest.
fn put_documents(account: &Account, bucket: &str, prefix: &str) {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../backup/tests/fixtures/old");
    let read = |name: &str| std::fs::read_to_string(fixtures.join(name)).unwrap();
    for (key, body) in [
        (DEV, read("aws_cli_v2.json")),
        (PROD, read("aws_cli_v1.json")),
        ("latest.txt", format!("{DEV}\n")),
        ("2025-10-15/notes.json", "{}".to_owned()),
    ] {
        let put =
            json!({"Bucket": bucket, "Key": format!("{prefix}{key}"), "Body": body, "ServerSideEncryption": "AES256"});
        account.call("s3", "put_object", &put);
    }
}

fn import(account: &Account, from: &str, flags: &str, code: i32) -> Value {
    let command =
        format!("import {from} --project jenkins --store aws --repository s3://{BUCKET} --output json {flags}");
    account.run(&command, code).json()
}

/// The documents of a view, with what became of them.
fn documents(view: &Value) -> Vec<(&str, &str)> {
    let environments = view["environments"].as_array().unwrap().iter();
    let documents = environments.flat_map(|environment| environment["documents"].as_array().unwrap());
    documents.map(|one| (one["key"].as_str().unwrap(), one["outcome"].as_str().unwrap())).collect()
}

#[test]
fn a_bucket_by_date_becomes_snapshots_whole_or_one_day_of_it() {
    let account = Account::new();
    let recipient = account.recipient();
    account.make_bucket(OLD);
    put_documents(&account, OLD, "ssm/");
    let before = account.objects(OLD);
    let sealed = format!("--recipient {recipient}");

    let planned = import(&account, &format!("s3://{OLD}/ssm"), &format!("{sealed} --dry-run"), 0);
    assert_eq!(documents(&planned), [(DEV, "planned"), (PROD, "planned")], "{planned}");
    assert!(account.objects(BUCKET).is_empty(), "a dry run writes nothing");
    // One day, and then all of it: what is there is left.
    let day = import(&account, &format!("s3://{OLD}/ssm/2025-10-15"), &sealed, 0);
    let name = DEV.split_once('/').unwrap().1;
    assert_eq!(documents(&day), [(name, "imported")], "{day}");
    let all = import(&account, &format!("s3://{OLD}"), &sealed, 0);
    let (dev, prod) = (format!("ssm/{DEV}"), format!("ssm/{PROD}"));
    assert_eq!(documents(&all), [(dev.as_str(), "present"), (prod.as_str(), "imported")], "{all}");
    assert_eq!(account.objects(OLD), before, "nothing there is changed");

    let flags = format!("--project jenkins --store aws --repository s3://{BUCKET}");
    let listed = account.run(&format!("snapshots {flags} --output json"), 0).json();
    let begun = listed["snapshots"].as_array().unwrap().iter().map(|one| one["started_at"].as_str().unwrap());
    assert_eq!(begun.filter(|at| at.starts_with("2025-10-15T12:00:45")).count(), 1, "{listed}");
    let shown = account.run(&format!("show @2025-10-15 --environment dev {flags}"), 0);
    shown.says(&["/jenkins/dev/github/app-private-key"]);
    account.run(&format!("verify --all --read {flags}"), 0);

    // Nothing there, no bucket, and one that may not be listed.
    assert_eq!(import(&account, &format!("s3://{OLD}/2020-01-01"), &sealed, 3)["verdict"], "nothing-matched");
    let fails = |from: &str| account.run(&format!("import {from} --project jenkins --store aws {sealed}"), 1);
    fails("s3://nobody-made-this-one").says(&["the bucket of s3://nobody-made-this-one does not exist"]);
    account.moto.deny("S3.ListObjectsV2");
    fails(&format!("s3://{OLD}")).says(&["not allowed to list", "s3:ListBucket"]);
}

/// A team that goes on with the bucket that it has.
#[test]
fn the_bucket_of_the_old_documents_can_be_the_repository_itself() {
    let account = Account::new();
    let recipient = account.recipient();
    put_documents(&account, BUCKET, "");
    let old = account.objects(BUCKET);
    for outcome in ["imported", "present"] {
        let view = import(&account, &format!("s3://{BUCKET}"), &format!("--recipient {recipient}"), 0);
        assert_eq!(documents(&view), [(DEV, outcome), (PROD, outcome)], "{view}");
    }
    let now = account.objects(BUCKET);
    // The hint at the newest is the repository's now.
    assert!(old.iter().filter(|(key, _)| *key != "latest.txt").all(|(key, written)| now.get(key) == Some(written)));
    assert!(now.contains_key(&format!("{DEV}.zst.age")) && now.contains_key("parados.json"), "{now:?}");
    let flags = format!("--project jenkins --store aws --repository s3://{BUCKET}");
    account.run(&format!("verify --all --read {flags}"), 0);
}
