//! What is exported is what the other engines take, and what they find that there is nothing to do about.

use std::process::Output;

use parados_infra::export::{ExportFormat, export};
use serde_json::{Value, json};
use testkit::{Azurite, GoogleStorage, Terraform, venv_tool};

use crate::storage::Elsewhere;
use crate::world::{WHOLE, World};

/// Beside [`WHOLE`], what only some buckets have.
const MORE: &str = r#"
version: 1
resources:
  copy: { kind: aws:s3:Bucket, name: shop-copy, versioning: true }
  copier:
    kind: aws:iam:Role
    name: shop-copier
    trust: { services: [s3.amazonaws.com] }
    max_session_seconds: 7200
  bucket:
    kind: aws:s3:Bucket
    name: shop-backup
    versioning: true
    ownership: BucketOwnerPreferred
    replication: { role: "{{ resources.copier.arn }}", destination: "{{ resources.copy.arn }}" }
    lifecycle:
      - { id: old, prefix: "20", expiration_days: 30, noncurrent_expiration_days: 7, noncurrent_versions_kept: 2 }
      - { id: rest, abort_uploads_days: 7, expired_delete_markers: true }
    policy: { require_tls: true }
outputs:
  copier: "{{ resources.copier.arn }}, ${not} an expression of theirs"
"#;

async fn exported(world: &World, declaration: &str, format: ExportFormat) -> String {
    let stack = world.stack(declaration, None);
    let exported = export(&stack, &stack.observe().await.unwrap(), format).unwrap();
    assert!(exported.left_out.is_empty(), "{exported:?}");
    exported.text
}

/// The actions of a plan of Terraform's, and how many of its resources it takes over.
fn planned(plan: &str) -> (Vec<String>, usize) {
    let plan: Value = serde_json::from_str(plan).unwrap();
    let changes = plan["resource_changes"].as_array().unwrap();
    let actions = changes.iter().map(|one| format!("{} {}", one["address"], one["change"]["actions"]));
    let imported = changes.iter().filter(|one| !one["change"]["importing"].is_null()).count();
    (actions.collect(), imported)
}

