//! Where the parameters of a store of one's own are kept.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parados_server::principal::{AccessTables, DatabaseSeal};
use parados_server::state::ServerState;
use parados_store::{EmbeddedStore, InitOptions, MasterKeySource, ParameterDatabase};

use crate::config::{DATABASE_VARIABLE, DatabaseSettings, StoreChoice, named_by_environment};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::wiring::{open_database, open_postgres_database};

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
    #[arg(long, value_name = "FILE", env = "PARADOS_MASTER_KEY", conflicts_with = "data")]
    master_key: Option<PathBuf>,
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
            return Ok(Place::Folder(folder.clone()));
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
        let Opened { database, state } = self.place()?.open().await?;
        tables(state, database).await
    }
}

/// What is in a place.
pub(crate) struct Opened {
    /// The parameters.
    pub(crate) database: Arc<dyn ParameterDatabase>,
    /// The server's own tables beside them.
    pub(crate) state: ServerState,
}

impl Place {
    /// Opens what is there, and makes it where there is nothing. Where its master key is wrapped under a KMS key, AWS is asked to
    /// unwrap it.
    pub(crate) async fn open(&self) -> Result<Opened> {
        match self {
            Self::Folder(folder) => {
                let database = open_folder(folder).await?;
                Ok(Opened { database, state: ServerState::open(folder).await? })
            }
            Self::Database(settings) => {
                let database = open_postgres_database(settings, Some(&MasterKeySource::File)).await?;
                let state = ServerState::Postgres(database.pool().clone());
                Ok(Opened { database: Arc::new(database), state })
            }
        }
    }
}

/// Opens principals, keys and policies; `database` keeps the secrets.
pub(super) async fn tables(state: ServerState, database: Arc<dyn ParameterDatabase>) -> Result<AccessTables> {
    Ok(AccessTables::open(state, Arc::new(DatabaseSeal(database))).await?)
}

async fn open_folder(folder: &Path) -> Result<Arc<dyn ParameterDatabase>> {
    if !EmbeddedStore::exists(folder) {
        EmbeddedStore::init(&InitOptions::new(folder)).await?;
    }
    let database = open_database(folder, None).await?;
    match database.master_key_fits() {
        true => Ok(Arc::new(database)),
        false => {
            Err(Failure::failed(format!("{}: the master key is not the one of this store's values", folder.display()))
                .hint("put the right master key back"))
        }
    }
}

fn database(text: &str) -> std::result::Result<StoreChoice, String> {
    match text.parse() {
        Ok(choice @ StoreChoice::Postgres(_)) => Ok(choice),
        Ok(_) => Err("it is postgres://USER@HOST/DATABASE, or postgres".to_owned()),
        Err(invalid) => Err(parados_parameter::Invalid::to_string(&invalid)),
    }
}
