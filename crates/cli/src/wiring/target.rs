//! Backs up one target, or several: opens what each needs, and calls the use case.

use std::collections::BTreeMap;
use std::sync::Arc;

use parados_aws::Session;
use parados_backup::backup::{BackupContext, BackupRequest, backup};
use parados_backup::event::Observer;
use parados_backup::manifest::SnapshotId;
use parados_backup::report::BackupReport;
use parados_backup::repository::{Repository, RepositoryUrl};
use parados_backup::seal::Recipient;
use parados_backup::signature::SigningKey;
use parados_backup::target::Target;
use parados_parameter::{Clock as _, KeyManagement, SystemClock};
use tokio::sync::Mutex;

use super::{OpenedStore, connect, keys, open_aws, open_embedded, open_postgres, pins, remember, repository};
use crate::config::{DatabaseSettings, RepositoryPlace, Settings, StoreSettings, TargetSettings};
use crate::directories::Directories;
use crate::error::Result;

/// What this release writes into manifests as their writer.
pub(crate) const TOOL: &str = concat!("parados ", env!("CARGO_PKG_VERSION"));

/// How a backup is made, beyond the settings.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct BackupOptions {
    /// Read everything.
    pub(crate) full: bool,
    /// Write nothing.
    pub(crate) dry_run: bool,
}

/// Backs up the targets of one environment.
pub(crate) struct BackupRun<'a> {
    settings: &'a Settings,
    options: BackupOptions,
    recipients: Vec<Recipient>,
    /// Repositories by URL: targets that write into the same one have to share it, so that no two take one key.
    repositories: Mutex<BTreeMap<String, Arc<Repository>>>,
}

/// A place that is backed up.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place<'a> {
    /// An account and Region of AWS.
    Aws(&'a TargetSettings),
    /// The embedded store in this folder.
    Embedded(&'a std::path::Path),
    /// A store in this PostgreSQL database.
    Postgres(&'a DatabaseSettings),
}

impl<'a> BackupRun<'a> {
    /// Gets ready: what is wrong with keys shows here, before anything is read.
    pub(crate) fn prepare(settings: &'a Settings, options: BackupOptions) -> Result<Self> {
        let run = Self {
            settings,
            options,
            recipients: keys::recipients(&settings.recipients)?,
            repositories: Mutex::default(),
        };
        run.signing_key()?;
        Ok(run)
    }

    /// The places, in order; at least one.
    pub(crate) fn places(settings: &'a Settings) -> Vec<Place<'a>> {
        match &settings.store {
            StoreSettings::Aws(targets) => targets.iter().map(Place::Aws).collect(),
            StoreSettings::Embedded(folder) => vec![Place::Embedded(folder)],
            StoreSettings::Postgres(database) => vec![Place::Postgres(database)],
        }
    }

    /// Backs up one place.
    ///
    /// # Errors
    /// What keeps the backup from beginning. What goes wrong later is in the report.
    pub(crate) async fn back_up(&self, place: Place<'_>, observer: &dyn Observer) -> Result<BackupReport> {
        let settings = self.settings;
        let opened = match place {
            Place::Aws(target) => open_aws(target, &settings.quota).await?,
            Place::Embedded(folder) => open_embedded(folder).await?,
            Place::Postgres(database) => open_postgres(database).await?,
        };
        let key_management = self.key_management(&opened).await?;
        let context = BackupContext {
            repository: self.repository(place, &opened).await?,
            signing_key: self.signing_key()?,
            sealer: keys::sealer(self.recipients.clone(), key_management.clone())?,
            identities: keys::identities(&settings.identities, key_management)?,
            clock: Arc::new(SystemClock),
            tool: TOOL.to_owned(),
            store: opened.store,
            meter: opened.meter,
        };
        let request = BackupRequest {
            target: Target {
                project: settings.project.clone(),
                environment: settings.environment.clone(),
                account: opened.account,
                region: opened.region,
                store: opened.kind,
            },
            purpose: None,
            selector: settings.selector.clone(),
            names: None,
            selector_text: settings.selector_text(),
            id: SnapshotId::from_bytes(rand::random()),
            with_history: settings.history,
            with_labels: settings.labels,
            full: self.options.full,
            dry_run: self.options.dry_run,
        };
        let mut report = backup(&context, &request, observer).await;
        let pins = pins(&Directories::of_user());
        remember(pins.as_ref(), &context.repository, &mut report, SystemClock.now());
        Ok(report)
    }

    /// The key that signs. A dry run, which signs nothing, makes none.
    fn signing_key(&self) -> Result<SigningKey> {
        let settings = &self.settings.signing_key;
        match self.options.dry_run && settings.made_when_missing && !settings.path.exists() {
            true => Ok(SigningKey::from_seed(&rand::random(), "parados")),
            false => keys::signing_key(settings, &self.settings.store),
        }
    }

    /// KMS, where a recipient needs it, or where it may be what opens the previous snapshot.
    async fn key_management(&self, opened: &OpenedStore) -> Result<Option<Arc<dyn KeyManagement>>> {
        if !self.recipients.iter().any(|recipient| recipient.kms_key().is_some()) {
            return Ok(None);
        }
        match &opened.session {
            Some(session) => Ok(Some(Arc::new(session.key_management()))),
            None => Ok(Some(Arc::new(connect(&TargetSettings::default()).await?.key_management()))),
        }
    }

    /// The repository, opened once.
    async fn repository(&self, place: Place<'_>, opened: &OpenedStore) -> Result<Arc<Repository>> {
        let url = repository::locate(&self.settings.repository_place, Some(opened.store.as_ref())).await?;
        let mut repositories = self.repositories.lock().await;
        if let Some(repository) = repositories.get(&url.to_string()) {
            return Ok(repository.clone());
        }
        let target = match place {
            Place::Aws(target) => Some(target),
            Place::Embedded(_) | Place::Postgres(_) => None,
        };
        let session = repository_session(self.settings, &url, target, opened).await?;
        let session = session.as_ref();
        let now = SystemClock.now();
        let opened = match self.options.dry_run {
            true => repository::open_for_dry_run(&url, &self.settings.repository, session, now).await?,
            false => repository::open_or_begin(&url, &self.settings.repository, session, now).await?,
        };
        let repository = Arc::new(opened);
        repositories.insert(url.to_string(), repository.clone());
        Ok(repository)
    }
}

/// The session with which a repository in S3 is reached; none where it needs none. One that is configured is reached as whoever runs
/// this, before a role is assumed: the role of a target needs to read parameters and no more. One that the store names is the
/// target's own.
pub(crate) async fn repository_session(
    settings: &Settings,
    url: &RepositoryUrl,
    target: Option<&TargetSettings>,
    opened: &OpenedStore,
) -> Result<Option<Session>> {
    if !repository::needs_session(url) {
        return Ok(None);
    }
    let is_configured = matches!(settings.repository_place, RepositoryPlace::At(_));
    let assumes_a_role = target.is_some_and(|target| target.role_arn.is_some());
    if let Some(session) = &opened.session
        && !(is_configured && assumes_a_role)
    {
        return Ok(Some(session.clone()));
    }
    let caller = TargetSettings {
        profile: target.and_then(|target| target.profile.clone()),
        region: settings.repository.region.clone().or_else(|| target.and_then(|target| target.region.clone())),
        ..TargetSettings::default()
    };
    connect(&caller).await.map(Some)
}
