//! Where the parameters of a store of one's own are kept.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parados_backup::restore::StoreIdentity;
use parados_backup::target::StoreKind;
use parados_parameter::rules::TierLimits;
use parados_parameter::{AccountRegion, SharedStore};
use parados_server::Reading;
use parados_server::principal::{AccessTables, DatabaseSeal};
use parados_server::state::ServerState;
use parados_store::{
    EmbeddedStore, InitOptions, MasterKeySource, ParameterDatabase, PgPool, PostgresDatabase, SqliteDatabase,
};

use crate::config::{DATABASE_VARIABLE, DatabaseSettings, StoreChoice, named_by_environment};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::wiring::{EMBEDDED_ACCOUNT, EMBEDDED_REGION, open_database, open_postgres_database, user};

/// Most connections to PostgreSQL for the audit, the webhooks and what else a server keeps …
const STATE_CONNECTIONS: u32 = 4;
/// … and for who may call.
const ACCESS_CONNECTIONS: u32 = 2;

/// The variable of the environment that names the file of a database's master key.
const MASTER_KEY_VARIABLE: &str = "PARADOS_MASTER_KEY";

/// What says where.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct PlaceArgs {
    /// The folder that parameters are kept in
    #[arg(long, value_name = "DIR", conflicts_with = "database")]
    data: Option<PathBuf>,
    /// The PostgreSQL database that they are kept in, which any number of servers may share: postgres://USER@HOST/DATABASE without a
    /// password, or postgres for the one that PARADOS_DATABASE_URL names, which is taken too where neither is given
    #[arg(long, value_name = "URL", value_parser = database)]
    database: Option<StoreChoice>,
    /// The file of the master key of what is in PostgreSQL; each server has a copy [default: database.master.key in
    /// ~/.local/share/parados/keys]
    #[arg(long, value_name = "FILE", env = MASTER_KEY_VARIABLE)]
    master_key: Option<PathBuf>,
}

/// What says where, in commands that are about one's own store unless they are told another.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct OwnPlaceArgs {
    /// The folder of the store [default: your embedded store]
    #[arg(long, value_name = "DIR", conflicts_with = "database")]
    data: Option<PathBuf>,
    /// The PostgreSQL database of the store instead: postgres://USER@HOST/DATABASE without a password, or postgres for the one that
    /// PARADOS_DATABASE_URL names
    #[arg(long, value_name = "URL", value_parser = database)]
    database: Option<StoreChoice>,
    /// The file of the master key of what is in PostgreSQL [default: database.master.key in ~/.local/share/parados/keys]
    #[arg(long, value_name = "FILE", env = MASTER_KEY_VARIABLE)]
    master_key: Option<PathBuf>,
}

impl OwnPlaceArgs {
    /// Where it is.
    pub(super) fn place(&self) -> Result<Place> {
        let directories = Directories::of_user();
        match (&self.data, &self.database) {
            (Some(folder), _) => in_folder(folder, self.master_key.as_deref()),
            (None, Some(StoreChoice::Postgres(url))) => {
                Ok(Place::Database(DatabaseSettings::resolve(url.as_ref(), self.master_key.clone(), &directories)?))
            }
            (None, _) => Ok(Place::Folder(directories.store()?)),
        }
    }
}

/// A place.
#[derive(Debug)]
pub(crate) enum Place {
    /// SQLite, in a folder.
    Folder(PathBuf),
    /// PostgreSQL.
    Database(DatabaseSettings),
}

impl PlaceArgs {
    /// Where it is.
    pub(super) fn place(&self) -> Result<Place> {
        let directories = Directories::of_user();
        if let Some(folder) = &self.data {
            return in_folder(folder, self.master_key.as_deref());
        }
        let url = match &self.database {
            Some(StoreChoice::Postgres(url)) => url.as_ref(),
            None if named_by_environment()?.is_some() => None,
            _ => {
                return Err(Failure::usage("nothing says where the parameters are kept").hint(format!(
                    "write --data DIR, or --database postgres://USER@HOST/DATABASE, or set {DATABASE_VARIABLE}"
                )));
            }
        };
        Ok(Place::Database(DatabaseSettings::resolve(url, self.master_key.clone(), &directories)?))
    }

    /// Opens principals, keys and policies there.
    pub(super) async fn tables(&self) -> Result<AccessTables> {
        let Opened { database, access, .. } = self.place()?.open().await?;
        tables(access, database).await
    }
}

/// A folder, which has its master key in it. One that the environment names is for other commands.
fn in_folder(folder: &Path, master_key: Option<&Path>) -> Result<Place> {
    match master_key.is_some_and(|file| std::env::var_os(MASTER_KEY_VARIABLE).as_deref() != Some(file.as_os_str())) {
        true => Err(Failure::usage("--master-key is for a store in PostgreSQL, and --data names one in a folder")
            .hint("leave --master-key out; `parados store rekey --to-key-file` moves a folder's master key elsewhere")),
        false => Ok(Place::Folder(folder.to_owned())),
    }
}

