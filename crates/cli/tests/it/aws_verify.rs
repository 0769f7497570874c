//! `parados verify` of a bucket of S3.

use serde_json::json;

use crate::aws_account::{Account, BUCKET};

#[test]
fn an_object_that_was_flipped_and_put_back_is_found_in_a_bucket() {
    let account = Account::filled(12);
    account.run("init", 0);
    let first = account.back_up("", 0).json();
    account.back_up("", 0);
    let verify = |flags: &str, code| {
        account.run(&format!("verify --repository s3://{BUCKET} --output json {flags}"), code).json()
    };
    let whole = verify("--all --read", 0);
    assert_eq!((&whole["outcome"], &whole["checked"]["opened"]), (&json!("right"), &json!(2)), "{whole}");
    assert_eq!(whole["checked"]["parameters"], 24);

    let key = first["key"].as_str().unwrap();
    let file = account.home.path().join("object");
    let path = file.to_str().unwrap();
    account.cli(&["s3api", "get-object", "--bucket", BUCKET, "--key", key, path]);
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    let put = ["s3api", "put-object", "--bucket", BUCKET, "--key", key, "--body", path];
    account.cli(&[put.as_slice(), &["--server-side-encryption", "AES256"]].concat());

    let damaged = verify("--all --read", 10);
    let finding = &damaged["findings"][0];
    assert_eq!((&finding["kind"], &finding["object"]), (&json!("changed"), &json!(key)), "{damaged}");
    assert_eq!(damaged["findings"].as_array().unwrap().len(), 1, "{damaged}");
    assert_eq!(verify("--read", 0)["outcome"], "right", "the newest one is whole");
}
