//! AWS KMS, for the small secrets under which others lie.

use std::collections::HashMap;

use async_trait::async_trait;
use aws_sdk_kms::Client;
use aws_sdk_kms::primitives::Blob;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SdkConfig;
use aws_types::region::Region;
use parados_parameter::{EncryptionContext, KeyId, KeyManagement, KeyManagementError, StoreErrorKind};
use zeroize::Zeroizing;

use crate::failure::{Failure, cut};

const ENCRYPT: &str = "kms:Encrypt";
const DECRYPT: &str = "kms:Decrypt";

/// The KMS of an account. It goes to the Region that a key's ARN names, and to the session's Region for an id or an alias.
/// The SDK retries its calls: nothing else does.
#[derive(Clone, Debug)]
pub struct AwsKeyManagement {
    config: SdkConfig,
    client: Client,
    region: String,
}

impl AwsKeyManagement {
    pub(crate) fn new(config: SdkConfig, region: &str) -> Self {
        Self { client: Client::new(&config), config, region: region.to_owned() }
    }

    fn client_of(&self, key: &KeyId) -> Client {
        match region_of(key) {
            Some(region) if region != self.region => {
                Client::new(&self.config.to_builder().region(Region::new(region.to_owned())).build())
            }
            _ => self.client.clone(),
        }
    }
}

#[async_trait]
impl KeyManagement for AwsKeyManagement {
    async fn encrypt(
        &self,
        key: &KeyId,
        plaintext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Vec<u8>, KeyManagementError> {
        let call = self.client_of(key).encrypt().key_id(key.as_str()).plaintext(Blob::new(plaintext));
        let output = call
            .set_encryption_context(sdk_context(context))
            .send()
            .await
            .map_err(|error| failed(ENCRYPT, key, &error))?;
        let ciphertext = output.ciphertext_blob.ok_or_else(|| lacks(ENCRYPT, key, "a ciphertext"))?;
        Ok(ciphertext.into_inner())
    }

    async fn decrypt(
        &self,
        key: &KeyId,
        ciphertext: &[u8],
        context: &EncryptionContext,
    ) -> Result<Zeroizing<Vec<u8>>, KeyManagementError> {
        let call = self.client_of(key).decrypt().key_id(key.as_str()).ciphertext_blob(Blob::new(ciphertext));
        let output = call
            .set_encryption_context(sdk_context(context))
            .send()
            .await
            .map_err(|error| failed(DECRYPT, key, &error))?;
        let plaintext = output.plaintext.ok_or_else(|| lacks(DECRYPT, key, "a plaintext"))?;
        Ok(Zeroizing::new(plaintext.into_inner()))
    }
}

fn sdk_context(context: &EncryptionContext) -> Option<HashMap<String, String>> {
    (!context.is_empty()).then(|| context.clone().into_iter().collect())
}

/// The Region in a key's ARN: `arn:aws:kms:eu-west-1:…`.
fn region_of(key: &KeyId) -> Option<&str> {
    key.as_str().strip_prefix("arn:")?.split(':').nth(2).filter(|region| !region.is_empty())
}

fn failed<E: ProvideErrorMetadata>(
    operation: &'static str,
    key: &KeyId,
    error: &SdkError<E, HttpResponse>,
) -> KeyManagementError {
    let Failure { kind, code, message } = Failure::of(error);
    let name = code.as_deref().unwrap_or(kind.name());
    let hint = match (name, kind) {
        ("InvalidCiphertextException", _) => "; it was encrypted under another key or context, or is damaged",
        ("NotFoundException", _) => "; check the key's id, account and Region",
        ("DisabledException" | "KMSInvalidStateException", _) => "; enable the key, or cancel its deletion",
        (_, StoreErrorKind::AccessDenied) => "; grant the caller this action in the key's policy and its own",
        _ => "",
    };
    let message = match message.as_str() {
        "" => format!("{name}{hint}"),
        message => format!("{name}: {message}{hint}"),
    };
    KeyManagementError { operation, key: key.clone(), message: cut(&message) }
}

fn lacks(operation: &'static str, key: &KeyId, what: &str) -> KeyManagementError {
    KeyManagementError { operation, key: key.clone(), message: format!("the answer lacks {what}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_its_region() {
        let region = |text: &str| region_of(&KeyId::parse(text).unwrap()).map(str::to_owned);
        assert_eq!(region("arn:aws:kms:eu-west-1:123456789012:key/1").as_deref(), Some("eu-west-1"));
        assert_eq!(region("arn:aws-cn:kms:cn-north-1:123456789012:alias/a").as_deref(), Some("cn-north-1"));
        assert_eq!(region("alias/a"), None);
        assert_eq!(region("1234-5678"), None);
    }
}
