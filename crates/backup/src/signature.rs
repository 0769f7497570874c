//! Signatures over manifests: OpenSSH's format (SSHSIG), ed25519, so that `ssh-keygen -Y verify` checks them.
//!
//! Owns the signing key and its file. Does not decide whose signature is trusted.

use std::fmt;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use signature::Verifier as _;
pub use ssh_key::PublicKey;
use ssh_key::private::{Ed25519Keypair, KeypairData};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, SshSig};
use thiserror::Error;
use zeroize::Zeroizing;

use crate::document::Digest;
use crate::fingerprint::FingerprintKey;

/// The namespace of manifests' signatures (`ssh-keygen -n`). Each kind of thing that is signed has a namespace of its own, so
/// that what was signed as one verifies as nothing else.
pub const MANIFEST_NAMESPACE: &str = "parados-manifest";

/// How many bytes a manifest's signature has: they are all made alike.
pub(crate) const ARMORED_MANIFEST_SIGNATURE_BYTES: usize = 310;

/// A signature, or the key for one, that cannot be used.
#[derive(Debug, Error)]
pub enum SignatureError {
    /// The key's file cannot be read.
    #[error("cannot read the signing key {path}")]
    ReadKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The key's file cannot be written.
    #[error("cannot write the signing key {path}")]
    WriteKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Others may read the key's file.
    #[error("the signing key {path} has mode {mode:04o}, so others can read it; run: chmod 600 {path}")]
    KeyIsOpen {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file does not hold an unencrypted ed25519 private key of OpenSSH's form.
    #[error("the signing key {path} cannot be used: {reason}; make one with: ssh-keygen -t ed25519 -N '' -f {path}")]
    UnusableKey {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// The text is not a public key of OpenSSH's form.
    #[error("not an OpenSSH ed25519 public key")]
    InvalidPublicKey,
    /// The text is not a signature of OpenSSH's form.
    #[error("not an OpenSSH signature")]
    Malformed,
    /// It was made over something else, by another key, or for another purpose.
    #[error("the signature does not match")]
    Mismatch,
    /// The key did not sign.
    #[error("the signing key failed to sign")]
    NotSigned,
}

/// An ed25519 key that signs manifests. Its seed is also what fingerprint keys are derived from.
pub struct SigningKey {
    private: PrivateKey,
    pair: Ed25519Keypair,
}

impl SigningKey {
    /// The key of a 32-byte seed, with a comment that its public key shows.
    pub fn from_seed(seed: &[u8; 32], comment: &str) -> Self {
        let pair = Ed25519Keypair::from_seed(seed);
        let private = PrivateKey::new(KeypairData::Ed25519(pair.clone()), comment)
            .expect("a key that is not encrypted needs no more than itself");
        Self { private, pair }
    }

    /// Makes a key of a random `seed` and writes it to a new file of mode 0600, flushed to the disk. The file is there whole
    /// or not at all, so that of two processes that make it at once the other one can load it.
    ///
    /// # Errors
    /// [`SignatureError::WriteKey`]; of kind [`AlreadyExists`](io::ErrorKind::AlreadyExists) when there is a file, which stays
    /// as it is.
    pub fn generate(path: &Path, seed: &Zeroizing<[u8; 32]>, comment: &str) -> Result<Self, SignatureError> {
        let key = Self::from_seed(seed, comment);
        let private = key
            .private
            .to_openssh(LineEnding::LF)
            .expect("an ed25519 key without a passphrase is written in OpenSSH's form");
        write_whole(path, private.as_bytes())
            .map_err(|source| SignatureError::WriteKey { path: path.into(), source })?;
        Ok(key)
    }

    /// Reads an OpenSSH private key file: ed25519, without a passphrase, of mode 0600 or less.
    ///
    /// # Errors
    /// [`SignatureError`] says which of these it is not.
    pub fn load(path: &Path) -> Result<Self, SignatureError> {
        let read = |source| SignatureError::ReadKey { path: path.into(), source };
        let unusable = |reason| SignatureError::UnusableKey { path: path.into(), reason };
        let metadata = fs::metadata(path).map_err(read)?;
        if metadata.is_dir() {
            return Err(read(io::ErrorKind::IsADirectory.into()));
        }
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(SignatureError::KeyIsOpen { path: path.into(), mode });
        }
        let text = Zeroizing::new(fs::read(path).map_err(read)?);
        let private = PrivateKey::from_openssh(&*text)
            .map_err(|_| unusable("it is not an OpenSSH ed25519 private key, or not whole"))?;
        match private.key_data() {
            KeypairData::Ed25519(pair) => Ok(Self { pair: pair.clone(), private }),
            KeypairData::Encrypted(_) => Err(unusable("it has a passphrase, and a backup runs unattended")),
            _ => Err(unusable("it is not an OpenSSH ed25519 private key, or not whole")),
        }
    }

    /// The public key.
    pub fn public_key(&self) -> &PublicKey {
        self.private.public_key()
    }

    /// The public key as one line, as it stands in a manifest and in an `allowed_signers` file: `ssh-ed25519 AAAA… comment`.
    pub fn public_line(&self) -> String {
        self.public_key().to_openssh().expect("an ed25519 public key is written in OpenSSH's form")
    }

    /// The fingerprint key of the repository with this id.
    pub fn fingerprint_key(&self, repository: &str) -> FingerprintKey {
        FingerprintKey::derive(&Zeroizing::new(self.pair.private.to_bytes()), repository)
    }

    /// Signs what has this digest for one purpose, the `namespace`; the armored signature, with a final newline.
    ///
    /// # Errors
    /// [`SignatureError::NotSigned`].
    pub fn sign(&self, namespace: &str, digest: &Digest) -> Result<String, SignatureError> {
        let data = signed_data(namespace, b"", HashAlg::Sha256, digest.as_bytes());
        let signature = raw_signature(&self.private, &data).ok_or(SignatureError::NotSigned)?;
        SshSig::new(self.public_key().key_data().clone(), namespace, HashAlg::Sha256, signature)
            .and_then(|signature| signature.to_pem(LineEnding::LF))
            .map(|mut armored| {
                if !armored.ends_with('\n') {
                    armored.push('\n');
                }
                armored
            })
            .map_err(|_| SignatureError::NotSigned)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public_key().fingerprint(HashAlg::Sha256))
    }
}

