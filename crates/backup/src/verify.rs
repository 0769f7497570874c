//! Whether a repository is what it was: signatures, chains, digests, and on request what is inside.
//!
//! Owns the order of things and the report. Each kind of damage has a kind of finding of its own ([`FindingKind`]); what could not
//! be checked is said apart and never taken for right. Nothing in the repository is changed.
//!
//! | file | what it holds against what |
//! |---|---|
//! | `link` | a manifest against its signature and its place |
//! | `signer` | the signer that is named against the one of the signature |
//! | `chain` | the manifests of a chain against one another, and against the newest one that was seen |
//! | `amendments` | what says that a snapshot was sealed again against its manifest |
//! | `removals` | what says that a snapshot was removed on purpose, in its manifest's place |
//! | `data` | data objects against their manifests' digests |
//! | `content` | the records inside against the manifests' entries |
//! | `keys` | the key objects of fingerprints against their names |

mod amendments;
mod chain;
mod content;
mod data;
mod finding;
mod keys;
mod link;
mod removals;
mod report;
mod signer;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

use futures::StreamExt as _;
use parados_parameter::Clock;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use self::amendments::AmendmentsCheck;
use self::chain::Chain;
use self::data::{ContentRequest, DataCheck};
use self::finding::Noticed;
pub use self::finding::{Finding, FindingKind, Unchecked};
use self::keys::OpenedKeys;
use self::link::Link;
pub use self::report::{ChainView, Checked, SignerView, VerifyReport};
use crate::document::Digest;
use crate::event::{Event, Observer};
use crate::fingerprint::FingerprintKey;
use crate::manifest::{Manifest, ManifestSummary, ParameterEntry, WalkedManifest};
use crate::pin::{Pin, PinError, Pins};
use crate::report::chain as chain_of_causes;
use crate::repository::{ManifestObject, Removal, Repository, RepositoryError, SnapshotFilter};
use crate::seal::Identities;
use crate::signature::SigningKey;
use crate::target::Target;
use crate::trust::TrustedSigners;

/// How many manifests are read at once: one of 100,000 parameters takes some 50 MB while it is parsed.
const MANIFESTS_AT_ONCE: usize = 4;
/// How many data objects are read at once.
const DOCUMENTS_AT_ONCE: usize = 4;
/// How many entries of a manifest are handed over together.
const ENTRIES_AT_ONCE: usize = 256;

/// What a check works with.
#[derive(Debug)]
pub struct VerifyContext {
    /// What is checked.
    pub repository: Arc<Repository>,
    /// Whose signatures count.
    pub trusted: TrustedSigners,
    /// This machine's own signing key, where it has one: its fingerprints tell whether the repository's id is the one that it had.
    pub signing_key: Option<SigningKey>,
    /// Open documents.
    pub identities: Identities,
    /// The newest manifests that this machine has seen. A check that finds nothing wrong advances them.
    pub pins: Option<Pins>,
    /// The time of day.
    pub clock: Arc<dyn Clock>,
}

/// What to check.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VerifyRequest {
    /// Which chains: all their manifests are checked.
    pub filter: SnapshotFilter,
    /// Of which snapshots the data objects are checked.
    pub scope: Scope,
    /// Open the data objects, and compare what is inside with the manifests.
    pub read: bool,
}

/// Of which snapshots the data objects are checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Of all.
    #[default]
    All,
    /// Of those with these manifests, by key.
    Manifests(BTreeSet<String>),
}

impl Scope {
    fn has(&self, manifest_key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Manifests(keys) => keys.contains(manifest_key),
        }
    }

    /// How many, of so many snapshots.
    fn count(&self, all: usize) -> usize {
        match self {
            Self::All => all,
            Self::Manifests(keys) => keys.len(),
        }
    }
}

/// A check that could not begin.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The repository could not be listed.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// What this machine has seen could not be read, or not be written.
    #[error(transparent)]
    Pin(#[from] PinError),
}

