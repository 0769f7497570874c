//! Each kind: what is made is what the AWS CLI reads, and drift of each field is found and mended.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;

use parados_infra::cloud::Cloud;
use parados_infra::import::{ImportError, import};
use parados_infra::kind::KindName;
use parados_infra::plan::InfraAction;
use parados_parameter::memory::MemoryStore;
use parados_parameter::{ParameterName, ParameterType, PutRequest, Secret, SharedStore, SystemClock};
use rstest::rstest;
use serde_json::{Value, json};
use testkit::{Canary, Moto, aws_cli};

use crate::world::{WHOLE, World, destroy, make, stack_in, up};

const BUCKET: &str = "shop-backup-dev-123456789012";
const POLICY: &str = "arn:aws:iam::123456789012:policy/shop-backup";

fn aws(moto: &Moto, arguments: &str) -> Value {
    let output = aws_cli(moto).args(arguments.split_whitespace()).output().unwrap();
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap_or_default()
}

#[tokio::test]
async fn each_kind_is_what_the_aws_cli_reads() {
    let world = World::new().await;
    let key = world.up(WHOLE).await.outputs["key"].clone();
    let read = |arguments: &str| aws(&world.moto, arguments);
    let described = &read("kms describe-key --key-id alias/shop-dev")["KeyMetadata"];
    assert_eq!((&described["Arn"], &described["Description"]), (&json!(key), &json!("snapshots")));
    assert_eq!(read(&format!("kms get-key-rotation-status --key-id {key}"))["KeyRotationEnabled"], true);
    let tags = read(&format!("kms list-resource-tags --key-id {key}"))["Tags"].to_string();
    assert!(tags.contains("parados:owner") && tags.contains("shop/dev") && tags.contains("team"), "{tags}");
    let encryption = read(&format!("s3api get-bucket-encryption --bucket {BUCKET}"));
    let rule = &encryption["ServerSideEncryptionConfiguration"]["Rules"][0];
    assert_eq!(rule["ApplyServerSideEncryptionByDefault"], json!({"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}));
    let lock = read(&format!("s3api get-object-lock-configuration --bucket {BUCKET}"));
    let retention = &lock["ObjectLockConfiguration"]["Rule"]["DefaultRetention"];
    assert_eq!((&retention["Mode"], &retention["Days"]), (&json!("GOVERNANCE"), &json!(7)));
    let role = &read("iam get-role --role-name shop-backup")["Role"];
    assert_eq!(role["Description"], "the backup job");
    assert_eq!(role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["Service"], "ec2.amazonaws.com");
    let attached = read("iam list-attached-role-policies --role-name shop-backup");
    assert_eq!(attached["AttachedPolicies"][0]["PolicyArn"], POLICY);
    let document = read(&format!("iam get-policy-version --policy-arn {POLICY} --version-id v1")).to_string();
    assert!(
        document.contains("s3:PutObject") && document.contains(&key) && !document.contains("s3:Delete"),
        "{document}"
    );
    assert_eq!(read("ssm get-parameter --name /shop/dev/backup/s3-bucket-name")["Parameter"]["Value"], BUCKET);
}

/// What somebody does by hand, and the field in which that is seen.
#[rstest]
#[case(
    "bucket",
    "tags.team",
    "s3api put-bucket-tagging --bucket {bucket} --tagging TagSet=[{Key=team,Value=x},{Key=parados:owner,Value=shop/dev}]"
)]
#[case(
    "bucket",
    "tags.parados:owner",
    "s3api put-bucket-tagging --bucket {bucket} --tagging TagSet=[{Key=team,Value=core}]"
)]
#[case(
    "bucket",
    "encryption.algorithm",
    "s3api put-bucket-encryption --bucket {bucket} --server-side-encryption-configuration Rules=[{ApplyServerSideEncryptionByDefault={SSEAlgorithm=AES256}}]"
)]
#[case("bucket", "lifecycle[old]", "s3api delete-bucket-lifecycle --bucket {bucket}")]
#[case(
    "bucket",
    "public_access_block.restrict_public_buckets",
    "s3api put-public-access-block --bucket {bucket} --public-access-block-configuration BlockPublicAcls=true,IgnorePublicAcls=true,BlockPublicPolicy=true,RestrictPublicBuckets=false"
)]
#[case("bucket", "policy", "s3api delete-bucket-policy --bucket {bucket}")]
#[case(
    "bucket",
    "ownership",
    "s3api put-bucket-ownership-controls --bucket {bucket} --ownership-controls Rules=[{ObjectOwnership=ObjectWriter}]"
)]
#[case(
    "bucket",
    "object_lock.days",
    "s3api put-object-lock-configuration --bucket {bucket} --object-lock-configuration ObjectLockEnabled=Enabled,Rule={DefaultRetention={Mode=GOVERNANCE,Days=1}}"
)]
#[case("name", "value", "ssm put-parameter --name /shop/dev/backup/s3-bucket-name --value x --overwrite")]
#[case(
    "name",
    "description",
    "ssm put-parameter --name /shop/dev/backup/s3-bucket-name --value shop-backup-dev-123456789012 --description x --overwrite"
)]
#[case(
    "name",
    "tags.extra",
    "ssm add-tags-to-resource --resource-type Parameter --resource-id /shop/dev/backup/s3-bucket-name --tags Key=extra,Value=x"
)]
#[case(
    "role",
    "trust.Statement",
    "iam update-assume-role-policy --role-name shop-backup --policy-document {\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":{\"Service\":\"lambda.amazonaws.com\"}}]}"
)]
#[case("role", "description", "iam update-role --role-name shop-backup --description x")]
#[case("role", "policies", "iam detach-role-policy --role-name shop-backup --policy-arn {policy}")]
#[case("role", "tags.extra", "iam tag-role --role-name shop-backup --tags Key=extra,Value=x")]
#[case(
    "backup",
    "document.Statement",
    "iam create-policy-version --policy-arn {policy} --set-as-default --policy-document {\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"s3:*\",\"Resource\":\"*\"}]}"
)]
#[case("backup", "tags.extra", "iam tag-policy --policy-arn {policy} --tags Key=extra,Value=x")]
#[case("key", "rotation", "kms disable-key-rotation --key-id {key}")]
#[case("key", "description", "kms update-key-description --key-id {key} --description x")]
#[case(
    "key",
    "policy.Statement",
    "kms put-key-policy --key-id {key} --policy-name default --policy {\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Allow\",\"Principal\":\"*\",\"Action\":\"kms:*\",\"Resource\":\"*\"}]}"
)]
#[case("key", "tags.extra", "kms tag-resource --key-id {key} --tags TagKey=extra,TagValue=x")]
#[tokio::test]
async fn drift_of_a_field_is_found_and_mended(#[case] resource: &str, #[case] path: &str, #[case] command: &str) {
    let world = World::new().await;
    let key = world.up(WHOLE).await.outputs["key"].clone();
    aws(&world.moto, &command.replace("{bucket}", BUCKET).replace("{policy}", POLICY).replace("{key}", &key));
    let plan = world.preview(WHOLE).await;
    let found: Vec<_> = plan.changes.iter().map(|change| change.resource.as_str()).collect();
    assert_eq!(found, [resource], "{plan:#?}");
    let paths: Vec<_> = plan.changes[0].differences.iter().map(|one| one.path.as_str()).collect();
    assert!(paths.iter().any(|one| one.starts_with(path)), "{paths:?}");
    world.up(WHOLE).await;
    let plan = world.preview(WHOLE).await;
    assert!(plan.is_empty(), "{plan:#?}");
}

