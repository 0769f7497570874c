//! Where a drill restores to.

use std::sync::Arc;

use parados_backup::drill::scratch::ScratchPrefix;
use parados_backup::restore::{PlanId, StoreIdentity};
use parados_backup::target::Target;
use parados_parameter::decorator::metered::CallMeter;
use parados_parameter::decorator::quota::Quotas;
use parados_parameter::{KeyManagement, SharedStore};

use crate::command::restore::RestoreFlags;
use crate::config::StoreChoice;
use crate::directories::Directories;
use crate::error::Result;
use crate::wiring;

/// A store, and what of it is the drill's.
pub(super) struct Place {
    pub(super) store: SharedStore,
    pub(super) meter: Arc<CallMeter>,
    pub(super) identity: StoreIdentity,
    /// None where the whole store is, and is thrown away.
    pub(super) scratch: Option<ScratchPrefix>,
    pub(super) quotas: Quotas,
    pub(super) key_management: Option<Arc<dyn KeyManagement>>,
}

impl Place {
    /// Opens the store that is meant, or makes one.
    pub(super) async fn open(
        choice: &StoreChoice,
        flags: RestoreFlags<'_>,
        of: Option<&Target>,
        id: &PlanId,
        directories: &Directories,
    ) -> Result<Self> {
        if matches!(choice, StoreChoice::Embedded(None)) {
            let opened = wiring::open_throw_away(&directories.scratch()?).await?;
            return Ok(Self {
                identity: StoreIdentity {
                    kind: opened.kind,
                    account: opened.account,
                    region: opened.region,
                    folder: None,
                    database: None,
                },
                store: opened.store,
                meter: opened.meter,
                scratch: None,
                quotas: Quotas::default(),
                key_management: None,
            });
        }
        let into = flags.into(of).await?;
        Ok(Self {
            store: into.opened.store,
            meter: into.opened.meter,
            identity: into.identity,
            scratch: Some(ScratchPrefix::new(id.clone())),
            quotas: into.quotas,
            key_management: into.key_management,
        })
    }
}
