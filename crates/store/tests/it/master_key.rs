//! The master key: lost, of another store, wrapped.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parados_parameter::{
    DescribeRequest, EncryptionContext, KeyId, KeyManagement, KeyManagementError, ParameterReference,
    ParameterStore as _, StoreErrorKind,
};
use parados_store::{EmbeddedStore, InitOptions, MasterKeySource, OpenError};

use crate::{name, new_directory, open, open_error, options, overwrite, request};

#[tokio::test]
async fn under_another_master_key_no_value_is_read_or_written() {
    let (directory, other) = (new_directory().await, new_directory().await);
    let store = open(directory.path()).await;
    assert!(store.master_key_fits());
    store.put(&request("/a", "v")).await.unwrap();
    let own = fs::read(directory.path().join("master.key")).unwrap();
    fs::copy(other.path().join("master.key"), directory.path().join("master.key")).unwrap();

    let store = open(directory.path()).await;
    assert!(!store.master_key_fits());
    let newest = ParameterReference::newest(name("/a"));
    assert_eq!(store.get(&newest).await.unwrap_err().kind, StoreErrorKind::Unreadable);
    assert_eq!(store.describe(&DescribeRequest::default()).await.unwrap().items.len(), 1, "names are still listed");
    assert_eq!(store.put(&overwrite("/a", "w")).await.unwrap_err().kind, StoreErrorKind::Unreadable);
    assert_eq!(store.put_all(&[request("/b", "w")]).await.unwrap_err().kind, StoreErrorKind::Unreadable);

    fs::write(directory.path().join("master.key"), own).unwrap();
    assert_eq!(open(directory.path()).await.get(&newest).await.unwrap().value.reveal(), "v");
}

#[tokio::test]
async fn a_lost_or_damaged_master_key_is_named() {
    let directory = new_directory().await;
    let path = directory.path().join("master.key");
    let key = fs::read_to_string(&path).unwrap();
    for contents in ["", "hunter2", key.trim_end().trim_end_matches('='), &key[..key.len() - 5], &key[3..]] {
        fs::write(&path, contents).unwrap();
        let error = open_error(directory.path()).await;
        assert!(matches!(error, OpenError::MasterKeyDamaged { .. }), "{contents:?}: {error:?}");
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
    fs::remove_file(&path).unwrap();
    let error = open_error(directory.path()).await;
    assert!(matches!(error, OpenError::MasterKeyMissing { .. }), "{error:?}");

    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
    let error = open_error(directory.path()).await;
    assert!(matches!(&error, OpenError::File { operation: "read", path: named, .. } if *named == path), "{error:?}");
}

#[tokio::test]
async fn a_wrapped_master_key_needs_its_service() {
    let directory = tempfile::tempdir().unwrap();
    let kms = Arc::new(FakeKeyManagement::default());
    init_wrapped(directory.path(), kms.clone()).await.unwrap();
    assert!(!directory.path().join("master.key").exists());
    let wrapped = directory.path().join("master.key.kms");
    assert_eq!(fs::metadata(&wrapped).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(fs::read_to_string(&wrapped).unwrap().contains("alias/parados"));

    let store = EmbeddedStore::open(options(directory.path(), Some(kms.clone()))).await.unwrap();
    store.put(&request("/a", "v")).await.unwrap();
    assert_eq!(store.get(&ParameterReference::newest(name("/a"))).await.unwrap().value.reveal(), "v");
    assert_eq!(kms.calls.load(Ordering::Relaxed), 2, "one call to wrap, one to open; none for a value");

    let error = open_error(directory.path()).await;
    assert!(
        matches!(&error, OpenError::KeyManagementMissing { key, .. } if key.as_str() == "alias/parados"),
        "{error:?}"
    );

    let refusing = Arc::new(FakeKeyManagement { refuses: true, ..FakeKeyManagement::default() });
    let error = EmbeddedStore::open(options(directory.path(), Some(refusing))).await.unwrap_err();
    assert!(matches!(&error, OpenError::KeyManagement { source, .. } if source.message == "disabled"), "{error:?}");

    fs::write(&wrapped, r#"{"key_id":"alias/parados","ciphertext":"AAAA"}"#).unwrap();
    let error = EmbeddedStore::open(options(directory.path(), Some(kms))).await.unwrap_err();
    assert!(matches!(error, OpenError::MasterKeyDamaged { .. }), "{error:?}");
}

#[tokio::test]
async fn a_key_that_cannot_be_wrapped_makes_no_store() {
    let directory = tempfile::tempdir().unwrap();
    let refusing = Arc::new(FakeKeyManagement { refuses: true, ..FakeKeyManagement::default() });
    let error = init_wrapped(directory.path(), refusing).await.unwrap_err();
    assert!(matches!(error, OpenError::KeyManagement { .. }), "{error:?}");
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn a_plain_and_a_wrapped_key_are_not_mixed() {
    let directory = new_directory().await;
    fs::remove_file(directory.path().join("parameters.sqlite3")).unwrap();
    let error = init_wrapped(directory.path(), Arc::new(FakeKeyManagement::default())).await.unwrap_err();
    assert!(
        matches!(error, OpenError::MasterKeyAmbiguous { .. }),
        "the plain key that is there is not taken: {error:?}"
    );
}

async fn init_wrapped(directory: &Path, service: Arc<dyn KeyManagement>) -> Result<(), OpenError> {
    let master_key = MasterKeySource::KeyManagement { service, key: KeyId::parse("alias/parados").unwrap() };
    EmbeddedStore::init(&InitOptions { directory: directory.to_owned(), master_key }).await
}

/// Turns bytes round, and holds a caller to the context.
#[derive(Debug, Default)]
pub(crate) struct FakeKeyManagement {
    pub(crate) refuses: bool,
    pub(crate) calls: AtomicUsize,
}

impl FakeKeyManagement {
    fn turn(
        &self,
        operation: &'static str,
        key: &KeyId,
        bytes: &[u8],
        context: &EncryptionContext,
    ) -> Result<Vec<u8>, KeyManagementError> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        assert_eq!(*context, BTreeMap::from([("parados".to_owned(), "store-master-key".to_owned())]));
        match self.refuses {
            true => Err(KeyManagementError { operation, key: key.clone(), message: "disabled".into() }),
            false => Ok(bytes.iter().map(|byte| !byte).collect()),
        }
    }
}

#[async_trait::async_trait]
impl KeyManagement for FakeKeyManagement {
    async fn encrypt(
        &self,
        key: &KeyId,
        plaintext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Vec<u8>, KeyManagementError> {
        self.turn("kms:Encrypt", key, plaintext, context)
    }

    async fn decrypt(
        &self,
        key: &KeyId,
        ciphertext: &[u8],
        context: &EncryptionContext,
    ) -> Result<zeroize::Zeroizing<Vec<u8>>, KeyManagementError> {
        self.turn("kms:Decrypt", key, ciphertext, context).map(Into::into)
    }
}