/// Checks a repository. What is wrong, and what could not be checked, is in the report.
///
/// # Errors
/// [`VerifyError`]; then nothing is known.
pub async fn verify(
    context: &VerifyContext,
    request: &VerifyRequest,
    observer: &dyn Observer,
) -> Result<VerifyReport, VerifyError> {
    let begun = Instant::now();
    // Of a few snapshots that are read, manifest and document are read at once. Where a manifest turns out to be none, nothing that was made of it counts.
    let mut order = match request.read && request.scope != Scope::All {
        true => Order::Beside,
        false => Order::ManifestFirst,
    };
    let mut report = loop {
        let run = Run { context, request, observer, order };
        let mut report = VerifyReport::new(context.repository.location(), context.clock.now());
        match run.run(&mut report).await? {
            Soundness::Sound => break report,
            Soundness::NoManifest => order = Order::ManifestFirst,
        }
    };
    report.sort();
    report.seconds = begun.elapsed().as_secs_f64();
    report.findings.iter().for_each(|finding| observer.event(&Event::Found(finding.clone())));
    Ok(report)
}

/// One check.
struct Run<'a> {
    context: &'a VerifyContext,
    request: &'a VerifyRequest,
    observer: &'a dyn Observer,
    order: Order,
}

/// When the manifests of documents that are read are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Order {
    /// While the documents are read.
    Beside,
    /// Before.
    ManifestFirst,
}

/// Whether what was made of manifests before they were checked may stand.
enum Soundness {
    Sound,
    /// One of them is none, or is not signed as it has to be.
    NoManifest,
}

/// The manifests, and the keys of those that are checked beside their documents.
#[derive(Default)]
struct Manifests {
    links: Vec<Link>,
    beside: BTreeSet<String>,
}

/// What came of a document.
struct CheckedDocument {
    manifest_key: String,
    outcome: Result<DataCheck, Noticed>,
    /// Its manifest, which was read too; none where it turned out to be none.
    manifest: Option<WalkedManifest>,
}

