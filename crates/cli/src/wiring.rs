//! Makes what the use cases work with out of settings: stores with their decorators, repositories, keys.

mod key_management;
pub(crate) mod keys;
mod located;
pub(crate) mod repository;
mod store;
mod target;
mod trust;

pub(crate) use key_management::LazyKeyManagement;
pub(crate) use located::Located;
pub(crate) use store::{
    EMBEDDED_ACCOUNT, EMBEDDED_REGION, OpenedStore, connect, init_database, master_key_source, open_aws, open_database,
    open_embedded, open_postgres, open_postgres_database, open_throw_away, quotas, user,
};
pub(crate) use target::{BackupOptions, BackupRun, Place, TOOL, repository_session};
pub(crate) use trust::{Trust, pins, remember, trust};
