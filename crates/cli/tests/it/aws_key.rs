//! `parados key` with a key of KMS, which moto plays: what is sealed again to it is opened by whoever has that key and no other.

use serde_json::{Value, json};

use crate::aws_account::{Account, BUCKET, Run};
use crate::parados::Home;

const COUNT: usize = 6;

/// How many snapshots `key check` says that it opens.
fn opened(checked: &Run) -> usize {
    checked.json()["snapshots"].as_array().unwrap().iter().filter(|one| one["opens"] == true).count()
}

#[test]
fn who_has_only_the_key_of_kms_opens_what_was_sealed_again_to_it() {
    let account = Account::filled(COUNT);
    let sealed = format!("--recipient {}", account.recipient());
    account.back_up(&sealed, 0);
    account.back_up(&sealed, 0);
    let made = account.call("kms", "create_key", &json!({}));
    let kms = made["KeyMetadata"]["Arn"].as_str().unwrap();

    // A machine that has neither the identity that opens snapshots nor the key that signed them.
    let reader = Home::new();
    let read = |arguments: &str, code| {
        let mut command = reader.command();
        command.envs(account.moto.env()).args(arguments.split(' '));
        command.args(["--output", "json", "--repository", &format!("s3://{BUCKET}")]);
        account.ends(&mut command, code)
    };
    assert_eq!(opened(&read("key check", 3)), 0);

    let added = account.run(&format!("key add {kms} --yes --output json --repository s3://{BUCKET}"), 0).json();
    assert_eq!(added["report"]["verdict"], "complete", "{added}");
    let is_sealed = |one: &Value| one["outcome"] == "sealed" && one["opened"] == true;
    assert!(added["report"]["snapshots"].as_array().unwrap().iter().all(is_sealed), "{added}");

    assert_eq!(opened(&read("key check", 0)), 2);
    let verified = read("verify --read --all", 0).json();
    assert_eq!((&verified["findings"], &verified["unchecked"]), (&json!([]), &json!([])), "{verified}");
    // Its fingerprints are those of the snapshot's own key, which was sealed again too.
    let into = reader.path().join("into");
    let init = format!("init --store embedded:{}", into.display());
    account.ends(reader.command().args(init.split(' ')), 0);
    std::fs::remove_dir_all(reader.data().join("keys")).unwrap();
    let planned = read(&format!("restore plan latest --into embedded:{}", into.display()), 0).json();
    assert_eq!(planned["changes"].as_array().unwrap().len(), COUNT, "{planned}");

    account.moto.deny("KMS.Decrypt");
    assert_eq!(opened(&read("key check", 3)), 0);
}
