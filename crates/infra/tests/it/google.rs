//! `gcp:storage:Bucket` against gcp-storage-emulator.

use serde_json::{Value, json};
use testkit::{GoogleStorage, python};

use crate::storage::Elsewhere;

const BUCKET: &str = r#"
version: 1
resources:
  backups:
    kind: gcp:storage:Bucket
    project: shop
    name: "{{ project }}-backups"
    location: us
    storage_class: NEARLINE
    versioning: true
    retention_days: 7
    lifecycle:
      - { prefix: "20", expiration_days: 30 }
      - { noncurrent_expiration_days: 7 }
      - { abort_uploads_days: 7 }
    labels: { team: core }
outputs: { url: "{{ resources.backups.url }}" }
"#;

/// What Python is answered by a path of the server.
fn asked(google: &GoogleStorage, path: &str, body: Option<&str>) -> Value {
    const ASK: &str = "import sys, urllib.request; body = sys.argv[2:] and sys.argv[2].encode() or None; \
                       print(urllib.request.urlopen(sys.argv[1], body).read().decode())";
    let url = format!("{}{path}", google.url());
    let answer = python().args(["-c", ASK, &url]).args(body).output().unwrap();
    assert!(answer.status.success(), "{}", String::from_utf8_lossy(&answer.stderr));
    serde_json::from_slice(&answer.stdout).unwrap()
}

#[tokio::test]
async fn a_bucket_of_google_s_is_what_another_client_reads() {
    let google = GoogleStorage::start();
    let world = Elsewhere::new(google.env());
    world.up(BUCKET).await;
    let bucket = asked(&google, "/storage/v1/b/shop-backups", None);
    assert_eq!(bucket["storageClass"], "NEARLINE");
    assert_eq!(bucket["versioning"], json!({"enabled": true}));
    assert_eq!(bucket["retentionPolicy"], json!({"retentionPeriod": "604800"}));
    assert_eq!(
        bucket["iamConfiguration"],
        json!({"uniformBucketLevelAccess": {"enabled": true}, "publicAccessPrevention": "enforced"})
    );
    assert_eq!(
        bucket["lifecycle"]["rule"],
        json!([
            {"action": {"type": "Delete"}, "condition": {"age": 30, "matchesPrefix": ["20"]}},
            {"action": {"type": "Delete"}, "condition": {"daysSinceNoncurrentTime": 7}},
            {"action": {"type": "AbortIncompleteMultipartUpload"}, "condition": {"age": 7}},
        ])
    );
    assert_eq!(bucket["labels"], json!({"team": "core", "parados-project": "shop", "parados-environment": "dev"}));
}

#[tokio::test]
async fn what_is_in_a_bucket_of_google_s_is_not_lost_by_mistake() {
    let google = GoogleStorage::start();
    let world = Elsewhere::new(google.env());
    world.up(BUCKET).await;
    asked(&google, "/upload/storage/v1/b/shop-backups/o?uploadType=media&name=a/b%20c", Some("x"));
    assert_eq!(world.contents(BUCKET).await, ["1 generations of objects"]);
    world.destroy(BUCKET).await;
    assert_eq!(world.contents(BUCKET).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_bucket_of_google_s_is_made_mended_and_destroyed() {
    let google = GoogleStorage::start();
    let world = Elsewhere::new(google.env());
    world.up(BUCKET).await;
    // Another program changes every field.
    let changes = [
        ("storage_class: NEARLINE", "storage_class: STANDARD", "storage_class"),
        ("versioning: true", "access: { uniform: false }\n    versioning: false", "access.uniform"),
        ("retention_days: 7", "retention_days: 1", "retention_days"),
        ("expiration_days: 30", "expiration_days: 3", "lifecycle"),
        ("team: core", "team: theirs", "labels.team"),
    ];
    let theirs = changes.iter().fold(BUCKET.to_owned(), |text, (from, to, _)| text.replace(from, to));
    world.up(&theirs).await;
    let differences = world.differences(BUCKET).await;
    for (_, _, path) in changes {
        assert!(differences["backups"].contains(&path.to_owned()), "{path}: {differences:?}");
    }
    assert!(differences["backups"].contains(&"versioning".to_owned()), "{differences:?}");
    world.up(BUCKET).await;
    world.destroy(BUCKET).await;
}

#[tokio::test]
async fn whichever_call_to_google_fails_the_next_run_finishes() {
    let google = GoogleStorage::start();
    Elsewhere::new(google.env()).survives_a_fault_at_every_call(BUCKET).await;
}
