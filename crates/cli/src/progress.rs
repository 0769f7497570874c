//! How progress is shown, on standard error: a bar, or events.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use parados_backup::event::{Event, Observer};
use parados_backup::target::Target;
use schemars::JsonSchema;
use serde::Serialize;

use crate::output::printable;

/// How progress is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum ProgressMode {
    /// A bar on a terminal, nothing elsewhere.
    #[default]
    Auto,
    /// A bar.
    Bar,
    /// Nothing.
    None,
    /// One JSON object a line for each event; `parados schema event` prints its schema.
    Json,
}

/// Shows the progress of several targets.
pub(crate) struct Progress {
    mode: ProgressMode,
    bars: MultiProgress,
}

impl Progress {
    /// Progress in `mode`.
    pub(crate) fn new(mode: ProgressMode) -> Self {
        let mode = match mode {
            ProgressMode::Auto if std::io::stderr().is_terminal() => ProgressMode::Bar,
            ProgressMode::Auto => ProgressMode::None,
            other => other,
        };
        Self { mode, bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr()) }
    }

    /// What reads the events of one target.
    pub(crate) fn observer(&self) -> TargetProgress {
        let bar = (self.mode == ProgressMode::Bar).then(|| {
            let bar = self.bars.add(ProgressBar::no_length().with_style(style()));
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        TargetProgress { json: self.mode == ProgressMode::Json, bar, seen: Mutex::default() }
    }
}

/// Shows the progress of one target.
pub(crate) struct TargetProgress {
    json: bool,
    bar: Option<ProgressBar>,
    seen: Mutex<Seen>,
}

/// What of the events so far counts for the next ones.
#[derive(Default)]
struct Seen {
    /// Known from the first event on.
    target: Option<Target>,
    /// Until the total is known.
    listed: Option<u64>,
    throttles: u64,
}

/// A line of `--progress json`.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EventLine<'a> {
    /// The target that it is about: several may be backed up at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<&'a Target>,
    /// What happened.
    #[serde(flatten)]
    event: &'a Event,
}

impl Seen {
    fn take_down(&mut self, event: &Event) {
        match event {
            Event::Started { target, .. } => self.target = Some(target.clone()),
            Event::Listed { matched, done } => self.listed = (!done).then_some(*matched),
            Event::Throttled { throttles } => self.throttles = *throttles,
            _ => {}
        }
    }

    /// `event` with its target. Some name it themselves.
    fn line<'a>(&'a self, event: &'a Event) -> EventLine<'a> {
        let names_it = matches!(event, Event::Started { .. } | Event::Finished { .. });
        EventLine { target: self.target.as_ref().filter(|_| !names_it), event }
    }

    /// What stands beside the bar.
    fn message(&self) -> String {
        let listed = self.listed.map(|listed| format!("{listed} listed"));
        let throttled = (self.throttles > 0).then(|| format!("{} throttled", self.throttles));
        listed.into_iter().chain(throttled).collect::<Vec<_>>().join(", ")
    }
}

impl Observer for TargetProgress {
    fn event(&self, event: &Event) {
        tracing::debug!(?event);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.take_down(event);
        if self.json {
            let mut line = serde_json::to_string(&seen.line(event)).expect("events are texts and numbers");
            line.push('\n');
            // Where standard error is closed nobody follows.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
        if let Some(bar) = &self.bar {
            show(bar, event, &seen);
        }
    }
}

impl Drop for TargetProgress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn show(bar: &ProgressBar, event: &Event, seen: &Seen) {
    bar.set_message(seen.message());
    match event {
        Event::Started { target, .. } => bar.set_prefix(printable(&target.to_string())),
        // The bar would run backwards against a growing total, so there is none until it is known.
        Event::Listed { matched, done: true } => bar.set_length(*matched),
        Event::Read { parameters, .. } => bar.set_position(*parameters),
        Event::SnapshotsFound { snapshots } => bar.set_length(*snapshots),
        Event::SnapshotDone { .. } => bar.inc(1),
        Event::Missing(missing) => bar.println(printable(&format!("missing: {}: {}", missing.name, missing.reason))),
        Event::Applying { parameters, .. } => {
            bar.set_length(*parameters);
            bar.set_position(0);
        }
        Event::Applied { parameters, .. } => bar.set_position(*parameters),
        Event::Checking { objects } => bar.set_length(*objects),
        Event::Checked { objects, .. } => bar.set_position(*objects),
        Event::Found(finding) => {
            bar.println(printable(&format!("{}: {}: {}", finding.kind, finding.object, finding.message)));
        }
        Event::Listed { done: false, .. }
        | Event::Throttled { .. }
        | Event::Committed { .. }
        | Event::Finished { .. } => {}
    }
}

fn style() -> ProgressStyle {
    let rate = |state: &ProgressState, w: &mut dyn std::fmt::Write| _ = write!(w, "{:.0}/s", state.per_sec());
    ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {rate} ETA {eta} {msg}")
        .expect("the template is well formed")
        .with_key("rate", rate)
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use parados_backup::target::StoreKind;
    use parados_backup::verdict::Verdict;

    use super::*;

    #[test]
    fn each_line_says_its_target_once_and_the_bar_says_both() {
        let target = Target {
            project: "shop".into(),
            environment: "dev".into(),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            store: StoreKind::Aws,
        };
        let at = "2025-10-15T12:00:45Z".parse().unwrap();
        let mut seen = Seen::default();
        for event in [
            Event::Started { target: target.clone(), at, previous: None },
            Event::Listed { matched: 50, done: false },
            Event::Throttled { throttles: 2 },
            Event::Finished { target, verdict: Verdict::Complete },
        ] {
            seen.take_down(&event);
            let line = serde_json::to_string(&seen.line(&event)).unwrap();
            assert_eq!(line.matches(r#""target":{"#).count(), 1, "{line}");
        }
        assert_eq!(seen.message(), "50 listed, 2 throttled");
        seen.take_down(&Event::Listed { matched: 60, done: true });
        assert_eq!(seen.message(), "2 throttled");
    }
}
