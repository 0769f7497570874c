//! KMS, on moto.

use std::process::Command;

use parados_parameter::{EncryptionContext, KeyId, KeyManagement};
use testkit::{Moto, aws_cli};

use crate::session;

fn output(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

fn new_key(moto: &Moto, region: &str) -> KeyId {
    let mut command = aws_cli(moto);
    command.args(["kms", "create-key", "--query", "KeyMetadata.Arn", "--output", "text", "--region", region]);
    KeyId::parse(&output(command)).unwrap()
}

#[tokio::test]
async fn opens_what_it_encrypted_under_the_same_context_only() {
    let moto = Moto::start();
    let kms = session(&moto.url()).await.key_management();
    // A key of another Region than the session's: its ARN says where to go.
    let key = new_key(&moto, "eu-central-1");
    let context = EncryptionContext::from([("parados".to_owned(), "age-file-key".to_owned())]);
    let ciphertext = kms.encrypt(&key, b"sixteen bytes ok", &context).await.unwrap();
    assert!(!ciphertext.windows(7).any(|window| window == b"sixteen"));
    assert_eq!(kms.decrypt(&key, &ciphertext, &context).await.unwrap().as_slice(), b"sixteen bytes ok");

    let error = kms.decrypt(&key, &ciphertext, &EncryptionContext::new()).await.unwrap_err();
    assert!(error.to_string().contains("InvalidCiphertextException"), "{error}");
    assert!(error.to_string().contains("another key or context"), "{error}");
}

#[tokio::test]
async fn says_what_is_wrong_with_a_key() {
    let moto = Moto::start();
    let kms = session(&moto.url()).await.key_management();
    let missing = KeyId::parse("arn:aws:kms:eu-west-1:123456789012:key/11111111-1111-1111-1111-111111111111").unwrap();
    let error = kms.encrypt(&missing, b"x", &EncryptionContext::new()).await.unwrap_err().to_string();
    assert!(error.starts_with("kms:Encrypt with key arn:aws:kms:eu-west-1") && error.contains("NotFound"), "{error}");

    let key = new_key(&moto, "eu-west-1");
    moto.deny("KMS.Encrypt");
    let error = kms.encrypt(&key, b"x", &EncryptionContext::new()).await.unwrap_err().to_string();
    assert!(error.contains("AccessDeniedException") && error.contains("grant the caller"), "{error}");
}
