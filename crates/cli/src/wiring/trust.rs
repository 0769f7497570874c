//! Whose signatures count, and what this machine has seen.

use parados_backup::pin::Pins;
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
