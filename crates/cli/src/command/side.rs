//! How a command line names a state of parameters: a snapshot, the store as it is now, or a file. One place for all commands.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use parados_backup::compare::{CompareContext, Live, Side};
use parados_backup::repository::{Repository, SnapshotEntry, Snapshots};
use parados_backup::snapshot_reference::{InvalidReference, SnapshotReference};
use parados_backup::target::Target;

use super::snapshots;
use crate::cli::GlobalArgs;
use crate::config::{
    EnvironmentFlags, Name, ReadingSettings, SelectorFlags, Settings, SnapshotFlags, StoreFlags, StoreSettings,
    TargetSettings, TrustFlags,
};
use crate::directories::Directories;
use crate::error::{Failure, Result};
use crate::wiring::{self, Trust, keys};

/// A state of parameters, as a person names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SideReference {
    /// A snapshot of the repository; of this environment, where it is named.
    Snapshot(Option<Name>, SnapshotReference),
    /// The store as it is now: `live`; that of this environment, where it is named.
    Live(Option<Name>),
    /// A document in a file: what begins with `/`, `./` or `../`, and any other text where there is a file of that name.
    File(PathBuf),
}

impl FromStr for SideReference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let is_path = ["/", "./", "../"].iter().any(|start| text.starts_with(start)) || Path::new(text).is_file();
        if is_path {
            return Ok(Self::File(text.into()));
        }
        // A time has a colon too, and begins with an @, with which no name does.
        let (environment, rest) = match text.split_once(':').map(|(name, rest)| (name.parse::<Name>(), rest)) {
            Some((Ok(name), rest)) => (Some(name), rest),
            _ => (None, text),
        };
        match rest {
            "live" => Ok(Self::Live(environment)),
            reference => SnapshotReference::parse(reference).map(|reference| Self::Snapshot(environment, reference)),
        }
    }
}

/// What says where sides are, and what opens them.
#[derive(Clone, Copy)]
pub(crate) struct SideFlags<'a> {
    pub(crate) environment: &'a EnvironmentFlags,
    pub(crate) store: &'a StoreFlags,
    pub(crate) trust: &'a TrustFlags,
    pub(crate) global: &'a GlobalArgs,
}

/// Sides that are ready to be compared.
pub(crate) struct OpenedSides {
    /// In the order of their references.
    pub(crate) sides: Vec<Side>,
    /// What opens them.
    pub(crate) context: CompareContext,
    /// What whoever reads the outcome should know.
    pub(crate) notes: Vec<String>,
}

/// All snapshots that are meant, ready to be read.
pub(crate) struct OpenedAll {
    pub(crate) repository: Arc<Repository>,
    /// In the order of time, of all targets that are meant.
    pub(crate) entries: Vec<SnapshotEntry>,
    /// The store as it is now, where it is asked for.
    pub(crate) live: Option<Live>,
    /// What opens them.
    pub(crate) context: CompareContext,
    /// What whoever reads the outcome should know.
    pub(crate) notes: Vec<String>,
}

