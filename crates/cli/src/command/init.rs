//! `parados init`.

mod project;

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use parados_backup::repository::{Repository, RepositoryUrl};
use parados_backup::signature::SigningKey;
use parados_parameter::{Clock as _, KeyId, SystemClock};
use parados_store::{EmbeddedStore, InitOptions};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::GlobalArgs;
use crate::config::{
    DatabaseSettings, Name, RecipientSettings, RepositorySettings, StoreChoice, StoreSettings, TargetSettings,
};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::output::note;
use crate::runtime;
use crate::wiring::{self, keys, repository};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The store to make: embedded, embedded:DIR, postgres://USER@HOST/DATABASE, or postgres for the database that PARADOS_DATABASE_URL
    /// names; or aws, for which parados.yaml and infra/ are written
    #[arg(long, value_name = "STORE", default_value = "embedded")]
    store: StoreChoice,
    /// The file for the master key of a store in PostgreSQL [default: database.master.key beside the other keys]
    #[arg(long, value_name = "FILE", env = "PARADOS_MASTER_KEY")]
    master_key: Option<PathBuf>,
    /// With --store aws: the project
    #[arg(long, value_name = "NAME")]
    project: Option<Name>,
    /// With --store aws: an environment; can be given several times
    #[arg(long = "environment", short, value_name = "NAME")]
    environments: Vec<Name>,
    /// Where snapshots go [default: a folder beside the store]
    #[arg(long, value_name = "URL")]
    repository: Option<RepositoryUrl>,
    /// Wrap the store's master key under this KMS key, and keep no plain one
    #[arg(long, value_name = "KEY")]
    key_id: Option<KeyId>,
}

/// What there is now.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InitReport {
    /// Each thing, and whether it was made now or was there.
    items: Vec<InitItem>,
    /// The public key that snapshots are sealed to.
    recipient: String,
    /// The public key that manifests are signed under.
    signer: String,
}

/// A thing that init makes.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InitItem {
    /// What.
    what: &'static str,
    /// Where.
    place: String,
    /// Whether it was made now; otherwise it was there and stays as it is.
    made: bool,
}

/// Makes what is missing.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let directories = Directories::of_user();
    let store = match &args.store {
        StoreChoice::Embedded(folder) => {
            StoreSettings::Embedded(folder.clone().map_or_else(|| directories.store(), Ok)?)
        }
        StoreChoice::Postgres(url) => {
            StoreSettings::Postgres(DatabaseSettings::resolve(url.as_ref(), args.master_key.clone(), &directories)?)
        }
        StoreChoice::Aws => return init_project(args, &directories, global),
    };
    if args.project.is_some() || !args.environments.is_empty() {
        return Err(Failure::usage("--project and --environment are for a project on AWS").hint("add --store aws"));
    }
    let keys = directories.keys()?;
    let report = runtime::run(init(args, &directories, store))?;
    say(&report, &keys, global)
}

fn say(report: &InitReport, keys: &Path, global: &GlobalArgs) -> Result<()> {
    let output = global.stdout();
    output.result(report, || {
        let rows = report.items.iter().map(|item| {
            let made = if item.made { "made" } else { "was there" };
            vec![item.what.to_owned(), made.to_owned(), item.place.clone()]
        });
        let facts = [("Recipient", report.recipient.clone()), ("Signer", report.signer.clone())];
        format!(
            "{}\n{}\nKeep a copy of the folder {} elsewhere: without the identity no snapshot can be opened.\n",
            output.table(&["WHAT", "", "WHERE"], rows),
            output.facts(facts),
            keys.display(),
        )
    })
}

