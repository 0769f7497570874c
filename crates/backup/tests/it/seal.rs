//! Recipients and identities of every kind.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use age::secrecy::ExposeSecret;
use async_trait::async_trait;
use parados_backup::seal::{Identities, IdentityError, OpenError, Recipient, SealError, Sealer};
use parados_parameter::{EncryptionContext, KeyId, KeyManagement, KeyManagementError};
use rstest::rstest;
use zeroize::Zeroizing;

const KEY: &str = "arn:aws:kms:eu-west-1:123456789012:key/12345678-90ab-cdef-1234-567890abcdef";
const OTHER_KEY: &str = "arn:aws:kms:us-east-1:123456789012:alias/backup";

/// Makes an age identity file, as age-keygen does.
pub(crate) fn identity(folder: &Path, name: &str) -> (PathBuf, Recipient) {
    let key = age::x25519::Identity::generate();
    let file = folder.join(name);
    let public = key.to_public().to_string();
    fs::write(&file, format!("# public key: {public}\n{}\n", key.to_string().expose_secret())).unwrap();
    (file, Recipient::parse(&public).unwrap())
}

/// Makes an OpenSSH key with ssh-keygen.
pub(crate) fn ssh_identity(folder: &Path, kind: &str, passphrase: &str) -> (PathBuf, String) {
    let file = folder.join(format!("id_{kind}"));
    let status = testkit::tool("ssh-keygen")
        .args(["-q", "-t", kind, "-C", "somebody@example.com", "-N", passphrase, "-f"])
        .arg(&file)
        .status()
        .unwrap();
    assert!(status.success());
    let public = fs::read_to_string(file.with_extension("pub")).unwrap();
    (file, public)
}

pub(crate) fn seal(sealer: &Sealer, content: &[u8]) -> Vec<u8> {
    let mut writer = sealer.wrap(Vec::new()).unwrap();
    writer.write_all(content).unwrap();
    writer.finish().unwrap()
}

fn open(identities: &Identities, sealed: &[u8]) -> Result<Vec<u8>, OpenError> {
    let mut content = Vec::new();
    identities.open(sealed)?.read_to_end(&mut content).unwrap();
    Ok(content)
}

/// Under which key and context, and what.
type Kept = (KeyId, EncryptionContext, Vec<u8>);

/// Keeps what it "encrypts", by a number that is the ciphertext.
#[derive(Debug, Default)]
pub(crate) struct FakeKeyManagement {
    kept: Mutex<BTreeMap<Vec<u8>, Kept>>,
    calls: AtomicU64,
    denied: Option<KeyId>,
}

impl FakeKeyManagement {
    fn call(&self, operation: &'static str, key: &KeyId) -> Result<u64, KeyManagementError> {
        let call = self.calls.fetch_add(1, Ordering::Relaxed);
        match self.denied.as_ref() == Some(key) {
            true => Err(KeyManagementError { operation, key: key.clone(), message: "AccessDeniedException".into() }),
            false => Ok(call),
        }
    }
}

