//! A repository in Google Cloud Storage, by its XML interface: moto's S3, which is told Google's condition of a create.

use testkit::{Moto, aws_cli};

use crate::cloud::Cloud;

fn bucket() -> Moto {
    let moto = Moto::start();
    let make = "s3api create-bucket --bucket backups --create-bucket-configuration LocationConstraint=eu-west-1";
    assert!(aws_cli(&moto).args(make.split(' ')).output().unwrap().status.success());
    moto
}

#[test]
fn a_repository_in_google_cloud_storage_does_everything() {
    let moto = bucket();
    Cloud::new("gs://backups/parados", moto.google_env()).does_everything("gs://backups/copy");
    let calls = moto.calls();
    assert!(calls["S3.PutObject"] > 0 && !calls.contains_key("STS.GetCallerIdentity"), "{calls:?}");
}

#[test]
fn two_first_backups_into_google_cloud_storage_at_once_make_one_repository() {
    let moto = bucket();
    Cloud::new("gs://backups", moto.google_env()).takes_two_at_once();
}

#[test]
fn a_bucket_that_is_not_there_is_said() {
    let moto = Moto::start();
    Cloud::new("gs://nobody-made-this", moto.google_env()).run("backup -e dev", 1);
}
