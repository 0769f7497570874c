//! What is declared is there after one run, and the second one has nothing to do.

use std::collections::BTreeMap;

use parados_infra::plan::InfraAction;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};

use crate::world::{WHOLE, World, destroy};

#[tokio::test]
async fn a_second_run_has_nothing_to_do() {
    let world = World::new().await;
    let report = world.up(WHOLE).await;
    assert!(report.outputs["key"].starts_with("arn:aws:kms:eu-west-1:123456789012:key/"), "{:?}", report.outputs);
    let plan = world.preview(WHOLE).await;
    assert!(plan.is_empty(), "{:#?}", plan.changes);
    assert_eq!(plan.outputs, report.outputs);
}

#[tokio::test]
async fn a_preview_without_changes_makes_each_read_once() {
    let world = World::new().await;
    world.up(WHOLE).await;
    let before = world.moto.calls();
    world.preview(WHOLE).await;
    for (operation, count) in world.moto.calls() {
        let more = count - before.get(&operation).copied().unwrap_or_default();
        // The key is described for itself and by its alias.
        let most = if operation == "KMS.DescribeKey" { 2 } else { 1 };
        assert!(more <= most, "{operation}: {more}");
    }
}

#[tokio::test]
async fn what_is_not_known_yet_is_shown_as_that() {
    let world = World::new().await;
    let plan = world.preview(WHOLE).await;
    assert_eq!(plan.outputs["key"], "⟨key.arn⟩");
    assert_eq!(plan.changes.len(), 6);
    assert!(plan.changes.iter().all(|change| change.action == InfraAction::Create), "{plan:#?}");
}

#[tokio::test]
async fn a_lost_inventory_costs_nothing_but_aliases() {
    let mut world = World::new().await;
    world.up(WHOLE).await;
    world.store = World::new().await.store;
    let plan = world.preview(WHOLE).await;
    let actions: BTreeMap<_, _> = plan.changes.iter().map(|one| (one.resource.as_str(), one.action)).collect();
    let expected = ["key", "bucket", "backup", "role", "name"].map(|name| (name, InfraAction::Record));
    let expected = expected.into_iter().chain([("alias", InfraAction::Refuse)]).collect();
    assert_eq!(actions, expected);
}

#[tokio::test]
async fn a_destroyed_stack_leaves_nothing() {
    let world = World::new().await;
    world.up(WHOLE).await;
    destroy(&world.stack(WHOLE, None)).await.unwrap();
    let stack = world.stack(WHOLE, None);
    let observation = stack.observe().await.unwrap();
    assert!(observation.records.made.is_empty());
    assert!(observation.resources.iter().all(|one| one.live.is_none()), "{observation:#?}");
    world.up(WHOLE).await;
}

#[tokio::test]
async fn the_first_region_has_no_location_constraint() {
    let world = World::in_region("us-east-1").await;
    world.up("version: 1\nresources:\n  bucket: { kind: aws:s3:Bucket, name: in-us-east-1 }\n").await;
    let plan = world.preview("version: 1\nresources:\n  bucket: { kind: aws:s3:Bucket, name: in-us-east-1 }\n").await;
    assert!(plan.is_empty(), "{plan:#?}");
}

fn tags() -> impl Strategy<Value = BTreeMap<String, String>> {
    prop::collection::btree_map("[A-Za-z][A-Za-z0-9:/-]{0,8}", "[ -9A-Za-z=+@_.:/]{0,12}", 0..4).prop_map(|tags| {
        let allowed = |text: &String| text.chars().all(|c| c.is_ascii_alphanumeric() || " +-=._:/@".contains(c));
        let tags = tags.into_iter().filter(|(key, value)| !key.starts_with("aws:") && allowed(value));
        tags.map(|(key, value)| (key, value.trim().to_owned())).collect()
    })
}

fn rule() -> impl Strategy<Value = Value> {
    let days = || prop::option::of(1..400_i32);
    (any::<bool>(), "[a-z0-9/]{0,6}", days(), days(), days()).prop_map(
        |(enabled, prefix, expires, noncurrent, uploads)| {
            json!({
                "enabled": enabled, "prefix": prefix, "expiration_days": expires.or(Some(9)),
                "noncurrent_expiration_days": noncurrent, "abort_uploads_days": uploads,
            })
        },
    )
}

fn bucket() -> impl Strategy<Value = Value> {
    let block = prop::array::uniform4(any::<bool>());
    let ownership = prop::sample::select(vec!["BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"]);
    let flags = (any::<bool>(), any::<bool>(), any::<bool>(), any::<bool>());
    (flags, prop::collection::vec(rule(), 0..3), block, ownership, tags()).prop_map(|(flags, mut rules, block, ownership, tags)| {
        for (index, rule) in rules.iter_mut().enumerate() {
            rule["id"] = json!(format!("rule-{index}"));
        }
        let (versioning, tls, encrypted, bucket_key) = flags;
        json!({
            "kind": "aws:s3:Bucket", "versioning": versioning, "lifecycle": rules, "ownership": ownership, "tags": tags,
            "encryption": {"algorithm": "AES256", "bucket_key": bucket_key},
            "policy": {"require_tls": tls, "require_encryption": encrypted},
            "public_access_block": {
                "block_public_acls": block[0], "block_public_policy": block[1],
                "ignore_public_acls": block[2], "restrict_public_buckets": block[3],
            },
        })
    })
}

fn parameter() -> impl Strategy<Value = Value> {
    ("[a-z0-9.-]{1,20}", "[a-z ]{0,20}", any::<bool>(), tags()).prop_map(|(value, description, list, tags)| {
        let kind = if list { "StringList" } else { "String" };
        json!({
            "kind": "aws:ssm:Parameter", "value": value, "type": kind, "description": description.trim(), "tags": tags,
        })
    })
}

/// Any declaration, and then any other in its place: a second run has nothing to do.
#[test]
fn whatever_is_declared_is_reached_by_one_run() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let world = runtime.block_on(World::new());
    let mut runner = TestRunner::new(Config { cases: 24, max_shrink_iters: 40, ..Config::default() });
    let outcome = runner.run(&(bucket(), parameter()), |(mut bucket, mut parameter)| {
        bucket["name"] = json!("any-bucket-of-ours");
        // The type of a parameter cannot be changed, so each has a name of its own.
        parameter["name"] = json!(format!("/shop/{}", parameter["type"].as_str().unwrap()));
        let declaration = json!({"version": 1, "resources": {"bucket": bucket, "parameter": parameter}}).to_string();
        runtime.block_on(async {
            world.up(&declaration).await;
            let plan = world.preview(&declaration).await;
            prop_assert!(plan.is_empty(), "{:#?}", plan.changes);
            Ok(())
        })
    });
    outcome.unwrap();
}