#[async_trait]
impl KeyManagement for FakeKeyManagement {
    async fn encrypt(
        &self,
        key: &KeyId,
        plaintext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Vec<u8>, KeyManagementError> {
        // As long as what KMS gives, so that the stanza's body has several lines.
        let ciphertext = self.call("kms:Encrypt", key)?.to_be_bytes().repeat(21);
        self.kept.lock().unwrap().insert(ciphertext.clone(), (key.clone(), context.clone(), plaintext.to_vec()));
        Ok(ciphertext)
    }

    async fn decrypt(
        &self,
        key: &KeyId,
        ciphertext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Zeroizing<Vec<u8>>, KeyManagementError> {
        self.call("kms:Decrypt", key)?;
        match self.kept.lock().unwrap().get(ciphertext) {
            Some((of_key, of_context, plaintext)) if of_key == key && of_context == context => {
                Ok(Zeroizing::new(plaintext.clone()))
            }
            _ => Err(KeyManagementError {
                operation: "kms:Decrypt",
                key: key.clone(),
                message: "InvalidCiphertextException".into(),
            }),
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[test]
fn each_recipient_opens_it_alone() {
    let folder = tempfile::tempdir().unwrap();
    let (age_file, age) = identity(folder.path(), "age");
    let (ed25519_file, ed25519) = ssh_identity(folder.path(), "ed25519", "");
    let (rsa_file, rsa) = ssh_identity(folder.path(), "rsa", "");
    let (other_file, other) = identity(folder.path(), "other");
    let recipients = [age, ed25519.parse().unwrap(), rsa.parse().unwrap()];
    let sealed = seal(&Sealer::new(recipients.clone(), None).unwrap(), b"content");

    for (file, recipient) in [&age_file, &ed25519_file, &rsa_file].into_iter().zip(&recipients) {
        let identities = Identities::load(&[file], None).unwrap();
        assert_eq!(identities.recipients().collect::<Vec<_>>(), [recipient]);
        assert_eq!(open(&identities, &sealed).unwrap(), b"content");
    }
    let message = open(&Identities::load(&[&other_file], None).unwrap(), &sealed).unwrap_err().to_string();
    for part in ["an age key", "an ssh-ed25519 key", "an ssh-rsa key", other.as_str(), "other"] {
        assert!(message.contains(part), "{message}");
    }
    let message = open(&Identities::default(), &sealed).unwrap_err().to_string();
    assert!(message.ends_with("tried were none"), "{message}");
}

#[tokio::test]
async fn a_kms_key_opens_it_beside_others() {
    let folder = tempfile::tempdir().unwrap();
    let (file, recipient) = identity(folder.path(), "age");
    let kms = Arc::new(FakeKeyManagement::default());
    let sealer = Sealer::new([KEY.parse().unwrap(), recipient, OTHER_KEY.parse().unwrap()], Some(kms.clone())).unwrap();
    let sealed = blocking(move || seal(&sealer, b"content")).await;
    assert_eq!(kms.calls.load(Ordering::Relaxed), 2, "one call a KMS key");

    let by_kms = Identities::load::<PathBuf>(&[], Some(kms.clone())).unwrap();
    let bytes = sealed.clone();
    assert_eq!(blocking(move || open(&by_kms, &bytes)).await.unwrap(), b"content");
    assert_eq!(kms.calls.load(Ordering::Relaxed), 3);

    let by_file = Identities::load(&[file], Some(kms.clone())).unwrap();
    assert_eq!(blocking(move || open(&by_file, &sealed)).await.unwrap(), b"content");
    assert_eq!(kms.calls.load(Ordering::Relaxed), 3, "a key out of a file comes first, and then KMS is not called");
}

#[tokio::test]
async fn a_kms_key_that_is_denied_does_not_stop_the_next() {
    let both = Arc::new(FakeKeyManagement::default());
    let sealer = Sealer::new([KEY.parse().unwrap(), OTHER_KEY.parse().unwrap()], Some(both.clone())).unwrap();
    let sealed = blocking(move || seal(&sealer, b"content")).await;

    let kept = Mutex::new(both.kept.lock().unwrap().clone());
    let kms = Arc::new(FakeKeyManagement { kept, denied: Some(KeyId::observed(KEY)), ..FakeKeyManagement::default() });
    let identities = Identities::load::<PathBuf>(&[], Some(kms)).unwrap();
    assert_eq!(blocking(move || open(&identities, &sealed)).await.unwrap(), b"content");
}

#[tokio::test]
async fn a_kms_key_that_is_denied_is_named() {
    let kms = Arc::new(FakeKeyManagement { denied: Some(KeyId::observed(KEY)), ..FakeKeyManagement::default() });
    let sealer = Sealer::new([KEY.parse().unwrap()], Some(kms.clone())).unwrap();
    let error = blocking(move || sealer.wrap(io::sink()).unwrap_err()).await;
    let SealError::KeyManagement(error) = error else { panic!("{error:?}") };
    assert_eq!(error.to_string(), format!("kms:Encrypt with key {KEY}: AccessDeniedException"));

    let allowed = Sealer::new([KEY.parse().unwrap()], Some(Arc::new(FakeKeyManagement::default()))).unwrap();
    let sealed = blocking(move || seal(&allowed, b"content")).await;
    let identities = Identities::load::<PathBuf>(&[], Some(kms)).unwrap();
    let error = blocking(move || open(&identities, &sealed)).await.unwrap_err();
    assert_eq!(error.to_string(), format!("no identity opens this: it is sealed to KMS key {KEY}; tried were KMS"));
    assert_eq!(error.source().unwrap().to_string(), format!("kms:Decrypt with key {KEY}: AccessDeniedException"));
}

#[test]
fn a_kms_key_needs_a_key_management_service() {
    let error = Sealer::new([KEY.parse().unwrap()], None).unwrap_err();
    assert!(error.to_string().contains(KEY), "{error}");
}

#[rstest]
#[case("ed25519")]
#[case("rsa")]
fn a_key_under_a_passphrase_is_refused(#[case] kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (file, _) = ssh_identity(folder.path(), kind, "correct horse");
    let error = Identities::load(&[file], None).unwrap_err();
    assert!(matches!(error, IdentityError::Encrypted { .. }), "{error:?}");
    assert!(error.to_string().contains("ssh-keygen -p"), "{error}");
}

#[test]
fn a_key_of_an_older_form_opens_too() {
    let folder = tempfile::tempdir().unwrap();
    let (file, public) = ssh_identity(folder.path(), "rsa", "");
    let status =
        testkit::tool("ssh-keygen").args(["-q", "-p", "-m", "PEM", "-N", "", "-f"]).arg(&file).status().unwrap();
    assert!(status.success());
    assert!(fs::read_to_string(&file).unwrap().starts_with("-----BEGIN RSA PRIVATE KEY-----"));
    let sealed = seal(&Sealer::new([public.parse().unwrap()], None).unwrap(), b"content");
    assert_eq!(open(&Identities::load(&[file], None).unwrap(), &sealed).unwrap(), b"content");
}

#[rstest]
#[case::empty("", "holds no identity")]
#[case::comment("# nothing\n\n", "holds no identity")]
#[case::damaged("# x\nAGE-SECRET-KEY-1HUNTER2\n", "damaged at line 2")]
#[case::binary("\n\u{0}HUNTER2", "damaged at line 2")]
#[case::public("age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p\n", "holds a public key")]
#[case::plugin("AGE-PLUGIN-YUBIKEY-1HUNTER2\n", "age plugin")]
#[case::encrypted("age-encryption.org/v1\n-> scrypt HUNTER2 18\n", "passphrase")]
#[case::armored("-----BEGIN AGE ENCRYPTED FILE-----\nHUNTER2\n", "passphrase")]
#[case::cut_off("-----BEGIN OPENSSH PRIVATE KEY-----\nHUNTER2", "damaged")]
fn an_unusable_identity_file_is_named_and_not_shown(#[case] content: &str, #[case] expected: &str) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("identity");
    fs::write(&file, content).unwrap();
    let error = Identities::load(&[&file], None).unwrap_err();
    let message = error.to_string();
    assert!(message.contains(expected) && message.contains(file.to_str().unwrap()), "{message}");
    assert!(!format!("{error:?} {message}").contains("HUNTER2"), "{error:?}");
}

#[test]
fn other_kinds_of_ssh_keys_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (file, public) = ssh_identity(folder.path(), "ecdsa", "");
    let message = Identities::load(&[file], None).unwrap_err().to_string();
    assert!(message.contains("ecdsa-sha2-nistp256"), "{message}");
    Recipient::parse(&public).unwrap_err();
}

#[test]
fn a_missing_identity_file_is_named() {
    let error = Identities::load(&["/nonexistent/identity"], None).unwrap_err();
    assert_eq!(error.to_string(), "reading identity file /nonexistent/identity");
    assert!(error.source().is_some());
}

#[test]
fn debug_shows_public_halves_only() {
    let folder = tempfile::tempdir().unwrap();
    let (file, recipient) = identity(folder.path(), "one");
    let secret = fs::read_to_string(&file).unwrap().lines().last().unwrap().to_owned();
    let debug = format!("{:?}", Identities::load(&[file], None).unwrap());
    assert!(debug.contains(recipient.as_str()) && !debug.contains(&secret[20..]), "{debug}");
}
