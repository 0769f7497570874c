//! Makes and loads the keys of this machine: the age identity that opens snapshots, and the key that signs manifests.

use std::fs::{DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use age::secrecy::ExposeSecret as _;
use jiff::Timestamp;
use parados_backup::repository::{Repository, SnapshotEntry, SnapshotFilter};
use parados_backup::seal::{Identities, Recipient, RecipientError, Sealer};
use parados_backup::signature::{SignatureError, SigningKey};
use parados_parameter::KeyManagement;
use zeroize::Zeroizing;

use super::connect;
use crate::config::{RecipientSettings, SigningKeySettings, StoreSettings, TargetSettings};
use crate::directories::RECIPIENTS;
use crate::error::{Failure, Result};
use crate::output;

/// Makes a folder that nobody else can look into; one that is there stays as it is.
pub(crate) fn private_folder(path: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(|error| Failure::failed(format!("making the folder {}: {error}", path.display())))
}

/// Makes an age identity in a new file of mode 0600.
pub(crate) fn make_identity(path: &Path, now: Timestamp) -> Result<()> {
    let identity = age::x25519::Identity::generate();
    let text = Zeroizing::new(format!(
        "# created: {now}\n# public key: {}\n{}\n",
        identity.to_public(),
        identity.to_string().expose_secret()
    ));
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    write().map_err(|error| Failure::failed(format!("writing the identity {}: {error}", path.display())))
}

/// Makes a signing key in a new file of mode 0600, and its public key beside it. One that somebody else made meanwhile is as good.
pub(crate) fn make_signing_key(path: &Path) -> Result<SigningKey> {
    let seed = Zeroizing::new(rand::random::<[u8; 32]>());
    let key = match SigningKey::generate(path, &seed, "parados") {
        Err(SignatureError::WriteKey { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
            return Ok(SigningKey::load(path)?);
        }
        outcome => outcome?,
    };
    let public = path.with_extension("pub");
    std::fs::write(&public, format!("{}\n", key.public_line()))
        .map_err(|error| Failure::failed(format!("writing the public key {}: {error}", public.display())))?;
    Ok(key)
}

/// Loads the key that signs manifests; the default one is made where it is missing.
///
/// For a store that many machines back up, whoever makes a key is told what comes of it.
pub(crate) fn signing_key(settings: &SigningKeySettings, store: &StoreSettings) -> Result<SigningKey> {
    let path = &settings.path;
    if settings.made_when_missing && !path.exists() {
        private_folder(path.parent().unwrap_or(Path::new("/")))?;
        let key = make_signing_key(path)?;
        output::note(&format!("made the signing key {}; keep a copy of it", path.display()));
        if matches!(store, StoreSettings::Aws(_)) {
            output::note(&format!(
                "warning: each machine that makes a key of its own is a new signer to whoever checks snapshots, and reads \
                 every value anew;\n         keep this one and pass it everywhere: --signing-key {}, or `signing_key` in the \
                 configuration",
                path.display()
            ));
        }
        return Ok(key);
    }
    Ok(SigningKey::load(path)?)
}

/// Those who can open what is sealed; nobody where it is not to be sealed.
pub(crate) fn recipients(settings: &RecipientSettings) -> Result<Vec<Recipient>> {
    match settings {
        RecipientSettings::Keys(keys) => Ok(keys.clone()),
        RecipientSettings::IdentityFile(path) if path.with_file_name(RECIPIENTS).exists() => {
            read_recipients(&path.with_file_name(RECIPIENTS))
        }
        RecipientSettings::IdentityFile(path) if !path.exists() => {
            Err(Failure::configuration(format!("there is nobody to seal snapshots to: {} is missing", path.display()))
                .hint("make it with `parados init`, or name who can open snapshots with --recipient"))
        }
        RecipientSettings::IdentityFile(path) => Ok(Identities::load(&[path], None)?.recipients().cloned().collect()),
    }
}

/// Reads a list of recipients, one a line, as `age -R` reads it.
fn read_recipients(path: &Path) -> Result<Vec<Recipient>> {
    let unusable = |error: &dyn std::fmt::Display| {
        Failure::configuration(format!("the recipients in {}: {error}", path.display()))
            .hint("write public keys into it, one a line, or remove it to seal to the identity beside it")
    };
    let text = std::fs::read_to_string(path).map_err(|error| unusable(&error))?;
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let recipients: Vec<Recipient> =
        lines.map(str::parse).collect::<Result<_, _>>().map_err(|error: RecipientError| unusable(&error))?;
    match recipients.is_empty() {
        true => Err(unusable(&"there are none")),
        false => Ok(recipients),
    }
}

/// Writes the list of recipients, where it changes. It is there whole, as it was or as it should be.
pub(crate) fn write_recipients(path: &Path, before: &[Recipient], after: &[Recipient]) -> Result<()> {
    if before == after {
        return Ok(());
    }
    let mut text = "# Who can open new snapshots. `parados key` writes this.\n".to_owned();
    after.iter().for_each(|one| text.extend([one.as_str(), "\n"]));
    let staged = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&staged)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        std::fs::rename(&staged, path)
    };
    write().map_err(|error| Failure::failed(format!("writing the recipients {}: {error}", path.display())))
}

