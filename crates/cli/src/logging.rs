//! The log, on standard error.

use clap::ValueEnum;
use tracing::Level;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::output::OutputFormat;

/// How much is logged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Nothing.
    Off,
    /// What failed.
    Error,
    /// And what is odd.
    #[default]
    Warn,
    /// And what matters of what is done.
    Info,
    /// And each event of a backup.
    Debug,
    /// The same.
    Trace,
}

/// Begins to log: text, or with JSON output one JSON object a line.
///
/// The level is that of Parados' own crates. Libraries never log below WARN, because the AWS SDK writes whole requests and answers,
/// and so values, at its lower levels.
pub(crate) fn start(level: LogLevel, format: OutputFormat) {
    let ours = match level {
        LogLevel::Off => LevelFilter::OFF,
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    };
    let filter = [
        "parados",
        "parados_parameter",
        "parados_store",
        "parados_aws",
        "parados_backup",
        "parados_infra",
        "parados_server",
    ]
    .iter()
    .fold(Targets::new().with_default(ours.min(LevelFilter::from_level(Level::WARN))), |filter, target| {
        filter.with_target(*target, ours)
    });
    let layer = tracing_subscriber::fmt::layer().with_writer(anstream::stderr);
    let registry = tracing_subscriber::registry().with(filter);
    match format {
        OutputFormat::Human => registry.with(layer.with_target(false)).init(),
        OutputFormat::Json => registry.with(layer.json().flatten_event(true)).init(),
    }
}
