//! What a restore works with: the source, the store that it goes into, and what opens and signs.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use parados_backup::fingerprint::FingerprintKey;
use parados_backup::restore::{RestoreSource, StoreIdentity, Warning, WarningKind};
use parados_backup::seal::Identities;
use parados_backup::snapshot_reference::{InvalidReference, SnapshotReference};
use parados_backup::target::{StoreKind, Target};
use parados_parameter::KeyManagement;
use parados_parameter::decorator::quota::{Quotas, Rate};

use crate::cli::GlobalArgs;
use crate::command::snapshots;
use crate::config::{
    EnvironmentFlags, QuotaSettings, ReadingSettings, SelectorFlags, Settings, SnapshotFlags, StoreChoice, StoreFlags,
    StoreSettings, TargetSettings, TrustFlags,
};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::wiring::{OpenedStore, keys, open_aws, open_embedded, open_postgres, quotas, trust};

/// What is restored, as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SourceReference {
    /// A snapshot of the repository.
    Snapshot(SnapshotReference),
    /// A document in a file: what begins with `/`, `./` or `../`, and any other text where there is a file of that name.
    File(PathBuf),
}

impl FromStr for SourceReference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let path = PathBuf::from(text);
        let is_path = ["/", "./", "../"].iter().any(|start| text.starts_with(start)) || path.is_file();
        match is_path {
            true => Ok(Self::File(path)),
            false => SnapshotReference::parse(text).map(Self::Snapshot),
        }
    }
}

/// What says where a restore comes from and goes to.
#[derive(Clone, Copy)]
pub(crate) struct RestoreFlags<'a> {
    pub(crate) environment: &'a EnvironmentFlags,
    pub(crate) store: &'a StoreFlags,
    /// The store to restore into, in place of the environment's own.
    pub(crate) into: Option<&'a StoreChoice>,
    pub(crate) selector: &'a SelectorFlags,
    pub(crate) trust: &'a TrustFlags,
    pub(crate) snapshot: &'a SnapshotFlags,
    pub(crate) global: &'a GlobalArgs,
}

/// The source of a restore, found and ready to be read.
pub(crate) struct OpenedSource {
    pub(crate) source: RestoreSource,
    pub(crate) identities: Identities,
    /// The key of a plan's fingerprints.
    pub(crate) fingerprints: Arc<FingerprintKey>,
    /// What whoever approves a plan should know of it.
    pub(crate) warnings: Vec<Warning>,
    /// What it is of; not known of a document.
    pub(crate) of: Option<Target>,
}

/// The store that a restore goes into.
pub(crate) struct OpenedInto {
    pub(crate) settings: Settings,
    pub(crate) opened: OpenedStore,
    pub(crate) identity: StoreIdentity,
    /// What may be taken of its quotas.
    pub(crate) quotas: Quotas,
    pub(crate) key_management: Option<Arc<dyn KeyManagement>>,
}

