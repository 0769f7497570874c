//! What a server serves: a database of its own, or AWS.

use std::path::Path;
use std::sync::Arc;

use parados_parameter::{AccountRegion, KeyManagement, SystemClock};
use parados_server::state::{ServerState, StateError};
use parados_server::{ForeignDatabase, ServiceTables};
use parados_store::{EmbeddedStore, InitOptions, OpenError, ParameterDatabase, SqliteDatabase, SqliteDatabaseOptions};

use crate::config::{QuotaSettings, TargetSettings};
use crate::error::{Failure, FailureKind, Result};
use crate::wiring::{connect, open_aws};

/// What is served.
pub(super) struct Backing {
    /// The parameters.
    pub(super) database: Arc<dyn ParameterDatabase>,
    /// The settings and resource policies; AWS's own are AWS's.
    pub(super) service: Option<ServiceTables>,
    /// Where every caller is led, whatever it signed for; nowhere in particular where there are many places.
    pub(super) place: Option<AccountRegion>,
}

/// Opens the database in `folder`, and makes it where there is none. Where its master key is wrapped under a KMS key, AWS is asked to
/// unwrap it.
pub(super) async fn open(folder: &Path) -> Result<Backing> {
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
    if !database.master_key_fits() {
        let message = format!("{}: the master key is not the one of this store's values", folder.display());
        return Err(Failure::failed(message).hint("put the right master key back"));
    }
    let state = ServerState::open(folder).await.map_err(refused)?;
    let service = Some(ServiceTables::open(state).await.map_err(refused)?);
    Ok(Backing { database: Arc::new(database), service, place: None })
}

/// AWS, through what retries and what keeps to a share of its quota.
pub(super) async fn upstream() -> Result<Backing> {
    let opened = open_aws(&TargetSettings::default(), &QuotaSettings::default()).await?;
    let place = AccountRegion::new(&opened.account, &opened.region)?;
    let database = Arc::new(ForeignDatabase::new(opened.store, place.clone()));
    Ok(Backing { database, service: None, place: Some(place) })
}

fn refused(error: StateError) -> Failure {
    Failure::caused(FailureKind::Failed, &error)
}
