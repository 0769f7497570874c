//! AWS KMS keys as recipients and identities of age.
//!
//! A stanza of type `aws-kms`; its one argument is the key's ARN, its body what `kms:Encrypt` made of the file key under
//! the encryption context `{"parados": "age-file-key"}`.

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use age::{DecryptError, EncryptError};
use age_core::format::{FILE_KEY_BYTES, FileKey, Stanza};
use age_core::secrecy::ExposeSecret;
use parados_parameter::{EncryptionContext, KeyId, KeyManagement, KeyManagementError};
use tokio::runtime::Handle;

pub(super) const STANZA_TAG: &str = "aws-kms";

fn context() -> EncryptionContext {
    EncryptionContext::from([("parados".to_owned(), "age-file-key".to_owned())])
}

/// Wraps a file key under a KMS key.
pub(super) struct KmsRecipient<'a> {
    pub(super) key: &'a KeyId,
    pub(super) key_management: &'a Arc<dyn KeyManagement>,
}

impl age::Recipient for KmsRecipient<'_> {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), EncryptError> {
        let body = Handle::current()
            .block_on(self.key_management.encrypt(self.key, file_key.expose_secret(), &context()))
            .map_err(|error| EncryptError::Io(io::Error::other(error)))?;
        let stanza = Stanza { tag: STANZA_TAG.to_owned(), args: vec![self.key.to_string()], body };
        Ok((vec![stanza], HashSet::new()))
    }
}

/// Unwraps a file key with whichever KMS key a stanza names.
///
/// A call that fails does not end the search, because another stanza or identity may do; what failed is kept for the error.
pub(super) struct KmsIdentity<'a> {
    pub(super) key_management: &'a Arc<dyn KeyManagement>,
    pub(super) failures: Mutex<Vec<KeyManagementError>>,
}

impl age::Identity for KmsIdentity<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        let [arn] = stanza.args.as_slice() else { return None };
        if stanza.tag != STANZA_TAG {
            return None;
        }
        let key = KeyId::observed(arn.as_str());
        let outcome = Handle::current().block_on(self.key_management.decrypt(&key, &stanza.body, &context()));
        match outcome {
            Ok(plaintext) if plaintext.len() == FILE_KEY_BYTES => {
                Some(Ok(FileKey::init_with_mut(|file_key| file_key.copy_from_slice(&plaintext))))
            }
            Ok(_) => Some(Err(DecryptError::InvalidHeader)),
            Err(error) => {
                self.failures.lock().unwrap_or_else(PoisonError::into_inner).push(error);
                None
            }
        }
    }
}
