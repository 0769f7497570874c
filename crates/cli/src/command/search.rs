//! `parados search`.

use std::sync::Arc;

use parados_backup::compare::{Found, NameFilter, SearchReport, SearchRequest, search};
use parados_backup::target::Target;
use parados_parameter::{Glob, ParameterName, Selector};
use schemars::JsonSchema;
use serde::Serialize;

use super::snapshots;
use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, StoreFlags};
use crate::error::{Failure, Result};
use crate::output::{Output, printable};
use crate::{exit_code, output, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A part of the name, in whichever case; or a glob: * within a level, ** across levels, ?, [a-z], {a,b}
    #[arg(required_unless_present = "same_value_as")]
    pattern: Option<String>,
    /// What has the value that this parameter has, itself included; told by fingerprints, and no value is read
    #[arg(long, value_name = "NAME")]
    same_value_as: Option<ParameterName>,
    /// Look through all snapshots, rather than the newest of each target
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
}

/// What `search` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SearchView {
    /// The parameters, by name, each once for each target.
    found: Vec<FoundView>,
    /// How many snapshots were looked through.
    snapshots: usize,
    /// What whoever reads it should know.
    notes: Vec<String>,
}

/// A parameter that was found.
#[derive(Debug, Serialize, JsonSchema)]
struct FoundView {
    /// Its name.
    name: String,
    /// Whose.
    target: Target,
    /// The newest snapshot that has it so.
    snapshot: String,
    /// When that was begun.
    started_at: String,
    /// Whether that is the newest snapshot of its target.
    is_current: bool,
    /// How many of the snapshots that were looked through have it so.
    snapshots: usize,
    /// The version there.
    version: i64,
    /// When that was put.
    last_modified_date: String,
    /// String, StringList or SecureString.
    #[serde(rename = "type")]
    parameter_type: String,
    /// Of the value, under the repository's key.
    fingerprint: String,
}

/// Looks, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let names = filter(args.pattern.as_deref())?;
    let report = runtime::run(async {
        let repository = Arc::new(snapshots::open(&args.environment, &args.store, global).await?);
        let listed = repository.snapshots(&snapshots::filter(&args.environment)).await?;
        let same_value_as = args.same_value_as.clone();
        let request = SearchRequest { repository, snapshots: listed.entries, all: args.all, names, same_value_as };
        let mut report = search(&request).await?;
        report.notes.extend(listed.damaged.iter().map(|(key, error)| format!("{key} cannot be read: {error}")));
        Ok(report)
    })?;
    let output = global.stdout();
    let view = SearchView::of(&report);
    output.result(&view, || text(output, &report.found))?;
    if !output.is_json() {
        view.notes.iter().for_each(|note| output::note(&format!("note: {}", printable(note))));
        output::note(&format!("{} found in {} snapshots", view.found.len(), view.snapshots));
    }
    Ok(if view.found.is_empty() { exit_code::PARTIAL } else { exit_code::COMPLETE })
}

impl SearchView {
    fn of(report: &SearchReport) -> Self {
        let found = |found: &Found| FoundView {
            name: found.name.to_string(),
            target: found.target.clone(),
            snapshot: found.snapshot.to_string(),
            started_at: found.started_at.to_string(),
            is_current: found.is_current,
            snapshots: found.snapshots,
            version: found.version.get(),
            last_modified_date: found.last_modified_date.to_string(),
            parameter_type: found.parameter_type.to_string(),
            fingerprint: found.fingerprint.to_string(),
        };
        Self {
            found: report.found.iter().map(found).collect(),
            snapshots: report.snapshots,
            notes: report.notes.clone(),
        }
    }
}

/// Which names a pattern means: all where there is none.
fn filter(pattern: Option<&str>) -> Result<NameFilter> {
    let Some(pattern) = pattern else { return Ok(Arc::new(|_| true)) };
    if pattern.contains(['*', '?', '[', '{']) {
        let glob = Glob::parse(pattern).map_err(|error| {
            Failure::from(error).hint("a glob has *, **, ?, [a-z] and {a,b}; anything else is a part of a name")
        })?;
        let selector = Selector { include: vec![glob], ..Selector::default() };
        return Ok(Arc::new(move |name| selector.matches_name(name)));
    }
    let part = pattern.to_lowercase();
    Ok(Arc::new(move |name| name.absolute().to_lowercase().contains(&part)))
}

fn text(output: Output, found: &[Found]) -> String {
    let row = |found: &Found| {
        vec![
            found.name.to_string(),
            found.target.to_string(),
            found.version.to_string(),
            found.last_modified_date.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            if found.is_current { "current" } else { "gone or changed" }.to_owned(),
            found.snapshot.to_string(),
        ]
    };
    output.table(&["NAME", "TARGET", "VERSION", "MODIFIED", "STATE", "SNAPSHOT"], found.iter().map(row))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_is_a_part_of_a_name_or_a_glob() {
        let meant = |pattern: &str, name: &str| filter(Some(pattern)).unwrap()(&ParameterName::observed(name));
        assert!(meant("pass", "/app/dev/db/PASSWORD") && !meant("pass", "/app/dev/db/user"));
        assert!(meant("/app/*/db/**", "/app/dev/db/x/y") && !meant("/app/*/db", "/app/dev/x/db"));
        assert!(meant("/fl?t", "flat"), "a name without a slash is the one with it");
        assert!(filter(None).unwrap()(&ParameterName::observed("anything")));
        filter(Some("/a[")).err().unwrap();
    }
}
