//! KMS for the master keys of stores.

use async_trait::async_trait;
use parados_aws::AwsKeyManagement;
use parados_parameter::{EncryptionContext, KeyId, KeyManagement, KeyManagementError};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::connect;
use crate::config::TargetSettings;

/// The KMS of whoever the environment's credentials say, who is asked only when a master key is to be wrapped or unwrapped: a store whose
/// key is a plain file needs no AWS, until it gets one that is not.
#[derive(Debug, Default)]
pub(crate) struct LazyKeyManagement(OnceCell<AwsKeyManagement>);

impl LazyKeyManagement {
    async fn connected(&self, operation: &'static str, key: &KeyId) -> Result<&AwsKeyManagement, KeyManagementError> {
        let connecting = async || Ok(connect(&TargetSettings::default()).await?.key_management());
        self.0.get_or_try_init(connecting).await.map_err(|failure: crate::error::Failure| KeyManagementError {
            operation,
            key: key.clone(),
            message: failure.message().to_owned(),
        })
    }
}

#[async_trait]
impl KeyManagement for LazyKeyManagement {
    async fn encrypt(
        &self,
        key: &KeyId,
        plaintext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Vec<u8>, KeyManagementError> {
        self.connected("kms:Encrypt", key).await?.encrypt(key, plaintext, context).await
    }

    async fn decrypt(
        &self,
        key: &KeyId,
        ciphertext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Zeroizing<Vec<u8>>, KeyManagementError> {
        self.connected("kms:Decrypt", key).await?.decrypt(key, ciphertext, context).await
    }
}
