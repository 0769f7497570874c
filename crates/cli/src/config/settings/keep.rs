//! What is kept of each environment.

use parados_backup::prune::PruneRule;
use parados_backup::repository::SnapshotFilter;
use parados_backup::retention::{Period, RetentionPolicy};

use super::sources::Sources;
use crate::config::file::KeepSection;
use crate::config::flags::{EnvironmentFlags, KeepFlags};
use crate::config::{Config, ConfigError};

/// The grace time, where nothing says another.
const DEFAULT_GRACE_DAYS: i32 = 7;
/// How the environments end whose chains hold what restores were about to change.
const UNDO: &str = ".undo";

/// The rules that the flags make, or `config`: for the environment that is named, or for all of the file's. The chains that restores
/// write beside an environment are kept as it is.
///
/// # Errors
/// [`ConfigError`] when nothing says what is kept, and when an environment is named that the file does not have.
pub(crate) fn prune_rules(
    config: Option<&Config>,
    flags: &KeepFlags,
    environment: &EnvironmentFlags,
) -> Result<Vec<PruneRule>, ConfigError> {
    let nothing = |whose: &str| {
        ConfigError::new(
            format!("nothing says what is kept{whose}"),
            "say it with flags, such as --keep-last 7 --keep-monthly 12, or with `keep: {last: 7, monthly: 12}` in parados.yaml",
        )
    };
    let names: Vec<String> = match (&environment.environment, config) {
        (Some(name), _) => vec![name.to_string()],
        (None, Some(config)) => config.file.environments.value.keys().cloned().collect(),
        (None, None) => Vec::new(),
    };
    let project = environment.project.as_ref().map(ToString::to_string);
    let project = project.or_else(|| config.map(|config| config.file.project.0.to_string()));
    let account = environment.account.as_ref().map(ToString::to_string);
    let of_flags = flags.policy();
    if names.is_empty() {
        let policy = of_flags.ok_or_else(|| nothing(""))?;
        let filter = SnapshotFilter { project, account, ..SnapshotFilter::default() };
        return Ok(vec![PruneRule { filter, policy, grace: flags.grace.unwrap_or(Period::days(DEFAULT_GRACE_DAYS)) }]);
    }
    let mut rules = Vec::new();
    for name in &names {
        let section = match config {
            Some(config) => {
                let named = EnvironmentFlags {
                    environment: name.trim_end_matches(UNDO).parse().ok(),
                    ..EnvironmentFlags::default()
                };
                let sources = Sources::of(Some(config), &named)?;
                sources.pick(|top| top.keep.as_ref(), |section| section.keep.as_ref()).map(|keep| &keep.value)
            }
            None => None,
        };
        let Some(policy) = of_flags.clone().or_else(|| section.map(of_section)) else { continue };
        let in_file = section.and_then(|section| section.grace.as_ref()).map(|grace| grace.0);
        let grace = flags.grace.or(in_file).unwrap_or(Period::days(DEFAULT_GRACE_DAYS));
        let undo = if name.ends_with(UNDO) { None } else { Some(format!("{name}{UNDO}")) };
        for environment in [Some(name.clone()), undo].into_iter().flatten() {
            let filter = SnapshotFilter {
                project: project.clone(),
                environment: Some(environment),
                account: account.clone(),
                region: None,
            };
            rules.push(PruneRule { filter, policy: policy.clone(), grace });
        }
    }
    match (rules.is_empty(), names.as_slice()) {
        (true, [name]) => Err(nothing(&format!(" of `{name}`"))),
        (true, _) => Err(nothing("")),
        (false, _) => Ok(rules),
    }
}

fn of_section(section: &KeepSection) -> RetentionPolicy {
    RetentionPolicy {
        last: section.last.unwrap_or(0),
        hourly: section.hourly.unwrap_or(0),
        daily: section.daily.unwrap_or(0),
        weekly: section.weekly.unwrap_or(0),
        monthly: section.monthly.unwrap_or(0),
        yearly: section.yearly.unwrap_or(0),
        within: section.within.as_ref().map(|within| within.0),
    }
}
