//! The private keys that can open what is sealed.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parados_parameter::KeyManagement;
use thiserror::Error;
use zeroize::Zeroizing;

use super::recipient::Recipient;

/// Private keys out of files, and perhaps a key management service that keeps others.
#[derive(Clone, Default)]
pub struct Identities {
    pub(super) loaded: Vec<Loaded>,
    pub(super) key_management: Option<Arc<dyn KeyManagement>>,
}

/// One private key.
#[derive(Clone)]
pub(super) struct Loaded {
    /// Where it is from.
    pub(super) file: PathBuf,
    /// Its public half.
    pub(super) recipient: Recipient,
    pub(super) key: Arc<dyn age::Identity + Send + Sync>,
}

/// A file of identities that cannot be used. No error holds anything out of the file.
#[derive(Debug, Error)]
pub enum IdentityError {
    /// It could not be read.
    #[error("reading identity file {}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is protected by a passphrase.
    #[error(
        "identity file {} is protected by a passphrase, which nobody is there to type: decrypt a copy (`ssh-keygen -p -N '' -f COPY` \
         for an OpenSSH key, `age -d` for an age identity), or use another identity",
        file.display()
    )]
    Encrypted {
        /// The file.
        file: PathBuf,
    },
    /// It is a kind of key that cannot open anything here.
    #[error("identity file {} holds {kind}: use an age identity, or an OpenSSH private key of type ed25519 or rsa", file.display())]
    Unsupported {
        /// The file.
        file: PathBuf,
        /// What it holds.
        kind: String,
    },
    /// It is a damaged one.
    #[error("identity file {} is damaged at line {line}", file.display())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The line, from 1.
        line: usize,
    },
    /// It holds no identity.
    #[error("identity file {} holds no identity: a line that begins with AGE-SECRET-KEY-1, or an OpenSSH private key", file.display())]
    Empty {
        /// The file.
        file: PathBuf,
    },
}

impl Identities {
    /// Loads age identity files and OpenSSH private keys, and asks `key_management` for documents that are sealed to KMS keys.
    ///
    /// # Errors
    /// [`IdentityError`] for the first file that cannot be used.
    pub fn load<P: AsRef<Path>>(
        files: &[P],
        key_management: Option<Arc<dyn KeyManagement>>,
    ) -> Result<Self, IdentityError> {
        let mut loaded = Vec::new();
        for file in files {
            let file = file.as_ref();
            let content = fs::read(file)
                .map(Zeroizing::new)
                .map_err(|source| IdentityError::Unreadable { file: file.to_owned(), source })?;
            loaded.extend(parse(file, &content)?);
        }
        Ok(Self { loaded, key_management })
    }

    /// Whether there is nothing to open anything with.
    pub fn is_empty(&self) -> bool {
        self.loaded.is_empty() && self.key_management.is_none()
    }

    /// Whether one of the keys may open what is sealed to `recipients`. Of a KMS key only trying tells.
    pub fn fit(&self, recipients: &[Recipient]) -> bool {
        recipients.iter().any(|recipient| match recipient.kms_key() {
            Some(_) => self.key_management.is_some(),
            None => self.recipients().any(|identity| identity == recipient),
        })
    }

    /// The public halves of the keys out of files.
    pub fn recipients(&self) -> impl Iterator<Item = &Recipient> {
        self.loaded.iter().map(|loaded| &loaded.recipient)
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let files = self.loaded.iter().map(|loaded| (&loaded.file, &loaded.recipient));
        f.debug_struct("Identities")
            .field("files", &files.collect::<Vec<_>>())
            .field("key_management", &self.key_management)
            .finish()
    }
}

fn parse(file: &Path, content: &[u8]) -> Result<Vec<Loaded>, IdentityError> {
    const AGE_FILE: [&[u8]; 2] = [b"age-encryption.org/", b"-----BEGIN AGE ENCRYPTED FILE-----"];

    if AGE_FILE.iter().any(|start| content.trim_ascii_start().starts_with(start)) {
        return Err(IdentityError::Encrypted { file: file.to_owned() });
    }
    let text = std::str::from_utf8(content).map_err(|error| {
        let line = 1 + content[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        IdentityError::Damaged { file: file.to_owned(), line }
    })?;
    match text.trim_start().starts_with("-----BEGIN ") {
        true => parse_ssh(file, text.trim_start()).map(|loaded| vec![loaded]),
        false => parse_age(file, text),
    }
}

fn parse_age(file: &Path, text: &str) -> Result<Vec<Loaded>, IdentityError> {
    let mut loaded = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let unsupported = |kind: &str| IdentityError::Unsupported { file: file.to_owned(), kind: kind.to_owned() };
        let key = line.parse::<age::x25519::Identity>().map_err(|_| match line {
            _ if line.starts_with("AGE-PLUGIN-") => unsupported("an identity of an age plugin"),
            _ if line.starts_with("AGE-SECRET-KEY-PQ-") => unsupported("a post-quantum age identity"),
            _ if line.starts_with("age1") || line.starts_with("ssh-") => unsupported("a public key"),
            _ => IdentityError::Damaged { file: file.to_owned(), line: index + 1 },
        })?;
        let recipient = Recipient::parse(&key.to_public().to_string()).expect("age reads its own public keys");
        loaded.push(Loaded { file: file.to_owned(), recipient, key: Arc::new(key) });
    }
    match loaded.is_empty() {
        true => Err(IdentityError::Empty { file: file.to_owned() }),
        false => Ok(loaded),
    }
}

fn parse_ssh(file: &Path, text: &str) -> Result<Loaded, IdentityError> {
    use age::ssh::{Identity, UnsupportedKey};

    let damaged = || IdentityError::Damaged { file: file.to_owned(), line: 1 };
    let unsupported = |kind| IdentityError::Unsupported { file: file.to_owned(), kind };
    let identity = Identity::from_buffer(text.as_bytes(), None).map_err(|_| damaged())?;
    match &identity {
        Identity::Unencrypted(_) => {}
        Identity::Encrypted(_)
        | Identity::Unsupported(UnsupportedKey::EncryptedPem | UnsupportedKey::EncryptedSsh(_)) => {
            return Err(IdentityError::Encrypted { file: file.to_owned() });
        }
        Identity::Unsupported(UnsupportedKey::Hardware(kind)) => {
            return Err(unsupported(format!("a key of the type {kind}, which is on a security key")));
        }
        Identity::Unsupported(UnsupportedKey::Type(kind)) => {
            return Err(unsupported(format!("a key of the type {kind}")));
        }
    }
    let public = age::ssh::Recipient::try_from(identity.clone()).map_err(|_| damaged())?;
    let recipient = Recipient::parse(&public.to_string())
        .map_err(|_| unsupported("an RSA key of less than 2048 or more than 4096 bits".to_owned()))?;
    Ok(Loaded { file: file.to_owned(), recipient, key: Arc::new(identity) })
}
