//! `parados store audit verify`.

use parados_server::audit::{AuditDamage, AuditHead, VerifyReport};
use serde::Serialize;

use super::PlaceArgs;
use crate::cli::GlobalArgs;
use crate::error::{Failure, Result};
use crate::output::note;
use crate::{exit_code, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A head that an export printed before, SEQUENCE:DIGEST, or a file that begins with one: that entry has to be in it, unchanged
    #[arg(long, value_name = "HEAD")]
    head: Option<String>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// What `audit verify` prints.
#[derive(Debug, Serialize)]
struct VerifyView<'a> {
    /// Whether all of it is as it was written.
    whole: bool,
    #[serde(flatten)]
    report: &'a VerifyReport,
}

/// Checks it. Each kind of damage has its exit code.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let pin = args.head.as_deref().map(head).transpose()?;
    let report = runtime::run(async { Ok(super::chain(&args.place).await?.verify(pin.clone()).await?) })?;
    let output = global.stdout();
    output.result(&VerifyView { whole: report.finding.is_none(), report: &report }, || {
        output.facts([
            ("entries", report.entries.to_string()),
            ("first", report.first.to_string()),
            ("head", report.head.to_string()),
            ("verdict", report.finding.as_ref().map_or("whole".to_owned(), |finding| format!("broken at {finding}"))),
        ])
    })?;
    if let Some(finding) = &report.finding {
        return Ok(match finding.damage {
            AuditDamage::Changed => exit_code::CHANGED,
            AuditDamage::Removed => exit_code::REMOVED,
            AuditDamage::Reordered => exit_code::SWAPPED,
            AuditDamage::Truncated => exit_code::TRUNCATED,
            AuditDamage::Rewritten => exit_code::FORGED,
        });
    }
    match (report.compared, pin) {
        (Some(false), Some(pin)) => {
            note(&format!("the head could not be compared: entry {} was removed behind a checkpoint", pin.sequence));
            Ok(exit_code::PARTIAL)
        }
        _ => Ok(exit_code::COMPLETE),
    }
}

/// A head, or the one that a file begins with.
fn head(text: &str) -> Result<AuditHead> {
    let invalid = match text.parse() {
        Ok(head) => return Ok(head),
        Err(invalid) => invalid,
    };
    let Ok(content) = std::fs::read_to_string(text) else {
        return Err(Failure::usage(format!("--head: {invalid}")).hint("or name a file that begins with one"));
    };
    let line = content.lines().next().unwrap_or_default();
    line.parse().map_err(|error| Failure::usage(format!("--head {text}: {error}")))
}
