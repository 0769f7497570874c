//! A small shop whose parameters are backed up: what several tests of the whole job begin with.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt as _;
use object_store::{ObjectStore, ObjectStoreExt as _};
use parados_backup::backup::{BackupContext, BackupRequest};
use parados_backup::document::{self, ParameterRecord};
use parados_backup::manifest::SnapshotId;
use parados_backup::repository::{Objects, Repository};
use parados_backup::seal::{Identities, Recipient, Sealer};
use parados_backup::signature::SigningKey;
use parados_backup::target::{StoreKind, Target};
use parados_parameter::clock::ManualClock;
use parados_parameter::decorator::metered::{CallMeter, Metered};
use parados_parameter::memory::{MemoryStore, MemoryStoreOptions};
use parados_parameter::{
    Clock as _, ParameterName, ParameterStore as _, ParameterType, PutRequest, Secret, Selector, SharedStore,
};

/// Everything in an object store, by key.
pub(crate) type Contents = std::collections::BTreeMap<String, Bytes>;

/// The repository's id, and the seed of the key that signs.
pub(crate) const REPOSITORY: [u8; 16] = [0x11; 16];
pub(crate) const SIGNING_SEED: [u8; 32] = [9; 32];

/// A store and its clock.
pub(crate) struct Shop {
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) clock: Arc<ManualClock>,
}

impl Shop {
    /// An empty one, at noon.
    pub(crate) fn new(options: MemoryStoreOptions) -> Self {
        let clock = Arc::new(ManualClock::at("2025-10-15T12:00:00Z".parse().unwrap()));
        Self { store: Arc::new(MemoryStore::with_options(clock.clone(), options)), clock }
    }

    /// Lets a second and a half go by, and puts.
    pub(crate) async fn put(&self, request: PutRequest) {
        self.clock.advance(Duration::from_millis(1500));
        self.store.put(&request).await.unwrap();
    }

    /// Puts the next version of a parameter, or its first.
    pub(crate) async fn put_value(&self, text: &str, parameter_type: ParameterType, value: &str) {
        let request = PutRequest::new(name(text), Secret::new(value));
        self.put(PutRequest { overwrite: true, parameter_type: Some(parameter_type), ..request }).await;
    }

    /// What a backup of `store`, this one or this one behind decorators, works with; sealed to `recipients`, and opened with
    /// the identities in `identity`.
    pub(crate) async fn context(
        &self,
        store: SharedStore,
        objects: Objects,
        recipients: &[Recipient],
        identity: Option<&Path>,
    ) -> BackupContext {
        let meter = Arc::new(CallMeter::default());
        let repository = Repository::open_or_begin(objects, REPOSITORY, self.clock.now()).await.unwrap();
        BackupContext {
            store: Arc::new(Metered::new(store, meter.clone())),
            meter,
            repository: Arc::new(repository),
            signing_key: signing_key(),
            sealer: (!recipients.is_empty()).then(|| Sealer::new(recipients.to_vec(), None).unwrap()),
            identities: Identities::load(identity.as_slice(), None).unwrap(),
            clock: self.clock.clone(),
            tool: "parados 0.1.0".into(),
        }
    }
}

pub(crate) fn signing_key() -> SigningKey {
    SigningKey::from_seed(&SIGNING_SEED, "parados test")
}

pub(crate) fn name(text: &str) -> ParameterName {
    ParameterName::parse(text).unwrap()
}

/// A backup of the shop's environment in AWS; its id is `number` eight times.
pub(crate) fn request(environment: &str, number: u8) -> BackupRequest {
    BackupRequest {
        target: Target {
            project: "shop".into(),
            environment: environment.into(),
            account: "123456789012".into(),
            region: "eu-west-1".into(),
            store: StoreKind::Aws,
        },
        purpose: None,
        selector: Selector::environment(environment),
        names: None,
        selector_text: format!("name contains /{environment}/"),
        id: SnapshotId::from_bytes([number; 8]),
        with_history: false,
        with_labels: true,
        full: false,
        dry_run: false,
    }
}

pub(crate) async fn contents(store: &dyn ObjectStore) -> Contents {
    let listed: Vec<_> = store.list(None).try_collect().await.unwrap();
    let mut contents = Contents::new();
    for meta in listed {
        let bytes = store.get(&meta.location).await.unwrap().bytes().await.unwrap();
        contents.insert(meta.location.into(), bytes);
    }
    contents
}

/// The records of a stored document, and the document itself.
pub(crate) fn open(
    stored: &[u8],
    sealed: bool,
    identities: &Identities,
) -> Result<(Vec<ParameterRecord>, Vec<u8>), String> {
    let mut content = Vec::new();
    let mut decoded = document::decode(stored, sealed, identities).map_err(|error| chain(&error))?;
    std::io::Read::read_to_end(&mut decoded, &mut content).map_err(|error| chain(&error))?;
    let (_, records) = crate::records::read_all(content.as_slice()).map_err(|error| chain(&error))?;
    Ok((records, content))
}

/// An error and what caused it, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(Some(error), |error| error.source());
    sources.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
