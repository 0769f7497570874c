//! The folder that the demo leaves: keys, a store with its past, and a configuration.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use parados_backup::seal::Recipient;
use parados_backup::signature::SigningKey;
use parados_parameter::clock::ManualClock;
use parados_parameter::{Clock, ParameterStore as _};
use parados_store::{EmbeddedStore, InitOptions, OpenOptions};
use rand::Rng;

use super::company::{self, Change};
use crate::config::{DEFAULT_FILE, RecipientSettings};
use crate::error::{Failure, Result};
use crate::wiring::keys;

/// Where in the folder the identity is that opens snapshots.
pub(super) const IDENTITY: &str = "keys/identity.age.txt";
/// Who may sign manifests, as `ssh-keygen` reads it.
pub(super) const ALLOWED_SIGNERS: &str = "keys/allowed_signers";
/// The repository.
const REPOSITORY: &str = "repository";
const SIGNING_KEY: &str = "keys/signing_ed25519";
const STORE: &str = "store";

/// What was put into the store.
#[derive(Debug, Default)]
pub(super) struct Filled {
    /// Parameters.
    pub(super) parameters: usize,
    /// Versions of them.
    pub(super) versions: usize,
}

/// Makes the folder where there is none. One that holds something is somebody's.
pub(super) fn claim(folder: &Path) -> Result<()> {
    let taken = || {
        Failure::usage(format!("{} holds something already", folder.display()))
            .hint("name another folder with --dir DIR, or delete this one")
    };
    match folder.read_dir() {
        Ok(mut entries) => match entries.next() {
            Some(_) => Err(taken()),
            None => Ok(()),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => keys::private_folder(folder),
        Err(error) if error.kind() == ErrorKind::NotADirectory => {
            Err(Failure::usage(format!("{} is not a folder", folder.display())).hint("name another one with --dir DIR"))
        }
        Err(error) => Err(Failure::failed(format!("looking into {}: {error}", folder.display()))),
    }
}

/// Makes the keys and the configuration.
pub(super) fn furnish(folder: &Path, now: Timestamp) -> Result<()> {
    let identity = folder.join(IDENTITY);
    keys::private_folder(&folder.join("keys"))?;
    keys::make_identity(&identity, now)?;
    let signing_key = keys::make_signing_key(&folder.join(SIGNING_KEY))?;
    let recipients = keys::recipients(&RecipientSettings::IdentityFile(identity))?;
    write(&folder.join(ALLOWED_SIGNERS), &allowed_signers(&signing_key))?;
    write(&folder.join(DEFAULT_FILE), &configuration(folder, &recipients))
}

/// Makes the store and lets its past happen.
pub(super) async fn fill(folder: &Path, now: Timestamp, rng: &mut impl Rng) -> Result<Filled> {
    EmbeddedStore::init(&InitOptions::new(folder.join(STORE))).await?;
    let clock = Arc::new(ManualClock::at(company::beginning(now)));
    let store = open(folder, clock.clone()).await?;
    let mut filled = Filled::default();
    for chapter in company::past(now, rng)? {
        clock.advance(chapter.after);
        store.put_all(&chapter.puts).await?;
        filled.parameters += chapter.puts.iter().filter(|put| !put.overwrite).count();
        filled.versions += chapter.puts.len();
        for (name, version, label) in &chapter.labels {
            store.label(name, Some(*version), &[(*label).to_owned()]).await?;
        }
    }
    store.close().await;
    Ok(filled)
}

/// Makes the changes of a day.
pub(super) async fn change(folder: &Path, changes: &[Change], clock: Arc<dyn Clock>) -> Result<()> {
    let store = open(folder, clock).await?;
    for change in changes {
        match change {
            Change::Put(put, _) => drop(store.put(put).await?),
            Change::Delete(name, _) => store.delete(name).await?,
            Change::Label(name, label) => drop(store.label(name, None, &[(*label).to_owned()]).await?),
        }
    }
    store.close().await;
    Ok(())
}

async fn open(folder: &Path, clock: Arc<dyn Clock>) -> Result<EmbeddedStore> {
    let (directory, user) = (folder.join(STORE), "demo".to_owned());
    Ok(EmbeddedStore::open(OpenOptions { directory, key_management: None, clock, user }).await?)
}

/// The line that lets `ssh-keygen -Y verify` trust the demo's key.
fn allowed_signers(key: &SigningKey) -> String {
    format!("parados {}\n", key.public_line())
}

/// The `parados.yaml`.
fn configuration(folder: &Path, recipients: &[Recipient]) -> String {
    let recipients: Vec<_> = recipients.iter().map(ToString::to_string).collect();
    format!(
        "\
# The configuration of the demo. `parados schema config` prints what each key takes.
version: 1
project: shop

# Parameter Store of AWS is `aws`.
store: embedded:{STORE}

# A bucket is s3://BUCKET[/PREFIX].
repository: {repository:?}

# Who can open snapshots, and what opens the one before, so that only what changed is read.
recipients: [{recipients}]
identities: [{IDENTITY}]
signing_key: {SIGNING_KEY}

environments:
  dev: {{}} # whatever has /dev/ in its name
  prod:
    selector: {{ paths: [/shop/prod] }}
    history: true # all versions
",
        repository = folder.join(REPOSITORY).display().to_string(),
        recipients = recipients.join(", "),
    )
}

fn write(path: &Path, text: &str) -> Result<()> {
    std::fs::write(path, text).map_err(|error| Failure::failed(format!("writing {}: {error}", path.display())))
}