#[tokio::test]
async fn terraform_takes_over_what_was_made_and_changes_nothing() {
    let world = World::new().await;
    world.up(WHOLE).await;
    let folder = tempfile::tempdir().unwrap();
    let configuration = exported(&world, WHOLE, ExportFormat::Terraform).await;
    let Some(terraform) = Terraform::find(&world.moto, folder.path(), &configuration) else { return };
    terraform.run("init -no-color -input=false");
    terraform.run("plan -no-color -input=false -out=plan");
    let (actions, imported) = planned(&terraform.run("show -json plan"));
    // A bucket is one resource of Terraform's for each of its settings.
    assert_eq!((actions.len(), imported), (14, 14), "{actions:#?}");
    assert!(actions.iter().all(|one| one.ends_with(r#"["no-op"]"#)), "{actions:#?}");
}

#[tokio::test]
async fn terraform_makes_what_is_not_there_and_parados_finds_nothing_to_do() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let declaration = "version: 1\nresources:\n  name: { kind: aws:ssm:Parameter, name: /shop/dev/name, value: a }\n  \
                       backup: { kind: aws:iam:Policy, name: backup, for_backup: { bucket: 'arn:aws:s3:::b' } }\n  \
                       role: { kind: aws:iam:Role, name: backup, trust: { services: [ec2.amazonaws.com] }, \
                       policies: ['{{ resources.backup.arn }}'] }\n";
    let configuration = exported(&world, declaration, ExportFormat::Terraform).await;
    let Some(terraform) = Terraform::find(&world.moto, folder.path(), &configuration) else { return };
    terraform.run("init -no-color -input=false");
    terraform.run("apply -no-color -input=false -auto-approve");
    // They have the owner's tag, so all that is left is that the inventory knows of them.
    let plan = world.preview(declaration).await;
    assert!(plan.changes.iter().all(|change| change.differences.is_empty()), "{:#?}", plan.changes);
}

#[tokio::test]
async fn every_argument_is_one_that_terraform_knows() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    let configuration = exported(&world, MORE, ExportFormat::Terraform).await;
    let Some(terraform) = Terraform::find(&world.moto, folder.path(), &configuration) else { return };
    terraform.run("init -no-color -input=false");
    let said: Value = serde_json::from_str(&terraform.run("validate -json")).unwrap();
    assert_eq!((&said["valid"], &said["warning_count"]), (&json!(true), &json!(0)), "{said}");
}

#[tokio::test]
async fn a_template_is_one_that_cloudformation_s_linter_has_nothing_against() {
    let world = World::new().await;
    let folder = tempfile::tempdir().unwrap();
    for declaration in [WHOLE, MORE] {
        let template = folder.path().join("template.json");
        std::fs::write(&template, exported(&world, declaration, ExportFormat::CloudFormation).await).unwrap();
        let Output { status, stdout, stderr } = venv_tool("cfn-lint").arg(&template).output().unwrap();
        let said = [stdout, stderr].concat();
        assert!(status.success(), "{}", String::from_utf8_lossy(&said));
    }
}

/// In places that are not AWS's.
const ELSEWHERE: &str = r#"
version: 1
resources:
  archive:
    kind: gcp:storage:Bucket
    project: shop-1
    name: shop-archive
    location: us
    retention_days: 2
    lifecycle: [{ prefix: "20", expiration_days: 30 }, { abort_uploads_days: 7 }]
    labels: { team_a: core }
  third: { kind: azure:storage:Container, account: devstoreaccount1, name: shop-third, metadata: { team_a: core } }
outputs:
  archive: "{{ resources.archive.url }}"
  third: "{{ resources.third.account }}/{{ resources.third.name }}"
"#;

/// Arguments and types were compared with the packages of the providers by hand (google 6 and azurerm 4, gcp 9 and azure 6 of Pulumi's).
#[tokio::test]
async fn what_is_elsewhere_is_exported_too() {
    let (azure, google) = (Azurite::start(), GoogleStorage::start());
    let world = Elsewhere::new([azure.env(), google.env()].concat());
    world.up(ELSEWHERE).await;
    let stack = world.stack(ELSEWHERE, None);
    let observation = stack.observe().await.unwrap();
    let exported = |format| {
        let exported = export(&stack, &observation, format).unwrap();
        (serde_json::from_str::<Value>(&exported.text).unwrap(), exported.left_out)
    };

    let (terraform, left_out) = exported(ExportFormat::Terraform);
    assert!(left_out.is_empty());
    assert_eq!(terraform["provider"], json!({"google": {}, "azurerm": {"features": {}}}));
    let archive = json!({
        "project": "shop-1",
        "name": "shop-archive",
        "location": "US",
        "storage_class": "STANDARD",
        "uniform_bucket_level_access": true,
        "public_access_prevention": "enforced",
        "versioning": {"enabled": false},
        "retention_policy": {"retention_period": 172_800},
        "lifecycle_rule": [
            {"action": {"type": "Delete"}, "condition": {"age": 30, "matches_prefix": ["20"]}},
            {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}},
        ],
        "labels": {"team_a": "core", "parados-project": "shop", "parados-environment": "dev"},
    });
    assert_eq!(terraform["resource"]["google_storage_bucket"]["archive"], archive);
    let third = json!({
        "name": "shop-third",
        "storage_account_name": "devstoreaccount1",
        "container_access_type": "private",
        "metadata": {"team_a": "core", "parados_owner": "shop/dev"},
    });
    assert_eq!(terraform["resource"]["azurerm_storage_container"]["third"], third);
    let imports = json!([
        {"to": "google_storage_bucket.archive", "id": "shop-1/shop-archive"},
        {"to": "azurerm_storage_container.third", "id": "https://devstoreaccount1.blob.core.windows.net/shop-third"},
    ]);
    assert_eq!(terraform["import"], imports);
    let outputs = json!({
        "archive": {"value": "${google_storage_bucket.archive.url}"},
        "third": {"value": "${azurerm_storage_container.third.storage_account_name}/${azurerm_storage_container.third.name}"},
    });
    assert_eq!(terraform["output"], outputs);

    let (pulumi, left_out) = exported(ExportFormat::Pulumi);
    assert!(left_out.is_empty());
    assert!(pulumi["config"].is_null(), "nothing of it is AWS's");
    let (archive, third) = (&pulumi["resources"]["archive"], &pulumi["resources"]["third"]);
    assert_eq!((&archive["type"], &third["type"]), (&json!("gcp:storage:Bucket"), &json!("azure:storage:Container")));
    let rules = json!([
        {"action": {"type": "Delete"}, "condition": {"age": 30, "matchesPrefixes": ["20"]}},
        {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}},
    ]);
    assert_eq!(archive["properties"]["lifecycleRules"], rules);
    assert_eq!(archive["properties"]["labels"]["team_a"], "core");
    assert_eq!(third["properties"]["storageAccountName"], "devstoreaccount1");
    assert_eq!(pulumi["outputs"]["third"], "${third.storageAccountName}/${third.name}");

    let (_, left_out) = exported(ExportFormat::CloudFormation);
    assert_eq!(left_out, ["archive", "third"], "it has nothing for them");
}

/// The types and properties of version 7 of Pulumi's provider for AWS were compared with its package by hand; here is what a program is made of.
#[tokio::test]
async fn a_program_of_pulumi_s_has_types_and_references_that_it_declares() {
    let world = World::new().await;
    world.up(WHOLE).await;
    let program: Value = serde_json::from_str(&exported(&world, WHOLE, ExportFormat::Pulumi).await).unwrap();
    assert_eq!((&program["runtime"], &program["name"]), (&json!("yaml"), &json!("shop")));
    let resources = program["resources"].as_object().unwrap();
    for (name, resource) in resources {
        let kind = resource["type"].as_str().unwrap_or_else(|| panic!("{name}: {resource}"));
        assert!(kind.starts_with("aws:"), "{name}: {kind}");
        assert!(resource["properties"].is_object() && resource["options"]["import"].is_string(), "{name}: {resource}");
    }
    let text = program.to_string();
    let mut references = 0;
    for reference in text.split("${").skip(1) {
        let (resource, _) = reference.split_once('.').unwrap();
        assert!(resources.contains_key(resource), "{resource}");
        references += 1;
    }
    assert!(references > 10, "{text}");
}
