//! How progress is shown, on standard error: a bar, or events.

use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use clap::ValueEnum;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use parados_backup::event::{Event, Observer};

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
        TargetProgress { json: self.mode == ProgressMode::Json, bar }
    }
}

/// Shows the progress of one target.
pub(crate) struct TargetProgress {
    json: bool,
    bar: Option<ProgressBar>,
}

impl Observer for TargetProgress {
    fn event(&self, event: &Event) {
        tracing::debug!(?event);
        if self.json {
            let mut line = serde_json::to_string(event).expect("events are texts and numbers");
            line.push('\n');
            // Where standard error is closed nobody follows.
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
        if let Some(bar) = &self.bar {
            show(bar, event);
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

fn show(bar: &ProgressBar, event: &Event) {
    match event {
        Event::Started { target, .. } => bar.set_prefix(target.to_string()),
        Event::Listed { matched, done: true } => bar.set_length(*matched),
        // The bar would run backwards against a growing total, so there is none until it is known.
        Event::Listed { matched, done: false } => bar.set_message(format!("{matched} listed")),
        Event::Read { parameters, .. } => bar.set_position(*parameters),
        Event::Throttled { throttles, .. } => bar.set_message(format!("{throttles} throttled")),
        Event::Missing(missing) => bar.println(format!("missing: {}: {}", missing.name, missing.reason)),
        Event::Committed { .. } | Event::Finished { .. } => {}
    }
}

fn style() -> ProgressStyle {
    let rate = |state: &ProgressState, w: &mut dyn std::fmt::Write| _ = write!(w, "{:.0}/s", state.per_sec());
    ProgressStyle::with_template("{prefix} [{bar:30}] {pos}/{len} {rate} ETA {eta} {msg}")
        .expect("the template is well formed")
        .with_key("rate", rate)
        .progress_chars("=> ")
}
