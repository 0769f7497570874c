//! The same as metrics, in Prometheus's text format (version 0.0.4), as node-exporter's textfile collector takes it.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use parados_backup::status::{TargetState, TargetStatus};

use super::view::StatusView;
use crate::error::{Failure, Result};

/// What there is to say of each target: a metric's name, what it is, and its value; without a value there is no sample.
type OfTarget = (&'static str, &'static str, fn(&TargetStatus) -> Option<f64>);

#[expect(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
const OF_TARGETS: [OfTarget; 8] = [
    (
        "parados_target_current",
        "1 where the target has a good snapshot that is new enough and nothing is wrong, 0 where it has not.",
        |target| (target.state != TargetState::NotExpected).then_some(f64::from(!target.state.is_stale())),
    ),
    ("parados_snapshot_timestamp_seconds", "When the newest good snapshot was begun.", |target| {
        target.newest.as_ref().map(|newest| newest.started_at.as_second() as f64)
    }),
    ("parados_snapshot_duration_seconds", "How long the newest good snapshot took.", |target| {
        target.newest.as_ref().and_then(|newest| newest.seconds)
    }),
    ("parados_snapshot_parameters", "Parameters in the newest good snapshot.", |target| {
        target.newest.as_ref().map(|newest| newest.parameter_count as f64)
    }),
    ("parados_snapshot_bytes", "Size of the newest good snapshot's data object.", |target| {
        target.newest.as_ref().map(|newest| newest.bytes as f64)
    }),
    ("parados_snapshots", "Snapshots of the target, without those of restores.", |target| {
        Some(target.snapshot_count as f64)
    }),
    ("parados_snapshot_gaps", "Times without a snapshot that were longer than expected, of late.", |target| {
        Some(target.gaps.len() as f64)
    }),
    ("parados_snapshot_problems", "What is wrong with the target's snapshots.", |target| {
        Some(target.problems.len() as f64)
    }),
];

/// The metrics.
pub(super) fn text(view: &StatusView) -> String {
    let mut text = String::new();
    family(&mut text, "parados_status_timestamp_seconds", "When `parados status` last looked.");
    sample(&mut text, "parados_status_timestamp_seconds", &[], seconds(view));
    family(&mut text, "parados_snapshot_max_age_seconds", "How old a newest good snapshot may be.");
    #[expect(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
    sample(&mut text, "parados_snapshot_max_age_seconds", &[], view.max_age_seconds as f64);
    family(&mut text, "parados_repository_readable", "1 where the repository could be read, 0 where it could not.");
    for report in &view.repositories {
        sample(&mut text, "parados_repository_readable", &[("repository", &report.repository)], 1.0);
    }
    for unread in &view.unread {
        let environments = unread.environments.join(",");
        sample(&mut text, "parados_repository_readable", &[("environments", &environments)], 0.0);
    }
    for (name, help, value) in OF_TARGETS {
        family(&mut text, name, help);
        for report in &view.repositories {
            for target in &report.targets {
                let Some(value) = value(target) else { continue };
                let labels = [
                    ("repository", report.repository.as_str()),
                    ("project", &target.project),
                    ("environment", &target.environment),
                    ("account", target.account.as_deref().unwrap_or_default()),
                    ("region", target.region.as_deref().unwrap_or_default()),
                ];
                sample(&mut text, name, &labels, value);
            }
        }
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "metrics are floating-point numbers")]
fn seconds(view: &StatusView) -> f64 {
    view.looked_at.as_second() as f64
}

/// All of them are gauges: each says how it stands now.
fn family(text: &mut String, name: &str, help: &str) {
    writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge").expect("a text takes everything");
}

fn sample(text: &mut String, name: &str, labels: &[(&str, &str)], value: f64) {
    let labels: Vec<_> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escaped(value))).collect();
    let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
    writeln!(text, "{name}{labels} {value}").expect("a text takes everything");
}

/// A label's value: backslash, quote and line feed are escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

/// Writes the file all at once: whoever reads it sees what was there before or what is there now, and never a part. What it is put
/// together in, beside it, does not end in `.prom`, so that node-exporter leaves it out.
pub(super) fn write(path: &Path, text: &str) -> Result<()> {
    let failed = |error: io::Error| {
        Failure::failed(format!("writing the metrics {}: {error}", path.display()))
            .hint("the folder has to be there, and writable: node-exporter names it --collector.textfile.directory")
    };
    let Some(name) = path.file_name() else {
        return Err(Failure::usage(format!("{} is not the name of a file", path.display())));
    };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    let staged = folder.join(format!(".{}.{}.staged", name.display(), std::process::id()));
    let outcome = stage(&staged, text).and_then(|()| std::fs::rename(&staged, path));
    if outcome.is_err() {
        // What it failed for is said; that this remains is not worth a word beside it.
        let _ = std::fs::remove_file(&staged);
    }
    outcome.and_then(|()| File::open(folder)?.sync_all()).map_err(failed)
}

fn stage(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

#[cfg(test)]
mod tests;
