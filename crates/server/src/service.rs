//! What Parameter Store keeps beside parameters: settings of the service, and resource policies.
//!
//! A resource policy is kept and given back. It lets nobody in: who may do what is said by [`policy`](crate::policy).

mod resource_policies;
mod settings;

use crate::state::{Component, ServerState, StateError};

pub(crate) use resource_policies::{PolicyRefusal, ResourcePolicy};
pub(crate) use settings::{Setting, SettingKind};

const SERVICE: Component = Component {
    name: "service",
    steps: &[&[
        "CREATE TABLE server_service_setting (
            place TEXT NOT NULL,
            id TEXT NOT NULL,
            value TEXT NOT NULL,
            changed_at INTEGER NOT NULL,
            changed_by TEXT NOT NULL,
            PRIMARY KEY (place, id)
        ) STRICT",
        "CREATE TABLE server_resource_policy (
            place TEXT NOT NULL,
            name TEXT NOT NULL,
            id TEXT NOT NULL,
            hash TEXT NOT NULL,
            policy TEXT NOT NULL,
            PRIMARY KEY (place, name, id)
        ) STRICT",
    ]],
};

/// The tables of the settings and the resource policies.
#[derive(Clone, Debug)]
pub struct ServiceTables {
    state: ServerState,
}

impl ServiceTables {
    /// Those in `state`, made or brought up to date.
    ///
    /// # Errors
    /// They are of a newer release, or the database failed.
    pub async fn open(state: ServerState) -> Result<Self, StateError> {
        SERVICE.migrate(&state).await?;
        Ok(Self { state })
    }
}