/// Writes a new file of mode 0600 that nobody ever sees half: it gets its name, which must be free, when it is on the disk.
fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let temporary = folder.join(format!(".signing-key-{:032x}", rand::random::<u128>()));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
    let linked = file
        .write_all(bytes)
        .and_then(|()| file.sync_all())
        // Unlike a rename, a link replaces nothing.
        .and_then(|()| fs::hard_link(&temporary, path));
    let removed = fs::remove_file(&temporary);
    linked?;
    removed?;
    fs::File::open(folder)?.sync_all()
}

/// Checks that `armored` is the signature of `key` over `bytes`, made for the purpose `namespace`.
///
/// # Errors
/// [`SignatureError::Malformed`] or [`SignatureError::Mismatch`].
pub fn verify(namespace: &str, bytes: &[u8], armored: &str, key: &PublicKey) -> Result<(), SignatureError> {
    verify_measured(namespace, (bytes, &Digest::of(bytes)), armored, key)
}

/// As [`verify`], where the digest of the bytes is known.
pub(crate) fn verify_measured(
    namespace: &str,
    (bytes, digest): (&[u8], &Digest),
    armored: &str,
    key: &PublicKey,
) -> Result<(), SignatureError> {
    let hash = |algorithm: HashAlg| match algorithm {
        HashAlg::Sha256 => Some(digest.as_bytes().to_vec()),
        other => Some(other.digest(bytes)),
    };
    verify_hash(namespace, hash, armored, key)
}

/// As [`verify`], where of the bytes there is only the digest. A signature over another hash than SHA-256 does not match.
pub(crate) fn verify_digest(
    namespace: &str,
    digest: &Digest,
    armored: &str,
    key: &PublicKey,
) -> Result<(), SignatureError> {
    let hash = |algorithm| (algorithm == HashAlg::Sha256).then(|| digest.as_bytes().to_vec());
    verify_hash(namespace, hash, armored, key)
}