/// What a project on AWS begins with: keys on this machine, and its files in the current folder.
fn init_project(args: &Args, directories: &Directories, global: &GlobalArgs) -> Result<()> {
    let (Some(project), false) = (&args.project, args.environments.is_empty()) else {
        return Err(Failure::usage("a project on AWS has a name and at least one environment")
            .hint("add --project NAME --environment NAME"));
    };
    if args.repository.is_some() || args.key_id.is_some() {
        return Err(Failure::usage("--repository and --key-id are for an embedded store")
            .hint("write them into parados.yaml afterwards"));
    }
    let now = SystemClock.now();
    keys::private_folder(directories.data()?)?;
    keys::private_folder(&directories.keys()?)?;
    let identity = directories.identity()?;
    let signing_key = directories.signing_key()?;
    let mut items = vec![
        make("identity", &identity, |path| keys::make_identity(path, now))?,
        make("signing key", &signing_key, |path| keys::make_signing_key(path).map(drop))?,
    ];
    let recipients = keys::recipients(&RecipientSettings::IdentityFile(identity))?;
    let recipients: Vec<String> = recipients.iter().map(ToString::to_string).collect();
    for file in project::files(project, &args.environments, &recipients) {
        items.push(make(file.what, Path::new(&file.path), |path| file.write(path))?);
    }
    let report =
        InitReport { items, recipient: recipients.join(", "), signer: SigningKey::load(&signing_key)?.public_line() };
    say(&report, &directories.keys()?, global)?;
    if !global.stdout().is_json() {
        let environment = &args.environments[0];
        note(&format!(
            "next: parados infra up --environment {environment}, then parados backup --environment {environment}"
        ));
    }
    Ok(())
}

async fn init(args: &Args, directories: &Directories, store: StoreSettings) -> Result<InitReport> {
    let now = SystemClock.now();
    keys::private_folder(directories.data()?)?;
    keys::private_folder(&directories.keys()?)?;
    let mut items = vec![init_store(args, store).await?];
    let identity = directories.identity()?;
    items.push(make("identity", &identity, |path| keys::make_identity(path, now))?);
    let signing_key = directories.signing_key()?;
    items.push(make("signing key", &signing_key, |path| keys::make_signing_key(path).map(drop))?);
    items.push(init_repository(args, directories, now).await?);
    let recipients = keys::recipients(&RecipientSettings::IdentityFile(identity))?;
    Ok(InitReport {
        items,
        recipient: recipients.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
        signer: SigningKey::load(&signing_key)?.public_line(),
    })
}

async fn init_store(args: &Args, store: StoreSettings) -> Result<InitItem> {
    let (place, made) = match store {
        StoreSettings::Postgres(database) => {
            let made = wiring::init_database(&database, args.key_id.as_ref()).await?;
            (database.url.to_string(), made)
        }
        StoreSettings::Embedded(directory) => {
            let (place, made) = (directory.display().to_string(), !EmbeddedStore::exists(&directory));
            if made {
                let master_key = wiring::master_key_source(args.key_id.as_ref()).await?;
                EmbeddedStore::init(&InitOptions { directory, master_key }).await?;
            }
            (place, made)
        }
        StoreSettings::Aws(_) => ("AWS".to_owned(), false),
    };
    Ok(InitItem { what: "store", place, made })
}

async fn init_repository(args: &Args, directories: &Directories, now: Timestamp) -> Result<InitItem> {
    let url = args.repository.clone().map_or_else(|| directories.repository().map(RepositoryUrl::Folder), Ok)?;
    let session = match repository::needs_session(&url) {
        true => Some(wiring::connect(&TargetSettings::default()).await?),
        false => None,
    };
    let settings = RepositorySettings::default();
    let made = match repository::open_existing(&url, &settings, session.as_ref()).await? {
        Some(_) => false,
        None => {
            let _: Repository = repository::open_or_init(&url, &settings, session.as_ref(), now).await?;
            true
        }
    };
    Ok(InitItem { what: "repository", place: url.to_string(), made })
}

fn make(what: &'static str, path: &Path, make: impl FnOnce(&Path) -> Result<()>) -> Result<InitItem> {
    let made = !path.exists();
    if made {
        make(path)?;
    }
    Ok(InitItem { what, place: path.display().to_string(), made })
}
