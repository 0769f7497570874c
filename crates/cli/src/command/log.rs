//! `parados log`.

use std::sync::Arc;

use parados_backup::compare::{LifeEvent, LifeKind, LifeReport, LifeRequest, life};
use parados_parameter::{Clock as _, ParameterName, SystemClock};
use schemars::JsonSchema;
use serde::Serialize;

use super::side::SideFlags;
use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, StoreFlags, TrustFlags};
use crate::error::Result;
use crate::output::{Output, printable};
use crate::progress::Progress;
use crate::{exit_code, output, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The parameter, or the path under which the parameters are
    #[arg(value_name = "NAME|PATH")]
    name: String,
    /// Also ask the store as it is now, which keeps up to 100 versions of each parameter
    #[arg(long)]
    live: bool,
    /// Open nothing: say what manifests say, which is neither who put a version nor what no snapshot has as its newest
    #[arg(long)]
    closed: bool,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    trust: TrustFlags,
}

/// What `log` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LogView {
    /// What happened, in the order of time.
    events: Vec<LifeEvent>,
    /// How many snapshots were looked at.
    snapshots: usize,
    /// What whoever reads it should know.
    notes: Vec<String>,
}

/// Tells it, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let flags = SideFlags { environment: &args.environment, store: &args.store, trust: &args.trust, global };
    let (name, path) = (ParameterName::observed(args.name.trim_end_matches('/')), args.name.clone());
    let progress = Progress::new(global.progress);
    let LifeReport { events, snapshots, mut notes } = runtime::run(async {
        let opened = flags.open_all(args.live, !args.closed).await?;
        let request = LifeRequest {
            repository: opened.repository,
            snapshots: opened.entries,
            live: opened.live,
            now: SystemClock.now(),
            names: Arc::new(move |one| *one == name || one.is_under(&path, true)),
            open: !args.closed,
        };
        let mut report = life(&opened.context, &request, &progress.observer()).await?;
        report.notes.splice(0..0, opened.notes);
        Ok(report)
    })?;
    drop(progress);
    if events.is_empty() {
        notes.push(format!("no snapshot has {}; `parados search` finds names", args.name));
    }
    let view = LogView { events, snapshots, notes };
    let output = global.stdout();
    output.result(&view, || text(output, &view.events))?;
    if !output.is_json() {
        view.notes.iter().for_each(|note| output::note(&format!("note: {}", printable(note))));
    }
    Ok(if view.events.is_empty() { exit_code::PARTIAL } else { exit_code::COMPLETE })
}

fn text(output: Output, events: &[LifeEvent]) -> String {
    let row = |event: &LifeEvent| {
        vec![
            event.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
            event.name.to_string(),
            event.version.to_string(),
            what(event),
            event.by.clone().unwrap_or_default(),
            event.snapshot.map(|id| id.to_string()).unwrap_or_default(),
            event.target.to_string(),
        ]
    };
    output.table(&["WHEN", "NAME", "VERSION", "WHAT", "BY", "SNAPSHOT", "TARGET"], events.iter().map(row))
}

/// What happened, in words.
fn what(event: &LifeEvent) -> String {
    let kind = match event.kind {
        LifeKind::Created => "created",
        LifeKind::Recreated => "created again",
        LifeKind::Changed => "changed",
        LifeKind::Known => "the oldest that is known",
        LifeKind::Annotated => "annotated",
        LifeKind::Deleted => "deleted",
    };
    let mut text = kind.to_owned();
    match event.fields.as_deref() {
        Some([]) if event.kind == LifeKind::Changed => text.push_str(": put again as it was"),
        Some(fields) if !fields.is_empty() => {
            let fields: Vec<_> = fields.iter().map(|field| field.as_str()).collect();
            text.push_str(&format!(": {}", fields.join(", ")));
        }
        _ => {}
    }
    if let Some(not_before) = event.not_before {
        text.push_str(&format!(" (since {})", not_before.strftime("%Y-%m-%d %H:%M:%SZ")));
    }
    if event.unknown_before > 0 {
        text.push_str(&format!(" ({} versions before it are not known)", event.unknown_before));
    }
    text
}

#[cfg(test)]
mod tests {
    use parados_backup::field::Field;
    use parados_backup::target::{StoreKind, Target};
    use parados_parameter::Version;

    use super::*;

    #[test]
    fn each_event_is_told_in_words() {
        let event = |kind, fields| LifeEvent {
            name: ParameterName::observed("/a"),
            target: Target {
                project: "p".into(),
                environment: "dev".into(),
                account: "1".into(),
                region: "r".into(),
                store: StoreKind::Aws,
            },
            kind,
            at: jiff::Timestamp::UNIX_EPOCH,
            not_before: None,
            version: Version::FIRST,
            by: None,
            fields,
            unknown_before: 0,
            snapshot: None,
        };
        assert_eq!(what(&event(LifeKind::Created, None)), "created");
        assert_eq!(what(&event(LifeKind::Changed, Some(vec![Field::Value, Field::Tags]))), "changed: value, tags");
        assert_eq!(what(&event(LifeKind::Changed, Some(Vec::new()))), "changed: put again as it was");
        let mut deleted = event(LifeKind::Deleted, None);
        deleted.not_before = Some(jiff::Timestamp::UNIX_EPOCH);
        assert_eq!(what(&deleted), "deleted (since 1970-01-01 00:00:00Z)");
        let mut known = event(LifeKind::Known, None);
        known.unknown_before = 2;
        assert_eq!(what(&known), "the oldest that is known (2 versions before it are not known)");
    }
}
