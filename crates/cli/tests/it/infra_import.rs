//! `parados infra import`: what the AWS CLI made, declared and taken over.

use std::fs;

use serde_json::json;

use crate::infra::{Account, changes};

#[test]
fn what_is_there_is_imported_and_adopted_with_nothing_changed() {
    let account = Account::new();
    for arguments in [
        "s3api create-bucket --bucket theirs --create-bucket-configuration LocationConstraint=eu-west-1".to_owned(),
        "s3api put-bucket-versioning --bucket theirs --versioning-configuration Status=Enabled".to_owned(),
        "s3api put-public-access-block --bucket theirs --public-access-block-configuration \
         BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=true".to_owned(),
        "s3api put-bucket-ownership-controls --bucket theirs --ownership-controls Rules=[{ObjectOwnership=ObjectWriter}]".to_owned(),
        "s3api put-bucket-tagging --bucket theirs --tagging TagSet=[{Key=team,Value=core}]".to_owned(),
        format!("s3api put-bucket-policy --bucket theirs --policy {}", json!({"Version": "2012-10-17", "Statement": [{"Sid": "Tls", "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": "arn:aws:s3:::theirs/*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}]})),
        "ssm put-parameter --name /theirs/a --type StringList --value {{x}},b".to_owned(),
        "ssm put-parameter --name /theirs/secret --type SecureString --value hunter2-canary".to_owned(),
    ] {
        account.aws(&arguments);
    }
    account.infra("up --yes", 0);
    let import = |what: &str, code| account.run(&format!("infra import --environment dev {what}"), code);
    let (_, error) = import("aws:s3:Bucket theirs --name shared", 3);
    assert!(error.contains("shared: no declaration says that encryption.algorithm is null"), "{error}");
    let rule = json!({"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": true});
    let configuration = json!({ "Rules": [rule] });
    account.aws(&format!(
        "s3api put-bucket-encryption --bucket theirs --server-side-encryption-configuration {configuration}"
    ));
    let bucket = import("aws:s3:Bucket theirs --name shared", 0).0;
    assert!(
        bucket.contains("  shared:\n    kind: aws:s3:Bucket\n") && bucket.contains("ownership: ObjectWriter"),
        "{bucket}"
    );
    assert!(
        !bucket.contains("public_access_block") && !bucket.contains("encryption"),
        "what is so by default is not said: {bucket}"
    );
    let parameter = import("aws:ssm:Parameter /theirs/a", 0).0;
    assert!(parameter.contains("  theirs_a:\n"), "{parameter}");
    for (file, text) in [("bucket.yaml", bucket), ("parameter.yaml", parameter)] {
        fs::write(account.home.path().join("infra").join(file), text).unwrap();
    }
    let plan = account.infra("preview --adopt", 1);
    assert_eq!(changes(&plan), [("shared", "adopt"), ("theirs_a", "adopt")], "{plan}");
    let differences = plan["changes"].as_array().unwrap().iter().flat_map(|one| one["differences"].as_array().unwrap());
    for one in differences {
        assert!(one["path"] == "tags.parados:owner", "{one}");
    }
    // What is declared is checked, whoever made it.
    assert_eq!(plan["findings"][0]["check"], "S3-TLS", "{plan}");
    let (out, error) = import("aws:ssm:Parameter /theirs/secret", 1);
    assert!(error.contains("SecureString") && !format!("{out}{error}").contains("hunter2"), "{error}");
    let (_, error) = import("aws:s3:Bucket nobody-s", 1);
    assert!(error.contains("there is no aws:s3:Bucket `nobody-s`"), "{error}");
    let (_, error) = import("aws:kms:Key 1234", 2);
    assert!(error.contains("parados:owner = jenkins/dev"), "{error}");
    let (_, error) = import("aws:s3:Buckett theirs", 2);
    assert!(error.contains("aws:s3:Bucket, aws:ssm:Parameter"), "{error}");
}
