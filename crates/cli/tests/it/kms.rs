//! A document that is sealed to keys of KMS, which moto plays, is opened by them again, and by the AWS CLI as FORMAT.md says.

use std::ops::ControlFlow;
use std::process::Output;
use std::sync::Arc;

use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use parados_aws::{SdkConfig, Session, SessionOptions, SharedCredentialsProvider};
use parados_backup::document::{DocumentHeader, Encoder, ParameterRecord, decode, read};
use parados_backup::seal::{Identities, OpenError, Sealer};
use parados_parameter::{KeyManagement, SystemClock};
use serde_json::Value;
use testkit::{Moto, aws_cli};

const RECORD: &str =
    r#"{"Name":"/app/dev/db","Type":"SecureString","Value":"hunter2","Version":1,"LastModifiedDate":0}"#;

fn aws(moto: &Moto, arguments: &str) -> Output {
    aws_cli(moto).args(arguments.split_whitespace()).output().unwrap()
}

fn new_key(moto: &Moto, region: &str) -> String {
    let made = aws(moto, &format!("kms create-key --region {region}"));
    let made: Value = serde_json::from_slice(&made.stdout).unwrap();
    made["KeyMetadata"]["Arn"].as_str().unwrap().to_owned()
}

async fn key_management(moto: &Moto) -> Arc<dyn KeyManagement> {
    let keys = Credentials::new("testing", "testing", None, None, "test");
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(moto.url())
        .region(Region::new("eu-west-1"))
        .credentials_provider(SharedCredentialsProvider::new(keys))
        .build();
    let session = Session::from_config(config, SessionOptions::default(), Arc::new(SystemClock)).await.unwrap();
    Arc::new(session.key_management())
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

async fn seal(recipients: &[&str], key_management: &Arc<dyn KeyManagement>) -> Vec<u8> {
    let recipients: Vec<_> = recipients.iter().map(|text| text.parse().unwrap()).collect();
    let sealer = Sealer::new(recipients, Some(Arc::clone(key_management))).unwrap();
    blocking(move || {
        let header = DocumentHeader::new("dev", "2025-10-15T12:00:45Z".parse().unwrap());
        let mut encoder = Encoder::new(Vec::new(), &header, Some(&sealer)).unwrap();
        encoder.write(&serde_json::from_str::<ParameterRecord>(RECORD).unwrap()).unwrap();
        encoder.finish().unwrap().0
    })
    .await
}

/// The value of the one parameter in a sealed document.
async fn open(sealed: &[u8], key_management: &Arc<dyn KeyManagement>) -> Result<String, OpenError> {
    let identities = Identities::load::<&str>(&[], Some(Arc::clone(key_management))).unwrap();
    let sealed = sealed.to_vec();
    blocking(move || {
        let mut values = Vec::new();
        let summary = read(decode(sealed.as_slice(), true, &identities)?, |record| {
            values.push(record.value.reveal().to_owned());
            ControlFlow::Continue(())
        });
        assert_eq!(summary.unwrap().parameter_count, 1);
        Ok(values.remove(0))
    })
    .await
}

#[tokio::test]
async fn what_is_sealed_to_keys_of_kms_is_opened_by_any_of_them() {
    let moto = Moto::start();
    let key_management = key_management(&moto).await;
    let (here, there) = (new_key(&moto, "eu-west-1"), new_key(&moto, "eu-central-1"));
    let sealed = seal(&[&here, &there], &key_management).await;
    assert_eq!(moto.calls()["KMS.Encrypt"], 2, "one call a key");
    assert_eq!(open(&sealed, &key_management).await.unwrap(), "hunter2");
    assert_eq!(moto.calls()["KMS.Decrypt"], 1, "the first that opens it is enough");

    moto.fail("KMS.Decrypt", "DisabledException", 400, 0, 1);
    assert_eq!(open(&sealed, &key_management).await.unwrap(), "hunter2", "the other one opens it");

    moto.deny("KMS.Decrypt");
    let error = open(&sealed, &key_management).await.unwrap_err();
    let OpenError::NoIdentity { sealed_to, key_management: Some(cause), .. } = error else { panic!("{error:?}") };
    assert!(sealed_to.contains(&here) && sealed_to.contains(&there), "{sealed_to}");
    assert!(cause.to_string().contains("AccessDenied"), "{cause}");
}

#[tokio::test]
async fn a_key_can_be_named_by_its_alias() {
    let moto = Moto::start();
    let key_management = key_management(&moto).await;
    let key = new_key(&moto, "eu-west-1");
    assert!(aws(&moto, &format!("kms create-alias --alias-name alias/backup --target-key-id {key}")).status.success());
    let sealed = seal(&["arn:aws:kms:eu-west-1:123456789012:alias/backup"], &key_management).await;
    assert_eq!(open(&sealed, &key_management).await.unwrap(), "hunter2");
}

#[tokio::test]
async fn the_stanza_is_what_the_format_says() {
    let moto = Moto::start();
    let key = new_key(&moto, "eu-west-1");
    let sealed = seal(&[&key], &key_management(&moto).await).await;
    let end = sealed.windows(5).position(|window| window == b"\n--- ").unwrap();
    let header = std::str::from_utf8(&sealed[..end]).unwrap();
    let stanza = header.split_once(&format!("\n-> aws-kms {key}\n")).unwrap().1;
    // Its body ends with its first line of less than 64 characters; a stanza that means nothing may come after it.
    let mut body = String::new();
    for line in stanza.lines() {
        body.push_str(line);
        if line.len() < 64 {
            break;
        }
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&file, format!("{body}{}", "=".repeat((4 - body.len() % 4) % 4))).unwrap();
    let blob = testkit::tool("base64").arg("-d").arg(file.path()).output().unwrap();
    assert!(blob.status.success(), "{}", String::from_utf8_lossy(&blob.stderr));
    std::fs::write(&file, blob.stdout).unwrap();

    let decrypt = |context: &str| {
        let blob = format!("fileb://{}", file.path().display());
        aws(
            &moto,
            &format!("kms decrypt --key-id {key} --ciphertext-blob {blob} {context} --query Plaintext --output text"),
        )
    };
    let opened = decrypt("--encryption-context parados=age-file-key");
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    // 16 bytes in base64.
    let key_text = String::from_utf8(opened.stdout).unwrap();
    assert!(key_text.trim().len() == 24 && key_text.trim().ends_with("=="), "a file key has 16 bytes");
    assert!(!decrypt("").status.success(), "the context is a part of it");
}
