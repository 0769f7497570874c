//! `parados status`.

mod expected;
mod prometheus;
mod view;

use std::path::PathBuf;

use jiff::Timestamp;
use parados_backup::repository::SnapshotFilter;
use parados_backup::status::{StatusReport, StatusRequest, status};
use parados_parameter::{Clock as _, SystemClock};

use self::expected::Asked;
pub(crate) use self::view::StatusView;
use self::view::{StatusOutcome, UnreadView};
use super::snapshots::filter;
use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, Period, StoreFlags, TrustFlags};
use crate::error::{Failure, Result};
use crate::{exit_code, output, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How old the newest good snapshot of a target may be: 26h, 90m, 7d
    #[arg(long, value_name = "TIME", default_value_t = Period::of_hours(26))]
    max_age: Period,
    /// How often there should be a snapshot; a longer time between two is a gap [default: --max-age]
    #[arg(long, value_name = "TIME")]
    every: Option<Period>,
    /// How far back gaps are looked for
    #[arg(long, value_name = "TIME", default_value_t = Period::of_hours(30 * 24))]
    look_back: Period,
    /// A gap makes a target stale too
    #[arg(long)]
    strict: bool,
    /// A partial snapshot is good too
    #[arg(long)]
    accept_partial: bool,
    /// Write it as Prometheus text into this file, all at once, for a folder of node-exporter; - prints that instead
    #[arg(long, value_name = "FILE")]
    prometheus: Option<PathBuf>,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
    #[command(flatten)]
    trust: TrustFlags,
}

/// Says how it stands, and with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let at = SystemClock.now();
    let (repositories, failures) = runtime::run(look(args, global, at))?;
    let unread = failures.iter().map(|(environments, failure)| UnreadView::of(environments, failure)).collect();
    let view = StatusView::of(at, args.max_age, repositories, unread);
    let metrics = args.prometheus.as_ref().map(|_| prometheus::text(&view));
    let stdout = global.stdout();
    match (&args.prometheus, metrics) {
        (Some(path), Some(text)) if path.as_os_str() == "-" => stdout.text(&text)?,
        (Some(path), Some(text)) => {
            prometheus::write(path, &text)?;
            stdout.result(&view, || view.human(stdout))?;
        }
        _ => stdout.result(&view, || view.human(stdout))?,
    }
    if !stdout.is_json() {
        failures.iter().for_each(|(_, failure)| failure.print(global.output));
        view.hints().iter().for_each(|hint| output::note(&format!("hint: {hint}")));
    }
    Ok(match view.outcome() {
        StatusOutcome::Current => exit_code::COMPLETE,
        StatusOutcome::Stale => exit_code::STALE,
        StatusOutcome::Failed => exit_code::FAILED,
    })
}

/// The environments of a repository that could not be read, and why.
type Unread = (Vec<String>, Failure);

/// Looks at each repository once, however many environments have their snapshots there. One that cannot be read keeps none of the
/// others from being looked at.
async fn look(args: &Args, global: &GlobalArgs, at: Timestamp) -> Result<(Vec<StatusReport>, Vec<Unread>)> {
    let (asked, mut unread) = Asked::all(args, global).await?;
    let mut reports = Vec::new();
    for asked in asked {
        let request = StatusRequest {
            at,
            max_age: args.max_age.duration(),
            every: args.every.unwrap_or(args.max_age).duration(),
            look_back: args.look_back.duration(),
            accept_partial: args.accept_partial,
            gaps_count: args.strict,
            trusted: asked.trusted.clone(),
            filter: SnapshotFilter { project: asked.project.clone(), ..filter(&args.environment) },
            expected: asked.expected.clone(),
        };
        let report = match asked.located.open_existing().await {
            Ok(Some(repository)) => {
                let repository = repository.trusting(asked.trusted);
                status(&repository, &request).await.map_err(Failure::from)
            }
            Ok(None) => Ok(StatusReport::of_nothing(&asked.located.url.to_string(), &request)),
            Err(failure) => Err(failure),
        };
        match report {
            Ok(report) => reports.push(report),
            Err(failure) => unread.push((asked.environments, failure)),
        }
    }
    Ok((reports, unread))
}