/// `hash` gives the hash of what is signed, where it can.
fn verify_hash(
    namespace: &str,
    hash: impl FnOnce(HashAlg) -> Option<Vec<u8>>,
    armored: &str,
    key: &PublicKey,
) -> Result<(), SignatureError> {
    let signature = SshSig::from_pem(armored).map_err(|_| SignatureError::Malformed)?;
    if key.key_data() != signature.public_key() || namespace != signature.namespace() {
        return Err(SignatureError::Mismatch);
    }
    let algorithm = signature.hash_alg();
    let hash = hash(algorithm).ok_or(SignatureError::Mismatch)?;
    let data = signed_data(namespace, signature.reserved(), algorithm, &hash);
    key.key_data().verify(&data, signature.signature()).map_err(|_| SignatureError::Mismatch)
}

/// The key that made a signature over `bytes` for the purpose `namespace`, by what the signature itself says; none where it is
/// not one over these bytes, whoever made it.
pub fn signed_by(namespace: &str, bytes: &[u8], armored: &str) -> Option<PublicKey> {
    let signature = SshSig::from_pem(armored).ok()?;
    let key = PublicKey::new(signature.public_key().clone(), "");
    key.verify(namespace, bytes, &signature).ok().map(|()| key)
}

/// The key that a signature says it was made with, whether or not that is so.
pub(crate) fn claimed_signer(armored: &str) -> Option<PublicKey> {
    SshSig::from_pem(armored).ok().map(|signature| PublicKey::new(signature.public_key().clone(), ""))
}

/// Parses a public key of OpenSSH's form, ed25519.
///
/// # Errors
/// [`SignatureError::InvalidPublicKey`].
pub fn parse_public_key(line: &str) -> Result<PublicKey, SignatureError> {
    let key = PublicKey::from_openssh(line).map_err(|_| SignatureError::InvalidPublicKey)?;
    match key.algorithm() {
        Algorithm::Ed25519 => Ok(key),
        _ => Err(SignatureError::InvalidPublicKey),
    }
}

/// What an SSHSIG signs (OpenSSH, PROTOCOL.sshsig) of a message with this hash. `ssh-key` makes it only of a message in one piece, and
/// a manifest's pieces together would need its memory twice.
fn signed_data(namespace: &str, reserved: &[u8], algorithm: HashAlg, hash: &[u8]) -> Vec<u8> {
    let mut data = b"SSHSIG".to_vec();
    for field in [namespace.as_bytes(), reserved, algorithm.as_str().as_bytes(), hash] {
        data.extend_from_slice(&(field.len() as u32).to_be_bytes());
        data.extend_from_slice(field);
    }
    data
}

