//! Opens stores, and puts the decorators around them.

use std::path::Path;
use std::sync::Arc;

use parados_aws::{Session, SessionOptions};
use parados_backup::target::StoreKind;
use parados_parameter::decorator::adaptive::{Adaptive, AdaptiveOptions};
use parados_parameter::decorator::metered::{CallMeter, Metered};
use parados_parameter::decorator::quota::{Quotas, Rate};
use parados_parameter::decorator::retry::{Retry, RetryOptions};
use parados_parameter::{KeyId, QuotaGroup, SharedStore, SystemClock};
use parados_store::{
    EmbeddedStore, MasterKeySource, OpenOptions, PostgresDatabase, PostgresOpenError, PostgresOptions, SqliteDatabase,
    SqliteDatabaseOptions, ThrowAwayOptions,
};

use super::LazyKeyManagement;
use crate::config::{DatabaseSettings, QuotaSettings, TargetSettings};
use crate::error::{Failure, Result};

/// The account of an embedded store.
pub(crate) const EMBEDDED_ACCOUNT: &str = "000000000000";
/// The Region of an embedded store.
pub(crate) const EMBEDDED_REGION: &str = "embedded";

/// A store that is open, with what is known of it.
#[derive(Debug)]
pub(crate) struct OpenedStore {
    /// The store in its decorators.
    pub(crate) store: SharedStore,
    /// Counts the calls that reach it.
    pub(crate) meter: Arc<CallMeter>,
    /// What kind it is.
    pub(crate) kind: StoreKind,
    /// Whose it is.
    pub(crate) account: String,
    /// Where it is.
    pub(crate) region: String,
    /// The session with AWS, where it is there.
    pub(crate) session: Option<Session>,
}

/// Opens Parameter Store of AWS: who this is is asked first. Outermost is what retries, then what waits for the quota, so that a
/// retry waits too; the meter counts what goes over the wire.
pub(crate) async fn open_aws(target: &TargetSettings, quota: &QuotaSettings) -> Result<OpenedStore> {
    let session = connect(target).await?;
    let identity = session.identity();
    if let Some(account) = &target.account
        && *account != identity.account
    {
        return Err(Failure::failed(format!(
            "the credentials lead to account {} ({}), and the target is account {account}",
            identity.account, identity.arn
        ))
        .hint("use the profile or role of that account, or correct `account`"));
    }
    let meter = Arc::new(CallMeter::default());
    let metered: SharedStore = Arc::new(Metered::new(Arc::new(session.store()), meter.clone()));
    let held_back: SharedStore = match quota.share {
        Some(share) => {
            let options = AdaptiveOptions { share, quotas: quotas(quota), ..AdaptiveOptions::default() };
            Arc::new(Adaptive::new(metered, options))
        }
        None => metered,
    };
    Ok(OpenedStore {
        store: Arc::new(Retry::new(held_back, RetryOptions::default())),
        meter,
        kind: StoreKind::Aws,
        account: identity.account.clone(),
        region: session.region().to_owned(),
        session: Some(session),
    })
}

/// Opens the embedded store in `folder`.
pub(crate) async fn open_embedded(folder: &Path) -> Result<OpenedStore> {
    let options = OpenOptions {
        directory: folder.to_owned(),
        key_management: Some(Arc::new(LazyKeyManagement::default())),
        clock: Arc::new(SystemClock),
        user: user(),
    };
    Ok(embedded(EmbeddedStore::open(options).await?))
}

/// Opens the database of an embedded store, with the stores of whatever accounts and Regions are in it.
pub(crate) async fn open_database(folder: &Path) -> Result<SqliteDatabase> {
    let options = SqliteDatabaseOptions {
        directory: folder.to_owned(),
        key_management: Some(Arc::new(LazyKeyManagement::default())),
        clock: Arc::new(SystemClock),
    };
    Ok(SqliteDatabase::open(options).await?)
}

