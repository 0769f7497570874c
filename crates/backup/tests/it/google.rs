//! Objects in Google Cloud Storage, by its XML interface: moto's S3, which is told Google's condition of a create.

use testkit::{Moto, aws_cli};

use crate::cloud::keeps_objects;

#[tokio::test(flavor = "multi_thread")]
async fn objects_in_google_cloud_storage_are_written_once_and_whole() {
    let moto = Moto::start();
    let make = "s3api create-bucket --bucket backups --create-bucket-configuration LocationConstraint=eu-west-1";
    assert!(aws_cli(&moto).args(make.split(' ')).output().unwrap().status.success());
    keeps_objects("gs://backups", moto.google_env()).await;
    keeps_objects("gs://backups/a/prefix", moto.google_env()).await;
    assert!(moto.calls()["S3.CompleteMultipartUpload"] > 0, "in parts");
}