#[tokio::test]
async fn a_bucket_is_copied_into_another_one() {
    let world = World::new().await;
    let declaration = r#"
version: 1
resources:
  copy: { kind: aws:s3:Bucket, name: shop-copy, versioning: true }
  role: { kind: aws:iam:Role, name: copy, trust: { services: [s3.amazonaws.com] } }
  bucket:
    kind: aws:s3:Bucket
    name: shop-original
    versioning: true
    replication: { role: "{{ resources.role.arn }}", destination: "{{ resources.copy.arn }}" }
"#;
    world.up(declaration).await;
    let read = aws(&world.moto, "s3api get-bucket-replication --bucket shop-original");
    let rule = &read["ReplicationConfiguration"]["Rules"][0];
    assert_eq!(
        (&rule["Status"], &rule["Destination"]["Bucket"]),
        (&json!("Enabled"), &json!("arn:aws:s3:::shop-copy"))
    );
    let plan = world.preview(declaration).await;
    assert!(plan.is_empty(), "{plan:#?}");
    world.up(&declaration[..declaration.find("    replication").unwrap()]).await;
    assert!(
        !aws_cli(&world.moto)
            .args(["s3api", "get-bucket-replication", "--bucket", "shop-original"])
            .output()
            .unwrap()
            .status
            .success()
    );
}

