//! Where a server's parameters and its own tables are.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parados_parameter::{KeyManagement, SystemClock};
use parados_server::principal::{AccessTables, DatabaseSeal};
use parados_server::state::ServerState;
use parados_store::{EmbeddedStore, InitOptions, OpenError, ParameterDatabase, SqliteDatabase, SqliteDatabaseOptions};

use crate::config::TargetSettings;
use crate::error::{Failure, Result};
use crate::wiring::connect;

/// What says where.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct PlaceArgs {
    /// The folder that parameters are kept in; made where it is missing
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
}

/// A place.
#[derive(Debug)]
pub(crate) enum Place {
    /// SQLite, in a folder.
    Folder(PathBuf),
}

impl PlaceArgs {
    /// Where it is.
    pub(super) fn place(&self) -> Result<Place> {
        Ok(Place::Folder(self.data.clone()))
    }

    /// Opens principals, keys and policies there.
    pub(super) async fn tables(&self) -> Result<AccessTables> {
        let place = self.place()?;
        let database = place.open().await?;
        tables(place.state().await?, database).await
    }
}

impl Place {
    /// Opens what is there, and makes it where there is nothing. Where its master key is wrapped under a KMS key, AWS is asked to
    /// unwrap it.
    pub(crate) async fn open(&self) -> Result<Arc<dyn ParameterDatabase>> {
        match self {
            Self::Folder(folder) => open_folder(folder).await,
        }
    }

    /// Opens the server's own tables beside it.
    pub(crate) async fn state(&self) -> Result<ServerState> {
        match self {
            Self::Folder(folder) => Ok(ServerState::open(folder).await?),
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
    let options = |key_management: Option<Arc<dyn KeyManagement>>| SqliteDatabaseOptions {
        directory: folder.to_owned(),
        key_management,
        clock: Arc::new(SystemClock),
    };
    let database = match SqliteDatabase::open(options(None)).await {
        Err(OpenError::KeyManagementMissing { .. }) => {
            let session = connect(&TargetSettings::default()).await?;
            SqliteDatabase::open(options(Some(Arc::new(session.key_management())))).await?
        }
        other => other?,
    };
    match database.master_key_fits() {
        true => Ok(Arc::new(database)),
        false => {
            Err(Failure::failed(format!("{}: the master key is not the one of this store's values", folder.display()))
                .hint("put the right master key back"))
        }
    }
}
