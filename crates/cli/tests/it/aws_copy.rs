//! `parados copy` to a bucket: what is there then is counted, read and encrypted as the AWS CLI says, and stands in for what it was made of.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::aws_account::{Account, BUCKET};

const COUNT: usize = 12;
const COPY: &str = "jenkins-ssm-backup-copy";

/// A filled account with a second bucket, and the flag that seals what is backed up.
fn account() -> (Account, String) {
    let account = Account::filled(COUNT);
    account.make_bucket(COPY);
    let flag = format!("--recipient {}", account.recipient());
    (account, flag)
}

/// The digests of a bucket's objects by key below `prefix`, as the AWS CLI lists them; each must be encrypted by `algorithm`.
#[track_caller]
fn stored(account: &Account, bucket: &str, prefix: &str, algorithm: &str) -> BTreeMap<String, String> {
    let listed = account.cli(&["s3api", "list-objects-v2", "--bucket", bucket]);
    let mut stored = BTreeMap::new();
    for object in listed["Contents"].as_array().unwrap() {
        let key = object["Key"].as_str().unwrap();
        let head = account.cli(&["s3api", "head-object", "--bucket", bucket, "--key", key]);
        assert_eq!(head["ServerSideEncryption"], algorithm, "{key}");
        let below = key.strip_prefix(prefix).unwrap_or_else(|| panic!("{key} is not below {prefix}"));
        stored.insert(below.to_owned(), object["ETag"].as_str().unwrap().to_owned());
    }
    stored
}

/// Copies and gives the report, all of which must be there.
#[track_caller]
fn copy(account: &Account, arguments: &str) -> Value {
    let report = account.run(&format!("copy --output json {arguments}"), 0).json();
    assert_eq!(report["verdict"], "complete", "{report}");
    report
}

/// That a repository has `snapshots` snapshots in which nothing is wrong, the content included.
#[track_caller]
fn verifies(account: &Account, repository: &str, snapshots: usize) {
    let verified = account.run(&format!("verify --read --all --output json --repository {repository}"), 0).json();
    assert_eq!(verified["findings"], json!([]), "{verified}");
    let listed = account.run(&format!("snapshots --output json --repository {repository}"), 0).json();
    assert_eq!(listed["snapshots"].as_array().unwrap().len(), snapshots, "{listed}");
}

#[test]
fn a_bucket_is_copied_to_another_object_by_object_and_verifies_without_the_first() {
    let (account, sealed) = account();
    for _ in 0..2 {
        account.back_up(&sealed, 0);
    }
    let from = format!("--repository s3://{BUCKET} --to s3://{COPY}");
    let planned = copy(&account, &format!("{from} --dry-run"));
    assert_eq!((&planned["copied"], &planned["dry_run"]), (&json!(2), &json!(true)));
    assert!(account.objects(COPY).is_empty(), "a dry run writes nothing");

    let report = copy(&account, &from);
    assert_eq!(report["copied"], 2, "{report}");
    let source = stored(&account, BUCKET, "", "AES256");
    assert_eq!(stored(&account, COPY, "", "AES256"), source, "the same objects, byte for byte");
    assert_eq!(source.keys().filter(|key| key.ends_with(".manifest")).count(), 2, "{source:?}");
    assert_eq!(source.keys().filter(|key| key.starts_with("keys/")).count(), 1, "{source:?}");
    assert_eq!(account.object(COPY, "latest.txt"), account.object(BUCKET, "latest.txt"));
    verifies(&account, &format!("s3://{COPY}"), 2);

    // What is there is not written again, and only what is new is brought.
    let before = account.objects(COPY);
    assert_eq!(copy(&account, &format!("{from} --check"))["bytes"], 0);
    assert_eq!(account.objects(COPY), before);
    account.back_up(&sealed, 0);
    assert_eq!(copy(&account, &from)["copied"], 1);
    assert!(before.keys().all(|key| key == "latest.txt" || account.objects(COPY)[key] == before[key]));

    // The first is lost.
    for key in account.objects(BUCKET).keys() {
        account.call("s3", "delete_object", &json!({"Bucket": BUCKET, "Key": key}));
    }
    verifies(&account, &format!("s3://{COPY}"), 3);
    let next = account.back_up(&format!("{sealed} --repository s3://{COPY}"), 0).json();
    assert_eq!(next["sequence"], 4, "the chain goes on in the copy: {next}");
}

#[test]
fn a_folder_is_copied_to_a_bucket_under_a_key_of_kms_and_to_a_prefix_of_another() {
    let (account, sealed) = account();
    let folder = account.home.path().join("repository");
    account.back_up(&format!("{sealed} --repository {}", folder.display()), 0);
    account.back_up(&format!("{sealed} --repository {}", folder.display()), 0);
    copy(&account, &format!("--repository {} --to s3://{COPY}/vault/jenkins", folder.display()));
    let below = stored(&account, COPY, "vault/jenkins/", "AES256");
    assert!(below.contains_key("parados.json") && below.contains_key("latest.txt"), "{below:?}");
    verifies(&account, &format!("s3://{COPY}/vault/jenkins"), 2);

    account.moto.require_encryption("aws:kms");
    let made = account.call("kms", "create_key", &json!({}));
    let key = made["KeyMetadata"]["Arn"].as_str().unwrap();
    account.make_bucket("under-kms");
    copy(&account, &format!("--repository {} --to s3://under-kms --to-s3-kms-key {key}", folder.display()));
    let under_kms = stored(&account, "under-kms", "", "aws:kms");
    assert_eq!(under_kms.keys().collect::<Vec<_>>(), below.keys().collect::<Vec<_>>());
    for stored in under_kms.keys() {
        let head = account.call("s3", "head_object", &json!({"Bucket": "under-kms", "Key": stored}));
        assert_eq!(head["SSEKMSKeyId"], key, "{stored}");
    }
    verifies(&account, "s3://under-kms", 2);
}

#[test]
fn a_copy_that_the_other_bucket_refuses_says_so_and_is_finished_by_the_next() {
    let (account, sealed) = account();
    account.back_up(&sealed, 0);
    let arguments = format!("copy --output json --repository s3://{BUCKET} --to s3://{COPY}");
    // The repository's own object is let through, and nothing after it.
    account.moto.fail("S3.PutObject", "AccessDenied", 403, 1, 1000);
    let run = account.run(&arguments, 1);
    run.says(&["failed"]);
    let snapshots = || account.objects(COPY).into_keys().filter(|key| key.ends_with(".manifest")).count();
    assert_eq!(snapshots(), 0, "no manifest stands without its document");
    account.moto.fail("S3.PutObject", "AccessDenied", 403, 0, 0);
    assert_eq!(copy(&account, arguments.trim_start_matches("copy --output json "))["copied"], 1);
    verifies(&account, &format!("s3://{COPY}"), 1);
}
