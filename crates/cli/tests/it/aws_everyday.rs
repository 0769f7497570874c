//! What is done around backups on AWS: arriving with old files in a bucket, comparing with the account, and reaching one of several
//! targets.

use serde_json::{Value, json};

use crate::aws_account::{Account, BUCKET};

/// Where the pipeline before Parados wrote.
const OLD: &str = "jenkins-ssm-backup-old";

#[test]
fn a_team_arrives_with_its_history_from_a_bucket() {
    let account = Account::new();
    let recipient = account.recipient();
    account.make_bucket(OLD);
    let fixtures = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../backup/tests/fixtures/old");
    let put = |key: &str, body: &str| {
        let put = json!({"Bucket": OLD, "Key": key, "Body": body, "ServerSideEncryption": "AES256"});
        account.call("s3", "put_object", &put);
    };
    for (key, fixture) in [
        ("2025-10-15/ssm-backup-dev-20251015_120045.json", "aws_cli_v2.json"),
        ("2021-03-04/ssm-backup-prod-20210304_220405.json", "aws_cli_v1.json"),
    ] {
        put(key, &std::fs::read_to_string(fixtures.join(fixture)).unwrap());
    }
    put("latest.txt", "2025-10-15/ssm-backup-dev-20251015_120045.json\n");
    put("2025-10-15/ssm-backup-dev-20251015_130000.json", r#"{"parameters":[{"Name":"/a","Value":"hunter2""#);
    let old = account.objects(OLD);
    let import = format!(
        "import s3://{OLD} --project jenkins --environment dev --store aws --repository s3://{BUCKET} --recipient {recipient}"
    );

    let planned = account.run(&format!("{import} --dry-run --output json"), 3).json();
    assert_eq!(planned["environments"][0]["documents"][0]["outcome"], "planned", "{planned}");
    assert!(account.objects(BUCKET).is_empty(), "a dry run writes nothing");

    let imported = account.run(&import, 3);
    let line = |key: &str, outcome: &str| {
        let mut lines = imported.stdout.lines();
        let said = lines.any(|line| line.contains(key) && line.contains(outcome));
        assert!(said, "{key} {outcome}: {}", imported.stdout);
    };
    line("2025-10-15/ssm-backup-dev-20251015_120045.json", "imported");
    line("2025-10-15/ssm-backup-dev-20251015_130000.json", "refused");
    imported.says(&["Imported\t1", "Failed\t1", "partial"]);
    assert!(!imported.text().contains("hunter2") && !imported.text().contains("prod"), "{}", imported.text());
    assert_eq!(account.objects(OLD), old, "nothing is changed where it comes from");

    let again = account.run(&format!("{import} --output json"), 3).json();
    assert_eq!(again["environments"][0]["documents"][0]["outcome"], "present", "{again}");
    let at = format!("--project jenkins --environment dev --store aws --repository s3://{BUCKET}");
    account.run(&format!("show @2025-10-15 {at}"), 0).says(&["/jenkins/dev/github/app-private-key"]);
    account.run(&format!("verify --all --read {at}"), 0);
}

#[test]
fn a_snapshot_is_compared_with_the_account_as_it_is_now() {
    let account = Account::filled(6);
    let recipient = account.recipient();
    account.back_up(&format!("--recipient {recipient}"), 0);
    let at = format!("--project jenkins --environment dev --store aws --repository s3://{BUCKET} --output json");
    let same = account.run(&format!("diff latest live --exit-code {at}"), 0).json();
    assert_eq!((&same["equal"], &same["unchanged"]), (&json!(true), &json!(6)), "{same}");

    let secret = account.secret("another");
    let change = json!({"Name": "/jenkins/dev/app1/p001", "Value": secret, "Overwrite": true, "Type": "StringList"});
    account.call("ssm", "put_parameter", &change);
    account.call("ssm", "delete_parameter", &json!({"Name": "/jenkins/dev/app2/p002"}));
    let new = json!({"Name": "/jenkins/dev/new", "Value": account.secret("new"), "Type": "SecureString"});
    account.call("ssm", "put_parameter", &new);
    let tag = json!({"ResourceType": "Parameter", "ResourceId": "/jenkins/dev/app3/p003", "Tags": [{"Key": "a", "Value": "b"}]});
    account.call("ssm", "add_tags_to_resource", &tag);
    let view = account.run(&format!("diff latest live --exit-code {at}"), 4).json();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let differences = view["differences"].as_array().unwrap().iter();
    let said: Vec<_> = differences.map(|one| (text(&one["kind"]), text(&one["name"]))).collect();
    let expected = [
        ("changed", "/jenkins/dev/app1/p001"),
        ("deleted", "/jenkins/dev/app2/p002"),
        ("changed", "/jenkins/dev/app3/p003"),
        ("created", "/jenkins/dev/new"),
    ];
    assert_eq!(said, expected.map(|(kind, name)| (kind.to_owned(), name.to_owned())), "{view}");
    assert_eq!(view["differences"][2]["fields"][0]["field"], "tags", "{view}");
    assert_eq!((&view["after"]["kind"], &view["after"]["target"]["account"]), (&json!("live"), &json!("123456789012")));
}

#[test]
fn one_of_several_targets_is_reached_by_its_name() {
    let account = Account::new();
    let file = "version: 1\nproject: jenkins\nrepository: s3://x\nenvironments:\n  dev:\n    targets:\n      - {name: ireland, \
                region: eu-west-1}\n      - {name: stockholm, region: eu-north-1}\n";
    std::fs::write(account.home.path().join("parados.yaml"), file).unwrap();
    account.fill("eu-north-1", 2);
    let list = |flags: &str, code| account.run(&format!("parameter list --config parados.yaml {flags}"), code);
    list("--environment dev --target stockholm", 0).says(&["/jenkins/dev/app0/p000"]);
    assert_eq!(list("--environment dev --target ireland", 0).stdout, "");
    list("--environment dev", 2)
        .says(&["several targets, and none is named", "choose one with --target: ireland, stockholm"]);
    list("--environment dev --target oslo", 2).says(&["has no target `oslo`", "it has ireland, stockholm"]);
    list("--target stockholm", 2).says(&["name the environment that has it with --environment"]);
}