/// Opens the store of one account and Region of a PostgreSQL database.
pub(crate) async fn open_postgres(settings: &DatabaseSettings) -> Result<OpenedStore> {
    let database = open_postgres_database(settings, None).await?;
    let place = settings.url.place();
    let meter = Arc::new(CallMeter::default());
    Ok(OpenedStore {
        store: Arc::new(Metered::new(Arc::new(database.postgres_store(place, &user())), meter.clone())),
        meter,
        kind: StoreKind::Postgres,
        account: place.account().to_owned(),
        region: place.region().to_owned(),
        session: None,
    })
}

/// Opens a PostgreSQL database; an empty one becomes a store where `create` is given.
pub(crate) async fn open_postgres_database(
    settings: &DatabaseSettings,
    create: Option<MasterKeySource>,
) -> Result<PostgresDatabase> {
    Ok(PostgresDatabase::open(postgres_options(settings, create)).await?)
}

/// Makes an empty database a store, whose master key is wrapped under `key_id` where it is given; says whether it was none before.
pub(crate) async fn init_database(settings: &DatabaseSettings, key_id: Option<&KeyId>) -> Result<bool> {
    match PostgresDatabase::init(postgres_options(settings, Some(master_key_source(key_id).await?))).await {
        Ok(()) => Ok(true),
        Err(PostgresOpenError::AlreadyInitialised { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn postgres_options(settings: &DatabaseSettings, create: Option<MasterKeySource>) -> PostgresOptions {
    PostgresOptions {
        create,
        key_management: Some(Arc::new(LazyKeyManagement::default())),
        ..PostgresOptions::new(settings.url.clone(), &settings.master_key, Arc::new(SystemClock))
    }
}

/// How a new store keeps its master key: in a file, or wrapped under a KMS key.
pub(crate) async fn master_key_source(key_id: Option<&KeyId>) -> Result<MasterKeySource> {
    let Some(key) = key_id else { return Ok(MasterKeySource::File) };
    let session = connect(&TargetSettings::default()).await?;
    Ok(MasterKeySource::KeyManagement { service: Arc::new(session.key_management()), key: key.clone() })
}

/// Makes an embedded store in `folder` that is gone when it is dropped.
pub(crate) async fn open_throw_away(folder: &Path) -> Result<OpenedStore> {
    let options = ThrowAwayOptions { folder: folder.to_owned(), clock: Arc::new(SystemClock), user: user() };
    Ok(embedded(EmbeddedStore::throw_away(options).await?))
}

fn embedded(store: EmbeddedStore) -> OpenedStore {
    let meter = Arc::new(CallMeter::default());
    OpenedStore {
        store: Arc::new(Metered::new(Arc::new(store), meter.clone())),
        meter,
        kind: StoreKind::Embedded,
        account: EMBEDDED_ACCOUNT.to_owned(),
        region: EMBEDDED_REGION.to_owned(),
        session: None,
    }
}

/// A session with AWS for a target.
pub(crate) async fn connect(target: &TargetSettings) -> Result<Session> {
    let options = SessionOptions {
        profile: target.profile.clone(),
        region: target.region.clone(),
        role_arn: target.role_arn.clone(),
        external_id: target.external_id.clone(),
        role_session_name: None,
    };
    Ok(Session::connect(options).await?)
}

/// AWS's quotas, with those that the configuration says were raised.
pub(crate) fn quotas(settings: &QuotaSettings) -> Quotas {
    const DEFAULT_BURST: f64 = 20.0;
    let rates = &settings.rates;
    let groups = [
        (QuotaGroup::Describe, rates.describe),
        (QuotaGroup::Get, rates.get),
        (QuotaGroup::History, rates.history),
        (QuotaGroup::Tags, rates.tags),
        (QuotaGroup::Put, rates.put),
        (QuotaGroup::Delete, rates.delete),
        (QuotaGroup::Annotate, rates.annotate),
    ];
    groups.into_iter().filter_map(|(group, rate)| rate.map(|rate| (group, rate))).fold(
        Quotas::aws_default(),
        |quotas, (group, rate)| {
            quotas.with(group, Rate { per_second: rate.per_second, burst: rate.burst.unwrap_or(DEFAULT_BURST) })
        },
    )
}

/// Who the versions that are put are by.
pub(crate) fn user() -> String {
    ["USER", "LOGNAME"].iter().find_map(|name| std::env::var(name).ok()).unwrap_or_else(|| "unknown".to_owned())
}
