//! `parados store export`.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parados_backup::document::DocumentHeader;
use parados_backup::export::{ExportContext, ExportReport, export};
use parados_backup::fingerprint::FingerprintKey;
use parados_backup::seal::{Recipient, Sealer};
use parados_parameter::{Clock as _, Selector, SystemClock};
use schemars::JsonSchema;
use serde::Serialize;
use zeroize::Zeroizing;

use super::StoreOfFlags;
use super::place::OwnPlaceArgs;
use crate::cli::GlobalArgs;
use crate::error::{Failure, Result};
use crate::output::{note, printable};
use crate::progress::Progress;
use crate::wiring::{TOOL, keys};
use crate::{exit_code, runtime};

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    place: OwnPlaceArgs,
    #[command(flatten)]
    of: StoreOfFlags,
    /// Only what lies under this path; can be given several times
    #[arg(long = "path", value_name = "PATH")]
    paths: Vec<String>,
    /// The file to make, or - for standard output
    #[arg(long, value_name = "FILE", default_value = "-")]
    to: PathBuf,
    /// Who can open the document: an age or SSH public key, or the ARN of a KMS key; can be given several times
    #[arg(long = "recipient", value_name = "KEY", required_unless_present = "plain")]
    recipients: Vec<Recipient>,
    /// Do not seal the document: whoever reads it reads every value
    #[arg(long, conflicts_with = "recipients")]
    plain: bool,
}

/// What was exported.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ExportView {
    /// The file; `-` for standard output.
    file: String,
    #[serde(flatten)]
    report: ExportReport,
}

/// Exports, and says with what code the process ends.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<u8> {
    let to_stdout = args.to.as_os_str() == "-";
    if to_stdout && !args.plain && io::stdout().is_terminal() {
        return Err(
            Failure::usage("a sealed document is no text for a terminal").hint("write it into a file: --to FILE")
        );
    }
    let place = args.place.place()?;
    let of = args.of.of(&place);
    let progress = Progress::new(global.progress);
    let view = runtime::run(async {
        let parameters = place.parameters().await?;
        let service = keys::key_management(args.recipients.iter().map(Recipient::as_str)).await?;
        let sealer: Option<Sealer> = keys::sealer(args.recipients.clone(), service)?;
        let context = ExportContext {
            store: parameters.store(&of),
            sealer,
            header: DocumentHeader {
                account: Some(of.account().to_owned()),
                region: Some(of.region().to_owned()),
                tool: Some(TOOL.to_owned()),
                ..DocumentHeader::new("", SystemClock.now())
            },
            fingerprints: Arc::new(FingerprintKey::from_key(Zeroizing::new(rand::random()))),
        };
        let selector = Selector { paths: args.paths.clone(), ..Selector::default() };
        let report = match to_stdout {
            true => export(&context, &selector, io::stdout(), &progress.observer()).await?.1,
            false => {
                let draft = Draft::create(&args.to)?;
                let (file, report) = export(&context, &selector, draft.file()?, &progress.observer()).await?;
                draft.publish(&file)?;
                report
            }
        };
        parameters.close().await;
        Ok(ExportView { file: args.to.display().to_string(), report })
    })?;
    drop(progress);
    if !to_stdout {
        global.stdout().result(&view, || {
            format!(
                "{} parameters are in {} ({} bytes).\n",
                view.report.parameters,
                printable(&view.file),
                view.report.bytes
            )
        })?;
    }
    for missing in &view.report.missing {
        note(&printable(&format!("missing: {}: {}", missing.name, missing.reason)));
    }
    match view.report.parameters {
        0 => note("nothing of the store is selected; `parados parameter list` shows what is there"),
        _ if args.plain && !to_stdout => note("the file is not sealed: whoever reads it reads every value"),
        _ => {}
    }
    Ok(match view.report.missing.is_empty() && view.report.parameters > 0 {
        true => exit_code::COMPLETE,
        false => exit_code::PARTIAL,
    })
}

/// A file of mode 0600 beside the one that is to be made, which is there only when it is whole.
struct Draft {
    draft: PathBuf,
    path: PathBuf,
}

impl Draft {
    fn create(path: &Path) -> Result<Self> {
        if path.exists() {
            return Err(Failure::usage(format!("{} is there already", path.display())).hint("name a file that is not"));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let draft = path.with_file_name(format!(".{name}.{:016x}.new", rand::random::<u64>()));
        Ok(Self { draft, path: path.to_owned() })
    }

    fn file(&self) -> Result<File> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.draft);
        file.map_err(|error| self.failed(&error))
    }

    fn publish(&self, mut file: &File) -> Result<()> {
        let published =
            file.flush().and_then(|()| file.sync_all()).and_then(|()| std::fs::hard_link(&self.draft, &self.path));
        published.map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> Failure {
        Failure::failed(format!("writing {}: {error}", self.path.display()))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // When it was published it has its other name still.
        drop(std::fs::remove_file(&self.draft));
    }
}
