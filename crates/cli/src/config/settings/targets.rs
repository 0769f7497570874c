//! The store of an environment, and where in AWS it is.

use std::path::Path;

use super::sources::Sources;
use super::{DatabaseSettings, StoreSettings, TargetSettings};
use crate::config::ConfigError;
use crate::config::file::TargetSection;
use crate::config::flags::{EnvironmentFlags, StoreFlags};
use crate::config::value::{Parsed, StoreChoice};
use crate::directories::Directories;

/// The store of an environment.
pub(super) fn resolve_store(
    sources: &Sources<'_>,
    flags: &StoreFlags,
    environment: &EnvironmentFlags,
    directories: &Directories,
    base: &Path,
) -> Result<StoreSettings, ConfigError> {
    let in_file = sources.pick(|top| top.store.as_ref(), |section| section.store.as_ref()).map(|store| &store.0);
    let default = match sources.top {
        Some(_) => StoreChoice::Aws,
        None => StoreChoice::Embedded(None),
    };
    match flags.store.as_ref() {
        Some(StoreChoice::Embedded(Some(folder))) => Ok(StoreSettings::Embedded(folder.clone())),
        choice => match choice.or(in_file).unwrap_or(&default) {
            StoreChoice::Embedded(None) => Ok(StoreSettings::Embedded(directories.store()?)),
            StoreChoice::Embedded(Some(folder)) => {
                Ok(StoreSettings::Embedded(directories.expand(&folder.to_string_lossy(), base)))
            }
            StoreChoice::Postgres(url) => {
                let master_key = flags.master_key.clone();
                let master_key = master_key.or_else(|| DatabaseSettings::master_key_of(sources, directories, base));
                DatabaseSettings::resolve(url.as_ref(), master_key, directories).map(StoreSettings::Postgres)
            }
            StoreChoice::Aws => resolve_targets(sources, flags, environment).map(StoreSettings::Aws),
        },
    }
}

fn resolve_targets(
    sources: &Sources<'_>,
    flags: &StoreFlags,
    environment: &EnvironmentFlags,
) -> Result<Vec<TargetSettings>, ConfigError> {
    let in_file = sources.pick(|top| top.targets.as_ref(), |section| section.targets.as_ref());
    let mut targets: Vec<_> = match in_file {
        Some(targets) => targets.value.iter().map(TargetSettings::of_section).collect(),
        None => vec![TargetSettings::default()],
    };
    if !environment.targets.is_empty() {
        let known: Vec<_> = targets.iter().filter_map(|target| target.name.clone()).collect();
        if let Some(unknown) = environment.targets.iter().find(|name| !known.iter().any(|one| one == name.as_str())) {
            let message = match sources.environment.as_str() {
                "" => format!("the top of the file has no target `{unknown}`"),
                environment => format!("the environment {environment} has no target `{unknown}`"),
            };
            let hint = match known.as_slice() {
                [] if sources.environment.is_empty() => {
                    "name the environment that has it with --environment".to_owned()
                }
                [] => "give its targets names in the file".to_owned(),
                known => format!("it has {}", known.join(", ")),
            };
            return Err(ConfigError::new(message, hint));
        }
        targets.retain(|target| environment.targets.iter().any(|name| target.name.as_deref() == Some(name.as_str())));
    }
    if flags.names_a_target() {
        match targets.as_mut_slice() {
            [one] => one.override_with(flags),
            // Without an environment there is no --target: what the command line says is all that there is of the place.
            _ if sources.environment.is_empty() => targets = vec![TargetSettings::of_flags(flags)],
            several => {
                let message =
                    format!("--region, --profile and --role-arn mean one target, and there are {}", several.len());
                let known: Vec<_> = several.iter().filter_map(|target| target.name.clone()).collect();
                return Err(ConfigError::new(message, which_target(&known)));
            }
        }
    }
    if let Some(account) = &environment.account {
        for target in &mut targets {
            target.account = Some(account.to_string());
        }
    }
    Ok(targets)
}

/// How one of several targets is chosen.
pub(super) fn which_target(known: &[String]) -> String {
    match known {
        [] => "give the targets names in the file, and choose one with --target NAME".to_owned(),
        known => format!("choose one with --target: {}", known.join(", ")),
    }
}

impl TargetSettings {
    /// Puts what the command line says in place of what the file says. A role is replaced with its external id.
    fn override_with(&mut self, flags: &StoreFlags) {
        let said = Self::of_flags(flags);
        self.region = said.region.or_else(|| self.region.take());
        self.profile = said.profile.or_else(|| self.profile.take());
        if said.role_arn.is_some() {
            (self.role_arn, self.external_id) = (said.role_arn, said.external_id);
        }
    }

    /// What the command line says.
    pub(crate) fn of_flags(flags: &StoreFlags) -> Self {
        Self {
            name: None,
            account: None,
            region: flags.region.as_ref().map(ToString::to_string),
            role_arn: flags.role_arn.as_ref().map(ToString::to_string),
            external_id: flags.external_id.clone(),
            profile: flags.profile.clone(),
        }
    }

    fn of_section(section: &TargetSection) -> Self {
        fn text<T: ToString>(value: &Option<Parsed<T>>) -> Option<String> {
            value.as_ref().map(|value| value.0.to_string())
        }
        Self {
            name: text(&section.name),
            account: text(&section.account),
            region: text(&section.region),
            role_arn: text(&section.role_arn),
            external_id: section.external_id.clone(),
            profile: section.profile.clone(),
        }
    }
}
