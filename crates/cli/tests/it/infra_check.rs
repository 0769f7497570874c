//! The checks that come before anything is done, and what a waiver does.

use serde_json::{Value, json};

use crate::infra::Account;

#[test]
fn a_check_that_fails_keeps_everything_from_being_done_until_it_is_waived() {
    let account = Account::new();
    account.declare("versioning: true", "versioning: false");
    let plan = account.infra("preview", 1);
    assert_eq!(
        (&plan["findings"][0]["check"], &plan["findings"][0]["resource"]),
        (&json!("S3-VERSIONING"), &json!("bucket"))
    );
    account.infra("up --yes", 1);
    assert_eq!(account.moto.calls().get("S3.CreateBucket"), None);
    assert_eq!(account.moto.calls().get("SSM.PutParameter"), None, "nothing is written, not even a lease");
    let (tree, _) = account.run("infra preview --environment dev", 1);
    assert!(tree.contains("! S3-VERSIONING  bucket: "), "{tree}");
    account.declare(
        "versioning: false",
        "versioning: false\n    waivers: [{ check: S3-VERSIONING, reason: scratch, until: 2020-12-31 }]",
    );
    let plan = account.infra("up --yes", 1);
    let checks = |plan: &Value| {
        let findings = plan["findings"].as_array().unwrap();
        findings.iter().map(|one| (one["check"].clone(), one["waiver"].clone())).collect::<Vec<_>>()
    };
    assert_eq!(checks(&plan), [(json!("S3-VERSIONING"), Value::Null), (json!("WAIVER"), Value::Null)], "{plan}");
    account.declare(", until: 2020-12-31", "");
    assert_eq!(checks(&account.infra("preview", 0)), [(json!("S3-VERSIONING"), json!("scratch"))]);
    account.infra("up --yes", 0);
    assert_ne!(account.bucket("bucket-versioning")["Status"], "Enabled");
}
