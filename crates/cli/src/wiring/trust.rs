//! Whose signatures count, and what this machine has seen.

use jiff::Timestamp;
use parados_backup::pin::{Advance, Pin, Pins};
use parados_backup::report::BackupReport;
use parados_backup::repository::Repository;
use parados_backup::signature::SigningKey;
use parados_backup::trust::TrustedSigners;

use crate::config::{ReadingSettings, TrustedSigner};
use crate::directories::Directories;
use crate::error::{Failure, Result};

/// Whose signatures count.
pub(crate) struct Trust {
    /// Those who are named, and this machine.
    pub(crate) signers: TrustedSigners,
    /// This machine's own signing key, where it has one.
    pub(crate) signing_key: Option<SigningKey>,
}

/// Reads the keys that the settings name. This machine's own is among them.
pub(crate) fn trust(settings: &ReadingSettings) -> Result<Trust> {
    let signing_key = settings.signing_key.as_deref().map(SigningKey::load).transpose()?;
    let mut signers: TrustedSigners = signing_key.iter().map(SigningKey::public_key).collect();
    for signer in &settings.trusted_signers {
        match signer {
            TrustedSigner::Key(key) => signers.add(key),
            TrustedSigner::File(path) => {
                let unusable = |error: &dyn std::fmt::Display| {
                    Failure::configuration(format!("the trusted signers in {}: {error}", path.display()))
                        .hint("write public keys into it, one a line: `ssh-ed25519 AAAA…`")
                };
                let text = std::fs::read_to_string(path).map_err(|error| unusable(&error))?;
                signers.extend(TrustedSigners::parse(&text).map_err(|error| unusable(&error))?);
            }
        }
    }
    Ok(Trust { signers, signing_key })
}

/// The newest manifests that this machine has seen; none where it has no folder to remember them in.
pub(crate) fn pins(directories: &Directories) -> Option<Pins> {
    directories.pins().ok().map(Pins::in_folder)
}

/// Remembers a snapshot that was committed here. What is strange about it, or that it could not be remembered, becomes a hint.
pub(crate) fn remember(pins: Option<&Pins>, repository: &Repository, report: &mut BackupReport, now: Timestamp) {
    let (Some(pins), Some(sequence), Some(digest)) = (pins, report.sequence, report.manifest_digest) else { return };
    let Some(id) = report.snapshot.as_deref().and_then(|id| id.parse().ok()) else { return };
    let pin = Pin { sequence, digest, id, seen_at: now };
    let remembered = pins
        .note_repository(repository.location(), &repository.id())
        .and_then(|()| pins.advance(&repository.id(), &report.target, &pin));
    match remembered {
        Ok(Advance::Advanced | Advance::Same) => {}
        Ok(Advance::Stays(seen)) => report.hints.push(format!(
            "this machine saw number {} of this chain on {}, and the new snapshot is number {sequence}: the repository was put back to \
             an older state; look with `parados verify`",
            seen.sequence, seen.seen_at
        )),
        Err(error) => report.hints.push(format!("the snapshot is committed, and this machine could not remember it: {error}")),
    }
}
