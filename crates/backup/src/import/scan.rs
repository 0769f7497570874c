//! Finds the old pipeline's documents and reads what each says of itself.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use bytes::Bytes;
use futures::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use object_store::path::Path;
use parados_parameter::ParameterName;
use schemars::JsonSchema;
use serde::Serialize;
use tokio::task::spawn_blocking;

use crate::document::{self, Digest, ParameterRecord};
use crate::report::chain;
use crate::repository::{Objects, RepositoryError};

/// Most bytes of a document.
const MAX_DOCUMENT_BYTES: u64 = 512 * 1024 * 1024;
/// How many documents are read at once.
const READS_AT_ONCE: usize = 4;

/// How documents are understood.
#[derive(Clone, Debug)]
pub struct ScanRequest {
    /// Only documents of this environment.
    pub environment: Option<String>,
    /// The account, where a document's ARNs do not say; where they do, what they have to say.
    pub account: Option<String>,
    /// The Region, likewise.
    pub region: Option<String>,
    /// The time zone of `backup_timestamp`: that of the machine that ran the old pipeline.
    pub time_zone: TimeZone,
}

/// A document of the old pipeline that was read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OldDocument {
    /// Its key, or its path in the folder.
    pub key: String,
    /// Of its bytes.
    pub digest: Digest,
    /// The environment that it says.
    pub environment: String,
    /// The account that its parameters are of.
    pub account: String,
    /// Their Region.
    pub region: String,
    /// When the backup began.
    pub started_at: Timestamp,
    /// How many parameters it holds.
    pub parameter_count: u64,
}

/// A file that bears the name of a document and cannot be taken over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RefusedDocument {
    /// Its key, or its path in the folder.
    pub key: String,
    /// Why not.
    pub reason: String,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan {
    /// Documents, by key.
    pub documents: Vec<OldDocument>,
    /// Those that cannot be taken over, by key.
    pub refused: Vec<RefusedDocument>,
    /// Documents that Parados wrote, which are snapshots' and no history to arrive with, by key.
    pub own: Vec<String>,
}

/// What a file turned out to be.
enum Found {
    Document(OldDocument),
    Refused(RefusedDocument),
    Own(String),
    OtherEnvironment,
}

/// Looks for documents at any depth: `ssm-backup-ENVIRONMENT-TIMESTAMP.json`, as the old pipeline named them. Whatever has another
/// name, `latest.txt` among it, is left out. Each is read to its end.
///
/// # Errors
/// Those of listing. One that cannot be read is among those refused.
pub async fn scan(source: &Objects, request: &ScanRequest) -> Result<Scan, RepositoryError> {
    // A name holds its environment too, so that a damaged document of another one is not in the way.
    let is_one = |key: &Path| {
        let name = key.filename().and_then(|name| name.strip_prefix("ssm-backup-")?.strip_suffix(".json"));
        let environment = name.and_then(|name| name.rsplit_once('-')).map(|(environment, _)| environment);
        name.is_some() && request.environment.as_deref().is_none_or(|wanted| environment == Some(wanted))
    };
    let mut keys: Vec<Path> = source.list(&Path::default()).map_ok(|meta| meta.location).try_collect().await?;
    keys.retain(is_one);
    keys.sort();
    let mut found =
        futures::stream::iter(keys.into_iter().map(|key| look(source, key.into(), request))).buffered(READS_AT_ONCE);
    let mut scan = Scan::default();
    while let Some(found) = found.next().await {
        match found {
            Found::Document(document) => scan.documents.push(document),
            Found::Refused(refused) => scan.refused.push(refused),
            Found::Own(key) => scan.own.push(key),
            Found::OtherEnvironment => {}
        }
    }
    Ok(scan)
}

/// Reads a document's bytes.
pub(super) async fn read(source: &Objects, key: &str) -> Result<Bytes, RepositoryError> {
    source.read(&Path::from(key), MAX_DOCUMENT_BYTES).await
}

async fn look(source: &Objects, key: String, request: &ScanRequest) -> Found {
    let refused = |reason: String| Found::Refused(RefusedDocument { key: key.clone(), reason });
    let bytes = match read(source, &key).await {
        Ok(bytes) => bytes,
        Err(error) => return refused(chain(&error)),
    };
    let (request, name) = (request.clone(), key.clone());
    match spawn_blocking(move || understand(&bytes, name, &request)).await {
        Ok(Ok(found)) => found,
        Ok(Err(reason)) => refused(reason),
        Err(_) => refused("reading it was interrupted".to_owned()),
    }
}

/// What the ARNs of a document say.
#[derive(Default)]
struct Places {
    accounts: BTreeSet<String>,
    regions: BTreeSet<String>,
    names: BTreeSet<ParameterName>,
    twice: Option<ParameterName>,
}

impl Places {
    fn take(&mut self, record: ParameterRecord) {
        // `arn:PARTITION:ssm:REGION:ACCOUNT:parameter/NAME`
        let parts: Vec<_> = record.arn.iter().flat_map(|arn| arn.splitn(6, ':')).collect();
        if let ["arn", _, "ssm", region, account, _] = parts.as_slice() {
            self.regions.insert((*region).to_owned());
            self.accounts.insert((*account).to_owned());
        }
        if let Some(name) = self.names.replace(record.name) {
            self.twice.get_or_insert(name);
        }
    }
}

/// Reads a document to its end. Blocks.
fn understand(bytes: &[u8], key: String, request: &ScanRequest) -> Result<Found, String> {
    let mut places = Places::default();
    let read = document::read(bytes, |record| {
        places.take(record);
        ControlFlow::Continue(())
    });
    let summary = read.map_err(|error| chain(&error))?;
    let header = summary.header;
    if header.format_version.is_some() {
        return Ok(Found::Own(key));
    }
    if request.environment.as_ref().is_some_and(|environment| *environment != header.environment) {
        return Ok(Found::OtherEnvironment);
    }
    if header.environment.is_empty() {
        return Err("it does not say of which environment it is".to_owned());
    }
    if summary.parameter_count == 0 {
        return Err(
            "it holds no parameter: the old pipeline wrote such a one when it could not read the store".to_owned()
        );
    }
    if let Some(name) = places.twice {
        return Err(format!("it holds {name} twice"));
    }
    let started_at = DateTime::strptime("%Y%m%d_%H%M%S", &header.backup_timestamp)
        .and_then(|time| request.time_zone.to_timestamp(time))
        .map_err(|_| "its backup_timestamp is not a time, as 20251015_120045".to_owned())?;
    Ok(Found::Document(OldDocument {
        digest: Digest::of(bytes),
        environment: header.environment,
        account: one_of("account", &places.accounts, request.account.as_deref())?,
        region: one_of("region", &places.regions, request.region.as_deref())?,
        started_at,
        parameter_count: summary.parameter_count,
        key,
    }))
}

/// The one that the ARNs say, or that was named.
fn one_of(what: &str, found: &BTreeSet<String>, named: Option<&str>) -> Result<String, String> {
    let mut found_ones = found.iter();
    match (found_ones.next(), found_ones.next(), named) {
        (Some(_), Some(_), _) => {
            let all: Vec<_> = found.iter().map(String::as_str).collect();
            Err(format!("its ARNs are of more than one {what}: {}", all.join(", ")))
        }
        (Some(one), None, Some(named)) if one != named => {
            Err(format!("its ARNs are of {what} {one}, and not of {named}"))
        }
        (Some(one), None, _) => Ok(one.clone()),
        (None, _, Some(named)) => Ok(named.to_owned()),
        (None, _, None) => Err(format!("it has no ARN that says the {what}: name it with --{what}")),
    }
}
