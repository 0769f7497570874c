//! The documents of one environment, into its repository, sealed as its backups are.

use std::sync::Arc;

use parados_backup::event::Observer;
use parados_backup::import::{ImportContext, ImportReport, ImportRequest, OldDocument, import as import_documents};
use parados_backup::repository::Objects;
use parados_backup::signature::SigningKey;
use parados_parameter::{Clock as _, KeyManagement, SystemClock};

use super::Args;
use crate::cli::GlobalArgs;
use crate::config::{EnvironmentFlags, SelectorFlags, Settings, TargetSettings};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::wiring::{self, Located, keys};

/// What this release writes into the manifests of what it imports.
const TOOL: &str = concat!("parados ", env!("CARGO_PKG_VERSION"), " import");

/// Imports the documents of the environment `name`.
pub(super) async fn import(
    args: &Args,
    global: &GlobalArgs,
    name: &str,
    documents: Vec<OldDocument>,
    source: &Objects,
    observer: &dyn Observer,
) -> Result<ImportReport> {
    let invalid = |error: parados_parameter::Invalid| Failure::configuration(error.to_string());
    let flags = EnvironmentFlags { environment: Some(name.parse().map_err(invalid)?), ..args.environment.clone() };
    let (config, directories) = (global.configuration()?, Directories::of_user());
    let selector = SelectorFlags::default();
    let settings = Settings::resolve(config.as_ref(), &directories, &args.store, &flags, &selector, &args.snapshot)?;
    let recipients = keys::recipients(&settings.recipients)?;
    let key_management: Option<Arc<dyn KeyManagement>> =
        match recipients.iter().any(|recipient| recipient.kms_key().is_some()) {
            true => Some(Arc::new(wiring::connect(&TargetSettings::of_flags(&args.store)).await?.key_management())),
            false => None,
        };
    let signing = &settings.signing_key;
    let signing_key = match args.dry_run && signing.made_when_missing && !signing.path.exists() {
        true => SigningKey::from_seed(&rand::random(), "parados"),
        false => keys::signing_key(signing, &settings.store)?,
    };
    let located = Located::of_flags(&flags, &args.store, global).await?;
    let context = ImportContext {
        source: source.clone(),
        repository: Arc::new(located.open_or_init(args.dry_run, SystemClock.now()).await?),
        signing_key,
        sealer: keys::sealer(recipients, key_management)?,
        clock: Arc::new(SystemClock),
        tool: TOOL.to_owned(),
    };
    let request = ImportRequest { project: settings.project, documents, dry_run: args.dry_run };
    Ok(import_documents(&context, &request, observer).await?)
}
