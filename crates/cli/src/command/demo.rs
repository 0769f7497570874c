//! `parados demo`.

mod company;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parados_backup::event::NoObserver;
use parados_backup::report::BackupReport;
use parados_backup::verdict::Verdict;
use parados_parameter::{Clock as _, ParameterStore as _, SystemClock};
use parados_store::{EmbeddedStore, InitOptions, OpenOptions};
use schemars::JsonSchema;
use serde::Serialize;

use crate::cli::GlobalArgs;
use crate::config::{
    Config, DEFAULT_FILE, EnvironmentFlags, RecipientSettings, SelectorFlags, Settings, SnapshotFlags, StoreFlags,
};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::output::Output;
use crate::runtime;
use crate::wiring::{BackupOptions, BackupRun, keys};

/// The environments of the company.
const ENVIRONMENTS: [&str; 2] = ["dev", "prod"];

/// The arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The folder to make
    #[arg(long, value_name = "DIR", default_value = "parados-demo")]
    dir: PathBuf,
}

/// What `demo` prints.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct DemoView {
    /// The folder, which stays.
    folder: PathBuf,
    /// The first backup of each environment, then the second.
    backups: Vec<BackupReport>,
    /// What to type next.
    next: Vec<String>,
}

/// Runs it.
pub(crate) fn run(args: &Args, global: &GlobalArgs) -> Result<()> {
    if args.dir.exists() {
        return Err(Failure::usage(format!("{} is there already", args.dir.display()))
            .hint("take it away, or name another folder with --dir DIR"));
    }
    keys::private_folder(&args.dir)?;
    let folder =
        args.dir.canonicalize().map_err(|error| Failure::failed(format!("{}: {error}", args.dir.display())))?;
    let backups = runtime::run(play(&folder))?;
    let last = backups.last().and_then(|report| report.key.clone()).unwrap_or_default();
    let view = DemoView { next: next(&folder, &last), folder, backups };
    let output = global.stdout();
    output.result(&view, || text(output, &view))?;
    match view.backups.iter().find(|report| report.verdict != Verdict::Complete) {
        None => Ok(()),
        Some(report) => {
            let why = report.error.clone().unwrap_or_else(|| report.verdict.to_string());
            Err(Failure::failed(format!("the backup of {}: {why}", report.target)).hints(report.hints.clone()))
        }
    }
}

/// Makes the company's store, backs it up, changes it, and backs it up again.
async fn play(folder: &Path) -> Result<Vec<BackupReport>> {
    let store = found(folder).await?;
    store.put_all(&company::parameters(&ENVIRONMENTS)?).await?;
    for name in company::labelled(&ENVIRONMENTS)? {
        store.label(&name, None, &["stable".to_owned()]).await?;
    }
    let config = Config::read(&folder.join(DEFAULT_FILE))?;
    let mut reports = Vec::new();
    for environment in ENVIRONMENTS {
        reports.push(back_up(&config, environment).await?);
    }
    store.put_all(&company::change()?).await?;
    store.delete(&company::leaves()?).await?;
    for environment in ENVIRONMENTS {
        reports.push(back_up(&config, environment).await?);
    }
    Ok(reports)
}

/// Founds the company: keys, an empty store and a configuration.
async fn found(folder: &Path) -> Result<EmbeddedStore> {
    let keys_folder = folder.join("keys");
    keys::private_folder(&keys_folder)?;
    let identity = keys_folder.join("identity.age.txt");
    keys::make_identity(&identity, SystemClock.now())?;
    keys::make_signing_key(&keys_folder.join("signing_ed25519"))?;
    let recipients = keys::recipients(&RecipientSettings::IdentityFile(identity))?;
    let recipient = recipients.first().map(ToString::to_string).unwrap_or_default();
    let file = folder.join(DEFAULT_FILE);
    std::fs::write(&file, company::configuration(folder, &recipient))
        .map_err(|error| Failure::failed(format!("writing {}: {error}", file.display())))?;
    let directory = folder.join("store");
    EmbeddedStore::init(&InitOptions::new(&directory)).await?;
    let (clock, user) = (Arc::new(SystemClock), "demo".to_owned());
    Ok(EmbeddedStore::open(OpenOptions { directory, key_management: None, clock, user }).await?)
}

async fn back_up(config: &Config, environment: &str) -> Result<BackupReport> {
    let flags = EnvironmentFlags { environment: Some(environment.parse()?), ..EnvironmentFlags::default() };
    let settings = Settings::resolve(
        Some(config),
        &Directories::of_user()?,
        &StoreFlags::default(),
        &flags,
        &SelectorFlags::default(),
        &SnapshotFlags::default(),
    )?;
    let run = BackupRun::prepare(&settings, BackupOptions::default())?;
    let place = run.places().first().copied().ok_or_else(|| Failure::failed("the configuration has no store"))?;
    run.back_up(place, &NoObserver).await
}

fn next(folder: &Path, data_key: &str) -> Vec<String> {
    let mut commands = vec![format!("cd '{}'", folder.display())];
    let on_path = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|directory| directory.join("parados").is_file()));
    if let (false, Ok(binary)) = (on_path, std::env::current_exe()) {
        commands.push(format!("alias parados='{}'", binary.display()));
    }
    commands.extend([
        "parados snapshots".to_owned(),
        "parados show latest --environment prod".to_owned(),
        "parados parameter list --store embedded:store --name-contains /prod/".to_owned(),
        "parados backup --environment dev --dry-run".to_owned(),
        "parados doctor --environment dev".to_owned(),
        format!("age -d -i keys/identity.age.txt repository/{data_key} | zstd -d | jq '.parameters[0]'"),
    ]);
    commands
}

fn text(output: Output, view: &DemoView) -> String {
    let rows = view.backups.iter().enumerate().map(|(index, report)| {
        vec![
            report.target.environment.clone(),
            if index < ENVIRONMENTS.len() { "first" } else { "after the change" }.to_owned(),
            report.verdict.to_string(),
            report.parameter_count.to_string(),
            report.reused.to_string(),
            report.calls.to_string(),
            report.bytes.to_string(),
            format!("{:.3}", report.seconds),
        ]
    });
    let header = ["ENVIRONMENT", "BACKUP", "VERDICT", "PARAMETERS", "UNCHANGED", "CALLS", "BYTES", "SECONDS"];
    format!(
        "A small company's parameters are in an embedded store in {folder}/store. Its environments were backed up;\n\
         then a password was rotated, a feature added and a host taken away in prod, and both were backed up again:\n\n\
         {table}\nEach snapshot is complete in itself, sealed and signed. Look around:\n\n{next}",
        folder = view.folder.display(),
        table = output.table(&header, rows),
        next = view.next.iter().map(|command| format!("  {command}\n")).collect::<String>(),
    )
}
