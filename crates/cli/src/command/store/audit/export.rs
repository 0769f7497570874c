//! `parados store audit export`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, BufWriter, Seek as _, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use parados_server::audit::{AuditHead, audit_head_of};
use serde::Serialize;

use super::PlaceArgs;
use crate::cli::GlobalArgs;
use crate::error::{Failure, Result};
use crate::output::note;
use crate::runtime;

/// The longest line that an entry may be.
const MAX_LINE_BYTES: u64 = 1 << 20;

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// A file to append to, which is gone on with where it ends; without one, entries go to standard output
    #[arg(long, value_name = "FILE", conflicts_with = "after")]
    out: Option<PathBuf>,
    /// Only entries behind this number
    #[arg(long, value_name = "SEQUENCE", default_value_t = 0)]
    after: u64,
    #[command(flatten)]
    place: PlaceArgs,
}

/// What `audit export --out` prints.
#[derive(Debug, Serialize)]
struct ExportView {
    /// Entries that were written.
    entries: u64,
    /// The last entry of the chain.
    head: AuditHead,
    /// Where they are.
    file: PathBuf,
}

/// Exports.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    match &args.out {
        Some(path) => to_file(args, path, global),
        None => to_stdout(args),
    }
}

fn to_stdout(args: &Args) -> Result<()> {
    let mut out = BufWriter::new(io::stdout());
    let report = runtime::run(async {
        let chain = super::chain(&args.place).await?;
        Ok(chain.export(args.after, &mut |line| out.write_all(line)).await?)
    })?;
    out.flush().map_err(|error| Failure::failed(format!("writing to standard output: {error}")))?;
    note(&format!("{} entries; head {}", report.entries, report.head));
    Ok(())
}

fn to_file(args: &Args, path: &Path, global: &GlobalArgs) -> Result<()> {
    let failed = |error: io::Error| Failure::failed(format!("{}: {error}", path.display()));
    let options = OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
    let mut file = options.map_err(failed)?;
    let seen = end_of(&mut file, path)?;
    let after = seen.as_ref().map_or(0, |head| head.sequence);
    let mut out = BufWriter::new(&file);
    let report = runtime::run(async {
        let chain = super::chain(&args.place).await?;
        check(&chain, seen.as_ref(), path).await?;
        Ok(chain.export(after, &mut |line| out.write_all(line)).await?)
    })?;
    out.flush().map_err(failed)?;
    drop(out);
    file.sync_all().map_err(failed)?;
    let view = ExportView { entries: report.entries, head: report.head, file: path.to_owned() };
    let output = global.stdout();
    output.result(&view, || output.facts([("entries", view.entries.to_string()), ("head", view.head.to_string())]))
}

/// Refuses to go on with a file that is of another chain, or of one that was changed since.
async fn check(chain: &parados_server::audit::AuditChain, seen: Option<&AuditHead>, path: &Path) -> Result<()> {
    let Some(seen) = seen else { return Ok(()) };
    let report = chain.verify(Some(seen.clone())).await?;
    match report.finding {
        None => Ok(()),
        Some(finding) => Err(Failure::failed(format!(
            "{} ends with entry {}, and the audit does not go on from it: {finding}",
            path.display(),
            seen.sequence
        ))
        .hint("keep that file: it is what the audit was; see 'parados store audit verify'")),
    }
}

/// The last entry in a file. What an export that was interrupted left of a line is cut off.
fn end_of(file: &mut File, path: &Path) -> Result<Option<AuditHead>> {
    let failed = |error: io::Error| Failure::failed(format!("{}: {error}", path.display()));
    let length = file.seek(SeekFrom::End(0)).map_err(failed)?;
    let start = length.saturating_sub(2 * MAX_LINE_BYTES);
    file.seek(SeekFrom::Start(start)).map_err(failed)?;
    let (mut reader, mut last, mut whole, mut line) = (BufReader::new(&mut *file), Vec::new(), start, Vec::new());
    while reader.read_until(b'\n', &mut line).map_err(failed)? > 0 {
        if line.ends_with(b"\n") {
            whole += line.len() as u64;
            last.clone_from(&line);
        }
        line.clear();
    }
    if whole < length {
        file.set_len(whole).map_err(failed)?;
    }
    if last.is_empty() {
        return Ok(None);
    }
    audit_head_of(&last).map(Some).ok_or_else(|| {
        Failure::failed(format!("{} is no export of an audit; nothing is appended to it", path.display()))
    })
}
