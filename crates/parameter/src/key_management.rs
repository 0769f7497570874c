//! A service that encrypts small secrets under keys which never leave it: AWS KMS.

use std::collections::BTreeMap;
use std::fmt::Debug;

use async_trait::async_trait;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::KeyId;

/// What is said beside a ciphertext and must be said again to open it (KMS's encryption context). Not secret.
pub type EncryptionContext = BTreeMap<String, String>;

/// A key management service (KMS Encrypt and Decrypt).
#[async_trait]
pub trait KeyManagement: Debug + Send + Sync + 'static {
    /// Encrypts at most 4,096 bytes under `key`.
    ///
    /// # Errors
    /// [`KeyManagementError`] when the key does not exist, is disabled, or may not be used, or the service does not answer.
    async fn encrypt(
        &self,
        key: &KeyId,
        plaintext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Vec<u8>, KeyManagementError>;

    /// Opens what [`encrypt`](Self::encrypt) gave under the same key and context.
    ///
    /// # Errors
    /// [`KeyManagementError`] as above, and when the ciphertext or the context is another.
    async fn decrypt(
        &self,
        key: &KeyId,
        ciphertext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Zeroizing<Vec<u8>>, KeyManagementError>;
}

/// A call to a key management service that failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{operation} with key {key}: {message}")]
pub struct KeyManagementError {
    /// `kms:Encrypt` or `kms:Decrypt`.
    pub operation: &'static str,
    /// The key.
    pub key: KeyId,
    /// The service's own words, or why there are none.
    pub message: String,
}
