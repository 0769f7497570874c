//! Opens a stack: its declaration, its sessions and its store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use parados_infra::cloud::Cloud;
use parados_infra::declaration::{Declaration, TargetSection};
use parados_infra::inventory::Holder;
use parados_infra::stack::Stack;
use parados_parameter::SharedStore;

use crate::cli::GlobalArgs;
use crate::config::{
    Config, EnvironmentFlags, QuotaSettings, SelectorFlags, Settings, SnapshotFlags, StoreFlags, StoreSettings,
    TargetSettings,
};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::wiring::repository::object_storage_settings;
use crate::wiring::{OpenedStore, connect, open_aws, open_embedded, open_postgres, user};

/// The folder of a declaration, beside the configuration.
pub(in crate::command) const FOLDER: &str = "infra";

/// Which stack.
#[derive(Debug, clap::Args)]
pub(super) struct StackArgs {
    /// The folder of the declaration [default: infra, beside the configuration]
    #[arg(long, value_name = "DIR")]
    declaration: Option<PathBuf>,
    #[command(flatten)]
    environment: EnvironmentFlags,
    #[command(flatten)]
    store: StoreFlags,
}

impl StackArgs {
    /// Opens it: who we are is asked, and nothing else.
    pub(super) async fn open(&self, global: &GlobalArgs) -> Result<Stack> {
        let config = global.configuration()?;
        let settings = self.settings(config.as_ref())?;
        let declaration = self.declaration(config.as_ref(), &settings.environment)?;
        let names = (settings.project.as_str(), settings.environment.as_str());
        let (store, main, targets) = match &settings.store {
            StoreSettings::Aws(targets) => {
                let target = match targets.as_slice() {
                    [one] => one,
                    _ => {
                        let message = format!("the environment {} has several targets", settings.environment);
                        return Err(Failure::usage(message).hint("say which with --target NAME"));
                    }
                };
                let opened = open_aws(target, &QuotaSettings { share: None, ..QuotaSettings::default() }).await?;
                let session = opened.session.as_ref().expect("a store of AWS comes with its session");
                let targets = connect_targets(&declaration.targets, target, &opened.store).await?;
                (opened.store.clone(), Cloud::aws(session, opened.store.clone()), targets)
            }
            StoreSettings::Embedded(folder) => without_aws(open_embedded(folder).await?),
            StoreSettings::Postgres(database) => without_aws(open_postgres(database).await?),
        };
        let with_storage = |cloud: Cloud| cloud.with_object_storage(object_storage_settings());
        let targets = targets.into_iter().map(|(name, cloud)| (name, with_storage(cloud))).collect();
        Ok(Stack::new(names, declaration, store, with_storage(main), targets)?)
    }

    fn settings(&self, config: Option<&Config>) -> Result<Settings> {
        let (selector, snapshot) = (SelectorFlags::default(), SnapshotFlags::default());
        let directories = Directories::of_user();
        Ok(Settings::resolve(config, &directories, &self.store, &self.environment, &selector, &snapshot)?)
    }

    fn declaration(&self, config: Option<&Config>, environment: &str) -> Result<Declaration> {
        let folder = match &self.declaration {
            Some(folder) => folder.clone(),
            None => config.map_or(Path::new(""), Config::folder).join(FOLDER),
        };
        Ok(Declaration::parse(&files(&folder)?, environment)?)
    }
}

fn without_aws(opened: OpenedStore) -> (SharedStore, Cloud, BTreeMap<String, Cloud>) {
    let main = Cloud::local(&opened.account, &opened.region, opened.store.clone());
    (opened.store, main, BTreeMap::new())
}

/// The files of a declaration, by name, in the order of their names.
fn files(folder: &Path) -> Result<Vec<(String, String)>> {
    let unreadable = |path: &Path, error: std::io::Error| {
        Failure::configuration(format!("reading {}: {error}", path.display()))
            .hint("`parados init --store aws --project NAME --environment NAME` writes a declaration to begin with")
    };
    let entries = std::fs::read_dir(folder).map_err(|error| unreadable(folder, error))?;
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            paths.push(path);
        }
    }
    paths.sort();
    let read = |path: PathBuf| match std::fs::read_to_string(&path) {
        Ok(text) => Ok((path.display().to_string(), text)),
        Err(error) => Err(unreadable(&path, error)),
    };
    paths.into_iter().map(read).collect()
}

/// Sessions for the declaration's targets; what one does not say is as for the environment's own place.
async fn connect_targets(
    targets: &BTreeMap<String, TargetSection>,
    main: &TargetSettings,
    store: &SharedStore,
) -> Result<BTreeMap<String, Cloud>> {
    let mut opened = BTreeMap::new();
    for (name, target) in targets {
        let of_main = target.profile.is_none() && target.role_arn.is_none();
        let settings = TargetSettings {
            name: Some(name.clone()),
            account: target.account.clone(),
            region: target.region.clone().or_else(|| main.region.clone()),
            role_arn: target.role_arn.clone().or_else(|| main.role_arn.clone().filter(|_| of_main)),
            external_id: target.external_id.clone().or_else(|| main.external_id.clone().filter(|_| of_main)),
            profile: target.profile.clone().or_else(|| main.profile.clone()),
        };
        let session = connect(&settings).await?;
        let account = &session.identity().account;
        if let Some(expected) = settings.account.as_ref().filter(|expected| *expected != account) {
            let message = format!("the target {name} is account {expected}, and its credentials lead to {account}");
            return Err(Failure::failed(message).hint("use the profile or role of that account, or correct `account`"));
        }
        opened.insert(name.clone(), Cloud::aws(&session, store.clone()));
    }
    Ok(opened)
}

/// Who this process is, for others to see in the lease.
pub(super) fn holder() -> Holder {
    Holder { user: user(), host: host(), process: std::process::id() }
}

/// Whether a holder cannot be at work any more: a process of this machine that there is not.
pub(super) fn is_gone(holder: &Holder) -> bool {
    holder.host == host()
        && Path::new("/proc/self").exists()
        && !Path::new(&format!("/proc/{}", holder.process)).exists()
}

/// This machine, and since when it runs: after a start no process of before is there.
fn host() -> String {
    let read = |path: &str| std::fs::read_to_string(path).map(|text| text.trim().to_owned());
    let name = read("/proc/sys/kernel/hostname").unwrap_or_else(|_| "unknown".to_owned());
    match read("/proc/sys/kernel/random/boot_id") {
        Ok(boot) => format!("{name}/{}", boot.get(..8).unwrap_or(&boot)),
        Err(_) => name,
    }
}