/// What is in a place.
pub(crate) struct Opened {
    /// The parameters.
    pub(crate) database: Arc<dyn ParameterDatabase>,
    /// The server's own tables beside them.
    pub(crate) state: ServerState,
    /// The same, for principals, keys and policies alone: without those nobody is let in, whatever else waits.
    pub(crate) access: ServerState,
    /// What is measured of its connections.
    pub(crate) readings: Vec<Reading>,
}

impl Place {
    /// Opens what is there, and makes it where there is nothing.
    pub(crate) async fn open(&self) -> Result<Opened> {
        self.open_with(None).await
    }

    /// As [`open`](Self::open), with limits to how many parameters of a tier there may be.
    pub(crate) async fn open_with(&self, tiers: Option<TierLimits>) -> Result<Opened> {
        match self {
            Self::Folder(folder) => {
                if !EmbeddedStore::exists(folder) {
                    EmbeddedStore::init(&InitOptions::new(folder)).await?;
                }
                let database = open_database(folder).await?;
                if !database.master_key_fits() {
                    return Err(wrong_master_key(folder));
                }
                tiers.into_iter().for_each(|tiers| database.limit_tiers(tiers));
                let state = ServerState::open(folder).await?;
                let access = state.clone();
                Ok(Opened { database: Arc::new(database), state, access, readings: Vec::new() })
            }
            Self::Database(settings) => {
                let database = open_postgres_database(settings, Some(MasterKeySource::File)).await?;
                tiers.into_iter().for_each(|tiers| database.limit_tiers(tiers));
                let state = ServerState::Postgres(database.pool_beside(STATE_CONNECTIONS));
                let access = ServerState::Postgres(database.pool_beside(ACCESS_CONNECTIONS));
                let readings = pool_readings(database.pool());
                Ok(Opened { database: Arc::new(database), state, access, readings })
            }
        }
    }

    /// Opens the parameters that are there.
    pub(super) async fn parameters(&self) -> Result<Parameters> {
        match self {
            Self::Folder(folder) => Ok(Parameters::Sqlite(open_database(folder).await?)),
            Self::Database(settings) => Ok(Parameters::Postgres(open_postgres_database(settings, None).await?)),
        }
    }

    /// The account and Region that is meant where none is named.
    pub(super) fn own(&self) -> AccountRegion {
        match self {
            Self::Folder(_) => {
                AccountRegion::new(EMBEDDED_ACCOUNT, EMBEDDED_REGION).expect("it is an account and a Region")
            }
            Self::Database(settings) => settings.url.place().clone(),
        }
    }

    /// What a plan says of the store of `at` there.
    pub(super) fn identity(&self, at: &AccountRegion) -> StoreIdentity {
        let (kind, folder, database) = match self {
            Self::Folder(folder) => (StoreKind::Embedded, Some(folder.display().to_string()), None),
            Self::Database(settings) => (StoreKind::Postgres, None, Some(settings.url.to_string())),
        };
        let (account, region) = (at.account().to_owned(), at.region().to_owned());
        StoreIdentity { kind, account, region, folder, database }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Database(settings) => settings.url.fmt(f),
        }
    }
}

/// The parameters of a place, of whatever accounts and Regions.
pub(super) enum Parameters {
    Sqlite(SqliteDatabase),
    Postgres(PostgresDatabase),
}

impl Parameters {
    /// The store of one account and Region.
    pub(super) fn store(&self, at: &AccountRegion) -> SharedStore {
        match self {
            Self::Sqlite(database) => database.store(at, &user()),
            Self::Postgres(database) => database.store(at, &user()),
        }
    }

    /// Closes it in order.
    pub(super) async fn close(&self) {
        match self {
            Self::Sqlite(database) => database.close().await,
            Self::Postgres(database) => database.close().await,
        }
    }
}

/// What is measured of the connections for parameters.
fn pool_readings(pool: &PgPool) -> Vec<Reading> {
    let reading = |name, help, read: fn(&PgPool) -> u32| {
        let pool = pool.clone();
        Reading { name, help, is_counter: false, read: Box::new(move || f64::from(read(&pool))) }
    };
    let idle = |pool: &PgPool| u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
    vec![
        reading("parados_database_connections", "Connections by which parameters are read and written", PgPool::size),
        reading("parados_database_connections_idle", "Those of them that nobody uses now", idle),
        reading("parados_database_connections_most", "How many there can be", |pool| {
            pool.options().get_max_connections()
        }),
    ]
}

fn wrong_master_key(folder: &Path) -> Failure {
    Failure::failed(format!("{}: the master key is not the one of this store's values", folder.display()))
        .hint("put the right master key back")
}

/// Opens principals, keys and policies; `database` keeps the secrets.
pub(super) async fn tables(state: ServerState, database: Arc<dyn ParameterDatabase>) -> Result<AccessTables> {
    Ok(AccessTables::open(state, Arc::new(DatabaseSeal(database))).await?)
}

fn database(text: &str) -> std::result::Result<StoreChoice, String> {
    match text.parse() {
        Ok(choice @ StoreChoice::Postgres(_)) => Ok(choice),
        Ok(_) => Err("it is postgres://USER@HOST/DATABASE, or postgres".to_owned()),
        Err(invalid) => Err(parados_parameter::Invalid::to_string(&invalid)),
    }
}