#[tokio::test]
async fn without_aws_there_are_folders_and_a_store() {
    let store: SharedStore = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a/repository");
    let declaration = format!(
        "version: 1\nresources:\n  folder: {{ kind: local:Folder, path: {} }}\n  name:\n    kind: parados:store:Parameter\n    \
         name: /shop/dev/backup/repository\n    value: '{{{{ resources.folder.url }}}}'\n    tags: {{ team: core }}\n",
        path.display()
    );
    let stack = stack_in(&declaration, Cloud::local("000000000000", "embedded", store.clone()), store);
    up(&stack).await.unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
    assert!(make(&stack, &stack.observe().await.unwrap()).is_empty());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    let plan = make(&stack, &stack.observe().await.unwrap());
    assert_eq!(plan.changes[0].differences[0].live, "0755");
    up(&stack).await.unwrap();
    assert!(make(&stack, &stack.observe().await.unwrap()).is_empty());
    destroy(&stack).await.unwrap();
    assert!(!path.exists());
}

#[tokio::test]
async fn a_secret_where_a_parameter_is_declared_is_in_no_plan_and_no_import() {
    let store: SharedStore = Arc::new(MemoryStore::new(Arc::new(SystemClock)));
    let name: ParameterName = "/shop/secret".parse().unwrap();
    let mut canary = Canary::new();
    let secret = canary.plant("a secret");
    let put =
        PutRequest { parameter_type: Some(ParameterType::SecureString), ..PutRequest::new(name, Secret::new(secret)) };
    store.put(&put).await.unwrap();
    let declaration =
        "version: 1\nresources:\n  one: { kind: parados:store:Parameter, name: /shop/secret, value: plain }\n";
    let stack = stack_in(declaration, Cloud::local("000000000000", "embedded", store.clone()), store);
    let plan = make(&stack, &stack.observe().await.unwrap());
    assert_eq!(plan.changes[0].action, InfraAction::Refuse);
    let of_value = plan.changes[0].differences.iter().find(|one| one.field() == "value").unwrap();
    assert_eq!(of_value.live, Value::Null);
    canary.assert_absent(format!("{plan:?}").as_bytes(), "the plan");
    canary.assert_absent(serde_json::to_string(&&plan).unwrap().as_bytes(), "the plan as JSON");
    let imported = import(&stack, None, KindName::StoreParameter, "/shop/secret", "one").await;
    let error = imported.unwrap_err();
    assert!(matches!(error, ImportError::Undeclarable { .. }), "{error}");
    canary.assert_absent(format!("{error} {error:?}").as_bytes(), "the error");
}

#[tokio::test]
async fn a_secret_of_parameter_store_where_a_parameter_is_declared_is_in_no_plan() {
    let world = World::new().await;
    let mut canary = Canary::new();
    let secret = canary.plant("a secret");
    aws(&world.moto, &format!("ssm put-parameter --name /shop/secret --type SecureString --value {secret}"));
    let read = aws(&world.moto, "ssm get-parameter --name /shop/secret");
    assert!(canary.is_in(read.to_string().as_bytes()), "moto gives it away where it is not decrypted");
    let declaration = "version: 1\nresources:\n  one: { kind: aws:ssm:Parameter, name: /shop/secret, value: plain }\n";
    let plan = world.preview(declaration).await;
    assert_eq!(plan.changes[0].action, InfraAction::Refuse);
    let of_value = plan.changes[0].differences.iter().find(|one| one.field() == "value").unwrap();
    assert_eq!(of_value.live, Value::Null);
    canary.assert_absent(format!("{plan:?}").as_bytes(), "the plan");
}
