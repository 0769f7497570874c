//! Opens what is sealed.

use std::fmt::{self, Write as _};
use std::io::{self, BufRead, Read};
use std::sync::{Mutex, PoisonError};

use age::stream::StreamReader;
use age::{DecryptError, Decryptor};
use age_core::format::{FileKey, Stanza};
use parados_parameter::KeyManagementError;
use thiserror::Error;

use super::identity::{Identities, Loaded};
use super::kms::{self, KmsIdentity};

/// A stream that cannot be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// Its bytes could not be read.
    #[error("reading what is sealed")]
    Read(#[source] io::Error),
    /// It is not an age file, or not one of version 1.
    #[error("this is not a sealed document: it does not begin as an age file")]
    NotSealed,
    /// Its header is damaged, or was changed after it was sealed.
    #[error("the seal is damaged, or was changed after it was made")]
    Damaged,
    /// None of the identities is one that it is sealed to.
    #[error("no identity opens this: it is sealed to {sealed_to}; tried were {tried}")]
    NoIdentity {
        /// The recipients that the header names, in words. An age key is not named by a header.
        sealed_to: String,
        /// The identities that there are, in words.
        tried: String,
        /// The calls to the key management service that failed; the first is the source.
        #[source]
        key_management: Option<KeyManagementError>,
    },
}

impl Identities {
    /// Opens what is sealed to one of these identities. Keys out of files are tried first; then KMS is called, once for each
    /// KMS key that the header names, until one opens it.
    ///
    /// What the reader gives is what was sealed, chunk for chunk; it fails with [`io::ErrorKind::InvalidData`] where a chunk was
    /// changed and [`io::ErrorKind::UnexpectedEof`] where the end is missing.
    ///
    /// # Errors
    /// [`OpenError`].
    ///
    /// # Panics
    /// Where KMS is called: outside of a tokio runtime, or on a thread of one that runs tasks. It blocks on the call, and belongs
    /// into `spawn_blocking`.
    pub fn open<R: BufRead>(&self, reader: R) -> Result<OpenedReader<R>, OpenError> {
        let decryptor = Decryptor::new_buffered(reader).map_err(|error| match error {
            DecryptError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => OpenError::Damaged,
            DecryptError::Io(error) => OpenError::Read(error),
            DecryptError::InvalidHeader | DecryptError::UnknownFormat => OpenError::NotSealed,
            _ => OpenError::Damaged,
        })?;

        let witness = Witness::default();
        let service = self
            .key_management
            .as_ref()
            .map(|key_management| KmsIdentity { key_management, failures: Mutex::default() });
        let files = self.loaded.iter().map(|loaded| loaded.key.as_ref() as &dyn age::Identity);
        let identities = std::iter::once(&witness as &dyn age::Identity)
            .chain(files)
            .chain(service.as_ref().map(|service| service as &dyn age::Identity));

        match decryptor.decrypt(identities) {
            Ok(reader) => Ok(OpenedReader(reader)),
            Err(DecryptError::Io(error)) => Err(OpenError::Read(error)),
            Err(DecryptError::NoMatchingKeys) => Err(OpenError::NoIdentity {
                sealed_to: witness.into_words(),
                tried: self.in_words(),
                key_management: service.and_then(|service| {
                    service.failures.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter().next()
                }),
            }),
            Err(_) => Err(OpenError::Damaged),
        }
    }

    fn in_words(&self) -> String {
        let files = self.loaded.iter().map(|Loaded { file, recipient, .. }| match recipient.as_str() {
            rsa if rsa.starts_with("ssh-rsa ") => format!("{} (an ssh-rsa key)", file.display()),
            short => format!("{} ({short})", file.display()),
        });
        let service = self.key_management.iter().map(|_| "KMS".to_owned());
        in_words(files.chain(service), "none")
    }
}

/// An identity that opens nothing, and sees which recipients a header has: age does not show them otherwise.
#[derive(Default)]
struct Witness(Mutex<Vec<String>>);

impl Witness {
    fn into_words(self) -> String {
        in_words(self.0.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter(), "nobody")
    }
}

impl age::Identity for Witness {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, DecryptError>> {
        let first = stanza.args.first().map_or("", String::as_str);
        let words = match stanza.tag.as_str() {
            "X25519" => "an age key".to_owned(),
            tag @ ("ssh-ed25519" | "ssh-rsa") => format!("an {tag} key (tag {first})"),
            kms::STANZA_TAG => format!("KMS key {first}"),
            "scrypt" => "a passphrase".to_owned(),
            // Sealers put a stanza that nobody can use into each file, so that readers do not come to depend on there being none.
            tag if tag.ends_with("-grease") => return None,
            tag => format!("a recipient of the kind {tag}"),
        };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(words);
        None
    }
}

fn in_words(items: impl Iterator<Item = String>, none: &str) -> String {
    let mut words = String::new();
    for item in items {
        let separator = if words.is_empty() { "" } else { ", " };
        write!(words, "{separator}{item}").expect("writing to a String does not fail");
    }
    if words.is_empty() { none.to_owned() } else { words }
}

/// Reads what was sealed.
pub struct OpenedReader<R: Read>(StreamReader<R>);

impl<R: Read> Read for OpenedReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<R: Read> fmt::Debug for OpenedReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenedReader").finish_non_exhaustive()
    }
}