impl Run<'_> {
    async fn run(&self, report: &mut VerifyReport) -> Result<Soundness, VerifyError> {
        let Self { context, request, .. } = self;
        let objects = context.repository.manifest_objects(&request.filter).await?;
        let count = objects.len() + request.scope.count(objects.len());
        self.observer.event(&Event::Checking { objects: count as u64 });
        let Manifests { mut links, beside } = self.read_manifests(objects, report).await;
        link::note_exchanges(&mut links);

        let summaries: Vec<_> = links.iter().filter_map(Link::summary).cloned().collect();
        let in_scope: Vec<_> = links.iter().filter(|link| request.scope.has(&link.object.key)).collect();
        let in_scope: Vec<_> =
            in_scope.into_iter().filter_map(|link| Some((link.object.key.clone(), link.summary()?.clone()))).collect();
        let amendments = AmendmentsCheck::read(&context.repository, &request.filter).await;
        let keys = self.check_keys(&in_scope, report).await;
        let documents = futures::stream::iter(in_scope)
            .map(|(key, summary)| self.check_document(key, summary, &keys))
            .buffer_unordered(DOCUMENTS_AT_ONCE);
        let of_manifests = summaries.iter().map(|summary| (summary.document.digest, summary.id.to_string()));
        let amended = amendments.iter().flat_map(AmendmentsCheck::objects);
        let others: BTreeMap<Digest, String> = amended.chain(of_manifests).collect();
        let mut documents = std::pin::pin!(documents);
        while let Some(checked) = documents.next().await {
            if beside.contains(&checked.manifest_key) {
                let link = links.iter_mut().find(|link| link.object.key == checked.manifest_key);
                let Some((link, manifest)) = link.zip(checked.manifest) else { return Ok(Soundness::NoManifest) };
                if link.summary() != Some(&manifest.summary) {
                    return Ok(Soundness::NoManifest);
                }
                link.digest = Some(manifest.digest);
                report.checked.manifests += 1;
                self.progress(&checked.manifest_key, manifest.size, report);
            }
            self.take_document(checked.outcome, &others, report);
        }
        let amended = match amendments {
            Ok(amendments) => amendments.noticed(&context.repository, &links).await,
            Err(error) => Err(error),
        };
        match amended {
            Ok(noticed) => report.take(noticed),
            Err(error) => report.take([Noticed::unchecked("amendments/", chain_of_causes(&error))]),
        }

        let removals = match removals::read(&context.repository, &request.filter).await {
            Ok((removals, noticed)) => {
                report.take(noticed);
                removals
            }
            Err(error) => {
                // Without them each snapshot that was removed on purpose would look as if it were gone.
                report.take([Noticed::unchecked("removed/", chain_of_causes(&error))]);
                return Ok(Soundness::Sound);
            }
        };
        let chains = self.check_chains(links, removals, report)?;
        self.check_repository(&summaries, report)?;
        self.count_signers(&summaries, report);
        if request.filter == SnapshotFilter::default() {
            self.check_hint(&summaries, report).await;
        }
        if report.is_clean() {
            self.pin(&chains)?;
        }
        Ok(Soundness::Sound)
    }

    async fn read_manifests(&self, objects: Vec<ManifestObject>, report: &mut VerifyReport) -> Manifests {
        let repository = &self.context.repository;
        let read = futures::stream::iter(objects).map(|object| async {
            if let Some(link) = self.before_check(&object).await {
                return Err(link);
            }
            let bytes = repository.manifest_bytes(&object.key).await;
            Ok((object, bytes))
        });
        let mut manifests = Manifests::default();
        let mut read = read.buffer_unordered(MANIFESTS_AT_ONCE);
        while let Some(one) = read.next().await {
            let link = match one {
                Err(link) => {
                    manifests.beside.insert(link.object.key.clone());
                    link
                }
                Ok((object, Err(error))) => Link::unread(object, chain_of_causes(&error)),
                Ok((object, Ok(bytes))) => {
                    report.checked.manifests += 1;
                    self.progress(&object.key, bytes.len() as u64, report);
                    Link::read(repository, object, &bytes)
                }
            };
            manifests.links.push(link);
        }
        manifests
    }

    /// What a manifest says that is to be checked beside its document; none where it is to be checked first.
    async fn before_check(&self, object: &ManifestObject) -> Option<Link> {
        if self.order == Order::ManifestFirst || !self.request.scope.has(&object.key) {
            return None;
        }
        let repository = &self.context.repository;
        let beginning = repository.manifest_beginning(&object.key).await.ok()?;
        Link::before_check(repository, object, &beginning)
    }

    /// The keys of the fingerprints: derived, or opened.
    async fn check_keys(&self, snapshots: &[(String, ManifestSummary)], report: &mut VerifyReport) -> OpenedKeys {
        let summaries: Vec<_> = snapshots.iter().map(|(_, summary)| summary).collect();
        let identities = self.request.read.then_some(&self.context.identities);
        let mut keys = match keys::check(&self.context.repository, &summaries, identities).await {
            Ok((keys, noticed)) => {
                report.take(noticed);
                keys
            }
            Err(error) => {
                report.take([Noticed::unchecked("keys/", chain_of_causes(&error))]);
                OpenedKeys::new()
            }
        };
        if let Some(own) = self.own_fingerprint_key() {
            keys.insert(own.id().clone(), Arc::new(own));
        }
        keys
    }

    fn own_fingerprint_key(&self) -> Option<FingerprintKey> {
        let key = self.context.signing_key.as_ref()?;
        Some(key.fingerprint_key(&self.context.repository.id()))
    }

    /// Checks a document, and beside it its manifest, where its content is held against that.
    async fn check_document(
        &self,
        manifest_key: String,
        summary: ManifestSummary,
        keys: &OpenedKeys,
    ) -> CheckedDocument {
        let repository = &self.context.repository;
        if !self.request.read {
            let outcome = Ok(DataCheck::run(repository, summary, None).await);
            return CheckedDocument { manifest_key, outcome, manifest: None };
        }
        let (sender, entries) = channel();
        let fingerprints = keys.get(&summary.fingerprint_key).cloned();
        let content = ContentRequest { identities: self.context.identities.clone(), entries, fingerprints };
        let checking = DataCheck::run(repository, summary, Some(content));
        let walking = async {
            match self.order {
                Order::Beside => Ok(self.stream(&manifest_key, sender).await),
                Order::ManifestFirst => self.walk(&manifest_key, sender).await.map(Some),
            }
        };
        match futures::join!(walking, checking) {
            // Where it is no manifest, what was compared counts for nothing.
            (Ok(manifest), checked) => CheckedDocument { manifest_key, outcome: Ok(checked), manifest },
            (Err(noticed), _) => CheckedDocument { manifest_key, outcome: Err(noticed), manifest: None },
        }
    }

    /// Reads and checks a manifest, and hands over its entries, as they come. Nothing where it is not certainly one.
    async fn stream(&self, key: &str, entries: Sender<Vec<ParameterEntry>>) -> Option<WalkedManifest> {
        let mut batches = Batches::new(entries);
        self.context.repository.stream_manifest(key, move |entry| batches.push(entry)).await
    }

    /// Reads and checks a manifest whole, and hands over its entries.
    async fn walk(&self, key: &str, entries: Sender<Vec<ParameterEntry>>) -> Result<WalkedManifest, Noticed> {
        let stored = self.context.repository.manifest_bytes(key).await;
        let stored = stored.map_err(|error| Noticed::unchecked(key, chain_of_causes(&error)))?;
        let manifest = stored.clone();
        let mut batches = Batches::new(entries);
        let walking = spawn_blocking(move || Manifest::walk_measured(&manifest, |entry| batches.push(entry)));
        match walking.await {
            Ok(Ok((summary, digest))) => Ok(WalkedManifest { summary, digest, size: stored.len() as u64 }),
            Ok(Err(error)) => {
                Err(link::noticed(&error, key, &stored).unwrap_or_else(|| Noticed::unchecked(key, error.to_string())))
            }
            Err(_) => Err(Noticed::unchecked(key, "reading it was interrupted")),
        }
    }

    fn take_document(
        &self,
        checked: Result<DataCheck, Noticed>,
        others: &BTreeMap<Digest, String>,
        report: &mut VerifyReport,
    ) {
        let checked = match checked {
            Ok(checked) => checked,
            Err(noticed) => return report.take([noticed]),
        };
        report.checked.documents += u64::from(checked.stored.is_some());
        report.checked.opened += u64::from(checked.parameters.is_some());
        report.checked.parameters += checked.parameters.unwrap_or(0);
        self.progress(checked.key(), checked.stored.map_or(0, |stored| stored.size), report);
        report.take(checked.noticed(others));
    }

    /// Holds each chain together; gives the newest manifest of each whose end is right.
    fn check_chains(
        &self,
        links: Vec<Link>,
        removals: Vec<(String, Removal)>,
        report: &mut VerifyReport,
    ) -> Result<Vec<(Target, Pin)>, PinError> {
        let repository = &self.context.repository;
        let mut chains = BTreeMap::<String, Chain>::new();
        for link in links {
            let chain = chains.entry(link.object.chain.clone()).or_default();
            chain.links.insert(link.object.sequence, link);
        }
        for (key, removal) in removals {
            let chain = chains.entry(repository.chain_of(&removal.target)).or_default();
            chain.removed.insert(removal.sequence, (key, removal));
        }
        if let Some(pins) = &self.context.pins {
            for (target, pin) in pins.all(&repository.id())? {
                if self.request.filter.matches(&target) {
                    chains.entry(repository.chain_of(&target)).or_default().pin = Some(pin);
                }
            }
        }
        let mut heads = Vec::new();
        for (name, chain) in &chains {
            report.take(chain.check(name, &self.context.trusted));
            let Some((sequence, head)) = chain.links.last_key_value() else { continue };
            let Some(summary) = head.summary() else { continue };
            let target = summary.target.clone();
            let seen = chain.pin.as_ref().map(|pin| pin.sequence);
            report.chains.push(ChainView { target: target.clone(), sequence: *sequence, seen });
            let seen_at = self.context.clock.now();
            heads.extend(
                head.digest.map(|digest| (target, Pin { sequence: *sequence, digest, id: summary.id, seen_at })),
            );
        }
        Ok(heads)
    }

    /// Whether the repository's id is the one that it had.
    fn check_repository(&self, summaries: &[ManifestSummary], report: &mut VerifyReport) -> Result<(), PinError> {
        let repository = &self.context.repository;
        let changed = |message: String| Noticed::finding(FindingKind::Changed, "parados.json", None::<String>, message);
        if let (Some(own), Some(key)) = (self.own_fingerprint_key(), &self.context.signing_key) {
            let ours = TrustedSigners::from_iter([key.public_key()]);
            let strange =
                summaries.iter().find(|summary| ours.accept(&summary.signer) && summary.fingerprint_key != *own.id());
            if let Some(summary) = strange {
                report.take([changed(format!(
                    "the repository's id is another than when this machine's key signed snapshot {}",
                    summary.id
                ))]);
            }
        }
        if let Some(pins) = &self.context.pins
            && let Some(seen) = pins.repository_at(repository.location())?
            && seen != repository.id()
        {
            report.take([changed(format!(
                "this machine saw repository {seen} here, and it is {}; when that is meant, take its line out of {}",
                repository.id(),
                pins.places_file().display()
            ))]);
        }
        Ok(())
    }

    fn count_signers(&self, summaries: &[ManifestSummary], report: &mut VerifyReport) {
        let trusted = &self.context.trusted;
        let mut counts = BTreeMap::<&str, u64>::new();
        summaries.iter().for_each(|summary| *counts.entry(&summary.signer).or_default() += 1);
        report.signers = counts
            .into_iter()
            .map(|(signer, manifests)| {
                let trusted = !trusted.is_empty() && trusted.accept(signer);
                SignerView { signer: signer.to_owned(), trusted, manifests }
            })
            .collect();
        if trusted.is_empty() && !report.signers.is_empty() {
            report.notes.push("nobody is named as a trusted signer, so every signer was accepted".into());
        }
    }

    /// `latest.txt` proves nothing. What it says that is not so is worth a look all the same.
    async fn check_hint(&self, summaries: &[ManifestSummary], report: &mut VerifyReport) {
        let order = |summary: &&ManifestSummary| (summary.started_at, summary.sequence);
        let Some(newest) = summaries.iter().max_by_key(order) else { return };
        match self.context.repository.read_latest().await {
            Ok(Some(key)) if !summaries.iter().any(|summary| summary.document.key == key) => {
                report.notes.push("latest.txt names a data object that no manifest here names".into());
            }
            Ok(Some(key)) if key != newest.document.key => {
                report.notes.push(format!("latest.txt does not name the newest snapshot, {}", newest.id));
            }
            Ok(None) => report.notes.push("there is no latest.txt".into()),
            Ok(Some(_)) | Err(_) => {}
        }
    }

    /// Remembers what was seen.
    fn pin(&self, heads: &[(Target, Pin)]) -> Result<(), PinError> {
        let Some(pins) = &self.context.pins else { return Ok(()) };
        let repository = &self.context.repository;
        pins.note_repository(repository.location(), &repository.id())?;
        for (target, pin) in heads {
            pins.advance(&repository.id(), target, pin)?;
        }
        Ok(())
    }

    fn progress(&self, key: &str, bytes: u64, report: &mut VerifyReport) {
        report.checked.bytes += bytes;
        let objects = report.checked.manifests + report.checked.documents;
        self.observer.event(&Event::Checked { key: key.to_owned(), objects, bytes: report.checked.bytes });
    }
}

/// Hands entries over, some together; the last of them when it is dropped.
struct Batches {
    batch: Vec<ParameterEntry>,
    entries: Sender<Vec<ParameterEntry>>,
}

impl Batches {
    fn new(entries: Sender<Vec<ParameterEntry>>) -> Self {
        Self { batch: Vec::with_capacity(ENTRIES_AT_ONCE), entries }
    }

    fn push(&mut self, entry: ParameterEntry) {
        self.batch.push(entry);
        if self.batch.len() == ENTRIES_AT_ONCE {
            self.hand_over(Vec::with_capacity(ENTRIES_AT_ONCE));
        }
    }

    /// Whoever wants no more takes no more.
    fn hand_over(&mut self, next: Vec<ParameterEntry>) {
        self.entries.send(std::mem::replace(&mut self.batch, next)).ok();
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.hand_over(Vec::new());
    }
}
