//! Seals a stream.

use std::fmt;
use std::io::{self, Write};
use std::sync::Arc;

use age::stream::StreamWriter;
use age::{EncryptError, Encryptor};
use parados_parameter::{KeyId, KeyManagement, KeyManagementError};
use thiserror::Error;

use super::kms::KmsRecipient;
use super::recipient::{Recipient, RecipientKey};

/// Seals streams to its recipients, every one of whom can open them alone.
#[derive(Clone, Debug)]
pub struct Sealer {
    recipients: Vec<Recipient>,
    key_management: Option<Arc<dyn KeyManagement>>,
}

/// A stream that cannot be sealed.
#[derive(Debug, Error)]
pub enum SealError {
    /// There is nobody to seal to.
    #[error("there are no recipients to seal to")]
    NoRecipients,
    /// A recipient is a KMS key, and there is no key management service here.
    #[error("recipient {key} is a KMS key, and there is no session with AWS to call KMS with")]
    NoKeyManagement {
        /// The key.
        key: KeyId,
    },
    /// The key management service refused.
    #[error("sealing to a KMS key")]
    KeyManagement(#[source] KeyManagementError),
    /// The inner writer failed.
    #[error("writing the seal's header")]
    Write(#[source] io::Error),
    /// age refused, for a reason that the recipients here cannot give.
    #[error("sealing")]
    Age(#[source] EncryptError),
}

impl Sealer {
    /// Seals to `recipients`, each once; `key_management` is needed where one of them is a KMS key.
    ///
    /// # Errors
    /// [`SealError::NoRecipients`], [`SealError::NoKeyManagement`].
    pub fn new(
        recipients: impl IntoIterator<Item = Recipient>,
        key_management: Option<Arc<dyn KeyManagement>>,
    ) -> Result<Self, SealError> {
        let mut unique: Vec<Recipient> = Vec::new();
        for recipient in recipients {
            if !unique.contains(&recipient) {
                unique.push(recipient);
            }
        }
        if unique.is_empty() {
            return Err(SealError::NoRecipients);
        }
        match unique.iter().find_map(Recipient::kms_key) {
            Some(key) if key_management.is_none() => Err(SealError::NoKeyManagement { key: key.clone() }),
            _ => Ok(Self { recipients: unique, key_management }),
        }
    }

    /// Whom it seals to.
    pub fn recipients(&self) -> &[Recipient] {
        &self.recipients
    }

    /// Seals what is written from here on into `inner`. Calls the key management service once for each KMS recipient.
    ///
    /// # Errors
    /// [`SealError::KeyManagement`] when a KMS key cannot be used, [`SealError::Write`] when `inner` fails.
    ///
    /// # Panics
    /// Where there is a KMS recipient: outside of a tokio runtime, or on a thread of one that runs tasks. It blocks on the call,
    /// and belongs into `spawn_blocking`.
    pub fn wrap<W: Write>(&self, inner: W) -> Result<SealedWriter<W>, SealError> {
        let recipients: Vec<Box<dyn age::Recipient + '_>> = self
            .recipients
            .iter()
            .map(|recipient| -> Box<dyn age::Recipient + '_> {
                match &recipient.key {
                    RecipientKey::X25519(key) => Box::new(key.clone()),
                    RecipientKey::Ssh(key) => Box::new(key.as_ref().clone()),
                    RecipientKey::Kms(key) => Box::new(KmsRecipient {
                        key,
                        key_management: self.key_management.as_ref().expect("`new` refuses a KMS key without one"),
                    }),
                }
            })
            .collect();
        let encryptor =
            Encryptor::with_recipients(recipients.iter().map(AsRef::as_ref)).map_err(|error| match error {
                EncryptError::Io(error) => match error.downcast::<KeyManagementError>() {
                    Ok(error) => SealError::KeyManagement(error),
                    Err(error) => SealError::Write(error),
                },
                other => SealError::Age(other),
            })?;
        Ok(SealedWriter(encryptor.wrap_output(inner).map_err(SealError::Write)?))
    }
}

/// Seals what is written to it. What is not [finished](Self::finish) cannot be opened to its end, and readers notice.
pub struct SealedWriter<W: Write>(StreamWriter<W>);

impl<W: Write> SealedWriter<W> {
    /// Seals the last chunk, and gives the inner writer back.
    ///
    /// # Errors
    /// Those of the inner writer.
    pub fn finish(self) -> io::Result<W> {
        self.0.finish()
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> fmt::Debug for SealedWriter<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedWriter").finish_non_exhaustive()
    }
}