impl SideFlags<'_> {
    /// Finds what the references mean. `opening` says that documents will be opened even where their manifests would do.
    pub(crate) async fn open(self, references: &[&SideReference], opening: bool) -> Result<OpenedSides> {
        let (settings, trust) = self.trust()?;
        let mut found = Vec::new();
        if references.iter().any(|reference| matches!(reference, SideReference::Snapshot(..))) {
            let (repository, listed) = self.snapshots(&trust).await?;
            for reference in references {
                match reference {
                    SideReference::Snapshot(None, reference) => {
                        found.push((repository.clone(), reference.resolve(&listed.entries)?.clone()));
                    }
                    SideReference::Snapshot(environment, reference) => {
                        let flags = EnvironmentFlags { environment: environment.clone(), ..self.environment.clone() };
                        let listed = repository.snapshots(&snapshots::filter(&flags)).await?;
                        found.push((repository.clone(), reference.resolve(&listed.entries)?.clone()));
                    }
                    SideReference::Live(_) | SideReference::File(_) => {}
                }
            }
        }
        let notes = untrusted(&trust, found.iter().map(|(_, entry)| entry));
        let key = |at: usize| found.get(at).map(|(_, entry)| &entry.summary.fingerprint_key);
        let by_manifests = found.len() == references.len() && key(0) == key(1) && !opening;
        let opened = found.iter().map(|(_, entry)| entry).filter(|_| !by_manifests);
        let identities = match found.first() {
            Some((repository, _)) => keys::identities_of(&settings.identities, repository, opened).await?,
            None => keys::identities(&settings.identities, None)?,
        };
        let of = found.first().map(|(_, entry)| entry.summary.target.clone());
        let mut found = found.into_iter();
        let mut sides = Vec::new();
        for reference in references {
            sides.push(match reference {
                SideReference::File(path) => Side::Document(path.clone()),
                SideReference::Live(None) => Side::Live(Box::new(self.live(of.as_ref()).await?)),
                SideReference::Live(environment) => {
                    let flags = EnvironmentFlags { environment: environment.clone(), ..self.environment.clone() };
                    Side::Live(Box::new(SideFlags { environment: &flags, ..self }.live(of.as_ref()).await?))
                }
                SideReference::Snapshot(..) => {
                    let (repository, entry) = found.next().expect("one was found for each");
                    Side::Snapshot { repository, entry: Box::new(entry) }
                }
            });
        }
        let context = CompareContext { identities, signing_key: trust.signing_key, random: rand::random() };
        Ok(OpenedSides { sides, context, notes })
    }

    /// Finds all snapshots that are meant, with the store as it is now where `live` asks for it. `opening` says that documents will
    /// be opened.
    pub(crate) async fn open_all(self, live: bool, opening: bool) -> Result<OpenedAll> {
        let (settings, trust) = self.trust()?;
        let (repository, Snapshots { entries, damaged, .. }) = self.snapshots(&trust).await?;
        let mut notes = untrusted(&trust, &entries);
        notes.extend(damaged.iter().map(|(key, error)| format!("{key} cannot be read: {error}")));
        let opened = entries.iter().filter(|_| opening);
        let identities = keys::identities_of(&settings.identities, &repository, opened).await?;
        let mut targets: Vec<_> = entries.iter().map(|entry| &entry.summary.target).collect();
        targets.dedup();
        let of = targets.first().copied().filter(|_| targets.len() == 1);
        let live = match live {
            true => Some(self.live(of).await?),
            false => None,
        };
        let context = CompareContext { identities, signing_key: trust.signing_key, random: rand::random() };
        Ok(OpenedAll { repository, entries, live, context, notes })
    }

    fn trust(self) -> Result<(ReadingSettings, Trust)> {
        let config = self.global.configuration()?;
        let settings =
            ReadingSettings::resolve(config.as_ref(), &Directories::of_user(), self.environment, self.trust)?;
        let trust = wiring::trust(&settings)?;
        Ok((settings, trust))
    }

    async fn snapshots(self, trust: &Trust) -> Result<(Arc<Repository>, Snapshots)> {
        let repository = snapshots::open(self.environment, self.store, self.global).await?;
        let repository = Arc::new(repository.trusting(trust.signers.clone()));
        let listed = repository.snapshots(&snapshots::filter(self.environment)).await?;
        Ok((repository, listed))
    }

    /// The store as it is now; where it is compared with a snapshot, the one that the snapshot is of.
    pub(crate) async fn live(self, of: Option<&Target>) -> Result<Live> {
        let mut flags = self.environment.clone();
        if let (None, Some(target)) = (&flags.environment, of) {
            flags.environment = target.environment.parse().ok();
            flags.project = flags.project.or_else(|| target.project.parse().ok());
        }
        let settings = Settings::resolve(
            self.global.configuration()?.as_ref(),
            &Directories::of_user(),
            self.store,
            &flags,
            &SelectorFlags::default(),
            &SnapshotFlags::default(),
        )?;
        let opened = match &settings.store {
            StoreSettings::Embedded(folder) => wiring::open_embedded(folder).await?,
            StoreSettings::Postgres(database) => wiring::open_postgres(database).await?,
            StoreSettings::Aws(targets) => wiring::open_aws(one_target(targets, of)?, &settings.quota).await?,
        };
        Ok(Live {
            target: Target {
                project: settings.project.clone(),
                environment: settings.environment.clone(),
                account: opened.account,
                region: opened.region,
                store: opened.kind,
            },
            store: opened.store,
            selector: settings.selector.clone(),
            selector_text: settings.selector_text(),
            with_labels: settings.labels,
        })
    }
}

/// Says of each signer who is not trusted that it is so.
fn untrusted<'a>(trust: &Trust, entries: impl IntoIterator<Item = &'a SnapshotEntry>) -> Vec<String> {
    let strangers: BTreeSet<_> = entries
        .into_iter()
        .map(|entry| entry.summary.signer.as_str())
        .filter(|signer| !trust.signers.accept(signer))
        .collect();
    strangers.into_iter().map(|signer| format!("signed by somebody who is not trusted here: {signer}")).collect()
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
        _ => Err(Failure::configuration(format!("there are {} targets, and none of them is named", targets.len()))
            .hint("choose one with --target NAME, or with --account and --region")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_a_file_and_everything_else_a_snapshot_or_live() {
        let parse = |text: &str| text.parse::<SideReference>();
        assert_eq!(parse("live").unwrap(), SideReference::Live(None));
        let staging = Some("staging".parse().unwrap());
        assert_eq!(parse("staging:live").unwrap(), SideReference::Live(staging.clone()));
        assert!(
            matches!(parse("staging:@2025-10-15T12:00Z").unwrap(), SideReference::Snapshot(of, _) if of == staging)
        );
        assert!(matches!(parse("@2025-10-15T12:00Z").unwrap(), SideReference::Snapshot(None, _)));
        assert_eq!(parse("./live").unwrap(), SideReference::File("./live".into()));
        assert_eq!(parse("/old/a.json").unwrap(), SideReference::File("/old/a.json".into()));
        assert_eq!(parse("Cargo.toml").unwrap(), SideReference::File("Cargo.toml".into()), "there is one");
        for text in ["latest", "0a1b", "@2025-10-15", "2025-10-15/ssm-backup-dev-20251015_120045.json"] {
            assert!(matches!(parse(text).unwrap(), SideReference::Snapshot(None, _)), "{text}");
        }
        parse("nothing.yaml").unwrap_err();
    }

    #[test]
    fn of_several_targets_the_snapshot_s_own_is_meant() {
        let target = |region: &str| TargetSettings { region: Some(region.into()), ..TargetSettings::default() };
        let targets = [target("eu-west-1"), target("eu-north-1")];
        let of = Target {
            project: "p".into(),
            environment: "dev".into(),
            account: "123456789012".into(),
            region: "eu-north-1".into(),
            store: parados_backup::target::StoreKind::Aws,
        };
        assert_eq!(one_target(&targets, Some(&of)).unwrap(), &targets[1]);
        assert_eq!(one_target(&targets[..1], Some(&of)).unwrap(), &targets[0], "the store is asked where it is");
        one_target(&targets, None).unwrap_err();
    }
}
