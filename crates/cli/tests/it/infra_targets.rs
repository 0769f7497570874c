//! One stack over several Regions and accounts.

use std::fs;

use serde_json::json;

use crate::infra::{Account, changes};

const DECLARATION: &str = r#"
version: 1
targets:
  far: { region: us-east-1 }
  other: { account: "210987654321", region: ap-northeast-1, role_arn: "arn:aws:iam::210987654321:role/Infra" }
resources:
  copy:
    kind: aws:s3:Bucket
    target: far
    name: "{{ project }}-{{ environment }}-{{ account }}-{{ region }}"
    versioning: true
    policy: { require_tls: true, require_encryption: true }
  near:
    kind: aws:ssm:Parameter
    name: "/{{ project }}/{{ environment }}/copy"
    value: "{{ resources.copy.arn }}"
  there:
    kind: aws:ssm:Parameter
    target: other
    name: "/{{ project }}/{{ environment }}/copy"
    value: "{{ resources.copy.name }} of {{ account }} in {{ region }}"
    tags: { origin: "{{ resources.near.name }}" }
"#;

const FAR: &str = "jenkins-dev-123456789012-us-east-1";

#[test]
fn a_stack_reaches_over_regions_and_accounts() {
    let account = Account::new();
    fs::write(account.home.path().join("infra/backup.yaml"), DECLARATION).unwrap();
    let plan = account.infra("up --yes", 0);
    assert_eq!((&plan["verdict"], plan["changes"].as_array().unwrap().len()), (&json!("complete"), 3), "{plan}");
    let at = |region: &str, arguments: &str| account.aws(&format!("{arguments} --region {region}"));
    // S3 calls this Region by no name.
    assert_eq!(account.aws(&format!("s3api get-bucket-location --bucket {FAR}"))["LocationConstraint"], json!(null));
    let near = at("eu-west-1", "ssm get-parameter --name /jenkins/dev/copy");
    assert_eq!(near["Parameter"]["Value"], format!("arn:aws:s3:::{FAR}"));
    let found = at("ap-northeast-1", "ssm describe-parameters");
    assert_eq!(found["Parameters"], json!([]), "what is the other account's is not in this one");
    assert!(account.moto.calls()["STS.AssumeRole"] >= 1);

    assert_eq!(changes(&account.infra("preview", 0)), []);
    account.aws(&format!("s3api put-bucket-versioning --bucket {FAR} --versioning-configuration Status=Suspended"));
    assert_eq!(changes(&account.infra("refresh", 4)), [("copy", "update")]);
    account.infra("refresh --repair --yes", 0);
    let gone = account.infra("destroy --yes", 0);
    assert_eq!(gone["verdict"], "complete", "{gone}");
    assert_eq!(account.aws("s3api list-buckets")["Buckets"], json!([]));
}

#[test]
fn credentials_of_another_account_than_the_target_s_do_nothing() {
    let account = Account::new();
    let wrong = DECLARATION.replace(r#"account: "210987654321""#, r#"account: "111111111111""#);
    fs::write(account.home.path().join("infra/backup.yaml"), wrong).unwrap();
    let (_, error) = account.run("infra up --environment dev --yes", 1);
    assert!(error.contains("111111111111") && error.contains("210987654321"), "{error}");
    assert_eq!(account.moto.calls().get("S3.CreateBucket"), None);
}