/// KMS, where one of these recipients is a key of it.
pub(crate) async fn key_management(
    recipients: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<Option<Arc<dyn KeyManagement>>> {
    let is_kms_key = |text: &str| text.parse::<Recipient>().is_ok_and(|recipient| recipient.kms_key().is_some());
    Ok(match recipients.into_iter().any(|recipient| is_kms_key(recipient.as_ref())) {
        true => Some(Arc::new(connect(&TargetSettings::default()).await?.key_management())),
        false => None,
    })
}

/// Seals to the recipients; nothing where there are none.
pub(crate) fn sealer(
    recipients: Vec<Recipient>,
    key_management: Option<Arc<dyn KeyManagement>>,
) -> Result<Option<Sealer>> {
    match recipients.is_empty() {
        true => Ok(None),
        false => Ok(Some(Sealer::new(recipients, key_management)?)),
    }
}

/// Opens snapshots.
pub(crate) fn identities(files: &[PathBuf], key_management: Option<Arc<dyn KeyManagement>>) -> Result<Identities> {
    Ok(Identities::load(files, key_management)?)
}

/// Opens these snapshots of a repository, as they were last sealed: AWS is asked only where one of them is sealed to a KMS key.
pub(crate) async fn identities_of<'a>(
    files: &[PathBuf],
    repository: &Repository,
    entries: impl IntoIterator<Item = &'a SnapshotEntry>,
) -> Result<Identities> {
    let entries: Vec<_> = entries.into_iter().collect();
    let Some(first) = entries.first() else { return identities(files, None) };
    let target = &first.summary.target;
    let filter = match entries.iter().all(|entry| entry.summary.target == *target) {
        true => SnapshotFilter::target(target),
        false => SnapshotFilter::default(),
    };
    let of_manifests = entries.iter().flat_map(|entry| &entry.summary.recipients);
    let amendments = repository.amendments(&filter).await?;
    let amended = entries.iter().flat_map(|entry| amendments.of(&entry.summary));
    reading_identities(files, of_manifests.chain(amended.flat_map(|(_, amendment)| &amendment.recipients))).await
}

/// Opens snapshots that are sealed to `recipients`: AWS is asked only where one of them is a KMS key.
async fn reading_identities(
    files: &[PathBuf],
    recipients: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<Identities> {
    identities(files, self::key_management(recipients).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_appeared_meanwhile_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("signing_ed25519");
        let first = make_signing_key(&path).unwrap();
        assert_eq!(make_signing_key(&path).unwrap().public_line(), first.public_line());
    }
}
