//! What a server serves: a database of its own, or AWS.

use std::sync::Arc;

use parados_parameter::AccountRegion;
use parados_parameter::rules::TierLimits;
use parados_server::state::ServerState;
use parados_server::{ForeignDatabase, Reading, ServiceTables};
use parados_store::ParameterDatabase;

use crate::command::store::place::{Opened, Place};
use crate::config::{QuotaSettings, TargetSettings};
use crate::error::Result;
use crate::wiring::open_aws;

/// What is served.
pub(super) struct Backing {
    /// The parameters.
    pub(super) database: Arc<dyn ParameterDatabase>,
    /// The server's own tables, where it has some.
    pub(super) state: Option<ServerState>,
    /// Those of who may call.
    pub(super) access: Option<ServerState>,
    /// What is measured of it.
    pub(super) readings: Vec<Reading>,
    /// The settings and resource policies; AWS's own are AWS's.
    pub(super) service: Option<ServiceTables>,
    /// Where every caller is led, whatever it signed for; nowhere in particular where there are many places.
    pub(super) place: Option<AccountRegion>,
}

/// Opens what is in `place`, and makes it where there is nothing.
pub(super) async fn open(place: &Place, tiers: Option<TierLimits>) -> Result<Backing> {
    let Opened { database, state, access, readings } = place.open_with(tiers).await?;
    let service = Some(ServiceTables::open(state.clone()).await?);
    Ok(Backing { database, state: Some(state), access: Some(access), readings, service, place: None })
}

/// AWS, through what retries and what keeps to a share of its quota.
pub(super) async fn upstream() -> Result<Backing> {
    let opened = open_aws(&TargetSettings::default(), &QuotaSettings::default()).await?;
    let place = AccountRegion::new(&opened.account, &opened.region)?;
    let database = Arc::new(ForeignDatabase::new(opened.store, place.clone()));
    Ok(Backing { database, state: None, access: None, readings: Vec::new(), service: None, place: Some(place) })
}