fn raw_signature<K: ssh_key::SigningKey>(key: &K, data: &[u8]) -> Option<ssh_key::Signature> {
    key.try_sign(data).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> SigningKey {
        SigningKey::from_seed(&[1; 32], "parados")
    }

    #[test]
    fn what_is_signed_verifies_and_nothing_else() {
        let armored = key().sign(MANIFEST_NAMESPACE, &Digest::of(b"{\"a\":1}\n")).unwrap();
        assert!(armored.starts_with("-----BEGIN SSH SIGNATURE-----\n"));
        assert!(armored.ends_with("-----END SSH SIGNATURE-----\n"));
        verify(MANIFEST_NAMESPACE, b"{\"a\":1}\n", &armored, key().public_key()).unwrap();
        assert!(matches!(
            verify(MANIFEST_NAMESPACE, b"{\"a\":2}\n", &armored, key().public_key()),
            Err(SignatureError::Mismatch)
        ));
        let other = SigningKey::from_seed(&[2; 32], "");
        assert!(matches!(
            verify(MANIFEST_NAMESPACE, b"{\"a\":1}\n", &armored, other.public_key()),
            Err(SignatureError::Mismatch)
        ));
        assert!(matches!(
            verify(MANIFEST_NAMESPACE, b"", "nothing", key().public_key()),
            Err(SignatureError::Malformed)
        ));
    }

    #[test]
    fn a_signature_names_its_maker_when_it_is_one_over_these_bytes() {
        let armored = key().sign(MANIFEST_NAMESPACE, &Digest::of(b"x")).unwrap();
        assert_eq!(armored.len(), ARMORED_MANIFEST_SIGNATURE_BYTES);
        let maker = signed_by(MANIFEST_NAMESPACE, b"x", &armored).unwrap();
        assert_eq!(maker.key_data(), key().public_key().key_data());
        assert!(signed_by(MANIFEST_NAMESPACE, b"y", &armored).is_none());
        assert!(signed_by("file", b"x", &armored).is_none());
        assert!(signed_by(MANIFEST_NAMESPACE, b"x", &armored.replace('A', "B")).is_none());
    }

    #[test]
    fn a_signature_for_another_purpose_does_not_verify() {
        let private = PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&[1; 32])), "").unwrap();
        let armored = private.sign("file", HashAlg::Sha512, b"x").unwrap().to_pem(LineEnding::LF).unwrap();
        assert!(matches!(
            verify(MANIFEST_NAMESPACE, b"x", &armored, key().public_key()),
            Err(SignatureError::Mismatch)
        ));
    }

    /// Snapshots of the first versions have them, and `ssh-keygen` makes them unless it is told otherwise.
    #[test]
    fn a_signature_over_a_sha_512_verifies_too() {
        let private = PrivateKey::new(KeypairData::Ed25519(Ed25519Keypair::from_seed(&[1; 32])), "").unwrap();
        let signature = private.sign(MANIFEST_NAMESPACE, HashAlg::Sha512, b"x").unwrap();
        let armored = signature.to_pem(LineEnding::LF).unwrap();
        verify(MANIFEST_NAMESPACE, b"x", &armored, key().public_key()).unwrap();
        let other = verify(MANIFEST_NAMESPACE, b"y", &armored, key().public_key());
        assert!(matches!(other, Err(SignatureError::Mismatch)));
    }

    #[test]
    fn a_generated_key_is_read_back_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        let seed = Zeroizing::new([3; 32]);
        let generated = SigningKey::generate(&path, &seed, "parados").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let loaded = SigningKey::load(&path).unwrap();
        assert_eq!(loaded.public_line(), generated.public_line());
        assert!(loaded.public_line().ends_with(" parados"));
        assert_eq!(loaded.fingerprint_key("r").id(), generated.fingerprint_key("r").id());
        let error = SigningKey::generate(&path, &Zeroizing::new([4; 32]), "").unwrap_err();
        let SignatureError::WriteKey { source, .. } = error else { panic!("{error}") };
        assert_eq!(source.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(SigningKey::load(&path).unwrap().public_line(), generated.public_line());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "the temporary files are gone");
    }

    #[test]
    fn of_many_that_make_a_key_at_once_one_does_and_the_others_load_it_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing.key");
        let lines: Vec<_> = std::thread::scope(|scope| {
            let make = |number: u8| {
                let key = match SigningKey::generate(&path, &Zeroizing::new([number; 32]), "") {
                    Err(SignatureError::WriteKey { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                        SigningKey::load(&path)
                    }
                    outcome => outcome,
                };
                key.unwrap().public_line()
            };
            let threads: Vec<_> = (0..16).map(|number| scope.spawn(move || make(number))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(lines.iter().all(|line| *line == lines[0]), "{lines:?}");
    }

    #[test]
    fn each_unusable_key_file_says_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert!(matches!(SigningKey::load(&path), Err(SignatureError::ReadKey { .. })));
        assert!(matches!(SigningKey::load(folder.path()), Err(SignatureError::ReadKey { .. })), "a folder is no key");

        SigningKey::generate(&path, &Zeroizing::new([3; 32]), "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        let message = SigningKey::load(&path).unwrap_err().to_string();
        assert!(message.contains("mode 0640") && message.contains("chmod 600"), "{message}");

        fs::write(&path, "hunter2").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let message = SigningKey::load(&path).unwrap_err().to_string();
        assert!(message.contains("not an OpenSSH ed25519 private key") && !message.contains("hunter2"), "{message}");
    }

    #[test]
    fn debug_shows_no_secret() {
        assert!(format!("{:?}", key()).starts_with("SigningKey(SHA256:"));
    }
}
