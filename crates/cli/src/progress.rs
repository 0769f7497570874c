//! How progress is shown, on standard error.

use clap::ValueEnum;

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
