//! The repository that a command reads.

use jiff::Timestamp;
use parados_aws::Session;
use parados_backup::repository::{Objects, Repository, RepositoryUrl};
use parados_parameter::ParameterStore;

use super::{connect, open_aws, open_embedded, open_postgres, repository};
use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, RepositoryPlace, RepositorySettings, StoreFlags, StoreSettings, TargetSettings};
use crate::directories::Directories;
use crate::error::Result;

/// Where a repository is, and what it takes to get at it.
pub(crate) struct Located {
    /// Where.
    pub(crate) url: RepositoryUrl,
    settings: RepositorySettings,
    session: Option<Session>,
}

impl Located {
    /// The repository that the flags, or the configuration, name. Asks the store where that names the bucket.
    pub(crate) async fn of_flags(
        environment: &EnvironmentFlags,
        store: &StoreFlags,
        global: &GlobalArgs,
    ) -> Result<Self> {
        let (config, directories) = (global.configuration()?, Directories::of_user());
        let (place, settings) = RepositoryPlace::resolve(config.as_ref(), &directories, store, environment)?;
        let opened = match &place {
            RepositoryPlace::BucketNamedBy(_) => match StoreSettings::resolve(config.as_ref(), &directories, store)? {
                StoreSettings::Aws(targets) => {
                    let target = targets.into_iter().next().unwrap_or_default();
                    Some(open_aws(&target, &Default::default()).await?)
                }
                StoreSettings::Embedded(folder) => Some(open_embedded(&folder).await?),
                StoreSettings::Postgres(database) => Some(open_postgres(&database).await?),
            },
            RepositoryPlace::At(_) | RepositoryPlace::Folder(_) => None,
        };
        let asked = opened.as_ref().map(|opened| opened.store.as_ref() as &dyn ParameterStore);
        let url = repository::locate(&place, asked).await?;
        let session = match opened.and_then(|opened| opened.session) {
            Some(session) => Some(session),
            None if repository::needs_session(&url) => Some(connect(&TargetSettings::of_flags(store)).await?),
            None => None,
        };
        Ok(Self { url, settings, session })
    }

    /// Opens it, and makes it where there is none; for a dry run an empty one in memory stands in for that.
    pub(crate) async fn open_or_init(&self, dry_run: bool, now: Timestamp) -> Result<Repository> {
        match dry_run {
            true => repository::open_for_dry_run(&self.url, &self.settings, self.session.as_ref(), now).await,
            false => repository::open_or_init(&self.url, &self.settings, self.session.as_ref(), now).await,
        }
    }

    /// Its objects, before anybody has looked whether it is one.
    pub(crate) async fn objects(&self) -> Result<Objects> {
        repository::objects(&self.url, &self.settings, self.session.as_ref()).await
    }

    /// Opens it.
    pub(crate) async fn open(&self) -> Result<Repository> {
        Ok(Repository::open(self.objects().await?).await?)
    }

    /// Opens it; nothing where there is none yet.
    pub(crate) async fn open_existing(&self) -> Result<Option<Repository>> {
        repository::open_existing(&self.url, &self.settings, self.session.as_ref()).await
    }
}
