//! What is exported is what the other engines take, and what they find that there is nothing to do about.

use std::process::Output;

use parados_infra::export::{ExportFormat, export};
use serde_json::{Value, json};
use testkit::{Terraform, optional_tool};

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
        let Some(mut linter) = optional_tool("cfn-lint") else { return };
        let Output { status, stdout, stderr } = linter.arg(&template).output().unwrap();
        let said = [stdout, stderr].concat();
        assert!(status.success(), "{}", String::from_utf8_lossy(&said));
    }
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
