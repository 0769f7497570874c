//! `parados store audit query`.

use jiff::{SignedDuration, Timestamp};
use parados_parameter::{Clock as _, SystemClock};
use parados_server::audit::{AuditLine, AuditOutcome, AuditQuery};
use serde::Serialize;

use super::PlaceArgs;
use crate::cli::GlobalArgs;
use crate::config::Period;
use crate::error::Result;
use crate::runtime;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// From this time on: 2026-11-24T15:00:00Z, or so long ago: 2h
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<Timestamp>,
    /// Up to this time
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<Timestamp>,
    /// By this principal, access key or ARN
    #[arg(long, value_name = "WHO")]
    principal: Option<String>,
    /// Of this operation: GetParameter
    #[arg(long, value_name = "OPERATION")]
    operation: Option<String>,
    /// Of this parameter
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Of parameters below this path
    #[arg(long, value_name = "PATH")]
    path: Option<String>,
    /// Which ended so: ok, denied, failed (whatever is not ok), or an error's code
    #[arg(long, value_name = "OUTCOME")]
    outcome: Option<AuditOutcome>,
    /// Most entries, the newest ones
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    place: PlaceArgs,
}

/// What `audit query` prints.
#[derive(Debug, Serialize)]
struct QueryView {
    /// The entries, oldest first.
    entries: Vec<AuditLine>,
}

/// Asks.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    let query = AuditQuery {
        since: args.since,
        until: args.until,
        principal: args.principal.clone(),
        operation: args.operation.clone(),
        name: args.name.clone(),
        path: args.path.clone(),
        outcome: args.outcome.clone(),
        limit: args.limit,
    };
    let entries = runtime::run(async { Ok(super::chain(&args.place).await?.query(&query).await?) })?;
    let view = QueryView { entries };
    let output = global.stdout();
    output.result(&view, || {
        let rows = view.entries.iter().map(row);
        output.table(&["NO", "AT", "PRINCIPAL", "OPERATION", "OUTCOME", "TOUCHED", "FROM"], rows)
    })
}

fn row(line: &AuditLine) -> Vec<String> {
    let record = &line.record;
    let touched = record.touched.iter().map(|one| match one.version {
        Some(version) => format!("{}:{version}", one.name),
        None => one.name.to_string(),
    });
    let touched = touched.collect::<Vec<_>>().join(" ");
    let text = |text: &Option<std::borrow::Cow<'static, str>>| text.as_deref().unwrap_or("-").to_owned();
    vec![
        line.sequence.to_string(),
        record.at.to_string(),
        text(&record.principal),
        text(if record.operation.is_some() { &record.operation } else { &record.event }),
        record.outcome.to_string(),
        if touched.is_empty() { "-".to_owned() } else { touched },
        text(&record.source),
    ]
}

/// A time, or how long ago it was.
fn time(text: &str) -> std::result::Result<Timestamp, String> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let ago: SignedDuration = text
        .parse::<Period>()
        .map_err(|_| "it is a time as 2026-11-24T15:00:00Z, or how long ago as 2h".to_owned())?
        .duration();
    SystemClock.now().checked_sub(ago).map_err(|error| error.to_string())
}
