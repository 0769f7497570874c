//! What should be there, by the configuration.

use std::collections::BTreeMap;

use parados_backup::status::ExpectedTarget;
use parados_backup::trust::TrustedSigners;

use super::{Args, Unread};
use crate::cli::GlobalArgs;
use crate::config::{
    Config, EnvironmentFlags, ReadingSettings, SelectorFlags, Settings, SnapshotFlags, StoreFlags, StoreSettings,
    TrustFlags,
};
use crate::directories::Directories;
use crate::error::Result;
use crate::wiring::{self, EMBEDDED_ACCOUNT, EMBEDDED_REGION, Located};

/// A repository that is asked.
pub(super) struct Asked {
    /// Where it is.
    pub(super) located: Located,
    /// The project that is asked about; all where there is no configuration.
    pub(super) project: Option<String>,
    /// The environments that are asked about; none where all are.
    pub(super) environments: Vec<String>,
    /// The targets that it should have; nobody knows where there is no configuration.
    pub(super) expected: Option<Vec<ExpectedTarget>>,
    /// Whose signatures count; anybody's where nobody is named.
    pub(super) trusted: TrustedSigners,
}

impl Asked {
    /// The repositories of the environment that is named, or of all that the configuration has, each once; and the environments
    /// whose repository cannot be found.
    pub(super) async fn all(args: &Args, global: &GlobalArgs) -> Result<(Vec<Self>, Vec<Unread>)> {
        let Args { environment, store, .. } = args;
        let config = global.configuration()?;
        let flags: Vec<_> = match (&config, &environment.environment) {
            (Some(config), None) => {
                let names = config.file.environments.value.keys();
                let of = |name: &String| EnvironmentFlags { environment: name.parse().ok(), ..environment.clone() };
                names.map(of).collect()
            }
            _ => vec![environment.clone()],
        };
        let (mut asked, mut unread) = (BTreeMap::<String, Self>::new(), Vec::new());
        for flags in flags {
            let name = flags.environment.as_ref().map(ToString::to_string);
            let expected = expected(config.as_ref(), &flags, store)?;
            let trusted = trusted(config.as_ref(), &flags, &args.trust)?;
            let located = match Located::of_flags(&flags, store, global).await {
                Ok(located) => located,
                Err(failure) => {
                    unread.push((name.into_iter().collect(), failure));
                    continue;
                }
            };
            let project = expected.iter().flatten().map(|target| target.project.clone()).next();
            let project = project.or_else(|| flags.project.as_ref().map(ToString::to_string));
            let one = asked.entry(located.url.to_string()).or_insert_with(|| Self {
                located,
                project,
                environments: Vec::new(),
                expected: None,
                trusted: TrustedSigners::default(),
            });
            one.trusted.extend(trusted);
            one.environments.extend(name);
            if let Some(expected) = expected {
                one.expected.get_or_insert_default().extend(expected);
            }
        }
        Ok((asked.into_values().collect(), unread))
    }
}

/// Those who are named. That this machine has a key of its own names nobody: it may well be another than the one that backs up.
fn trusted(config: Option<&Config>, flags: &EnvironmentFlags, trust: &TrustFlags) -> Result<TrustedSigners> {
    let settings = ReadingSettings::resolve(config, &Directories::of_user(), flags, trust)?;
    match settings.trusted_signers.is_empty() {
        true => Ok(TrustedSigners::default()),
        false => Ok(wiring::trust(&settings)?.signers),
    }
}

/// The targets of an environment. What the configuration does not say of them (account and Region, where the credentials at hand
/// decide) fits everything.
fn expected(
    config: Option<&Config>,
    flags: &EnvironmentFlags,
    store: &StoreFlags,
) -> Result<Option<Vec<ExpectedTarget>>> {
    let Some(config) = config else {
        let one = |environment: &crate::config::Name| ExpectedTarget {
            project: flags.project.as_ref().map_or_else(|| "default".to_owned(), ToString::to_string),
            environment: environment.to_string(),
            account: flags.account.as_ref().map(ToString::to_string),
            region: None,
        };
        return Ok(flags.environment.as_ref().map(|environment| vec![one(environment)]));
    };
    let (selector, snapshot) = (SelectorFlags::default(), SnapshotFlags::default());
    let directories = Directories::of_user();
    let settings = Settings::resolve(Some(config), &directories, store, flags, &selector, &snapshot)?;
    let target = |account: Option<String>, region: Option<String>| ExpectedTarget {
        project: settings.project.clone(),
        environment: settings.environment.clone(),
        account,
        region,
    };
    Ok(Some(match &settings.store {
        StoreSettings::Aws(targets) => {
            targets.iter().map(|one| target(one.account.clone(), one.region.clone())).collect()
        }
        StoreSettings::Postgres(database) => {
            let place = database.url.place();
            vec![target(Some(place.account().to_owned()), Some(place.region().to_owned()))]
        }
        StoreSettings::Embedded(_) => {
            vec![target(Some(EMBEDDED_ACCOUNT.to_owned()), Some(EMBEDDED_REGION.to_owned()))]
        }
    }))
}