impl RestoreFlags<'_> {
    /// Finds what `reference` means.
    pub(crate) async fn source(self, reference: &SourceReference) -> Result<OpenedSource> {
        let config = self.global.configuration()?;
        let settings =
            ReadingSettings::resolve(config.as_ref(), &Directories::of_user(), self.environment, self.trust)?;
        let trust = trust(&settings)?;
        let mut warnings = Vec::new();
        let (source, identities, of) = match reference {
            SourceReference::File(path) => {
                let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
                (RestoreSource::document(&path)?, keys::identities(&settings.identities, None)?, None)
            }
            SourceReference::Snapshot(reference) => {
                let repository = snapshots::open(self.environment, self.store, self.global).await?;
                let repository = Arc::new(repository.trusting(trust.signers.clone()));
                let found = repository.snapshots(&snapshots::filter(self.environment)).await?;
                let entry = reference.resolve(&found.entries)?;
                let manifest = Arc::new(repository.read_manifest(&entry.manifest_key).await?);
                let summary = &manifest.manifest.summary;
                if !trust.signers.accept(&summary.signer) {
                    let message = format!("it is signed by somebody who is not trusted here: {}", summary.signer);
                    warnings.push(Warning { kind: WarningKind::Signer, message });
                }
                let identities = keys::identities_of(&settings.identities, &repository, [entry]).await?;
                let target = summary.target.clone();
                (RestoreSource::Snapshot { repository, manifest }, identities, Some(target))
            }
        };
        let fingerprints = source.fingerprint_key(trust.signing_key.as_ref(), &identities).await.ok_or_else(|| {
            Failure::configuration("there is no key for the plan's fingerprints")
                .hint("make a signing key with `parados init`, or name one with --signing-key FILE")
        })?;
        Ok(OpenedSource { source, identities, fingerprints, warnings, of })
    }

    /// Opens the store of a plan. Where in AWS it is, the plan says too, where nothing else does.
    pub(crate) async fn into_planned(self, planned: &StoreIdentity, of: Option<&Target>) -> Result<OpenedInto> {
        let mut store = self.store.clone();
        let planned_of =
            of.map(|of| Target { account: planned.account.clone(), region: planned.region.clone(), ..of.clone() });
        if planned.kind == StoreKind::Aws && !store.names_a_target() {
            let settings = self.settings(of)?;
            let places = match &settings.store {
                StoreSettings::Aws(targets) => targets.as_slice(),
                StoreSettings::Embedded(_) | StoreSettings::Postgres(_) => &[],
            };
            if let [TargetSettings { region: None, .. }] = places {
                store.region = planned.region.parse().ok();
            }
        }
        RestoreFlags { store: &store, ..self }.into(planned_of.as_ref().or(of)).await
    }

    /// Opens the store to restore into: the one named, or that of the environment, which is the snapshot's own where none is named.
    pub(crate) async fn into(self, of: Option<&Target>) -> Result<OpenedInto> {
        let settings = self.settings(of)?;
        let opened = match &settings.store {
            StoreSettings::Embedded(folder) => open_embedded(folder).await?,
            StoreSettings::Postgres(database) => open_postgres(database).await?,
            StoreSettings::Aws(targets) => open_aws(one_target(targets, of)?, &settings.quota).await?,
        };
        let (folder, database) = match &settings.store {
            StoreSettings::Embedded(folder) => (Some(lasting(folder)?), None),
            StoreSettings::Postgres(database) => (None, Some(database.url.to_string())),
            StoreSettings::Aws(_) => (None, None),
        };
        let (account, region) = (opened.account.clone(), opened.region.clone());
        let identity = StoreIdentity { kind: opened.kind, account, region, folder, database };
        let key_management = opened.session.as_ref().map(|session| Arc::new(session.key_management()) as _);
        let quotas = share_of_quotas(&settings.quota, opened.kind);
        Ok(OpenedInto { settings, opened, identity, quotas, key_management })
    }

    /// The settings of the environment that is named, or of that which the snapshot is of.
    fn settings(self, of: Option<&Target>) -> Result<Settings> {
        let mut environment = self.environment.clone();
        if let (None, Some(target)) = (&environment.environment, of) {
            let name = target.environment.strip_suffix(".undo").unwrap_or(&target.environment);
            environment.environment = name.parse().ok();
            environment.project = environment.project.or_else(|| target.project.parse().ok());
        }
        let mut store = self.store.clone();
        store.store = self.into.cloned().or(store.store);
        let config = self.global.configuration()?;
        let directories = Directories::of_user();
        Ok(Settings::resolve(config.as_ref(), &directories, &store, &environment, self.selector, self.snapshot)?)
    }
}

/// The folder of a store that is there, as it is called from everywhere, so that a plan means the same store wherever it is applied.
fn lasting(folder: &Path) -> Result<String> {
    let path = folder
        .canonicalize()
        .map_err(|error| Failure::failed(format!("finding the folder {}: {error}", folder.display())))?;
    Ok(path.display().to_string())
}

/// The one target that is meant: the only one, or the one that the snapshot is of.
fn one_target<'a>(targets: &'a [TargetSettings], of: Option<&Target>) -> Result<&'a TargetSettings> {
    let fits = |target: &&TargetSettings| {
        of.is_some_and(|of| {
            target.account.as_ref().is_none_or(|account| *account == of.account)
                && target.region.as_ref().is_none_or(|region| *region == of.region)
        })
    };
    match (targets, targets.iter().filter(fits).collect::<Vec<_>>().as_slice()) {
        ([only], _) => Ok(only),
        (_, [one]) => Ok(*one),
        _ => Err(Failure::configuration(format!("there are {} targets, and a restore goes into one", targets.len()))
            .hint("choose one with --target NAME")),
    }
}

/// What may be taken of the quotas; a store of one's own has none.
fn share_of_quotas(settings: &QuotaSettings, kind: StoreKind) -> Quotas {
    match kind {
        StoreKind::Embedded | StoreKind::Postgres => Quotas::default(),
        StoreKind::Aws => {
            let share = settings.share.unwrap_or(1.0);
            let mut quotas = quotas(settings);
            for rate in quotas.rates.values_mut() {
                *rate = Rate { per_second: rate.per_second * share, burst: (rate.burst * share).max(1.0) };
            }
            quotas
        }
    }
}
